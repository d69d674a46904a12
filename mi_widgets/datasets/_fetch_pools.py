"""Public tables to search, checked by what is known of their content."""

import gzip
import hashlib
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.datasets._compounds import ELEMENTS
from mi_widgets.datasets._fetch import download_unpinned
from mi_widgets.datasets._pools import label_pool
from mi_widgets.errors import DownloadError, FileFormatError

__all__ = ["fetch_grain_boundary", "fetch_thermal_conductivity"]

_PHYSBO = "https://raw.githubusercontent.com/issp-center-dev/PHYSBO/80040c293f7eca2cc0d5972ef1c3b24ff4da567a"
_SRME = "https://raw.githubusercontent.com/MPA2suite/k_SRME/1f853887434c860d93b0c13dd575a08d13fe0e4c/data"
GRAIN_BOUNDARY = {"file": "s5-210.csv", "url": f"{_PHYSBO}/docs/sphinx/manual/ja/source/notebook/data/s5-210.csv"}
KAPPAS = {"file": "kappas_phononDB_PBE_noNAC.json.gz", "url": f"{_SRME}/kappas_phononDB_PBE_noNAC.json.gz"}
STRUCTURES = {"file": "phononDB-PBE-structures.extxyz", "url": f"{_SRME}/phononDB-PBE-structures.extxyz"}

#: Translations along x, across the boundary, and along z; and how many the file has of each.
_AXES = ("x", "y", "z")
_STEPS = (81, 6, 37)
#: Energies (J/m2) that PHYSBO's tutorial prints, by row.
_PRINTED = {8658: 0.957557, 5734: 0.963795, 7792: 0.981899, 15673: 1.070602, 12010: 1.280940, 17981: 2.497145}
_SPACE_GROUPS = {225: "rocksalt", 216: "zincblende", 186: "wurtzite"}
_AMU = 1.66053906660  # g/cm3 of one atomic mass unit for each cubic angstrom


def fetch_grain_boundary(
    *,
    file: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
) -> xr.Dataset:
    """Fetch the energies of the grain boundary Sigma 5 [001](210) of copper that S. Kiyohara et al. [1]_ searched.

    17,982 translations of one grain (81 x 6 x 37), as the examples of PHYSBO [2]_ hold them (0.4 MB); the paper says
    17,983. `load_grain_boundary` is the project's own landscape of the same boundary, and needs no network.

    No sha256 is registered: the file could not be downloaded where this was written. It is taken from a fixed commit
    and checked by its content: the number of rows, the grid of translations, the lowest energy (0.95745 J/m2), and six
    energies that PHYSBO's tutorial prints. Its sha256 stands in the attribute ``sha256``, to compare it by.

    Parameters
    ----------
    file : path-like, optional
        The file ``s5-210.csv``, if you have it: nothing is downloaded then.
    cache, base_url
        As in `fetch_raman_streamline`.

    Returns
    -------
    xarray.Dataset
        ``features`` (candidate, feature): ``x``, ``y``, ``z``, angstrom, in the columns of the file; ``energy``
        (candidate), J/m2. Attributes ``target`` and ``goal`` say what is searched for: the lowest ``energy``.

    Raises
    ------
    DownloadError
        No connection, no such file on the server, or its content is not what it should be.
    FileFormatError
        The content of `file` is not what it should be.
    MissingDependencyError
        pooch is not installed.

    References
    ----------
    .. [1] Jpn. J. Appl. Phys. 55, 045502 (2016), doi:10.7567/JJAP.55.045502
    .. [2] https://github.com/issp-center-dev/PHYSBO, MPL-2.0

    Examples
    --------
    >>> pool = fetch_grain_boundary()  # doctest: +SKIP
    """
    table, digest = _take(GRAIN_BOUNDARY, file, cache, base_url, _read_grain_boundary)
    ds = label_pool(
        table[:, :3],
        _AXES,
        ["angstrom"] * 3,
        attrs={
            "title": "Energy of the grain boundary Sigma 5 [001](210) of copper, as published",
            "source": "s5-210.csv of PHYSBO, MPL-2.0, https://github.com/issp-center-dev/PHYSBO",
            "references": "S. Kiyohara et al., Jpn. J. Appl. Phys. 55, 045502 (2016), doi:10.7567/JJAP.55.045502",
            "sha256": digest,
            "target": "energy",
            "goal": "min",
        },
        call="fetch_grain_boundary",
        parameters={},
    )
    ds["energy"] = ("candidate", table[:, 3].copy(), {"units": "J/m**2", "long_name": "grain-boundary energy"})
    return ds


def fetch_thermal_conductivity(
    *,
    kappas: str | os.PathLike[str] | None = None,
    structures: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
) -> xr.Dataset:
    """Fetch computed lattice thermal conductivities of 103 compounds in rocksalt, zincblende and wurtzite.

    Those of phononDB with the functional PBE, without the correction for polar modes, as recomputed by B. Pota et al.
    [1]_: a public stand-in for the 101 values that A. Seko et al. [2]_ searched, which were not found in public. Volume
    and density are taken from the structures that belong to them, elements from the formulas.

    No sha256 is registered: the files could not be downloaded where this was written. They are taken from a fixed
    commit and checked by their content: 103 compounds of two elements each, in three space groups, with finite values
    above zero. Their sha256 stand in the attributes. The layout of the larger file is known from the scripts that wrote
    it, not from the file.

    Parameters
    ----------
    kappas, structures : path-like, optional
        The files ``kappas_phononDB_PBE_noNAC.json.gz`` (or ``_NAC``) and ``phononDB-PBE-structures.extxyz``, if you
        have them: they are not downloaded then.
    cache, base_url
        As in `fetch_raman_streamline`.

    Returns
    -------
    xarray.Dataset
        As of `make_thermal_conductivity`: ``features`` (candidate, feature) with ``volume`` (angstrom**3 for each
        atom), ``density`` (g/cm**3) and a column for each element; ``conductivity`` (candidate), W/(m K), at 300 K.
        Candidates are named as ``"LiI rocksalt"``.

    Raises
    ------
    DownloadError, FileFormatError, MissingDependencyError
        As in `fetch_grain_boundary`.

    References
    ----------
    .. [1] arXiv:2408.00755; https://github.com/MPA2suite/k_SRME, GPL-3.0; phononDB: A. Togo, L. Chaput, I. Tanaka,
       Phys. Rev. B 91, 094306 (2015), doi:10.1103/PhysRevB.91.094306
    .. [2] Phys. Rev. Lett. 115, 205901 (2015), doi:10.1103/PhysRevLett.115.205901

    Examples
    --------
    >>> pool = fetch_thermal_conductivity()  # doctest: +SKIP
    """
    rows, kappa_hash = _take(KAPPAS, kappas, cache, base_url, _read_kappas)
    cells, cell_hash = _take(STRUCTURES, structures, cache, base_url, _read_structures)
    rows = rows.sort_values(["structure", "name"])
    missing = [name for name in rows["id"] if name not in cells]
    if missing:
        raise FileFormatError(
            f"{STRUCTURES['file']} has no structure of {', '.join(missing[:5])}: the two files do not belong together. "
            "Take both from the same commit."
        )
    found = [cells[name] for name in rows["id"]]
    volume = np.array([volume / len(symbols) for volume, symbols in found])
    mass = np.array([np.mean([ELEMENTS[s][0] for s in symbols]) for _, symbols in found])
    there = {s for _, symbols in found for s in symbols}
    elements = [e for e in ELEMENTS if e in there]
    has = np.array([[float(e in symbols) for e in elements] for _, symbols in found])
    ds = label_pool(
        np.column_stack([volume, _AMU * mass / volume, has]),
        ["volume", "density", *elements],
        ["angstrom**3", "g/cm**3", *["1"] * len(elements)],
        candidates=[f"{n} {s}" for n, s in zip(rows["name"], rows["structure"], strict=True)],
        attrs={
            "title": "Lattice thermal conductivity of 103 compounds, computed",
            "source": "MPA2suite/k_SRME (GPL-3.0) from phononDB, DFT-PBE; doi:10.1103/PhysRevB.91.094306",
            "references": "B. Pota et al., arXiv:2408.00755; A. Seko et al., doi:10.1103/PhysRevLett.115.205901",
            "sha256": [kappa_hash, cell_hash],
            "target": "conductivity",
            "goal": "min",
        },
        call="fetch_thermal_conductivity",
        parameters={},
    )
    attrs = {"units": "W/(m*K)", "long_name": "lattice thermal conductivity at 300 K"}
    ds["conductivity"] = ("candidate", rows["kappa"].to_numpy(dtype=float), attrs)
    return ds


def _take(
    item: dict[str, str],
    file: str | os.PathLike[str] | None,
    cache: str | os.PathLike[str] | None,
    base_url: str | None,
    read: Callable[[bytes], Any],
) -> tuple[Any, str]:
    """What is read from a file, given or downloaded, and its sha256; a download that is not right is not kept."""
    path = download_unpinned(item, cache, base_url) if file is None else Path(os.fspath(file)).expanduser()
    try:
        data = path.read_bytes()
        return read(data), hashlib.sha256(data).hexdigest()
    except OSError as error:
        reason = error.strerror or error
        raise FileFormatError(f"{path} cannot be read ({reason}). Give the path of {item['file']}.") from error
    except FileFormatError as error:
        if file is not None:
            raise FileFormatError(f"{path} is not {item['file']}: {error} Give that file.") from None
        path.unlink(missing_ok=True)
        raise DownloadError(
            f"{item['file']} from {base_url or item['url']} is not what it should be: {error} A proxy or login page "
            "may have answered. Try again later, or give the path of the file."
        ) from None


def _read_grain_boundary(data: bytes) -> np.ndarray:
    """Rows of x, y, z and energy."""
    lines = data.decode("utf-8", errors="replace").split()
    try:
        table = np.array([[float(v) for v in line.split(",")] for line in lines[1:]], dtype=float)
    except ValueError:
        raise FileFormatError("its rows are not four numbers each.") from None
    n = math.prod(_STEPS)
    if table.shape != (n, 4) or not np.isfinite(table).all():
        raise FileFormatError(f"it has not {n} rows of four numbers but an array of shape {table.shape}.")
    steps = tuple(len(np.unique(column)) for column in table[:, :3].T)
    if steps != _STEPS or len(np.unique(table[:, :3], axis=0)) != n:
        raise FileFormatError(f"its translations are no grid of {_STEPS} but of {steps}.")
    off = {row: value for row, value in _PRINTED.items() if abs(table[row, 3] - value) > 1e-6}
    if abs(table[:, 3].min() - 0.95745) > 1e-5 or off:
        raise FileFormatError(f"its energies are others: the lowest is {table[:, 3].min():.5f} J/m2, not 0.95745.")
    return table


def _read_kappas(data: bytes) -> pd.DataFrame:
    """Columns id, name, structure and kappa at 300 K."""
    try:
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        columns = {k: list(v.values()) for k, v in dict(json.loads(text)).items() if isinstance(v, dict)}
        kappa = [
            _at_300(value, temperatures)
            for value, temperatures in zip(
                columns["kappa_TOT_ave"],
                columns.get("temperatures", [300.0] * len(columns["kappa_TOT_ave"])),
                strict=True,
            )
        ]
        rows = pd.DataFrame({"id": columns["mp_id"], "name": columns["name"], "kappa": kappa})
        rows["structure"] = [_SPACE_GROUPS[int(number)] for number in columns["symm.no"]]
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise FileFormatError(
            f"it is no table of conductivities ({type(error).__name__}: {str(error)[:80]})."
        ) from None
    if len(rows) != 103 or rows["id"].duplicated().any() or not (np.isfinite(rows.kappa) & (rows.kappa > 0)).all():
        raise FileFormatError(f"it has not 103 compounds with a value above zero each, but {len(rows)} rows.")
    return rows


def _at_300(value: Any, temperatures: Any) -> float:
    """The value at 300 K: means over directions stand for themselves or in a list over temperatures."""
    values, at = np.ravel(value).astype(float), np.ravel(temperatures).astype(float)
    if len(values) == 1:
        return float(values[0])
    return float(values[int(np.flatnonzero(np.isclose(at, 300.0))[0])])


def _read_structures(data: bytes) -> dict[str, tuple[float, list[str]]]:
    """Volume (angstrom^3) and symbols of the atoms of each cell."""
    lines = data.decode("utf-8", errors="replace").splitlines()
    found: dict[str, tuple[float, list[str]]] = {}
    at = 0
    try:
        while at < len(lines) and lines[at].strip():
            n = int(lines[at])
            cell = re.search(r'Lattice="([^"]+)"', lines[at + 1])
            name = re.search(r"\bmp_id=(\S+)", lines[at + 1])
            if cell is None or name is None:
                raise FileFormatError(f"its line {at + 2} names no cell or no mp_id.")
            vectors = np.array(cell.group(1).split(), dtype=float).reshape(3, 3)
            symbols = [line.split()[0] for line in lines[at + 2 : at + 2 + n]]
            if len(symbols) != n or len(set(symbols)) != 2 or not set(symbols) <= set(ELEMENTS):
                raise FileFormatError(f"the atoms after line {at + 2} are not {n} of two elements.")
            found[name.group(1)] = (float(abs(np.linalg.det(vectors))), symbols)
            at += n + 2
    except (ValueError, IndexError):
        raise FileFormatError(f"it is no extended xyz: line {at + 1} is {lines[at][:40]!r}.") from None
    if len(found) != 103:
        raise FileFormatError(f"it has {len(found)} structures, not 103.")
    return found
