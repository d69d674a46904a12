"""Extended XYZ: one frame's bytes to arrays."""

import contextlib
import re

import numpy as np

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.methods._elements import SYMBOLS, masses
from mi_widgets.structure._formats import Format, Frame, atom_count, floats, numbers, split_table

__all__ = ["EXTXYZ"]

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_PAIR = re.compile(
    rf"""(?:((?<![^\s="'{{}}\[\]])[^\s="'{{}}\[\]]+|{_QUOTED})\s*=\s*"""
    rf"""(?:{_QUOTED}|'((?:[^'\\]|\\.)*)'|\{{([^}}]*)\}}|\[([^\]]*)\]|([^\s"'{{\[]\S*)))|{_QUOTED}"""
)
_COLUMN_NAMES = {
    "forces": "force", "force": "force", "vel": "velocity", "velo": "velocity", "velocities": "velocity",
    "velocity": "velocity", "masses": "mass", "charges": "charge", "magmoms": "magmom", "tags": "tag",
    "energy": "energies",
}  # fmt: skip
_STARTING = {"initial_charges": "charge", "initial_magmoms": "magmom"}
#: Square root of eV/u in angstrom/fs: what velocities of ASE count in.
_ASE_VELOCITY = 1e-5 * (1.602176634e-19 / 1.66053906892e-27) ** 0.5


def _xyz_lines(head: bytes) -> tuple[int, int, int]:
    n = atom_count(head.split(b"\n", 1)[0], "XYZ")
    return 0, n + 2, n


def _xyz_parse(_header: bytes, data: bytes) -> Frame:
    lines = data.split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    n = atom_count(lines[0], "XYZ")
    info = _info(lines[1])
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
    if "pos" not in found or not {"species", "z"} & set(found):
        raise FileFormatError("XYZ: Properties names no 'species' (nor 'Z'), or no 'pos' column.")
    elements = [str(s) for s in found.pop("species", found.get("z", ()))]
    found.pop("z", None)
    if lines[1].startswith(b"Atoms. Timestep:") and all(e.isdigit() for e in elements):  # types of LAMMPS's dump xyz
        found["type"], elements = np.array(elements, dtype=np.int64), ["X"] * n
    elements = [SYMBOLS[int(e)] if e.isdigit() and int(e) < len(SYMBOLS) else e for e in elements]
    cell, given = numbers(info.get("lattice", ""), 9), info.get("pbc", "").replace(",", " ").lower().split()
    if cell is None and "lattice" in info:
        raise FileFormatError(f"XYZ: Lattice= needs nine numbers; got {info['lattice'][:80]!r}.")
    if given and (len(given) != 3 or not set(given) <= {"t", "true", "1", "f", "false", "0"}):
        raise FileFormatError(f"XYZ: pbc= needs three of T and F; got {info['pbc'][:40]!r}.")
    periodic = [w in ("t", "true", "1") for w in given]
    default = (cell is not None,) * 3
    frame = Frame(
        elements,
        found.pop("pos").reshape(n, 3),
        np.zeros((3, 3)) if cell is None else cell.reshape(3, 3),
        (periodic[0], periodic[1], periodic[2]) if len(periodic) == 3 else default,
    )
    frame.arrays, frame.units = _arrays(found, elements)
    for key in ("energy", "free_energy"):
        value = numbers(info.get(key, ""), 1)
        if value is not None and "energy" not in frame.arrays:
            frame.arrays["energy"] = value[0]
    return frame


def _info(comment: bytes) -> dict[str, str]:
    """Words of a comment, key=value; what stands in quotes is no key."""
    pairs = (m.groups() for m in _PAIR.finditer(comment.decode("utf-8", "replace")))
    return {(p[0].strip('"')).lower(): next(g for g in p[2:7] if g is not None) for p in pairs if p[0]}


def _arrays(found: dict[str, np.ndarray], elements: list[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Columns under our names, and units of those that need one."""
    out = {_COLUMN_NAMES.get(k.lower(), k): v for k, v in found.items() if k.lower() not in _STARTING}
    for key, name in _STARTING.items():  # what was computed goes before what it began with
        if key in found:
            out[name if name not in out else key] = found[key]
    units = {"energies": "eV"} if "energies" in out and out["energies"].dtype.kind == "f" else {}
    momenta = out.get("momenta")
    if momenta is None or momenta.shape != (len(elements), 3) or "velocity" in out:
        return out, units
    with contextlib.suppress(DataError):  # no mass is known
        mass = np.asarray(out["mass"], dtype=float) if "mass" in out else masses(elements)
        out["velocity"] = out.pop("momenta") / mass[:, None] * _ASE_VELOCITY
    return out, units if "velocity" in out else {**units, "momenta": "(eV*u)**0.5"}


def _xyz_stamp(_header: bytes, head: bytes) -> tuple[float | None, int | None]:
    comment = head.split(b"\n", 2)[1:2]
    found = _info(comment[0]) if comment else {}
    time, step = numbers(found.get("time", ""), 1), numbers(found.get("step", ""), 1)
    return None if time is None else float(time[0]), None if step is None else int(step[0])


def _typed(words: np.ndarray, kind: str, size: int) -> np.ndarray:
    if kind == "R":
        values = floats(words)
    elif kind == "I":
        values = words.astype(np.int64)
    elif kind == "L":
        values = np.isin(words, [b"T", b"True", b"true", b"1"])
    else:
        values = np.char.decode(words, "utf-8", "replace")
    return values[:, 0] if size == 1 else values


EXTXYZ = Format("extxyz", _xyz_lines, lambda head: head.split(b"\n", 1)[0] + b"\n", _xyz_parse, _xyz_stamp)
