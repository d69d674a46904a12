"""How strong the penalty, and whether the pixels are enough: cross-validation and a paired t-test."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.methods.threads import one_thread
from mi_widgets.qpi._check import Pixels, check_pixels, number, origin, whole
from mi_widgets.qpi._operator import PlaneWaves
from mi_widgets.qpi._solvers import SOLVERS, fit_fista
from mi_widgets.qpi.transform import penalty_path, sampling_attrs, settings
from mi_widgets.runs import Part, Progress, collect

__all__ = ["VERDICTS", "cross_validate", "iter_cross_validate"]

#: What ``sufficiency`` says, by its number.
VERDICTS = ("sufficient", "doubtful", "insufficient")
RULES = ("best", "one_se")
GIVEN_UP = 1.05  # times the error of the mean


def cross_validate(
    da: xr.DataArray, sampled: xr.DataArray | None = None, *, progress: Progress | None = None, **options: Any
) -> xr.Dataset:
    r"""Choose the penalty of the LASSO by cross-validation, and test whether the sampled pixels are enough.

    The pixels are divided into folds; each is predicted from the others. Against the waves stands the naive prediction,
    the mean of the others: a paired t-test over the folds asks whether waves predict better, as published [1]_. If they
    do not, there are not enough pixels to show any pattern.

    Parameters
    ----------
    da, sampled
        As for `mi_widgets.qpi.fourier_transform`.
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.
    **options
        Of `iter_cross_validate`.

    Returns
    -------
    xarray.Dataset
        - ``cv_error`` (penalty, fold): mean squared error of the fold left out; ``naive_error`` (fold): that of the
          mean; ``cv_mean`` and ``cv_stderr`` (penalty); all in the square of the unit of `da`. A fold is given up, and
          NaN from there on, where its error is 5 % above that of the mean and rises
        - ``best_penalty``, ``one_se_penalty``, ``chosen_penalty``, in the unit of `da`: of the least mean; the largest
          whose mean is within one standard error of it; and the one of the two that `rule` names
        - ``t_statistic`` and ``p_value``, 1: of the paired t-test at the chosen penalty, one-sided
        - ``p_value_corrected``, 1: the same with the variance made larger by 1 + k / (k - 1), k folds, since their
          training sets share data (Nadeau and Bengio [2]_)
        - ``sufficiency``, 1: sufficient (both below `alpha`), doubtful (``p_value`` alone) or insufficient

    Raises
    ------
    LabelError, DataError, ParameterError
        As `mi_widgets.qpi.fit_lasso`; or more folds than a tenth of the pixels.

    Notes
    -----
    The plain test takes folds for independent, which they are not: it finds too few pixels sufficient more often than
    `alpha`. The penalty is moreover chosen by the same folds. Read a p-value near `alpha` as "measure more".

    References
    ----------
    .. [1] Y. Nakanishi-Ohno et al., J. Phys. Soc. Jpn. 85 (2016), doi:10.48550/arXiv.1607.07189
    .. [2] C. Nadeau, Y. Bengio, Machine Learning 52, 239 (2003), doi:10.1023/A:1024068626366

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> da = make_interference_map((60, 120), width=33.0, noise=1.0).conductance
    >>> cv = cross_validate(da, n_q=32, n_folds=3, n_penalties=4)
    >>> str(cv.sufficiency.attrs["flag_meanings"]).split()[int(cv.sufficiency)]
    'sufficient'
    """
    return collect(iter_cross_validate(da, sampled, **options), progress)


def iter_cross_validate(
    da: xr.DataArray,
    sampled: xr.DataArray | None = None,
    *,
    penalty: Sequence[float] | None = None,
    n_penalties: int = 10,
    smallest: float = 0.08,
    n_folds: int = 10,
    rule: str = "best",
    alpha: float = 0.01,
    solver: str = "fista",
    q_max: float = 5.0,
    n_q: int = 128,
    max_iter: int = 200,
    tolerance: float = 1e-3,
    seed: int | np.random.Generator | None = 0,
) -> Iterator[Part]:
    """Do the work of `cross_validate` fold by fold.

    Parameters
    ----------
    da, sampled, q_max, n_q
        As for `mi_widgets.qpi.fourier_transform`.
    penalty, n_penalties, smallest
        As for `mi_widgets.qpi.fit_lasso`.
    n_folds : int
        Parts into which the pixels are divided.
    rule : {"best", "one_se"}
        Which penalty is chosen: that of the least error, or the largest within one standard error of it, which leaves
        fewer waves; with few pixels it leaves none, since errors of folds differ by their noise.
    alpha : float
        Level of the test.
    solver, max_iter, tolerance
        As for `mi_widgets.qpi.fit_lasso`; a path of predictions needs fewer iterations than a picture. Where AMP does
        not converge, FISTA takes its place.
    seed : int, Generator or None
        Of the division into folds.

    Yields
    ------
    mi_widgets.runs.Part
        ``result`` is the Dataset of `cross_validate` with the folds finished so far, those to come NaN.

    Raises
    ------
    LabelError, DataError, ParameterError
        As `cross_validate`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> da = make_interference_map((60, 120), width=33.0).conductance
    >>> [part.done for part in iter_cross_validate(da, n_q=16, n_folds=3, n_penalties=2)]
    [1, 2, 3]
    """
    who = "cross_validate"
    pixels = check_pixels(da, sampled, q_max, n_q, who=who)
    n = pixels.values.size
    folds = whole("n_folds", n_folds, who=who, least=2, most=max(n // 10, 2))
    level = number("alpha", alpha, who=who)
    if rule not in RULES:
        raise ParameterError(f"{who}: there is no rule {rule!r}; write 'one_se' or 'best'.")
    if solver not in SOLVERS:
        raise ParameterError(f"{who}: there is no solver {solver!r}; write 'fista' or 'amp'.")
    waves = pixels.waves()
    path = penalty_path(waves, pixels.values, penalty, n_penalties, smallest, who=who)
    norm = _norm(waves)
    group = np.random.default_rng(seed).permutation(n) % folds
    errors, naive = np.full((path.size, folds), np.nan), np.full(folds, np.nan)
    used = {"penalty": path.tolist(), "n_folds": folds, "rule": rule, "alpha": level, "solver": solver,
            "max_iter": max_iter, "tolerance": tolerance, "seed": _plain(seed)}  # fmt: skip
    attrs = origin(who, "Cross-validation of the LASSO", settings(pixels) | used, da) | sampling_attrs(pixels)
    for k in range(folds):
        errors[:, k], naive[k] = _fold(pixels, group == k, path, solver, norm, int(max_iter), float(tolerance))
        ds = _summary(errors, naive, path, pixels.units, rule, level)
        ds.attrs = attrs
        yield Part(k + 1, folds, ds, index=k, message="folds")


@one_thread
def _norm(waves: PlaneWaves) -> float:
    return waves.norm()  # of a part of the rows it is no larger


@one_thread
def _fold(
    pixels: Pixels, left_out: np.ndarray, path: np.ndarray, solver: str, norm: float, max_iter: int, tolerance: float
) -> tuple[np.ndarray, float]:
    """Mean squared errors of one fold for each penalty, and of the mean of the others."""
    train, test = (pixels.waves(part, np.float32) for part in (~left_out, left_out))
    mean = float(pixels.values[~left_out].mean())
    known, wanted = ((pixels.values[part] - mean).astype(np.float32) for part in (~left_out, left_out))
    errors, start, naive = np.full(path.size, np.nan), None, float(np.square(wanted).mean())
    for i, value in enumerate(path):
        found = SOLVERS[solver](train, known, value, start=start, norm=norm, max_iter=max_iter, tolerance=tolerance)
        if solver == "amp" and not found.converged:
            found = fit_fista(train, known, value, start=start, norm=norm, max_iter=max_iter, tolerance=tolerance)
        start = found.coefficients
        errors[i] = float(np.square(wanted - test.forward(start)).mean())
        if i and errors[i] > max(errors[i - 1], GIVEN_UP * naive):
            break  # smaller penalties take longest, and are worse
    return errors, naive


def choose(mean: np.ndarray, stderr: np.ndarray) -> tuple[int, int]:
    """Places of the least mean and, by the rule of one standard error, of the largest penalty as good."""
    best = int(np.nanargmin(mean))
    limit = mean[best] + (stderr[best] if np.isfinite(stderr[best]) else 0.0)
    return best, int(np.flatnonzero(mean <= limit)[0])


def _summary(
    errors: np.ndarray, naive: np.ndarray, path: np.ndarray, units: str, rule: str, alpha: float
) -> xr.Dataset:
    from scipy import stats

    done = np.isfinite(naive)
    n, folds = int(done.sum()), naive.size
    mean = errors[:, done].mean(axis=1)
    stderr = errors[:, done].std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(path.size, np.nan)
    best, one_se = choose(mean, stderr)
    chosen = best if rule == "best" else one_se
    # By the rule of one standard error the prediction is worse on purpose: the test is of the best.
    gain = (naive - errors[best])[done]
    t = p = corrected = np.nan
    if n > 2:
        spread = float(gain.std(ddof=1))
        t = float(gain.mean() / (spread / np.sqrt(n))) if spread > 0 else 0.0
        p = float(stats.t.sf(t, n - 1))
        corrected = float(stats.t.sf(t / np.sqrt(1 + folds / (folds - 1)), n - 1))
    verdict = 0 if corrected < alpha else 1 if p < alpha else 2
    square, value, one = {"units": _square(units)}, {"units": units}, {"units": "1"}
    flags = {"flag_values": list(range(len(VERDICTS))), "flag_meanings": " ".join(VERDICTS)}
    return xr.Dataset(
        {
            "cv_error": (("penalty", "fold"), errors.copy(), {**square, "long_name": "mean squared error"}),
            "naive_error": ("fold", naive.copy(), {**square, "long_name": "mean squared error of the mean"}),
            "cv_mean": ("penalty", mean, {**square, "long_name": "cross-validation error"}),
            "cv_stderr": ("penalty", stderr, {**square, "long_name": "standard error of the cross-validation error"}),
            "best_penalty": ((), path[best], {**value, "long_name": "penalty of the least error"}),
            "one_se_penalty": ((), path[one_se], {**value, "long_name": "largest penalty within one standard error"}),
            "chosen_penalty": ((), path[chosen], {**value, "long_name": "chosen penalty"}),
            "t_statistic": ((), t, {**one, "long_name": "t of the gain over the mean"}),
            "p_value": ((), p, {**one, "long_name": "p of the paired t-test"}),
            "p_value_corrected": ((), corrected, {**one, "long_name": "p with folds that share data"}),
            "sufficiency": ((), np.int8(verdict), {**one, "long_name": "are the pixels enough", **flags}),
        },
        coords={
            "penalty": ("penalty", path, {**value, "long_name": "penalty λ"}),
            "fold": ("fold", np.arange(folds), {**one, "long_name": "fold"}),
        },
    )


def _plain(seed: Any) -> Any:
    return seed if isinstance(seed, int) else "given"


def _square(units: str) -> str:
    return "1" if units == "1" else f"{units} * {units}"
