"""How sure a network is: its last layer as a Bayesian linear regression, brought to scale on frames held out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mi_widgets.methods.threads import one_thread
from mi_widgets.potentials._features import Features
from mi_widgets.potentials._network_layers import Cache
from mi_widgets.potentials._network_model import Model, add_up
from mi_widgets.potentials._network_training import LearningData

__all__ = ["Laplace", "fit_laplace"]

_LEVEL = 0.9  # of the interval whose coverage is made right
_WIDTH = 1.6448536269514722  # of a normal distribution, in standard deviations


@dataclass(frozen=True)
class Laplace:
    """Variances v = a r C r^T + b, where r are the derivatives of what is predicted by the weights of the last layer.

    Attributes
    ----------
    root : (n_weights, n_weights)
        C is root root^T.
    energy, force : (2,)
        a and b of the energy of a frame (b for each atom, eV^2) and of a component of force (eV^2/angstrom^2).
    """

    root: np.ndarray
    energy: np.ndarray
    force: np.ndarray

    def energies(self, hidden: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Standard errors of the energies of frames and of atoms."""
        frames = (add_up(hidden, offsets) @ self.root) ** 2
        atoms = (hidden @ self.root) ** 2
        a, b = self.energy
        size = np.diff(offsets)
        return np.sqrt(a * frames.sum(axis=1) + b * size), np.sqrt(a * atoms.sum(axis=1) + b)

    def forces(self, rows: np.ndarray) -> np.ndarray:
        """Standard errors of components of forces, whose derivatives (n, 3, n_weights) are given."""
        a, b = self.force
        return np.sqrt(a * np.square(rows @ self.root).sum(axis=-1) + b)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays for a file."""
        return {"laplace_root": self.root, "laplace_energy": self.energy, "laplace_force": self.force}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Laplace | None":
        """From what `to_arrays` gave; None where there is none."""
        names = ("laplace_root", "laplace_energy", "laplace_force")
        return cls(*(np.asarray(arrays[name]) for name in names)) if names[0] in arrays else None


def force_rows(model: Model, features: Features, caches: list[Cache]) -> np.ndarray:
    """Derivatives of forces by the weights of the last layers (n, 3, n_hidden)."""
    slopes = model.hidden_slopes(features.numbers, caches)
    return np.stack([features.pull(s)[0] for s in slopes], axis=-1)


@one_thread
def fit_laplace(model: Model, training: LearningData, held: LearningData, weights: tuple[float, float]) -> Laplace:
    """Posterior of the last layer from training frames, scaled so that frames held out are covered."""
    energy_weight, force_weight = weights
    precision = 1e-6 * np.eye(model.n_hidden)
    for block in _blocks(training, 12):
        _, _, caches = model.predict(block.features.values, block.features.numbers)
        sums = add_up(model.hidden(block.features.numbers, caches), block.features.offsets) / block.sizes[:, None]
        precision += energy_weight * sums.T @ sums
        if block.force is not None and force_weight > 0:
            rows = force_rows(model, block.features, caches).reshape(-1, model.n_hidden)
            precision += force_weight * rows.T @ rows / (3 * float(block.sizes.mean()))
    size, vectors = np.linalg.eigh(precision)
    root = vectors / np.sqrt(np.maximum(size, 1e-9 * size.max()))
    flat = Laplace(root, np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    energies, spread, forces, spreads = [], [], [], []
    for block in _blocks(held, 12):
        features = block.features
        energy, slope, caches = model.predict(features.values, features.numbers)
        energy -= model.reference[np.searchsorted(model.numbers, features.numbers)]
        energies.append((add_up(energy, features.offsets) - block.energy) / np.sqrt(block.sizes))
        spread.append(flat.energies(model.hidden(features.numbers, caches), features.offsets)[0] ** 2 / block.sizes)
        if block.force is not None:
            forces.append((features.pull(slope)[0] - block.force).ravel())
            spreads.append(flat.forces(force_rows(model, features, caches)).ravel() ** 2)
    by_energy = _scale(np.concatenate(energies), np.concatenate(spread))
    by_force = _scale(np.concatenate(forces), np.concatenate(spreads)) if forces else np.array([np.nan, np.nan])
    return Laplace(root, by_energy, by_force)


def _scale(error: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """The a and b of the most likely variances a spread + b, then both scaled to cover what they should.

    Few errors say little of their 90 % quantile: with fewer than 300 the most likely variances are kept, their normal
    distribution corrected for the finite number.
    """
    from scipy.optimize import minimize

    mean = float((error**2).mean()) + 1e-300
    ratio = float(spread.mean()) + 1e-300

    def cost(p: np.ndarray) -> float:
        v = np.exp(p[0]) * spread / ratio + np.exp(p[1])
        return float(np.mean(np.log(v) + error**2 / mean / v))

    found = min(
        (minimize(cost, start, method="Nelder-Mead") for start in ((-0.7, -0.7), (0.0, -4.0), (-4.0, 0.0))),
        key=lambda f: f.fun,
    ).x
    a, b = mean * np.exp(found[0]) / ratio, mean * np.exp(found[1])
    z = np.abs(error) / np.sqrt(a * spread + b)
    n = error.size
    factor = float(np.quantile(z, _LEVEL)) / _WIDTH if n >= 300 else np.sqrt(n / max(n - 2, 1))
    return np.array([a, b]) * factor**2


def _blocks(data: LearningData, n: int) -> list[LearningData]:
    out = []
    for k in range(0, len(data.energy), n):
        frames = np.arange(k, min(k + n, len(data.energy)))
        a, b = data.features.offsets[frames[0]], data.features.offsets[frames[-1] + 1]
        force = None if data.force is None else data.force[a:b]
        out.append(LearningData(data.features.select(frames), data.energy[frames], force))
    return out
