"""Relaxing atoms to the nearest minimum: L-BFGS that starts from a known compliance where there is one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Relaxed", "relax"]

#: Compliance (angstrom**2/eV) that is assumed where none is known
_SOFT = 1.0 / 40.0
_MEMORY = 20
Engine = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class Relaxed:
    """Where a relaxation ended.

    Attributes
    ----------
    position : (n_atoms, 3)
    energy : float
        eV.
    force : (n_atoms, 3)
        eV/angstrom, with what would move all atoms alike taken off.
    n_calls : int
        How often forces were computed.
    converged : bool
        The largest force is below the limit.
    """

    position: np.ndarray
    energy: float
    force: np.ndarray
    n_calls: int
    converged: bool


def relax(
    engine: Engine,
    position: np.ndarray,
    *,
    compliance: np.ndarray | None = None,
    largest_force: float = 0.05,
    most_calls: int = 200,
    longest_step: float = 0.2,
) -> Relaxed:
    """Move atoms downhill; all together they do not move, so that a guest that is held stays where it is among them.

    `engine` gives energy and forces (n_atoms, 3); `compliance` (3 n_atoms, 3 n_atoms) is the inverse of the matrix of
    second derivatives nearby.
    """
    x = np.array(position, dtype=float)
    energy, force = _still(engine, x)
    calls = 1
    steps: list[np.ndarray] = []
    grads: list[np.ndarray] = []
    while calls < most_calls and np.sqrt(np.square(force).sum(axis=1).max()) > largest_force:
        if not np.isfinite(energy):
            break
        move = _direction(force.ravel(), steps, grads, compliance).reshape(x.shape)
        longest = np.sqrt(np.square(move).sum(axis=1).max())
        move *= min(1.0, longest_step / max(longest, 1e-12))
        new, after, new_force = _along(engine, x, move, energy, force)
        calls += new
        step = after[1] - x
        change = force - new_force
        if (step * change).sum() > 1e-10 * np.linalg.norm(step) * np.linalg.norm(change):
            steps.append(step.ravel())
            grads.append(change.ravel())
            del steps[:-_MEMORY], grads[:-_MEMORY]
        stuck = not after[0] < energy + 1e-9
        if stuck and not steps:
            break
        if stuck:
            steps, grads = [], []
        if after[0] <= energy:
            x, energy, force = after[1], after[0], new_force
        elif stuck and compliance is None:
            break
        elif stuck:
            compliance = None
    return Relaxed(x, energy, force, calls, bool(np.sqrt(np.square(force).sum(axis=1).max()) <= largest_force))


def _still(engine: Engine, x: np.ndarray) -> tuple[float, np.ndarray]:
    energy, force = engine(x)
    return float(energy), force - force.mean(axis=0)


def _along(
    engine: Engine, x: np.ndarray, move: np.ndarray, energy: float, force: np.ndarray
) -> tuple[int, tuple[float, np.ndarray], np.ndarray]:
    """A step along `move`, shortened until the energy falls; the number of calls, energy and place, forces."""
    slope = -float((force * move).sum())
    scale = 1.0
    for n in range(1, 6):
        place = x + scale * move
        found, new_force = _still(engine, place)
        if np.isfinite(found) and found <= energy + 1e-4 * scale * min(slope, 0.0) + 1e-7:
            break
        bend = found - energy - scale * slope
        best = -0.5 * slope * scale**2 / bend if np.isfinite(bend) and bend > 0 else 0.0
        if n < 5:
            scale = float(np.clip(best, 0.1 * scale, 0.5 * scale))
    return n, (found, place), new_force


def _direction(
    force: np.ndarray, steps: list[np.ndarray], grads: list[np.ndarray], compliance: np.ndarray | None
) -> np.ndarray:
    """Two loops of L-BFGS (J. Nocedal and S. J. Wright, Numerical Optimization, algorithm 7.4)."""
    q = force.copy()
    kept = []
    for s, y in zip(reversed(steps), reversed(grads), strict=True):
        rho = 1.0 / (s @ y)
        a = rho * (s @ q)
        q -= a * y
        kept.append((rho, a))
    if compliance is not None:
        q = compliance @ q
    elif steps:
        q *= (steps[-1] @ grads[-1]) / (grads[-1] @ grads[-1])
    else:
        q *= _SOFT
    for s, y, (rho, a) in zip(steps, grads, reversed(kept), strict=True):
        q += (a - rho * (y @ q)) * s
    return q
