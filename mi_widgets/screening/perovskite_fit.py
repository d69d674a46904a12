"""How sure a descriptor is that a compound is a perovskite: Platt's probability, its limits, and a verdict."""

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.history import origin
from mi_widgets.screening._compounds import columns_of, descriptor_of
from mi_widgets.screening._cuts import fit_platt, score
from mi_widgets.screening.perovskites import FORMS, LABEL_ATTRS, REFERENCES, flags, training

__all__ = ["fit_descriptor", "predict_perovskites"]

VERDICTS = ("not_perovskite", "perovskite", "uncertain", "outside", "unknown_anion", "undefined")


def fit_descriptor(
    ds: xr.Dataset, expression: str = "tau", *, form: str = "threshold", group: str = "anion"
) -> xr.Dataset:
    r"""Cut of one descriptor, and the probability of a perovskite along it (Platt).

    Parameters
    ----------
    ds : xarray.Dataset
        Compounds with ``perovskite``, as of `label_compounds`.
    expression, form, group
        As in `compare_descriptors`.

    Returns
    -------
    xarray.Dataset
        Over ``candidate`` (all of them): ``value``, ``probability`` of a perovskite, ``probability_cv`` (fitted without
        the compound's group; NaN where the class is not known), ``perovskite`` as given. Scalars: ``low``, ``high``
        (ends of the cut), ``error``, ``cv_error``, ``slope``, ``offset`` of the logistic function of the margin, with
        their
        ``covariance`` (parameter, parameter_2), ``log_loss_cv`` (mean, of ``probability_cv``) and ``log_loss_base`` (of
        the share of perovskites alone, also without the group).

    Raises
    ------
    DataError, LabelError, ParameterError
        As in `compare_descriptors`.

    Notes
    -----
    :math:`P = 1/(1 + e^{-(a m + b)})` with the margin m: how far the value is inside the cut. One curve for all anions:
    where one of them behaves otherwise, look at ``probability_cv`` against what was found.

    References
    ----------
    Platt 1999, Advances in Large Margin Classifiers 61; Bartel et al. 2019, doi:10.1126/sciadv.aav0693.

    Examples
    --------
    >>> from mi_widgets.datasets import make_perovskites
    >>> fit = fit_descriptor(make_perovskites())
    >>> 3.8 < float(fit.high) < 4.5
    True
    """
    if form not in FORMS:
        raise ParameterError(f"form must be 'threshold' or 'window'; got {form!r}.")
    columns, positive, _, number, used = training(ds, group, "fit_descriptor")
    values = descriptor_of(columns, expression)
    known = values[used]
    if np.isfinite(known).sum() < 10 or np.ptp(known[np.isfinite(known)]) == 0:
        raise DataError(
            f"{expression[:60]!r} is constant, or undefined for nearly all compounds; it can divide nothing."
        )
    window = form == "window"
    scores = score(known[None], positive, number, window=window)
    low, high = float(scores.low[0]), float(scores.high[0])
    there = np.isfinite(known)
    slope, offset, covariance = fit_platt(margin(known[there], low, high), positive[there])
    held, base = _without_groups(known, positive, number, window)
    everywhere = np.full(values.size, np.nan)
    everywhere[used] = held
    dim = columns.dim
    one = {"units": "1"}

    def scalar(value: float, long_name: str) -> tuple[tuple[()], float, dict[str, str]]:
        return (), float(value), one | {"long_name": long_name}

    p = logistic(margin(values, low, high), slope, offset)
    out = xr.Dataset(
        {
            "value": (dim, values, one | {"long_name": expression}),
            "probability": (dim, p, one | {"long_name": "probability of a perovskite"}),
            "probability_cv": (dim, everywhere, one | {"long_name": "probability, fitted without the group"}),
            "perovskite": (dim, _classes(ds["perovskite"].values), LABEL_ATTRS),
            "low": scalar(low, "least value of perovskites"),
            "high": scalar(high, "greatest value of perovskites"),
            "error": scalar(scores.wrong[0] / positive.size, "error where the cut was found"),
            "cv_error": scalar(scores.test_wrong.sum() / positive.size, "error in groups not seen"),
            "slope": scalar(slope, "slope of the log odds along the margin"),
            "offset": scalar(offset, "log odds at the cut"),
            "covariance": (("parameter", "parameter_2"), covariance, one | {"long_name": "covariance"}),
            "log_loss_cv": scalar(_log_loss(held, positive), "log loss in groups not seen"),
            "log_loss_base": scalar(_log_loss(base, positive), "log loss of the share alone"),
        },
        coords={
            dim: ds[dim],
            "anion": (dim, columns.anion),
            "parameter": ["slope", "offset"],
            "parameter_2": ["slope", "offset"],
        },
    )
    told = {"expression": expression, "form": form, "group": group}
    title = "A descriptor of perovskites, fitted"
    out.attrs = origin("screening.fit_descriptor", title, told, of=ds, references=REFERENCES)
    inside = known[there]
    return out.assign_attrs(
        expression=expression,
        form=form,
        anions=sorted(set(columns.anion[used].tolist())),
        value_range=[float(inside.min()), float(inside.max())],
    )


def _classes(given: np.ndarray) -> np.ndarray:
    """1, 0, and -1 for all that is not known."""
    values = np.asarray(given, dtype=float)
    return np.where(np.isin(values, (0, 1)), values, -1).astype(np.int8)


def _without_groups(
    known: np.ndarray, positive: np.ndarray, number: np.ndarray, window: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each compound by a fit without its group, and the share of perovskites in the others."""
    held, base = np.full(known.size, np.nan), np.full(known.size, np.nan)
    for k in range(int(number.max()) + 1):
        train, test = (number != k) & np.isfinite(known), number == k
        cut = score(known[train][None], positive[train], np.zeros(int(train.sum()), dtype=np.int64), window=window)
        ends = float(cut.low[0]), float(cut.high[0])
        slope, offset, _ = fit_platt(margin(known[train], *ends), positive[train])
        held[test] = logistic(margin(known[test], *ends), slope, offset)
        base[test] = positive[train].mean()
    return held, base


def predict_perovskites(
    fit: xr.Dataset, ds: xr.Dataset, *, uncertain: tuple[float, float] = (0.25, 0.75)
) -> xr.Dataset:
    """Probability that new compounds are perovskites, and a verdict that may be "uncertain".

    Parameters
    ----------
    fit : xarray.Dataset
        What `fit_descriptor` gives.
    ds : xarray.Dataset
        Compounds, as of `label_compounds`; ``perovskite`` is not needed.
    uncertain : (float, float)
        Probabilities between which nothing is said.

    Returns
    -------
    xarray.Dataset
        Over ``candidate``: ``value``, ``probability``, ``probability_low`` and ``probability_high`` (two standard
        errors of slope and offset), ``verdict``: ``not_perovskite``, ``perovskite``, ``uncertain``, ``outside`` (of the
        values
        that the fit has seen), ``unknown_anion`` (the fit has seen none of it; the probability is given all the same),
        ``undefined``.

    Raises
    ------
    DataError, LabelError
        `fit` is no fit; compounds as in `tolerance_factors`.
    ParameterError
        `uncertain` are no two probabilities in order.

    Examples
    --------
    >>> from mi_widgets.screening import label_compounds
    >>> from mi_widgets.datasets import make_perovskites
    >>> fit = fit_descriptor(make_perovskites())
    >>> new = label_compounds(["new"], [1.44], [0.605], [1.40], [2], ["O"])
    >>> predict_perovskites(fit, new).probability.item() > 0.5
    True
    """
    if not isinstance(fit, xr.Dataset) or "slope" not in fit or "expression" not in fit.attrs:
        raise DataError("predict_perovskites needs the result of screening.fit_descriptor(...) first.")
    if len(uncertain) != 2 or not 0 <= uncertain[0] <= uncertain[1] <= 1:
        raise ParameterError(f"uncertain must be two probabilities in order, such as (0.25, 0.75); got {uncertain!r}.")
    columns = columns_of(ds, "predict_perovskites")
    values = descriptor_of(columns, str(fit.attrs["expression"]))
    inner = margin(values, float(fit["low"]), float(fit["high"]))
    slope, offset = float(fit["slope"]), float(fit["offset"])
    design = np.column_stack([inner, np.ones(inner.size)])
    spread = 2 * np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", design, fit["covariance"].values, design), 0))
    p, log_odds = logistic(inner, slope, offset), slope * inner + offset
    verdict = np.where(p >= uncertain[1], 1, np.where(p <= uncertain[0], 0, 2)).astype(np.int8)
    first, last = fit.attrs["value_range"]
    verdict[(values < first) | (values > last)] = VERDICTS.index("outside")
    verdict[~np.isin(columns.anion, np.atleast_1d(fit.attrs["anions"]))] = VERDICTS.index("unknown_anion")
    verdict[~np.isfinite(values)] = VERDICTS.index("undefined")
    one, dim = {"units": "1"}, columns.dim
    out = xr.Dataset(
        {
            "value": (dim, values, one | {"long_name": str(fit.attrs["expression"])}),
            "probability": (dim, p, one | {"long_name": "probability of a perovskite"}),
            "probability_low": (dim, _sigmoid(log_odds - spread), one | {"long_name": "lower end"}),
            "probability_high": (dim, _sigmoid(log_odds + spread), one | {"long_name": "upper end"}),
            "verdict": (dim, verdict, flags(VERDICTS, "verdict")),
        },
        coords={dim: ds[dim], "anion": (dim, columns.anion)},
    )  # fmt: skip
    out.attrs = origin("screening.predict_perovskites", "Perovskites predicted",
                       {"expression": fit.attrs["expression"], "uncertain": list(uncertain)}, of=ds,
                       references=REFERENCES)  # fmt: skip
    return out


def margin(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """How far values are inside a cut; negative outside; 0 where no cut is better than one class for all."""
    if np.isinf(low) and np.isinf(high):
        return np.where(np.isfinite(values), 0.0, np.nan)
    return np.asarray(np.minimum(values - low, high - values))


def logistic(inner: np.ndarray, slope: float, offset: float) -> np.ndarray:
    """Platt's probability."""
    return _sigmoid(slope * inner + offset)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -60, 60))))


def _log_loss(p: np.ndarray, positive: np.ndarray) -> float:
    there = np.isfinite(p)
    right = np.where(positive[there], p[there], 1 - p[there])
    return float(-np.mean(np.log(np.clip(right, 1e-9, 1)))) if there.any() else float("nan")
