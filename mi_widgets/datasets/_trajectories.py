"""Synthetic trajectories that come with the truth."""

import numpy as np
import xarray as xr

from mi_widgets.datasets._seed import generator
from mi_widgets.datasets._structures import finish_structure
from mi_widgets.errors import ParameterError
from mi_widgets.labels import label_structure

__all__ = ["make_diffusing_atoms", "make_harmonic_crystal"]

# eV/(angstrom**2 u) as an angular frequency squared (1/fs**2), and kT at 1 K (eV), CODATA 2018
_FORCE = 9.648533212e-3
_BOLTZMANN = 8.617333262e-5


def make_diffusing_atoms(
    *,
    n_atoms: int = 100,
    n_frames: int = 2000,
    diffusion: float = 0.5,
    memory: float = 20.0,
    timestep: float = 10.0,
    length: float = 20.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Make a trajectory of atoms that diffuse without seeing each other, with a diffusion coefficient that is known.

    Velocities forget their past within a time tau (an Ornstein-Uhlenbeck process, sampled exactly), so that
    MSD = 6 D (t - tau (1 - exp(-t / tau))).

    Parameters
    ----------
    n_atoms, n_frames : int
        Half of the atoms are Li with `diffusion`, half Na with a quarter of it.
    diffusion : float
        Diffusion coefficient of Li (angstrom**2/ps).
    memory : float
        tau (fs).
    timestep : float
        Time between frames (fs).
    length : float
        Edge of the cubic cell (angstrom), into which positions are wrapped.
    seed : int, numpy.random.Generator or None
        The same integer gives the same trajectory.

    Returns
    -------
    xarray.Dataset
        A trajectory with ``time`` (fs) and ``velocity`` (angstrom/fs), and

        - ``true_diffusion`` (species), angstrom**2/ps
        - ``true_position`` (frame, atom, axis), angstrom: without jumps

    Raises
    ------
    ParameterError
        A number is not above zero.

    Notes
    -----
    D. T. Gillespie, Phys. Rev. E 54, 2084 (1996), doi:10.1103/PhysRevE.54.2084.

    Examples
    --------
    >>> make_diffusing_atoms(n_atoms=4, n_frames=10).true_diffusion.values
    array([0.5  , 0.125])
    """
    if min(n_atoms, n_frames, diffusion, memory, timestep, length) <= 0:
        raise ParameterError("make_diffusing_atoms: all numbers must be above zero.")
    rng = generator(seed, who="make_diffusing_atoms")
    names = np.where(np.arange(n_atoms) < (n_atoms + 1) // 2, "Li", "Na")
    d = np.where(names == "Li", diffusion, diffusion / 4) * 1e-3  # angstrom**2/fs
    speed = d / memory  # variance of each component: D = <v v> tau
    ratio = timestep / memory
    keep = np.exp(-ratio)
    # the exact joint step of velocity and position
    var_v = 1 - keep**2
    var_x = 2 * ratio - 3 + 4 * keep - keep**2
    cov = (1 - keep) ** 2
    velocity = np.empty((n_frames, n_atoms, 3))
    step = np.empty_like(velocity)
    root = np.sqrt(speed)[:, None]
    v = root * rng.standard_normal((n_atoms, 3))
    for k in range(n_frames):
        velocity[k] = v
        a, b = rng.standard_normal((2, n_atoms, 3))
        step[k] = v * memory * (1 - keep) + root * memory * (
            cov / np.sqrt(var_v) * a + np.sqrt(max(var_x - cov**2 / var_v, 0.0)) * b
        )
        v = v * keep + root * np.sqrt(var_v) * a
    start = rng.random((n_atoms, 3)) * length
    path = start + np.concatenate([np.zeros((1, n_atoms, 3)), np.cumsum(step[:-1], axis=0)])
    ds = label_structure(
        np.mod(path, length), names, cell=np.eye(3) * length, time=np.arange(n_frames) * timestep, time_units="fs"
    )
    over = ("frame", "atom", "axis")
    ds["velocity"] = (over, velocity, {"units": "angstrom/fs", "long_name": "velocity"})
    ds["true_position"] = (over, path, {"units": "angstrom", "long_name": "true position without jumps"})
    species = ["Li", "Na"] if n_atoms > 1 else ["Li"]
    truth = [diffusion, diffusion / 4][: len(species)]
    ds = ds.assign_coords(species=("species", species, {"long_name": "element"}))
    ds["true_diffusion"] = ("species", truth, {"units": "angstrom**2/ps", "long_name": "true diffusion coefficient"})
    parameters = {"n_atoms": n_atoms, "n_frames": n_frames, "diffusion": diffusion, "memory": memory}
    return finish_structure(
        ds, "make_diffusing_atoms", "Diffusing atoms", parameters | {"timestep": timestep, "length": length}
    )


def make_harmonic_crystal(
    *,
    n_cells: int = 3,
    n_frames: int = 2048,
    timestep: float = 10.0,
    temperature: float = 100.0,
    thermal: bool = False,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make the trajectory of a harmonic crystal of NaCl's structure, with its exact frequencies.

    Neighbours up to the second shell are joined by springs; positions and velocities are sums of the normal modes,
    without any error of integration.

    Parameters
    ----------
    n_cells : int
        Cubic cells of eight atoms along each edge (2 to 5).
    n_frames : int
        Number of frames.
    timestep : float
        Time between frames (fs).
    temperature : float
        Temperature (K).
    thermal : bool
        Energies of the modes are drawn at random, as in a run at this temperature; else each is kT.
    seed : int, numpy.random.Generator or None
        Of phases and energies.

    Returns
    -------
    xarray.Dataset
        A trajectory with ``time`` (fs) and ``velocity`` (angstrom/fs), and

        - ``true_frequency`` (mode), THz: without the three of the whole crystal
        - ``true_share`` (species, mode), 1: share of each species in the energy of a mode

    Raises
    ------
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> make_harmonic_crystal(n_cells=2, n_frames=4).true_frequency.size
    189
    """
    if not 2 <= n_cells <= 5 or min(n_frames, timestep, temperature) <= 0:
        raise ParameterError("make_harmonic_crystal: n_cells must be 2 to 5, the other numbers above zero.")
    rng = generator(seed, who="make_harmonic_crystal")
    spacing = 5.64 / 2
    side = 2 * n_cells
    place = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    odd = place.sum(axis=1) % 2
    mass = np.where(odd, 35.45, 22.98977)
    force = _spring_matrix(place, side)
    root = np.repeat(np.sqrt(mass), 3)
    square, modes = np.linalg.eigh(force / root[:, None] / root[None, :] * _FORCE)
    omega = np.sqrt(np.maximum(square[3:], 0.0))  # 1/fs
    modes = modes[:, 3:]
    energy = _BOLTZMANN * temperature * (rng.exponential(size=omega.size) if thermal else np.ones(omega.size))
    amplitude = np.sqrt(2 * energy * _FORCE) / omega
    time = np.arange(n_frames) * timestep
    phase = omega * time[:, None] + rng.uniform(0, 2 * np.pi, omega.size)
    moved = (amplitude * np.cos(phase)) @ modes.T / root
    velocity = (-amplitude * omega * np.sin(phase)) @ modes.T / root
    shape = (n_frames, len(place), 3)
    ds = label_structure(
        place * spacing + moved.reshape(shape), np.where(odd, "Cl", "Na"), cell=np.eye(3) * side * spacing, time=time
    )
    ds["velocity"] = (
        ("frame", "atom", "axis"),
        velocity.reshape(shape),
        {"units": "angstrom/fs", "long_name": "velocity"},
    )
    share = np.square(modes).reshape(len(place), 3, -1).sum(axis=1)
    ds = ds.assign_coords(species=("species", ["Na", "Cl"], {"long_name": "element"}))
    shares = np.array([share[odd == k].sum(axis=0) for k in (0, 1)])
    ds["true_frequency"] = ("mode", omega / (2 * np.pi) * 1e3, {"units": "THz", "long_name": "true frequency"})
    ds["true_share"] = (("species", "mode"), shares, {"units": "1", "long_name": "share of the mode's energy"})
    parameters = {"n_cells": n_cells, "n_frames": n_frames, "timestep": timestep, "temperature": temperature}
    return finish_structure(ds, "make_harmonic_crystal", "Harmonic crystal", parameters | {"thermal": thermal})


def _spring_matrix(place: np.ndarray, side: int) -> np.ndarray:
    """Second derivatives of the energy (eV/angstrom**2) for springs to the first two shells."""
    n = len(place)
    number = np.full((side,) * 3, -1)
    number[tuple(place.T)] = np.arange(n)
    out = np.zeros((n, 3, n, 3))
    shifts = [s for s in np.ndindex(3, 3, 3) if 1 <= sum(abs(k - 1) for k in s) <= 2]
    for shift in np.array(shifts) - 1:
        stiff = 2.0 if np.abs(shift).sum() == 1 else 0.6
        unit = shift / np.linalg.norm(shift)
        block = stiff * np.outer(unit, unit)
        other = number[tuple(((place + shift) % side).T)]
        here = np.arange(n)
        out[here, :, here, :] += block
        out[here, :, other, :] -= block
    return out.reshape(3 * n, 3 * n)
