"""What every reader of projected densities of states makes, and the Dataset it becomes."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, MIWidgetsWarning
from mi_widgets.history import origin
from mi_widgets.io._finish import plain_attrs
from mi_widgets.io._pdos._names import orbital_name, orbital_order

__all__ = [
    "DAMAGED",
    "LARGEST",
    "NO_PROJECTION",
    "OK",
    "Curves",
    "Projections",
    "Structure",
    "check_axis",
    "curves_of",
    "finish",
    "no_sites",
    "same_axis",
    "site_fault",
    "warn",
]

OK, NO_PROJECTION, DAMAGED = 0, 1, 2
#: A site's curves by orbital, each (n_spins, n_energies).
Curves = Mapping[str, np.ndarray]
_SPINS = ("up", "down")
#: No density of states reaches this (1/eV): what does is damaged.
LARGEST = 1e8
_MUCH = 1.5  # times the total that sites may hold; spheres overlap
_COARSE = 0.05  # a sum over sites that is further off is no matter of printed digits


@dataclass(frozen=True)
class Structure:
    """Atoms and cell: positions (n, 3) and cell (3, 3) in angstrom."""

    elements: list[str]
    position: np.ndarray
    cell: np.ndarray
    pbc: tuple[bool, bool, bool] = (True, True, True)


@dataclass
class Projections:
    """What a reader found.

    Attributes
    ----------
    energy : (n_energies,)
        In eV, as the file has it.
    sites : list
        For each atom its curves (1/eV) by our name of the orbital, each (n_spins, n_energies); None where the site has
        none or is damaged.
    elements : list of str
    status : list of int
        ``OK``, ``NO_PROJECTION`` or ``DAMAGED`` for each atom.
    dos, projected_total : (n_spins, n_energies), optional
        Total density of states, and what the code itself gives as sum over sites and orbitals.
    """

    energy: np.ndarray
    sites: list[Curves | None]
    elements: list[str]
    source: str
    status: list[int] = field(default_factory=list)
    dos: np.ndarray | None = None
    projected_total: np.ndarray | None = None
    fermi: float = float("nan")
    spilling: float | None = None
    structure: Structure | None = None
    site_labels: list[str] | None = None
    title: str = ""
    reference: str = "absolute"
    note: str = ""
    sum_tolerance: float = _COARSE
    faults: list[str] = field(default_factory=list)

    def add(self, site: str, fault: str, curves: Curves | None) -> None:
        """Append a site: its curves, or None and the reason."""
        if fault:
            self.faults.append(f"{site} is damaged: {fault}")
        self.sites.append(curves)
        self.status.append(DAMAGED if fault else OK)


def curves_of(names: Sequence[str], tables: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Curves (n_spins, n_energies) by orbital of a table (n_energies, n_columns) for each spin; equal names add up."""
    both = np.stack([table.T for table in tables], axis=1)
    curves: dict[str, np.ndarray] = {}
    for text, values in zip(names, both, strict=True):
        name = orbital_name(text)
        curves[name] = curves[name] + values if name in curves else values
    return curves


def no_sites(file: str, ended: str = "") -> DataError:
    """The error for a run of VASP without projections."""
    return DataError(
        f"{file} has no projected density of states{ended}. Set LORBIT = 11 in INCAR and run VASP again; RWIGS is not "
        "needed with PAW."
    )


def warn(message: str) -> None:
    """Say something that leaves the result usable."""
    warnings.warn(message, MIWidgetsWarning, stacklevel=2)


def check_axis(axis: np.ndarray, file: str) -> np.ndarray:
    """An energy axis that rises; what is missing inside an even one is filled in, with a warning."""
    axis = np.array(axis, dtype=float)
    bad = ~np.isfinite(axis)
    if axis.size < 2 or (~bad).sum() < 2:
        raise DataError(f"{file} has {int((~bad).sum())} energies that are numbers; a density of states needs more.")
    if bad.any():
        index = np.flatnonzero(~bad)
        slope, start = np.polyfit(index, axis[index], 1)
        even = start + slope * np.arange(axis.size)
        if bad.mean() > 0.5 or np.abs(even - axis)[index].max() > 0.02 * abs(slope):
            raise DataError(f"{file}: {int(bad.sum())} energies are no numbers, and the others are not evenly spaced.")
        axis[bad] = even[bad]
        warn(f"{file}: {int(bad.sum())} energies were no numbers and are filled in from the even spacing.")
    if not (np.diff(axis) > 0).all():
        at = int(np.argmin(np.diff(axis)))
        raise DataError(
            f"{file}: energies do not rise: {axis[at]:.6g} eV is followed by {axis[at + 1]:.6g} eV (point {at + 2}). "
            "Was the file written by two runs, one after the other?"
        )
    return axis


def site_fault(table: np.ndarray, axis: np.ndarray, width: int) -> str:
    """What is wrong with a site's table of `width` columns, energies first; empty if nothing is."""
    if table.shape[0] != axis.size:
        return f"{table.shape[0]} of {axis.size} energies"
    if table.shape[1] != width:
        return f"{table.shape[1]} columns instead of {width}"
    if not np.isfinite(table[:, 1:]).all():
        return f"{int((~np.isfinite(table[:, 1:])).sum())} values that are no numbers"
    if np.abs(table[:, 1:]).max() > LARGEST:
        return f"values beyond {LARGEST:g} 1/eV"
    if not same_axis(table[:, 0], axis):
        return "other energies than the others"
    return ""


def same_axis(one: np.ndarray, axis: np.ndarray, whole: np.ndarray | None = None) -> bool:
    """Whether energies are those of `axis`, as far as they are numbers and as their digits tell."""
    if one.shape != axis.shape:
        return False
    known = np.isfinite(one)
    step = np.abs(np.diff(axis if whole is None else whole))
    return not known.any() or bool(np.abs(one - axis)[known].max() <= 0.05 * np.nanmin(step) + 1e-9)


def finish(
    p: Projections, *, path: Path | None, reader: str, parameters: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """Make the Dataset, check its sums, and say what is damaged."""
    file = path.name if path is not None else reader
    axis = check_axis(p.energy, file)
    names = orbital_order(name for site in p.sites if site is not None for name in site)
    if not names:
        raise FileFormatError(f"{file}: no site is whole ({_faults(p.faults) or 'no projections'}). Copy it again.")
    pdos, projected, n_spins = _stack(p, names, axis.size, file)
    over = ("spin", "energy") if n_spins == 2 else ("energy",)
    variables, coords = _structure(p)
    coords["orbital"] = ("orbital", names, {"long_name": "orbital"})
    coords["energy"] = ("energy", axis, {"units": "eV", "long_name": "energy"})
    if n_spins == 2:
        coords["spin"] = ("spin", list(_SPINS), {"long_name": "spin"})
    if p.site_labels:
        coords["site_label"] = ("atom", p.site_labels, {"long_name": "label of the site"})
    density = {"units": "1/eV"}
    values = pdos if n_spins == 2 else pdos[:, :, 0]
    variables["pdos"] = (("atom", "orbital", *over), values, density | {"long_name": "projected density of states"})
    if p.dos is not None:
        by_spin = n_spins == len(p.dos) == 2
        total = p.dos if by_spin else p.dos.sum(axis=0)
        variables["dos"] = (over if by_spin else ("energy",), total, density | {"long_name": "density of states"})
    variables["fermi_energy"] = ((), float(p.fermi), {"units": "eV", "long_name": "Fermi energy"})
    if p.spilling is not None:
        text = "share of states that no orbital holds"
        variables["spilling"] = ((), float(p.spilling), {"units": "1", "long_name": text})
    flags = {"flag_values": [OK, NO_PROJECTION, DAMAGED], "flag_meanings": "ok no_projection damaged"}
    flags = {"units": "1", "long_name": "status", **flags}
    variables["status"] = ("atom", np.array(p.status, dtype=np.int8), flags)
    variables["projected"] = (("atom", "orbital"), projected, {"long_name": "whether the site has this orbital"})
    variables.update(_sums(pdos, axis, p, file))
    ds = xr.Dataset(variables, coords)
    if p.faults:
        warn(f"{file}: {_faults(p.faults)}. Such sites are NaN, their status says why; the others are whole.")
    title = p.title or f"Projected density of states of {_formula(p.elements)}"
    source = f"{p.source}, {path.name}" if path is not None else p.source
    told = ({"path": path.name} if path is not None else {}) | {"format": reader, **(parameters or {})}
    function = f"dos.{reader}" if path is None else "io.read_pdos"
    attrs = {**origin(function, title, told, source=source), "reference": p.reference}
    ds.attrs = plain_attrs(attrs | ({"comment": p.note} if p.note else {}))
    return ds


def _stack(p: Projections, names: list[str], n_energies: int, file: str) -> tuple[np.ndarray, np.ndarray, int]:
    n_spins = next(len(curve) for site in p.sites if site for curve in site.values())
    if n_spins not in (1, 2):
        raise FileFormatError(f"{file} has {n_spins} spins; 1 or 2 are known.")
    pdos = np.zeros((len(p.sites), len(names), n_spins, n_energies))
    projected = np.zeros((len(p.sites), len(names)), dtype=bool)
    place = {name: k for k, name in enumerate(names)}
    for i, site in enumerate(p.sites):
        if site is None:
            pdos[i] = np.nan
            continue
        for name, curve in site.items():
            pdos[i, place[name]] += curve
            projected[i, place[name]] = True
    return pdos, projected, n_spins


def _structure(p: Projections) -> tuple[dict[str, Any], dict[str, Any]]:
    """Variables and coordinates of the atoms, as `label_structure` makes them: one Dataset is quicker than two."""
    coords: dict[str, Any] = {
        "atom": ("atom", np.arange(len(p.elements)), {"units": "1", "long_name": "atom"}),
        "element": ("atom", np.array(p.elements, dtype=np.str_), {"long_name": "chemical element"}),
    }
    s = p.structure
    if s is None:
        return {}, coords
    coords["axis"] = ("axis", ["x", "y", "z"], {"long_name": "Cartesian axis"})
    coords["cell_vector"] = ("cell_vector", ["a", "b", "c"], {"long_name": "cell vector"})
    angstrom = {"units": "angstrom"}
    return {
        "position": (("atom", "axis"), s.position, {**angstrom, "long_name": "position"}),
        "cell": (("cell_vector", "axis"), s.cell, {**angstrom, "long_name": "cell"}),
        "pbc": ("cell_vector", np.array(s.pbc, dtype=bool), {"long_name": "periodic along the cell vector"}),
    }, coords


def _sums(pdos: np.ndarray, axis: np.ndarray, p: Projections, file: str) -> dict[str, Any]:
    """Compare the sum over sites and orbitals with what the code gives as sum, and with the total."""
    out: dict[str, Any] = {}
    if any(p.status):
        return out
    found = pdos.sum(axis=(0, 1))
    if p.projected_total is not None and np.isfinite(p.projected_total).all():
        given = p.projected_total
        both = (given, found) if len(given) == len(found) else (given.sum(axis=0), found.sum(axis=0))
        error = float(np.abs(both[1] - both[0]).max() / max(np.abs(both[0]).max(), 1e-300))
        text = "largest difference of the sum over sites and orbitals from the file's own, over its maximum"
        out["sum_error"] = ((), error, {"units": "1", "long_name": text})
        if error > p.sum_tolerance:
            warn(
                f"{file}: the sites add up to another density of states than the projected total in the file (off by "
                f"{100 * error:.3g} % of its maximum): are files of a site missing, or left over from another run?"
            )
    if p.dos is not None and np.isfinite(p.dos).all():
        whole, held = (float(np.trapezoid(values.sum(axis=0), axis)) for values in (p.dos, found))
        text = "share of the states on the energy axis that the sites hold"
        if whole > 0:
            out["projected_share"] = ((), held / whole, {"units": "1", "long_name": text})
            if held > _MUCH * whole:
                warn(f"{file}: the sites hold {held / whole:.3g} times the states that there are. Is the file damaged?")
    return out


def _faults(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - 6} more" if len(faults) > 6 else ""
    return "; ".join(fault[:200] for fault in faults[:6]) + more


def _formula(elements: Sequence[str]) -> str:
    return "".join(f"{e}{n if n > 1 else ''}" for e, n in sorted(Counter(elements).items()))[:200]
