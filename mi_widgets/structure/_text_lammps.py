"""LAMMPS's text dumps: one frame's bytes to arrays."""

import re

import numpy as np

from mi_widgets.errors import FileFormatError
from mi_widgets.structure._formats import Format, Frame, atom_count, floats, split_table

__all__ = ["LAMMPS_DUMP"]

#: kcal/mol in eV: 4184 J by the Avogadro and the elementary charge, exact since 2019.
_KCAL_PER_MOL = 4184 / (6.02214076e23 * 1.602176634e-19)


def _dump_lines(head: bytes) -> tuple[int, int, int]:
    shared = 2 if head.startswith(b"ITEM: UNITS") else 0
    head = b"\n".join(head.split(b"\n")[shared:]) if shared else head
    lines = head.split(b"\n", 9)
    where = [k for k, line in enumerate(lines[:9]) if line.startswith(b"ITEM: NUMBER OF ATOMS")]
    if not where or not lines[0].startswith(b"ITEM:") or len(lines) < 9:
        raise FileFormatError("LAMMPS dump: no 'ITEM: NUMBER OF ATOMS' in its first lines.")
    n = atom_count(lines[where[0] + 1], "LAMMPS dump")
    start = next((k for k, line in enumerate(head.split(b"\n", 40)[:40]) if line.startswith(b"ITEM: ATOMS")), None)
    if start is None:
        raise FileFormatError("LAMMPS dump: no 'ITEM: ATOMS' in its first lines.")
    return shared, start + 1 + n, n


def _dump_parse(header: bytes, data: bytes) -> Frame:
    items: dict[str, tuple[bytes, list[bytes]]] = {}
    for block in data.split(b"ITEM: ")[1:]:
        title, _, body = block.partition(b"\n")
        name = next(
            (k for k in ("BOX BOUNDS", "NUMBER OF ATOMS", "ATOMS") if title.startswith(k.encode())),
            title.decode("latin-1").strip(),
        )
        items[name] = (title[len(name) :], [line for line in body.split(b"\n") if line.strip()])
    n = atom_count(items["NUMBER OF ATOMS"][1][0], "LAMMPS dump")
    title, box = items["BOX BOUNDS"]
    cell, origin, pbc = _dump_cell(title.split(), np.array([line.split() for line in box], dtype=float))
    names = [w.decode() for w in items["ATOMS"][0].split()]
    table = split_table(items["ATOMS"][1], n, len(names), "LAMMPS dump")
    columns = dict(zip(names, table.T, strict=True))
    if "id" in columns:
        order = np.argsort(columns["id"].astype(np.int64), kind="stable")
        columns = {k: v[order] for k, v in columns.items()}
    position, unwrapped = None, False
    for kind in ("u", "", "su", "s"):
        keys = [f"{a}{kind}" for a in "xyz"]
        if all(k in columns for k in keys):
            values = np.stack([floats(columns.pop(k)) for k in keys], axis=1)
            position = values @ cell if "s" in kind else values - origin
            unwrapped = "u" in kind
            break
    if position is None:
        raise FileFormatError(
            f"LAMMPS dump: no positions (x y z, xu yu zu, xs ys zs) among the columns {' '.join(names)}."
        )
    style = _style(header)
    arrays = {}
    for name, letter in (("velocity", "v"), ("force", "f"), ("image", "i")):
        keys = [letter + a for a in "xyz"]
        if all(k in columns for k in keys):
            arrays[name] = np.stack([floats(columns.pop(k)) for k in keys], axis=1)
    if "force" in arrays and style == "real":
        arrays["force"] = arrays["force"] * _KCAL_PER_MOL
    if "image" in arrays:
        arrays["image"] = arrays["image"].astype(np.int64)
    if "q" in columns and "charge" not in columns:
        columns["charge"] = columns.pop("q")
    elements = [w.decode() for w in columns.pop("element")] if "element" in columns else ["X"] * n
    for name, words in columns.items():
        arrays[name] = words.astype(np.int64) if name in ("id", "type", "mol") else _number_or_text(words)
    time = "fs" if style == "real" else "ps"
    units = {"time": time, "velocity": f"angstrom/{time}"}
    return Frame(elements, position, cell, pbc, arrays, units, unwrapped)


def _style(header: bytes) -> str:
    """Style of units; `dump_modify units yes` writes it once, at the head of the file."""
    words = header.split()
    style = words[2].decode("latin-1") if header.startswith(b"ITEM: UNITS") and len(words) > 2 else "metal"
    if style not in ("metal", "real"):
        raise FileFormatError(
            f"LAMMPS dump: lengths in units {style!r} are not angstrom; write it in 'metal' or 'real'."
        )
    return style


def _dump_stamp(_header: bytes, head: bytes) -> tuple[float | None, int | None]:
    time = re.search(rb"^ITEM: TIME\s*\n\s*(\S+)", head, re.MULTILINE)
    step = re.search(rb"^ITEM: TIMESTEP\s*\n\s*(\d+)", head, re.MULTILINE)
    return float(time[1]) if time else None, int(step[1]) if step else None


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
        return floats(words)
    except ValueError:
        return np.char.decode(words, "utf-8", "replace")


LAMMPS_DUMP = Format("lammps-dump", _dump_lines, lambda head: head.split(b"\n", 1)[0] + b"\n", _dump_parse, _dump_stamp)
