"""The domain of the training data: which environments a learnt potential has seen the like of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mi_widgets.potentials._features import Geometry

__all__ = ["Domain"]

_QUANTILE = 0.999
_MARGIN = 1.25
_DENSITY_MARGIN = 0.03


@dataclass(frozen=True)
class Domain:
    """Environments that training data cover, for each element: an ellipsoid around the mean of the features.

    The distance of features G from the mean m is d^2 = (G - m)^T C^-1 (G - m) / n, with the covariance C of the
    training data, whose directions of no spread are given a little, and the number n of directions. An environment is
    outside where d exceeds 1.25 times the 99.9 % quantile of the training data. Two atoms too near each other show as
    features far from all that was seen. Features of atoms tell little of the density of the whole: a frame whose number
    of atoms per volume is more than 3 % beyond all training frames is outside as such.

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
    density : (2,), optional
        Lowest and highest number of atoms per volume of the training frames (1/angstrom^3); None where not known.

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
    density: np.ndarray | None = None

    @classmethod
    def of(cls, values: np.ndarray, numbers: np.ndarray, geometries: Sequence[Geometry] = ()) -> "Domain":
        """Domain of training data.

        Parameters
        ----------
        values : (n_env, n_features)
            Features.
        numbers : (n_env,)
            Atomic numbers.
        geometries : sequence of Geometry
            The frames, of whose densities note is taken.

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
        return cls(kinds, np.array(mean), np.array(whiten, dtype=np.float32), np.array(limit), _range(geometries))

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

    def outside_frames(self, geometries: Sequence[Geometry]) -> np.ndarray | None:
        """Tell which frames have a density that was not learnt from.

        Parameters
        ----------
        geometries : sequence of Geometry
            Frames; those that do not repeat along all three vectors have no density and are inside.

        Returns
        -------
        (n_frames,) bool, or None
            None where the densities of the training frames are not known.
        """
        if self.density is None:
            return None
        low, high = self.density
        found = _densities(geometries)
        return np.asarray((found < low * (1 - _DENSITY_MARGIN)) | (found > high * (1 + _DENSITY_MARGIN)))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays from which `from_arrays` makes the same domain.

        Returns
        -------
        dict
        """
        density = {} if self.density is None else {"domain_density": self.density}
        return {
            **density,
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
        numbers, mean, whiten, limit = (
            np.asarray(arrays[f"domain_{n}"]) for n in ("numbers", "mean", "whiten", "limit")
        )
        density = arrays.get("domain_density")
        return cls(numbers, mean, whiten, limit, None if density is None else np.asarray(density))


def _densities(geometries: Sequence[Geometry]) -> np.ndarray:
    """Atoms per volume (1/angstrom^3); NaN where a frame does not repeat along all three vectors."""
    volume = np.array([abs(np.linalg.det(g.cell)) if np.all(g.pbc) else np.nan for g in geometries])
    sizes = np.array([len(g.numbers) for g in geometries])
    return np.asarray(sizes / np.where(volume > 0, volume, np.nan))


def _range(geometries: Sequence[Geometry]) -> np.ndarray | None:
    found = _densities(geometries)
    found = found[np.isfinite(found)]
    return np.array([found.min(), found.max()]) if found.size else None
