"""Functions of environments that an energy is a sum of: kernels at sparse points, products of features, pairs.

Each kind gives, for one frame, its values for every atom and the same as forces and virials, in units in which the
coefficients are independent and of size one before anything is known (whitened).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mi_widgets.potentials._rows import Dense

__all__ = ["KernelTerms", "PolynomialTerms", "Rows3", "Terms"]

_JITTER = 1e-7


class Rows3(NamedTuple):
    """Design of one frame: what each term gives.

    Attributes
    ----------
    energy : (n_atoms, n_terms)
    force : (n_atoms, 3, n_terms)
    virial : (3, 3, n_terms)
    """

    energy: np.ndarray
    force: np.ndarray
    virial: np.ndarray


class Terms:
    """Common part: rows of all species put together and whitened."""

    numbers: np.ndarray

    @property
    def n_terms(self) -> int:
        """Number of coefficients."""
        raise NotImplementedError

    def _place(self, species: int) -> np.ndarray:
        """Columns of the terms of a species."""
        raise NotImplementedError

    def _whiten(self, species: int, raw: np.ndarray) -> np.ndarray:
        """Raw terms (..., n_k) of a species made independent."""
        raise NotImplementedError

    def _colour(self, species: int, coefficients: np.ndarray) -> np.ndarray:
        """Coefficients (n_k,) of the raw terms."""
        raise NotImplementedError

    def _raw_values(self, species: int, x: np.ndarray) -> np.ndarray:
        """Values (n, n_k) of the raw terms of a species."""
        raise NotImplementedError

    def _raw_changes(self, species: int, x: np.ndarray, change: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Change (n_rows, n_k) of the raw terms, given that of the features (n_rows, n_features) at rows of x."""
        raise NotImplementedError

    def values(self, x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Whitened terms (n_env, n_terms)."""
        out = np.zeros((len(x), self.n_terms))
        for k, z in enumerate(self.numbers):
            at = np.flatnonzero(numbers == z)
            if at.size:
                out[np.ix_(at, self._place(k))] = self._whiten(k, self._raw_values(k, x[at]))
        return out

    def design(self, x: np.ndarray, numbers: np.ndarray, dense: Dense) -> Rows3:
        """Rows of one frame."""
        n = len(x)
        force, virial = np.zeros((n, 3, self.n_terms)), np.zeros((3, 3, self.n_terms))
        for k, z in enumerate(self.numbers):
            at = np.flatnonzero(numbers == z)
            if not at.size:
                continue
            place, size = self._place(k), x.shape[1]
            position = np.full(n, -1)
            position[at] = np.arange(at.size)
            rows = np.flatnonzero(position[dense.centre] >= 0)
            change = dense.by_move[rows].reshape(-1, size)
            moved = self._raw_changes(k, x[at], change, np.repeat(position[dense.centre[rows]], 3))
            summed = np.asarray(dense.incidence[:, rows] @ moved.reshape(len(rows), -1), dtype=float)
            force[:, :, place] += self._whiten(k, summed.reshape(n, 3, -1))
            change = dense.by_strain[at].reshape(-1, size)
            strained = self._raw_changes(k, x[at], change, np.repeat(np.arange(at.size), 9))
            total = strained.reshape(at.size, 3, 3, -1).sum(axis=0, dtype=float)
            virial[:, :, place] -= self._whiten(k, total)
        return Rows3(self.values(x, numbers), force, virial)

    def novelty(self, x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Variance of atomic energies that the terms cannot express (eV^2)."""
        raise NotImplementedError

    def slopes(self, x: np.ndarray, numbers: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """dE/dG (n_env, n_features) of the sum of whitened terms times coefficients."""
        out = np.zeros_like(x)
        for k, z in enumerate(self.numbers):
            at = np.flatnonzero(numbers == z)
            if at.size:
                out[at] = self._raw_slopes(k, x[at], self._colour(k, coefficients[self._place(k)]))
        return out

    def _raw_slopes(self, species: int, x: np.ndarray, raw: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """Arrays and numbers that make the same terms again."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class KernelTerms(Terms):
    """Kernels at sparse points: (cos angle)^zeta of features, or a Gaussian of their scaled distance.

    Attributes
    ----------
    numbers : (n_species,)
    points : one (n_points, n_features) for each species
        Of unit length for the cosine, scaled for the Gaussian.
    center, scale : (n_species, n_features)
        Scaling of features, for the Gaussian.
    shape : float
        zeta, or the length scale.
    amplitude : float
        Standard deviation of the energy of an atom before anything is known (eV).
    gaussian : bool
    """

    numbers: np.ndarray
    points: tuple[np.ndarray, ...]
    center: np.ndarray
    scale: np.ndarray
    shape: float
    amplitude: float
    gaussian: bool

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum([len(p) for p in self.points])])

    @cached_property
    def _single(self) -> tuple[np.ndarray, ...]:
        return tuple(np.ascontiguousarray(p.T, dtype=np.float32) for p in self.points)

    @property
    def n_terms(self) -> int:
        """Number of coefficients."""
        return int(self._starts[-1])

    def _place(self, species: int) -> np.ndarray:
        return np.arange(*self._starts[species : species + 2])

    @cached_property
    def _roots(self) -> list[np.ndarray]:
        """Cholesky factors of the kernel between sparse points."""
        return [np.linalg.cholesky(self._kernel(p, p) + _JITTER * np.eye(len(p))) for p in self.points]

    def _whiten(self, species: int, raw: np.ndarray) -> np.ndarray:
        from scipy.linalg import solve_triangular

        flat = raw.reshape(-1, raw.shape[-1])
        white = solve_triangular(self._roots[species], flat.T, lower=True, check_finite=False).T
        return np.asarray(self.amplitude * white).reshape(raw.shape)

    def _colour(self, species: int, coefficients: np.ndarray) -> np.ndarray:
        from scipy.linalg import solve_triangular

        root = self._roots[species]
        return np.asarray(self.amplitude * solve_triangular(root, coefficients, lower=True, trans="T"))

    def scaled(self, species: int, x: np.ndarray) -> np.ndarray:
        """Features as the kernel sees them."""
        if self.gaussian:
            return (x - self.center[species]) / self.scale[species]
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)

    def _kernel(self, u: np.ndarray, s: np.ndarray) -> np.ndarray:
        dot = u @ s.T
        if not self.gaussian:
            return np.maximum(dot, 0.0) ** self.shape
        square = (u * u).sum(axis=1)[:, None] + (s * s).sum(axis=1) - 2 * dot
        return np.exp(-0.5 * np.maximum(square, 0.0) / self.shape**2)

    def _raw_values(self, species: int, x: np.ndarray) -> np.ndarray:
        return self._kernel(self.scaled(species, x), self.points[species])

    def _factors(self, species: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """u, the cosine (or one), the factor of each derivative, and the scale of the features."""
        u = self.scaled(species, x)
        if self.gaussian:
            k = self._kernel(u, self.points[species])
            return u, np.ones_like(k), k / self.shape**2, self.scale[species]
        cosine = np.maximum(u @ self.points[species].T, 0.0)
        length = np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        return u, cosine, self.shape * cosine ** (self.shape - 1.0) / length, np.ones(x.shape[1])

    def _raw_changes(self, species: int, x: np.ndarray, change: np.ndarray, row: np.ndarray) -> np.ndarray:
        u, cosine, factor, scale = (a.astype(np.float32) for a in self._factors(species, x))
        scaled = change / scale
        along = np.einsum("rf,rf->r", scaled, u[row])[:, None]
        out = scaled @ self._single[species]
        out -= along * cosine[row] if not self.gaussian else along
        out *= factor[row]
        return np.asarray(out)

    def _raw_slopes(self, species: int, x: np.ndarray, raw: np.ndarray) -> np.ndarray:
        u, cosine, factor, scale = self._factors(species, x)
        weight = factor * raw
        return (weight @ self.points[species] - (weight * cosine).sum(axis=1)[:, None] * u) / scale

    def novelty(self, x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Part of the variance of an atomic energy that no sparse point explains (eV^2)."""
        explained = (self.values(x, numbers) ** 2).sum(axis=1)
        return np.maximum(self.amplitude**2 - explained, 0.0)

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "KernelTerms":
        """Terms from their `state`."""
        starts = np.asarray(state["starts"])
        points = tuple(np.asarray(state["points"])[a:b] for a, b in pairwise(starts))
        return cls(
            np.asarray(state["numbers"]), points, np.asarray(state["center"]), np.asarray(state["scale"]),
            float(state["shape"]), float(state["amplitude"]), bool(state["gaussian"]),
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Arrays and numbers that make the same terms again."""
        return {
            "numbers": self.numbers,
            "points": np.concatenate(self.points),
            "starts": self._starts,
            "center": self.center,
            "scale": self.scale,
            "shape": self.shape,
            "amplitude": self.amplitude,
            "gaussian": int(self.gaussian),
        }


@dataclass(frozen=True, eq=False)
class PolynomialTerms(Terms):
    """Features of each species, or their principal components, and products of two of them.

    Attributes
    ----------
    numbers : (n_species,)
    axes : (n_species, n_components, n_features)
        Components are axes @ (x - center).
    center : (n_species, n_features)
    degree : {1, 2}
    term_of : (n_species, n_raw)
        Column of each raw term; species may share columns, as both ends of a pair do.
    size : (n_columns,)
        Standard deviation of each coefficient before anything is known.
    """

    numbers: np.ndarray
    axes: np.ndarray
    center: np.ndarray
    degree: int
    term_of: np.ndarray
    size: np.ndarray

    @property
    def n_terms(self) -> int:
        """Number of coefficients."""
        return len(self.size)

    def _place(self, species: int) -> np.ndarray:
        return self.term_of[species]

    def _whiten(self, species: int, raw: np.ndarray) -> np.ndarray:
        return raw * self.size[self.term_of[species]]

    def _colour(self, species: int, coefficients: np.ndarray) -> np.ndarray:
        return coefficients * self.size[self.term_of[species]]

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        first, second = np.triu_indices(self.axes.shape[1])
        return (first, second) if self.degree == 2 else (first[:0], second[:0])

    def _raw_values(self, species: int, x: np.ndarray) -> np.ndarray:
        u = (x - self.center[species]) @ self.axes[species].T
        a, b = self._pairs
        return np.concatenate([u, u[:, a] * u[:, b]], axis=1)

    def _raw_changes(self, species: int, x: np.ndarray, change: np.ndarray, row: np.ndarray) -> np.ndarray:
        moved = change @ self.axes[species].T.astype(np.float32)
        a, b = self._pairs
        if not a.size:
            return np.asarray(moved)
        u = ((x - self.center[species]) @ self.axes[species].T).astype(np.float32)[row]
        return np.concatenate([moved, u[:, a] * moved[:, b] + u[:, b] * moved[:, a]], axis=1)

    def _raw_slopes(self, species: int, x: np.ndarray, raw: np.ndarray) -> np.ndarray:
        n = self.axes.shape[1]
        a, b = self._pairs
        slope = np.broadcast_to(raw[:n], (len(x), n))
        if a.size:
            square = np.zeros((n, n))
            square[a, b] = raw[n:]
            u = (x - self.center[species]) @ self.axes[species].T
            slope = slope + u @ (square + square.T)
        return slope @ self.axes[species]

    def novelty(self, x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Nothing: a polynomial has no part that is not seen."""
        return np.zeros(len(x) if numbers.size else 0)

    def state(self) -> dict[str, Any]:
        """Arrays and numbers that make the same terms again."""
        return {
            "numbers": self.numbers,
            "axes": self.axes,
            "center": self.center,
            "degree": self.degree,
            "term_of": self.term_of,
            "size": self.size,
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "PolynomialTerms":
        """Terms from their `state`."""
        numbers, axes, center, term_of, size = (
            np.asarray(state[name]) for name in ("numbers", "axes", "center", "term_of", "size")
        )
        return cls(numbers, axes, center, int(state["degree"]), term_of, size)
