"""What it costs to take atoms out: vacancies, one by one or as a neutral unit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsError, ParameterError
from mi_widgets.history import origin
from mi_widgets.potentials._atoms import Atoms, atoms_of
from mi_widgets.potentials._md_forces import stresses_of
from mi_widgets.potentials._neighbors import find_neighbors
from mi_widgets.potentials._ttam_pairs import ELEMENTS
from mi_widgets.potentials.relax import relax_structure
from mi_widgets.potentials.ttam import TTAM
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_vacancy_energies", "vacancy_energies"]

_OK, _NOT_CONVERGED, _FAILED, _NOT_RUN = range(4)


def vacancy_energies(
    structure: xr.Dataset,
    forces: Any,
    *,
    reference: float | Mapping[str, float],
    unit: Sequence[str] = ("O",),
    sites: Sequence[int] | None = None,
    max_force: float = 0.01,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Take atoms out of a structure, site by site, relax what is left, and find the energy of formation.

    E_f = E(without) + E(reference) - E(structure), at constant cell.

    Parameters
    ----------
    structure : xarray.Dataset
        See `mi_widgets.labels.label_structure`; it is relaxed first.
    forces : TTAM, fitted potential or calculator of ASE
        What gives energy and forces.
    reference : float or mapping
        Where what was taken out goes (eV): its energy as a whole, or of one atom of each element, such as half of that
        of an O2 molecule. Only differences of such references have a meaning; nothing is assumed.
    unit : sequence of str
        What is taken out: an element, whose atoms are the sites, and others, of which the nearest to the site go with
        it. With charges that are fixed (TTAM) only a neutral unit has an energy: ``("Si", "O", "O")``, a Schottky
        complex, whose reference is the energy of a formula unit of the crystal.
    sites : sequence of int, optional
        Labels of the atoms to try; by default all of the first element.
    max_force : float
        See `relax_structure`.
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        Over ``vacancy``: ``formation_energy`` and ``unrelaxed_energy`` (eV), ``removed`` (vacancy, member), labels of
        the atoms taken out, coordinate ``site`` (label of the first); ``energy`` of the structure (eV); ``status``:
        ``ok``, ``not_converged``, ``failed`` (the potential gave no energy) or ``not_run``.

    Raises
    ------
    ParameterError
        The unit is charged, has no such atoms, or a reference is missing.
    LabelError, DataError
        No structure, one that the potential cannot compute, or a site that is not there.

    Examples
    --------
    >>> from mi_widgets.datasets._silica_crystals import make_silica_crystal
    >>> from mi_widgets.potentials import TTAM
    >>> crystal = make_silica_crystal(repeat=(2, 2, 2))
    >>> found = vacancy_energies(crystal, TTAM(), unit=("Si", "O", "O"), reference=-53.79, sites=[0])
    >>> bool(found.formation_energy[0] > 0)
    True
    """
    parts = iter_vacancy_energies(structure, forces, reference=reference, unit=unit, sites=sites, max_force=max_force)
    result: xr.Dataset = collect(parts, progress)
    return result


def iter_vacancy_energies(
    structure: xr.Dataset,
    forces: Any,
    *,
    reference: float | Mapping[str, float],
    unit: Sequence[str] = ("O",),
    sites: Sequence[int] | None = None,
    max_force: float = 0.01,
) -> Iterator[Part]:
    """Find energies of vacancies, one site after another.

    Parameters
    ----------
    structure, forces, reference, unit, sites, max_force
        See `vacancy_energies`.

    Returns
    -------
    iterator of mi_widgets.runs.Part
        ``result`` has all sites; those not yet computed are NaN with the status ``not_run``.

    Raises
    ------
    ParameterError, LabelError, DataError
        See `vacancy_energies`.

    Examples
    --------
    >>> from mi_widgets.datasets._silica_crystals import make_silica_crystal
    >>> from mi_widgets.potentials import TTAM
    >>> options = {"unit": ("Si", "O", "O"), "reference": -53.79, "sites": [0, 1]}
    >>> [part.done for part in iter_vacancy_energies(make_silica_crystal(repeat=(2, 2, 2)), TTAM(), **options)]
    [1, 2]
    """
    who = "vacancy_energies"
    names = (unit,) if isinstance(unit, str) else tuple(unit)
    atoms = atoms_of(structure, who=who)
    missing = sorted({n for n in names if names.count(n) >= (atoms.element == n).sum()})
    if not names or missing:
        raise ParameterError(f"{who}: the structure has too few {', '.join(missing) or 'atoms'} to take out {names!r}.")
    back = _reference(reference, names, who)
    if isinstance(forces, TTAM):
        charge = sum(forces.parameters[n]["charge"] if n in ELEMENTS else 0.0 for n in names)
        if abs(charge) > 1e-6:
            raise ParameterError(
                f"{who}: {names!r} takes {charge:+.3g} e out, and a charged cell has no energy of its own with TTAM. "
                'Write unit=("Si", "O", "O").'
            )
    labels = structure["atom"].values if "atom" in structure.coords else np.arange(len(atoms.element))
    wanted = np.flatnonzero(atoms.element == names[0]) if sites is None else _places(sites, labels, atoms, names, who)
    parameters = {"forces": repr(forces), "reference": reference, "unit": list(names), "max_force": max_force}
    attrs = origin("potentials.vacancy_energies", "energies of vacancies", parameters, of=structure)
    return _parts(structure, forces, names, wanted, labels, back, max_force, attrs)


def _reference(reference: Any, names: tuple[str, ...], who: str) -> float:
    if isinstance(reference, Mapping):
        missing = sorted(set(names) - set(reference))
        if missing:
            raise ParameterError(f"{who}: reference has no energy of {', '.join(missing)} (eV for an atom).")
        return float(sum(reference[n] for n in names))
    value = float(reference)
    if not np.isfinite(value):
        raise ParameterError(f"{who}: reference must be a finite energy (eV); got {reference!r}.")
    return value


def _places(sites: Sequence[int], labels: np.ndarray, atoms: Atoms, names: tuple[str, ...], who: str) -> np.ndarray:
    place = {label: k for k, label in enumerate(labels.tolist())}
    try:
        found = np.array([place[s] for s in np.asarray(sites).tolist()])
    except KeyError as error:
        raise LabelError(f"{who}: there is no atom {error.args[0]!r}.") from error
    other = [labels[k] for k in found if atoms.element[k] != names[0]]
    if other or found.size == 0:
        raise DataError(f"{who}: sites must be atoms of {names[0]}; {other[:5]} are not.")
    return found


def _parts(
    structure: xr.Dataset,
    forces: Any,
    names: tuple[str, ...],
    wanted: np.ndarray,
    labels: np.ndarray,
    back: float,
    max_force: float,
    attrs: dict[str, str],
) -> Iterator[Part]:
    whole = relax_structure(structure, forces, max_force=max_force)
    atoms, energy = atoms_of(whole, who="vacancy_energies"), float(whole["energy"])
    n = len(wanted)
    removed = np.array([_complex(atoms, int(k), names) for k in wanted])
    columns = {"formation_energy": np.full(n, np.nan), "unrelaxed_energy": np.full(n, np.nan)}
    status = np.full(n, _NOT_RUN, dtype=np.int8)
    for k in range(n):
        rest = whole.drop_vars(["energy", "force", "stress"]).isel(
            atom=np.setdiff1d(np.arange(labels.size), removed[k])
        )
        try:
            before = stresses_of(forces, atoms_of(rest, who="vacancy_energies"), cell=False, who="vacancy_energies")
            columns["unrelaxed_energy"][k] = before(rest["position"].values, rest["cell"].values)[0] + back - energy
            after = relax_structure(rest, forces, max_force=max_force)
            columns["formation_energy"][k] = float(after["energy"]) + back - energy
            status[k] = _OK if int(after["status"]) == 0 else _NOT_CONVERGED
        except MIWidgetsError:  # atoms fell together: the other sites go on
            status[k] = _FAILED
        yield Part(k + 1, n, _dataset(columns, status, labels[removed], energy, attrs), k, f"site {labels[wanted[k]]}")


def _complex(atoms: Atoms, site: int, names: tuple[str, ...]) -> list[int]:
    """The site and the nearest atoms of the other elements."""
    taken = [site]
    for name in names[1:]:
        near = find_neighbors(atoms.position, atoms.cell, atoms.pbc, 8.0, engine="numpy")
        others = slice(near.start[site], near.start[site + 1])
        other, distance = near.other[others], near.distance[others]
        free = (atoms.element[other] == name) & ~np.isin(other, taken)
        if not free.any():
            raise DataError(f"vacancy_energies: no {name} within 8 angstrom of atom {site}.")
        taken.append(int(other[free][np.argmin(distance[free])]))
    return taken


def _dataset(
    columns: Mapping[str, np.ndarray], status: np.ndarray, removed: np.ndarray, energy: float, attrs: dict[str, str]
) -> xr.Dataset:
    names = {"formation_energy": "energy of formation", "unrelaxed_energy": "energy of formation, nothing relaxed"}
    ds = xr.Dataset(
        {name: ("vacancy", columns[name].copy(), {"units": "eV", "long_name": text}) for name, text in names.items()}
    )
    ds["removed"] = (("vacancy", "member"), removed, {"units": "1", "long_name": "atoms taken out"})
    ds["energy"] = ((), energy, {"units": "eV", "long_name": "energy of the structure"})
    flags = {"flag_values": [0, 1, 2, 3], "flag_meanings": "ok not_converged failed not_run"}
    ds["status"] = ("vacancy", status.copy(), {"long_name": "status", **flags})
    ds = ds.assign_coords(
        vacancy=("vacancy", np.arange(len(status)), {"units": "1", "long_name": "vacancy"}),
        site=("vacancy", removed[:, 0], {"units": "1", "long_name": "site"}),
    )
    ds.attrs = dict(attrs)
    return ds
