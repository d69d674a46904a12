"""Radii of the rings in a q image."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.methods.radial import radial_average
from mi_widgets.qpi._check import whole

__all__ = ["evaluate_rings", "fit_rings", "radial_profile"]

STATUS = ("ok", "not_converged", "at_bound", "no_data")


def radial_profile(amplitude: xr.DataArray, *, width: float | None = None) -> xr.Dataset:
    """Average the amplitude of a q image over rings about q = 0.

    Parameters
    ----------
    amplitude : xarray.DataArray
        ``amplitude`` over qy and qx, and any others, such as penalty; of `mi_widgets.qpi.fit_lasso` or
        `mi_widgets.qpi.fourier_transform`.
    width : float, optional
        Width of a ring (1/nm); by default half the step of the q grid.

    Returns
    -------
    xarray.Dataset
        ``mean``, ``stderr`` and ``n_points`` over the other dims and ``q`` (1/nm), as
        `mi_widgets.methods.radial.radial_average` gives them.

    Raises
    ------
    LabelError
        The array has no qy and qx.
    ParameterError
        `width` is not above zero.

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> from mi_widgets.qpi import fourier_transform
    >>> found = fourier_transform(make_interference_map((90, 180), width=50.0).conductance, n_q=64)
    >>> profile = radial_profile(found.amplitude)["mean"]
    >>> round(float(profile.sel(q=slice(2, None)).idxmax()), 1)
    3.2
    """
    if not isinstance(amplitude, xr.DataArray) or not {"qy", "qx"} <= set(amplitude.dims):
        came = amplitude.dims if isinstance(amplitude, xr.DataArray) else type(amplitude).__name__
        raise LabelError(f"radial_profile needs the variable amplitude over qy and qx; got {came}.")
    q = np.abs(np.asarray(amplitude["qx"].values, dtype=float))
    out = radial_average(
        amplitude, ("qy", "qx"), width=float(q.min()) if width is None else width, largest=float(q.max()), name="q"
    )
    out["q"].attrs = {"units": str(amplitude["qx"].attrs["units"]), "long_name": "|q| = 2k"}
    return out


def fit_rings(
    profile: xr.DataArray, n_rings: int = 2, *, start: Sequence[float] | None = None, q_min: float | None = None
) -> xr.Dataset:
    r"""Fit a Gaussian for each ring and a constant to a radial profile.

    .. math:: I(q) = c + \sum_i a_i \exp\!\left(-\frac{(q - \mu_i)^2}{2 \sigma_i^2}\right)

    by least squares from several beginnings, of which the best is kept.

    Parameters
    ----------
    profile : xarray.DataArray
        ``mean`` of `radial_profile`: one profile over ``q``.
    n_rings : int
        Number of rings.
    start : sequence of float, optional
        Rough radii (1/nm), where the choice is not to be left to the profile.
    q_min : float, optional
        Smaller q are left out, where drift and large areas show (1/nm); by default six steps.

    Returns
    -------
    xarray.Dataset
        Over ``ring``, the smallest radius first, each with its standard error ``<name>_stderr``: ``position`` (1/nm),
        ``sigma`` (1/nm), ``height`` (unit of the profile), ``ratio`` (1), the height over the background. Without dims:
        ``background`` (at least zero), ``rms`` of the residual, ``status``. And ``contrast`` (ring), 1: (ring - rest)
        / (ring + rest), of the mean profile within one sigma of the ring and farther than three from any; it has no
        bound to cross where the background goes to zero, as it does for the LASSO.
        ``ratio`` is reckoned with at least ``background_floor``, the larger of the standard error of the background and
        0.1 % of the highest ring: a background that is nothing would make it infinite. ``ratio_is_limit`` (ring) is 1
        where the floor was used; the ratio is then a lower limit.

    Raises
    ------
    LabelError
        The profile has other dims than ``q``, or q is not in 1/nm.
    DataError
        Fewer than three finite points more than parameters. A profile of zeros or without any finite point gives
        NaN and the status no_data.
    ParameterError
        A number is out of range.

    Notes
    -----
    Standard errors are those of the least squares alone, with the scatter about the curve for noise. Bins of the
    profile are not independent and rings are no Gaussians: repeat with other pixels to see how far a radius moves.

    Examples
    --------
    >>> q = np.arange(0.05, 5, 0.08)
    >>> I = np.exp(-((q - 1.2) ** 2) / 0.02) + 2 * np.exp(-((q - 3.2) ** 2) / 0.02) + 0.1
    >>> profile = xr.DataArray(I, {"q": ("q", q, {"units": "1/nm"})}, ("q",), attrs={"units": "nS"})
    >>> fit_rings(profile).position.values.round(3)
    array([1.2, 3.2])
    """
    q, values, step = _points(profile, q_min)
    n = whole("n_rings", n_rings, who="fit_rings", most=6)
    units = str(profile.attrs.get("units", "1"))
    if not np.any(values):  # a picture without waves, or one that was not found
        nothing = np.full(3 * n + 1, np.nan)
        return _as_dataset(nothing, nothing, 3, np.nan, np.nan, units, q, values)
    if q.size < 3 * n + 4:
        raise DataError(f"fit_rings: {q.size} points are too few for {n} rings; {3 * n + 4} are needed. Write a "
                        "smaller width= in radial_profile, or fewer rings.")  # fmt: skip
    scale = float(np.abs(values).max())
    p, error, status = _best(q, values / scale, n, step, start)
    order = np.argsort(p[1:-1:3])
    p[:-1], error[:-1] = (v[:-1].reshape(n, 3)[order].ravel() for v in (p, error))
    size = np.tile([scale, 1.0, 1.0], n)
    p, error = p * np.append(size, scale), error * np.append(size, scale)
    rms = float(np.sqrt(np.square(values - _curve(q, p)).mean()))
    floor = max(float(np.nan_to_num(error[-1])), 1e-3 * float(p[:-1:3].max()))
    return _as_dataset(p, error, status, rms, floor, units, q, values)


def evaluate_rings(fit: xr.Dataset, q: xr.DataArray) -> xr.DataArray:
    """Curve of a fit of `fit_rings`.

    Parameters
    ----------
    fit : xarray.Dataset
        Of `fit_rings`.
    q : xarray.DataArray
        Where (1/nm).

    Returns
    -------
    xarray.DataArray
        The curve over ``q``, in the unit of the profile.

    Examples
    --------
    >>> q = xr.DataArray(np.arange(0.05, 5, 0.08), dims="q", attrs={"units": "1/nm"})
    >>> profile = (np.exp(-((q - 1.2) ** 2) / 0.02) + 0.1).assign_coords(q=q)
    >>> round(float(evaluate_rings(fit_rings(profile, 1), q).max()), 2)
    1.06
    """
    height, place, sigma = (fit[name] for name in ("height", "position", "sigma"))
    out = (height * np.exp(-((q - place) ** 2) / (2 * sigma**2))).sum("ring") + fit["background"]
    out.attrs = {"units": str(fit["height"].attrs.get("units", "1")), "long_name": "rings"}
    return out.assign_coords(q=q).rename("rings")


def _points(profile: Any, q_min: float | None) -> tuple[np.ndarray, np.ndarray, float]:
    if not isinstance(profile, xr.DataArray) or profile.dims != ("q",):
        came = profile.dims if isinstance(profile, xr.DataArray) else type(profile).__name__
        raise LabelError(f"fit_rings needs one profile over q, radial_profile(amplitude)['mean']; got {came}.")
    units = str(profile["q"].attrs.get("units", "1/nm"))
    if units != "1/nm":
        raise LabelError(
            f"fit_rings: q must be in 1/nm; got {units!r}. Convert it, profile.assign_coords(q=10 * profile.q) from "
            "1/angstrom, and set profile['q'].attrs['units'] = '1/nm'."
        )
    q, values = np.asarray(profile["q"].values, float), np.asarray(profile.values, float)
    step = float(np.median(np.diff(q))) if q.size > 1 else 1.0
    low = 6 * step if q_min is None else float(q_min)
    use = np.isfinite(values) & (q >= low)
    return q[use], values[use], step


def _curve(q: np.ndarray, p: np.ndarray) -> np.ndarray:
    a, mu, sigma = p[:-1].reshape(-1, 3).T[:, :, None]
    return (a * np.exp(-((q - mu) ** 2) / (2 * sigma**2))).sum(axis=0) + p[-1]


def _jacobian(q: np.ndarray, p: np.ndarray) -> np.ndarray:
    out = np.ones((q.size, p.size))
    for k in range(0, p.size - 1, 3):
        a, mu, sigma = p[k : k + 3]
        apart = (q - mu) / sigma
        g = np.exp(-(apart**2) / 2)
        out[:, k], out[:, k + 1], out[:, k + 2] = g, a * g * apart / sigma, a * g * apart**2 / sigma
    return out


def _best(
    q: np.ndarray, values: np.ndarray, n: int, step: float, start: Sequence[float] | None
) -> tuple[np.ndarray, np.ndarray, int]:
    from scipy.optimize import least_squares

    low = np.append(np.tile([0.0, q[0], 0.4 * step], n), 0.0)
    high = np.append(np.tile([10.0, q[-1], (q[-1] - q[0]) / 4], n), 2.0)
    tries = [
        _guess(q, values, places, width)
        for places in _beginnings(q, values, n, start)
        for width in (step, 3 * step, 9 * step)
    ]
    best = None
    for _, guess in sorted(tries, key=lambda one: one[0])[:3]:
        p = np.clip(guess, low + 1e-9, high - 1e-9)
        try:
            found = least_squares(
                lambda p: _curve(q, p) - values, p, lambda p: _jacobian(q, p), bounds=(low, high), x_scale="jac",
                max_nfev=200,
            )  # fmt: skip
        except (ValueError, np.linalg.LinAlgError):  # a beginning that leads nowhere
            continue
        if best is None or found.cost < best.cost:
            best = found
    if best is None:
        return np.full(3 * n + 1, np.nan), np.full(3 * n + 1, np.nan), 1
    free = (best.x > low + 1e-7) & (best.x < high - 1e-7)
    error = np.full(best.x.size, np.nan)
    J = _jacobian(q, best.x)[:, free]
    covariance = np.linalg.pinv(J.T @ J) * (2 * best.cost / max(q.size - free.sum(), 1))
    error[free] = np.sqrt(np.maximum(np.diag(covariance), 0))
    if not free[-1]:
        error[-1] = 0.0  # held at zero
    at_bound = not free[:-1].all()
    return best.x, error, 1 if best.status == 0 else 2 if at_bound else 0


def _guess(q: np.ndarray, values: np.ndarray, places: Sequence[float], width: float) -> tuple[float, np.ndarray]:
    """Heights and background of rings at given places, and what is left over."""
    from scipy.optimize import nnls

    shapes = [np.exp(-((q - mu) ** 2) / (2 * width**2)) for mu in places]
    level, left = nnls(np.stack([*shapes, np.ones(q.size)], axis=1), values)
    return left, np.array([v for a, mu in zip(level[:-1], places, strict=True) for v in (a, mu, width)] + [level[-1]])


def _beginnings(q: np.ndarray, values: np.ndarray, n: int, start: Sequence[float] | None) -> list[tuple[float, ...]]:
    """Radii to begin with: those given, or all choices among the highest maxima of the smoothed profile."""
    if start is not None:
        given = tuple(float(v) for v in start)
        if len(given) != n or not all(q[0] <= v <= q[-1] for v in given):
            raise ParameterError(f"fit_rings: start must hold {n} radii from {q[0]:.3g} to {q[-1]:.3g}; got {start!r}.")
        return [given]
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    smooth = gaussian_filter1d(values, 1.5, mode="nearest")
    padded = np.concatenate([[-np.inf], smooth, [-np.inf]])
    peaks, about = find_peaks(padded, prominence=0)
    order = np.argsort(about["prominences"])[::-1][: n + 3]
    places = sorted(float(q[i]) for i in peaks[order] - 1)
    while len(places) < n:
        places.append(float(q[0] + (q[-1] - q[0]) * (len(places) + 1) / (n + 1)))
    return list(itertools.combinations(places, n))


def _as_dataset(
    p: np.ndarray, error: np.ndarray, status: int, rms: float, floor: float, units: str, q: np.ndarray,
    values: np.ndarray,
) -> xr.Dataset:  # fmt: skip
    rings, errors = p[:-1].reshape(-1, 3), error[:-1].reshape(-1, 3)
    out: dict[str, Any] = {}

    def add(name: str, dims: tuple[str, ...], value: Any, unit: str, text: str, spread: Any = None) -> None:
        out[name] = (dims, value, {"units": unit, "long_name": text})
        if spread is not None:
            out[f"{name}_stderr"] = (dims, spread, {"units": unit, "long_name": f"standard error of the {text}"})

    r = ("ring",)
    add("position", r, rings[:, 1], "1/nm", "radius of the ring", errors[:, 1])
    add("sigma", r, rings[:, 2], "1/nm", "width (sigma) of the ring", errors[:, 2])
    add("height", r, rings[:, 0], units, "height of the ring", errors[:, 0])
    level, c_error = max(float(p[-1]), floor) if np.isfinite(floor) else np.nan, float(error[-1])
    ratio = rings[:, 0] / level
    spread = ratio * np.hypot(errors[:, 0] / np.maximum(rings[:, 0], 1e-300), c_error / level)
    add("ratio", r, ratio, "1", "height of the ring over the background", spread)
    limit = np.full(len(rings), int(np.isfinite(floor) and p[-1] < floor), dtype=np.int8)
    add("ratio_is_limit", r, limit, "1", "1 where the ratio is a lower limit")
    add("contrast", r, _contrast(q, values, rings), "1", "contrast of the ring")
    add("background", (), float(p[-1]), units, "background", c_error)
    add("background_floor", (), floor, units, "least background of the ratio")
    add("rms", (), rms, units, "root mean square of the residual")
    add("status", (), np.int8(status), "1", "status of the fit")
    out["status"][2].update(flag_values=list(range(len(STATUS))), flag_meanings=" ".join(STATUS))
    coords = {"ring": ("ring", np.arange(len(rings)), {"units": "1", "long_name": "ring"})}
    return xr.Dataset(out, coords, {"title": "Rings of a q image"})


def _contrast(q: np.ndarray, values: np.ndarray, rings: np.ndarray) -> np.ndarray:
    """Ring against the rest, from the profile itself."""
    far = np.ones(q.size, dtype=bool)
    for _, mu, sigma in rings:
        far &= ~(np.abs(q - mu) <= 3 * sigma)
    rest = float(values[far].mean()) if far.any() else np.nan
    out = []
    for _, mu, sigma in rings:
        near = np.abs(q - mu) <= sigma
        near |= np.abs(q - mu) == np.abs(q - mu).min()  # a ring narrower than a bin
        ring = float(values[near].mean()) if near.any() else np.nan
        out.append((ring - rest) / (ring + rest) if ring + rest > 0 else np.nan)
    return np.array(out)
