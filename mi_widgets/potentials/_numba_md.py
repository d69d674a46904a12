"""Compiled molecular dynamics with TTAM: many steps in one call, the list of pairs renewed where it is due."""

import math

from numba import njit

from mi_widgets.potentials._numba_ttam import sum_pairs, sum_waves

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}
DONE, STALE, EXPLODED = 0, 1, 2


@njit(**OPTIONS)
def forces(position, kind, strengths, inverse, shifts, pairs, tables, waves, constant, energy, force, virial, near):
    """Energy of each atom, forces and virial."""
    start, other, image = pairs
    table, inverse_step, cutoff, guard = tables
    index, vector, weight, slope, most = waves
    energy[:] = constant
    force[:] = 0.0
    virial[:] = 0.0
    near[:] = 0
    sum_pairs(
        position, kind, start, other, image, shifts, table, inverse_step, cutoff, guard, energy, force, virial, near
    )  # fmt: skip
    sum_waves(position, strengths, inverse, index, vector, weight, slope, most, energy, force, virial)
    total = 0.0
    for i in range(energy.size):
        total += energy[i]
    return total


@njit(**OPTIONS)
def kick(velocity, force, mass, half):
    """Half a step of the velocities."""
    for i in range(mass.size):
        for a in range(3):
            velocity[i, a] += half * force[i, a] / mass[i]


@njit(**OPTIONS)
def kinetic_energy(velocity, mass):
    """Kinetic energy (eV)."""
    total = 0.0
    for i in range(mass.size):
        v2 = velocity[i, 0] ** 2 + velocity[i, 1] ** 2 + velocity[i, 2] ** 2
        total += 0.5 * mass[i] * v2
    return total


@njit(**OPTIONS)
def rescale(velocity, kinetic, wanted, keep, n_free, normal, rest):
    """Stochastic rescaling; returns the new kinetic energy."""
    part = (1.0 - keep) * wanted / (n_free * kinetic)
    square = keep + part * (normal * normal + rest) + 2.0 * normal * math.sqrt(keep * part)
    factor = math.sqrt(max(square, 0.0))
    for i in range(velocity.shape[0]):
        for a in range(3):
            velocity[i, a] *= factor
    return kinetic * factor * factor


@njit(**OPTIONS)
def drift(position, velocity, mass, step, keep, warmth, normal, listed):
    """Move the atoms by a step, Langevin's noise and friction in its middle unless `warmth` (k_B T) is negative.

    Returns the square of how far the farthest atom is from where it was listed.
    """
    farthest = 0.0
    for i in range(mass.size):
        width = math.sqrt(max(warmth, 0.0) / mass[i] * (1.0 - keep * keep))
        moved = 0.0
        for a in range(3):
            position[i, a] += 0.5 * step * velocity[i, a]
            if warmth >= 0.0:
                velocity[i, a] = keep * velocity[i, a] + width * normal[3 * i + a]
            position[i, a] += 0.5 * step * velocity[i, a]
            moved += (position[i, a] - listed[i, a]) ** 2
        if not moved <= farthest:  # keeps what is no number
            farthest = moved
    return farthest


@njit(**OPTIONS)
def advance(
    first, last, drifted, position, velocity, force, mass, kind, strengths, inverse, constant, shifts, pairs, tables,
    waves, listed, limit, step, thermostat, keep, n_free, thermal, normal, rest, hottest, energies, energy, virial,
    near,
):  # fmt: skip
    """Go on from step `first` to `last`; returns the steps done and why it ended.

    `thermal` is k_B T of each step, `thermostat` 0 none, 1 stochastic rescaling, 2 Langevin, `hottest` the largest
    kinetic energy, `limit` how far an atom may be from where it was listed; beyond it the run stops between the two
    halves of a step, and goes on with `drifted` when the list is new. Potential and kinetic energy are written.
    """
    for s in range(first, last):
        if not (drifted and s == first):
            kick(velocity, force, mass, 0.5 * step)
            warmth = thermal[s] if thermostat == 2 else -1.0
            farthest = drift(position, velocity, mass, step, keep, warmth, normal[s], listed)
            if not farthest < 1e4:
                return s, EXPLODED
            if farthest > limit * limit:
                return s, STALE
        total = forces(
            position, kind, strengths, inverse, shifts, pairs, tables, waves, constant, energy, force, virial, near
        )
        kick(velocity, force, mass, 0.5 * step)
        kinetic = kinetic_energy(velocity, mass)
        if thermostat == 1 and kinetic > 0.0:
            kinetic = rescale(velocity, kinetic, 0.5 * n_free * thermal[s], keep, n_free, normal[s, 0], rest[s])
        energies[s, 0], energies[s, 1] = total, kinetic
        if not kinetic < hottest:
            return s + 1, EXPLODED
    return last, DONE
