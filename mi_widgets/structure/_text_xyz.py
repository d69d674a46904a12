"""Extended XYZ: one frame's bytes to arrays."""

import re

import numpy as np

from mi_widgets.errors import FileFormatError
from mi_widgets.structure._formats import Format, Frame, atom_count, numbers, split_table

__all__ = ["EXTXYZ"]

_PAIR = re.compile(r"""([^\s="']+|"[^"]*")\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|([^\s"'{]\S*))""")
_STAMP = re.compile(r"""(?:^|\s)(time|step)\s*=\s*["']?([-+0-9.e]+)""")
_COLUMN_NAMES = {
    "forces": "force", "force": "force", "vel": "velocity", "velo": "velocity", "velocities": "velocity",
    "velocity": "velocity", "masses": "mass", "charges": "charge", "magmoms": "magmom", "initial_charges": "charge",
    "initial_magmoms": "magmom", "tags": "tag",
}  # fmt: skip


def _xyz_lines(head: bytes) -> tuple[int, int, int]:
    n = atom_count(head.split(b"\n", 1)[0], "XYZ")
    return 0, n + 2, n


def _xyz_parse(_header: bytes, data: bytes) -> Frame:
    lines = data.split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    n = atom_count(lines[0], "XYZ")
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
    table, at = split_table(lines[2:], n, width, "XYZ"), 0
    found: dict[str, np.ndarray] = {}
    for name, kind, size in parts:
        words = table[:, at : at + size]
        at += size
        if kind != "X" and size:
            found[name.lower() if name.lower() in ("species", "pos", "z") else name] = _typed(words, kind, size)
    if "species" not in found or "pos" not in found:
        raise FileFormatError("XYZ: Properties names no 'species' or no 'pos' column.")
    cell, given = numbers(info.get("lattice", ""), 9), info.get("pbc", "").replace(",", " ").lower().split()
    if cell is None and "lattice" in info:
        raise FileFormatError(f"XYZ: Lattice= needs nine numbers; got {info['lattice'][:80]!r}.")
    if given and (len(given) != 3 or not set(given) <= {"t", "true", "1", "f", "false", "0"}):
        raise FileFormatError(f"XYZ: pbc= needs three of T and F; got {info['pbc'][:40]!r}.")
    periodic = [w in ("t", "true", "1") for w in given]
    default = (cell is not None,) * 3
    frame = Frame(
        [str(s) for s in found.pop("species")],
        found.pop("pos").reshape(n, 3),
        np.zeros((3, 3)) if cell is None else cell.reshape(3, 3),
        (periodic[0], periodic[1], periodic[2]) if len(periodic) == 3 else default,
    )
    frame.arrays = {_COLUMN_NAMES.get(k.lower(), k): v for k, v in found.items() if k.lower() != "z"}
    for key in ("energy", "free_energy"):
        value = numbers(info.get(key, ""), 1)
        if value is not None and "energy" not in frame.arrays:
            frame.arrays["energy"] = value[0]
    return frame


def _xyz_stamp(_header: bytes, head: bytes) -> tuple[float | None, int | None]:
    comment = head.split(b"\n", 2)[1:2]
    found = dict(_STAMP.findall(comment[0].decode("utf-8", "replace").lower())) if comment else {}
    time, step = numbers(found.get("time", ""), 1), numbers(found.get("step", ""), 1)
    return None if time is None else float(time[0]), None if step is None else int(step[0])


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


EXTXYZ = Format("extxyz", _xyz_lines, lambda head: head.split(b"\n", 1)[0] + b"\n", _xyz_parse, _xyz_stamp)
