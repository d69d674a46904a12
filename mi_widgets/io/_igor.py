"""Igor Pro binary waves (.ibw, versions 2 and 5) and packed experiments (.pxt, .pxp); layout of WaveMetrics' PTN003."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsError, ParameterError
from mi_widgets.io._finish import finish_spectra
from mi_widgets.io._units import Quantity, compound_unit, parse_label, plain_unit, position_dim, spectral_quantity
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["SUFFIXES", "read"]

SUFFIXES = frozenset({".ibw", ".pxt", ".pxp"})
_COMPLEX, _UNSIGNED = 0x01, 0x40
_TYPES = {0x02: "f4", 0x04: "f8", 0x08: "i1", 0x10: "i2", 0x20: "i4", 0x80: "i8"}
_HEAD2, _HEAD5, _WAVE2, _WAVE5 = 16, 64, 110, 320
_RECORD, _WAVE_RECORD = 8, 3
_PACKED = (".pxt", ".pxp")
_BY_UNIT = {"degree": "angle", "rad": "angle", "s": "time", "K": "temperature"}  # of what is not spectral


@dataclass
class Wave:
    """One wave: values as Igor shows them (rows first), and what it says of each dimension and of the values."""

    name: str
    values: np.ndarray
    start: tuple[float, ...]
    step: tuple[float, ...]
    labels: tuple[str, ...]
    label: str
    note: str = ""


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None = None
) -> xr.DataArray:
    """Read a wave of one to three dimensions; see `mi_widgets.io.read_spectra`."""
    del lazy
    raw = path.read_bytes()
    waves = list(_packed(raw, path)) if path.suffix.lower() in _PACKED else [_wave(raw, path)]
    wave, spectral = _choose(waves, path, variable, dim)
    names = _dim_names(wave, spectral, dim)
    coords = {}
    for i, (name, size) in enumerate(zip(names, wave.values.shape, strict=True)):
        title, unit = _title(wave.labels[i])
        long_name = title or name
        if i == spectral:
            quantity = spectral_quantity(title, unit)
            long_name = title or (quantity.long_name if quantity else name.replace("_", " "))
            unit = units or (SPECTRAL_DIMS.get(name, "1") if unit == "1" else unit)
        coords[name] = (name, wave.start[i] + wave.step[i] * np.arange(size), {"units": unit, "long_name": long_name})
    title, value_unit = parse_label(wave.label)
    known = value_unit or compound_unit(wave.label) or "1"
    title = "" if title == wave.label and known != "1" else title
    attrs = {"units": known, "long_name": title or "intensity", "title": wave.name}
    da = xr.DataArray(wave.values, coords, names, attrs=attrs)
    metadata = {"note": wave.note} if wave.note else None
    return finish_spectra(da, names[spectral], path=path, reader="igor", metadata=metadata)


def _title(label: str) -> tuple[str, str]:
    """Name and unit of a dimension, from ``"Kinetic Energy [eV]"`` as Scienta writes or a unit alone."""
    title, unit = parse_label(label)
    whole = plain_unit(label)
    if title == label and whole not in (None, "1"):
        return "", whole or "1"
    return title, unit or "1"


def _quantity(label: str) -> Quantity | None:
    title, unit = _title(label)
    if not title and unit == "degree":  # an emission angle, as a rule; 2 theta has a name
        return None
    return spectral_quantity(title, None if unit == "degree" else unit)


def _choose(waves: list[Wave], path: Path, variable: str | int | None, dim: str | None) -> tuple[Wave, int]:
    listing = ", ".join(f"{i}: {w.name} {w.values.shape}{_labels(w)}" for i, w in enumerate(waves))[:1000]
    chosen = [w for i, w in enumerate(waves) if variable is None or variable in (i, w.name)]
    if not chosen and variable is not None:
        raise ParameterError(f"{path.name} has no wave {variable!r}. It has: {listing}.")
    found = [(w, at) for w in chosen if (at := _spectral(w, dim)) is not None]
    if not found:
        raise LabelError(
            f"{path.name}: no dimension of its waves has a known spectral name or unit. It has: {listing}. Write "
            f'read_spectra(path, variable={chosen[0].name!r}, dim="energy", units="eV").'
        )
    if len(found) > 1:
        raise ParameterError(
            f"{path.name} holds several waves. Write read_spectra(path, variable={found[0][0].name!r}) or another of: "
            f"{listing}."
        )
    return found[0]


def _labels(wave: Wave) -> str:
    return f" by {', '.join(label or '?' for label in wave.labels)}" if any(wave.labels) else ""


def _spectral(wave: Wave, dim: str | None) -> int | None:
    """By name or unit; where `dim` names it and nothing in the file does, Igor's rows: energy at Scienta analysers."""
    known = [_quantity(label) for label in wave.labels]
    found = [i for i, quantity in enumerate(known) if quantity]
    named = [i for i in found if (q := known[i]) and q.dim == dim]
    slow = [i for i in found if (q := known[i]) and q.dim != "time"]
    ordered = named or slow or found
    return ordered[0] if ordered else (0 if dim is not None else None)


def _dim_names(wave: Wave, spectral: int, dim: str | None) -> list[str]:
    quantity = _quantity(wave.labels[spectral])
    names = []
    for label in wave.labels:
        title, unit = _title(label)
        names.append(_BY_UNIT.get(unit) or (position_dim(title) if title else ""))
    names[spectral] = dim or (quantity.dim if quantity else "energy")
    free = [d for d in ("x", "y", "z") if d not in names]
    for i in range(len(names)):
        if i != spectral and (names[i] in ("", "undefined") or names[i] in names[:i] + names[i + 1 :]):
            names[i] = free.pop(0)
    return names


def _order(raw: bytes) -> str | None:
    """Byte order of a wave, from its version number; None if it is no wave."""
    for order in "<>":
        if len(raw) >= _HEAD2 and struct.unpack_from(f"{order}h", raw)[0] in (1, 2, 3, 5):
            return order
    return None


def _packed(raw: bytes, path: Path) -> Iterator[Wave]:
    """Waves of a packed experiment, one record after another."""
    order = "<" if _fits(raw, "<") >= _fits(raw, ">") else ">"
    position = 0
    damaged: MIWidgetsError | None = None
    useless: MIWidgetsError | None = None  # empty, of four dimensions: passed over where there are others
    found = False
    while position + _RECORD <= len(raw):
        kind, _, size = struct.unpack_from(f"{order}HhI", raw, position)
        content = position + _RECORD
        if content + size > len(raw):
            damaged = FileFormatError(
                f"{path.name} is truncated: a record at byte {position} claims {size} bytes, {len(raw) - content} are "
                "left. Copy it again."
            )
            break
        if kind & 0x7FFF == _WAVE_RECORD:
            part = raw[content : content + size]
            if not _text_or_complex(part):
                try:
                    wave = _wave(part, path)
                except DataError as error:
                    useless = error
                else:
                    found = True
                    yield wave
        position = content + size
    if damaged is not None:
        raise damaged
    if not found:
        raise useless or FileFormatError(f"{path.name} holds no wave of real numbers: it is damaged, or no Igor file.")


def _fits(raw: bytes, order: str) -> int:
    """How far the chain of records goes in this byte order."""
    position = 0
    while position + _RECORD <= len(raw):
        kind, _, size = struct.unpack_from(f"{order}HhI", raw, position)
        if kind & 0x7FFF >= 256 or position + _RECORD + size > len(raw):
            break
        position += _RECORD + size
    return position


def _text_or_complex(raw: bytes) -> bool:
    order = _order(raw)
    if order is None:
        return False
    five = struct.unpack_from(f"{order}h", raw)[0] == 5
    at = _HEAD5 + 16 if five else _HEAD2
    if len(raw) < at + 2:
        return False
    kind = struct.unpack_from(f"{order}h", raw, at)[0]
    return kind == 0 or bool(kind & _COMPLEX)


def _wave(raw: bytes, path: Path) -> Wave:
    order = _order(raw)
    if order is None:
        raise ValueError("an Igor wave begins with its version, 2 or 5")
    version = struct.unpack_from(f"{order}h", raw)[0]
    return _wave5(raw, order, path) if version == 5 else _wave2(raw, order, version, path)


def _text(raw: bytes) -> str:
    text = raw.split(b"\0", 1)[0]
    try:
        return text.decode("utf-8").strip()
    except UnicodeDecodeError:
        return text.decode("latin-1").strip()


def _values(raw: bytes, order: str, kind: int, shape: tuple[int, ...], start: int, path: Path) -> np.ndarray:
    code = _TYPES.get(kind & ~_UNSIGNED)
    if kind & _COMPLEX or code is None:
        what = "complex numbers" if kind & _COMPLEX else "text" if kind == 0 else f"values of type {kind}"
        raise DataError(f"{path.name} holds {what}; spectra must be real numbers. Take real, imag or abs in Igor.")
    dtype = np.dtype(order + (code.replace("i", "u") if kind & _UNSIGNED else code))
    n = 1
    for size in shape:
        n *= size
    if n * dtype.itemsize > len(raw) - start:
        raise FileFormatError(
            f"{path.name} is truncated: its wave of {' x '.join(map(str, shape))} needs {n * dtype.itemsize} bytes, "
            f"{max(0, len(raw) - start)} are left. Copy it again."
        )
    flat = np.frombuffer(raw, dtype, n, offset=start)
    return flat.reshape(shape, order="F").astype(dtype.newbyteorder("="))


def _wave2(raw: bytes, order: str, version: int, path: Path) -> Wave:
    note_size = struct.unpack_from(f"{order}i", raw, 6)[0] if version in (2, 3) else 0
    at = {1: 8, 2: _HEAD2, 3: 20}[version]
    kind = struct.unpack_from(f"{order}h", raw, at)[0]
    name, data_units, x_units = (_text(raw[at + i : at + j]) for i, j in ((6, 26), (34, 38), (38, 42)))
    n = struct.unpack_from(f"{order}i", raw, at + 42)[0]
    step, start = struct.unpack_from(f"{order}2d", raw, at + 48)
    if n < 0:
        raise FileFormatError(f"{path.name} claims {n} points: damaged. Copy it again.")
    values = _values(raw, order, kind, (n,), at + _WAVE2, path)
    end = at + _WAVE2 + values.nbytes + 16
    note = _text(raw[end : end + max(0, note_size)])
    return Wave(name, values, (start,), (step,), (x_units,), data_units, note)


def _wave5(raw: bytes, order: str, path: Path) -> Wave:
    if len(raw) < _HEAD5 + _WAVE5:
        raise FileFormatError(f"{path.name} is truncated: {len(raw)} bytes hold no wave. Copy it again.")
    data_size, formula, note_size, units_size = struct.unpack_from(f"{order}4i", raw, 4)
    dim_units_sizes = struct.unpack_from(f"{order}4i", raw, 20)
    at = _HEAD5
    kind = struct.unpack_from(f"{order}h", raw, at + 16)[0]
    name = _text(raw[at + 28 : at + 60])
    sizes = struct.unpack_from(f"{order}4i", raw, at + 68)
    step = struct.unpack_from(f"{order}4d", raw, at + 84)
    start = struct.unpack_from(f"{order}4d", raw, at + 116)
    shape = tuple(sizes[: sizes.index(0)] if 0 in sizes else sizes)
    if not shape or min(shape) < 0:
        raise DataError(f"{path.name} holds no values: its wave has the dimensions {sizes}.")
    if len(shape) > 3:
        raise DataError(f"{path.name} holds a wave of four dimensions {shape}; one to three are read. Average one.")
    values = _values(raw, order, kind, shape, at + _WAVE5, path)
    position = at + _WAVE5 + max(0, data_size - _WAVE5, values.nbytes) + max(0, formula)
    note = _text(raw[position : position + max(0, note_size)])
    position += max(0, note_size)
    label = _text(raw[position : position + max(0, units_size)]) or _text(raw[at + 148 : at + 152])
    position += max(0, units_size)
    labels = []
    for i, size in enumerate(dim_units_sizes):
        short = _text(raw[at + 152 + 4 * i : at + 156 + 4 * i])
        labels.append(_text(raw[position : position + max(0, size)]) or short)
        position += max(0, size)
    n = len(shape)
    return Wave(name, values, start[:n], step[:n], tuple(labels[:n]), label, note)
