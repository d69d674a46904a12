"""The best precision any unbiased fit can reach on a synthetic map."""

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from mi_widgets.datasets._shapes import (
    BACKGROUNDS,
    LINESHAPES,
    expected_counts,
    fwhm,
    height,
    line_derivatives,
)
from mi_widgets.errors import DataError, LabelError

__all__ = ["cramer_rao_bound"]


def cramer_rao_bound(ds: xr.Dataset) -> xr.Dataset:
    r"""Smallest standard error that an unbiased fit with all parameters free can have, for every pixel.

    The Fisher matrix of Poisson counts with mean :math:`\lambda_i(\theta)` is
    :math:`F_{jk} = \sum_i \lambda_i^{-1}\, \partial_j\lambda_i\, \partial_k\lambda_i`; the bound is the square root
    of the diagonal of :math:`F^{-1}` [1]_. It holds for unbiased estimates away from bounds; at few counts a fit
    with bounds can scatter less.

    Parameters
    ----------
    ds : xarray.Dataset
        What `make_spectral_map` gives: dims (y, x, energy, peak), variables ``expected`` and ``true_*``.

    Returns
    -------
    xarray.Dataset
        ``amplitude_stderr``, ``center_stderr``, ``sigma_stderr``, ``fwhm_stderr``, ``height_stderr`` and what else the
        peaks have, such as ``fraction_stderr``, with dims (y, x, peak); ``background_left_stderr`` and
        ``background_right_stderr``, or those of another background, (y, x). Tougaard's C and D are taken as known.
        Units are those of the true parameters. A pixel whose parameters cannot be told apart is NaN.

    Raises
    ------
    LabelError
        A variable of `make_spectral_map` is missing.
    DataError
        The expected counts are not positive.

    References
    ----------
    .. [1] H. Cramer, Mathematical Methods of Statistics (Princeton, 1946), section 32.3

    Examples
    --------
    >>> from mi_widgets.datasets import make_spectral_map
    >>> bound = cramer_rao_bound(make_spectral_map(shape=(2, 2), counts=1000))
    >>> bool((bound.center_stderr < 0.05).all())
    True
    """
    lineshape = str(ds.attrs.get("lineshape", "pseudo-voigt"))
    names = LINESHAPES.get(lineshape, LINESHAPES["pseudo-voigt"])
    background = str(ds.attrs.get("background", "linear"))
    ground = BACKGROUNDS.get(background, BACKGROUNDS["linear"])
    needed = ["expected", *(f"true_{name}" for name in (*names, *ground))]
    missing = [name for name in needed if name not in ds]
    if missing:
        raise LabelError(f"cramer_rao_bound needs variable {missing[0]!r}. Pass what datasets.make_spectral_map gives.")
    expected = ds["expected"].transpose(..., "energy").values
    if not (expected > 0).all():
        raise DataError("cramer_rao_bound needs positive expected counts in every channel. Raise the background.")
    truth = {name: ds[f"true_{name}"].transpose(..., "peak").values for name in names}
    truth |= {name: ds[f"true_{name}"].values for name in ground}
    axis = ds["energy"].values.astype(float)
    free = ground[:2]
    size = len(names) * ds.sizes["peak"] + len(free)
    covariance = np.empty((*expected.shape[:-1], size, size))
    for row in range(expected.shape[0]):  # row by row: the derivatives of a whole map would fill the memory
        here = {k: v[row] for k, v in truth.items()}
        if background == "linear" and lineshape in _SYMMETRIC:
            jacobian = _derivatives(axis, lineshape, here)
        else:
            jacobian = _differences(axis, lineshape, background, here, free)
        covariance[row] = _covariance(jacobian, expected[row])
    return _label(ds, covariance, names, free, lineshape, truth)


_SYMMETRIC = ("pseudo-voigt", "gaussian", "lorentzian")


def _derivatives(axis: np.ndarray, lineshape: str, truth: dict[str, np.ndarray]) -> np.ndarray:
    """Derivatives of the expected counts (x, parameter, channel); peak by peak, then background."""
    columns: list[np.ndarray] = []
    for k in range(truth["center"].shape[-1]):
        columns += line_derivatives(axis, lineshape, {n: truth[n][..., k, None] for n in LINESHAPES[lineshape]})
    t = np.broadcast_to((axis - axis.min()) / np.ptp(axis), columns[0].shape)
    return np.stack([*columns, 1 - t, t], axis=-2)


def _differences(
    axis: np.ndarray, lineshape: str, background: str, truth: dict[str, np.ndarray], ground: tuple[str, ...]
) -> np.ndarray:
    """The same by finite differences, for any shape and background."""
    n_peaks = truth["center"].shape[-1]
    which = [(name, k) for k in range(n_peaks) for name in LINESHAPES[lineshape]] + [(name, None) for name in ground]
    columns = []
    for name, k in which:
        step = _step(name, truth)
        ends = []
        for sign in (1, -1):
            moved = truth[name].copy()
            moved[... if k is None else (..., k)] += sign * step
            ends.append(expected_counts(axis, truth | {name: moved}, lineshape, background))
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=-2)


def _step(name: str, truth: dict[str, np.ndarray]) -> float:
    """Small against what the counts depend on: widths, sizes, or one."""
    if name in ("center", "sigma", "gaussian_sigma"):
        return 1e-4 * float(truth["sigma"].min())
    return 1e-4 * (1.0 if name in ("fraction", "asymmetry", "gamma") else float(np.abs(truth[name]).max()))


def _covariance(jacobian: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Inverse Fisher matrices (x, parameter, parameter)."""
    fisher = (jacobian / expected[..., None, :]) @ np.swapaxes(jacobian, -1, -2)
    # scaled to a unit diagonal: areas and positions differ by many powers of ten
    diagonal = np.sqrt(np.einsum("...ii->...i", fisher))
    scale = diagonal[..., :, None] * diagonal[..., None, :]
    try:
        inverse = np.linalg.inv(fisher / scale) / scale
    except np.linalg.LinAlgError:
        return np.full(fisher.shape, np.nan)
    return np.where((np.einsum("...ii->...i", inverse) > 0).all(-1)[..., None, None], inverse, np.nan)


def _label(
    ds: xr.Dataset,
    covariance: np.ndarray,
    names: tuple[str, ...],
    ground: tuple[str, ...],
    lineshape: str,
    truth: dict[str, np.ndarray],
) -> xr.Dataset:
    n, n_peaks = len(names), ds.sizes["peak"]
    error = np.sqrt(np.einsum("...ii->...i", covariance))
    values = {name: error[..., i : n * n_peaks : n] for i, name in enumerate(names)}
    for name, function in (("fwhm", fwhm), ("height", height)):
        values[name] = _derived_error(function, covariance, names, lineshape, truth)
    values |= {name: error[..., n * n_peaks + i] for i, name in enumerate(ground)}
    out = xr.Dataset(coords={name: ds[name] for name in ("y", "x", "peak")})
    for name, value in values.items():
        attrs = ds[f"true_{name}"].attrs
        text = str(attrs["long_name"]).removeprefix("true ")
        out[f"{name}_stderr"] = (
            ("y", "x", "peak")[: value.ndim],
            value,
            {"units": attrs["units"], "long_name": f"Cramer-Rao bound of {text}"},
        )
    out.attrs = {"title": f"Cramer-Rao bound: {ds.attrs.get('title', '')}", "source": "mi_widgets"}
    return out


def _derived_error(
    function: Callable[[str, Mapping[str, np.ndarray]], np.ndarray],
    covariance: np.ndarray,
    names: tuple[str, ...],
    lineshape: str,
    truth: dict[str, np.ndarray],
) -> np.ndarray:
    """Error of a function of one peak's parameters, to first order."""
    own = {name: truth[name] for name in names}
    slopes = []
    for name in names:
        step = _step(name, own)
        up, down = (function(lineshape, own | {name: own[name] + s}) for s in (step, -step))
        slopes.append((up - down) / (2 * step))
    g, n = np.stack(slopes, axis=-1), len(names)
    blocks = [covariance[..., k * n : (k + 1) * n, k * n : (k + 1) * n] for k in range(g.shape[-2])]
    return np.sqrt(np.einsum("...ki,...kij,...kj->...k", g, np.stack(blocks, axis=-3), g))
