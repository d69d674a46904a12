"""Training of a network by minibatches of frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mi_widgets.methods.threads import one_thread
from mi_widgets.potentials._features import Features
from mi_widgets.potentials._network_layers import Adam, Weights, backward
from mi_widgets.potentials._network_model import Model, add_up

__all__ = ["LearningData", "Schedule", "Trainer", "rmse"]


@dataclass
class LearningData:
    """Features of frames with their energies (above the reference, eV) and forces."""

    features: Features
    energy: np.ndarray
    force: np.ndarray | None

    @property
    def sizes(self) -> np.ndarray:
        """Atoms of each frame."""
        return np.diff(self.features.offsets)


@dataclass(frozen=True)
class Schedule:
    """How a network is trained; see `Network`."""

    epochs: int
    batch: int
    learning_rate: float
    energy_weight: float
    force_weight: float
    seed: int


@dataclass
class Trainer:
    """State of a training: everything that is needed to go on with it."""

    data: LearningData
    schedule: Schedule
    model: Model
    adam: Adam
    epoch: int = 0
    _inputs: list[np.ndarray] = field(init=False)
    _place: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        values, numbers = self.data.features.values, self.data.features.numbers
        self._place = np.zeros(len(numbers), dtype=np.int64)
        self._inputs = []
        for e, at in enumerate(self.model.rows(numbers)):
            self._inputs.append(self.model.scaled(values[at], e))
            self._place[at] = np.arange(len(at))

    @one_thread
    def run_epoch(self) -> tuple[float, float, float]:
        """Go once through the frames; RMSE of energies per atom and of forces before each step, and the last rate."""
        s, n = self.schedule, len(self.data.energy)
        batch = min(s.batch, n)
        steps = n // batch
        order = np.random.default_rng([s.seed, self.epoch]).permutation(n)
        energy = force = rate = 0.0
        for k in range(steps):
            done = (self.epoch * steps + k) / (s.epochs * steps)
            rate = s.learning_rate * (0.5 * (1 + np.cos(np.pi * min(done, 1.0))) + 0.002)
            rate *= min(1.0, (self.adam.n_steps + 1) / 50)  # averages of few gradients mean little
            de, df, gradient = self.gradient(order[k * batch : (k + 1) * batch])
            self.adam.step(self.model.flat, gradient, rate)
            energy, force = energy + de, force + df
        self.epoch += 1
        return float(np.sqrt(energy / steps)), float(np.sqrt(force / steps)), rate

    def gradient(self, frames: Sequence[int] | np.ndarray) -> tuple[float, float, Weights]:
        """Mean squares of the errors of energies per atom and of forces, and the gradient of the loss."""
        s, features, model = self.schedule, self.data.features, self.model
        chosen = np.asarray(frames)
        sizes = self.data.sizes[chosen]
        to = np.concatenate([[0], np.cumsum(sizes)])
        source = np.concatenate([np.arange(features.offsets[i], features.offsets[i + 1]) for i in chosen])
        rows = model.rows(features.numbers[source])
        inputs = [x[self._place[source[at]]] for x, at in zip(self._inputs, rows, strict=True)]
        energy, slope, caches = model.evaluate(inputs, rows, len(source))
        miss = (add_up(energy, to) - self.data.energy[chosen]) / sizes
        by_energy = np.repeat(2 * s.energy_weight * miss / (sizes * len(chosen)), sizes).astype(slope.dtype)
        along, force_error = np.zeros_like(slope), 0.0
        if self.data.force is not None and s.force_weight > 0:
            found, _ = features.pull(slope, chosen)
            off = found - self.data.force[source]
            force_error = float((off**2).mean())
            along = (-features.push(off * (2 * s.force_weight / off.size), chosen)).astype(slope.dtype)
        gradient: Weights = []
        for e, at in enumerate(rows):
            into = along[at] / model.scale[e].astype(slope.dtype)
            gradient += backward(model.weights[e], caches[e], by_energy[at], into)
        return float((miss**2).mean()), force_error, gradient


@one_thread
def rmse(model: Model, data: LearningData) -> Mapping[str, float]:
    """Errors of energies per atom (eV) and of forces (eV/angstrom)."""
    features = data.features
    rows = model.rows(features.numbers)
    inputs = [model.scaled(features.values[at], e) for e, at in enumerate(rows)]
    energy, slope, _ = model.evaluate(inputs, rows, len(features.values))
    miss = (add_up(energy, features.offsets) - data.energy) / data.sizes
    out = {"energy": float(np.sqrt((miss**2).mean())), "force": float("nan")}
    if data.force is not None:
        out["force"] = float(np.sqrt(((features.pull(slope)[0] - data.force) ** 2).mean()))
    return out
