"""Synthetic structures and trajectories that come with the truth."""

import json
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets import __version__
from mi_widgets.errors import ParameterError
from mi_widgets.labels import label_structure

__all__ = ["make_diffusing_atoms", "make_harmonic_crystal", "make_silica", "make_slab"]

# eV/(angstrom**2 u) as an angular frequency squared (1/fs**2), and kT at 1 K (eV), CODATA 2018
_FORCE = 9.648533212e-3
_BOLTZMANN = 8.617333262e-5


def make_slab(
    *,
    size: tuple[int, int] = (4, 4),
    n_layers: int = 4,
    step: bool = True,
    vacuum: float = 12.0,
    rattle: float = 0.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make a slab of MgO(001), with a step across it, whose layers and coordination numbers are known.

    Parameters
    ----------
    size : (int, int)
        Atoms along x and y, even and at least 4.
    n_layers : int
        Layers of the lower terrace; the upper one has one more.
    step : bool
        Put one more layer on the half with small x.
    vacuum : float
        Empty space above the slab (angstrom).
    rattle : float
        Standard deviation of random displacements (angstrom).
    seed : int, numpy.random.Generator or None
        Of the displacements.

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`, that repeats along a and b, and

        - ``true_layer`` (atom), 1: layer from the bottom
        - ``true_coordination`` (atom), 1: number of nearest neighbours, counted on the lattice

    Raises
    ------
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> sorted(set(make_slab().true_coordination.values.tolist()))
    [4, 5, 6]
    """
    nx, ny = size
    if nx % 2 or ny % 2 or min(nx, ny) < 4 or n_layers < 1 or vacuum < 0 or rattle < 0:
        raise ParameterError("make_slab: size must be even and 4 or more, n_layers 1 or more, others not negative.")
    spacing = 4.212 / 2
    filled = np.zeros((nx, ny, n_layers + 1), dtype=bool)
    filled[:, :, :n_layers] = True
    filled[: nx // 2, :, n_layers] = step
    place = np.argwhere(filled)
    place = place[np.lexsort((place[:, 0], place[:, 1], place[:, 2]))]
    around = np.zeros(filled.shape, dtype=int)
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        around += np.roll(filled, shift, axis=axis)
    around[:, :, 1:] += filled[:, :, :-1]
    around[:, :, :-1] += filled[:, :, 1:]
    position = place * spacing + rattle * np.random.default_rng(seed).standard_normal(place.shape)
    cell = np.diag([nx * spacing, ny * spacing, (n_layers + step) * spacing + vacuum])
    ds = label_structure(
        position, np.where(place.sum(axis=1) % 2, "O", "Mg"), cell=cell, pbc=(True, True, False)
    )  # fmt: skip
    ds["true_layer"] = ("atom", place[:, 2], {"units": "1", "long_name": "true layer"})
    ds["true_coordination"] = ("atom", around[tuple(place.T)], {"units": "1", "long_name": "true coordination number"})
    return _finish(ds, "make_slab", "MgO(001) with a step" if step else "MgO(001)", {"size": list(size), "step": step})


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
    rng = np.random.default_rng(seed)
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
    return _finish(ds, "make_diffusing_atoms", "Diffusing atoms", parameters | {"timestep": timestep, "length": length})


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
    rng = np.random.default_rng(seed)
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
    return _finish(ds, "make_harmonic_crystal", "Harmonic crystal", parameters | {"thermal": thermal})


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


def make_silica(*, n_cells: int = 2, disorder: float = 0.15, seed: int | np.random.Generator | None = 0) -> xr.Dataset:
    """Make a network of silica whose bonds are known: each Si has four O, each O two Si.

    Bonds of cristobalite's network are switched at random (F. Wooten, K. Winer and D. Weaire [1]_), and springs between
    bonded atoms and along the edges of the tetrahedra are relaxed after each round, other atoms being kept apart.

    Parameters
    ----------
    n_cells : int
        Cubic cells of eight Si along each edge (2 or 3).
    disorder : float
        Switches for each Si, 0 to 0.2; 0 is the crystal. Bonds stay below 2.2 angstrom, other Si-O distances above.
    seed : int, numpy.random.Generator or None
        The same integer gives the same network.

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`, and

        - ``true_bond`` (bond, end), 1: Si and O of each bond
        - ``true_coordination`` (atom), 1

    Raises
    ------
    ParameterError
        A number is out of range.

    References
    ----------
    .. [1] Phys. Rev. Lett. 54, 1392 (1985), doi:10.1103/PhysRevLett.54.1392

    Examples
    --------
    >>> make_silica().sizes["atom"]
    192
    """
    if n_cells not in (2, 3) or not 0 <= disorder <= 0.2:
        raise ParameterError("make_silica: n_cells must be 2 or 3 and disorder 0 to 0.2.")
    rng = np.random.default_rng(seed)
    edge = 7.16 * n_cells
    silicon, links = _diamond(n_cells, 7.16)
    n = len(silicon)
    for _ in range(4 if disorder else 0):
        _switch(links, rng, round(disorder * n / 4))
        silicon = _relax(silicon, np.array(links), 3.1, edge, _seconds(links, n), 5.06, 4.3)
    ends = np.array(links)
    between = silicon[ends[:, 1]] - silicon[ends[:, 0]]
    between -= edge * np.round(between / edge)
    position = np.concatenate([silicon, silicon[ends[:, 0]] + between / 2])
    oxygen = n + np.arange(len(links))
    bonds = np.concatenate([np.stack([ends[:, k], oxygen], axis=1) for k in (0, 1)])
    edges = _seconds([tuple(b) for b in bonds.tolist()], n + len(links), n)
    if disorder:
        position = _relax(position, bonds, 1.61, edge, edges, 2.63, 2.9)
    names = np.where(np.arange(len(position)) < n, "Si", "O")
    ds = label_structure(np.mod(position, edge), names, cell=np.eye(3) * edge)
    order = np.lexsort((bonds[:, 1], bonds[:, 0]))
    ds["true_bond"] = (("bond", "end"), bonds[order], {"units": "1", "long_name": "atoms of a bond"})
    degree = np.bincount(bonds.ravel(), minlength=len(position))
    ds["true_coordination"] = ("atom", degree, {"units": "1", "long_name": "true coordination number"})
    return _finish(ds, "make_silica", "Network of silica", {"n_cells": n_cells, "disorder": disorder})


def _diamond(n_cells: int, edge: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    base = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]])
    cells = 4 * np.stack(np.meshgrid(*[np.arange(n_cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    first = (cells + base).reshape(-1, 3)
    place = np.concatenate([first, first + 1])
    number = {tuple(p): k for k, p in enumerate(place.tolist())}
    side = 4 * n_cells
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    links = [(k, number[tuple(((p + t) % side).tolist())]) for k, p in enumerate(first) for t in tetrahedron]
    return place * (edge / 4), links


def _switch(links: list[tuple[int, int]], rng: np.random.Generator, n: int) -> None:
    """Switch bonds A-C, B-D around a bond A-B to B-C, A-D."""
    done = 0
    for _ in range(200 * n):
        if done >= n:
            return
        a, b = links[int(rng.integers(len(links)))]
        near = [
            [k for k, link in enumerate(links) if me in link and other not in link] for me, other in ((a, b), (b, a))
        ]
        if not near[0] or not near[1]:
            continue
        i, j = int(rng.choice(near[0])), int(rng.choice(near[1]))
        c, d = sum(links[i]) - a, sum(links[j]) - b
        present = {frozenset(link) for link in links}
        if len({a, b, c, d}) < 4 or {frozenset((a, d)), frozenset((b, c))} & present:
            continue
        links[i], links[j] = (b, c), (a, d)
        done += 1


def _seconds(links: list[tuple[int, int]], n: int, centres: int | None = None) -> np.ndarray:
    """Pairs of atoms bonded to the same one."""
    around: list[list[int]] = [[] for _ in range(n)]
    for i, j in links:
        around[i].append(j)
        around[j].append(i)
    found = {
        (min(i, j), max(i, j)) for near in around[:centres] for k, i in enumerate(near) for j in near[k + 1 :] if i != j
    }
    return np.array(sorted(found)).reshape(-1, 2)


def _relax(
    position: np.ndarray, bonds: np.ndarray, rest: float, edge: float, others: np.ndarray, far: float, apart: float
) -> np.ndarray:
    """Lowest energy of springs along bonds, weaker ones between second neighbours, and all others kept apart."""
    from scipy.optimize import minimize
    from scipy.spatial import cKDTree

    known = {(min(p), max(p)) for p in [*map(tuple, bonds.tolist()), *map(tuple, others.tolist())]}
    for _ in range(8):
        near = cKDTree(np.mod(position, edge), boxsize=edge).query_pairs(1.3 * apart)
        crowd = np.array(sorted(near - known), dtype=int).reshape(-1, 2)
        ends = np.concatenate([bonds, others, crowd])
        count = (len(bonds), len(others), len(crowd))
        length, stiff = np.repeat([rest, far, apart], count), np.repeat([1.0, 0.15, 0.3], count)
        highest = np.repeat([np.inf, np.inf, 0.0], count)  # a crowd only pushes
        found = minimize(
            _springs, position.ravel(), (ends, length, stiff, highest, edge), jac=True, method="L-BFGS-B",
            options={"maxiter": 100},
        )  # fmt: skip
        position = np.asarray(found.x).reshape(-1, 3)
    return position


def _springs(
    flat: np.ndarray, ends: np.ndarray, length: np.ndarray, stiff: np.ndarray, highest: np.ndarray, edge: float
) -> tuple[float, np.ndarray]:
    x = flat.reshape(-1, 3)
    d = x[ends[:, 1]] - x[ends[:, 0]]
    d -= edge * np.round(d / edge)
    r = np.sqrt(np.square(d).sum(axis=1)) + 1e-12
    stretch = np.minimum(r - length, highest)
    pull = (stiff * stretch / r)[:, None] * d
    gradient = np.zeros_like(x)
    np.add.at(gradient, ends[:, 1], pull)
    np.add.at(gradient, ends[:, 0], -pull)
    return 0.5 * float((stiff * np.square(stretch)).sum()), gradient.ravel()


def _finish(ds: xr.Dataset, function: str, title: str, parameters: dict[str, Any]) -> xr.Dataset:
    history = {"function": f"mi_widgets.datasets.{function}", "version": __version__, "parameters": parameters}
    ds.attrs = {"title": title, "source": "synthetic", "history": json.dumps(history)}
    return ds
