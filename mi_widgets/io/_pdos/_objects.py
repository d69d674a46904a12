"""Densities of states that other packages hold in memory: pymatgen, ASE, GPAW."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MissingDependencyError, ParameterError
from mi_widgets.io._pdos._levels import check_width, gaussians, level_axis
from mi_widgets.io._pdos._model import NO_PROJECTION, Curves, Projections, Structure, finish
from mi_widgets.io._pdos._names import LM_NAMES, SYMBOLS, by_l, orbital_name, symbol_of

__all__ = ["from_ase", "from_gpaw", "from_pymatgen"]

_VASP_ORDER = [name for names in LM_NAMES for name in names]  # also the numbers of pymatgen's Orbital


# ---- pymatgen


def from_pymatgen(dos: Any) -> xr.Dataset:
    """Take over the projected densities of states of a pymatgen CompleteDos.

    Parameters
    ----------
    dos : pymatgen.electronic_structure.dos.CompleteDos
        Or LobsterCompleteDos, whose orbitals of several shells are added.

    Returns
    -------
    xarray.Dataset
        As `mi_widgets.io.read_pdos` makes it; sites in the order of the structure.

    Raises
    ------
    LabelError
        It is no CompleteDos.
    DataError
        It holds no sites, or values that are no numbers.

    Examples
    --------
    >>> from pymatgen.core import Lattice, Structure
    >>> from pymatgen.electronic_structure.core import Orbital, Spin
    >>> from pymatgen.electronic_structure.dos import CompleteDos, Dos
    >>> crystal = Structure(Lattice.cubic(3.0), ["Po"], [[0, 0, 0]])
    >>> total = Dos(0.0, [0.0, 1.0, 2.0], {Spin.up: [0.0, 1.0, 0.0]})
    >>> ds = from_pymatgen(CompleteDos(crystal, total, {crystal[0]: {Orbital.px: {Spin.up: [0.0, 0.8, 0.0]}}}))
    >>> ds.pdos.sel(atom=0, orbital="p_x").values
    array([0. , 0.8, 0. ])
    """
    crystal, pdos = getattr(dos, "structure", None), getattr(dos, "pdos", None)
    if crystal is None or not isinstance(pdos, Mapping) or not hasattr(dos, "energies"):
        raise LabelError(
            f"from_pymatgen takes a CompleteDos, such as Vasprun(path).complete_dos; got {type(dos).__name__}."
        )
    if not pdos:
        raise DataError("from_pymatgen: this CompleteDos holds no sites. Run the calculation with projections.")
    spins = _spins(dos.densities)
    out = Projections(np.asarray(dos.energies, dtype=float), [], [], "pymatgen CompleteDos", fermi=float(dos.efermi))
    out.dos = np.stack([np.asarray(dos.densities[s], dtype=float) for s in spins])
    same_order = len(pdos) == len(crystal) and all(a == b for a, b in zip(pdos, crystal, strict=True))
    found: Iterable[Any] = pdos.values() if same_order else (pdos.get(site) for site in crystal)
    for k, orbitals in enumerate(found):
        curves: dict[str, np.ndarray] = {}
        for orbital, densities in (orbitals or {}).items():
            values = np.stack([np.asarray(densities[s], dtype=float) for s in spins])
            name = _pymatgen_orbital(orbital)
            curves[name] = curves[name] + values if name in curves else values
        _add(out, k, curves)
    out.elements = [symbol_of(str(site.species_string)) for site in crystal]
    a, b, c = (bool(p) for p in crystal.lattice.pbc)
    cell = np.asarray(crystal.lattice.matrix)
    out.structure = Structure(out.elements, np.asarray(crystal.cart_coords), cell, (a, b, c))
    return finish(out, path=None, reader="from_pymatgen")


def _spins(densities: Mapping[Any, Any]) -> list[Any]:
    """Spin up, then down: pymatgen's Spin has the values 1 and -1."""
    return sorted(densities, key=lambda s: -int(s.value))


def _pymatgen_orbital(orbital: Any) -> str:
    value = getattr(orbital, "value", None)
    if type(orbital).__name__ == "Orbital" and isinstance(value, int) and 0 <= value < len(_VASP_ORDER):
        return _VASP_ORDER[value]
    return orbital_name(str(getattr(orbital, "name", orbital)))


def _add(out: Projections, k: int, curves: Curves) -> None:
    """Append a site; one without orbitals has no projection."""
    bad = any(not np.isfinite(c).all() for c in curves.values())
    fault = "values that are no numbers" if bad else "" if curves else "no orbitals"
    out.add(f"site {k}", fault, None if fault else curves)
    if not curves:
        out.status[-1] = NO_PROJECTION


# ---- ASE


def from_ase(
    collection: Iterable[Any], *, atoms: Any = None, width: float = 0.2, fermi_energy: float | None = None
) -> xr.Dataset:
    """Take over projected densities of states that ASE holds as a collection.

    The ``info`` of each series says what it is: ``index`` (or ``atom``, ``site``), from 0; ``orbital``, else
    ``angular_momentum`` or ``l`` (with ``m``, from -l to l); ``spin`` (up or down, 0 or 1); ``element`` or ``symbol``.
    A series without an index is the total.

    Parameters
    ----------
    collection : ase.spectrum.doscollection.DOSCollection or iterable of DOSData
        On one grid (GridDOSCollection), or single states (RawDOSCollection).
    atoms : ase.Atoms, optional
        The structure.
    width : float
        Standard deviation of the Gaussian that each single state becomes (eV).
    fermi_energy : float, optional
        In eV.

    Returns
    -------
    xarray.Dataset
        As `mi_widgets.io.read_pdos` makes it.

    Raises
    ------
    LabelError
        A series is no DOSData, or its info does not say which atom and orbital it is.
    DataError
        There are no series, or grids differ.
    ParameterError
        `width` is no positive number.

    Examples
    --------
    >>> from ase.spectrum.dosdata import RawDOSData
    >>> series = [RawDOSData([-1.0], [1.0], {"index": k, "element": "H", "orbital": "s"}) for k in range(2)]
    >>> dict(from_ase(series).pdos.sizes)
    {'atom': 2, 'orbital': 1, 'energy': 42}
    """
    series = list(collection)
    if not series:
        raise DataError("from_ase: the collection is empty.")
    if not all(hasattr(s, "get_energies") and hasattr(s, "get_weights") for s in series):
        raise LabelError(f"from_ase takes a DOSCollection or a list of DOSData; got {type(series[0]).__name__} in it.")
    check_width(width, "from_ase")
    keys = [_ase_key(s.info or {}) for s in series]
    axis, values = _ase_values(series, width)
    n_spins = 2 if any(spin == 1 for _, _, spin in keys) else 1
    n_atoms = 1 + max([k for k, _, _ in keys if k is not None], default=-1)
    if n_atoms == 0:
        raise LabelError('from_ase: no series has info["index"], the number of its atom. Write DOSData(…, info=…).')
    if n_atoms > 1000 + 100 * len(series):
        raise LabelError(f"from_ase: a series is of atom {n_atoms - 1}, but there are {len(series)} series.")
    sites: list[dict[str, np.ndarray]] = [{} for _ in range(n_atoms)]
    elements = ["X"] * n_atoms
    total = np.zeros((n_spins, axis.size))
    for (k, orbital, spin), one, data in zip(keys, values, series, strict=True):
        if k is None:
            total[spin] += one
            continue
        sites[k].setdefault(orbital, np.zeros((n_spins, axis.size)))[spin] += one
        label = str((data.info or {}).get("element", (data.info or {}).get("symbol", "X")))
        elements[k] = symbol_of(label) if elements[k] == "X" else elements[k]
    out = Projections(axis, [], elements, "ASE", fermi=np.nan if fermi_energy is None else float(fermi_energy))
    out.dos = total if any(k is None for k, _, _ in keys) else None
    for k, curves in enumerate(sites):
        _add(out, k, curves)
    out.structure = _ase_structure(atoms, elements, "from_ase")
    if out.structure is not None:
        out.elements = out.structure.elements
    return finish(out, path=None, reader="from_ase", parameters={"width": width})


def _ase_key(info: Mapping[str, Any]) -> tuple[int | None, str, int]:
    index = next((info[name] for name in ("index", "atom", "site") if name in info), None)
    spin = str(info.get("spin", "up")).lower()
    if spin not in ("up", "down", "0", "1", "+", "-", "alpha", "beta"):
        raise LabelError(f'from_ase: info["spin"] must be up or down, 0 or 1; got {spin!r}.')
    down = int(spin in ("down", "1", "-", "beta"))
    if index is None:
        return None, "", down
    if not str(index).isdigit():
        raise LabelError(f'from_ase: info["index"] must be the number of an atom, from 0; got {index!r}.')
    orbital, l = info.get("orbital"), info.get("angular_momentum", info.get("l"))
    if orbital is not None:
        return int(index), orbital_name(str(orbital)), down
    letter = str(l) if not str(l).isdigit() or int(l) > 6 else by_l(int(l))
    if letter not in tuple("spdfghi"):
        raise LabelError(f'from_ase: info must hold "orbital" or "angular_momentum", such as "p"; got {dict(info)!r}.')
    m = info.get("m")
    if m is not None and letter in "spdf" and abs(int(m)) <= "spdf".index(letter):
        return int(index), LM_NAMES["spdf".index(letter)][int(m) + "spdf".index(letter)], down
    return int(index), letter, down


def _ase_values(series: Sequence[Any], width: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """One axis, and each series on it: as it is on a grid, or its states broadened."""
    energies = [np.asarray(s.get_energies(), dtype=float) for s in series]
    weights = [np.asarray(s.get_weights(), dtype=float) for s in series]
    if all(type(s).__name__ == "GridDOSData" for s in series):
        if any(e.shape != energies[0].shape or not np.allclose(e, energies[0], rtol=0, atol=1e-9) for e in energies):
            raise DataError("from_ase: the series are on different grids. Bring them to one with sample_grid.")
        return energies[0], weights
    axis = level_axis(np.concatenate(energies), width)
    return axis, [gaussians(axis, e, width) @ w for e, w in zip(energies, weights, strict=True)]


def _ase_structure(atoms: Any, elements: Sequence[str], who: str) -> Structure | None:
    if atoms is None:
        return None
    names = [str(s) for s in atoms.get_chemical_symbols()]
    if len(names) != len(elements) or any(a != b for a, b in zip(names, elements, strict=True) if b != "X"):
        raise DataError(
            f"{who}: atoms and densities of states differ in number ({len(names)}, {len(elements)}) or kind."
        )
    pbc = [bool(p) for p in atoms.pbc]
    return Structure(names, np.asarray(atoms.positions), np.asarray(atoms.cell), (pbc[0], pbc[1], pbc[2]))


# ---- GPAW


def from_gpaw(calc: Any, *, energy: Sequence[float] | np.ndarray | None = None, width: float = 0.1) -> xr.Dataset:
    """Project a finished GPAW calculation on its atoms.

    Projections are those of GPAW's own ``DOSCalculator``: of the states on the projector functions of bound states;
    they do not add up to the total.

    Parameters
    ----------
    calc : gpaw.GPAW
        With wave functions or projections, as after a calculation or ``GPAW("run.gpw")``.
    energy : array_like, optional
        Absolute energies (eV); by default over all states.
    width : float
        Standard deviation of the Gaussian that each state becomes (eV).

    Returns
    -------
    xarray.Dataset
        As `mi_widgets.io.read_pdos` makes it, resolved by l and m.

    Raises
    ------
    MissingDependencyError
        GPAW is not installed.
    LabelError
        It is no calculator.
    ParameterError
        `width` is no positive number, or `energy` does not rise.

    Examples
    --------
    >>> from_gpaw(GPAW("slab.gpw", txt=None))  # doctest: +SKIP
    """
    check_width(width, "from_gpaw")
    try:
        theirs = importlib.import_module("gpaw.dos").DOSCalculator
    except ImportError as error:
        raise MissingDependencyError("from_gpaw needs GPAW. Write: pip install gpaw") from error
    atoms = getattr(calc, "atoms", None)
    if atoms is None or not hasattr(calc, "get_eigenvalues"):
        raise LabelError(f"from_gpaw takes a GPAW calculator, as GPAW('run.gpw') gives; got {type(calc).__name__}.")
    n_spins = int(calc.get_number_of_spins())
    if energy is None:
        n_k = len(calc.get_ibz_k_points())
        levels = [calc.get_eigenvalues(kpt=k, spin=s) for k in range(n_k) for s in range(n_spins)]
        axis = level_axis(np.concatenate(levels), width)
    else:
        axis = np.asarray(energy, dtype=float)
        if axis.ndim != 1 or axis.size < 2 or not (np.diff(axis) > 0).all():
            raise ParameterError(
                "from_gpaw: energy must be two or more rising energies in eV, np.linspace(-20, 5, 501)."
            )
    found = theirs.from_calculator(calc, shift_fermi_level=False)
    spins: list[int | None] = [None] if n_spins == 1 else [0, 1]
    gauss = float(np.sqrt(2) * width)  # GPAW's are exp(-(e / width)**2)
    numbers = atoms.get_atomic_numbers()
    out = Projections(axis, [], [SYMBOLS[int(z)] for z in numbers], "GPAW", fermi=float(calc.get_fermi_level()))
    out.dos = np.stack([np.asarray(found.raw_dos(axis, spin=s, width=gauss)) for s in spins])
    for k in range(len(out.elements)):
        setup = found.setups[k]
        shells = sorted({int(l) for n, l in zip(setup.n_j, setup.l_j, strict=True) if n > 0 and l < len(LM_NAMES)})
        curves = {
            name: np.stack([np.asarray(found.raw_pdos(axis, k, l, m, s, gauss)) for s in spins])
            for l in shells
            for m, name in enumerate(LM_NAMES[l])
        }
        _add(out, k, curves)
    out.structure = _ase_structure(atoms, out.elements, "from_gpaw")
    out.note = f"each state is a Gaussian of standard deviation {width:g} eV"
    return finish(out, path=None, reader="from_gpaw", parameters={"width": width})
