"""Small files in instruments' formats, made here: nobody's data are copied into the project."""

import struct
from types import SimpleNamespace

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


SOURCED = ("AES diff", "AES dir", "UPS", "XPS", "XRF")


def vamas_text(blocks, *, mode="NORM", scan="REGULAR", variables=(), listed=(), future=(0, 0), discrete=(1, 1)) -> str:
    """VAMAS: each block a dict with `values` (columns, n) and any of the keys below; `listed` numbers are given again.

    Positive numbers in `listed` name the parameters that later blocks repeat, negative ones those they leave out.
    """
    out = ["VAMAS Surface Chemical Analysis Standard Data Transfer Format 1988 May 4", "place", "machine", "me", "test"]
    out += [2, "first comment", "second", mode, scan]
    if mode in ("MAP", "MAPDP", "NORM", "SDP"):
        out.append(1)
    if mode in ("MAP", "MAPDP"):
        out += [len(blocks), *discrete]
    out += [len(variables), *(text for pair in variables for text in pair)]
    out += [len(listed) * (-1 if listed and listed[0] < 0 else 1), *map(abs, listed)]
    out += [0, *future, *["future"] * future[0], len(blocks)]
    every = set(range(1, 41))
    later = every & set(listed) if listed and listed[0] > 0 else every - {abs(i) for i in listed}
    for i, block in enumerate(blocks):
        out += vamas_block(block, mode, scan, len(variables), every if i == 0 else later, future[1])
    return "\n".join(map(str, out)) + "\n"


def vamas_block(block, mode, scan, n_variables, given, n_future):
    values = np.atleast_2d(block["values"])
    technique = block.get("technique", "XPS")
    columns = block.get("columns", [("Intensity", "d")])
    profile = mode in ("MAPDP", "SDP", "SDPSV")
    label, unit, start, step = block.get("axis", ("kinetic energy", "eV", 100.0, 0.5))
    sputtered = technique.startswith(("SIMS", "SNMS", "FABMS", "ISS")) or profile
    entries = {
        **{i: [1] for i in range(1, 8)},
        8: [1, "a comment"], 9: [technique], 10: block.get("place", (1, 1)) if mode in ("MAP", "MAPDP") else [],
        11: [*block.get("variables", []), *[0] * n_variables][:n_variables], 12: ["Al"],
        13: [18, 1, 1] if sputtered else [],
        14: [1486.6], 15: [100], 16: [1e37, 1e37], 17: block.get("view", [1e37] * 2) if "MAP" in mode else [], 18: [],
        19: [1e37], 20: [1e37], 21: ["FAT"], 22: [20], 23: [0.5] if technique == "AES diff" else [], 24: [1e37],
        25: [4.5], 26: [0], 27: [1e37] * 2, 28: [0, 0], 29: [block.get("species", "C")],
        30: [block.get("transition", "1s"), -1], 31: [label, unit, start, step] if scan == "REGULAR" else [],
        32: [len(columns), *(text for pair in columns for text in pair)], 33: ["pulse counting"], 34: [1], 35: [1],
        36: [1e37], 37: [1e37] * 7 if profile and technique in SOURCED else [], 38: [1e37] * 2, 39: [1e37],
        40: [1, "extra", "d", 7],
    }  # fmt: skip
    out = [block.get("name", "a block"), "a sample"]
    for number, texts in entries.items():
        out += texts if number in given else []
    out += ["future"] * n_future + [values.size]
    for column in values:
        out += [column.min(), column.max()]
    return out + values.T.ravel().tolist()


_IGOR = {"f4": 2, "f8": 4, "i1": 8, "i2": 16, "i4": 32, "u2": 80, "u1": 72}


def igor_wave(values, *, start=(), step=(), units=(), data_units="", name="wave0", note="", order="<", version=5):
    """Igor binary wave; units above three characters go behind the data, as Igor does."""
    values = np.asarray(values)
    kind = _IGOR[values.dtype.str[1:]]
    raw = values.astype(values.dtype.newbyteorder(order)).tobytes(order="F")
    pad = [0] * (4 - values.ndim)
    start, step = ([*s, *[d] * (4 - len(s))] for s, d in ((start, 0.0), (step, 1.0)))
    units = [u.encode() for u in units] + [b""] * (4 - len(units))
    long = [u if len(u) > 3 else b"" for u in units]
    if version == 2:
        head = struct.pack(f"{order}hI20shhI4s4si", kind, 0, name.encode(), 0, 0, 0, data_units.encode(), units[0],
                           values.size) + struct.pack(f"{order}hdd", 0, step[0], start[0])  # fmt: skip
        head = head.ljust(110, b"\0")
        out = struct.pack(f"{order}hiiih", 2, 126 + len(raw), len(note), 0, 0)
        return out + head + raw + bytes(16) + note.encode()
    head = struct.pack(f"{order}IIIihh6xh32siI4i4d4d", 0, 0, 0, values.size, kind, 0, 0, name.encode(), 0, 0,
                       *values.shape, *pad, *step, *start)  # fmt: skip
    short = data_units.encode() if len(data_units) <= 3 else b""
    head += struct.pack("4s4s4s4s4s", short, *(b"" if n else u for u, n in zip(units, long, strict=True)))
    head = head.ljust(320, b"\0")
    behind = b"" if short or not data_units else data_units.encode()
    out = struct.pack(f"{order}hh4i4i4iiii", 5, 0, 320 + len(raw), 0, len(note), len(behind), *map(len, long),
                      0, 0, 0, 0, 0, 0, 0)  # fmt: skip
    total = np.frombuffer(out + head, f"{order}u2").sum()
    out = out[:2] + struct.pack(f"{order}h", int(-int(total) % 65536 + 2**15) % 65536 - 2**15) + out[4:]
    return out + head + raw + note.encode() + behind + b"".join(long)


def igor_packed(*waves, order="<"):
    """Igor packed experiment: a record of history before, between and behind the waves."""
    text = struct.pack(f"{order}HhI", 2, 0, 6) + b"print\r"
    return text + text.join(struct.pack(f"{order}HhI", 3, 0, len(w)) + w for w in waves) + text


def nanonis_grid(cube, *, channels=("Current (A)", "LI Demod 1 X (A)"), sweep=(-1.0, 1.0), signal="Bias (V)", **more):
    """Nanonis .3ds: cube (channel, y, x, point)."""
    cube = np.asarray(cube, dtype=">f4")
    _, ny, nx, n = cube.shape
    fixed, named = ("Sweep Start", "Sweep End"), ("X (m)", "Y (m)", "Z (m)")
    header = {
        "Grid dim": f'"{nx} x {ny}"', "Grid settings": "1.0E-8;2.0E-8;3.0E-9;4.0E-9;0.0E+0", "Filetype": "Linear",
        "Sweep Signal": f'"{signal}"', "Fixed parameters": f'"{";".join(fixed)}"',
        "Experiment parameters": f'"{";".join(named)}"', "# Parameters (4 byte)": "5",
        "Experiment size (bytes)": str(4 * n * len(channels)), "Points": str(n),
        "Channels": f'"{";".join(channels)}"', "Experiment": '"Experiment"', **more,
    }  # fmt: skip
    head = "".join(f"{k}={v}\r\n" for k, v in header.items() if v is not None) + ":HEADER_END:\r\n"
    parameters = np.zeros((ny, nx, 5), ">f4")
    parameters[..., :2] = sweep
    spectra = cube.transpose(1, 2, 0, 3).reshape(ny, nx, -1)
    return head.encode() + np.concatenate([parameters, spectra], axis=-1).astype(">f4").tobytes()


def nanonis_scan(images, *, channels=(("Z", "m", "both"),), direction="up"):
    """Nanonis .sxm: images (n, y, x) as they are recorded, backward ones from right to left."""
    images = np.asarray(images, dtype=">f4")
    _, ny, nx = images.shape
    rows = "".join(f"\t{14 + i}\t{n}\t{u}\t{d}\t1E-9\t0E+0\n" for i, (n, u, d) in enumerate(channels))
    head = (
        ":NANONIS_VERSION:\n2\n:SCANIT_TYPE:\n              FLOAT            MSBFIRST\n"
        f":SCAN_PIXELS:\n       {nx}       {ny}\n:SCAN_RANGE:\n           3.0E-9           4.0E-9\n"
        ":SCAN_OFFSET:\n             1.0E-8         2.0E-8\n:SCAN_ANGLE:\n            0.000E+0\n"
        f":SCAN_DIR:\n{direction}\n\n:DATA_INFO:\n\tChannel\tName\tUnit\tDirection\tCalibration\tOffset\n{rows}\n"
        ":SCANIT_END:\n\n\n"
    )
    return head.encode() + b"\x1a\x04" + images.tobytes()


@pytest.fixture(scope="session")
def make():
    """What makes files: ``make.vamas(...)`` and so on."""
    return SimpleNamespace(
        vamas=vamas_text, wave=igor_wave, packed=igor_packed, grid=nanonis_grid, scan=nanonis_scan, wdf=wdf_bytes
    )


@pytest.fixture(scope="session")
def make_wdf():
    """`wdf_bytes`."""
    return wdf_bytes


@pytest.fixture(scope="session")
def pint_registry():
    """Pint's units; making it takes 0.2 s."""
    return pint.UnitRegistry()
