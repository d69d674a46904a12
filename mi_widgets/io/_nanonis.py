"""Nanonis: point spectra (.dat), grids of spectra (.3ds) and scans (.sxm) of scanning probe microscopes."""

import re
import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, MIWidgetsWarning, ParameterError
from mi_widgets.io._finish import finish_image, finish_spectra
from mi_widgets.io._netcdf import check_size
from mi_widgets.io._table import parse_table
from mi_widgets.io._units import parse_label, position_dim, spectral_quantity
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["SUFFIXES", "read", "takes"]

SUFFIXES = frozenset({".3ds", ".sxm", ".dat"})
_HEADER_BYTES = 4_000_000


def takes(path: Path) -> bool:
    """Tell a Nanonis .dat from any other: it has a line ``[DATA]`` below its header."""
    if path.suffix.lower() != ".dat":
        return True
    with path.open("rb") as stream:
        head = stream.read(200_000)
    return re.search(rb"^\[DATA\]\s*$", head, re.MULTILINE) is not None


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None = None
) -> xr.DataArray:
    """Read one channel; see `mi_widgets.io.read_spectra`. A scan has dims (direction, y, x) and no spectral one."""
    del lazy
    with path.open("rb") as stream:
        head = stream.read(_HEADER_BYTES)
    if b":SCANIT_END:" in head:
        return _scan(path, head, variable)
    if b":HEADER_END:" in head:
        return _grid(path, head, variable, dim, units)
    return _points(path, variable, dim, units)


def _channel(names: list[str], variable: str | int | None, path: Path) -> int:
    """Number of the channel meant, by number, full title or title without the unit."""
    listing = ", ".join(f"{i}: {name}" for i, name in enumerate(names))[:1000]
    if variable is None:
        if len(names) == 1:
            return 0
        raise ParameterError(
            f"{path.name} holds {len(names)} channels. Write read_spectra(path, variable={names[0]!r}) or another of: "
            f"{listing}."
        )
    if isinstance(variable, int) and 0 <= variable < len(names):
        return variable
    short = [parse_label(name)[0] for name in names]
    for known in (names, short):
        if variable in known:
            return known.index(str(variable))
    raise ParameterError(f"{path.name} has no channel {variable!r}. It has: {listing}.")


def _label(title: str) -> tuple[str, str]:
    """Name and unit of ``"LI Demod 1 X [bwd] (A)"``."""
    found = re.fullmatch(r"(.*?)\s*\(([^()]*)\)", title.strip())
    name, unit = parse_label(f"{found[1]} ({found[2]})".replace("[", "").replace("]", "")) if found else (title, None)
    return (found[1].strip() if found else name), unit or "1"


def _axis_dim(title: str, dim: str | None) -> tuple[str, str, str]:
    """Dimension, unit and readable name of a swept signal such as ``Bias calc (V)``."""
    name, unit = _label(title)
    quantity = spectral_quantity(name, unit)
    default = quantity.dim if quantity else position_dim(name)
    used = dim or (default if default != "undefined" else "channel")
    return used, SPECTRAL_DIMS.get(used, "1") if unit == "1" else unit, name or used


# --- .dat


def _points(path: Path, variable: str | int | None, dim: str | None, units: str | None) -> xr.DataArray:
    raw = path.read_bytes()
    found = re.search(rb"^\[DATA\][ \t]*\r?\n", raw, re.MULTILINE)
    if not found:
        raise ValueError("a Nanonis file has a line [DATA], :HEADER_END: or :SCANIT_END:")
    lines = raw[found.end() :].decode("utf-8", "replace").splitlines()
    if not lines:
        raise FileFormatError(f"{path.name} ends below [DATA]: it is truncated. Copy it again.")
    titles = [t.strip() for t in lines[0].rstrip("\t").split("\t")]
    table = parse_table(lines, path, first_line=raw[: found.end()].count(b"\n") + 1)
    if table.values.shape[1] != len(titles) or len(titles) < 2:
        raise FileFormatError(f"{path.name} has {table.values.shape[1]} columns below {len(titles)} titles: damaged.")
    header = [line.split("\t")[:2] for line in raw[: found.start()].decode("utf-8", "replace").splitlines()]
    metadata = {pair[0].strip(): pair[1].strip() for pair in header if len(pair) == 2 and pair[0].strip()}
    name, unit, long_name = _axis_dim(titles[0], dim)
    coords = {name: (name, table.values[:, 0], {"units": units or unit, "long_name": long_name})}
    labels = [_label(title) for title in titles[1:]]
    if variable is None and len({u for _, u in labels}) == 1 and len(labels) > 1:
        attrs = {"units": labels[0][1], "long_name": "signal"}
        da = xr.DataArray(table.values[:, 1:].T, coords, ("x", name), attrs=attrs)
        columns = np.array([text for text, _ in labels], dtype=str)
        da = da.assign_coords(column=("x", columns, {"units": "1", "long_name": "column title"}))
    else:
        i = _channel(titles[1:], variable, path)
        attrs = {"units": labels[i][1], "long_name": labels[i][0]}
        da = xr.DataArray(table.values[:, i + 1], coords, (name,), attrs=attrs)
    return finish_spectra(da, name, path=path, reader="nanonis", metadata=metadata)


# --- .3ds


def _grid_header(head: bytes, path: Path) -> tuple[dict[str, str], int]:
    end = head.index(b":HEADER_END:")
    start = end + len(b":HEADER_END:")
    start += 2 if head[start : start + 2] == b"\r\n" else 1
    header: dict[str, str] = {}
    for line in head[:end].decode("utf-8", "replace").splitlines():
        key, sign, value = line.partition("=")
        if sign:
            header[key.strip()] = value.strip().strip('"')
    missing = [k for k in ("Grid dim", "Points", "Channels", "# Parameters (4 byte)") if k not in header]
    if missing:
        raise FileFormatError(f"{path.name}: its header has no {missing[0]!r}. It is damaged; copy it again.")
    return header, start


def _whole(text: str, what: str, path: Path) -> int:
    if not re.fullmatch(r"\d{1,9}", text.strip()):
        raise FileFormatError(f"{path.name}: {what} is {text[:40]!r}, not a whole number. Its header is damaged.")
    return int(text)


def _grid(path: Path, head: bytes, variable: str | int | None, dim: str | None, units: str | None) -> xr.DataArray:
    header, start = _grid_header(head, path)
    sizes = re.split(r"\s*x\s*", header["Grid dim"])
    if len(sizes) != 2:
        raise FileFormatError(f"{path.name}: 'Grid dim' is {header['Grid dim'][:40]!r}, not such as '10 x 10'.")
    nx, ny = (_whole(text, "a size of the grid", path) for text in sizes)
    n_points = _whole(header["Points"], "the number of points", path)
    n_parameters = _whole(header["# Parameters (4 byte)"], "the number of parameters", path)
    channels = [c for c in header["Channels"].split(";") if c]
    if not channels or not nx or not ny or not n_points:
        raise DataError(
            f"{path.name} holds no values: {ny} x {nx} pixels, {n_points} points, {len(channels)} channels."
        )
    channel = _channel(channels, variable, path)
    pixel = n_parameters + len(channels) * n_points
    check_size(4 * nx * ny * (pixel + n_points), path)
    done = min(nx * ny, (path.stat().st_size - start) // (4 * pixel))
    if done < 1:
        raise FileFormatError(f"{path.name} is truncated: not one of its {ny} x {nx} spectra is whole. Copy it again.")
    if done < nx * ny:
        warnings.warn(
            f"{path.name} ends after {done} of {nx * ny} spectra: the measurement was stopped or the file is cut off; "
            "the others are NaN.",
            MIWidgetsWarning,
            stacklevel=4,
        )
    data = np.fromfile(path, ">f4", done * pixel, offset=start).reshape(done, pixel)
    parameters = data[:, :n_parameters].astype(float)
    begin = n_parameters + channel * n_points
    cube = np.full((ny * nx, n_points), np.nan, dtype="float32")
    cube[:done] = data[:, begin : begin + n_points]
    name, unit, long_name = _axis_dim(header.get("Sweep Signal", "Bias (V)"), dim)
    axis = _sweep(header, parameters, n_points, path)
    x, y, angle = _places(header, nx, ny)
    title, value_unit = _label(channels[channel])
    attrs: dict[str, object] = {"units": value_unit, "long_name": title, "title": header.get("Experiment", "")}
    if angle:
        attrs["angle"] = angle
    names = ["y" if name != "y" else "row", "x" if name != "x" else "column", name]
    coords = {
        names[0]: (names[0], y, {"units": "m", "long_name": "y"}),
        names[1]: (names[1], x, {"units": "m", "long_name": "x"}),
        name: (name, axis, {"units": units or unit, "long_name": long_name}),
    }
    da = xr.DataArray(cube.reshape(ny, nx, n_points), coords, names, attrs=attrs)
    return finish_spectra(da, name, path=path, reader="nanonis", metadata=header)


def _sweep(header: dict[str, str], parameters: np.ndarray, n_points: int, path: Path) -> np.ndarray:
    """Axis from the segments of a multi-line sweep, else from the start and end kept with every spectrum."""
    segments = [key for key in header if key.lower().startswith("segment start")]
    if segments or header.get("Filetype", "Linear") != "Linear":
        return _segments(segments[0] if segments else "", header, n_points, path)
    listed = ";".join(header.get(key, "") for key in ("Fixed parameters", "Experiment parameters")).split(";")
    listed = [name.strip() for name in listed if name.strip()]
    if not {"Sweep Start", "Sweep End"} <= set(listed):
        raise FileFormatError(
            f"{path.name}: its sweep is not given by one start and one end. Export the spectra as ASCII from Nanonis."
        )
    ends = [listed.index("Sweep Start"), listed.index("Sweep End")]
    if max(ends) >= parameters.shape[1]:
        raise FileFormatError(f"{path.name}: it has {parameters.shape[1]} parameters for {len(listed)} names: damaged.")
    limits = parameters[:, ends]
    if not np.allclose(limits, limits[0], rtol=1e-5, atol=0):
        raise DataError(
            f"{path.name}: its spectra are swept over different ranges, so they share no axis. Export them one by one."
        )
    return np.linspace(limits[0, 0], limits[0, 1], n_points)


def _segments(key: str, header: dict[str, str], n_points: int, path: Path) -> np.ndarray:
    """Join lines of steps; where one begins at the end of the line before, that point was measured once."""
    titles = [re.sub(r"\s*\(.*?\)", "", title).strip().lower() for title in key.split(",")]
    axis = np.empty(0)
    try:
        at = [titles.index(name) for name in ("segment start", "segment end", "steps")]
        for row in header[key].split(";"):
            start, end, steps = (float(row.split(",")[i]) for i in at)
            if not 1 <= steps <= n_points:
                break
            line = np.linspace(start, end, int(steps))
            axis = np.concatenate([axis, line[1:] if axis.size and axis[-1] == start else line])
    except (KeyError, ValueError, IndexError):
        axis = np.empty(0)
    if axis.size != n_points:
        raise FileFormatError(
            f"{path.name}: the segments of its sweep ({header.get(key, 'not given')[:80]!r}) do not give its "
            f"{n_points} points. Export the spectra as ASCII from Nanonis."
        )
    return axis


def _places(header: dict[str, str], nx: int, ny: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Positions in the frame of the grid (m), about its centre; pixel numbers where the file does not tell."""
    try:
        x0, y0, width, height, angle = (float(v) for v in header["Grid settings"].split(";")[:5])
    except (KeyError, ValueError):
        return np.arange(nx, dtype=float), np.arange(ny, dtype=float), 0.0
    return (
        np.linspace(x0 - width / 2, x0 + width / 2, nx) if nx > 1 else np.array([x0]),
        np.linspace(y0 - height / 2, y0 + height / 2, ny) if ny > 1 else np.array([y0]),
        angle,
    )


# --- .sxm


def _scan_header(head: bytes) -> tuple[dict[str, list[str]], int]:
    end = head.index(b":SCANIT_END:")
    marker = head.find(b"\x1a\x04", end)
    if marker < 0 or marker > end + 100:
        raise ValueError("no mark (0x1A 0x04) between header and data")
    header: dict[str, list[str]] = {}
    key = ""
    for line in head[:end].decode("utf-8", "replace").splitlines():
        if found := re.fullmatch(r":([^:]+(?:>[^:]+)*):", line.strip()):
            key = found[1]
            header[key] = []
        elif key:
            header[key].append(line)
    return header, marker + 2


def _numbers(header: dict[str, list[str]], key: str, path: Path) -> list[float]:
    try:
        values = [float(v) for v in " ".join(header[key]).split()]
    except (KeyError, ValueError):
        values = []
    if len(values) < 2 or not np.isfinite(values).all():
        raise FileFormatError(f"{path.name}: its header has no numbers for {key!r}. It is damaged; copy it again.")
    return values


def _scan(path: Path, head: bytes, variable: str | int | None) -> xr.DataArray:
    header, start = _scan_header(head)
    kind = " ".join(header.get("SCANIT_TYPE", ["FLOAT MSBFIRST"])).split()
    if kind != ["FLOAT", "MSBFIRST"]:
        raise FileFormatError(f"{path.name} holds numbers of type {' '.join(kind)[:40]!r}; FLOAT MSBFIRST is read.")
    nx, ny = (_whole(f"{v:g}", "the number of pixels", path) for v in _numbers(header, "SCAN_PIXELS", path)[:2])
    if not nx or not ny:
        raise DataError(f"{path.name} holds no values: {ny} x {nx} pixels.")
    rows = [line.split() for line in header.get("DATA_INFO", [])[1:] if line.strip()]
    rows = [row for row in rows if len(row) >= 4]
    if not rows:
        raise FileFormatError(f"{path.name}: its header lists no channels (DATA_INFO). It is damaged; copy it again.")
    channel = _channel([row[1] for row in rows], variable, path)
    both = [row[3].lower() == "both" for row in rows]
    before = sum(2 if b else 1 for b in both[:channel])
    n_images = 2 if both[channel] else 1
    check_size(4 * nx * ny * n_images, path)
    data = np.fromfile(path, ">f4", n_images * nx * ny, offset=start + 4 * before * nx * ny)
    if data.size < n_images * nx * ny:
        raise FileFormatError(
            f"{path.name} is truncated: channel {rows[channel][1]!r} needs {n_images * nx * ny} values, {data.size} "
            "are left. Copy it again."
        )
    image = data.reshape(n_images, ny, nx).astype("float32")
    first_backward = not both[channel] and rows[channel][3].lower().startswith("b")
    backward = slice(0, None) if first_backward else slice(1, None)
    image[backward] = image[backward, :, ::-1]  # recorded right to left
    if "".join(header.get("SCAN_DIR", [])).strip() == "down":
        image = image[:, ::-1]
    width, height = _numbers(header, "SCAN_RANGE", path)[:2]
    x0, y0 = _numbers(header, "SCAN_OFFSET", path)[:2]
    coords = {
        "y": ("y", y0 - height / 2 + (np.arange(ny) + 0.5) * height / ny, {"units": "m", "long_name": "y"}),
        "x": ("x", x0 - width / 2 + (np.arange(nx) + 0.5) * width / nx, {"units": "m", "long_name": "x"}),
    }
    name, unit = parse_label(f"{rows[channel][1].replace('_', ' ')} ({rows[channel][2]})")
    attrs: dict[str, object] = {"units": unit or "1", "long_name": name}
    angle = "".join(header.get("SCAN_ANGLE", [])).strip()
    if re.fullmatch(r"[+-]?[\d.]+(E[+-]?\d+)?", angle, re.IGNORECASE) and float(angle):
        attrs["angle"] = float(angle)
    da = xr.DataArray(image, coords, ("direction", "y", "x"), attrs=attrs)
    da = da.isel(direction=0) if n_images == 1 else da
    kept = {key: "\n".join(lines) for key, lines in header.items()}
    if n_images == 2:
        text = {"units": "1", "long_name": "scan direction"}
        da = da.assign_coords(direction_name=("direction", np.array(["forward", "backward"]), text))
    return finish_image(da, path=path, reader="nanonis", metadata=kept)
