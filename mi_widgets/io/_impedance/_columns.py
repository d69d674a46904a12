"""Columns of a table turned into frequency and impedance: what their titles say, their signs and units."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mi_widgets.errors import DataError, FileFormatError, LabelError

__all__ = ["Columns", "Rows", "columns_of", "rows_of"]

#: Role -> pattern of a title without blanks, quotes and unit, lower case; the first that fits.
_ROLES: tuple[tuple[str, str], ...] = (
    ("angular", r"omega|ω|angularfrequency"),
    ("frequency", r"freq(uency)?|f"),
    ("minus_imag", r"-im(\(?z\)?|ag)?|-z(''|\"|″|imag|im|_?i)|-imag\w*|neg\w*im\w*"),
    ("imag", r"im(\(?z\)?|ag)?|z(''|\"|″|imag|im|_?i)|imag\w*|z''\(b\)"),
    ("real", r"re(\(?z\)?|al)?|z('|′|real|re|_?r)|real\w*|z'\(a\)"),
    ("modulus", r"\|z\||zmod|modulus|z|absz|magnitude|mag"),
    ("minus_phase", r"-(phase|phi|phz|zphz|φ|theta)(\(z\))?"),
    ("phase", r"(z?phz|phase|phi|φ|theta)(\(z\))?"),
    ("time", r"time\w*|t"),
    ("cycle", r"cycle(number)?|loop|segment"),
)
_SCALES = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9, "rad/s": 1 / (2 * np.pi), "1/s": 1 / (2 * np.pi)}


@dataclass
class Rows:
    """A table.

    Attributes
    ----------
    titles, units : list
        Of the columns; a unit that is not stated is empty.
    values : (rows, columns)
        Numbers.
    header : list of str
        What stood above.
    """

    titles: list[str]
    units: list[str]
    values: np.ndarray
    header: list[str] = field(default_factory=list)


@dataclass
class Columns:
    """One or more sweeps, one after the other.

    Attributes
    ----------
    frequency : (rows,)
        Hz.
    z : (rows,) complex
        Impedance in `units`.
    time : (rows,) or None
        Seconds.
    cycle : (rows,) or None
        Number of the sweep.
    minus : bool
        The titles say that the imaginary part (the phase) is written with the other sign, which has been put right.
    guessed : bool
        The columns had no titles.
    """

    frequency: np.ndarray
    z: np.ndarray
    units: str
    time: np.ndarray | None = None
    cycle: np.ndarray | None = None
    minus: bool = False
    guessed: bool = False


def rows_of(
    lines: Sequence[str], titles: list[str], units: list[str], delimiter: str | None, name: str, first: int
) -> Rows:
    """Rows of numbers below their titles; `first` is the number of the first line in the file."""
    out = []
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        fields = [f.strip().strip('"') for f in line.split(delimiter)]
        fields = fields[: len(titles)]
        if len(fields) < len(titles):
            raise FileFormatError(
                f"{name} line {number} has {len(fields)} columns where its titles are {len(titles)}: was the file cut "
                "off? Export it again, or remove the line."
            )
        out.append([_number(f) for f in fields])
    if not out:
        raise FileFormatError(f"{name} has titles of columns and no numbers below them. Was the measurement stopped?")
    return Rows(titles, units, np.array(out))


def _number(text: str) -> float:
    """A number with a point or a comma; NaN for what is none, such as a column of flags."""
    try:
        return float(text.replace(",", ".")) if "_" not in text else np.nan
    except ValueError:
        return np.nan


def columns_of(rows: Rows, name: str) -> Columns:
    """Frequency and impedance of a table."""
    if rows.values.shape[1] >= 3 and not any(rows.titles):
        return Columns(rows.values[:, 0], rows.values[:, 1] + 1j * rows.values[:, 2], "ohm", guessed=True)
    found = _roles(rows)
    frequency = _frequency(rows, found, name)
    z, units, minus = _impedance(rows, found, name)
    time = rows.values[:, found["time"]] if "time" in found else None
    cycle = rows.values[:, found["cycle"]] if "cycle" in found else None
    return Columns(frequency, z, units, time, cycle, minus)


def _roles(rows: Rows) -> dict[str, int]:
    out: dict[str, int] = {}
    for column, title in enumerate(rows.titles):
        plain = re.sub(r"[\s\"]+", "", title).replace("\u2212", "-").replace("′′", "''").lower()
        for role, pattern in _ROLES:
            if re.fullmatch(pattern, plain):
                out.setdefault(role, column)
                break
    return out


def _frequency(rows: Rows, found: dict[str, int], name: str) -> np.ndarray:
    role = "frequency" if "frequency" in found else "angular"
    if role not in found:
        raise LabelError(f"{name} has no column of frequencies; it has {_titles(rows)}. Call it 'frequency (Hz)'.")
    unit = rows.units[found[role]].strip().lower() or ("rad/s" if role == "angular" else "hz")
    # in files mHz is written as MHz is: the first letter tells
    if unit == "1/s" and role == "frequency":  # what is called a frequency is none of angles
        unit = "hz"
    scale = 1e-3 if rows.units[found[role]].strip().startswith("mH") else _SCALES.get(unit)
    if scale is None:
        raise LabelError(f"{name}: frequencies are in {unit!r}; write the unit as Hz, kHz, MHz, mHz or rad/s.")
    return rows.values[:, found[role]] * scale


def _impedance(rows: Rows, found: dict[str, int], name: str) -> tuple[np.ndarray, str, bool]:
    imag = next((r for r in ("imag", "minus_imag") if r in found), None)
    phase = next((r for r in ("phase", "minus_phase") if r in found), None)
    if "real" in found and imag is not None:
        (factor, units), (other, second) = (_ohm(rows.units[found[r]], name) for r in ("real", imag))
        if units != second:
            raise DataError(
                f"{name}: the real part is in {units}, the imaginary part in {second}. Correct the title of one column."
            )
        minus = imag == "minus_imag"
        z = factor * rows.values[:, found["real"]] + 1j * other * rows.values[:, found[imag]]
        return np.conj(z) if minus else z, units, minus
    if "modulus" in found and phase is not None:
        factor, units = _ohm(rows.units[found["modulus"]], name)
        angle, minus = rows.values[:, found[phase]], phase == "minus_phase"
        angle = angle if rows.units[found[phase]].lower().startswith("rad") else np.radians(angle)
        return factor * rows.values[:, found["modulus"]] * np.exp((-1j if minus else 1j) * angle), units, minus
    raise LabelError(
        f"{name} has no real and imaginary part, nor modulus and phase; it has {_titles(rows)}. Name the columns "
        '"frequency (Hz)", "Z\' (ohm)", "Z\'\' (ohm)" or "-Z\'\' (ohm)".'
    )


def _ohm(unit: str, name: str) -> tuple[float, str]:
    """Factor and unit that is kept."""
    plain = unit.strip().replace("Ω", "ohm").replace("\u2126", "ohm").replace("Ohm", "ohm").replace("²", "2")
    if not plain:
        return 1.0, "ohm"
    area = re.fullmatch(r"([kmM]?)ohms?[\s.*·]*cm\^?\*{0,2}2", plain)
    if area:
        return {"": 1.0, "k": 1e3, "m": 1e-3, "M": 1e6}[area[1]], "ohm*cm**2"
    prefix = re.fullmatch(r"([kmM]?)ohms?", plain)
    if prefix:
        return {"": 1.0, "k": 1e3, "m": 1e-3, "M": 1e6}[prefix[1]], "ohm"
    if plain in ("a", "b"):  # ZView's Z'(a) and Z''(b)
        return 1.0, "ohm"
    raise DataError(f"{name}: impedance is in {unit!r}, which is no ohm. Correct the title of the column.")


def _titles(rows: Rows) -> str:
    return ", ".join(repr(t) for t in rows.titles if t)[:300] or f"{len(rows.titles)} columns without titles"
