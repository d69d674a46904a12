"""Bayesian linear regression of energies, forces and stresses, with noise and prior widths found from the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.methods.threads import one_thread

__all__ = ["Posterior", "Sums", "solve"]

_LEAST = 1e-4


@dataclass
class Sums:
    """Normal equations of one kind of data, added up frame by frame."""

    n_terms: int
    matrix: np.ndarray = field(init=False)
    vector: np.ndarray = field(init=False)
    square: float = 0.0
    count: int = 0

    def __post_init__(self) -> None:
        self.matrix, self.vector = np.zeros((self.n_terms, self.n_terms)), np.zeros(self.n_terms)

    def add(self, rows: np.ndarray, target: np.ndarray) -> None:
        """Add rows of the design and what they should give; targets that are NaN are left out."""
        known = np.isfinite(target)
        if not known.all():
            rows, target = rows[known], target[known]
        self.matrix += rows.T @ rows
        self.vector += rows.T @ target
        self.square += float(target @ target)
        self.count += target.size

    def residual(self, w: np.ndarray) -> float:
        """Sum of squared residuals."""
        return max(float(self.square - 2 * w @ self.vector + w @ self.matrix @ w), 0.0)


@dataclass(frozen=True)
class Posterior:
    """What is known of the coefficients.

    Attributes
    ----------
    mean : (n_terms,)
    root : (n_terms, n_terms)
        Covariance is root @ root.T.
    noise : dict
        Standard deviation of each kind of data.
    """

    mean: np.ndarray
    root: np.ndarray
    noise: dict[str, float]

    def variance(self, rows: np.ndarray) -> np.ndarray:
        """Variance of rows @ coefficients."""
        return np.asarray(((rows @ self.root) ** 2).sum(axis=-1))


@one_thread
def solve(
    sums: Mapping[str, Sums], groups: np.ndarray, noise: Mapping[str, float], *, tied: Mapping[str, float], rounds: int
) -> Posterior:
    """Coefficients, with the noise of forces and the width of each group of terms by their evidence.

    D. J. C. MacKay, Neural Computation 4, 415 (1992), doi:10.1162/neco.1992.4.3.415: noise^2 = residual / (number of
    data - number of parameters that they determine). Energies and virials are too few for that: their noise is tied to
    that of forces.

    Parameters
    ----------
    sums : dict of Sums
        For each kind of data.
    groups : (n_terms,) int
        Group of each term.
    noise : dict of float
        Where the search starts.
    tied : dict of float
        Noise over that of forces, for those kinds that are not kept as they are; without forces nothing is searched.
    rounds : int
        Most steps of the search.
    """
    precision, sigma = np.ones(int(groups.max()) + 1), dict(noise)
    used = {name: s for name, s in sums.items() if s.count}
    if not used:
        raise DataError("there is nothing to learn from: no energy, force or stress is a finite number.")
    search = "force" in used and "force" in tied
    for turn in range(rounds + 1):
        mean, root = _factor(used, sigma, precision[groups])
        if turn == rounds:
            break
        spread, before = (root**2).sum(axis=1), sigma["force"]
        known = np.bincount(groups, weights=1 - precision[groups] * spread)
        precision = np.clip(known / np.maximum(np.bincount(groups, weights=mean**2), 1e-30), 1e-6, 1e8)
        if search:
            force = used["force"]
            left = max(force.count - float(known.sum()), 0.1 * force.count)
            found = max(float(np.sqrt(force.residual(mean) / left)), _LEAST)
            sigma |= {name: factor * found for name, factor in tied.items()}
        if abs(np.log(sigma["force"] / before)) < 0.01 and turn:
            break
    return Posterior(mean, root, sigma)


def _factor(
    used: Mapping[str, Sums], sigma: Mapping[str, float], precision: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and a root of the covariance."""
    from scipy.linalg import lapack

    matrix, vector = np.diag(precision), np.zeros(len(precision))
    for name, s in used.items():
        matrix += s.matrix / sigma[name] ** 2
        vector += s.vector / sigma[name] ** 2
    upper = np.linalg.cholesky(matrix).T
    root, failed = lapack.dtrtri(upper, lower=0)
    if failed:
        raise DataError("the equations cannot be solved: a feature or an energy is not a finite number.")
    root = np.triu(root)
    return root @ (root.T @ vector), root
