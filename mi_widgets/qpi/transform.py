"""From sampled pixels to the q plane, by the conventional sum and by the LASSO, and back."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.methods.threads import one_thread
from mi_widgets.qpi._check import Pixels, check_map, check_pixels, lengths, number, origin, whole
from mi_widgets.qpi._operator import PlaneWaves, full_plane
from mi_widgets.qpi._solvers import SOLVERS, largest_penalty

__all__ = ["fit_lasso", "fourier_transform", "reconstruct_map"]

STATUS = ("ok", "not_converged")


@one_thread
def fourier_transform(
    da: xr.DataArray, sampled: xr.DataArray | None = None, *, q_max: float = 5.0, n_q: int = 128
) -> xr.Dataset:
    r"""Transform the sampled pixels of a map in the conventional way: sums of value times cosine and sine.

    .. math:: a_q = \frac{2}{M} \sum_r y_r \cos(q \cdot r), \quad b_q = \frac{2}{M} \sum_r y_r \sin(q \cdot r)

    over the M sampled pixels, their mean taken off. This is no fit: pixels that were not measured count as zero, and
    spread every wave over the whole plane.

    Parameters
    ----------
    da : xarray.DataArray
        Map over y and x with lengths along both; values in any unit. Pixels without a finite value are not sampled.
    sampled : xarray.DataArray, optional
        Which pixels are measured, bool over y and x; by default all.
    q_max : float
        Largest component of q = 2k along either axis (1/nm).
    n_q : int
        Points of the q grid along either axis, even.

    Returns
    -------
    xarray.Dataset
        ``amplitude`` (qy, qx), square root of the sum of the squares of ``cosine`` (even) and ``sine`` (odd), each
        (qy, qx), in the unit of `da`; coordinates qy and qx in 1/nm. Phases are those from the middle of the map.

    Raises
    ------
    LabelError
        Dims or units do not fit.
    DataError
        Fewer than 100 sampled pixels have a value, or all have the same.
    ParameterError
        `q_max` is beyond what the pixels resolve, or `n_q` is not even.

    Warns
    -----
    MIWidgetsWarning
        The q grid is finer than the sampled area resolves, 2 pi over its longer side.

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> da = make_interference_map((60, 120), width=33.0).conductance
    >>> fourier_transform(da, n_q=32).amplitude.dims
    ('qy', 'qx')
    """
    pixels = check_pixels(da, sampled, q_max, n_q, who="fourier_transform")
    warn_if_too_fine(pixels, "fourier_transform")
    ds = plane_variables(conventional(pixels, pixels.waves())[None], pixels).isel(step=0)
    ds.attrs = origin("fourier_transform", "Transform of the sampled pixels", settings(pixels), da) | sampling_attrs(
        pixels
    )
    return ds


@one_thread
def fit_lasso(
    da: xr.DataArray,
    sampled: xr.DataArray | None = None,
    *,
    penalty: float | Sequence[float] | None = None,
    n_penalties: int = 10,
    smallest: float = 0.08,
    solver: str = "fista",
    q_max: float = 5.0,
    n_q: int = 128,
    max_iter: int = 500,
    tolerance: float = 1e-4,
) -> xr.Dataset:
    r"""Find the few waves that explain the sampled pixels of a map.

    .. math:: \min_{a, b}\; \frac{1}{2M} \sum_r \Big[y_r - \sum_{q_y > 0} a_q \cos(q \cdot r) + b_q \sin(q \cdot r)
              \Big]^2 + \lambda \sum_q |a_q| + |b_q|

    solved by FISTA with adaptive restart or by approximate message passing; each penalty starts where the last ended.

    Parameters
    ----------
    da, sampled, q_max, n_q
        As for `fourier_transform`.
    penalty : float or sequence of float, optional
        Penalties :math:`\lambda` in the unit of `da`, above zero; by default a path of `n_penalties`, evenly spaced in
        the logarithm, from the one that leaves no wave to `smallest` times that.
    n_penalties : int
        Length of the path.
    smallest : float
        End of the path, relative to its beginning.
    solver : {"fista", "amp"}
        AMP is quicker and holds for pixels chosen at random; it may fail for others, which ``status`` tells.
    max_iter : int
        Iterations for each penalty.
    tolerance : float
        Relative change of the coefficients in one iteration at which they are taken as found.

    Returns
    -------
    xarray.Dataset
        Over ``penalty`` (largest first, unit of `da`): ``amplitude``, ``cosine`` and ``sine`` (penalty, qy, qx) as of
        `fourier_transform`; ``n_active`` (penalty), coefficients that are not zero; ``n_iter`` (penalty); ``status``
        (penalty): ok or not_converged. What has not converged is NaN for ``"amp"`` and the last iterate for
        ``"fista"``.

    Raises
    ------
    LabelError, DataError
        As `fourier_transform`.
    ParameterError
        As `fourier_transform`, or a penalty, number or solver is out of range.

    Warns
    -----
    MIWidgetsWarning
        As `fourier_transform`.

    Notes
    -----
    The LASSO shrinks what it keeps: amplitudes are too small by up to 2 lambda.

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> da = make_interference_map((60, 120), width=33.0).conductance
    >>> few = fit_lasso(da, penalty=[0.1, 0.05], n_q=32)
    >>> bool(few.n_active[0] < few.n_active[1])
    True
    """
    who = "fit_lasso"
    if solver not in SOLVERS:
        raise ParameterError(f"{who}: there is no solver {solver!r}; write 'fista' or 'amp'.")
    whole("max_iter", max_iter, who=who)
    number("tolerance", tolerance, who=who)
    pixels = check_pixels(da, sampled, q_max, n_q, who=who)
    warn_if_too_fine(pixels, who)
    waves = pixels.waves()
    path = penalty_path(waves, pixels.values, penalty, n_penalties, smallest, who=who)
    norm = waves.norm() if solver == "fista" else None
    found, state, start = [], [], None
    for value in path:
        one = SOLVERS[solver](
            waves, pixels.values, value, start=start, norm=norm, max_iter=max_iter, tolerance=tolerance
        )
        usable = one.converged or solver == "fista"
        start = one.coefficients if usable else None
        found.append(one.coefficients if usable else np.full(waves.shape, np.nan))
        state.append((np.count_nonzero(one.coefficients) if usable else 0, one.n_iter, 0 if one.converged else 1))
    ds = plane_variables(np.stack(found), pixels).rename(step="penalty")
    ds = add_path(ds, path, np.array(state), pixels.units)
    used = {"solver": solver, "penalty": path.tolist(), "max_iter": max_iter, "tolerance": tolerance}
    ds.attrs = origin(who, "Waves found by the LASSO", settings(pixels) | used, da) | sampling_attrs(pixels)
    return ds


def reconstruct_map(found: xr.Dataset, like: xr.DataArray) -> xr.DataArray:
    """Map of the waves that were found, at the pixels of another map.

    Parameters
    ----------
    found : xarray.Dataset
        Of `fit_lasso` or `fourier_transform`: ``cosine`` and ``sine`` over qy, qx and, it may be, penalty.
    like : xarray.DataArray
        Map whose positions are used.

    Returns
    -------
    xarray.DataArray
        ``reconstruction`` (penalty, y, x), or (y, x) of one, in the unit of the waves, the mean of the sampled pixels
        added again.

    Raises
    ------
    LabelError
        `found` has no waves, or `like` no map.

    Notes
    -----
    Of `fourier_transform`, which is no fit, the sum is no map unless all pixels and no more waves than these were used.

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> ds = make_interference_map((60, 120), width=33.0)
    >>> again = reconstruct_map(fit_lasso(ds.conductance, penalty=0.1, n_q=64).isel(penalty=0), ds.conductance)
    >>> bool(xr.corr(again, ds.true_signal) > 0.6)
    True
    """
    who = "reconstruct_map"
    if not isinstance(found, xr.Dataset) or not {"cosine", "sine"} <= set(found.data_vars):
        raise LabelError(f"{who} needs a result of qpi.fit_lasso or qpi.analyze; got {type(found).__name__}.")
    like = check_map(like, who=who)
    y, x = lengths(like)
    center = (found.attrs["center_y"], found.attrs["center_x"])
    q = np.asarray(found["qy"].values, dtype=float)
    waves = PlaneWaves(y - center[0], x - center[1], q, np.ones(like.shape, dtype=bool))
    both = [found[name].transpose(..., "qy", "qx") for name in ("cosine", "sine")]
    other = both[0].dims[:-2]
    parts = [np.asarray(part.values).reshape(-1, q.size, q.size)[:, q.size // 2 :] for part in both]
    maps = np.stack([waves.forward(np.stack(pair)).reshape(like.shape) for pair in zip(*parts, strict=True)])
    values = maps.reshape(*both[0].shape[:-2], *like.shape) + float(found.attrs["mean"])
    coords = {**{d: like[d] for d in ("y", "x")}, **{str(d): found[d] for d in other if d in found.coords}}
    attrs = {"units": str(found["cosine"].attrs["units"]), "long_name": "map of the waves found"}
    return xr.DataArray(values, coords, (*other, "y", "x"), name="reconstruction", attrs=attrs)


# ---- parts that the other verbs use


def conventional(pixels: Pixels, waves: PlaneWaves) -> np.ndarray:
    """Coefficients of the conventional transform."""
    return waves.transpose(pixels.values) * (2 / waves.n_pixels)


def penalty_path(
    waves: PlaneWaves, y: np.ndarray, penalty: Any, n_penalties: Any, smallest: Any, *, who: str
) -> np.ndarray:
    """Penalties, the largest first."""
    if penalty is None:
        n = whole("n_penalties", n_penalties, who=who, least=2, most=200)
        end = number("smallest", smallest, who=who)
        if end >= 1:
            raise ParameterError(f"{who}: smallest must be below 1, the begin of the path; got {smallest!r}.")
        return largest_penalty(waves, y) * (1 + 1e-9) * np.geomspace(1.0, end, n)
    try:
        path = np.atleast_1d(np.asarray(penalty, dtype=float))
    except (TypeError, ValueError):
        path = np.array([np.nan])
    if path.ndim != 1 or not path.size or not (np.isfinite(path) & (path > 0)).all():
        raise ParameterError(f"{who}: penalty must be a number above zero or several; got {penalty!r}.")
    if np.unique(path).size < path.size:
        raise ParameterError(f"{who}: penalties must differ from each other; got {penalty!r}.")
    return np.sort(path)[::-1]


def plane_variables(coefficients: np.ndarray, pixels: Pixels) -> xr.Dataset:
    """Amplitude, cosine and sine over (step, qy, qx)."""
    cosine, sine = (np.stack(part) for part in zip(*(full_plane(c) for c in coefficients), strict=True))
    value, wave = {"units": pixels.units}, {"units": "1/nm"}
    dims = ("step", "qy", "qx")
    return xr.Dataset(
        {
            "amplitude": (dims, np.hypot(cosine, sine), {**value, "long_name": "amplitude of the wave"}),
            "cosine": (dims, cosine, {**value, "long_name": "coefficient of the cosine"}),
            "sine": (dims, sine, {**value, "long_name": "coefficient of the sine"}),
        },
        coords={d: (d, pixels.q, {**wave, "long_name": f"q{d[1]} = 2k{d[1]}"}) for d in ("qy", "qx")},
    )


def add_path(ds: xr.Dataset, path: np.ndarray, state: np.ndarray, units: str) -> xr.Dataset:
    """Penalties, and what became of each."""
    flags = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
    one = {"units": "1"}
    ds = ds.assign_coords(penalty=("penalty", path, {"units": units, "long_name": "penalty λ"}))
    ds["n_active"] = ("penalty", state[:, 0].astype(np.int64), {**one, "long_name": "coefficients that are not zero"})
    ds["n_iter"] = ("penalty", state[:, 1].astype(np.int64), {**one, "long_name": "iterations"})
    ds["status"] = ("penalty", state[:, 2].astype(np.int8), {**one, "long_name": "status of the fit", **flags})
    return ds


def settings(pixels: Pixels) -> dict[str, Any]:
    """Parameters that every verb has."""
    return {"n_pixels": int(pixels.mask.sum()), "q_max": float(-pixels.q[0] * pixels.q.size / (pixels.q.size - 1)),
            "n_q": int(pixels.q.size)}  # fmt: skip


def sampling_attrs(pixels: Pixels) -> dict[str, Any]:
    """What `reconstruct_map` needs, and what is known of the sampling."""
    return {
        "n_pixels": int(pixels.mask.sum()),
        "mean": pixels.mean,
        "center_y": pixels.center[0],
        "center_x": pixels.center[1],
        "resolution": resolution(pixels),
    }


def resolution(pixels: Pixels) -> float:
    """2 pi over the longer side of the sampled area (1/nm)."""
    sides = [float(np.ptp(axis[pixels.mask.any(axis=k)])) for axis, k in ((pixels.y, 1), (pixels.x, 0))]
    return 2 * np.pi / max(*sides, 1e-300)


def warn_if_too_fine(pixels: Pixels, who: str) -> None:
    """Warn where neighbouring q cannot be told apart by the area."""
    step, limit = float(pixels.q[1] - pixels.q[0]), resolution(pixels)
    if step < 0.5 * limit:
        n = max(int(2 * round(pixels.q.size * step / limit / 2)), 8)
        warnings.warn(
            f"{who}: the q grid has steps of {step:.3g} 1/nm; the sampled area resolves {limit:.3g} (2 pi over its "
            f"longer side), so neighbouring q share one wave. Write n_q={n}, or sample a larger area.",
            MIWidgetsWarning,
            stacklevel=4,
        )
