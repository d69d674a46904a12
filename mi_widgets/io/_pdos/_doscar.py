"""DOSCAR of VASP and of LOBSTER: a total and one table of numbers for each atom, under headers that are all alike."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.io._pdos import _procar, _vasprun
from mi_widgets.io._pdos._model import Projections, Structure, check_axis, curves_of, finish, no_sites, site_fault, warn
from mi_widgets.io._pdos._names import LM_NAMES, SYMBOLS, is_orbital, orbital_name
from mi_widgets.io._pdos._stream import lines
from mi_widgets.io._pdos._structures import agree, first_structure, read_text
from mi_widgets.io._pdos._tables import number, parse_table

__all__ = ["lobster_takes", "read", "read_lobster", "takes"]

_LM = [name for names in LM_NAMES for name in names]
_ORBITALS = {3: ["s", "p", "d"], 4: ["s", "p", "d", "f"], 9: _LM[:9], 16: _LM}


@dataclass
class _Doscar:
    """Header, total and sites: tables of numbers, and what stands behind the semicolons of each site's header."""

    title: str
    n_ions: int
    n_energies: int
    fermi: float
    total: np.ndarray
    sites: list[np.ndarray] = field(default_factory=list)
    labels: list[list[str]] = field(default_factory=list)


def _inside(path: Path, lobster: bool) -> Path | None:
    """The file itself, or the one of a folder."""
    if path.is_dir():
        names = ("DOSCAR.lobster", "DOSCAR.lobster.gz") if lobster else ("DOSCAR", "DOSCAR.gz")
        return next((path / name for name in names if (path / name).is_file()), None)
    return path if path.is_file() else None


def takes(path: Path) -> bool:
    """Whether this is VASP's DOSCAR or a folder that holds one."""
    file = _inside(path, False)
    return file is not None and "lobster" not in file.name.lower() and (file.name.startswith("DOSCAR") or _is_car(file))


def lobster_takes(path: Path) -> bool:
    """Whether this is LOBSTER's DOSCAR or a folder that holds one."""
    file = _inside(path, True)
    return file is not None and "doscar" in file.name.lower() and "lobster" in file.name.lower()


def _is_car(path: Path) -> bool:
    """Whether the fourth line is ``CAR``, whatever the name."""
    with path.open("rb") as stream:
        return [line.strip() for line in stream.read(2000).split(b"\n")[3:4]] == [b"CAR"]


def _split(path: Path) -> _Doscar:
    stream = lines(path)
    head = list(itertools.islice(stream, 6))
    words = head[5].split() if len(head) == 6 else []
    if len(words) < 4 or not np.isfinite([number(w) for w in words[:2]]).all():
        raise FileFormatError(f"{path.name} is no DOSCAR: its sixth line has no EMAX, EMIN, NEDOS and Fermi energy.")
    # I5 behind F16.8: 10,000 energies leave no blank
    fermi = number(words[3]) if len(words) >= 5 else number(head[5][37:53])
    middle = words[2] if len(words) >= 5 else head[5][32:37].strip()
    n_energies = int(middle) if middle.isdigit() else -1
    counts = [int(w) for w in head[0].split() if w.isdigit()]
    if len(counts) < 4:
        counts = [int(head[0][k : k + 4]) for k in (0, 4) if head[0][k : k + 4].strip().isdigit()] or [0]
    mark = head[5].split(b";")[0].rstrip()
    out = _Doscar(head[4].decode("latin-1").strip()[:200], max(counts[:2]), n_energies, fermi, np.empty((0, 0)))
    for label, raw in _blocks(stream, mark):
        if label is None:
            out.total = parse_table(raw)
        else:
            out.sites.append(parse_table(raw))
            out.labels.append(label)
    return out


def _blocks(stream: Iterator[bytes], mark: bytes) -> Iterator[tuple[list[str] | None, bytes]]:
    """Rows between headers; the first has no label of its own."""
    label: list[str] | None = None
    rows: list[bytes] = []
    for line in stream:
        if line.startswith(mark):
            yield label, b"\n".join(rows)
            label, rows = [part.strip() for part in line.decode("latin-1").split(";")[1:]], []
        else:
            rows.append(line)
    yield label, b"\n".join(rows)


def _base(found: _Doscar, file: str, program: str) -> tuple[Projections, int]:
    """Total density of states and axis; number of spins."""
    if found.total.shape[1:] not in ((3,), (5,)):
        raise FileFormatError(
            f"{file}: the total density of states has {found.total.shape[1] if found.total.ndim == 2 else 0} columns; "
            "3 are known, or 5 with spin."
        )
    n_spins = 1 if found.total.shape[1] == 3 else 2
    energies = found.total[:, 0]
    dos: np.ndarray | None = found.total[:, 1 : 1 + n_spins].T
    if len(energies) != found.n_energies >= 0:
        whole = [t[:, 0] for t in found.sites if len(t) == found.n_energies]
        if not whole:
            raise FileFormatError(
                f"{file} has {len(energies)} of {found.n_energies} energies: it is cut off or damaged."
            )
        warn(f"{file}: the total has {len(energies)} of {found.n_energies} energies and is left out.")
        energies, dos = whole[0], None
    axis = check_axis(energies, file)
    if dos is not None and not np.isfinite(dos).all():
        warn(f"{file}: the total density of states holds values that are no numbers and is left out.")
        dos = None
    return Projections(axis, [], [], program, dos=dos, fermi=found.fermi), n_spins


def _complete(out: Projections, found: _Doscar, file: str) -> None:
    """Sites that the header promises and the file does not hold."""
    lacking = found.n_ions - len(out.sites)
    if lacking > 1000 + 10 * len(out.sites):
        raise FileFormatError(
            f"{file} promises {found.n_ions} atoms and holds {len(out.sites)}: it is cut off or damaged."
        )
    for k in range(len(out.sites), found.n_ions):
        out.add(f"site {k}", "missing", None)


def _atoms(out: Projections, structure: Structure | None, file: str) -> None:
    n = len(out.sites)
    out.elements = out.elements + ["X"] * (n - len(out.elements))
    out.structure = agree(structure, out.elements, file)
    if out.structure is not None:
        out.elements = out.structure.elements


# ---- VASP


def read(path: Path, *, width: float = 0.2) -> xr.Dataset:
    """Read VASP's DOSCAR; see `mi_widgets.io.read_pdos`. Where it has no sites, PROCAR beside it is broadened."""
    file = _inside(path, False)
    if file is None:
        raise FileFormatError(f"{path.name} holds no DOSCAR.")
    found = _split(file)
    out, n_spins = _base(found, file.name, "VASP")
    structure = _structure_beside(file.parent, found.n_ions or len(found.sites))
    out.title = "" if found.title.lower() in ("unknown system", "") else found.title
    if not found.sites:
        procar = next((p for p in (file.parent / "PROCAR", file.parent / "PROCAR.gz") if p.is_file()), None)
        if procar is None:
            raise no_sites(file.name, ", and no PROCAR stands beside it")
        _procar.add_sites(procar, out, n_spins, width)
        out.note = f"sites are those of PROCAR, broadened by Gaussians of standard deviation {width:g} eV"
        _atoms(out, structure, file.name)
        return finish(out, path=path, reader="doscar", parameters={"width": width})
    layout = _layout(found, n_spins, file)
    n_columns = len(layout[0]) * layout[1] + 1
    for k, table in enumerate(found.sites):
        fault = site_fault(table, out.energy, n_columns)
        step = layout[1]  # columns of an orbital: one, up and down, or the sum and three components
        spins = [table[:, 1 + s :: step] for s in range(n_spins)]
        out.add(f"site {k}", fault, None if fault else curves_of(layout[0], spins))
    _complete(out, found, file.name)
    _atoms(out, structure, file.name)
    return finish(out, path=path, reader="doscar")


def _structure_beside(folder: Path, n_atoms: int) -> Structure | None:
    found = first_structure((folder / name for name in ("CONTCAR", "POSCAR")), n_atoms or None)
    if found is None and (folder / "vasprun.xml").is_file():
        try:
            found = _vasprun.read_structure(folder / "vasprun.xml")
        except FileFormatError:
            warn("vasprun.xml beside DOSCAR cannot be read; it is left out.")
    return found


def _layout(found: _Doscar, n_spins: int, file: Path) -> tuple[list[str], int]:
    """Orbitals, and columns of each: 1, 2 with spin, 4 in a non-collinear run."""
    width = max(
        (t.shape[1] for t in found.sites if t.size),
        default=0,
        key=lambda w: sum(t.shape[1:] == (w,) for t in found.sites),
    )
    n = width - 1
    if n_spins == 2 and n % 2 == 0 and n // 2 in _ORBITALS:
        return _ORBITALS[n // 2], 2
    if n_spins == 1 and n == 16:
        return (_ORBITALS[4], 4) if _is_noncollinear(found, file) else (_ORBITALS[16], 1)
    if n_spins == 1 and n in _ORBITALS:
        return _ORBITALS[n], 1
    if n_spins == 1 and n % 4 == 0 and n // 4 in _ORBITALS:
        return _ORBITALS[n // 4], 4
    raise DataError(f"{file.name}: sites have {width} columns, of which no order of orbitals is known.")


def _is_noncollinear(found: _Doscar, file: Path) -> bool:
    """Sixteen columns are lm with f, or s p d f with three components of the spin each: INCAR or the numbers tell."""
    incar = file.parent / "INCAR"
    if incar.is_file():
        text = re.sub(r"[!#].*", "", read_text(incar)).upper()
        return bool(re.search(r"\b(LSORBIT|LNONCOLLINEAR)\s*=\s*\.?T", text))
    parts = np.concatenate([t[:, 1:] for t in found.sites if t.shape[1] == 17])
    parts = parts[np.isfinite(parts).all(axis=1)].reshape(-1, 4, 4)
    length = np.linalg.norm(parts[:, :, 1:], axis=2)
    answer = bool((length <= 1.02 * np.abs(parts[:, :, 0]) + 1e-4).all())
    kind = "a non-collinear run, s p d f" if answer else "a run without spin, up to f"
    warn(f"{file.name}: 16 numbers for each site are taken for those of {kind}; no INCAR beside it says so.")
    return answer


# ---- LOBSTER


def read_lobster(path: Path) -> xr.Dataset:
    """Read DOSCAR.lobster; see `mi_widgets.io.read_pdos`. Energies are relative to the Fermi level."""
    file = _inside(path, True)
    if file is None:
        raise FileFormatError(f"{path.name} holds no DOSCAR.lobster.")
    found = _split(file)
    out, n_spins = _base(found, file.name, "LOBSTER")
    if not found.sites:
        raise DataError(f"{file.name} has no sites, only a total. Let LOBSTER write projected densities of states.")
    for k, (table, label) in enumerate(zip(found.sites, found.labels, strict=True)):
        charge = re.search(r"Z\s*=\s*(\d{1,3})", " ".join(label))
        if charge is None:
            raise FileFormatError(
                f"{file.name}: the header of site {k} names no atom ({'; '.join(label)[:80]!r}). Fragments (LCFO) are "
                "not read; give DOSCAR.lobster."
            )
        z = int(charge[1])
        out.elements.append(SYMBOLS[z] if z < len(SYMBOLS) else "X")
        names = label[-1].split()
        fault = site_fault(table, out.energy, n_spins * len(names) + 1)
        strange = [name for name in names if not is_orbital(orbital_name(name))]
        fault = fault or (f"orbitals called {', '.join(strange)[:60]}" if strange else "")
        spins = [table[:, 1 + s :: n_spins] for s in range(n_spins)]
        out.add(f"site {k}", fault, None if fault else curves_of(names, spins))
    _complete(out, found, file.name)
    folder = file.parent
    _atoms(
        out,
        first_structure(folder / name for name in ("POSCAR.lobster.vasp", "POSCAR.lobster", "POSCAR", "CONTCAR")),
        file.name,
    )
    out.fermi, out.reference = 0.0, "fermi"
    return finish(out, path=path, reader="lobster")
