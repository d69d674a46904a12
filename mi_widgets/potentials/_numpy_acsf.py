"""The kernels of symmetry functions with NumPy alone: the same arguments and results as the compiled ones, slower."""

from typing import Any

import numpy as np

__all__ = ["derivatives", "near_first", "pull", "push", "values"]

Array = np.ndarray


def near_first(
    start: Array, other: Array, vector: Array, distance: Array, inner: float
) -> tuple[Array, Array, Array, Array]:
    """Sort the neighbours of each atom so that those within the inner cutoff come first; how many these are."""
    first = np.repeat(np.arange(start.size - 1), np.diff(start))
    order = np.lexsort((distance >= inner, first))
    n_near = np.bincount(first[distance < inner], minlength=start.size - 1).astype(np.int64)
    return other[order], vector[order], distance[order], n_near


def _cut(r: Array, cutoff: float) -> tuple[Array, Array]:
    x = np.pi * r / cutoff
    return 0.5 * (np.cos(x) + 1.0), -0.5 * np.pi / cutoff * np.sin(x)


def _triplets(start: Array, n_near: Array) -> tuple[Array, Array, Array]:
    """Atom and both neighbours of every pair of neighbours inside the inner cutoff."""
    parts = []
    for i, n in enumerate(n_near):
        p, q = np.triu_indices(int(n), 1)
        parts.append((np.full(p.size, i), start[i] + p, start[i] + q))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def values(
    start: Array, n_near: Array, other: Array, vector: Array, distance: Array, species: Array, n_species: int,
    cutoff: float, inner: float, radial: Array, etas: Array, zeta: Array, sign: Array, eta_of: Array, zeta_of: Array,
    n_narrow: int, block: Array, out: Array,
) -> None:  # fmt: skip
    """Values of all functions of the atoms of one structure."""
    tables = cutoff, inner, radial, etas, zeta, sign, eta_of, zeta_of, n_narrow, block
    _fill(start, n_near, other, vector, distance, species, n_species, tables, out, None)


def derivatives(
    start: Array, n_near: Array, other: Array, vector: Array, distance: Array, species: Array, n_species: int,
    cutoff: float, inner: float, radial: Array, etas: Array, zeta: Array, sign: Array, eta_of: Array, zeta_of: Array,
    n_narrow: int, block: Array, out: Array, near_start: Array, by_pair: Array, by_angle: Array,
) -> None:  # fmt: skip
    """Values and stored derivatives of one structure."""
    tables = cutoff, inner, radial, etas, zeta, sign, eta_of, zeta_of, n_narrow, block
    _fill(
        start, n_near, other, vector, distance, species, n_species, tables, out, (near_start, by_pair, by_angle)
    )  # fmt: skip


def _fill(
    start: Array, n_near: Array, other: Array, vector: Array, distance: Array, species: Array, n_species: int,
    tables: tuple[Any, ...], out: Array, store: tuple[Array, Array, Array] | None,
) -> None:  # fmt: skip
    cutoff, radial = tables[0], tables[2]
    centre = np.repeat(np.arange(start.size - 1), np.diff(start))
    f, df = _cut(distance, cutoff)
    u = distance[:, None] - radial[:, 1]
    e = np.exp(-radial[:, 0] * u * u)
    column = species[other][:, None] * len(radial) + np.arange(len(radial))
    np.add.at(out, (centre[:, None], column), e * f[:, None])
    if store is not None:
        store[1][...] = e * (df[:, None] - 2.0 * radial[:, 0] * u * f[:, None]) / distance[:, None]
    if tables[6].size:
        _fill_angles(start, n_near, other, vector, distance, species, n_species, tables, out, store)


def _fill_angles(
    start: Array, n_near: Array, other: Array, vector: Array, distance: Array, species: Array, n_species: int,
    tables: tuple[Any, ...], out: Array, store: tuple[Array, Array, Array] | None,
) -> None:  # fmt: skip
    _, inner, _, etas, zeta, sign, eta_of, zeta_of, n_narrow, block = tables
    i, a, b = _triplets(start, n_near)
    va, vb, ra, rb = vector[a], vector[b], distance[a][:, None], distance[b][:, None]
    vc = vb - va
    rc = np.sqrt(np.einsum("ij,ij->i", vc, vc))[:, None]
    cosine = np.einsum("ij,ij->i", va, vb)[:, None] / (ra * rb)
    eta, z, lam = etas[eta_of], zeta[zeta_of], sign[zeta_of]
    x = np.maximum(0.5 * (1.0 + lam * cosine), 0.0)
    below = x ** (z - 1.0)
    (fa, da), (fb, db), (fc, dc) = _cut(ra, inner), _cut(rb, inner), _cut(rc, inner)
    narrow = np.arange(len(eta)) < n_narrow
    third = np.where(narrow, np.where(rc < inner, fc, 0.0), 1.0)
    gauss = np.exp(-eta * (ra * ra + rb * rb + np.where(narrow, rc * rc, 0.0)))
    cut = fa * fb * third
    s = 2.0 * below * x * gauss
    v, d = s * cut, z * lam * below * gauss * cut
    column = block[species[other[a]], species[other[b]]][:, None] + np.arange(len(eta))
    np.add.at(out, (i[:, None], column), v)
    if store is None:
        return
    slope = np.where(narrow & (rc < inner), fa * fb * dc / np.maximum(rc, 1e-300), 0.0)
    ca = d * (1 / rb - cosine / ra) / ra - 2 * eta * v + s * da * fb * third / ra
    cb = d * (1 / ra - cosine / rb) / rb - 2 * eta * v + s * fa * db * third / rb
    cc = -d / (ra * rb) + np.where(narrow, -2 * eta * v + s * slope, 0.0)
    near_start, _, by_angle = store
    full = np.zeros((len(by_angle), n_species, len(eta), 3))
    # place of each neighbour among those inside the inner cutoff
    place = near_start[i] - start[i]
    np.add.at(full, (place + a, species[other[b]]), ca[..., None] * va[:, None] - cc[..., None] * vc[:, None])
    np.add.at(full, (place + b, species[other[a]]), cb[..., None] * vb[:, None] + cc[..., None] * vc[:, None])
    by_angle[...] = full.transpose(0, 1, 3, 2)


def _chosen(
    frames: Array, offsets: Array, start: Array, near_start: Array, to: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Pairs of the chosen frames: pair, place of its near part (or -1), row of the atom, shift of rows, frame."""
    env = np.concatenate([np.arange(offsets[f], offsets[f + 1]) for f in frames])
    of = np.repeat(np.arange(len(frames)), np.diff(offsets)[frames])
    count, first = np.diff(start)[env], start[env]
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    pair = np.repeat(first, count) + within
    near = np.repeat(near_start[env], count) + within
    near[within >= np.repeat(np.diff(near_start)[env], count)] = -1
    row = np.repeat(np.arange(len(env)), count)
    return pair, near, row, np.repeat(to[of], count), np.repeat(of, count)


def _columns(
    other: Array, species: Array, offsets: Array, frames: Array, of: Array, pair: Array, n2: int
) -> tuple[Array, Array]:
    kind = species[offsets[frames][of] + other[pair]]
    return kind, kind[:, None] * n2 + np.arange(n2)


def pull(
    frames: Array, offsets: Array, start: Array, near_start: Array, other: Array, species: Array, vector: Array,
    by_pair: Array, by_angle: Array, block: Array, weights: Array, to: Array, forces: Array, virial: Array,
) -> None:  # fmt: skip
    """Forces and virials: -J^T weights."""
    if not len(frames):
        return
    pair, near, row, home, of = _chosen(frames, offsets, start, near_start, to)
    kind, column = _columns(other, species, offsets, frames, of, pair, by_pair.shape[1])
    v = np.einsum("pm,pm->p", weights[row[:, None], column], by_pair[pair])[:, None] * vector[pair].astype(float)
    n4, inside = by_angle.shape[3], near >= 0
    for b in range(by_angle.shape[1]):
        at = block[kind[inside], b][:, None] + np.arange(n4)
        v[inside] += np.einsum("pm,pam->pa", weights[row[inside][:, None], at], by_angle[near[inside], b])
    np.add.at(forces, row, v)
    np.subtract.at(forces, home + other[pair], v)
    np.subtract.at(virial, of, vector[pair][:, :, None] * v[:, None, :])


def push(
    frames: Array, offsets: Array, start: Array, near_start: Array, other: Array, species: Array, by_pair: Array,
    by_angle: Array, block: Array, vector: Array, moves: Array, to: Array, out: Array,
) -> None:  # fmt: skip
    """Directional derivatives of the features: J moves."""
    if not len(frames):
        return
    pair, near, row, home, of = _chosen(frames, offsets, start, near_start, to)
    kind, column = _columns(other, species, offsets, frames, of, pair, by_pair.shape[1])
    u = moves[home + other[pair]] - moves[row]
    np.add.at(out, (row[:, None], column), np.einsum("pa,pa->p", u, vector[pair])[:, None] * by_pair[pair])
    n4, inside = by_angle.shape[3], near >= 0
    for b in range(by_angle.shape[1]):
        at = block[kind[inside], b][:, None] + np.arange(n4)
        change = np.einsum("pa,pam->pm", u[inside], by_angle[near[inside], b])
        np.add.at(out, (row[inside][:, None], at), change)
