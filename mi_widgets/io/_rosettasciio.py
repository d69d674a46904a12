"""Microscopes' and spectrometers' own formats, through the optional package rosettasciio."""

import contextlib
import importlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import (
    DataError,
    FileFormatError,
    LabelError,
    MissingDependencyError,
    MIWidgetsWarning,
    ParameterError,
)
from mi_widgets.io import _wdf
from mi_widgets.io._finish import finish_spectra
from mi_widgets.io._hdf5 import check_heaps
from mi_widgets.io._netcdf import check_size, stays_on_disk
from mi_widgets.io._units import Quantity, parse_label, plain_unit, position_dim, spectral_quantity
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["from_signals", "read", "require", "suffixes"]

# netCDF evaluates text of the file as Python, ZSPY and MRCZ can unpickle it; the others hold no calibrated spectra.
_LEFT_OUT = {"netCDF", "ZSPY", "MRCZ", "Image", "Impulse", "Protochips", "numpy"}
_LAZY = {"Bruker", "JEOL", "DigitalMicrograph", "HSPY", "EMD", "NeXus", "Ripple", "TIFF"}
_COMMON = frozenset({".wdf", ".dm3", ".dm4", ".hspy", ".bcf", ".spx", ".msa", ".emsa", ".pts", ".tvf", ".emd"})
_TO_NM = {"mm": 1e6, "m": 1e9}


def require(path: Path) -> None:
    """Raise `MissingDependencyError` if rosettasciio is not installed and `path` looks as if it were needed."""
    if path.suffix.lower() in _COMMON and importlib.util.find_spec("rsciio") is None:
        raise MissingDependencyError(
            f'reading {path.suffix} files ({path.name}) needs the package rosettasciio: pip install "mi-widgets[files]"'
        )


@cache
def _plugins() -> tuple[Mapping[str, Any], ...]:
    if importlib.util.find_spec("rsciio") is None:
        return ()
    from rsciio import IO_PLUGINS

    return tuple(plugin for plugin in IO_PLUGINS if plugin["name"] not in _LEFT_OUT)


def suffixes() -> frozenset[str]:
    """Suffixes the installed rosettasciio opens; empty without it."""
    return frozenset("." + str(ext).lower() for plugin in _plugins() for ext in plugin["file_extensions"])


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None
) -> xr.DataArray:
    """Read a file through the first plugin of rosettasciio that can; see `mi_widgets.io.read_spectra`."""
    if importlib.util.find_spec("rsciio") is None:
        raise MissingDependencyError(f'reading {path.name} needs rosettasciio: pip install "mi-widgets[files]"')
    suffix = path.suffix.lower()
    plugins = [p for p in _plugins() if suffix in {"." + str(e).lower() for e in p["file_extensions"]}]
    if not plugins:
        raise FileFormatError(f"rosettasciio reads no {suffix or 'files without suffix'} ({path.name}).")
    failures = []
    for plugin in plugins:  # .h5, .img and .xml belong to several instruments
        try:
            signals = _signals(plugin, path, lazy)
        except Exception as error:  # noqa: BLE001 - foreign readers raise anything on damaged bytes
            failures.append((plugin["name"], error))
            continue
        return from_signals(
            signals, path=path, reader=str(plugin["name"]), variable=variable, dim=dim, units=units, lazy=lazy
        )
    if len(failures) == 1:
        raise failures[0][1]
    tried = "; ".join(f"{name}: {type(e).__name__} {str(e)[:100]}" for name, e in failures)
    raise FileFormatError(
        f"{path.name}: none of the readers of {suffix} could open it: it is damaged, or of another program. Export it "
        f'again, or as text; columns of numbers are read with format="text". ({tried[:400]})'
    ) from failures[0][1]


def _signals(plugin: Mapping[str, Any], path: Path, lazy: bool | None) -> list[Mapping[str, Any]]:
    if plugin["name"] == "Renishaw":
        _wdf.check_blocks(path)
    with path.open("rb") as stream:
        if stream.read(4) == b"\x89HDF":
            check_heaps(path)
    module = importlib.import_module(plugin["api"])
    # where it can, open lazily first: the size is known before the memory is taken (a 1.4 MB .pts becomes 1 GB)
    deferred = plugin["name"] in _LAZY and lazy is not False
    with _notes(path):
        signals = list(module.file_reader(str(path), lazy=True) if deferred else module.file_reader(str(path)))
    return _wdf.place_spectra(signals, path) if plugin["name"] == "Renishaw" else signals


class _Collector(logging.Handler):
    """Keep warnings of rosettasciio; it writes them to the screen in colours."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "lumispy" not in text and text not in self.texts:  # not wanted here, so not missing
            self.texts.append(text)


@contextlib.contextmanager
def _notes(path: Path) -> Iterator[None]:
    """Turn what rosettasciio logs while reading into one warning; Python's own warnings are left out."""
    logger = logging.getLogger("rsciio")
    before = logger.handlers, logger.propagate
    collector = _Collector()
    logger.handlers, logger.propagate = [collector], False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.handlers, logger.propagate = before
    if collector.texts:
        text = " ".join(" ".join(collector.texts).split())
        warnings.warn(f"{path.name}: {text[:500]}", MIWidgetsWarning, stacklevel=2)


def from_signals(
    signals: Sequence[Mapping[str, Any]],
    *,
    path: Path,
    reader: str = "rosettasciio",
    variable: str | int | None = None,
    dim: str | None = None,
    units: str | None = None,
    lazy: bool | None = None,
) -> xr.DataArray:
    """Turn what a rosettasciio reader returns into labelled spectra.

    Parameters
    ----------
    signals : sequence of mapping
        Dictionaries with ``data``, ``axes``, ``metadata`` and ``original_metadata``: spectra, images, white light.
    path, variable, dim, units, lazy
        As in `mi_widgets.io.read_spectra`.
    reader : str
        Named in ``history``.

    Returns
    -------
    xarray.DataArray
        As `mi_widgets.io.read_spectra` returns it.
    """
    signal, spectral = _choose(signals, path, variable, dim)
    data = signal["data"]
    if hasattr(data, "chunks"):
        check_size(data.nbytes, path)
        if not stays_on_disk(data.nbytes, lazy):
            with _notes(path):
                data = data.compute()
    names = _dim_names(signal, spectral, dim)
    coords = {}
    for i, (axis, size, name) in enumerate(zip(signal["axes"], data.shape, names, strict=True)):
        coords[name] = _coordinate(axis, size, name, units if i == spectral else None, i == spectral, path)
    metadata = _mapping(signal.get("metadata"))
    general, what = _mapping(metadata.get("General")), _mapping(metadata.get("Signal"))
    quantity, unit = parse_label(str(what.get("quantity") or "intensity"))
    attrs: dict[str, Any] = {"units": unit or "count", "long_name": quantity or "intensity"}
    if general.get("title"):
        attrs["title"] = str(general["title"])
    da = xr.DataArray(data, coords, names, attrs=attrs)
    kept = {"metadata": metadata, "original_metadata": _mapping(signal.get("original_metadata"))}
    return finish_spectra(da, names[spectral], path=path, reader=reader, metadata=kept)


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _name(axis: Mapping[str, Any]) -> str:
    name = axis.get("name")
    text = str(name).strip() if isinstance(name, str) else ""
    return "" if text.strip("<>").lower() in ("undefined", "none") else text


def _quantity(axis: Mapping[str, Any]) -> Quantity | None:
    return spectral_quantity(_name(axis), plain_unit(axis.get("units")))


def _spectral_axis(signal: Mapping[str, Any], dim: str | None) -> int | None:
    """Position of the spectral axis: by name, then by unit; ``navigate`` is wrong in some files, so it comes last."""
    axes = list(signal["axes"])
    if not axes:
        return None
    named = [i for i, axis in enumerate(axes) if spectral_quantity(_name(axis))]
    united = [i for i, axis in enumerate(axes) if _quantity(axis)]
    for found in (named, united):
        if found:
            slow = [i for i in found if (q := _quantity(axes[i])) and q.dim != "time"]
            return (slow or found)[0]
    signal_axes = [i for i, axis in enumerate(axes) if not axis.get("navigate", False)]
    if dim is not None:
        return signal_axes[0] if len(signal_axes) == 1 else len(axes) - 1
    return None


def _choose(
    signals: Sequence[Mapping[str, Any]], path: Path, variable: str | int | None, dim: str | None
) -> tuple[Mapping[str, Any], int]:
    """Find the one signal that holds spectra; images, and RGB pictures among them, are passed over."""
    texts = [f"{i}: {_title(s)} {tuple(np.shape(s['data']))}" for i, s in enumerate(signals)]
    listing = "; ".join(texts)[:1000] or "nothing"
    chosen = list(enumerate(signals))
    if variable is not None:
        chosen = [(i, s) for i, s in chosen if variable in (i, _title(s))]
        if not chosen:
            raise ParameterError(f"{path.name} has no signal {variable!r}. It has: {listing}.")
    found = []
    for _, signal in chosen:
        if signal["data"].dtype.names is None and len(signal["axes"]) == signal["data"].ndim:
            spectral = _spectral_axis(signal, dim)
            if spectral is not None:
                found.append((signal, spectral))
    if not found:
        raise LabelError(
            f"{path.name} holds no array with a known spectral axis, only {listing}. If one has spectra, write "
            'read_spectra(path, variable=0, dim="energy").'
        )
    most = max(len(signal["axes"]) for signal, _ in found)
    found = [item for item in found if len(item[0]["axes"]) == most]
    if len(found) > 1:
        raise ParameterError(
            f"{path.name} holds several sets of spectra. Write read_spectra(path, variable=0) or another of: {listing}."
        )
    return found[0]


def _title(signal: Mapping[str, Any]) -> str:
    return str(_mapping(_mapping(signal.get("metadata")).get("General")).get("title") or "untitled")


def _dim_names(signal: Mapping[str, Any], spectral: int, dim: str | None) -> list[str]:
    """House names in the order of ``axes`` (``index_in_array`` is reversed or missing in some files)."""
    axes = list(signal["axes"])
    quantity = _quantity(axes[spectral])
    names = [position_dim(_name(axis)) for axis in axes]
    names[spectral] = dim or (quantity.dim if quantity else "energy")
    free = [d for d in ("x", "y", "z") if d not in names]
    for i in reversed(range(len(axes))):  # unnamed positions: the fastest is x
        if i != spectral and (names[i] == "undefined" or names[i] in names[:i] + names[i + 1 :]):
            names[i] = free.pop(0) if free else f"axis_{i}"
    return names


def _coordinate(
    axis: Mapping[str, Any], size: int, name: str, units: str | None, spectral: bool, path: Path
) -> tuple[str, np.ndarray, dict[str, str]]:
    values = axis.get("axis")
    if values is None:  # float(): Fraction, float32 and int16 arrive here
        values = float(axis.get("offset") or 0) + float(axis.get("scale") or 1) * np.arange(size)
    values = np.asarray(values, dtype=float)
    if values.shape != (size,):
        raise DataError(
            f"{path.name}: axis {name!r} has {values.size} points for {size} channels. The file is damaged."
        )
    unit = units or plain_unit(axis.get("units")) or "1"
    long_name = _name(axis) or name
    if spectral:
        quantity = _quantity(axis)
        long_name = quantity.long_name if quantity else long_name
        if name == "wavelength" and unit in _TO_NM:
            values, unit = values * _TO_NM[unit], "nm"
        if unit == "1":
            unit = SPECTRAL_DIMS.get(name, "1")
    return name, values, {"units": unit, "long_name": long_name}
