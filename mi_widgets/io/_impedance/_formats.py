"""Files of single instruments and programs: where their table stands and what its columns are called."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.io._impedance._columns import Rows, rows_of
from mi_widgets.io._table import parse_table, read_lines

__all__ = ["FORMATS", "Format", "text_lines"]

_MOST_BYTES = 200_000_000


@dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes
    ----------
    read : callable
        ``read(lines, path) -> Rows``; may raise anything on a damaged file.
    takes : callable
        Whether lines are of such a file.
    text : str
        What it reads, for people.
    """

    read: Callable[[list[str], Path], Rows]
    takes: Callable[[list[str]], bool]
    text: str


def text_lines(path: Path) -> list[str]:
    """Lines of a file that can be one of spectra."""
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise DataError(f"{path.name} has {size / 1e6:.0f} MB; a file of spectra has less. Cut out the table.")
    return read_lines(path)


def _split_title(text: str) -> tuple[str, str]:
    """Name and unit of ``freq/Hz``, ``Z' (ohm)``, ``-Z'' [Ω]``; the unit may be empty."""
    plain = text.strip().strip('"').strip()
    found = re.fullmatch(r"(.*?)\s*[\[(]([^()\[\]]*)[\])]", plain)
    if found and found[1] and found[2].strip().lower() != "z":  # Re(Z) and Phase(Z) are names
        return found[1].rstrip(" /,"), found[2]
    name, slash, unit = plain.partition("/")
    return (name.strip(), unit.strip()) if slash else (plain, "")


# ---- Gamry


def _gamry(lines: list[str], path: Path) -> Rows:
    start = next((k for k, line in enumerate(lines) if re.match(r"ZCURVE\d*\tTABLE", line)), None)
    if start is None or len(lines) < start + 4:
        raise FileFormatError(
            f"{path.name} has no table ZCURVE: it is no impedance measurement, or it was stopped before its first "
            "point. Choose a file of EIS."
        )
    titles = [t.strip() for t in lines[start + 1].split("\t")]
    units = [u.strip() for u in lines[start + 2].split("\t")]
    units += [""] * (len(titles) - len(units))
    stop = next((k for k in range(start + 3, len(lines)) if not lines[k].startswith("\t")), len(lines))
    table = rows_of(lines[start + 3 : stop], titles, units[: len(titles)], "\t", path.name, start + 4)
    table.header = [line.strip()[:300] for line in lines[:50]]
    return table


# ---- BioLogic


def _biologic(lines: list[str], path: Path) -> Rows:
    found = re.search(r"Nb header lines\s*:\s*(\d+)", "\n".join(lines[:10]))
    at = int(found[1]) - 1 if found else 0
    if not 0 <= at < len(lines) or "freq/Hz" not in lines[at]:
        at = next((k for k, line in enumerate(lines) if line.startswith("freq/Hz")), -1)
    if at < 0:
        raise FileFormatError(
            f"{path.name} has no column freq/Hz: it is no impedance measurement, or it was exported without "
            "frequencies. Export it from EC-Lab with freq/Hz, Re(Z)/Ohm and -Im(Z)/Ohm."
        )
    pairs = [_split_title(t) for t in lines[at].rstrip("\t ").split("\t")]
    table = rows_of(lines[at + 1 :], [p[0] for p in pairs], [p[1] for p in pairs], "\t", path.name, at + 2)
    table.header = [line.strip()[:300] for line in lines[: min(at, 60)]]
    return table


# ---- ZView, and Autolab's exports to it


def _zview(lines: list[str], path: Path) -> Rows:
    at = next((k for k, line in enumerate(lines) if re.search(r"freq\s*\(hz\).*z'\(a\)", line, re.IGNORECASE)), -1)
    if at < 0:
        raise FileFormatError(
            f"{path.name} has no line of titles 'Freq(Hz) Ampl Bias … Z'(a) Z''(b)'. Export it again."
        )
    titles = [t for t in re.split(r"[\s,]+", lines[at].strip().strip('"').replace("Freq (Hz)", "Freq(Hz)")) if t]
    first = at + 1
    while first < len(lines) and not re.match(r"\s*[-+]?[\d.]", lines[first]):
        first += 1  # "End Comments"
    delimiter = "," if first < len(lines) and "," in lines[first] and "\t" not in lines[first] else None
    # Z'(a) and Z''(b) are names without a unit; the others name theirs
    pairs = [(t, "") if t.lower().startswith("z") else _split_title(t) for t in titles]
    table = rows_of(lines[first:], [p[0] for p in pairs], [p[1] for p in pairs], delimiter, path.name, first + 1)
    table.header = [line.strip()[:300] for line in lines[:50]]
    return table


# ---- Autolab (NOVA), and plain tables


def _plain(lines: list[str], path: Path) -> Rows:
    titled = _titled(lines, path)
    if titled is not None:
        return titled
    table = parse_table(lines, path)
    return Rows([""] * table.values.shape[1], [""] * table.values.shape[1], table.values, table.header)


def _titled(lines: list[str], path: Path) -> Rows | None:
    """A table below a line of titles that names a frequency."""
    for at, line in enumerate(lines[:2000]):
        text = line.lstrip("#%! \t\ufeff")
        if not re.search(r"freq|\bf\b|omega|ω", text, re.IGNORECASE):
            continue
        for delimiter in (";", "\t", ",", None):
            fields = re.split(r"\s{2,}|\s(?=[-|A-Za-z])", text.strip()) if delimiter is None else text.split(delimiter)
            fields = [f for f in fields if f.strip()] if delimiter is None else fields
            below = next((x for x in lines[at + 1 :] if x.strip()), "")
            if len(fields) >= 3 and len(below.split(delimiter)) >= len([f for f in fields if f.strip()]):
                pairs = [_split_title(f) for f in fields]
                table = rows_of(
                    lines[at + 1 :], [p[0] for p in pairs], [p[1] for p in pairs], delimiter, path.name, at + 2
                )  # fmt: skip
                table.header = [h.strip()[:300] for h in lines[: min(at, 50)]]
                return table
    return None


FORMATS: dict[str, Format] = {
    "gamry": Format(_gamry, lambda lines: lines[0].strip() == "EXPLAIN", "Gamry: .DTA"),
    "biologic": Format(_biologic, lambda lines: lines[0].startswith("EC-Lab ASCII"), "BioLogic EC-Lab text: .mpt"),
    "zview": Format(
        _zview,
        lambda lines: any("z'(a)" in line.lower() for line in lines[:400]),
        "ZPlot and ZView, and Autolab exported for them: .z, .txt",
    ),
    "text": Format(_plain, lambda lines: True, "columns of text: .csv, .txt, Autolab NOVA"),  # noqa: ARG005
}
