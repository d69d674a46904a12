"""Axes of grains in space: mixtures of Watson components, and which of them the data support."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import require_numeric
from mi_widgets.methods.selection import criterion_weights, information_criteria
from mi_widgets.orientation._candidates import Candidate, named
from mi_widgets.orientation._check import FEWEST, whole
from mi_widgets.orientation._dataset import GRAINS_PER_PARAMETER, STATUS, attributes, status_attrs
from mi_widgets.orientation._watson import AxisMixture, fit_axis_mixture, log_density, log_parts, mean_square
from mi_widgets.orientation.evidence import seed_of

__all__ = ["select_axes"]

#: Highest concentration by default: axes within about 0.6 degree.
LARGEST = 1e4


def select_axes(
    directions: xr.DataArray,
    *,
    candidates: Sequence[str] | None = None,
    max_components: int = 2,
    largest: float = LARGEST,
    n_starts: int = 16,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Fit mixtures of Watson components to axes in space, and say which of them the data support.

    .. math:: p(x) = \sum_k \frac{w_k}{4\pi M(\kappa_k)} e^{\kappa_k(\mu_k\cdot x)^2} + \frac{w_0}{4\pi},
        \qquad M(\kappa) = {}_1F_1(\tfrac12, \tfrac32, \kappa)

    by expectation maximisation from several starts. A positive concentration is a cluster about the axis
    :math:`\mu`, a negative one a girdle: axes in the plane across it.

    Parameters
    ----------
    directions : xarray.DataArray
        (grain, axis) with three components: x east, y north, z up. Lengths do not matter, nor which end of an axis is
        given; NaN and zero vectors are left out with a warning.
    candidates : sequence of str, optional
        ``"uniform"``, ``"1"``, ``"1+u"`` …, as in `select_orientation`.
    max_components : int
        Most components of the default candidates.
    largest : float
        Highest size of a concentration.
    n_starts : int
        Starts of the search.
    seed : int, numpy.random.Generator or None
        Of the starts.

    Returns
    -------
    xarray.Dataset
        Over ``candidate``, ``component`` (heaviest first) and ``grain``:

        - ``mean_direction`` (…, axis), 1, pointing down, and the same as ``trend``, degree from north clockwise, and
          ``plunge``, degree below the horizontal; ``direction_stderr``, degree: mean of the two across the axis
        - ``concentration``, ``weight`` with ``_stderr`` (from the scores of the grains); ``uniform_weight``
        - ``log_likelihood`` (of x in sr), ``n_parameters``, ``aic``, ``aicc``, ``bic``, ``delta_bic``, ``delta_aic``,
          ``bic_weight``, ``aic_weight``
        - ``member`` (candidate, grain), ``member_probability``; ``status`` (candidate): as in `fit_orientation`
        - attribute ``chosen``: the candidate of the lowest BIC

    Raises
    ------
    LabelError
        Not the dims ``grain`` and ``axis`` (x, y, z).
    DataError
        Too few axes, or all the same.
    ParameterError
        An option is unknown or out of range.

    Warns
    -----
    MIWidgetsWarning
        Some axes are missing.

    References
    ----------
    Watson 1965, doi:10.1093/biomet/52.1-2.193; Sra and Karp 2013, doi:10.1016/j.jmva.2012.08.010.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientation_axes
    >>> found = select_axes(make_orientation_axes(800, seed=0).direction)
    >>> found.attrs["chosen"]
    '2+u'
    """
    who = "select_axes"
    chosen = named(candidates, whole("max_components", max_components, 1, 8, who=who), who=who)
    if candidates is None:
        chosen.append(Candidate(max_components, True))
    n_starts = whole("n_starts", n_starts, 1, 1000, who=who)
    if isinstance(largest, bool | str) or not 1 <= largest <= 1e8:
        raise ParameterError(f"{who}: largest must be a concentration from 1 to 1e8; got {largest!r}.")
    x, use = _unit_vectors(directions, who)
    key = seed_of(seed, who=who)
    fits: list[AxisMixture | None] = []
    for c in chosen:
        if len(x) < GRAINS_PER_PARAMETER * _free(c):
            fits.append(None)
            continue
        inside = [f for other, f in zip(chosen, fits, strict=False) if f is not None and c.contains(other)]
        rng = np.random.default_rng([key, c.n_components, int(c.uniform)])
        fits.append(
            fit_axis_mixture(x, c.n_components, c.uniform, rng, largest=largest, n_starts=n_starts, nested=inside)
        )
    ds = _dataset(chosen, fits, x, use, directions, largest)
    parameters = {
        "candidates": [c.name for c in chosen], "largest": largest, "n_starts": n_starts, "seed": key,
    }  # fmt: skip
    attrs = attributes(who, "Mixtures of axes compared", parameters, directions)
    return ds.assign_attrs(attrs | {"references": "Watson 1965, doi:10.1093/biomet/52.1-2.193"})


def _free(candidate: Candidate) -> int:
    k = candidate.n_components
    return 3 * k + max(k + int(candidate.uniform) - 1, 0)


def _unit_vectors(directions: Any, who: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of the axes that can be used, and which grains they are of."""
    if not isinstance(directions, xr.DataArray) or set(directions.dims) != {"grain", "axis"}:
        came = f"dims {directions.dims}" if isinstance(directions, xr.DataArray) else type(directions).__name__
        raise LabelError(f"{who} needs a DataArray with dims ('grain', 'axis'); got {came}.")
    if directions.sizes["axis"] != 3:
        raise LabelError(f"{who}: 'axis' must be x, y and z; it has {directions.sizes['axis']} values.")
    if "axis" in directions.coords:
        names = [str(n) for n in directions["axis"].values]
        if sorted(names) != ["x", "y", "z"]:
            raise LabelError(f"{who}: 'axis' must be 'x', 'y' and 'z' (east, north, up); it is {', '.join(names)}.")
        directions = directions.sel(axis=["x", "y", "z"])
    require_numeric(directions, who=who)
    values = np.asarray(directions.transpose("grain", "axis").values, dtype=float)
    length = np.linalg.norm(values, axis=1)
    use = np.isfinite(length) & (length > 0)
    if not use.all():
        text = f"{who}: {int((~use).sum())} of {use.size} grains have no axis (NaN or zero); they are left out."
        warnings.warn(text, MIWidgetsWarning, stacklevel=3)
    if use.sum() < FEWEST:
        raise DataError(f"{who} needs at least {FEWEST} axes; got {int(use.sum())}.")
    x = values[use] / length[use, None]
    if np.linalg.eigvalsh(x.T @ x / len(x))[-1] > 1 - 1e-12:
        raise DataError(f"{who}: all {len(x)} axes are the same; there is no distribution to find.")
    return x, use


def _dataset(
    candidates: list[Candidate],
    fits: list[AxisMixture | None],
    x: np.ndarray,
    use: np.ndarray,
    source: xr.DataArray,
    largest: float,
) -> xr.Dataset:
    most = max([c.n_components for c in candidates] + [1])
    table, direction, likelihood, rest, member, chance, status = _tables(fits, x, use, most, largest)
    criteria = information_criteria(likelihood, [_free(c) for c in candidates], len(x))
    trend = np.degrees(np.arctan2(direction[..., 0], direction[..., 1])) % 360
    plunge = np.degrees(np.arcsin(np.clip(-direction[..., 2], -1, 1)))
    over, one, degree = ("candidate", "component"), "1", "degree"
    entries: dict[str, tuple[Any, Any, str, str]] = {
        "mean_direction": ((*over, "axis"), direction, one, "mean axis"),
        "trend": (over, trend, degree, "trend of the mean axis"),
        "plunge": (over, plunge, degree, "plunge of the mean axis"),
        "direction_stderr": (over, table["direction_stderr"], degree, "standard error of the mean axis"),
        "concentration": (over, table["concentration"], one, "concentration"),
        "concentration_stderr": (over, table["concentration_stderr"], one, "standard error of concentration"),
        "weight": (over, table["weight"], one, "weight"),
        "weight_stderr": (over, table["weight_stderr"], one, "standard error of weight"),
        "uniform_weight": ("candidate", rest[:, 0], one, "weight of the uniform part"),
        "uniform_weight_stderr": ("candidate", rest[:, 1], one, "standard error of weight of the uniform part"),
        "log_likelihood": ("candidate", likelihood, one, "logarithm of the likelihood"),
        "n_parameters": ("candidate", np.array([_free(c) for c in candidates]), one, "number of parameters"),
        **{k: ("candidate", v, one, f"{k.upper()} criterion") for k, v in criteria._asdict().items()},
        **{f"delta_{k}": ("candidate", getattr(criteria, k) - _least(getattr(criteria, k)), one,
                          f"{k.upper()} above the least") for k in ("bic", "aic")},
        **{f"{k}_weight": ("candidate", criterion_weights(getattr(criteria, k)), one,
                           f"weight of the candidate by {k.upper()}") for k in ("bic", "aic")},
        "member": (("candidate", "grain"), member, one, "likeliest component, 0 for the uniform part, -1 for none"),
        "member_probability": (("candidate", "grain"), chance, one, "probability of it"),
    }  # fmt: skip
    ds = xr.Dataset({k: (d, v, {"units": u, "long_name": text}) for k, (d, v, u, text) in entries.items()})
    ds["status"] = ("candidate", status, status_attrs())
    grain = source["grain"].values if "grain" in source.coords else np.arange(use.size)
    ds = ds.assign_coords(
        candidate=("candidate", [c.name for c in candidates], {"long_name": "candidate"}),
        component=("component", np.arange(1, most + 1), {"units": "1", "long_name": "component"}),
        axis=("axis", ["x", "y", "z"], {"long_name": "east, north, up"}),
        grain=("grain", grain, {"long_name": "grain"}),
    )
    best_one = str(ds["candidate"].values[np.nanargmin(ds["bic"].values)]) if np.isfinite(likelihood).any() else ""
    return ds.assign_attrs(chosen=best_one, criterion="bic")


def _tables(
    fits: list[AxisMixture | None], x: np.ndarray, use: np.ndarray, most: int, largest: float
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Columns of the components, directions, likelihood, uniform parts, members with their chance, and status."""
    n = len(fits)
    columns = ("concentration", "concentration_stderr", "weight", "weight_stderr", "direction_stderr")
    table = {name: np.full((n, most), np.nan) for name in columns}
    direction = np.full((n, most, 3), np.nan)
    likelihood, rest = np.full(n, np.nan), np.full((n, 2), np.nan)
    member, chance = np.full((n, use.size), -1, dtype=np.int8), np.full((n, use.size), np.nan)
    status = np.full(n, STATUS.index("too_few"), dtype=np.int8)
    for c, fit in enumerate(fits):
        if fit is None:
            continue
        k = len(fit.direction)
        down = np.where(fit.direction[:, 2:] > 0, -fit.direction, fit.direction)
        direction[c, :k], likelihood[c] = down, fit.log_likelihood
        table["concentration"][c, :k], table["weight"][c, :k] = fit.concentration, fit.weight[:k]
        errors = _errors(x, fit)
        for name in ("direction_stderr", "concentration_stderr"):
            table[name][c, :k] = errors[name]
        table["concentration_stderr"][c, :k][np.abs(fit.concentration) >= largest * (1 - 1e-6)] = np.nan
        table["weight_stderr"][c, :k] = errors["weight_stderr"][:k]
        rest[c] = float(fit.weight[k:].sum()), float(errors["weight_stderr"][k:].sum())
        share = log_parts(x, fit.direction, fit.concentration, fit.weight)
        share = np.exp(share - share.max(axis=0))
        share /= share.sum(axis=0)
        best = share.argmax(axis=0)
        member[c, use], chance[c, use] = np.where(best < k, best + 1, 0), share.max(axis=0)
        status[c] = STATUS.index(_status(fit, len(x), largest))
    return table, direction, likelihood, rest, member, chance, status


def _least(values: np.ndarray) -> float:
    return float(np.nanmin(values)) if np.isfinite(values).any() else np.nan


def _status(fit: AxisMixture, n: int, largest: float) -> str:
    if not fit.converged:
        return "not_converged"
    if (np.abs(fit.concentration) >= largest * (1 - 1e-6)).any():
        return "at_bound"
    return "redundant" if fit.weight.min() * n < 1 else "ok"


def _errors(x: np.ndarray, fit: AxisMixture) -> dict[str, np.ndarray]:
    """Standard errors from the outer products of the scores of the grains; NaN where these are singular."""
    k, parts = len(fit.direction), fit.weight.size
    if k == 0:
        return {"direction_stderr": np.empty(0), "concentration_stderr": np.empty(0), "weight_stderr": np.zeros(1)}
    density = np.full((parts, len(x)), 1 / (4 * np.pi))
    cosine = fit.direction @ x.T
    density[:k] = np.exp(log_density(np.square(cosine), fit.concentration[:, None]))
    p = fit.weight @ density
    own = fit.weight[:k, None] * density[:k] / p
    scores = []
    for j in range(k):
        across = np.linalg.svd(fit.direction[j : j + 1])[2][1:]  # two directions at right angles to the axis
        scores += list(own[j] * 2 * fit.concentration[j] * cosine[j] * (across @ x.T))
        scores.append(own[j] * (np.square(cosine[j]) - mean_square(fit.concentration[j])))
    scores += list((density[:-1] - density[-1]) / p)
    table = np.array(scores)
    matrix = table @ table.T
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = matrix / np.outer(scale, scale)
    if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] < 1e-10:
        nothing = np.full(k, np.nan)
        return {"direction_stderr": nothing, "concentration_stderr": nothing, "weight_stderr": np.full(parts, np.nan)}
    cover = np.linalg.inv(scaled) / np.outer(scale, scale)
    own_variance = np.diag(cover)[: 3 * k].reshape(k, 3)
    shares = cover[3 * k :, 3 * k :]
    return {
        "direction_stderr": np.degrees(np.sqrt(own_variance[:, :2].mean(axis=1))),
        "concentration_stderr": np.sqrt(own_variance[:, 2]),
        "weight_stderr": np.sqrt(np.append(np.diag(shares), shares.sum())),
    }
