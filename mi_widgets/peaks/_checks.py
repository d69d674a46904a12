"""From what the user gives to arrays: labels checked, orientation settled, noise and starts laid out."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import require_axis, require_numeric
from mi_widgets.peaks._model import Model

READ_BYTES = 64 * 2**20  # looked at at once when the whole map is scanned


@dataclass(frozen=True)
class Prepared:
    """Spectra as rows.

    Attributes
    ----------
    axis : numpy.ndarray, shape (n_channels,)
        Ascending.
    spectra : array, shape (n_spectra, n_channels)
        As stored: any number type, NumPy or dask, the axis perhaps descending.
    descending : bool
        The stored axis runs downwards.
    dims, shape, coords
        The map without the spectral dimension.
    axis_units, value_units : str
    """

    axis: np.ndarray
    spectra: Any
    descending: bool
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, xr.DataArray]
    axis_units: str
    value_units: str

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Spectra of `rows` as float64, axis ascending; what is infinite becomes NaN."""
        contiguous = rows.size > 1 and rows[-1] - rows[0] == rows.size - 1 and bool((np.diff(rows) == 1).all())
        block = self.spectra[rows[0] : rows[-1] + 1] if contiguous else self.spectra[rows]
        y = np.array(block, dtype=np.float64, order="C")
        y[~np.isfinite(y)] = np.nan
        return np.ascontiguousarray(y[:, ::-1]) if self.descending else y

    def blocks(self) -> list[np.ndarray]:
        """Rows of the whole map in pieces of bounded size."""
        size = max(1, READ_BYTES // (8 * self.axis.size))
        return [np.arange(i, min(i + size, len(self.spectra))) for i in range(0, len(self.spectra), size)]


def prepare(da: xr.DataArray, dim: str, model: Model) -> Prepared:
    """Check the labels of `da` and lay its spectra out as rows."""
    who = "fit_peaks"
    if not isinstance(da, xr.DataArray):
        raise DataError(
            f"{who} needs an xarray.DataArray; got {type(da).__name__}. Take one variable of a Dataset, ds['spectra'], "
            "or label NumPy arrays: mi_widgets.labels.label_spectra(values, energy)."
        )
    require_numeric(da, who=who)
    axis = require_axis(da, dim, who=who)
    if "peak" in da.dims:
        raise LabelError(f"{who}: 'peak' is the dimension of the result. Rename yours: da.rename(peak='part').")
    need = model.n_parameters + 1
    if axis.size < need:
        kinds = " and ".join(dict.fromkeys(model.lineshapes))
        raise DataError(
            f"{who}: {model.n_peaks} {kinds} peak(s) on a {model.background} background have "
            f"{model.n_parameters} parameters and need at least {need} channels; dimension {dim!r} has {axis.size}. "
            "Take a wider window, fewer peaks or a simpler background."
        )
    da = da.transpose(..., dim)
    dims = tuple(str(d) for d in da.dims[:-1])
    shape = tuple(int(n) for n in da.shape[:-1])
    if 0 in shape:
        raise DataError(f"{who}: the map is empty, its dims are {dict(zip(dims, shape, strict=True))}.")
    descending = bool(axis[0] > axis[-1])
    return Prepared(
        axis=np.ascontiguousarray(axis[::-1] if descending else axis),
        spectra=da.data.reshape(-1, axis.size),
        descending=descending,
        dims=dims,
        shape=shape,
        coords={str(k): v for k, v in da.coords.items() if dim not in v.dims},
        axis_units=str(da[dim].attrs["units"]),
        value_units=str(da.attrs.get("units", "1") or "1"),
    )


def likelihood_of(likelihood: str, noise: Any, prepared: Prepared) -> bool:
    """Whether to use the Poisson likelihood; it falls back, with a warning, where counts are negative."""
    if likelihood not in ("poisson", "gaussian"):
        raise ParameterError(f"unknown likelihood {likelihood!r}; write 'poisson' or 'gaussian'.")
    if likelihood == "gaussian":
        return False
    if noise is not None:
        raise ParameterError(
            "noise belongs to the gaussian likelihood; counts have their own. Write likelihood='gaussian'."
        )
    if np.dtype(prepared.spectra.dtype).kind in "bu":
        return True
    negative = sum(int((prepared.spectra[rows[0] : rows[-1] + 1] < 0).any(axis=1).sum()) for rows in prepared.blocks())
    if negative:
        warnings.warn(
            f"{negative} of {len(prepared.spectra)} spectra have values below zero, which are no counts: the gaussian "
            "likelihood is used for all. Write likelihood='gaussian' to say so, or give the raw counts.",
            MIWidgetsWarning,
            stacklevel=4,
        )
    return not negative


def rises(prepared: Prepared) -> bool:
    """Whether the spectra of the map, taken together, are higher at the high end of the axis than at the low end."""
    sample = np.unique(np.linspace(0, len(prepared.spectra) - 1, 256).astype(int))
    mean = np.nan_to_num(prepared.read(sample)).mean(axis=0)
    edge = max(1, mean.size // 20)
    return bool(np.median(mean[-edge:]) >= np.median(mean[:edge]))


def noise_weights(
    noise: float | str | xr.DataArray | None, prepared: Prepared, *, poisson: bool
) -> tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], bool]:
    """Function that gives 1/variance of some spectra, and whether the noise is unknown."""
    if poisson:
        one = np.ones((1, 1))
        return lambda _rows, _y: one, False
    if noise is None:
        return lambda _rows, y: 1 / _difference_noise(y)[:, None] ** 2, True
    if isinstance(noise, str):
        if noise != "poisson":
            raise ParameterError(f"unknown noise {noise!r}; write 'poisson', a number, or a DataArray.")
        return lambda _rows, y: 1 / np.maximum(np.where(np.isfinite(y), y, 1.0), 1.0), False
    if isinstance(noise, xr.DataArray):
        return _array_weights(noise, prepared), False
    sigma = float(noise)
    if not (np.isfinite(sigma) and sigma > 0):
        raise ParameterError(f"noise must be a standard deviation above zero; got {noise!r}.")
    weight = np.full((1, 1), 1 / sigma**2)
    return lambda _rows, _y: weight, False


def _array_weights(noise: xr.DataArray, prepared: Prepared) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    spectral = [str(d) for d in noise.dims if d not in prepared.dims]
    sizes = dict(zip(prepared.dims, prepared.shape, strict=True))
    if len(spectral) > 1 or any(noise.sizes[d] != sizes[str(d)] for d in noise.dims if d in sizes):
        raise LabelError(f"noise must have dims of the data; it has {dict(noise.sizes)}, the map has {sizes}.")
    if spectral and noise.sizes[spectral[0]] != prepared.axis.size:
        raise LabelError(f"noise has {noise.sizes[spectral[0]]} channels, the data have {prepared.axis.size}.")
    if not bool((noise > 0).all()):
        raise ParameterError(
            "noise must be standard deviations above zero everywhere; use da.where(mask) to drop data."
        )
    full = noise.expand_dims({d: n for d, n in sizes.items() if d not in noise.dims})
    rows_of = full.transpose(*prepared.dims, ...).values.reshape(int(np.prod(prepared.shape)), -1)

    def weights(rows: np.ndarray, _y: np.ndarray) -> np.ndarray:
        sigma = np.asarray(rows_of[rows], dtype=float)
        return np.ascontiguousarray(1 / (sigma[:, ::-1] if prepared.descending else sigma) ** 2)

    return weights


def _difference_noise(y: np.ndarray) -> np.ndarray:
    """Standard deviation of white noise from differences of neighbouring channels, robust against peaks and spikes."""
    step = np.abs(np.diff(y, axis=1))
    gap = np.isnan(step)
    if gap.any():
        step = np.where(gap, np.nan, step)
        empty = gap.all(axis=1)
        step[empty] = 1.0
        sigma, mean = np.nanmedian(step, axis=1), np.nanmean(step, axis=1)
    else:
        sigma, mean = np.median(step, axis=1), step.mean(axis=1)
    sigma = 1.0484 * np.where(sigma > 0, sigma, mean)  # 1.4826 / sqrt(2)
    size = np.nanmax(np.abs(y), axis=1, initial=0.0)
    return np.asarray(np.maximum(np.maximum(sigma, 1e-6 * size), 1e-150))


def starting_values(
    start: xr.Dataset | Mapping[str, Any] | None, model: Model, prepared: Prepared
) -> tuple[np.ndarray | None, bool]:
    """Starting values given by the user as rows with NaN where nothing is given, and whether they order the peaks."""
    if start is None:
        return None, False
    names = (*model.peak_names, *model.background_names)
    if isinstance(start, xr.Dataset):
        items: Mapping[str, Any] = {n: start[n] for n in names if n in start}
        missing = [n for n in model.peak_names if n not in items]
        if missing:
            raise ParameterError(f"start: the Dataset lacks {missing[0]!r}; give a result of fit_peaks.")
    else:
        items = start
    rows = np.full((int(np.prod(prepared.shape, dtype=np.int64)), model.n_parameters), np.nan)
    whole_map = False
    for name, value in items.items():
        if name not in names:
            raise ParameterError(f"start: unknown parameter {name!r}; this model has {', '.join(names)}.")
        laid_out, per_pixel = _lay_out(name, value, model, prepared)
        rows[:, model.columns(name)] = laid_out
        whole_map |= per_pixel
    return (rows if whole_map else rows[:1]), True


def _lay_out(name: str, value: Any, model: Model, prepared: Prepared) -> tuple[np.ndarray, bool]:
    """Values of one parameter, one column for each peak that has it."""
    of_peaks = name in model.peak_names
    n = model.n_peaks if of_peaks else 1
    having = model.having(name) if of_peaks else [0]
    if isinstance(value, xr.DataArray):
        sizes = dict(zip(prepared.dims, prepared.shape, strict=True)) | ({"peak": n} if of_peaks else {})
        if any(d not in sizes or value.sizes[d] != sizes[str(d)] for d in value.dims):
            raise ParameterError(f"start[{name!r}] has {dict(value.sizes)}; it must fit {sizes}.")
        full = value.expand_dims({d: s for d, s in sizes.items() if d not in value.dims}).transpose(*sizes)
        return np.asarray(full.values, dtype=float).reshape(-1, n)[:, having], True
    array = np.asarray(value, dtype=float)
    if array.ndim > 1 or (array.ndim == 1 and array.size != n):
        raise ParameterError(f"start[{name!r}] must be a number, or one for each of {n} peaks; got {value!r}.")
    return np.broadcast_to(array, (n,))[having], False
