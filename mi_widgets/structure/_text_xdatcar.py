"""VASP's XDATCAR: one frame's bytes to arrays."""

import re

import numpy as np

from mi_widgets.errors import FileFormatError
from mi_widgets.structure._formats import Format, Frame, atom_count, floats, split_table

__all__ = ["XDATCAR"]


def _xdatcar_lines(head: bytes) -> tuple[int, int, int]:
    lines = head.split(b"\n", 8)
    if len(lines) < 8 or not lines[7].split(b"\n")[0].lstrip().lower().startswith((b"direct", b"cart")):
        raise FileFormatError("XDATCAR: line 8 must begin with 'Direct configuration='.")
    counts = [atom_count(w, "XDATCAR") for w in lines[6].split()]
    n = sum(counts)
    if len(counts) != len(lines[5].split()):
        raise FileFormatError(f"XDATCAR: {len(lines[5].split())} species but {len(counts)} numbers of atoms.")
    if _has_header(head.split(b"\n", 10 + n)[8 + n :]):  # the cell changes: the header is there in every frame
        return 0, 8 + n, n
    return 7, 1 + n, n


def _has_header(lines: list[bytes]) -> bool:
    """Whether a frame begins with a title and the scale, not with 'Direct configuration='."""
    return len(lines) > 1 and re.fullmatch(rb"\s*[-+]?[\d.]+([eE][-+]?\d+)?\s*", lines[1]) is not None


def _xdatcar_marker(head: bytes) -> bytes:
    lines = head.split(b"\n", 2)
    if _has_header(lines):
        return b"\n".join(lines[:2]) + b"\n"
    return lines[0].split(b"=")[0]


def _xdatcar_parse(header: bytes, data: bytes) -> Frame:
    lines = (header + data).split(b"\n")
    scale = float(lines[1])
    cell = np.array([line.split() for line in lines[2:5]], dtype=float)
    if scale <= 0 and not abs(np.linalg.det(cell)) > 0:
        raise FileFormatError(f"XDATCAR: a volume of {-scale:g} is given, but the cell vectors lie in a plane.")
    scale = scale if scale > 0 else (-scale / abs(np.linalg.det(cell))) ** (1 / 3)  # below zero: the volume
    cell = cell * scale
    counts = [int(w) for w in lines[6].split()]
    names = [w.decode("utf-8", "replace").split("_")[0].split("/")[0] for w in lines[5].split()]
    elements = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    while lines and not lines[-1].strip():
        lines.pop()
    values = floats(split_table(lines[8:], sum(counts), 3, "XDATCAR"))
    direct = lines[7].lstrip().lower().startswith(b"direct")
    return Frame(elements, values @ cell if direct else values * scale, cell, (True,) * 3)


def _xdatcar_stamp(_header: bytes, head: bytes) -> tuple[float | None, int | None]:
    number = re.search(rb"^\s*(?:direct|cart)[^=\n]*=\s*(\d+)", head, re.MULTILINE | re.IGNORECASE)
    return None, int(number[1]) if number else None


XDATCAR = Format("xdatcar", _xdatcar_lines, _xdatcar_marker, _xdatcar_parse, _xdatcar_stamp)
