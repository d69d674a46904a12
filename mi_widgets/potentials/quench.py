"""Melt and quench: from atoms at random places to a glass."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import label_structure
from mi_widgets.potentials._atoms import Atoms, atoms_of
from mi_widgets.potentials._md_forces import make_loop
from mi_widgets.potentials._md_loop import BOLTZMANN, MASS_UNIT, Clock, Loop, draw_velocities
from mi_widgets.potentials._md_record import Record, run_frames
from mi_widgets.potentials._random_box import random_silica
from mi_widgets.potentials.ttam import TTAM
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_melt_quench", "melt_quench"]

_FRICTION = 200.0  # fs


def melt_quench(
    structure: xr.Dataset | None = None,
    forces: Any = None,
    *,
    n_atoms: int = 72,
    density: float = 2.2,
    melt_temperature: float = 4500.0,
    end_temperature: float = 300.0,
    rate: float = 100.0,
    melt_time: float = 4.0,
    hold_time: float = 2.0,
    time_step: float = 1.0,
    every: int = 250,
    seed: int | np.random.Generator | None = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Melt atoms, cool the melt at a steady rate, and hold the glass, all at one volume.

    Parameters
    ----------
    structure : xarray.Dataset, optional
        What is melted, see `mi_widgets.labels.label_structure`; by default Si and O at random places in a cube.
    forces : TTAM, fitted potential, calculator of ASE, or callable, optional
        See `run_md`; by default ``TTAM()``.
    n_atoms : int
        Number of atoms (a multiple of 3, 9 to 3,000) where no structure is given.
    density : float
        g/cm3 (1 to 5) where no structure is given. That of vitreous silica is 2.2.
    melt_temperature, end_temperature : float
        K.
    rate : float
        K/ps. Slower glasses have less energy and fewer defects; real ones are cooled ten orders of magnitude slower.
    melt_time, hold_time : float
        How long the melt and the glass are held (ps).
    time_step : float
        fs.
    every : int
        Steps between two frames.
    seed : int, numpy.random.Generator or None
        Of places, velocities and thermostat (Langevin's, 200 fs).
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        A trajectory as `run_md` gives, with ``velocity`` and the coordinate ``stage`` (frame): melt, quench or hold.

    Raises
    ------
    ParameterError
        A number is out of range, or so many atoms find no place.
    LabelError, DataError
        See `run_md`.

    Examples
    --------
    >>> glass = melt_quench(n_atoms=24, rate=20_000.0, melt_time=0.1, hold_time=0.05, every=50)
    >>> glass.sizes["atom"], str(glass.stage.values[-1])
    (24, 'hold')
    """
    parts = iter_melt_quench(
        structure,
        forces,
        n_atoms=n_atoms,
        density=density,
        melt_temperature=melt_temperature,
        end_temperature=end_temperature,
        rate=rate,
        melt_time=melt_time,
        hold_time=hold_time,
        time_step=time_step,
        every=every,
        seed=seed,
    )
    result: xr.Dataset = collect(parts, progress)
    return result


def iter_melt_quench(
    structure: xr.Dataset | None = None,
    forces: Any = None,
    *,
    n_atoms: int = 72,
    density: float = 2.2,
    melt_temperature: float = 4500.0,
    end_temperature: float = 300.0,
    rate: float = 100.0,
    melt_time: float = 4.0,
    hold_time: float = 2.0,
    time_step: float = 1.0,
    every: int = 250,
    seed: int | np.random.Generator | None = 0,
) -> Iterator[Part]:
    """Melt and quench in parts of some tenths of a second.

    Parameters
    ----------
    structure, forces, n_atoms, density, melt_temperature, end_temperature, rate, melt_time, hold_time, time_step
        See `melt_quench`.
    every, seed
        See `melt_quench`.

    Returns
    -------
    iterator of mi_widgets.runs.Part
        ``result`` is the trajectory so far; whoever stops asking keeps it.

    Raises
    ------
    ParameterError, LabelError, DataError
        See `melt_quench`.

    Examples
    --------
    >>> parts = iter_melt_quench(n_atoms=24, rate=20_000.0, melt_time=0.1, hold_time=0.05, every=50)
    >>> [part.done for part in parts][-1]
    360
    """
    who = "melt_quench"
    plan = _plan(melt_temperature, end_temperature, rate, melt_time, hold_time, time_step, every, who=who)
    rng = np.random.default_rng(seed)
    start = _random_start(n_atoms, density, rng, who=who) if structure is None else structure
    atoms = atoms_of(start, who=who)
    parameters = {
        "n_atoms": len(atoms.element), "density": density if structure is None else "that of the structure",
        "melt_temperature": melt_temperature, "end_temperature": end_temperature, "rate": rate,
        "melt_time": melt_time, "hold_time": hold_time, "time_step": time_step, "every": every,
        "forces": repr(forces), "seed": seed if isinstance(seed, int | None) else "not an integer",
    }  # fmt: skip
    attrs = origin("potentials.melt_quench", "melt and quench", parameters, of=structure, source="synthetic")
    return _parts(atoms, TTAM() if forces is None else forces, plan, rng, attrs)


@dataclass(frozen=True)
class _Plan:
    """Temperature before each step and at the end (K), step (fs), and steps at which the stages end."""

    target: np.ndarray
    step: float
    every: int
    ends: tuple[int, int]


def _plan(
    high: float, low: float, rate: float, melt: float, hold: float, step: float, every: int, *, who: str
) -> _Plan:
    if not (0 < low <= high <= 20_000 and rate > 0 and 0 < step <= 5 and melt >= 0 and hold >= 0):
        raise ParameterError(
            f"{who}: temperatures must be 0 to 20,000 K and fall, rate above 0 K/ps, time_step above 0 to 5 fs, "
            f"melt_time and hold_time 0 ps or more; got {high!r}, {low!r}, {rate!r}, {step!r}, {melt!r}, {hold!r}."
        )
    if isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 1:
        raise ParameterError(f"{who}: every must be a whole number of 1 or more; got {every!r}.")
    n_melt, n_hold = round(1000 * melt / step), round(1000 * hold / step)
    n_quench = round(1000 * (high - low) / rate / step)
    if n_melt + n_quench + n_hold > 100_000_000:
        raise ParameterError(f"{who}: {n_melt + n_quench + n_hold:,} steps; write a higher rate or a longer time_step.")
    fall = np.linspace(high, low, n_quench + 1)[1:]
    target = np.concatenate([np.full(n_melt + 1, high), fall, np.full(n_hold, low)])
    return _Plan(target, float(step), int(every), (n_melt, n_melt + n_quench))


def _random_start(n_atoms: int, density: float, rng: np.random.Generator, *, who: str) -> xr.Dataset:
    if isinstance(n_atoms, bool) or n_atoms not in range(9, 3001, 3) or not 1 <= density <= 5:
        raise ParameterError(
            f"{who}: n_atoms must be a multiple of 3 of 9 to 3,000, and density 1 to 5 g/cm3; got {n_atoms!r} and "
            f"{density!r}."
        )
    position, kind, edge = random_silica(n_atoms // 3, density, rng)
    return label_structure(position, np.where(kind == 0, "Si", "O"), cell=np.eye(3) * edge)


def _settle(loop: Loop, high: float) -> bool:
    """Take atoms that were put at random, or into a crystal, to the melt: short steps first, with much friction."""
    for n, temperature, step, friction in ((100, 0.5 * high, 0.1, 10.0), (1000, high, 0.5, 50.0)):
        _, well = loop.run(np.full(n, temperature * BOLTZMANN), Clock(step, "langevin", friction, 1e12))
        if not well:
            return False
    return True


def _parts(
    atoms: Atoms, forces: Any, plan: _Plan, rng: np.random.Generator, attrs: Mapping[str, str]
) -> Iterator[Part]:
    mass = atoms.mass * MASS_UNIT
    loop = make_loop(forces, atoms, draw_velocities(mass, 300.0, rng), mass, rng, who="melt_quench")
    record = Record(atoms, plan.every, plan.step, plan.target[:: plan.every], ("velocity",))
    stages = np.array(["melt", "quench", "hold"])
    stage = stages[np.searchsorted(plan.ends, np.arange(len(record.target)) * plan.every, side="left")]
    total, first = len(plan.target) - 1, 0
    if _settle(loop, float(plan.target[0])):
        record.add(loop)
        frames = run_frames(loop, record, plan.target[1:] * BOLTZMANN, Clock(plan.step, "langevin", _FRICTION))
    else:
        record.add(loop)
        record.status = 2
        frames = iter([0])
    for done in frames:
        new = np.arange(first, record.n_frames)
        first = record.n_frames
        ds = record.dataset(attrs)
        ds = ds.assign_coords(stage=("frame", stage[: record.n_frames], {"long_name": "stage"}))
        yield Part(done, total, ds, new, f"{stage[max(record.n_frames - 1, 0)]}, {plan.target[done]:.0f} K")
