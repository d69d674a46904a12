"""Coherence length from the gap about a vortex."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.methods.radial import radial_average
from mi_widgets.sts._check import origin, plane

__all__ = ["fit_vortex"]

STATUS = ("ok", "not_converged", "at_bound", "no_data")
NAMES = ("center_y", "center_x", "coherence_length", "gap_far")


def fit_vortex(
    gaps: xr.Dataset, *, center: tuple[float, float] | None = None, width: float | None = None
) -> xr.Dataset:
    r"""Fit the gap about one vortex, all pixels at once: where it is, how wide, and the gap far from it.

    .. math:: \Delta(r) = \Delta_0 \tanh(r / \xi)

    by least squares, weighted with the standard errors of the gaps. The profile over rings is made for the picture; it
    is not what is fitted, for a ring smears a steep curve.

    Parameters
    ----------
    gaps : xarray.Dataset
        Of `mi_widgets.sts.gap_map` over y and x, or of one's own: ``gap`` and, better, ``gap_stderr`` and ``status``.
        Pixels that did not converge are left out, and those whose gap itself stands at a bound.
    center : (float, float), optional
        Rough y and x of the vortex; by default where gaps are least over about a tenth of the map.
    width : float, optional
        Width of the rings of the profile; by default one pixel.

    Returns
    -------
    xarray.Dataset
        Without dims, each with ``<name>_stderr``: ``coherence_length`` :math:`\xi`, ``center_y``, ``center_x`` (unit of
        the positions), ``gap_far`` (unit of the gap); ``reduced_chi_squared`` (NaN without errors), ``n_pixels``,
        ``status`` (ok, not_converged, at_bound: wider than the map or narrower than a pixel). Over ``radius``:
        ``profile``, ``profile_stderr`` and ``curve``, unit of the gap.

    Raises
    ------
    LabelError
        No gap over y and x, or positions in different units.
    DataError
        Fewer than 20 pixels with a gap.

    Notes
    -----
    Errors are made larger where pixels scatter more about the curve than their errors say. The tanh is a model: what
    is called coherence length depends on it. A second vortex on the map pulls it away: cut it out first.

    Examples
    --------
    >>> from mi_widgets.datasets import make_gap_cube
    >>> from mi_widgets.sts import gap_map
    >>> ds = make_gap_cube((24, 24))
    >>> found = fit_vortex(gap_map(ds.conductance, temperature=1.5))
    >>> bool(abs(found.coherence_length / ds.true_coherence_length - 1) < 0.05)
    True
    """
    from scipy.optimize import least_squares

    who = "fit_vortex"
    if not isinstance(gaps, xr.Dataset) or "gap" not in gaps:
        raise LabelError(f"{who} needs a Dataset with 'gap', as sts.gap_map gives it; got {type(gaps).__name__}.")
    gap = gaps["gap"].transpose(*[d for d in ("y", "x") if d in gaps["gap"].dims], ...)
    y, x, units = plane(gap, who=who)
    values = np.asarray(gap.values, dtype=float)
    error, use = _errors(gaps, values)
    if use.sum() < 20:
        raise DataError(f"{who}: {int(use.sum())} pixels have a gap; 20 are needed at least.")
    yy, xx = np.meshgrid(y, x, indexing="ij")
    begin = _begin(gap, values, use, center, y, x)
    pixel = max(float(np.abs(np.diff(a)).mean()) for a in (y, x) if a.size > 1)
    reach = float(np.hypot(np.ptp(y), np.ptp(x)))

    def off(p: np.ndarray) -> np.ndarray:
        r = np.hypot(yy[use] - p[0], xx[use] - p[1])
        return (p[3] * np.tanh(r / p[2]) - values[use]) / error[use]

    low, high = [y.min(), x.min(), 0.1 * pixel, 0.0], [y.max(), x.max(), 2 * reach, np.inf]
    tries = [
        least_squares(off, np.clip([*begin, xi, float(np.percentile(values[use], 90))], low, high),
                      bounds=(low, high), x_scale=[pixel, pixel, pixel, float(np.abs(values[use]).max()) or 1.0])
        for xi in (2 * pixel, 0.1 * reach, 0.25 * reach)
    ]  # fmt: skip
    best = min(tries, key=lambda one: one.cost)
    known = "gap_stderr" in gaps
    chi = 2 * best.cost / max(int(use.sum()) - 4, 1)
    spread = np.sqrt(np.diag(np.linalg.pinv(best.jac.T @ best.jac)) * (max(chi, 1.0) if known else chi))
    bound = not 0.5 * pixel < best.x[2] < reach
    ds = _as_dataset(best.x, spread, units, str(gap.attrs.get("units", "meV")))
    ds["reduced_chi_squared"] = ((), chi if known else np.nan, {"units": "1", "long_name": "reduced chi squared"})
    ds["n_pixels"] = ((), int(use.sum()), {"units": "1", "long_name": "pixels used"})
    flags = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
    status = np.int8(2 if bound else 0 if best.success else 1)
    ds["status"] = ((), status, {"units": "1", "long_name": "status of the fit", **flags})
    ds = _with_profile(ds, gap.where(xr.DataArray(use, dims=("y", "x"))), best.x, width)
    ds.attrs = origin(who, "Vortex", {"center": None if center is None else list(center), "width": width}, gaps)
    return ds


def _errors(gaps: xr.Dataset, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors, and which pixels are used."""
    use = np.isfinite(values)
    if "status" in gaps:
        use &= np.isin(gaps["status"].transpose("y", "x").values, (0, 2))
    if "gap_stderr" not in gaps:
        return np.ones_like(values), use
    error = np.asarray(gaps["gap_stderr"].transpose("y", "x").values, dtype=float)
    use &= np.isfinite(error) & (error > 0)
    floor = 1e-3 * float(np.median(error[use])) if use.any() else 1.0
    return np.maximum(error, floor), use


def _begin(
    gap: xr.DataArray, values: np.ndarray, use: np.ndarray, center: Any, y: np.ndarray, x: np.ndarray
) -> tuple[float, float]:
    from scipy.ndimage import gaussian_filter

    if center is not None:
        return float(center[0]), float(center[1])
    filled = np.where(use, values, np.median(values[use]))
    smooth = gaussian_filter(filled, [0.05 * n for n in values.shape], mode="nearest")
    i, j = np.unravel_index(int(smooth.argmin()), gap.shape)
    return float(y[i]), float(x[j])


def _as_dataset(p: np.ndarray, spread: np.ndarray, length: str, energy: str) -> xr.Dataset:
    text = {"center_y": "y of the vortex", "center_x": "x of the vortex", "coherence_length": "coherence length ξ",
            "gap_far": "gap far from the vortex"}  # fmt: skip
    out: dict[str, Any] = {}
    for name, value, error in zip(NAMES, p, spread, strict=True):
        unit = energy if name == "gap_far" else length
        out[name] = ((), float(value), {"units": unit, "long_name": text[name]})
        out[f"{name}_stderr"] = ((), float(error), {"units": unit, "long_name": f"standard error of the {text[name]}"})
    return xr.Dataset(out)


def _with_profile(ds: xr.Dataset, gap: xr.DataArray, p: np.ndarray, width: float | None) -> xr.Dataset:
    rings = radial_average(gap, ("y", "x"), center=(float(p[0]), float(p[1])), width=width)
    attrs = {"units": str(gap.attrs.get("units", "meV"))}
    ds = ds.assign_coords(radius=rings["radius"].assign_attrs(long_name="distance from the vortex"))
    ds["profile"] = ("radius", rings["mean"].values, {**attrs, "long_name": "mean gap"})
    ds["profile_stderr"] = ("radius", rings["stderr"].values, {**attrs, "long_name": "standard error of the mean gap"})
    curve = p[3] * np.tanh(rings["radius"].values / p[2])
    ds["curve"] = ("radius", curve, {**attrs, "long_name": "fitted gap"})
    return ds
