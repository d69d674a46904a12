"""Molecular dynamics for arrays: one loop compiled for TTAM, one in NumPy for any forces; units eV, angstrom, fs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from mi_widgets.potentials._cell_list import make_list, numba_module
from mi_widgets.potentials._ttam_engine import Engine

__all__ = ["BOLTZMANN", "MASS_UNIT", "Clock", "Loop", "PlainLoop", "TTAMLoop", "draw_velocities", "kinetic_energy"]

BOLTZMANN = 8.617333262e-5  # eV/K
MASS_UNIT = 103.6426966  # atomic mass unit in eV fs**2 / angstrom**2
THERMOSTATS = {"nve": 0, "nvt": 1, "langevin": 2}


@dataclass(frozen=True)
class Clock:
    """Step (fs), thermostat and its time (fs), and the temperature that ends a run (K)."""

    step: float
    ensemble: str = "nve"
    relaxation: float = 100.0
    hottest: float = 50_000.0

    @property
    def keep(self) -> float:
        """What is left of the old velocities (Langevin) or of the old kinetic energy after a step."""
        return math.exp(-self.step / self.relaxation)


def draw_velocities(
    mass: np.ndarray, temperature: float, rng: np.random.Generator, *, exact: bool = False
) -> np.ndarray:
    """Velocities (angstrom/fs) at a temperature, without drift; `exact` scales them to it."""
    velocity = rng.standard_normal((len(mass), 3)) * np.sqrt(BOLTZMANN * temperature / mass)[:, None]
    velocity -= mass @ velocity / mass.sum()
    if exact and len(mass) > 1 and temperature > 0:
        found = 2 * kinetic_energy(velocity, mass) / (3 * len(mass) - 3) / BOLTZMANN
        velocity *= math.sqrt(temperature / found)
    return np.asarray(velocity)


def kinetic_energy(velocity: np.ndarray, mass: np.ndarray) -> float:
    """Kinetic energy (eV)."""
    return 0.5 * float(mass @ np.square(velocity).sum(axis=1))


@dataclass
class Loop:
    """Atoms that move: `position` may be wrapped, `unwrapped()` is not."""

    position: np.ndarray
    velocity: np.ndarray
    mass: np.ndarray
    rng: np.random.Generator
    force: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    potential: float = math.nan

    def __post_init__(self) -> None:
        # streams of their own, so that numbers do not depend on how many steps are made at once
        self._normals, self._rests = self.rng.spawn(2)

    @property
    def n_free(self) -> int:
        """Degrees of freedom, the whole left out."""
        return max(1, 3 * len(self.mass) - 3)

    def unwrapped(self) -> np.ndarray:
        """Positions without jumps."""
        return self.position.copy()

    def run(self, thermal: np.ndarray, clock: Clock) -> tuple[np.ndarray, bool]:
        """Make one step for each k_B T (eV); potential and kinetic energy of those done, and whether it went well."""
        raise NotImplementedError

    def _noise(self, n: int, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
        if clock.ensemble == "langevin":
            return self._normals.standard_normal((n, 3 * len(self.mass))), np.zeros(n)
        if clock.ensemble == "nvt":
            return self._normals.standard_normal((n, 1)), self._rests.chisquare(max(1, self.n_free - 1), n)
        return np.zeros((n, 1)), np.zeros(n)

    def _hottest(self, clock: Clock) -> float:
        return 0.5 * self.n_free * BOLTZMANN * clock.hottest


class TTAMLoop(Loop):
    """All compiled; the list of pairs is made anew between two halves of a step."""

    def __init__(
        self, engine: Engine, position: np.ndarray, velocity: np.ndarray, mass: np.ndarray, vectors: np.ndarray,
        kind: np.ndarray, rng: np.random.Generator,
    ) -> None:  # fmt: skip
        super().__init__(np.array(position, dtype=float), np.array(velocity, dtype=float), mass, rng)
        self._engine, self._kind = engine, kind
        self._cell = engine.cell(vectors, kind)
        self._strengths = engine.strengths[kind]
        self._turn = np.zeros(position.shape)
        self._energy, self._virial, self._near = np.empty(len(kind)), np.empty(6), np.empty(len(kind), np.int8)
        self.force = np.zeros(position.shape)
        self._renew()
        self.potential = self._module.forces(
            self.position, kind, self._strengths, self._cell.inverse, self._cell.grid.shifts, self._pairs, self._tables,
            tuple(self._cell.waves), self._cell.constant, self._energy, self.force, self._virial, self._near,
        )  # fmt: skip

    @property
    def _module(self) -> ModuleType:
        module = numba_module("_numba_md")
        if module is None:
            raise NotImplementedError
        return module

    @property
    def _tables(self) -> tuple[np.ndarray, float, float, np.ndarray]:
        engine = self._engine
        return engine.table, engine.inverse_step, engine.settings.cutoff, engine.guard

    def _renew(self) -> None:
        settings = self._engine.settings
        cells = np.floor(self.position @ self._cell.inverse)
        self._turn += cells
        self.position -= cells @ self._cell.vectors
        reach = settings.cutoff + settings.skin
        self._pairs = tuple(make_list(self.position, self._cell.vectors, self._cell.grid, reach))
        self._listed = self.position.copy()

    def unwrapped(self) -> np.ndarray:
        return np.asarray(self.position + self._turn @ self._cell.vectors)

    def run(self, thermal: np.ndarray, clock: Clock) -> tuple[np.ndarray, bool]:
        n, done, code, drifted = len(thermal), 0, 1, False
        normal, rest = self._noise(n, clock)
        energies = np.full((n, 2), np.nan)
        module = self._module
        while done < n:
            done, code = module.advance(
                done, n, drifted, self.position, self.velocity, self.force, self.mass, self._kind, self._strengths,
                self._cell.inverse, self._cell.constant, self._cell.grid.shifts, self._pairs, self._tables,
                tuple(self._cell.waves), self._listed, 0.5 * self._engine.settings.skin, clock.step,
                THERMOSTATS[clock.ensemble], clock.keep, self.n_free, thermal, normal, rest, self._hottest(clock),
                energies, self._energy, self._virial, self._near,
            )  # fmt: skip
            drifted = code == module.STALE
            if code == module.EXPLODED:
                return energies[:done], False
            if drifted:
                self._renew()
        if n:
            self.potential = float(energies[-1, 0])
        return energies, True


class PlainLoop(Loop):
    """Steps in NumPy around a function from positions to energy and forces."""

    def __init__(
        self,
        forces: Callable[[np.ndarray], tuple[float, np.ndarray]],
        position: np.ndarray,
        velocity: np.ndarray,
        mass: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(np.array(position, dtype=float), np.array(velocity, dtype=float), mass, rng)
        self.forces = forces
        self.potential, self.force = forces(self.position)

    def run(self, thermal: np.ndarray, clock: Clock) -> tuple[np.ndarray, bool]:
        n, keep, mass = len(thermal), clock.keep, self.mass[:, None]
        normal, rest = self._noise(n, clock)
        energies = np.full((n, 2), np.nan)
        for s in range(n):
            self.velocity += 0.5 * clock.step * self.force / mass
            self.position += 0.5 * clock.step * self.velocity
            if clock.ensemble == "langevin":
                width = np.sqrt(thermal[s] / mass * (1 - keep * keep))
                self.velocity = keep * self.velocity + width * normal[s].reshape(-1, 3)
            self.position += 0.5 * clock.step * self.velocity
            if not np.isfinite(self.position).all():
                return energies[:s], False
            self.potential, self.force = self.forces(self.position)
            self.velocity += 0.5 * clock.step * self.force / mass
            kinetic = kinetic_energy(self.velocity, self.mass)
            if clock.ensemble == "nvt" and kinetic > 0:
                factor = _rescaling(kinetic, 0.5 * self.n_free * thermal[s], keep, self.n_free, normal[s, 0], rest[s])
                self.velocity *= factor
                kinetic *= factor**2
            energies[s] = self.potential, kinetic
            if not (kinetic < self._hottest(clock) and math.isfinite(self.potential)):
                return energies[: s + 1], False
        return energies, True


def _rescaling(kinetic: float, wanted: float, keep: float, n_free: int, normal: float, rest: float) -> float:
    """Factor of Bussi, Donadio and Parrinello 2007, equation A7."""
    part = (1 - keep) * wanted / (n_free * kinetic)
    return math.sqrt(max(keep + part * (normal**2 + rest) + 2 * normal * math.sqrt(keep * part), 0.0))
