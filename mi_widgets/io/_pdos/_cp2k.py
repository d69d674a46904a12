"""CP2K's ``.pdos``: states and their shares on the orbitals of a kind of atom, or of a list of atoms."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, ParameterError
from mi_widgets.io._pdos._levels import gaussians, level_axis
from mi_widgets.io._pdos._model import Curves, Projections, Structure, curves_of, finish, warn
from mi_widgets.io._pdos._names import symbol_of
from mi_widgets.io._pdos._structures import HARTREE
from mi_widgets.io._pdos._tables import number, parse_table

__all__ = ["read", "takes"]

_NAME = re.compile(r"(?P<run>.+)-(?:(?P<spin>ALPHA|BETA)_)?(?P<what>k|list)(?P<number>\d{1,6})-(?P<step>.+)\.pdos")
_KIND = re.compile(r"atomic kind\s+(\S+)")
_LIST = re.compile(r"list\s+(\d+)\s+of\s+(\d+)\s+atoms?")
_FERMI = re.compile(r"E\(Fermi\)\s*=\s*(\S+)\s*(\S*)")


@dataclass(frozen=True)
class _Table:
    """One file: states in eV and their shares (state, orbital)."""

    path: Path
    what: str
    label: str
    n_atoms: int
    spin: int
    fermi: float
    names: tuple[str, ...]
    levels: np.ndarray
    shares: np.ndarray


def takes(path: Path) -> bool:
    """Whether this is such a file, or a folder that holds some."""
    if path.is_dir():
        return any(_NAME.fullmatch(p.name) for p in path.glob("*.pdos"))
    if not path.is_file() or not path.name.endswith(".pdos"):
        return False
    return b"Projected DOS for" in _first_line(path)


def _first_line(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.readline(300)


def read(path: Path, *, width: float = 0.2, structure: Structure | None = None) -> xr.Dataset:
    """Read the files of one run, broadened by Gaussians; see `mi_widgets.io.read_pdos`."""
    found: list[_Table] = []
    faults: list[str] = []
    for file in _files(path):
        try:
            found.append(_read_table(file))
        except FileFormatError as error:
            faults.append(str(error))
    if not found:
        raise FileFormatError("; ".join(faults)[:500] or f"{path.name} holds no file like run-k1-1.pdos.")
    spins = sorted({t.spin for t in found})
    if spins == [1]:
        raise DataError(f"{path.name}: only files of BETA stand there; put those of ALPHA beside them.")
    levels = [_levels(found, s) for s in spins]
    out = Projections(level_axis(np.concatenate(levels), width), [], [], "CP2K")
    shapes = [gaussians(out.energy, one, width) for one in levels]
    double = 2.0 if len(spins) == 1 and not any("ALPHA" in t.path.name for t in found) else 1.0
    out.dos = double * np.stack([shape.sum(axis=1) for shape in shapes])
    out.fermi = max(t.fermi for t in found)
    out.sum_tolerance = 0.005  # shares of a state are printed to eight digits
    out.faults = faults
    _add_sites(out, found, spins, shapes, double)
    if found[0].what == "k" and not faults:
        out.projected_total = out.dos
    note = _expand(out, found, structure)
    out.note = f"each state is a Gaussian of standard deviation {width:g} eV{note}"
    return finish(out, path=path, reader="cp2k", parameters={"width": width})


def _files(path: Path) -> list[Path]:
    """The file and its companions: other kinds or lists, other spin."""
    one = _NAME.fullmatch(path.name) if not path.is_dir() else None
    if not path.is_dir() and one is None:
        return [path]
    folder = path if path.is_dir() else path.parent
    groups: dict[tuple[str, str, str], list[tuple[int, str, Path]]] = defaultdict(list)
    for file in folder.glob("*.pdos"):
        match = _NAME.fullmatch(file.name)
        if match:
            key = (match["run"], match["what"], match["step"])
            groups[key].append((int(match["number"]), match["spin"] or "", file))
    if one is not None:
        return [file for _, _, file in sorted(groups[one["run"], one["what"], one["step"]])]
    if len({(run, step) for run, _, step in groups}) > 1:
        some = ", ".join(sorted(files[0][2].name for files in groups.values())[:6])
        raise ParameterError(f"{path.name} holds the files of several runs or steps; give one of them: {some}.")
    lists = next((files for (_, what, _), files in groups.items() if what == "list"), [])
    kinds = next((files for (_, what, _), files in groups.items() if what == "k"), [])
    single = lists and all(b"of 1 atoms" in b" ".join(_first_line(f).split()) for *_, f in lists)
    return [file for _, _, file in sorted(lists if single or not kinds else kinds)]


def _read_table(path: Path) -> _Table:
    raw = path.read_bytes()
    heads = [m.start() for m in re.finditer(rb"^#\s*Projected DOS", raw, re.MULTILINE)]
    if not heads:
        raise FileFormatError(f"{path.name} has no line '# Projected DOS for', as CP2K writes it")
    if len(heads) > 1:
        warn(f"{path.name} holds {len(heads)} steps; the last one is read.")
    text = raw[heads[-1] :]
    first, _, rest = text.partition(b"\n")
    second, _, body = rest.partition(b"\n")
    head, columns = first.decode("latin-1"), second.decode("latin-1").lstrip("# ")
    if re.search(r"k-?point", head, re.IGNORECASE):
        raise FileFormatError(f"{path.name} is resolved by k points, whose weights it does not have")
    match = re.match(r"MO\s+Eigenvalue\s*\[([^\]]*)\]\s+Occupation\s+(.*)", columns)
    kind, several, fermi = _KIND.search(head), _LIST.search(head), _FERMI.search(head)
    if match is None or (kind is None and several is None):
        raise FileFormatError(f"{path.name} has another header than CP2K writes")
    names = tuple(match[2].split())
    values = parse_table(body)
    if values.shape[1:] != (len(names) + 3,) or not np.isfinite(values).all():
        raise FileFormatError(
            f"{path.name} is damaged: {len(names) + 3} numbers in each of {len(values)} rows expected"
        )
    unit = HARTREE if match[1].strip().lower() in ("a.u.", "hartree") else 1.0
    named = _NAME.fullmatch(path.name)
    return _Table(
        path, "k" if kind else "list", kind[1][:40] if kind else f"list {several[1]}" if several else "",
        int(several[2]) if several else 0, int("BETA" in path.name if named is None else named["spin"] == "BETA"),
        number(fermi[1]) * (1.0 if fermi[2].startswith("eV") else HARTREE) if fermi else float("nan"),
        names, values[:, 1] * unit, values[:, 3:],
    )  # fmt: skip


def _levels(found: list[_Table], spin: int) -> np.ndarray:
    """Energies of the states of one spin, the same in every file."""
    mine = [t for t in found if t.spin == spin]
    for table in mine[1:]:
        same = table.levels.shape == mine[0].levels.shape
        if not same or np.abs(table.levels - mine[0].levels).max() > 1e-4:
            raise DataError(
                f"{table.path.name} has other states than {mine[0].path.name} ({table.levels.size} and "
                f"{mine[0].levels.size}): they are of two runs, or one is cut off. Delete what is older."
            )
    return mine[0].levels


def _add_sites(
    out: Projections, found: list[_Table], spins: list[int], shapes: Sequence[np.ndarray], double: float
) -> None:
    out.site_labels = []
    for label in dict.fromkeys(t.label for t in found):
        tables = {t.spin: t for t in found if t.label == label}
        one = next(iter(tables.values()))
        out.site_labels.append(label)
        out.elements.append(symbol_of(label) if one.what == "k" else "X")
        if set(tables) != set(spins) or any(t.names != one.names for t in tables.values()):
            out.add(label, "the file of one spin is missing or has other orbitals", None)
            continue
        scale = double / max(one.n_atoms, 1)
        out.add(label, "", curves_of(one.names, [scale * (shapes[k] @ tables[s].shares) for k, s in enumerate(spins)]))


def _expand(out: Projections, found: list[_Table], structure: Structure | None) -> str:
    """Give every atom of a structure the curves of its kind or list; what is said of it."""
    labels = out.site_labels or []
    if found[0].what == "list":
        single = all(t.n_atoms == 1 for t in found)
        if structure is not None and single and len(structure.elements) == len(labels):
            out.structure, out.elements = structure, structure.elements
        return "" if single else "; a site is the mean over the atoms of a list"
    if structure is None:
        return "; a site is the sum over all atoms of a kind, whose number the files do not have"
    place = {element: k for k, element in enumerate(out.elements)}
    lacking = set(structure.elements) ^ set(place)
    if lacking or len(place) < len(labels):
        raise ParameterError(
            f"the structure has {', '.join(sorted(set(structure.elements)))}, the files the kinds {', '.join(labels)}: "
            "they must be the same elements, one kind each."
        )
    means: dict[str, Curves | None] = {}
    for element, k in place.items():
        site, n = out.sites[k], structure.elements.count(element)
        means[element] = None if site is None else {name: curve / n for name, curve in site.items()}
    out.sites = [means[e] for e in structure.elements]
    out.status = [out.status[place[e]] for e in structure.elements]
    out.structure, out.elements = structure, structure.elements
    out.site_labels = [f"mean of {labels[place[e]]}" for e in structure.elements]
    return "; a site is the mean over all atoms of its kind"
