"""Frames of text trajectories: one frame's bytes to arrays, for extended XYZ, LAMMPS dumps and VASP's XDATCAR."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mi_widgets.errors import FileFormatError

__all__ = ["FORMATS", "Format", "Frame"]


@dataclass
class Frame:
    """One frame: what `label_structure` needs and what else there is."""

    elements: list[str]
    position: np.ndarray
    cell: np.ndarray
    pbc: tuple[bool, bool, bool]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    time: float | None = None
    step: int | None = None


@dataclass(frozen=True)
class Format:
    """How a text format is cut into frames and read.

    Attributes
    ----------
    lines : callable
        From the first bytes of a file, the number of lines of a header that all frames share, the number of lines of a
        frame, and the number of atoms.
    marker : callable
        From the first bytes of a frame, the bytes that begin every frame.
    parse : callable
        From the bytes of the shared header and of one frame, the frame.
    """

    name: str
    lines: Callable[[bytes], tuple[int, int, int]]
    marker: Callable[[bytes], bytes]
    parse: Callable[[bytes, bytes], Frame]


def _table(lines: list[bytes], n: int, columns: int, what: str) -> np.ndarray:
    words = b" ".join(lines).split()
    if len(lines) != n or len(words) != n * columns:
        raise FileFormatError(
            f"{what}: {n} lines of {columns} values expected; got {len(lines)} with {len(words)} in all."
        )
    return np.array(words).reshape(n, columns)


def _count(word: bytes, what: str) -> int:
    if not re.fullmatch(rb"\s*\d{1,12}\s*", word):
        raise FileFormatError(f"{what}: a number of atoms expected; got {word[:40]!r}.")
    return int(word)


# ---- extended XYZ

_PAIR = re.compile(r"""([^\s="']+|"[^"]*")\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|([^\s"'{]\S*))""")
_COLUMN_NAMES = {
    "forces": "force", "force": "force", "vel": "velocity", "velo": "velocity", "velocities": "velocity",
    "velocity": "velocity", "masses": "mass", "charges": "charge", "magmoms": "magmom", "initial_charges": "charge",
    "initial_magmoms": "magmom", "tags": "tag",
}  # fmt: skip


def _xyz_lines(head: bytes) -> tuple[int, int, int]:
    n = _count(head.split(b"\n", 1)[0], "XYZ")
    return 0, n + 2, n


def _xyz_parse(_header: bytes, data: bytes) -> Frame:
    lines = data.split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    n = _count(lines[0], "XYZ")
    info = {
        m[1].strip('"').lower(): next(g for g in m.groups()[1:] if g is not None)
        for m in _PAIR.finditer(lines[1].decode("utf-8", "replace"))
    }
    layout = info.get("properties", "species:S:1:pos:R:3").split(":")
    if len(layout) % 3 or not all(w.isdigit() for w in layout[2::3]):
        raise FileFormatError(f"XYZ: Properties={':'.join(layout)[:80]!r} cannot be read.")
    parts = list(zip(layout[::3], layout[1::3], map(int, layout[2::3]), strict=True))
    width = sum(p[2] for p in parts)
    if "properties" not in info and n:
        width = len(lines[2].split()) if len(lines) > 2 else 4  # plain XYZ may have more columns, unnamed
        parts += [("column", "X", width - 4)]
    table, at = _table(lines[2:], n, width, "XYZ"), 0
    found: dict[str, np.ndarray] = {}
    for name, kind, size in parts:
        words = table[:, at : at + size]
        at += size
        if kind != "X" and size:
            found[name.lower() if name.lower() in ("species", "pos", "z") else name] = _typed(words, kind, size)
    if "species" not in found or "pos" not in found:
        raise FileFormatError("XYZ: Properties names no 'species' or no 'pos' column.")
    cell = _numbers(info.get("lattice", ""), 9)
    periodic = [w.lower() in ("t", "true", "1") for w in info.get("pbc", "").replace(",", " ").split()]
    default = (cell is not None,) * 3
    frame = Frame(
        [str(s) for s in found.pop("species")],
        found.pop("pos").reshape(n, 3),
        np.zeros((3, 3)) if cell is None else cell.reshape(3, 3),
        (periodic[0], periodic[1], periodic[2]) if len(periodic) == 3 else default,
    )
    frame.arrays = {_COLUMN_NAMES.get(k.lower(), k): v for k, v in found.items() if k.lower() != "z"}
    for key in ("energy", "free_energy"):
        value = _numbers(info.get(key, ""), 1)
        if value is not None and "energy" not in frame.arrays:
            frame.arrays["energy"] = value[0]
    stamp = _numbers(info.get("time", ""), 1)
    frame.time = None if stamp is None else float(stamp[0])
    return frame


def _typed(words: np.ndarray, kind: str, size: int) -> np.ndarray:
    if kind == "R":
        values = words.astype(float)
    elif kind == "I":
        values = words.astype(np.int64)
    elif kind == "L":
        values = np.isin(words, [b"T", b"True", b"true", b"1"])
    else:
        values = np.char.decode(words, "utf-8", "replace")
    return values[:, 0] if size == 1 else values


def _numbers(text: str, n: int) -> np.ndarray | None:
    words = text.replace(",", " ").split()
    try:
        values = np.array([float(w) for w in words])
    except ValueError:
        return None
    return values if values.size == n else None


# ---- LAMMPS


def _dump_lines(head: bytes) -> tuple[int, int, int]:
    lines = head.split(b"\n", 9)
    where = [k for k, line in enumerate(lines[:9]) if line.startswith(b"ITEM: NUMBER OF ATOMS")]
    if not where or not lines[0].startswith(b"ITEM:") or len(lines) < 9:
        raise FileFormatError("LAMMPS dump: no 'ITEM: NUMBER OF ATOMS' in its first lines.")
    n = _count(lines[where[0] + 1], "LAMMPS dump")
    start = next((k for k, line in enumerate(head.split(b"\n", 40)[:40]) if line.startswith(b"ITEM: ATOMS")), None)
    if start is None:
        raise FileFormatError("LAMMPS dump: no 'ITEM: ATOMS' in its first lines.")
    return 0, start + 1 + n, n


def _dump_parse(_header: bytes, data: bytes) -> Frame:
    items: dict[str, tuple[bytes, list[bytes]]] = {}
    for block in data.split(b"ITEM: ")[1:]:
        title, _, body = block.partition(b"\n")
        name = next(
            (k for k in ("BOX BOUNDS", "NUMBER OF ATOMS", "ATOMS") if title.startswith(k.encode())),
            title.decode("latin-1").strip(),
        )
        items[name] = (title[len(name) :], [line for line in body.split(b"\n") if line.strip()])
    n = _count(items["NUMBER OF ATOMS"][1][0], "LAMMPS dump")
    title, box = items["BOX BOUNDS"]
    cell, origin, pbc = _dump_cell(title.split(), np.array([line.split() for line in box], dtype=float))
    names = [w.decode() for w in items["ATOMS"][0].split()]
    table = _table(items["ATOMS"][1], n, len(names), "LAMMPS dump")
    columns = dict(zip(names, table.T, strict=True))
    if "id" in columns:
        order = np.argsort(columns["id"].astype(np.int64), kind="stable")
        columns = {k: v[order] for k, v in columns.items()}
    position = None
    for kind in ("u", "", "su", "s"):
        keys = [f"{a}{kind}" for a in "xyz"]
        if all(k in columns for k in keys):
            values = np.stack([columns.pop(k).astype(float) for k in keys], axis=1)
            position = values @ cell if "s" in kind else values - origin
            break
    if position is None:
        raise FileFormatError(
            f"LAMMPS dump: no positions (x y z, xu yu zu, xs ys zs) among the columns {' '.join(names)}."
        )
    arrays = {}
    for name, three in (("velocity", ("vx", "vy", "vz")), ("force", ("fx", "fy", "fz")), ("image", ("ix", "iy", "iz"))):
        keys = list(three)
        if all(k in columns for k in keys):
            arrays[name] = np.stack([columns.pop(k).astype(float) for k in keys], axis=1)
    elements = [w.decode() for w in columns.pop("element")] if "element" in columns else ["X"] * n
    for name, words in columns.items():
        arrays[name] = words.astype(np.int64) if name in ("id", "type", "mol") else _number_or_text(words)
    stamp = items.get("TIME")
    step = items.get("TIMESTEP")
    return Frame(
        elements, position, cell, pbc, arrays,
        None if stamp is None else float(stamp[1][0]), None if step is None else int(step[1][0]),
    )  # fmt: skip


def _dump_cell(title: list[bytes], box: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[bool, bool, bool]]:
    flags = [w for w in title if len(w) == 2 and set(w) <= set(b"pfsm")]
    pbc = tuple(w == b"pp" for w in flags) if len(flags) == 3 else (True,) * 3
    if b"abc" in title:  # general triclinic
        cell, origin = box[:, :3], box[:, 3]
    else:
        low, high = box[:, 0].copy(), box[:, 1].copy()
        xy, xz, yz = box[:, 2] if box.shape[1] == 3 else (0.0, 0.0, 0.0)
        low[0] -= min(0.0, xy, xz, xy + xz)
        high[0] -= max(0.0, xy, xz, xy + xz)
        low[1] -= min(0.0, yz)
        high[1] -= max(0.0, yz)
        size = high - low
        cell, origin = np.array([[size[0], 0, 0], [xy, size[1], 0], [xz, yz, size[2]]]), low
    return cell, origin, (pbc[0], pbc[1], pbc[2])


def _number_or_text(words: np.ndarray) -> np.ndarray:
    try:
        return words.astype(float)
    except ValueError:
        return np.char.decode(words, "utf-8", "replace")


# ---- XDATCAR


def _xdatcar_lines(head: bytes) -> tuple[int, int, int]:
    lines = head.split(b"\n", 8)
    if len(lines) < 8 or not lines[7].split(b"\n")[0].lstrip().lower().startswith((b"direct", b"cart")):
        raise FileFormatError("XDATCAR: line 8 must begin with 'Direct configuration='.")
    counts = [_count(w, "XDATCAR") for w in lines[6].split()]
    n = sum(counts)
    if len(counts) != len(lines[5].split()):
        raise FileFormatError(f"XDATCAR: {len(lines[5].split())} species but {len(counts)} numbers of atoms.")
    later = head.split(b"\n", 9 + n + 1)
    repeated = len(later) > 8 + n and not later[8 + n].lstrip().lower().startswith(
        (b"direct", b"cart", b""[:0] or b"direct")
    )
    if repeated and len(later) > 8 + n and later[8 + n].strip():
        return 0, 8 + n, n
    return 7, 1 + n, n


def _xdatcar_parse(header: bytes, data: bytes) -> Frame:
    lines = (header + data).split(b"\n")
    scale = float(lines[1])
    cell = np.array([line.split() for line in lines[2:5]], dtype=float)
    cell = cell * (scale if scale > 0 else (-scale / abs(np.linalg.det(cell))) ** (1 / 3))
    counts = [int(w) for w in lines[6].split()]
    names = [w.decode("utf-8", "replace").split("_")[0].split("/")[0] for w in lines[5].split()]
    elements = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    while lines and not lines[-1].strip():
        lines.pop()
    values = _table(lines[8:], sum(counts), 3, "XDATCAR").astype(float)
    direct = lines[7].lstrip().lower().startswith(b"direct")
    number = re.search(rb"=\s*(\d+)", lines[7])
    return Frame(
        elements, values @ cell if direct else values, cell, (True,) * 3, {}, None, int(number[1]) if number else None
    )


FORMATS: dict[str, Format] = {
    "extxyz": Format("extxyz", _xyz_lines, lambda head: head.split(b"\n", 1)[0] + b"\n", _xyz_parse),
    "lammps-dump": Format("lammps-dump", _dump_lines, lambda head: head.split(b"\n", 1)[0] + b"\n", _dump_parse),
    "xdatcar": Format("xdatcar", _xdatcar_lines, lambda head: head.split(b"\n", 1)[0].split(b"=")[0], _xdatcar_parse),
}
