"""Atoms and cells that stand beside a density of states: POSCAR, geometry.in, and what Quantum ESPRESSO writes."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mi_widgets.io._pdos._model import Structure, warn
from mi_widgets.io._pdos._names import symbol_of
from mi_widgets.io._pdos._tables import number

__all__ = ["BOHR", "HARTREE", "agree", "first_structure", "read_geometry", "read_poscar", "read_text"]

BOHR = 0.529177210544
HARTREE = 27.211386245981
_MOST = 20_000_000  # bytes of a file that is no table


def read_text(path: Path, limit: int = _MOST) -> str:
    """Text of a small file; of a longer one its beginning and its end."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        raw = stream.read(limit)
        if size > limit:
            stream.seek(max(limit, size - limit))
            raw += b"\n" + stream.read(limit)
    return raw.decode("utf-8", "replace")


def agree(structure: Structure | None, elements: Sequence[str], file: str) -> Structure | None:
    """The structure, if it can be that of these atoms; else None, with a warning. ``X`` is any element."""
    if structure is None:
        return None
    if len(structure.elements) != len(elements):
        warn(f"{file}: a structure of {len(structure.elements)} atoms beside {len(elements)} sites is left out.")
        return None
    for k, (one, other) in enumerate(zip(structure.elements, elements, strict=True)):
        if "X" not in (one, other) and one != other:
            warn(f"{file}: a structure whose atom {k} is {one} beside a site of {other} is left out.")
            return None
    return structure


def first_structure(paths: Iterable[Path], n_atoms: int | None = None) -> Structure | None:
    """Structure of the first of these files (POSCAR, CONTCAR, geometry.in) that exists and can be read."""
    for path in paths:
        if not path.is_file() or not path.stat().st_size:
            continue
        try:
            found = read_geometry(path) if path.name.startswith("geometry") else read_poscar(path)
        except (ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError):
            warn(f"{path.name} beside the density of states cannot be read as a structure; it is left out.")
            continue
        if n_atoms is None or len(found.elements) == n_atoms:
            return found
    return None


def _numbers(line: str, n: int) -> list[float]:
    values = [number(word) for word in line.split()[:n]]
    if len(values) < n or not np.isfinite(values).all():
        raise ValueError(f"{n} numbers expected; got {line[:80]!r}")
    return values


def read_poscar(path: Path) -> Structure:
    """POSCAR or CONTCAR; raises ValueError or IndexError where it is damaged."""
    lines = read_text(path).splitlines()
    factors = [number(w) for w in lines[1].split()]
    cell = np.array([_numbers(line, 3) for line in lines[2:5]])
    if len(factors) >= 3 and np.isfinite(factors[:3]).all():
        scale = np.array(factors[:3])
    else:
        factor = _numbers(lines[1], 1)[0]
        scale = np.full(3, factor if factor > 0 else (-factor / abs(np.linalg.det(cell))) ** (1 / 3))
    cell = cell * scale
    at = 5
    names: list[str] = []
    if not re.fullmatch(r"\s*\d+(\s+\d+)*\s*", lines[at]):
        names, at = lines[at].split(), at + 1
    counts = [int(word) for word in re.match(r"\s*((?:\d{1,9}\s*)*)", lines[at])[1].split()]  # type: ignore[index]
    if not counts or sum(counts) > len(lines):
        raise ValueError(f"numbers of atoms expected; got {lines[at][:80]!r}")
    names = names or ["X"] * len(counts)
    at += 1
    if lines[at].strip()[:1].lower() == "s":
        at += 1
    direct = lines[at].strip()[:1].lower() not in ("c", "k")
    rows = np.array([_numbers(line, 3) for line in lines[at + 1 : at + 1 + sum(counts)]]).reshape(-1, 3)
    if len(rows) != sum(counts) or len(names) != len(counts):
        raise ValueError(f"{len(rows)} of {sum(counts)} atoms")
    elements = [symbol_of(name) for name, n in zip(names, counts, strict=True) for _ in range(n)]
    return Structure(elements, rows @ cell if direct else rows * scale, cell)


def read_geometry(path: Path) -> Structure:
    """FHI-aims's geometry.in; raises ValueError where it is damaged."""
    vectors, rows, elements = [], [], []
    for line in read_text(path).splitlines():
        words = line.split("#")[0].split()
        if len(words) >= 4 and words[0] == "lattice_vector":
            vectors.append(_numbers(" ".join(words[1:]), 3))
        elif len(words) >= 5 and words[0] in ("atom", "atom_frac"):
            rows.append((_numbers(" ".join(words[1:4]), 3), words[0] == "atom_frac"))
            elements.append(symbol_of(words[4]))
    if not rows or len(vectors) not in (0, 3):
        raise ValueError(f"{len(rows)} atoms and {len(vectors)} lattice vectors")
    cell = np.array(vectors).reshape(-1, 3) if vectors else np.zeros((3, 3))
    if not vectors and any(fractional for _, fractional in rows):
        raise ValueError("atom_frac without lattice vectors")
    position = np.array([np.array(row) @ cell if fractional else row for row, fractional in rows])
    return Structure(elements, position, cell, (True, True, True) if vectors else (False, False, False))
