"""A band of images by ASE."""

from typing import Any, NamedTuple

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.methods.threads import one_thread
from mi_widgets.potentials._guest_system import GuestSystem
from mi_widgets.potentials._snapshot_ase import need_ase

__all__ = ["Band", "run_band"]


class Band(NamedTuple):
    """Images of a band; the guest's place is counted on across the faces of the cell."""

    energy: np.ndarray
    distance: np.ndarray
    place: np.ndarray
    force: float


def _calculator(system: GuestSystem) -> Any:
    """Matrix and guest, the guest last."""
    from ase.calculators.calculator import Calculator, all_changes

    class Both(Calculator):  # type: ignore[misc, unused-ignore]
        """Energy and forces of matrix and guest."""

        implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as ASE wants it

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
            """Fill ``results``."""
            super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call, unused-ignore]
            position = atoms.positions
            energy, force = system.held(position[-1])(position[:-1])
            own = system.pull(position[-1], position[:-1])
            self.results = {"energy": energy, "forces": np.vstack([force, own])}

    made: Any = Both
    return made()


def _images(system: GuestSystem, place: np.ndarray) -> Any:
    from ase import Atoms

    names = [*system.atoms.element.tolist(), "X"]  # the guest may have any name
    atoms = Atoms(names, positions=np.vstack([system.position, place]), cell=system.box, pbc=True)
    atoms.calc = _calculator(system)
    return atoms


@one_thread
def run_band(
    system: GuestSystem, ends: list[np.ndarray], via: np.ndarray | None, n_images: int, largest_force: float,
    most_steps: int,
) -> Band:  # fmt: skip
    """Relax the ends and then the band, climbing once it lies well."""
    mep, optimize = (need_ase(system.who, module) for module in ("ase.mep", "ase.optimize"))
    first, last = (_images(system, p) for p in ends)
    for atoms in (first, last):
        optimize.LBFGS(atoms, logfile=None).run(fmax=min(0.02, largest_force), steps=500)
    if np.linalg.norm(last.positions[-1] - first.positions[-1]) < 0.3:
        raise DataError(
            f"{system.who}: both ends fall into the same minimum, at {first.positions[-1].round(2).tolist()}; there is "
            "no hop. Choose ends in two minima of the field."
        )
    images = [first, *(first.copy() for _ in range(n_images)), last]
    share = np.linspace(0, 1, n_images + 2)
    guests = _spread(np.vstack([first.positions[-1], *([] if via is None else [via]), last.positions[-1]]), share)
    for k, image in enumerate(images[1:-1], start=1):
        image.positions = first.positions + share[k] * (last.positions - first.positions)
        image.positions[-1] = guests[k]
        image.calc = _calculator(system)
    band = mep.NEB(images, k=0.5, climb=False, method="improvedtangent")
    optimize.FIRE(band, logfile=None, maxstep=0.1).run(fmax=4 * largest_force, steps=most_steps // 2)
    band.climb = True
    optimize.FIRE(band, logfile=None, maxstep=0.1).run(fmax=largest_force, steps=most_steps - most_steps // 2)
    left = float(np.sqrt(np.square(band.get_forces()).sum(axis=1).max()))
    energy = np.array([image.get_potential_energy() for image in images]) - system.energy
    place = np.array([image.positions[-1] for image in images])
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(place, axis=0), axis=1))])
    return Band(energy, distance, place, left)


def _spread(points: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Places at equal shares of the length of a broken line."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.stack([np.interp(share * along[-1], along, points[:, a]) for a in range(3)], axis=1)
