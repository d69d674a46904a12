"""Open projected densities of states, whatever code wrote them."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import FileFormatError, LabelError, ParameterError
from mi_widgets.io._doors import as_path, guarded, seems
from mi_widgets.io._pdos import _aims, _cp2k, _doscar, _qe, _vaspout, _vasprun
from mi_widgets.io._pdos._levels import check_width
from mi_widgets.io._pdos._model import Structure
from mi_widgets.labels import label_structure

__all__ = ["READERS", "Reader", "read_pdos"]


@dataclass(frozen=True)
class Reader:
    """Files of one code.

    Attributes
    ----------
    read : callable
        ``read(path[, width=][, structure=]) -> Dataset``; may raise anything on a damaged file.
    takes : callable
        Whether a path is such a file by its name or its first lines, or a folder that holds such files.
    text : str
        What it reads, for people.
    """

    read: Callable[..., xr.Dataset]
    takes: Callable[[Path], bool]
    text: str


#: Name -> reader; the first that takes a file opens it.
READERS: dict[str, Reader] = {
    "vasprun": Reader(_vasprun.read, _vasprun.takes, "VASP: vasprun.xml, vasprun.xml.gz"),
    "vaspout": Reader(_vaspout.read, _vaspout.takes, "VASP: vaspout.h5"),
    "doscar": Reader(_doscar.read, _doscar.takes, "VASP: DOSCAR, with PROCAR where it has no sites"),
    "lobster": Reader(_doscar.read_lobster, _doscar.lobster_takes, "LOBSTER: DOSCAR.lobster"),
    "projwfc": Reader(_qe.read, _qe.takes, "Quantum ESPRESSO: a folder or prefix of prefix.pdos_atm#1(Mg)_wfc#2(p)"),
    "cp2k": Reader(_cp2k.read, _cp2k.takes, "CP2K: run-k1-1.pdos, run-ALPHA_list1-1.pdos"),
    "aims": Reader(_aims.read, _aims.takes, "FHI-aims: atom_projected_dos_Mg0001.dat, atom_proj_dos_spin_upMg0001.dat"),
}
# Of one run of VASP, the fullest file is read; others may stand beside it.
_SAME_RUN = ("vasprun", "vaspout", "doscar")


def read_pdos(
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - the word that readers of other packages use
    *,
    width: float = 0.2,
    structure: xr.Dataset | None = None,
) -> xr.Dataset:
    r"""Read the densities of states that a code has projected on atoms and orbitals.

    Nothing in a file is executed, no count in it is believed before it is compared with what is there. Sites that are
    damaged (cut off, ``****`` for numbers) are NaN with a status and a warning, the others are whole.

    Parameters
    ----------
    path : path-like
        A file, or the folder of a run; where a code writes a file for each site, any one of them. For Quantum ESPRESSO
        also the prefix (``"run/mgo"``).
    format : {"vasprun", "vaspout", "doscar", "lobster", "projwfc", "cp2k", "aims"}, optional
        By default names and first lines decide.
    width : float
        Standard deviation (eV) of the Gaussian that each state becomes where the file holds single states: CP2K, and
        PROCAR beside a DOSCAR without sites.
    structure : xarray.Dataset, optional
        The atoms, as `mi_widgets.structure.read_structure` gives them, instead of those found beside the file. CP2K's
        files hold kinds and no atoms: with it, each atom has the mean of its kind.

    Returns
    -------
    xarray.Dataset
        A structure as `mi_widgets.labels.label_structure` makes it (``position``, ``cell``, ``pbc``, ``element``),
        where one is known, and

        - ``pdos`` (atom, orbital[, spin], energy), 1/eV; 0 for orbitals that a site does not have
        - ``dos`` ([spin,] energy), 1/eV: the code's total, where there is one
        - ``fermi_energy``, eV; NaN where it is not known
        - ``spilling``, 1: share of the states that no orbital holds, where the code gives it
        - ``status`` (atom): ok, no_projection, damaged
        - ``projected`` (atom, orbital): whether the site has the orbital
        - ``sum_error``, 1: largest difference between the sum over sites and orbitals and the code's own sum, over its
          maximum; no better than the digits of the file
        - ``projected_share``, 1: integral of that sum over that of ``dos``

        with coordinates ``orbital`` (s, p_y, p_z, p_x, d_xy …; s, p, d; or s_1/2, p_1/2, p_3/2), ``spin`` (up, down),
        ``energy`` (eV, as in the file; the attribute ``reference`` says from where) and ``site_label``. Of
        non-collinear runs it is the sum over both spins.

    Raises
    ------
    FileFormatError
        No such file; empty, truncated or damaged beyond use; not what its name says; a format nobody here reads.
    DataError
        There are no projections; energies do not rise or differ from file to file; weights of k points are missing.
    ParameterError
        `format` is unknown, `width` is no positive number, `path` is none, a folder holds several runs, or `structure`
        has other atoms than the file.
    LabelError
        `structure` is no structure.

    Warns
    -----
    MIWidgetsWarning
        Sites are damaged or missing, sums differ, or what stands beside the file does not fit it.

    Examples
    --------
    >>> from pathlib import Path
    >>> table = "# E (eV)   ldos(E)   pdos(E)\n -1.0 0.1E+00 0.1E+00\n 0.0 0.3E+00 0.3E+00\n 1.0 0.0E+00 0.0E+00\n"
    >>> for n in (1, 2):
    ...     _ = Path(f"h2.pdos_atm#{n}(H)_wfc#1(s)").write_text(table)
    >>> ds = read_pdos("h2")
    >>> dict(ds.pdos.sizes), ds.element.values.tolist()
    ({'atom': 2, 'orbital': 1, 'energy': 3}, ['H', 'H'])
    """
    file = as_path(path, "read_pdos")
    if format is not None and format not in READERS:
        raise ParameterError(f"format must be one of {', '.join(map(repr, READERS))}; got {format!r}.")
    if str(path).startswith(("http://", "https://", "ftp://")):
        raise FileFormatError(f"{path} is an address on the web. Download the file, then give its path.")
    check_width(width, "read_pdos")
    atoms = None if structure is None else _atoms(structure)
    name = format or _reader_name(file)
    if not file.exists() and not READERS[name].takes(file):
        raise FileFormatError(f"there is no file {str(file)!r} (looked in {Path.cwd()}).")
    read = READERS[name].read
    known = inspect.signature(read).parameters
    options: dict[str, Any] = {k: v for k, v in (("width", width), ("structure", atoms)) if k in known}
    ds: xr.Dataset = guarded(file if file.exists() else file.parent, name, lambda: read(file, **options))
    return ds if atoms is None else _with_atoms(ds, atoms)


def _atoms(structure: Any) -> Structure:
    good = isinstance(structure, xr.Dataset) and {"position", "cell", "pbc", "element"} <= set(structure.variables)
    if not good or structure["position"].dims != ("atom", "axis"):
        raise LabelError(
            "read_pdos: structure must be a Dataset of one structure. Write structure=structure.read_structure(path)."
        )
    pbc = [bool(p) for p in structure["pbc"].values]
    return Structure(
        [str(e) for e in structure["element"].values], np.asarray(structure["position"].values, dtype=float),
        np.asarray(structure["cell"].values, dtype=float), (pbc[0], pbc[1], pbc[2]),
    )  # fmt: skip


def _with_atoms(ds: xr.Dataset, atoms: Structure) -> xr.Dataset:
    """Replace the structure."""
    names = [str(e) for e in ds["element"].values]
    if len(names) != len(atoms.elements) or any(a != b for a, b in zip(names, atoms.elements, strict=True) if a != "X"):
        raise ParameterError(
            f"read_pdos: structure has {len(atoms.elements)} atoms, the file {len(names)} sites, or other elements."
        )
    made = label_structure(atoms.position, atoms.elements, cell=atoms.cell, pbc=atoms.pbc)
    old = [n for n in ("position", "cell", "pbc", "element", "axis", "cell_vector") if n in ds.variables]
    return made.merge(ds.drop_vars(old)).assign_attrs(ds.attrs)


def _reader_name(file: Path) -> str:
    if file.is_file() and not file.stat().st_size:
        raise FileFormatError(f"{file.name} is empty (0 bytes). Copy it again.")
    names = [name for name, reader in READERS.items() if guarded(file.parent, name, lambda r=reader: r.takes(file))]  # type: ignore[misc]
    run = [name for name in names if name in _SAME_RUN]
    names = [name for name in names if name not in run[1:]]
    if len(names) > 1:
        raise ParameterError(
            f"{file.name} holds results of several codes: {', '.join(names)}. Choose one: "
            f"read_pdos(path, format={names[0]!r})."
        )
    if names:
        return names[0]
    if not file.exists():
        raise FileFormatError(f"there is no file {str(file)!r} (looked in {Path.cwd()}).")
    kinds = "; ".join(reader.text for reader in READERS.values())
    what = "a folder without such files" if file.is_dir() else f"a file of no such kind{seems(file)}"
    raise FileFormatError(f"no reader for {file.name}: it is {what}. Read: {kinds}. Or choose one by format=.")
