"""Paths of sparse regressions and the errors of samples that are left out, by formula or literally."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

__all__ = ["TRUST", "Curves", "engine", "make_folds", "most_active", "validate"]

#: ``trust``: why an error of the formula must not be believed.
TRUST = ("ok", "too_dense", "high_leverage", "ill_conditioned", "not_converged")
#: Share of variables that take part, relative to what can be determined, and leverage, up to which the formula holds.
DENSEST, HIGHEST, WORST = 0.7, 0.95, 1e10
#: With so many samples for each active variable the formula holds at any density.
PLENTY = 4
_TOL, _MAX_ITER = 1e-7, 500


@dataclass(frozen=True)
class Curves:
    """Paths of some targets.

    Attributes
    ----------
    limit : (target,)
        Least penalty at which nothing takes part, as scikit-learn's alpha.
    beta : (target, penalty, variable)
    error, stderr : (target, penalty)
        Mean squared residual of samples left out, and its standard error.
    null : (target,)
        The same for the mean alone.
    trust : (target, penalty) int8
    """

    limit: np.ndarray
    beta: np.ndarray
    error: np.ndarray
    stderr: np.ndarray
    null: np.ndarray
    trust: np.ndarray


def engine() -> ModuleType:
    """Compiled paths where numba is installed, else those of scikit-learn."""
    try:
        from mi_widgets.methods import _sparse_numba as found
    except ImportError:
        from mi_widgets.methods import _sparse_numpy

        return _sparse_numpy
    return found


def make_folds(n_samples: int, n_folds: int, seed: int | None) -> list[np.ndarray]:
    """Numbers of the samples that are left out together; each alone for as many folds as samples."""
    order = np.arange(n_samples) if n_folds == n_samples else np.random.default_rng(seed).permutation(n_samples)
    return [np.sort(part) for part in np.array_split(order, n_folds)]


def most_active(n_variables: int, n_samples: int) -> int:
    """Largest number of active variables for which the formula is trusted."""
    return max(int(DENSEST * min(n_variables, n_samples)), min(n_variables, n_samples // PLENTY))


def validate(
    columns: np.ndarray,
    targets: np.ndarray,
    gram: np.ndarray,
    right: np.ndarray,
    ratios: np.ndarray,
    folds: Sequence[np.ndarray] | None,
) -> Curves:
    """Follow the paths of targets (target, sample) and judge them: by the formula without `folds`, else literally.

    `gram` is ``columns @ columns.T``, `right` ``targets @ columns.T``: rows of a product of all targets, so that a
    result does not depend on how many of them are taken at a time. `ratios` (penalty) fall from 1.
    """
    run = engine()
    m = columns.shape[1]
    length = np.sqrt((targets**2).sum(axis=1))
    limit = np.abs(right).max(axis=1, initial=0.0)
    penalties = limit[:, None] * ratios
    beta, good = run.follow_path(gram, right, length, penalties, _TOL, _MAX_ITER)
    trust = np.where(good, 0, TRUST.index("not_converged")).astype(np.int8)
    if folds is None:
        error, stderr = _by_formula(run, columns, targets, beta, trust)
        null = (targets**2).mean(axis=1) * (m / (m - 1)) ** 2
        return Curves(limit / m, beta, error, stderr, null, trust)
    square = np.zeros((len(targets), ratios.size, m))
    null_square = np.zeros((len(targets), m))
    for fold, residual, alone in _literally(run, columns, targets, gram, right, penalties, folds):
        square[..., fold], null_square[:, fold] = residual**2, alone**2
    stderr = square.std(axis=-1) / np.sqrt(m)
    return Curves(limit / m, beta, square.mean(axis=-1), stderr, null_square.mean(axis=1), trust)


def _by_formula(
    run: ModuleType, columns: np.ndarray, targets: np.ndarray, beta: np.ndarray, trust: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Errors by leverages; `trust` is filled in, and where it is not 0 for these reasons errors are NaN."""
    n, m = columns.shape
    most = most_active(n, m)
    error, stderr = np.full(trust.shape, np.nan), np.full(trust.shape, np.nan)
    for t in range(len(targets)):
        residual, highest, condition = run.left_out(columns, targets[t], beta[t], most)
        square = residual**2
        error[t], stderr[t] = square.mean(axis=1), square.std(axis=1) / np.sqrt(m)
        for reason, where in (
            ("ill_conditioned", condition > WORST),
            ("high_leverage", highest > HIGHEST),
            ("too_dense", np.isnan(highest)),
        ):
            trust[t, where] = TRUST.index(reason)
            error[t, where] = stderr[t, where] = np.nan
    return error, stderr


def _literally(
    run: ModuleType,
    columns: np.ndarray,
    targets: np.ndarray,
    gram: np.ndarray,
    right: np.ndarray,
    penalties: np.ndarray,
    folds: Sequence[np.ndarray],
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Fit again without each fold: its samples, their residuals (target, penalty, sample), those of the mean alone.

    The sum of squares keeps its penalty, as it does in the formula; the mean is fitted again, scales are not.
    """
    m = columns.shape[1]
    for fold in folds:
        rest = m - fold.size
        out, gone = columns[:, fold], targets[:, fold]
        total, missing = out.sum(axis=1), gone.sum(axis=1)
        part = gram - out @ out.T - np.outer(total, total) / rest
        pull = right - np.einsum("tf,nf->tn", gone, out) - np.outer(missing, total) / rest
        length = np.sqrt(np.maximum((targets**2).sum(axis=1) - (gone**2).sum(axis=1) - missing**2 / rest, 1e-300))
        beta, _ = run.follow_path(part, pull, length, penalties, _TOL, _MAX_ITER)
        alone = gone + missing[:, None] / rest
        predicted = beta @ (out + total[:, None] / rest)
        yield fold, alone[:, None] - predicted, alone
