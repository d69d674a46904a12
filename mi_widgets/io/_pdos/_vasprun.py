"""VASP's vasprun.xml, read as a stream of bytes: nothing but the densities of states and the structure is kept.

An XML parser spends most of its time on the rows of numbers, of which there are millions; here they are found by
searching for their tags and read as a block. No entity is ever expanded, and a file that declares one is refused.
"""

import re
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.io._pdos._fixed import parse_fixed
from mi_widgets.io._pdos._model import Projections, Structure, curves_of, finish, no_sites, site_fault, warn
from mi_widgets.io._pdos._names import symbol_of
from mi_widgets.io._pdos._stream import Stream
from mi_widgets.io._pdos._structures import agree
from mi_widgets.io._pdos._tables import number, parse_table

__all__ = ["read", "read_structure", "takes"]

_BATCH = 1 << 20  # bytes of rows that are parsed at once
_SMALL = 1 << 26  # bytes of an element that is taken as a whole; a set of 100,000 energies of 17 numbers takes a third
_ITEM = re.compile(rb'<i [^>]*name="(\w+)"[^>]*>([^<]*)</i>')
_VARRAY = re.compile(rb'<varray name="(basis|positions)"\s*>(.*?)</varray>', re.DOTALL)
_FIELD = re.compile(rb"<field[^>]*>([^<]*)</field>")
_SPIN = re.compile(rb'<set comment="spin\s*(\d)"\s*>(.*?)</set>', re.DOTALL)
_TAGS = re.compile(rb"</?[rv]>")


def takes(path: Path) -> bool:
    """Whether this is a vasprun.xml, compressed or not, or a folder that holds one."""
    file = _inside(path)
    return file is not None and "vasprun" in file.name.lower() and file.name.lower().endswith((".xml", ".xml.gz"))


def _inside(path: Path) -> Path | None:
    """The file itself, or the one of a folder."""
    if path.is_dir():
        return next((path / name for name in ("vasprun.xml", "vasprun.xml.gz") if (path / name).is_file()), None)
    return path if path.is_file() else None


def read(path: Path) -> xr.Dataset:
    """Read vasprun.xml or vasprun.xml.gz; see `mi_widgets.io.read_pdos`."""
    file = _inside(path)
    if file is None:
        raise FileFormatError(f"{path.name} holds no vasprun.xml.")
    run = _Run(file)
    if 0 not in run.total:
        raise DataError(
            f"{file.name} has no density of states{run.ended}. A run of VASP that has finished writes one; set "
            "LORBIT = 11 in INCAR for the projections."
        )
    if not run.fields:
        raise no_sites(file.name, run.ended)
    return finish(_projections(run, file.name), path=path, reader="vasprun")


def read_structure(path: Path) -> Structure | None:
    """Last structure of the run; None if it holds none."""
    return _Run(path).structure()


def _projections(run: "_Run", file: str) -> Projections:
    n_spins = 2 if len(run.total) == 2 else 1  # non-collinear: the first of four is the sum
    total = [run.total.get(s, np.empty((0, 0))) for s in range(n_spins)]
    axis = total[0][:, 0] if total[0].shape[1:] >= (2,) else np.empty(0)
    n_atoms = max([len(run.elements), *(ion + 1 for ion, _ in run.sites)])
    elements = run.elements if len(run.elements) == n_atoms else ["X"] * n_atoms
    out = Projections(axis, [], elements, f"VASP {run.version}".strip())
    for k in range(n_atoms):
        tables = [run.sites.get((k, s)) for s in range(n_spins)]
        whole = [t for t in tables if t is not None]
        fault = next((f for t in whole if (f := site_fault(t, axis, len(run.fields) + 1))), "")
        if len(whole) < n_spins:
            fault = f"missing{run.ended}"
        out.add(f"site {k}", fault, None if fault else curves_of(run.fields, [t[:, 1:] for t in whole]))
    if all(t.shape == total[0].shape and np.isfinite(t[:, 1]).all() for t in total):
        out.dos = np.stack([t[:, 1] for t in total])
    else:
        warn(f"{file}: the total density of states holds values that are no numbers and is left out.")
    if run.ended and not out.faults:
        warn(f"{file} is cut off behind the density of states; what is needed of it is whole.")
    out.fermi, out.title = run.fermi, run.title
    out.structure = agree(run.structure(), elements, file)
    return out


class _Run:
    """What is wanted of one file.

    Attributes
    ----------
    total, sites : dict
        Tables, energies first, by spin and by atom and spin.
    ended : str
        Where the file is cut off, as the end of a sentence; empty if it is whole.
    """

    def __init__(self, path: Path) -> None:
        self.elements: list[str] = []
        self.fields: list[str] = []
        self.total: dict[int, np.ndarray] = {}
        self.sites: dict[tuple[int, int], np.ndarray] = {}
        self.fermi = float("nan")
        self.version = self.title = self.ended = ""
        self._structure = b""
        self._waiting: list[tuple[int, int, bytes]] = []
        self._size = 0
        with Stream(path) as stream:
            head = stream.head(1 << 16)
            if b"<modeling" not in head[:4096]:
                raise FileFormatError(f"{path.name} is no vasprun.xml: it does not begin with <modeling>.")
            if b"<!ENTITY" in head or b"<!DOCTYPE" in head:
                raise FileFormatError(f"{path.name} declares XML entities, which VASP never does. It is not read.")
            try:
                self._read(stream)
            except EOFError as error:
                self.ended = f", it is cut off at byte {stream.place} ({error})"
            self._flush()

    def _read(self, stream: Stream) -> None:
        tokens = (b"<dos>", b"<structure", b'<array name="atoms"', b"<generator>", b"<incar>", b"</modeling>")
        while (token := stream.find(tokens)) != b"</modeling>":
            if token == b"<dos>":
                self._read_dos(stream)
            elif token == b"<structure":
                text = stream.take(b"</structure>", _SMALL)
                if not text.lstrip().startswith(b'name="primitive_cell"'):
                    self._structure = text
            elif token == b'<array name="atoms"':
                names = re.findall(rb"<rc>\s*<c>\s*([A-Za-z_0-9]*)\s*</c>", stream.take(b"</array>", _SMALL))
                self.elements = [symbol_of(name.decode()) for name in names]
            else:
                text = stream.take(b"</" + token[1:], _SMALL)
                items = {key: value.decode("latin-1").strip() for key, value in _ITEM.findall(text)}
                self.version = items.get(b"version", self.version)[:40]
                self.title = items.get(b"SYSTEM", self.title)[:200]

    def _read_dos(self, stream: Stream) -> None:
        self.total, self.sites, self.fields, self._waiting = {}, {}, [], []
        text = stream.take(b"</total>", _SMALL)
        items = dict(_ITEM.findall(text))
        self.fermi = number(items.get(b"efermi", b""))
        for spin, rows in _SPIN.findall(text):
            tables = _parse_blocks([rows], rows.count(b"<r>"))
            self.total[int(spin) - 1] = parse_table(_TAGS.sub(b" ", rows)) if tables is None else tables[0]
        if stream.find((b"<partial>", b"</dos>")) == b"</dos>":
            return
        self.fields = [name.decode("latin-1").strip()[:30] for name in _FIELD.findall(stream.take(b"<set>", _SMALL))][
            1:
        ]
        ion = 0
        while stream.find((b'<set comment="ion', b"</partial>")) != b"</partial>":
            while stream.find((b'<set comment="spin', b"</set>")) != b"</set>":
                spin, _, rows = stream.take(b"</set>", _SMALL).partition(b'">')
                if spin.strip() in (b"1", b"2"):
                    self._add(ion, int(spin) - 1, rows)
            ion += 1

    def _add(self, ion: int, spin: int, rows: bytes) -> None:
        self._waiting.append((ion, spin, rows))
        self._size += len(rows)
        if self._size > _BATCH:
            self._flush()

    def _flush(self) -> None:
        """Turn the gathered rows into numbers: many at once, as each start costs."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if not waiting:
            return
        length = len(self.total.get(0, ()))
        tables = _parse_blocks([rows for _, _, rows in waiting], length)
        if tables is None:
            tables = [parse_table(_TAGS.sub(b" ", rows)) for _, _, rows in waiting]
        self.sites.update({(ion, spin): table for (ion, spin, _), table in zip(waiting, tables, strict=True)})

    def structure(self) -> Structure | None:
        """Last structure, if it is whole."""
        found = {key: parse_table(_TAGS.sub(b" ", rows)) for key, rows in _VARRAY.findall(self._structure)}
        cell, place = (found.get(key, np.empty((0, 0))) for key in (b"basis", b"positions"))
        whole = cell.shape == (3, 3) and place.shape == (len(self.elements), 3) and len(place)
        if not whole or not np.isfinite(cell).all() or not np.isfinite(place).all():
            return None
        return Structure(self.elements, place @ cell, cell)


def _parse_blocks(blocks: list[bytes], length: int) -> list[np.ndarray] | None:
    """Tables of sets of `length` rows ``<r> … </r>`` that are all printed alike; None if they are not."""
    parts = []
    width = inner = 0
    for block in blocks:
        start, stop = block.find(b"<r>"), block.rfind(b"</r>")
        if not width:
            width, inner = block.find(b"<r>", start + 3) - start, block.find(b"</r>", start) - start
        if start < 0 or width < 8 or not 3 < inner < width or stop - start != (length - 1) * width + inner:
            return None
        parts.append(block[start : stop + 4].ljust(length * width))
    rows = np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(-1, width)
    marks = np.frombuffer(b"<r></r>", dtype=np.uint8)
    if (rows[:, :3] != marks[:3]).any() or (rows[:, inner : inner + 4] != marks[3:]).any():
        return None
    if not np.isin(rows[:, inner + 4 :], (32, 10, 13)).all():
        return None
    values = parse_fixed(rows[:, 3:inner])
    return None if values is None else list(values.reshape(len(blocks), length, -1))
