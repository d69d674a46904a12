"""Quantum ESPRESSO: the tables ``*.pdos_atm#1(Mg)_wfc#2(p)`` that projwfc.x writes, one for each atom and shell."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, ParameterError
from mi_widgets.io._pdos._model import (
    DAMAGED,
    NO_PROJECTION,
    OK,
    Curves,
    Projections,
    check_axis,
    finish,
    same_axis,
    warn,
)
from mi_widgets.io._pdos._names import LM_NAMES, symbol_of
from mi_widgets.io._pdos._qe_beside import Beside, look_beside
from mi_widgets.io._pdos._structures import agree
from mi_widgets.io._pdos._tables import parse_table

__all__ = ["read", "tables_of", "takes"]

_NAME = re.compile(
    r"(?P<prefix>.*)\.pdos_atm#(?P<atom>\d{1,7})\((?P<label>[^()]{1,40})\)_wfc#(?P<shell>\d{1,3})"
    r"\((?P<l>[spdf])(?:_j(?P<j>\d\.5))?\)"
)
_M_ORDER = {  # m = 0, then cosine and sine of phi, 2 phi, 3 phi
    0: ("s",),
    1: ("p_z", "p_x", "p_y"),
    2: ("d_z2", "d_xz", "d_yz", "d_x2-y2", "d_xy"),
    3: ("f_z3", "f_xz2", "f_yz2", "f_z(x2-y2)", "f_xyz", "f_x(x2-3y2)", "f_y(3x2-y2)"),
}
_SKIP = re.compile(rb"^\s*#.*$", re.MULTILINE)


@dataclass(frozen=True)
class Shell:
    """One file and what its name says."""

    path: Path
    prefix: str
    atom: int
    label: str
    number: int
    l: int
    j: float | None

    @property
    def n_m(self) -> int:
        """Columns of single orbitals."""
        return 2 * self.l + 1 if self.j is None else int(2 * self.j) + 1


def tables_of(folder: Path, prefix: str | None = None) -> list[Shell]:
    """Tables in a folder, of one prefix or of all, by atom and shell."""
    out = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match and (prefix is None or match["prefix"] == prefix) and path.is_file():
            j = float(match["j"]) if match["j"] else None
            shell = Shell(path, match["prefix"], int(match["atom"]), match["label"], int(match["shell"]),
                          "spdf".index(match["l"]), j)  # fmt: skip
            out.append(shell)
    return sorted(out, key=lambda s: (s.prefix, s.atom, s.number, s.l, s.j or 0))


def takes(path: Path) -> bool:
    """Whether this is such a table, the total beside them, a folder of them, or their prefix."""
    if path.is_dir():
        return any(_NAME.fullmatch(p.name) for p in path.iterdir())
    if path.is_file():
        return bool(_NAME.fullmatch(path.name)) or path.name.endswith(".pdos_tot")
    return path.parent.is_dir() and any(
        (m := _NAME.fullmatch(p.name)) and m["prefix"] == path.name for p in path.parent.iterdir()
    )


def read(path: Path) -> xr.Dataset:
    """Read all tables of one prefix; see `mi_widgets.io.read_pdos`."""
    folder = path if path.is_dir() else path.parent
    match = _NAME.fullmatch(path.name)
    prefix = None if path.is_dir() else match["prefix"] if match else path.name.removesuffix(".pdos_tot")
    shells = tables_of(folder, prefix)
    if not shells:
        raise FileFormatError(
            f"{path.name}: no file like {prefix or 'prefix'}.pdos_atm#1(Mg)_wfc#2(p) stands there. Give the folder in "
            "which projwfc.x wrote them (filpdos), or one of them."
        )
    prefixes = sorted({s.prefix for s in shells})
    if len(prefixes) > 1:
        raise ParameterError(
            f"{path.name} holds the tables of {len(prefixes)} runs: {', '.join(prefixes)[:300]}. Name one: "
            f"read_pdos({str(folder / prefixes[0])!r})."
        )
    return finish(_collect(folder, shells), path=path, reader="projwfc")


def _collect(folder: Path, shells: list[Shell]) -> Projections:
    beside = look_beside(folder, shells[0].prefix)
    run = _Run(shells, beside)
    if not any(run.tables.values()):
        raise FileFormatError(f"{folder.name}: none of {len(shells)} tables is whole ({'; '.join(run.faults[:3])}).")
    structure = next((b.structure for b in beside if b.structure is not None), None)
    n_atoms = max(s.atom for s in shells)
    if n_atoms > 1000 + 10 * len(shells):
        raise FileFormatError(
            f"{shells[-1].path.name} is a table of atom {n_atoms}, but there are {len(shells)} tables."
        )
    if structure is not None and len(structure.elements) > n_atoms:
        known = {s.atom - 1: symbol_of(s.label) for s in shells}
        if all(structure.elements[k] in ("X", name) for k, name in known.items()):
            n_atoms = len(structure.elements)
    labels = {s.atom - 1: s.label for s in shells}
    elements = [symbol_of(labels.get(k, "X")) for k in range(n_atoms)]
    structure = agree(structure, elements, folder.name)
    if structure is not None:
        elements = structure.elements
    sites, status = run.sites(n_atoms, elements)
    dos, total = run.total(folder / f"{shells[0].prefix}.pdos_tot")
    fermi = next((b for b in beside if b.fermi is not None), None)
    spilling = {b.spilling for b in beside if b.spilling is not None}
    version = next((b.version for b in beside if b.version), "")
    note = f"fermi_energy is the {fermi.fermi_is} of {fermi.path.name}" if fermi else ""
    return Projections(
        energy=run.axis, sites=sites, elements=elements, status=status, dos=dos, projected_total=total,
        fermi=fermi.fermi if fermi and fermi.fermi is not None else np.nan,
        spilling=spilling.pop() if len(spilling) == 1 else None, structure=structure,
        site_labels=[labels.get(k, elements[k]) for k in range(n_atoms)], source=f"Quantum ESPRESSO {version}".strip(),
        note=note, faults=run.faults,
    )  # fmt: skip


class _TableError(Exception):
    """What makes one table unusable."""


class _Run:
    """Tables of one run on one energy axis."""

    def __init__(self, shells: list[Shell], beside: list[Beside]) -> None:
        self.by_k: bool | None = None
        self.n_spins = 0
        self.faults: list[str] = []
        self._weights = [b.weights for b in beside if b.weights]
        read: dict[Shell, np.ndarray] = {}
        for shell in shells:
            try:
                read[shell] = self._read(shell)
            except _TableError as fault:
                self.faults.append(f"{shell.path.name} has {fault}")
        self.axis = self._find_axis(read)
        self.tables: dict[Shell, dict[str, np.ndarray] | None] = dict.fromkeys(shells)
        for shell, values in read.items():
            try:
                self.tables[shell] = self._curves(shell, values)
            except _TableError as fault:
                self.faults.append(f"{shell.path.name} has {fault}")

    def _read(self, shell: Shell) -> np.ndarray:
        """Columns energy, sums, single orbitals, each for every spin; summed over k."""
        raw = shell.path.read_bytes()
        values = parse_table(_SKIP.sub(b"", raw))
        layouts = {  # columns: (k,) energy, ldos and pdos, twice with spin
            (1 + by_k + spins * (1 + shell.n_m)): (bool(by_k), spins) for spins in (1, 2) for by_k in (0, 1)
        }
        layout = layouts.get(values.shape[1]) if values.size else None
        if layout is None or (b"ik" in raw[:40]) != layout[0]:
            raise _TableError(f"{values.shape[1]} columns")
        if self.by_k is None:
            self.by_k, self.n_spins = layout
        if layout != (self.by_k, self.n_spins):
            raise _TableError("another layout than the others")
        return self._sum_k(values, shell.path) if self.by_k else values

    def _find_axis(self, read: dict[Shell, np.ndarray]) -> np.ndarray:
        """The axis that most tables have; a table that is cut off ends early, one of another run has others."""
        if not read:
            return np.empty(0)
        size = Counter(len(values) for values in read.values()).most_common(1)[0][0]
        pick = next(s for s in read if len(read[s]) == size and (np.isfinite(read[s][:, 0]).all() or len(read) == 1))
        axis: np.ndarray = check_axis(read[pick][:, 0], pick.path.name)
        for shell, values in read.items():
            n = min(size, len(values))
            if not same_axis(values[:n, 0], axis[:n], axis):
                raise DataError(
                    f"{shell.path.name} has energies from {values[0, 0]:g} to {values[-1, 0]:g} eV, {pick.path.name} "
                    f"from {axis[0]:g} to {axis[-1]:g} eV: they are of two runs of projwfc.x. Delete the older ones."
                )
        return axis

    def _curves(self, shell: Shell, values: np.ndarray) -> dict[str, np.ndarray]:
        """Curves (n_spins, n_energies) of a shell by orbital."""
        if len(values) != self.axis.size:
            raise _TableError(f"{len(values)} of {self.axis.size} energies")
        columns = values[:, 1:]
        if not np.isfinite(columns).all():
            raise _TableError(f"{int((~np.isfinite(columns)).sum())} values that are no numbers")
        single = columns[:, self.n_spins :].T.reshape(shell.n_m, self.n_spins, -1)
        whole = columns[:, : self.n_spins].T
        if np.abs(single.sum(axis=0) - whole).max() > 0.02 * np.abs(whole).max() + 1e-90:
            raise _TableError("columns that do not add up to their sum")
        if shell.j is not None:
            return {f"{'spdf'[shell.l]}_{int(2 * shell.j)}/2": single.sum(axis=0)}
        return {name: single[_M_ORDER[shell.l].index(name)] for name in LM_NAMES[shell.l]}

    def _sum_k(self, values: np.ndarray, path: Path) -> np.ndarray:
        """Sum over k points, with the weights that stand in the output of pw.x: the tables hold each with weight 1."""
        k = values[:, 0]
        n_k = int(k[-1]) if np.isfinite(k).all() and 1 <= k[-1] <= len(k) else 0
        if not n_k or len(k) % n_k or not (k == np.repeat(np.arange(1, n_k + 1), len(k) // n_k)).all():
            raise _TableError("k points that are not numbered 1, 2, 3 … with as many energies each")
        weights = next((w for w in self._weights if len(w) == n_k and np.isfinite(w).all()), None)
        if weights is None:
            raise DataError(
                f"{path.name} is resolved by {n_k} k points, whose weights it does not have. Put data-file-schema.xml "
                "or the output of pw.x of the same run beside it, or run projwfc.x with kresolveddos=.false."
            )
        blocks = values[:, 1:].reshape(n_k, len(k) // n_k, -1)
        if blocks.shape[1] < 2 or not all(same_axis(b[:, 0], blocks[0, :, 0]) for b in blocks):
            raise _TableError("energies that differ from k point to k point")
        return np.column_stack([blocks[0, :, 0], np.tensordot(weights, blocks[:, :, 1:], axes=1)])

    def sites(self, n_atoms: int, elements: list[str]) -> tuple[list[Curves | None], list[int]]:
        """Curves of each atom, summed over shells; a site that lacks a table of its kind is damaged."""
        by_atom: dict[int, dict[Shell, dict[str, np.ndarray] | None]] = defaultdict(dict)
        kinds: dict[str, set[tuple[int, int, float | None]]] = defaultdict(set)
        for shell, table in self.tables.items():
            by_atom[shell.atom - 1][shell] = table
            kinds[shell.label].add((shell.number, shell.l, shell.j))
        sites: list[Curves | None] = []
        status = []
        for k in range(n_atoms):
            mine = by_atom.get(k, {})
            if not mine:
                self.faults.append(f"atom {k} ({elements[k]}) has no table")
                sites.append(None)
                status.append(NO_PROJECTION)
                continue
            label = next(iter(mine)).label
            missing = kinds[label] - {(s.number, s.l, s.j) for s in mine}
            if missing:
                lost = ", ".join(f"wfc#{n}({'spdf'[l]})" for n, l, _ in sorted(missing, key=str))
                self.faults.append(f"atom {k} ({label}) has no table {lost}")
            if missing or any(table is None for table in mine.values()):
                sites.append(None)
                status.append(DAMAGED)
                continue
            curves: dict[str, np.ndarray] = {}
            for table in mine.values():
                for name, curve in (table or {}).items():
                    curves[name] = curves[name] + curve if name in curves else curve
            sites.append(curves)
            status.append(OK)
        return sites, status

    def total(self, path: Path) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Total and projected total (n_spins, n_energies) of ``pdos_tot``; None where it is missing or damaged."""
        if not path.is_file():
            return None, None
        raw = path.read_bytes()
        values = parse_table(_SKIP.sub(b"", raw))
        try:
            if self.by_k and values.size:
                values = self._sum_k(values, path)
            if not values.size or not np.isfinite(values).all() or not same_axis(values[:, 0], self.axis):
                raise _TableError("other energies than the sites, or values that are no numbers")
        except _TableError as fault:
            warn(f"{path.name} is left out: it has {fault}.")
            return None, None
        columns = values[:, 1:].T
        n_dos = len(columns) - self.n_spins  # a non-collinear run has one total for both spins
        if n_dos not in (1, 2):
            warn(f"{path.name} is left out: {len(columns) + 1} columns are not known.")
            return None, None
        return columns[:n_dos], columns[n_dos:]
