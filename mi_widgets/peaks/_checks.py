"""From what the user gives to arrays: labels checked, orientation settled, noise and starts laid out."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from scipy import ndimage

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import require_axis, require_numeric
from mi_widgets.peaks._model import Model

STATISTICS = ("deviance", "reduced_deviance", "dof", "bic", "n_iter", "status")  # of every fit, beside its parameters
LEAST_PAIRS, MOST_EQUAL = 10, 0.05  # neighbours in the brighter half, and how many of these may be equal
BESIDE = 2
STRAY = 0.1  # channels above a ceiling, of those at it: cosmic rays
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
    mask : numpy.ndarray of bool or None
        Channels to leave out, as stored, shape ``(n_spectra or 1, n_channels)``.
    spikes : callable or None
        Finds channels hit by cosmic rays, to be left out as well.
    ceiling : float
        The value that the detector cannot exceed; channels there are left out.
    saturated : numpy.ndarray of bool or None
        Spectra that reach it, shape ``(n_spectra,)``.
    """

    axis: np.ndarray
    spectra: Any
    descending: bool
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, xr.DataArray]
    axis_units: str
    value_units: str
    mask: np.ndarray | None = None
    spikes: Callable[[np.ndarray], np.ndarray] | None = None
    ceiling: float = np.inf
    saturated: np.ndarray | None = None

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Spectra of `rows` as float64, axis ascending; what is infinite or left out becomes NaN."""
        contiguous = rows.size > 1 and rows[-1] - rows[0] == rows.size - 1 and bool((np.diff(rows) == 1).all())
        block = self.spectra[rows[0] : rows[-1] + 1] if contiguous else self.spectra[rows]
        y = np.array(block, dtype=np.float64, order="C")
        if np.isfinite(self.ceiling):
            # with those beside it: of channels near the ceiling only those that happen to count low would be left
            y[ndimage.binary_dilation(y >= self.ceiling, np.ones((1, 2 * BESIDE + 1)))] = np.nan
        y[~np.isfinite(y)] = np.nan
        if self.mask is not None:
            y[np.broadcast_to(self.mask if len(self.mask) == 1 else self.mask[rows], y.shape)] = np.nan
        if self.spikes is not None:
            y[self.spikes(y)] = np.nan
        return np.ascontiguousarray(y[:, ::-1]) if self.descending else y

    def blocks(self) -> list[np.ndarray]:
        """Rows of the whole map in pieces of bounded size."""
        size = max(1, READ_BYTES // (8 * self.axis.size))
        return [np.arange(i, min(i + size, len(self.spectra))) for i in range(0, len(self.spectra), size)]


def prepare(
    da: xr.DataArray,
    dim: str,
    model: Model,
    *,
    mask: xr.DataArray | None = None,
    spikes: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Prepared:
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
    taken = [
        str(c) for c in (*da.dims, *da.coords) if c != dim and str(c).removesuffix("_stderr") in _results_of(model)
    ]
    if taken:
        raise LabelError(
            f"{who}: {taken[0]!r} is the name of a result. Rename yours: da.rename({{{taken[0]!r}: 'my_{taken[0]}'}})."
        )
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
    prepared = Prepared(
        axis=np.ascontiguousarray(axis[::-1] if descending else axis),
        spectra=da.data.reshape(-1, axis.size),
        descending=descending,
        dims=dims,
        shape=shape,
        coords={str(k): _plain(v) for k, v in da.coords.items() if dim not in v.dims},
        axis_units=str(da[dim].attrs["units"]),
        value_units=str(da.attrs.get("units", "1") or "1"),
        mask=None if mask is None else lay_out_mask(mask, da, dim),
        spikes=spikes,
    )
    return with_ceiling(prepared)


def with_ceiling(prepared: Prepared) -> Prepared:
    """The same, with what the detector cannot exceed, where the spectra show it."""
    ceiling = find_ceiling(prepared)
    if np.isinf(ceiling):
        return prepared
    high = [((block >= ceiling) & ~masked).any(axis=1) for block, masked in _looks(prepared)]
    return replace(prepared, ceiling=ceiling, saturated=np.concatenate(high))


def _looks(prepared: Prepared) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Spectra in pieces, and which of their channels are masked."""
    for rows in prepared.blocks():
        block = np.asarray(prepared.spectra[rows[0] : rows[-1] + 1])
        masked = np.zeros((1, 1), dtype=bool)
        if prepared.mask is not None:
            masked = prepared.mask if len(prepared.mask) == 1 else prepared.mask[rows]
        yield block, np.broadcast_to(masked, block.shape)


def find_ceiling(prepared: Prepared) -> float:
    """What the detector cannot exceed: the most its integers hold, or a value at which peaks are flat.

    Tops of three equal channels are flat by chance where channels seldom differ: at few counts, in spectra without
    noise, or filled up from fewer channels. Then nothing is concluded.
    """
    if not isinstance(prepared.spectra, np.ndarray):  # chunks are looked at one by one, when they are read
        return np.inf
    kind, flat = prepared.spectra.dtype, -np.inf
    for block, masked in _looks(prepared):
        if kind.kind in "ui" and ((block == np.iinfo(kind).max) & ~masked).any():
            return float(np.iinfo(kind).max)
        same = (block[:, 1:] == block[:, :-1]) & np.isfinite(block[:, 1:]) & ~(masked[:, 1:] | masked[:, :-1])
        runs = same[:, 1:] & same[:, :-1]
        if runs.any():
            flat = max(flat, float(block[:, 1:-1][runs].max()))
    if not np.isfinite(flat) or flat <= 0:
        return np.inf
    at = above = pairs = equal = 0
    for block, masked in _looks(prepared):
        at += int(((block == flat) & ~masked).sum())
        above += int(((block > flat) & ~masked).sum())
        bright = (block[:, 1:] >= flat / 2) & (block[:, 1:] < flat) & ~masked[:, 1:]
        pairs += int(bright.sum())
        equal += int((bright & (block[:, 1:] == block[:, :-1])).sum())
    seldom = pairs >= LEAST_PAIRS and equal <= MOST_EQUAL * pairs
    return flat if seldom and above <= STRAY * at and _stands_out(prepared, flat) else np.inf


def _stands_out(prepared: Prepared, flat: float) -> bool:
    """Whether a value is met far oftener than any other of the brighter half, as the steps of a rounding are not."""
    rows = np.unique(np.linspace(0, len(prepared.spectra) - 1, 4096).astype(int))
    y = np.asarray(prepared.spectra[rows])
    values, counts = np.unique(y[(y >= flat / 2) & (y <= flat)], return_counts=True)
    others = counts[values < flat]
    return bool(counts[values == flat].sum() > 3 * others.max(initial=0))


def _plain(coordinate: xr.DataArray) -> xr.DataArray:
    """A coordinate with those of its attributes that a file takes: text, numbers, lists."""
    out = coordinate.copy(deep=False)
    out.attrs = {
        k: v for k, v in coordinate.attrs.items() if isinstance(v, str | int | float | list) and not isinstance(v, bool)
    }
    return out


def _results_of(model: Model) -> tuple[str, ...]:
    return (*model.peak_names, *model.background_names, "peak", "fwhm", "height", *STATISTICS)


def lay_out_mask(mask: xr.DataArray, da: xr.DataArray, dim: str) -> np.ndarray:
    """Mask of some of the dims of the data as rows."""
    if not isinstance(mask, xr.DataArray) or mask.dtype != bool:
        raise DataError(
            "mask must be a DataArray of bool, True where a channel is to be left out; got "
            f"{getattr(mask, 'dtype', type(mask).__name__)}. Write mask=da > limit, or mask=mask.astype(bool)."
        )
    if any(d not in da.dims or mask.sizes[d] != da.sizes[d] for d in mask.dims) or dim not in mask.dims:
        raise LabelError(
            f"mask has {dict(mask.sizes)}; it needs {dim!r}, and may have other dims of the data {dict(da.sizes)}."
        )
    for d in mask.dims:
        require_same_labels("mask", mask, str(d), da.coords.get(d))
    if mask.ndim == 1:
        return np.asarray(mask.values)[None]
    full = mask.drop_vars(list(mask.coords)).expand_dims({d: n for d, n in da.sizes.items() if d not in mask.dims})
    return np.asarray(full.transpose(..., *da.dims).values).reshape(-1, da.sizes[dim])


def require_same_labels(what: str, given: xr.DataArray, dim: str, labels: Any) -> None:
    """Raise where an array that goes with the data has other labels, or has them in another order."""
    if labels is None or dim not in given.coords:
        return
    mine, theirs = np.asarray(labels), np.asarray(given[dim].values)
    same = np.array_equal(mine, theirs)
    if not same and mine.shape == theirs.shape and mine.dtype.kind in "iuf" and theirs.dtype.kind in "iuf":
        step = np.abs(np.diff(mine)).min(initial=np.inf)  # labels that went through a file in single precision
        same = bool((np.abs(mine - theirs) <= 0.01 * min(step, 1e300)).all())
    if not same:
        raise LabelError(
            f"{what} has other labels along {dim!r} than the data, or has them in another order. "
            f"Write {what}.reindex_like(da, method='nearest'), or drop its labels: {what}.drop_vars({dim!r})."
        )


def likelihood_of(likelihood: str, noise: Any, prepared: Prepared) -> bool:
    """Whether to use the Poisson likelihood; it falls back, with a warning, where counts are negative."""
    if likelihood not in ("poisson", "gaussian"):
        raise ParameterError(f"unknown likelihood {likelihood!r}; write 'poisson' or 'gaussian'.")
    if likelihood == "gaussian":
        return False
    known = isinstance(noise, Mapping) or (isinstance(noise, str) and noise in ("auto", "poisson"))
    if noise is not None and not known:
        raise ParameterError(
            "this noise belongs to the gaussian likelihood; counts have their own. Write likelihood='gaussian', or "
            "noise='auto', or {'gain': 0.23}, for counts of a detector with a gain."
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


def starting_values(
    start: xr.Dataset | Mapping[str, Any] | None, model: Model, prepared: Prepared
) -> tuple[np.ndarray | None, bool]:
    """Starting values given by the user as rows with NaN where nothing is given, and whether they order the peaks."""
    if start is None:
        return None, False
    names = (*model.peak_names, *model.background_names)
    if not isinstance(start, Mapping):
        raise ParameterError(
            f"start must be a result of fit_peaks or a dict such as {{'center': [284.5, 286.1]}}; got {start!r}."
        )
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
        for d in value.dims:
            require_same_labels(f"start[{name!r}]", value, str(d), prepared.coords.get(str(d)))
        value = value.drop_vars(list(value.coords))
        full = value.expand_dims({d: s for d, s in sizes.items() if d not in value.dims}).transpose(*sizes)
        return np.asarray(full.values, dtype=float).reshape(-1, n)[:, having], True
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(
            f"start[{name!r}] must be a number, or one for each of {n} peaks; got {value!r}."
        ) from None
    if array.ndim > 1 or (array.ndim == 1 and array.size != n):
        raise ParameterError(f"start[{name!r}] must be a number, or one for each of {n} peaks; got {value!r}.")
    return np.broadcast_to(array, (n,))[having], False
