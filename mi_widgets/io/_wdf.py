"""Renishaw .wdf: what rosettasciio leaves undone.

It follows damaged block sizes for ever, and it fills every map row by row, whatever order the spectra were taken in:
StreamLine maps, taken column by column, come out scrambled (0.15.0). The file tells the position of each spectrum.
"""

import struct
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mi_widgets.errors import FileFormatError, MIWidgetsWarning
from mi_widgets.io._netcdf import check_size

__all__ = ["check_blocks", "place_spectra"]

_HEADER, _MAPPING, _LINE = 16, 3, 128
_X, _Y = 3, 4  # kinds of positions in the ORGN block


class Block(NamedTuple):
    """Where the content of a block lies."""

    start: int
    size: int


def check_blocks(path: Path) -> dict[str, Block]:
    """Walk from block to block and raise `FileFormatError` if the file is no .wdf or is cut off."""
    size = path.stat().st_size
    blocks: dict[str, Block] = {}
    position = 0
    with path.open("rb") as stream:
        while position < size:
            stream.seek(position)
            head = stream.read(_HEADER)
            if position == 0 and head[:4] != b"WDF1":
                raise ValueError("a .wdf file begins with the bytes 'WDF1'")
            length = struct.unpack("<4sIQ", head)[2] if len(head) == _HEADER else 0
            name = head[:4].decode("latin-1")
            if length < _HEADER or position + length > size:
                raise FileFormatError(
                    f"{path.name} is cut off or damaged: its block {name!r} at byte {position} claims {length} bytes, "
                    f"the file has {size}. Copy it again from the instrument."
                )
            blocks.setdefault(name.strip(), Block(position + _HEADER, length - _HEADER))
            position += length
    return blocks


def place_spectra(signals: Sequence[Mapping[str, Any]], path: Path) -> list[Mapping[str, Any]]:
    """Put the spectra of a map where the file says each was taken; pixels not measured are NaN."""
    blocks = check_blocks(path)
    if not {"WDF1", "WMAP", "ORGN", "XLST", "DATA"} <= set(blocks):
        return list(signals)
    with path.open("rb") as stream:
        head, wmap = _content(stream, blocks["WDF1"]), _content(stream, blocks["WMAP"])
        n_points, _, n_spectra = struct.unpack_from("<IQQ", head, 44)
        if struct.unpack_from("<I", head, 116)[0] != _MAPPING:
            return list(signals)
        flag, _, x0, y0, _, dx, dy, _, nx, ny = struct.unpack_from("<II6f2I", wmap)
        if flag & _LINE:
            return list(signals)
        flat = _grid_index(_positions(_content(stream, blocks["ORGN"]), n_spectra), (x0, dx, nx), (y0, dy, ny))
        if flat is None:
            warnings.warn(
                f"{path.name}: the positions of its spectra do not lie on its grid of {ny} x {nx} pixels; the map is "
                "filled in the order of the file.",
                MIWidgetsWarning,
                stacklevel=2,
            )
            return list(signals)
        if flat.size == nx * ny and (flat == np.arange(flat.size)).all():
            return list(signals)
        check_size(4 * nx * ny * n_points, path)
        data = np.frombuffer(_content(stream, blocks["DATA"]), "<f4", n_spectra * n_points)
        axis = np.frombuffer(_content(stream, blocks["XLST"]), "<f4", 2, offset=8)
    cube = np.full((ny * nx, n_points), np.nan, dtype="float32")
    cube[flat] = data.reshape(n_spectra, n_points)
    if axis[0] > axis[1]:  # rosettasciio gives the axis ascending
        cube = cube[:, ::-1]
    axes = [
        {"name": "Y", "offset": y0, "scale": dy, "size": ny, "units": signals[0]["axes"][0].get("units")},
        {"name": "X", "offset": x0, "scale": dx, "size": nx, "units": signals[0]["axes"][0].get("units")},
        signals[0]["axes"][-1],
    ]
    return [{**signals[0], "data": cube.reshape(ny, nx, n_points), "axes": axes}, *signals[1:]]


def _content(stream: Any, block: Block) -> bytes:
    stream.seek(block.start)
    return bytes(stream.read(block.size))


def _positions(orgn: bytes, n_spectra: int) -> dict[int, np.ndarray]:
    """Coordinates of every spectrum by kind."""
    out: dict[int, np.ndarray] = {}
    (n_lists,) = struct.unpack_from("<I", orgn)
    position = 4
    for _ in range(n_lists):
        (kind,) = struct.unpack_from("<I", orgn, position)
        out[kind & 0x7FFFFFFF] = np.frombuffer(orgn, "<f8", n_spectra, offset=position + 24)
        position += 24 + 8 * n_spectra
    return out


def _grid_index(
    positions: Mapping[int, np.ndarray], x: tuple[float, float, int], y: tuple[float, float, int]
) -> np.ndarray | None:
    """Flat pixel number of each spectrum on the grid (start, step, size), row by row; None if one is off the grid."""
    if _X not in positions or _Y not in positions:
        return None
    index = []
    for values, (start, step, size) in ((positions[_Y], y), (positions[_X], x)):
        exact = (values - start) / step if step else np.zeros_like(values)
        number = np.rint(exact)
        if not (np.abs(exact - number) < 0.25).all() or number.min() < 0 or number.max() >= size:
            return None
        index.append(number.astype(int))
    flat = index[0] * x[2] + index[1]
    return flat if np.unique(flat).size == flat.size else None
