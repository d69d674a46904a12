"""Frames of molecular dynamics as they come, and the Dataset that they make."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mi_widgets.labels import label_structure
from mi_widgets.potentials._atoms import Atoms
from mi_widgets.potentials._md_forces import CalculatorForces
from mi_widgets.potentials._md_loop import BOLTZMANN, Clock, Loop, PlainLoop, kinetic_energy

__all__ = ["DONE", "EXPLODED", "UNFINISHED", "Record", "run_frames"]

DONE, UNFINISHED, EXPLODED = 0, 1, 2
_TARGET = 0.2  # seconds between two parts


@dataclass
class Record:
    """Arrays for all frames, filled one after another."""

    atoms: Atoms
    every: int
    step: float
    target: np.ndarray  # temperature aimed at, for each frame (K)
    keep: Sequence[str]
    whole_moves: bool = False  # the thermostat pushes the centre of mass too

    def __post_init__(self) -> None:
        n, shape = len(self.target), self.atoms.position.shape
        self.n_frames, self.status = 0, UNFINISHED
        self.position = np.empty((n, *shape))
        self.extra = {name: np.empty((n, *shape)) for name in ("velocity", "force") if name in self.keep}
        self.energy, self.kinetic = np.full(n, np.nan), np.full(n, np.nan)
        self.n_free = max(1, 3 * shape[0] - 3 * (not self.whole_moves))
        self.outside: list[np.ndarray] = []

    def add(self, loop: Loop) -> None:
        """Write the next frame."""
        k = self.n_frames
        self.position[k] = loop.unwrapped()
        for name, array in self.extra.items():
            array[k] = loop.velocity if name == "velocity" else loop.force
        self.energy[k], self.kinetic[k] = loop.potential, kinetic_energy(loop.velocity, loop.mass)
        source = getattr(loop, "forces", None)
        flags = source.take_outside() if isinstance(source, CalculatorForces) else None
        if flags is not None:
            self.outside.append(flags)
        self.n_frames += 1

    def dataset(self, attrs: Mapping[str, str], start: float = 0.0) -> xr.Dataset:
        """The frames so far."""
        n, atoms = self.n_frames, self.atoms
        clock = start + np.arange(n) * self.every * self.step
        ds = label_structure(self.position[:n], atoms.element, cell=atoms.cell, pbc=atoms.pbc, time=clock)
        if atoms.label is not None:
            ds["atom"] = ("atom", atoms.label, dict(ds["atom"].attrs))
        ds["position"].attrs["unwrapped"] = 1
        over = ("frame", "atom", "axis")
        units = {"velocity": "angstrom/fs", "force": "eV/angstrom"}
        for name, array in self.extra.items():
            ds[name] = (over, array[:n], {"units": units[name], "long_name": name})
        temperature = 2 * self.kinetic[:n] / (self.n_free * BOLTZMANN)
        for name, values, unit, text in (
            ("energy", self.energy[:n], "eV", "potential energy"),
            ("kinetic_energy", self.kinetic[:n], "eV", "kinetic energy"),
            ("temperature", temperature, "K", "temperature"),
        ):
            ds[name] = ("frame", values, {"units": unit, "long_name": text})
        aim = {"units": "K", "long_name": "temperature of the thermostat"}
        ds = ds.assign_coords(target_temperature=("frame", self.target[:n], aim))
        if len(self.outside) == n and n:
            text = "outside the training domain since the frame before"
            ds["outside"] = (("frame", "atom"), np.array(self.outside), {"units": "1", "long_name": text})
        flags = {"flag_values": [DONE, UNFINISHED, EXPLODED], "flag_meanings": "ok unfinished exploded"}
        ds["status"] = ((), np.int8(self.status), {"long_name": "how the run ended", **flags})
        ds.attrs = dict(attrs)
        return ds


def run_frames(loop: Loop, record: Record, thermal: np.ndarray, clock: Clock) -> Iterator[int]:
    """Make the steps and record the frames; yields the steps done about five times a second, and at the end."""
    done, n, limit = 0, len(thermal), 10 if isinstance(loop, PlainLoop) else 100
    last = time.perf_counter()
    while done < n:
        stop = min(n, done + limit, (done // record.every + 1) * record.every)
        began = time.perf_counter()
        _, well = loop.run(thermal[done:stop], clock)
        if not well:
            record.status = EXPLODED
            yield done
            return
        seconds = max(time.perf_counter() - began, 1e-6)
        limit = int(np.clip(_TARGET * (stop - done) / seconds, 1, 1000))
        done = stop
        if done % record.every == 0:
            record.add(loop)
        if done < n and time.perf_counter() - last > _TARGET:
            yield done
            last = time.perf_counter()
    record.status = DONE
    yield done
