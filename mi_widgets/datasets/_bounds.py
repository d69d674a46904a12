"""The best precision any unbiased fit can reach on a synthetic map."""

import numpy as np
import xarray as xr

from mi_widgets.datasets._shapes import LINESHAPES, fwhm_factor, height_factor, line_derivatives
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
        ``amplitude_stderr``, ``center_stderr``, ``sigma_stderr``, ``fwhm_stderr``, ``height_stderr`` and, for
        pseudo-Voigt peaks, ``fraction_stderr`` with dims (y, x, peak); ``background_left_stderr`` and
        ``background_right_stderr`` (y, x). Units are those of the true parameters. A pixel whose parameters cannot
        be told apart is NaN.

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
    needed = ["expected", *(f"true_{name}" for name in names), "true_background_left"]
    missing = [name for name in needed if name not in ds]
    if missing:
        raise LabelError(f"cramer_rao_bound needs variable {missing[0]!r}. Pass what datasets.make_spectral_map gives.")
    expected = ds["expected"].transpose(..., "energy").values
    if not (expected > 0).all():
        raise DataError("cramer_rao_bound needs positive expected counts in every channel. Raise the background.")
    truth = {name: ds[f"true_{name}"].transpose(..., "peak").values for name in names}
    truth.setdefault("fraction", np.zeros_like(truth["center"]))
    axis = ds["energy"].values.astype(float)
    n_peaks, n = ds.sizes["peak"], len(names)
    covariance = np.empty((*expected.shape[:-1], n * n_peaks + 2, n * n_peaks + 2))
    for row in range(expected.shape[0]):  # row by row: the derivatives of a whole map would fill the memory
        covariance[row] = _covariance(axis, expected[row], lineshape, {k: v[row] for k, v in truth.items()})
    return _label(ds, covariance, names, lineshape, truth)


def _covariance(axis: np.ndarray, expected: np.ndarray, lineshape: str, truth: dict[str, np.ndarray]) -> np.ndarray:
    """Inverse Fisher matrices (x, parameter, parameter); parameters run peak by peak, then background."""
    columns: list[np.ndarray] = []
    order = ("amplitude", "center", "sigma", "fraction")
    for k in range(truth["center"].shape[-1]):
        columns += line_derivatives(axis, lineshape, *(truth[name][..., k, None] for name in order))
    t = np.broadcast_to((axis - axis.min()) / np.ptp(axis), expected.shape)
    jacobian = np.stack([*columns, 1 - t, t], axis=-2)
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
    ds: xr.Dataset, covariance: np.ndarray, names: tuple[str, ...], lineshape: str, truth: dict[str, np.ndarray]
) -> xr.Dataset:
    n, n_peaks = len(names), ds.sizes["peak"]
    error = np.sqrt(np.einsum("...ii->...i", covariance))
    values = {name: error[..., i : n * n_peaks : n] for i, name in enumerate(names)}
    values["fwhm"] = fwhm_factor(lineshape) * values["sigma"]
    values["height"] = _height_error(covariance, names, lineshape, truth)
    values["background_left"], values["background_right"] = error[..., -2], error[..., -1]
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


def _height_error(
    covariance: np.ndarray, names: tuple[str, ...], lineshape: str, truth: dict[str, np.ndarray]
) -> np.ndarray:
    """Error of height = factor(fraction) * amplitude / sigma, to first order."""
    factor = height_factor(lineshape, truth["fraction"])
    gradient = {
        "amplitude": factor / truth["sigma"],
        "center": np.zeros_like(factor),
        "sigma": -factor * truth["amplitude"] / truth["sigma"] ** 2,
        "fraction": (1 / np.pi - np.sqrt(np.log(2) / np.pi)) * truth["amplitude"] / truth["sigma"],
    }
    g = np.stack([gradient[name] for name in names], axis=-1)
    n = len(names)
    blocks = [covariance[..., k * n : (k + 1) * n, k * n : (k + 1) * n] for k in range(g.shape[-2])]
    return np.sqrt(np.einsum("...ki,...kij,...kj->...k", g, np.stack(blocks, axis=-3), g))
