"""One network for each element: energies of environments and their derivatives by the features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.methods._elements import SYMBOLS
from mi_widgets.potentials._network_layers import (
    Cache,
    Weights,
    forward,
    hidden_gradients,
    initial_weights,
)

__all__ = ["Model", "add_up"]


@dataclass
class Model:
    """Networks of the elements, on features that are shifted and scaled.

    Attributes
    ----------
    numbers : (n_elements,)
        Atomic numbers.
    mean, scale : (n_elements, n_features) float32
        Features enter as (G - mean) / scale.
    reference : (n_elements,)
        Energy of an atom to which the network adds (eV).
    weights : list of Weights
        Of each element.
    """

    numbers: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    reference: np.ndarray
    weights: list[Weights]

    @classmethod
    def start(
        cls, values: np.ndarray, numbers: np.ndarray, reference: Mapping[int, float], hidden: Sequence[int], seed: int
    ) -> "Model":
        """A network that has learnt nothing, scaled to training data."""
        rng = np.random.default_rng(seed)
        kinds = np.array(sorted(reference))
        mean = np.array([values[numbers == k].mean(axis=0) for k in kinds])
        scale = np.array([values[numbers == k].std(axis=0) for k in kinds])
        scale = np.maximum(scale, 1e-6 + 1e-4 * scale.max(axis=1, keepdims=True))
        weights = [initial_weights((values.shape[1], *hidden), rng) for _ in kinds]
        return cls(kinds, mean, scale, np.array([reference[int(k)] for k in kinds]), weights)

    @property
    def flat(self) -> Weights:
        """The arrays of all networks, not copied."""
        return [w for one in self.weights for w in one]

    @property
    def n_hidden(self) -> int:
        """Outputs of the last layer, of all elements."""
        return sum(w[-2].size for w in self.weights)

    def copy(self) -> "Model":
        """A model whose weights are its own."""
        weights = [[w.copy() for w in one] for one in self.weights]
        return Model(self.numbers, self.mean, self.scale, self.reference, weights)

    def double(self) -> "Model":
        """The same in double precision: derivatives of its energy are its forces to the last digits."""
        weights = [[w.astype(float) for w in one] for one in self.weights]
        return Model(self.numbers, self.mean, self.scale, self.reference, weights)

    def rows(self, numbers: np.ndarray) -> list[np.ndarray]:
        """Where the environments of each element are."""
        return [np.flatnonzero(numbers == k) for k in self.numbers]

    def scaled(self, values: np.ndarray, element: int) -> np.ndarray:
        """Features of one element as its network wants them."""
        kind = self.weights[element][0].dtype
        return np.asarray((values - self.mean[element]) / self.scale[element], dtype=kind)

    def evaluate(
        self, inputs: Sequence[np.ndarray], rows: Sequence[np.ndarray], n: int
    ) -> tuple[np.ndarray, np.ndarray, list[Cache]]:
        """Energies above the reference (n,), their derivatives by the features (n, n_features), and what is kept."""
        energy = np.zeros(n)
        kind = self.weights[0][0].dtype
        slope = np.zeros((n, self.mean.shape[1]), dtype=kind)
        caches = []
        for e, (x, at) in enumerate(zip(inputs, rows, strict=True)):
            value, gradient, cache = forward(self.weights[e], x)
            energy[at] = value
            slope[at] = gradient / self.scale[e].astype(kind)
            caches.append(cache)
        return energy, slope, caches

    def predict(self, values: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Cache]]:
        """Energies (n,) with the reference, derivatives by the features, and what is kept."""
        rows = self.rows(numbers)
        if sum(map(len, rows)) < len(numbers):
            names = sorted({SYMBOLS[int(z)] for z in set(np.asarray(numbers).tolist()) - set(self.numbers.tolist())})
            raise DataError(
                f"the potential has learnt nothing about {', '.join(names)}: its snapshots held "
                f"{', '.join(SYMBOLS[int(z)] for z in self.numbers)}. Fit it to snapshots that hold all elements."
            )
        energy, slope, caches = self.evaluate(
            [self.scaled(values[r], e) for e, r in enumerate(rows)], rows, len(values)
        )
        for e, at in enumerate(rows):
            energy[at] += self.reference[e]
        return energy, slope, caches

    def hidden(self, numbers: np.ndarray, caches: Sequence[Cache]) -> np.ndarray:
        """Outputs of the last layers (n, n_hidden), zero for atoms of other elements."""
        out = np.zeros((len(numbers), self.n_hidden))
        first = 0
        for at, cache in zip(self.rows(numbers), caches, strict=True):
            last = cache[0][-1]
            out[at, first : first + last.shape[1]] = last
            first += last.shape[1]
        return out

    def hidden_slopes(self, numbers: np.ndarray, caches: Sequence[Cache]) -> list[np.ndarray]:
        """Derivatives of each output of the last layers by the features, (n, n_features) each."""
        out = []
        for e, (at, cache) in enumerate(zip(self.rows(numbers), caches, strict=True)):
            for unit in range(self.weights[e][-2].size):
                slope = np.zeros((len(numbers), self.mean.shape[1]), dtype=np.float32)
                slope[at] = hidden_gradients(self.weights[e], cache, unit) / self.scale[e]
                out.append(slope)
        return out


def add_up(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Sums over the environments of each frame."""
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    return np.asarray(total[offsets[1:]] - total[offsets[:-1]])
