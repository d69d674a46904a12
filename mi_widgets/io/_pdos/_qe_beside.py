"""What stands beside the tables of projwfc: structure, Fermi energy, weights of k points, spilling."""

import re
import xml.parsers.expat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mi_widgets.io._pdos._model import Structure
from mi_widgets.io._pdos._names import symbol_of
from mi_widgets.io._pdos._structures import BOHR, HARTREE, read_text
from mi_widgets.io._pdos._tables import number
from mi_widgets.io._pdos._xml import refuse_entities

__all__ = ["Beside", "look_beside"]

_MOST_FILES = 40
_WANTED = {"a1", "a2", "a3", "fermi_energy", "highestOccupiedLevel", "two_fermi_energies", "prefix"}


@dataclass
class Beside:
    """What one file tells; None or empty where it does not."""

    path: Path
    structure: Structure | None = None
    fermi: float | None = None
    fermi_is: str = ""
    weights: list[float] = field(default_factory=list)
    spilling: float | None = None
    version: str = ""
    prefix: str = ""


def look_beside(folder: Path, prefix: str) -> list[Beside]:
    """All files near a folder that tell something of the same run, the most trusted first."""
    found = []
    for path in _candidates(folder):
        try:
            one = _read_schema(path) if path.suffix == ".xml" else _read_output(path)
        except (OSError, ValueError, IndexError, KeyError, xml.parsers.expat.ExpatError, np.linalg.LinAlgError):
            continue
        if one is not None:
            found.append(one)
    rank = {True: 0, False: 1}
    return sorted(found, key=lambda b: (rank[not b.prefix or b.prefix == prefix], rank[b.path.suffix == ".xml"]))


def _candidates(folder: Path) -> Iterator[Path]:
    patterns = ("data-file-schema.xml", "*.save/data-file-schema.xml", "*/*.save/data-file-schema.xml", "*.xml",
                "*nscf*.out", "*.out", "*.log", "*nscf*.in", "*.in", "*.pwi", "*.pwo")  # fmt: skip
    seen: set[Path] = set()
    for pattern in patterns:
        for path in sorted(folder.glob(pattern))[:_MOST_FILES]:
            if path not in seen and path.is_file() and path.stat().st_size:
                seen.add(path)
                yield path


# ---- data-file-schema.xml


def _read_schema(path: Path) -> Beside | None:
    """The XML that pw.x leaves: output section, in Hartree and bohr."""
    out, found = Beside(path), _Schema()
    parser = xml.parsers.expat.ParserCreate()
    parser.buffer_text = True
    refuse_entities(parser)
    parser.StartElementHandler, parser.EndElementHandler = found.start, found.end
    parser.CharacterDataHandler = found.text.append
    with path.open("rb") as stream:
        if b"quantum-espresso" not in (head := stream.read(4096)) and b"<espresso" not in head:
            return None
        parser.Parse(head, False)
        while chunk := stream.read(1 << 20):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    out.version, out.prefix = found.version, found.texts.get("prefix", "").strip()
    if found.atoms and all(key in found.texts for key in ("a1", "a2", "a3")):
        cell = BOHR * np.array([_vector(found.texts[key]) for key in ("a1", "a2", "a3")])
        position = BOHR * np.array([_vector(text) for _, text in found.atoms])
        out.structure = Structure([symbol_of(name) for name, _ in found.atoms], position, cell)
    for key, what in (("highestOccupiedLevel", "highest occupied level"), ("fermi_energy", "Fermi energy")):
        if out.fermi is None and key in found.texts:
            out.fermi, out.fermi_is = HARTREE * float(found.texts[key]), what
    if out.fermi is None and "two_fermi_energies" in found.texts:
        pair = [float(w) for w in found.texts["two_fermi_energies"].split()]
        out.fermi, out.fermi_is = HARTREE * max(pair), "higher of two Fermi energies"
    out.weights = found.weights
    return out


class _Schema:
    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.atoms: list[tuple[str, str]] = []
        self.weights: list[float] = []
        self.text: list[str] = []
        self.version = self._name = ""
        self._output = self._ks = False

    def start(self, name: str, attrs: dict[str, str]) -> None:
        self.text.clear()
        if name == "output":
            self._output = True
        elif name == "atomic_positions" and self._output:
            self.atoms = []
        elif name == "atom":
            self._name = attrs.get("name", "X")
        elif name == "ks_energies":
            self._ks = True
        elif name == "k_point" and self._ks:
            self.weights.append(float(attrs["weight"]))
        elif name == "creator":
            self.version = attrs.get("VERSION", "")[:40]

    def end(self, name: str) -> None:
        if name == "atom" and self._output:
            self.atoms.append((self._name, "".join(self.text)))
        elif name in _WANTED and (self._output or name == "prefix"):
            self.texts[name] = "".join(self.text)
        elif name == "ks_energies":
            self._ks = False
        self.text.clear()


def _vector(text: str) -> list[float]:
    values = [float(word) for word in text.split()]
    if len(values) != 3:
        raise ValueError(f"three numbers expected; got {text[:80]!r}")
    return values


# ---- outputs and inputs


def _read_output(path: Path) -> Beside | None:
    text = read_text(path)
    out = Beside(path)
    version = re.search(r"Program (PWSCF|PROJWFC)\s+v\.?\s*(\S+)", text[:20_000])
    if version is None:
        out.structure = _from_input(text)
        return out if out.structure is not None else None
    out.version = version[2][:40]
    if version[1] == "PROJWFC":
        spilling = re.findall(r"Spilling Parameter:\s*(\S+)", text)
        out.spilling = number(spilling[-1]) if spilling else None
        if out.spilling is not None and not np.isfinite(out.spilling):
            out.spilling = None
        return out
    for what, pattern in (
        ("Fermi energy", r"the Fermi energy is\s+(\S+)\s+ev"),
        ("higher of two Fermi energies", r"the spin up/dw Fermi energies are\s+(\S+)\s+(\S+)\s+ev"),
        ("highest occupied level", r"highest occupied, lowest unoccupied level \(ev\):\s+(\S+)\s+\S+"),
        ("highest occupied level", r"highest occupied level \(ev\):\s+(\S+)"),
    ):
        hits = re.findall(pattern, text)
        if hits:
            words = [hits[-1]] if isinstance(hits[-1], str) else hits[-1]
            value = max(number(w) for w in words)
            if np.isfinite(value):
                out.fermi, out.fermi_is = float(value), what
                break
    block = re.search(r"number of k points=.*?\n((?:.*\n)*?)\s*\n", text)
    if block:
        out.weights = [number(w) for w in re.findall(r"k\(\s*\d+\) = \([^)]*\), wk =\s*(\S+)", block[1])]
    out.structure = _from_output(text)
    return out


def _from_output(text: str) -> Structure | None:
    """Start of a pw.x output: cell and atoms in units of alat."""
    alat = re.search(r"lattice parameter \(alat\)\s+=\s+(\S+)", text)
    axes = re.findall(r"a\([123]\) = \(\s*(\S+)\s+(\S+)\s+(\S+)\s*\)", text)[:3]
    sites = re.findall(r"^\s+\d+\s+(\S+)\s+tau\(\s*\d+\) = \(\s*(\S+)\s+(\S+)\s+(\S+)\s*\)", text, re.MULTILINE)
    if not alat or len(axes) != 3 or not sites:
        return None
    unit = float(alat[1]) * BOHR
    count = re.search(r"number of atoms/cell\s+=\s+(\d+)", text)
    sites = sites[: int(count[1])] if count else sites
    if re.search(r"^\s*(ATOMIC_POSITIONS|CELL_PARAMETERS)", text, re.MULTILINE):
        return None  # atoms have moved: the last positions are not those of the start
    position = unit * np.array([[float(v) for v in site[1:]] for site in sites])
    return Structure([symbol_of(s[0]) for s in sites], position, unit * np.array(axes, dtype=float))


def _from_input(text: str) -> Structure | None:
    """A pw.x input with ibrav=0."""
    card = re.search(
        r"^\s*CELL_PARAMETERS\s*[{(]?\s*(\w*)\s*[)}]?.*\n((?:.*\n){3})", text, re.MULTILINE | re.IGNORECASE
    )
    atoms = re.search(r"^\s*ATOMIC_POSITIONS\s*[{(]?\s*(\w*)\s*[)}]?.*\n", text, re.MULTILINE | re.IGNORECASE)
    nat = re.search(r"\bnat\s*=\s*(\d{1,7})\b", text)
    if not card or not atoms or not nat:
        return None
    rows = [line.split() for line in text[atoms.end() :].splitlines() if line.strip() and line.strip()[0] not in "#!"]
    rows = rows[: int(nat[1])]
    units = {"angstrom": 1.0, "bohr": BOHR}
    if len(rows) != int(nat[1]) or card[1].lower() not in units:
        return None
    cell = units[card[1].lower()] * np.array([_vector(line) for line in card[2].splitlines()])
    place = np.array([[float(w) for w in row[1:4]] for row in rows])
    kind = atoms[1].lower()
    if kind not in (*units, "crystal"):
        return None
    position = place @ cell if kind == "crystal" else units[kind] * place
    return Structure([symbol_of(row[0]) for row in rows], position, cell)
