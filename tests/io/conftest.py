"""Small files in instruments' formats, made here: nobody's data are copied into the project."""

import struct

import numpy as np
import pint
import pytest

RAMAN_SHIFT, COUNTS, MICROMETRE = 1, 6, 5
SINGLE, MAPPING = 1, 3


def _block(name: bytes, content: bytes, uid: int = 0) -> bytes:
    return struct.pack("<4sIQ", name, uid, 16 + len(content)) + content


def wdf_bytes(spectra, axis, *, positions=None, grid=None, flag=0, capacity=None) -> bytes:
    """Renishaw .wdf: spectra (n, channels) in the order they were taken, positions (n, 2) as x, y.

    `grid` is (x0, y0, dx, dy, nx, ny); without it the file is a single spectrum.
    """
    spectra = np.atleast_2d(np.asarray(spectra, dtype="<f4"))
    n, channels = spectra.shape
    origins = 0 if positions is None else 2
    head = struct.pack("<Q4I3III", 0, 1, 2, 3, 4, 0, 0, 0, 0, 0)
    head += struct.pack("<IQQIIII", channels, capacity or n, n, 1, 1, channels, origins)
    head += b"WiRE".ljust(24, b"\0") + struct.pack("<4H", 5, 0, 0, 0)
    head += struct.pack("<II", 6, SINGLE if grid is None else MAPPING)
    head += struct.pack("<QQIf6Q", 131_000_000_000_000_000, 131_000_000_100_000_000, COUNTS, 12738.0, *[0] * 6)
    head += b"someone".ljust(32, b"\0") + b"a synthetic map".ljust(160, b"\0")
    out = _block(b"WDF1", head.ljust(496, b"\0"), uid=1)
    out += _block(b"DATA", spectra.tobytes())
    out += _block(b"YLST", struct.pack("<IIf", 2, 16, 0.0))
    out += _block(b"XLST", struct.pack("<II", 1, RAMAN_SHIFT) + np.asarray(axis, dtype="<f4").tobytes())
    if positions is not None:
        xy = np.asarray(positions, dtype="<f8")
        lists = b"".join(
            struct.pack("<II16s", 0x80000000 | kind, MICROMETRE, name) + np.ascontiguousarray(xy[:, i]).tobytes()
            for i, (kind, name) in enumerate(((3, b"X"), (4, b"Y")))
        )
        out += _block(b"ORGN", struct.pack("<I", 2) + lists)
    if grid is not None:
        x0, y0, dx, dy, nx, ny = grid
        out += _block(b"WMAP", struct.pack("<II6f4I", flag, 0, x0, y0, 0, dx, dy, 1, nx, ny, 1, 0))
    return out


@pytest.fixture(scope="session")
def make_wdf():
    """`wdf_bytes`."""
    return wdf_bytes


@pytest.fixture(scope="session")
def pint_registry():
    """Pint's units; making it takes 0.2 s."""
    return pint.UnitRegistry()
