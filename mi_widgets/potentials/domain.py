"""The domain of the training data: which environments a learnt potential has seen the like of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Domain"]

_QUANTILE = 0.999
_MARGIN = 1.25


@dataclass(frozen=True)
class Domain:
    """Environments that training data cover, for each element: an ellipsoid around the mean of the features.

    The distance of features G from the mean m is d^2 = (G - m)^T C^-1 (G - m) / n, with the covariance C of the
    training data, whose directions of no spread are given a little, and the number n of directions. An environment is
    outside where d exceeds 1.25 times the 99.9 % quantile of the training data. Two atoms too near each other show as
    features far from all that was seen.

    Parameters
    ----------
    numbers : (n_elements,)
        Atomic numbers.
    mean : (n_elements, n_features)
        Mean of the features.
    whiten : (n_elements, n_features, n_features)
        Columns are eigenvectors of the covariance over the square root of their values.
    limit : (n_elements,)
        Largest distance that counts as inside.

    References
    ----------
    Mahalanobis, P. C., Proc. Natl. Inst. Sci. India 2, 49 (1936).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> domain = Domain.of(rng.normal(size=(500, 4)), np.full(500, 14))
    >>> domain.outside(np.array([[0.0, 0.5, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]]), np.array([14, 14])).tolist()
    [False, True]
    """

    numbers: np.ndarray
    mean: np.ndarray
    whiten: np.ndarray
    limit: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, numbers: np.ndarray) -> "Domain":
        """Domain of training data.

        Parameters
        ----------
        values : (n_env, n_features)
            Features.
        numbers : (n_env,)
            Atomic numbers.

        Returns
        -------
        Domain
        """
        kinds = np.unique(numbers)
        mean, whiten, limit = [], [], []
        for kind in kinds:
            rows = values[numbers == kind]
            centre = rows.mean(axis=0)
            spread = rows.std(axis=0)
            # correlations, so that features of any size count alike; a floor keeps directions of no spread finite
            scale = np.maximum(spread, 1e-3 * max(float(spread.max()), 1e-6))
            z = (rows - centre) / scale
            size, vectors = np.linalg.eigh(z.T @ z / len(z))
            floor = 1e-4 * max(float(size.max()), 1e-12)
            w = (vectors / np.sqrt(np.maximum(size, floor))) / scale[:, None]
            mean.append(centre)
            whiten.append(w)
            distance = np.sqrt((((rows - centre) @ w) ** 2).mean(axis=1))
            limit.append(_MARGIN * max(float(np.quantile(distance, _QUANTILE)), 1e-9))
        return cls(kinds, np.array(mean), np.array(whiten, dtype=np.float32), np.array(limit))

    def distance(self, values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Distance from the training data, 1 at the border of the domain; infinite for an element never seen.

        Parameters
        ----------
        values : (n_env, n_features)
            Features.
        numbers : (n_env,)
            Atomic numbers.

        Returns
        -------
        (n_env,)
        """
        out = np.full(len(values), np.inf)
        for k, kind in enumerate(self.numbers):
            rows = np.flatnonzero(numbers == kind)
            if rows.size:
                z = (values[rows] - self.mean[k]) @ self.whiten[k]
                out[rows] = np.sqrt(np.einsum("ij,ij->i", z, z) / z.shape[1]) / self.limit[k]
        return out

    def outside(self, values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Tell which environments are outside.

        Parameters
        ----------
        values : (n_env, n_features)
            Features.
        numbers : (n_env,)
            Atomic numbers.

        Returns
        -------
        (n_env,) bool
        """
        return np.asarray(~(self.distance(values, numbers) <= 1.0))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays from which `from_arrays` makes the same domain.

        Returns
        -------
        dict
        """
        return {
            "domain_numbers": self.numbers,
            "domain_mean": self.mean,
            "domain_whiten": self.whiten,
            "domain_limit": self.limit,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Domain":
        """A domain from what `to_arrays` gave.

        Parameters
        ----------
        arrays : mapping
            May hold other arrays too.

        Returns
        -------
        Domain
        """
        return cls(*(np.asarray(arrays[f"domain_{name}"]) for name in ("numbers", "mean", "whiten", "limit")))
