"""Molecular dynamics: with TTAM all compiled, with any other forces step by step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.potentials._atoms import Atoms, atoms_of
from mi_widgets.potentials._md_forces import make_loop
from mi_widgets.potentials._md_loop import BOLTZMANN, MASS_UNIT, THERMOSTATS, Clock, draw_velocities
from mi_widgets.potentials._md_record import Record, run_frames
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_run_md", "run_md"]

_DOI = ("10.1063/1.2408420", "10.1093/amrx/abs010")


def run_md(
    structure: xr.Dataset,
    forces: Any,
    *,
    temperature: float | tuple[float, float] = 300.0,
    n_steps: int = 1000,
    time_step: float = 1.0,
    ensemble: str = "nvt",
    relaxation_time: float = 100.0,
    every: int = 10,
    keep: Sequence[str] = ("velocity",),
    max_temperature: float = 50_000.0,
    seed: int | np.random.Generator | None = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Let the atoms of a structure move.

    Parameters
    ----------
    structure : xarray.Dataset
        See `mi_widgets.labels.label_structure`. Its ``velocity`` (angstrom/fs), if it has one, is where the run begins;
        else velocities are drawn at the first temperature. ``mass`` (atom), u, takes the place of the elements' masses.
    forces : TTAM, fitted potential, calculator of ASE, or callable
        What gives the forces. TTAM has a compiled loop; a callable gets positions (n_atoms, 3) in angstrom and gives
        energy (eV) and forces (eV/angstrom).
    temperature : float or (float, float)
        K; of two, the thermostat goes from the first to the second in equal steps.
    n_steps : int
        Number of steps.
    time_step : float
        fs.
    ensemble : {"nvt", "nve", "langevin"}
        ``"nvt"`` scales all velocities at random so that the kinetic energy is distributed as it should (Bussi,
        Donadio, Parrinello [1]_), which hardly disturbs the motion; ``"langevin"`` pushes each atom (BAOAB [2]_), which
        heats evenly and destroys the motion; ``"nve"`` keeps the energy.
    relaxation_time : float
        Time (fs) in which either thermostat forgets the old energy.
    every : int
        Steps between two frames.
    keep : sequence of {"velocity", "force"}
        What is kept beside positions and energies.
    max_temperature : float
        A run that gets hotter (K), or whose energy is no number, stops.
    seed : int, numpy.random.Generator or None
        Of velocities and thermostat.
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        A trajectory from time 0 on: ``position`` (frame, atom, axis) in angstrom, not wrapped into the cell;
        ``velocity`` in angstrom/fs and ``force`` in eV/angstrom as `keep` says; ``energy`` (potential),
        ``kinetic_energy`` (frame) in eV; ``temperature`` (frame) in K, of 3 N - 3 degrees of freedom, 3 N where
        ``langevin`` pushes the centre of mass too; coordinates ``time`` in fs, ``target_temperature`` in K. ``outside``
        (frame, atom) where the potential tells which atoms have left its training domain since the frame before.
        ``status``: ``ok``, ``unfinished`` (cancelled) or
        ``exploded``, with the frames up to then.

    Raises
    ------
    ParameterError
        A number or name is out of range, or `forces` gives none.
    LabelError, DataError
        No structure, or one that the potential cannot compute.

    References
    ----------
    .. [1] J. Chem. Phys. 126, 014101 (2007), doi:10.1063/1.2408420
    .. [2] B. Leimkuhler, C. Matthews, Appl. Math. Res. Express 2013, 34, doi:10.1093/amrx/abs010

    Examples
    --------
    >>> from mi_widgets.datasets import make_silica
    >>> from mi_widgets.potentials.ttam import TTAM
    >>> md = run_md(make_silica(n_cells=2, disorder=0), TTAM(), temperature=300, n_steps=20)
    >>> md.sizes["frame"], md.status.item()
    (3, 0)
    """
    parts = iter_run_md(
        structure,
        forces,
        temperature=temperature,
        n_steps=n_steps,
        time_step=time_step,
        ensemble=ensemble,
        relaxation_time=relaxation_time,
        every=every,
        keep=keep,
        max_temperature=max_temperature,
        seed=seed,
    )
    result: xr.Dataset = collect(parts, progress)
    return result


def iter_run_md(
    structure: xr.Dataset,
    forces: Any,
    *,
    temperature: float | tuple[float, float] = 300.0,
    n_steps: int = 1000,
    time_step: float = 1.0,
    ensemble: str = "nvt",
    relaxation_time: float = 100.0,
    every: int = 10,
    keep: Sequence[str] = ("velocity",),
    max_temperature: float = 50_000.0,
    seed: int | np.random.Generator | None = 0,
) -> Iterator[Part]:
    """Let the atoms of a structure move, in parts of some tenths of a second.

    Parameters
    ----------
    structure, forces, temperature, n_steps, time_step, ensemble, relaxation_time, every, keep, max_temperature, seed
        See `run_md`.

    Returns
    -------
    iterator of mi_widgets.runs.Part
        ``result`` is the trajectory so far; whoever stops asking keeps it.

    Raises
    ------
    ParameterError, LabelError, DataError
        See `run_md`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_silica
    >>> from mi_widgets.potentials.ttam import TTAM
    >>> [part.done for part in iter_run_md(make_silica(n_cells=2, disorder=0), TTAM(), n_steps=5, every=5)]
    [5]
    """
    who = "run_md"
    atoms = atoms_of(structure, who=who)
    start, end = check_schedule(temperature, n_steps, time_step, every, who=who)
    check_choices(ensemble, keep, relaxation_time, max_temperature, who=who)
    rng = np.random.default_rng(seed)
    mass = atoms.mass * MASS_UNIT
    velocity = draw_velocities(mass, start, rng) if atoms.velocity is None else atoms.velocity
    clock = Clock(time_step, ensemble, relaxation_time, max_temperature)
    target = np.linspace(start, end, n_steps + 1)
    parameters = {
        "forces": repr(forces), "temperature": [start, end], "n_steps": n_steps, "time_step": time_step,
        "ensemble": ensemble, "relaxation_time": relaxation_time, "every": every, "keep": list(keep),
        "seed": seed if isinstance(seed, int | None) else "not an integer",
    }  # fmt: skip
    attrs = origin("potentials.run_md", "molecular dynamics", parameters, of=structure, references=_DOI)
    return _parts(forces, atoms, velocity, mass, rng, target, clock, every, tuple(keep), attrs)


def _parts(
    forces: Any,
    atoms: Atoms,
    velocity: np.ndarray,
    mass: np.ndarray,
    rng: np.random.Generator,
    target: np.ndarray,
    clock: Clock,
    every: int,
    keep: tuple[str, ...],
    attrs: Mapping[str, str],
) -> Iterator[Part]:
    loop = make_loop(forces, atoms, velocity, mass, rng, who="run_md")
    record = Record(atoms, every, clock.step, target[::every], keep, whole_moves=clock.ensemble == "langevin")
    record.add(loop)
    total, first = len(target) - 1, 0
    for done in run_frames(loop, record, target[1:] * BOLTZMANN, clock):
        new = np.arange(first, record.n_frames)
        first = record.n_frames
        yield Part(done, total, record.dataset(attrs), new, f"step {done} of {total}")


def check_schedule(temperature: Any, n_steps: Any, time_step: Any, every: Any, *, who: str) -> tuple[float, float]:
    """First and last temperature (K); numbers of steps and their length are checked."""
    try:
        pair = np.broadcast_to(np.asarray(temperature, dtype=float), 2)
    except ValueError as error:
        raise ParameterError(
            f"{who}: temperature is a number or (first, last) in K; got {temperature!r}. Write (4500, 300)."
        ) from error
    if not (np.isfinite(pair).all() and (pair >= 0).all() and (pair <= 100_000).all()):
        raise ParameterError(f"{who}: temperature must be 0 to 100,000 K; got {temperature!r}.")
    for name, value in (("n_steps", n_steps), ("every", every)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ParameterError(f"{who}: {name} must be a whole number of 1 or more; got {value!r}.")
    if not 0 < time_step <= 20:
        raise ParameterError(f"{who}: time_step must be above 0 and at most 20 fs; got {time_step!r}. Write 1.0.")
    return float(pair[0]), float(pair[1])


def check_choices(
    ensemble: str, keep: Sequence[str], relaxation_time: float, max_temperature: float, *, who: str
) -> None:
    """Raise unless the names are known and the times positive."""
    if ensemble not in THERMOSTATS:
        raise ParameterError(f"{who}: unknown ensemble {ensemble!r}; write one of {', '.join(THERMOSTATS)}.")
    if isinstance(keep, str) or set(keep) - {"velocity", "force"}:
        raise ParameterError(f"{who}: keep must name velocity or force; got {keep!r}. Write keep=('velocity',).")
    if not relaxation_time > 0 or not max_temperature > 0:
        raise ParameterError(
            f"{who}: relaxation_time (fs) and max_temperature (K) must be above 0; got {relaxation_time!r} and "
            f"{max_temperature!r}."
        )
