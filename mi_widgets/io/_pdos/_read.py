"""Open projected densities of states, whatever code wrote them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from mi_widgets.errors import FileFormatError, ParameterError
from mi_widgets.io._doors import as_path, guarded, seems
from mi_widgets.io._pdos import _qe, _vasprun

__all__ = ["READERS", "Reader", "read_pdos"]


@dataclass(frozen=True)
class Reader:
    """Files of one code.

    Attributes
    ----------
    read : callable
        ``read(path) -> Dataset``; may raise anything on a damaged file.
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
    "projwfc": Reader(_qe.read, _qe.takes, "Quantum ESPRESSO: a folder or prefix of prefix.pdos_atm#1(Mg)_wfc#2(p)"),
}
# Of one run of VASP, the fullest file is read; others may stand beside it.
_SAME_RUN = ("vasprun", "vaspout", "doscar")


def read_pdos(
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - the word that readers of other packages use
) -> xr.Dataset:
    r"""Read the densities of states that a code has projected on atoms and orbitals.

    Nothing in a file is executed, no count in it is believed before it is compared with what is there. Sites that are
    damaged (cut off, ``****`` for numbers) are NaN with a status and a warning, the others are whole.

    Parameters
    ----------
    path : path-like
        A file, or the folder of a run. For Quantum ESPRESSO the folder, the prefix (``"run/mgo"``) or any one of
        projwfc.x's tables.
    format : {"vasprun", "projwfc"}, optional
        By default names and first lines decide.

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
        `format` is unknown, `path` is none, or a folder holds several runs.

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
    name = format or _reader_name(file)
    there = file if file.exists() else file.parent
    ds: xr.Dataset = guarded(there, name, lambda: READERS[name].read(file))
    return ds


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
