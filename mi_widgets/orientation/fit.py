"""A mixture of components fitted to the angles of grains."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label
from mi_widgets.orientation._candidates import Candidate
from mi_widgets.orientation._check import grouped, prepare, whole
from mi_widgets.orientation._dataset import attributes, judge, mixture_dataset, too_few
from mi_widgets.orientation._em import fit_mixture, n_parameters
from mi_widgets.orientation._groups import over_groups
from mi_widgets.orientation._von_mises import log_density
from mi_widgets.orientation.evidence import seed_of

__all__ = ["evaluate", "fit_orientation"]


def fit_orientation(
    angles: xr.DataArray,
    *,
    n_components: int = 1,
    uniform: bool = False,
    weights: Any = None,
    by: str | None = None,
    period: float = 180.0,
    rounding: float | str = "auto",
    n_starts: int = 24,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Fit a mixture of von Mises components, and a uniform part if wanted, to the angles of grains.

    .. math:: p(\varphi) = \sum_k w_k \frac{e^{\kappa_k\cos(\varphi-\mu_k)}}{2\pi I_0(\kappa_k)} + \frac{w_0}{2\pi},
        \qquad \varphi = 2\theta

    for axes, whose angle :math:`\theta` repeats after 180 degree (:math:`\varphi = \theta` with ``period=360``), by
    expectation maximisation from several starts; its best ends are brought to the maximum by Fisher scoring. Equal
    angles are counted once, so that rounded ones cost little.

    Parameters
    ----------
    angles : xarray.DataArray
        (grain), degree or radian as its ``units`` say; NaN is left out with a warning. Angles beyond 180 degree are
        folded; beyond 360 they are refused.
    n_components : int
        Number of components, 0 to 8; 0 is the uniform distribution.
    uniform : bool
        Whether there is a uniform part beside the components.
    weights : array_like, optional
        How many grains each angle stands for (a table of angles and numbers); 1 each by default.
    by : str, optional
        A coordinate of the grains, such as their sample: each of its values is fitted apart.
    period : {180, 360}
        Degree: 180 for axes, 360 for directions.
    rounding : float or "auto"
        Step (degree) to which angles were rounded; by default the attribute ``rounding`` of the angles, else what the
        values show. It caps the concentration, because equal angles would let a component become infinitely narrow.
    n_starts : int
        Starts of the search.
    seed : int, numpy.random.Generator or None
        Of the starts.

    Returns
    -------
    xarray.Dataset
        - ``mean_axis``, degree, ``concentration``, 1, ``spread``, degree (circular standard deviation of the angle),
          and ``weight``, 1, (component), heaviest first, each with ``_stderr`` from the Fisher information
        - ``uniform_weight`` and its ``_stderr``, 1
        - ``log_likelihood`` (of phi in rad), ``aic``, ``aicc``, ``bic``, ``n_parameters``, ``n_grains``
        - ``kuiper_statistic``, ``kuiper_p``: whether the fit describes the data; p is too large by the freedom of the
          fit, so that a small one is the one that says something
        - ``member`` (grain): likeliest component, 0 for the uniform part, -1 for none, and ``member_probability``
        - ``status``: ok, not_converged, at_bound (a concentration is at its cap, without an error: duplicated
          angles), redundant (a component holds less than one grain)

    Raises
    ------
    LabelError
        The angles have no unit of angle or not the dimension ``grain``; there is no coordinate `by`.
    DataError
        Too few grains, all angles equal, out of range, or in another unit; weights below zero.
    ParameterError
        An option is out of range.

    Warns
    -----
    MIWidgetsWarning
        Angles are missing, beyond 180 degree, or look like another unit.

    References
    ----------
    Mardia and Jupp 2000, doi:10.1002/9780470316979; Banerjee et al. 2005, J. Mach. Learn. Res. 6, 1345.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations
    >>> grains = make_orientations(1577, components=((0.65, 60.0, 5.0), (0.35, 120.0, 3.0)), seed=0)
    >>> fit = fit_orientation(grains.angle, n_components=2)
    >>> fit.mean_axis.values.round(-1)
    array([ 60., 120.])
    """
    who = "fit_orientation"
    candidate = _candidate(n_components, uniform, who)
    n_starts = whole("n_starts", n_starts, 1, 1000, who=who)
    key = seed_of(seed, who=who)

    def one(some: xr.DataArray, counts: Any) -> xr.Dataset:
        ready = prepare(some, who=who, weights=counts, period=period, rounding=rounding)
        if too_few(candidate, ready.total):
            free = n_parameters(candidate.n_components, candidate.uniform)
            raise DataError(
                f"{who}: {ready.total:g} grains are too few for the {free} parameters of the model {candidate.name!r}. "
                "Take fewer components, or more grains."
            )
        rng = np.random.default_rng(key)  # anew for each group: none depends on the others
        mixture = fit_mixture(
            ready.phi, ready.counts, candidate.n_components, candidate.uniform, rng, largest=ready.largest,
            n_starts=n_starts,
        )  # fmt: skip
        return mixture_dataset([judge(candidate, mixture, ready)], ready, some).isel(candidate=0)

    ds = one(angles, weights) if by is None else over_groups(angles, weights, by, grouped(angles, by, who=who), one)
    parameters = {
        "n_components": candidate.n_components, "uniform": int(candidate.uniform), "by": by, "period": period,
        "rounding": rounding, "n_starts": n_starts, "seed": seed if isinstance(seed, int) else None,
    }  # fmt: skip
    return ds.assign_attrs(attributes(who, f"Mixture {candidate.name} of orientations", parameters, angles))


def _candidate(n_components: Any, uniform: Any, who: str) -> Candidate:
    k = whole("n_components", n_components, 0, 8, who=who)
    if not isinstance(uniform, bool | np.bool_):
        raise ParameterError(f"{who}: uniform must be True or False; got {uniform!r}.")
    return Candidate(k, bool(uniform) or k == 0)


def evaluate(fit: xr.Dataset, angle: Any = None) -> xr.Dataset:
    """Compute the density of a fitted mixture, and that of each of its components.

    Parameters
    ----------
    fit : xarray.Dataset
        Of `fit_orientation` or of `select_orientation`.
    angle : array_like, optional
        Where (degree); by default every degree of the period.

    Returns
    -------
    xarray.Dataset
        Over ``angle`` and the dims of `fit` (``candidate``, group):

        - ``density``, 1/degree: it integrates to 1 over the period
        - ``component_density`` (…, component, angle), 1/degree: times its weight
        - ``uniform_density``, 1/degree: of the uniform part, the same at every angle

    Raises
    ------
    LabelError
        It is no such fit.
    DataError
        The angles are not finite numbers in one row.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations
    >>> fit = fit_orientation(make_orientations(500, seed=1).angle, n_components=1, uniform=True)
    >>> round(float(evaluate(fit).density.sum("angle")), 6)
    1.0
    """
    if not isinstance(fit, xr.Dataset) or "mean_axis" not in fit or "period" not in fit:
        raise LabelError(f"evaluate needs the Dataset of fit_orientation; got {type(fit).__name__} without mean_axis.")
    period = float(np.max(fit["period"].values))
    values = np.arange(0.0, period) if angle is None else np.asarray(angle, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise DataError(f"evaluate: angles must be finite numbers in one row; got shape {values.shape}.")
    at = xr.DataArray(values, dims="angle", attrs={"units": "degree", "long_name": "angle"})
    turn = 2 * np.pi / period
    cosine = np.cos((at - fit["mean_axis"]) * turn)
    kappa = fit["concentration"]
    parts = fit["weight"] * turn * np.exp(xr.apply_ufunc(log_density, cosine, kappa))
    level = fit["uniform_weight"] / period
    fitted = np.isfinite(fit["log_likelihood"])
    density = (parts.fillna(0).sum("component") + level).where(fitted)
    order = [d for d in density.dims if d != "angle"]
    out = xr.Dataset(
        {
            "density": label(density.transpose(*order, "angle"), "1/degree", "density"),
            "component_density": label(
                parts.transpose(*order, "component", "angle"), "1/degree", "density of the component"
            ),
            "uniform_density": label(level, "1/degree", "density of the uniform part"),
        }
    ).assign_coords(angle=at)
    return out.assign_attrs(attributes("evaluate", "Density of a mixture of orientations", {}, fit))
