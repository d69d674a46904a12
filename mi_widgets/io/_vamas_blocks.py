"""VAMAS files (ISO 14976) as their lines come: one value per line, its meaning given by its place."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mi_widgets.errors import DataError, FileFormatError

__all__ = ["Block", "Experiment", "read_blocks"]

MAGIC = "VAMAS Surface Chemical Analysis Standard Data Transfer Format"
UNKNOWN = 1e37  # how the standard writes "not known"
_WITH_REGIONS = ("MAP", "MAPDP", "NORM", "SDP")
_MAPS = ("MAP", "MAPDP")
_IMAGES = ("MAPSV", "MAPSVDP", "SEM")
_MODES = (*_WITH_REGIONS, *_IMAGES, "SDPSV", "NOEXP")
_PROFILES = ("MAPDP", "MAPSVDP", "SDP", "SDPSV")
_SPUTTERED = ("FABMS", "FABMS energy spec", "ISS", "SIMS", "SIMS energy spec", "SNMS", "SNMS energy spec")
_SOURCED = ("AES diff", "AES dir", "EDX", "ELS", "UPS", "XPS", "XRF")


@dataclass
class Block:
    """One measurement: the parameters by name, and the columns of its ordinates."""

    name: str
    sample: str
    values: dict[str, str] = field(default_factory=dict)
    comment: list[str] = field(default_factory=list)
    variables: list[float] = field(default_factory=list)
    extra: list[tuple[str, str, str]] = field(default_factory=list)
    columns: list[tuple[str, str]] = field(default_factory=list)
    data: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    def number(self, key: str) -> float | None:
        """Value of a parameter; None where the file does not tell."""
        try:
            value = float(self.values.get(key, ""))
        except ValueError:
            return None
        return value if abs(value) < UNKNOWN / 10 else None


@dataclass
class Experiment:
    """The head of the file and its blocks."""

    mode: str
    scan: str
    header: dict[str, object]
    variables: list[tuple[str, str]]
    discrete: tuple[int, int] | None
    blocks: list[Block]


class _Lines:
    """The lines one after the other; each count is checked against what is left before it is believed."""

    def __init__(self, lines: list[str], path: Path) -> None:
        self.lines, self.at, self.path = lines, 0, path

    def text(self) -> str:
        if self.at >= len(self.lines):
            raise FileFormatError(
                f"{self.path.name} ends at line {len(self.lines)}, within a block: it is truncated, or one of its "
                "counts is wrong. Export it again."
            )
        self.at += 1
        return self.lines[self.at - 1].strip()

    def fail(self, what: str) -> FileFormatError:
        found = self.lines[self.at - 1].strip()[:60]
        return FileFormatError(
            f"{self.path.name} line {self.at}: {what} expected, found {found!r}. The file is damaged, or was not "
            "written as ISO 14976 says; export it again."
        )

    def count(self, what: str, each: int = 1, signed: bool = False) -> int:
        text = self.text()
        if not re.fullmatch(r"[+-]?\d{1,15}(\.0*)?", text):
            raise self.fail(f"the {what}")
        n = int(float(text))
        if n < 0 and not signed:
            raise self.fail(f"the {what}, 0 or more,")
        left = len(self.lines) - self.at
        if abs(n) * each > left:
            raise FileFormatError(
                f"{self.path.name} line {self.at}: {what} is {n}, but only {left} lines follow. The file is truncated "
                "or damaged; export it again."
            )
        return n

    def texts(self, n: int) -> list[str]:
        return [self.text() for _ in range(n)]

    def numbers(self, n: int) -> np.ndarray:
        part = self.lines[self.at : self.at + n]
        if len(part) < n:
            self.at = len(self.lines)
            self.text()
        try:
            if any("_" in text for text in part):  # Python's own 1_000
                raise ValueError
            values = np.array([float(text) for text in part])
        except ValueError:
            for i, text in enumerate(part):
                if not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", text):
                    self.at += i + 1
                    raise self.fail("a number") from None
            raise
        self.at += n
        return values


def read_blocks(path: Path) -> Experiment:
    """Read every block of a VAMAS file."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = _Lines(re.split(r"\r\n|\n|\r", text.rstrip()), path)
    while lines.at < len(lines.lines) and not lines.lines[lines.at].strip():
        lines.at += 1
    if lines.at >= len(lines.lines) or not lines.text().startswith(MAGIC):
        raise ValueError(f"a VAMAS file begins with {MAGIC!r}")
    header: dict[str, object] = dict(zip(("institution", "instrument", "operator", "experiment"), lines.texts(4)))  # noqa: B905
    header["comment"] = lines.texts(lines.count("number of comment lines"))
    mode, scan = lines.text(), lines.text()
    if mode not in _MODES:
        lines.at -= 1
        raise lines.fail(f"an experiment mode ({', '.join(_MODES)})")
    if scan not in ("REGULAR", "IRREGULAR", "MAPPING"):
        raise lines.fail("REGULAR, IRREGULAR or MAPPING")
    if mode in _IMAGES or scan == "MAPPING":
        raise DataError(
            f"{path.name} holds images (experiment mode {mode}, scan mode {scan}) and no spectra. Export the spectra."
        )
    discrete = None
    if mode in _WITH_REGIONS:
        header["spectral_regions"] = lines.text()
    if mode in _MAPS:
        header["analysis_positions"] = lines.text()
        # may be larger than the file: the full map, of which it holds a part
        n_x, n_y = (_whole(lines) for _ in range(2))
        discrete = n_x, n_y
    n_variables = lines.count("number of experimental variables", 2)
    variables = [(lines.text(), lines.text()) for _ in range(n_variables)]
    given = _given(lines)
    header["manual_items"] = lines.texts(lines.count("number of manually entered items"))
    n_future = lines.count("number of future experiment entries")
    n_future_block = lines.count("number of future block entries")
    lines.texts(n_future)
    experiment = Experiment(mode, scan, header, variables, discrete, [])
    for _ in range(lines.count("number of blocks", 10)):
        first = experiment.blocks[0] if experiment.blocks else None
        experiment.blocks.append(_block(lines, experiment, given, first, n_future_block))
    if not experiment.blocks:
        raise DataError(f"{path.name} has no blocks: it holds a header and no spectra.")
    return experiment


def _whole(lines: _Lines) -> int:
    text = lines.text()
    if not re.fullmatch(r"\d{1,9}", text):
        raise lines.fail("a whole number")
    return int(text)


def _given(lines: _Lines) -> frozenset[int]:
    """Numbers of the parameters that later blocks repeat; what is left out is as in the first block."""
    n = lines.count("number of entries in the inclusion or exclusion list", signed=True)
    listed = {_whole(lines) for _ in range(abs(n))}
    every = frozenset(range(1, 41))
    return every & listed if n > 0 else every - listed


class _Entries:
    """Parameters of one block by number; those not given are taken from the first block."""

    def __init__(self, lines: _Lines, block: Block, given: frozenset[int], first: Block | None) -> None:
        self.lines, self.block, self.given, self.first = lines, block, given, first

    def here(self, number: int) -> bool:
        return self.first is None or number in self.given

    def take(self, number: int, *keys: str) -> None:
        for key in keys:
            if self.here(number):
                self.block.values[key] = self.lines.text()
            elif self.first is not None and key in self.first.values:
                self.block.values[key] = self.first.values[key]


def _block(lines: _Lines, experiment: Experiment, given: frozenset[int], first: Block | None, n_future: int) -> Block:
    block = Block(lines.text(), lines.text())
    entries = _Entries(lines, block, given, first)
    mode = experiment.mode
    for number, key in enumerate(("year", "month", "day", "hour", "minute", "second", "hours_before_gmt"), start=1):
        entries.take(number, key)
    if entries.here(8):
        block.comment = lines.texts(lines.count("number of lines in the block comment"))
    entries.take(9, "technique")
    technique = block.values["technique"]
    if mode in _MAPS:
        entries.take(10, "x", "y")
    if entries.here(11):
        block.variables = lines.numbers(len(experiment.variables)).tolist()
    elif first is not None:
        block.variables = first.variables
    entries.take(12, "source_label")
    if mode in _PROFILES or technique in _SPUTTERED:
        entries.take(13, "sputtering_atomic_number", "sputtering_atoms", "sputtering_charge")
    entries.take(14, "source_energy")
    entries.take(15, "source_strength")
    entries.take(16, "source_width_x", "source_width_y")
    if mode in _MAPS:
        entries.take(17, "field_of_view_x", "field_of_view_y")
    entries.take(19, "source_polar_angle")
    entries.take(20, "source_azimuth")
    entries.take(21, "analyser_mode")
    entries.take(22, "pass_energy")
    if technique == "AES diff":
        entries.take(23, "differential_width")
    entries.take(24, "magnification")
    entries.take(25, "work_function")
    entries.take(26, "target_bias")
    entries.take(27, "analysis_width_x", "analysis_width_y")
    entries.take(28, "take_off_polar_angle", "take_off_azimuth")
    entries.take(29, "species")
    entries.take(30, "transition", "detected_charge")
    _signal(entries, experiment.scan)
    if technique in _SOURCED and mode in _PROFILES:
        keys = ("energy", "current", "width_x", "width_y", "polar_angle", "azimuth", "mode")
        entries.take(37, *(f"sputtering_source_{key}" for key in keys))
    entries.take(38, "tilt_polar_angle", "tilt_azimuth")
    entries.take(39, "rotation")
    if entries.here(40):
        n = lines.count("number of additional parameters", 3)
        block.extra = [(lines.text(), lines.text(), lines.text()) for _ in range(n)]
    elif first is not None:
        block.extra = first.extra
    lines.texts(n_future)
    _ordinates(lines, block)
    return block


def _signal(entries: _Entries, scan: str) -> None:
    if scan == "REGULAR":
        entries.take(31, "abscissa_label", "abscissa_units", "abscissa_start", "abscissa_increment")
    lines, block, first = entries.lines, entries.block, entries.first
    if entries.here(32):
        n = lines.count("number of corresponding variables", 2)
        if n < 1:
            raise lines.fail("the number of corresponding variables, 1 or more,")
        block.columns = [(lines.text(), lines.text()) for _ in range(n)]
    elif first is not None:
        block.columns = first.columns
    entries.take(33, "signal_mode")
    entries.take(34, "collection_time")
    entries.take(35, "n_scans")
    entries.take(36, "time_correction")


def _ordinates(lines: _Lines, block: Block) -> None:
    n = lines.count("number of ordinate values")
    n_columns = len(block.columns)
    if n % n_columns:
        raise lines.fail(f"the number of ordinate values, a multiple of the {n_columns} corresponding variables,")
    lines.texts(2 * n_columns)  # least and greatest of each, known from the values
    data = lines.numbers(n).reshape(-1, n_columns).T
    block.data = np.where(data == UNKNOWN, np.nan, data)
