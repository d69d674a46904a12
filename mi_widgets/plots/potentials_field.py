"""The field of a guest in a glass: slices with atoms and path, energies along the path, Arrhenius' plot."""

from collections.abc import Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._style import (
    BACKGROUND_COLOR,
    FIT_COLOR,
    MISSING_COLOR,
    PEAK_COLORS,
    figure_style,
    palette,
    plain,
)
from mi_widgets.plots.maps import map_element

__all__ = ["plot_arrhenius", "plot_guest_field", "plot_path_profile"]

TERMS = {
    "energy": "guest, matrix relaxed",
    "guest_energy": "guest in the rigid matrix",
    "relaxation_energy": "gained by the matrix giving way",
    "energy_stderr": "standard error",
}
ATOM_COLORS = {"Si": "#e8c39e", "O": "#d9483b"}
PATH_COLOR = "#ff2fd6"
LIMIT_COLOR = "#ffffff"
_THICK = 0.75
_BOKEH = {"backend": "bokeh"}


def plot_guest_field(
    field: xr.Dataset,
    paths: xr.Dataset | None = None,
    *,
    z: float = 0.0,
    direction: str = "x",
    shown: str = "energy",
    size: int = 380,
    title: str = "",
) -> hv.Overlay:
    """Draw a slice of the field of a guest, with the atoms near it, the path, and what it can reach without more.

    Parameters
    ----------
    field : xarray.Dataset
        Of `mi_widgets.potentials.guest_field`.
    paths : xarray.Dataset, optional
        Of `mi_widgets.potentials.percolation_barriers`.
    z : float
        Height of the slice (angstrom); the nearest one is drawn.
    direction : {"x", "y", "z"}
        Which path is drawn.
    shown : {"energy", "guest_energy", "relaxation_energy", "energy_stderr"}
        What the colours are (eV); ``energy`` is above that of the matrix alone. Grey is blocked.
    size : int
        Pixels.
    title : str
        Text above; by default what is drawn, and where.

    Returns
    -------
    holoviews.Overlay
        Elements labelled ``field``, ``threshold`` (white line: energy at which the path goes through), ``atoms``,
        ``whole path`` (thin, all heights) and ``path`` (points within 0.75 angstrom of the slice).

    Raises
    ------
    LabelError
        It is no such Dataset.
    ParameterError
        `shown` or `direction` is unknown.

    Examples
    --------
    >>> x = np.arange(6) * 0.5
    >>> grid = (("x", "y", "z"), np.random.default_rng(0).random((6, 6, 6)), {"units": "eV"})
    >>> coords = {n: (n, x, {"units": "angstrom"}) for n in "xyz"}
    >>> [e.label for e in plot_guest_field(xr.Dataset({"energy": grid}, coords), z=1.0)]
    ['field', 'threshold', 'atoms', 'whole path', 'path']
    """
    if not isinstance(field, xr.Dataset) or "energy" not in field or not {"x", "y", "z"} <= set(field.dims):
        raise LabelError(f"plot_guest_field needs the field of guest_field(glass); got {type(field).__name__}.")
    if shown not in TERMS or shown not in field:
        raise ParameterError(f"plot_guest_field: shown must be one of {', '.join(TERMS)}; got {shown!r}.")
    _known(direction)
    at = float(field["z"].sel(z=z, method="nearest"))
    parts = slice_elements(field, paths, at, direction, shown)
    low, high = slice_limits(field, shown)
    text = title or f"{TERMS[shown]} at z = {at:.2f} Å"

    shades = list(palette())[:: -1 if shown in ("energy", "guest_energy") else 1]
    return hv.Overlay([
        parts["field"].opts(cmap=shades, clim=(low, high), colorbar=True, clipping_colors={"NaN": MISSING_COLOR},
                            colorbar_opts={"title": "eV", "width": 12}, **_BOKEH),
        parts["threshold"].opts(color=LIMIT_COLOR, line_width=1.5, **_BOKEH),
        parts["atoms"].opts(color="color", size="size", line_color="#5b4a3a", **_BOKEH),
        parts["whole path"].opts(color=PATH_COLOR, alpha=0.35, line_width=1.2, **_BOKEH),
        parts["path"].opts(color=PATH_COLOR, size=7, line_color="white", **_BOKEH),
    ]).opts(
        title=plain(text), frame_width=size, frame_height=size, show_legend=False, hooks=[figure_style], xlabel="x (Å)",
        ylabel="y (Å)", show_grid=False, **_BOKEH,
    )  # fmt: skip


def slice_elements(
    field: xr.Dataset, paths: xr.Dataset | None, z: float, direction: str, shown: str
) -> dict[str, hv.Element]:
    """Bare elements of one slice, each labelled."""
    plane = slice_values(field, z, shown)
    x, y = hv.Dimension("x", label="x (Å)"), hv.Dimension("y", label="y (Å)")
    atoms = atoms_near(field, z)
    whole, near = path_near(field, paths, z, direction)
    return {
        "field": map_element(plane.transpose("y", "x"), label="field"),
        "threshold": hv.Path(threshold_lines(field, paths, z, direction), [x, y], label="threshold"),
        "atoms": hv.Points(atoms, [x, y], ["color", "size"], label="atoms"),
        "whole path": hv.Path(whole, [x, y], label="whole path"),
        "path": hv.Points(near, [x, y], label="path"),
    }


def slice_values(field: xr.Dataset, z: float, shown: str) -> xr.DataArray:
    """What is coloured in one slice (eV)."""
    base = float(field["matrix_energy"]) if shown == "energy" and "matrix_energy" in field else 0.0
    plane = field[shown].sel(z=z, method="nearest", drop=True) - base
    if "status" in field:
        plane = plane.where(field["status"].sel(z=z, method="nearest", drop=True) == 0)
    for d in ("x", "y"):
        plane[d].attrs = {"units": "angstrom", "long_name": d}
    plane.attrs = {"units": "eV", "long_name": TERMS[shown]}
    return plane


def slice_limits(field: xr.Dataset, shown: str) -> tuple[float, float]:
    """Colours that mean the same at all heights: what lies within 1.5 eV of the lowest, or nearly all."""
    values = np.asarray(field[shown].values, dtype=float)
    if not np.isfinite(values).any():
        return 0.0, 1.0
    if shown in ("energy", "guest_energy"):
        base = float(field["matrix_energy"]) if shown == "energy" and "matrix_energy" in field else 0.0
        low = float(np.nanmin(values)) - base
        return low, low + (1.5 if shown == "energy" else 4.0)
    finite = values[np.isfinite(values)]
    low, high = (float(v) for v in np.percentile(finite, (2, 98)))
    return low, max(high, low + 1e-6)


def atoms_near(field: xr.Dataset, z: float) -> list[tuple[float, float, str, float]]:
    """Place, colour and size of the atoms near a slice; nearer ones are larger."""
    if "position" not in field:
        return []
    place, box = field["position"].values, np.diag(field["cell"].values)
    place = np.mod(place, box)
    away = place[:, 2] - z
    away = np.abs(away - box[2] * np.round(away / box[2]))
    keep = away < 2 * _THICK
    names = field["element"].values.astype(str)
    return [
        (float(p[0]), float(p[1]), ATOM_COLORS.get(n, "#8a939c"), float(14 - 5 * d / _THICK))
        for p, n, d in zip(place[keep], names[keep], away[keep], strict=True)
    ]


def path_near(
    field: xr.Dataset, paths: xr.Dataset | None, z: float, direction: str
) -> tuple[list[np.ndarray], np.ndarray]:
    """Pieces of the whole path seen from above, and its points near a slice; all in the first cell."""
    if paths is None:
        return [], np.zeros((0, 2))
    place = paths["path_position"].sel(direction=direction).dropna("point").values
    if not len(place):
        return [], np.zeros((0, 2))
    box = np.array([_width(field, a) for a in "xyz"])
    inside = np.mod(place, box)
    jump = np.flatnonzero(np.abs(np.diff(inside, axis=0)).max(axis=1) > box.min() / 2) + 1
    pieces = [p[:, :2] for p in np.split(inside, jump) if len(p) > 1]
    away = inside[:, 2] - z
    away -= box[2] * np.round(away / box[2])
    return pieces, inside[np.abs(away) < _THICK][:, :2]


def threshold_lines(field: xr.Dataset, paths: xr.Dataset | None, z: float, direction: str) -> list[np.ndarray]:
    """Lines of the energy at which the path goes through, in one slice."""
    if paths is None or not np.isfinite(float(paths["threshold"].sel(direction=direction))):
        return []
    from bokeh.plotting.contour import contour_data

    plane = slice_values(field, z, "energy").transpose("y", "x")
    values = np.where(np.isfinite(plane.values), plane.values, 50.0)
    level = float(paths["threshold"].sel(direction=direction))
    found = contour_data(plane["x"].values, plane["y"].values, values, [level], want_fill=False, want_line=True)
    if found.line_data is None:
        return []
    lines = []
    for xs, ys in zip(found.line_data.xs, found.line_data.ys, strict=True):
        both = np.column_stack([xs, ys])
        breaks = np.flatnonzero(np.isnan(both[:, 0]))
        lines += [piece[np.isfinite(piece[:, 0])] for piece in np.split(both, breaks)]
    return [line for line in lines if len(line) > 1]


def _width(field: xr.Dataset, axis: str) -> float:
    values = field[axis].values
    return float(values[-1] + (values[1] - values[0]) - values[0])


def _known(direction: str) -> None:
    if direction not in ("x", "y", "z"):
        raise ParameterError(f"direction must be 'x', 'y' or 'z'; got {direction!r}.")


def plot_path_profile(
    paths: xr.Dataset,
    direction: str = "x",
    *,
    scan: xr.Dataset | None = None,
    band: xr.Dataset | None = None,
    height: int = 300,
    title: str = "",
) -> hv.Overlay:
    """Draw the energy along the lowest path: rigid matrix, field with its uncertainty, scan and elastic band.

    Parameters
    ----------
    paths : xarray.Dataset
        Of `mi_widgets.potentials.percolation_barriers`.
    direction : {"x", "y", "z"}
        Which path.
    scan : xarray.Dataset, optional
        Of `mi_widgets.potentials.constrained_scan` along this path.
    band : xarray.Dataset, optional
        Of `mi_widgets.potentials.nudged_band` for one of its hops.
    height : int
        Pixels.
    title : str
        Text above; by default the barrier with its standard error, and that of the rigid matrix.

    Returns
    -------
    holoviews.Overlay
        Elements labelled ``95 %``, ``rigid matrix``, ``field``, and where given ``scan``, ``elastic band``. Energies
        (eV) are above the lowest point of the path; what the rigid matrix has far above is cut off.

    Raises
    ------
    LabelError
        It is no such Dataset.
    ParameterError
        The direction is unknown.

    Examples
    --------
    >>> from mi_widgets.potentials import percolation_barriers
    >>> x = np.arange(6) * 0.5
    >>> grid = (("x", "y", "z"), np.random.default_rng(0).random((6, 6, 6)), {"units": "eV"})
    >>> paths = percolation_barriers(xr.Dataset({"energy": grid}, {n: (n, x) for n in "xyz"}))
    >>> [e.label for e in plot_path_profile(paths, "y")]
    ['95 %', 'rigid matrix', 'field']
    """
    if not isinstance(paths, xr.Dataset) or "path_energy" not in paths:
        raise LabelError(f"plot_path_profile needs paths of percolation_barriers(field); got {type(paths).__name__}.")
    _known(direction)
    parts = profile_elements(paths, direction, scan, band)
    looks: dict[str, dict[str, Any]] = {
        "95 %": {"color": PEAK_COLORS[0], "alpha": 0.25, "line_alpha": 0.0},
        "rigid matrix": {"color": BACKGROUND_COLOR, "line_dash": "dashed"},
        "field": {"color": PEAK_COLORS[0], "line_width": 2},
        "scan": {"color": FIT_COLOR, "size": 4},
        "elastic band": {"color": PEAK_COLORS[2], "size": 7, "marker": "diamond"},
    }
    top = profile_top(paths, direction)
    return hv.Overlay([e.opts(**looks[e.label], **_BOKEH) for e in parts]).opts(
        title=plain(title or profile_title(paths, direction)), height=height, responsive=True, min_width=320,
        ylim=(-0.15 * top, 2.2 * top), xlabel="distance along the path (Å)", ylabel="energy above the lowest (eV)",
        legend_position="top", show_grid=True, hooks=[figure_style], **_BOKEH,
    )  # fmt: skip


def profile_top(paths: xr.Dataset, direction: str) -> float:
    """Height of the barrier, or 1 eV where there is none."""
    barrier = float(paths["barrier"].sel(direction=direction))
    return max(barrier, 0.05) if np.isfinite(barrier) else 1.0


def profile_title(paths: xr.Dataset, direction: str) -> str:
    """Barrier along a direction in words."""
    one = paths.sel(direction=direction)
    if not np.isfinite(float(one["barrier"])):
        return f"along {direction}: no way through"
    error = f" ± {float(one['barrier_stderr']):.2f}" if np.isfinite(float(one["barrier_stderr"])) else ""
    frozen = float(one["frozen_barrier"])
    more = f"; rigid matrix, on its own best way: {frozen:.2f} eV" if np.isfinite(frozen) else ""
    return f"along {direction}: {float(one['barrier']):.2f}{error} eV{more}"


def profile_elements(
    paths: xr.Dataset, direction: str, scan: xr.Dataset | None = None, band: xr.Dataset | None = None
) -> Sequence[hv.Element]:
    """Bare elements of the profile."""
    one = paths.sel(direction=direction)
    one = one.isel(point=slice(0, max(int(one["n_points"]), 1)))
    s = hv.Dimension("distance", label="distance along the path (Å)")
    e = hv.Dimension("energy", label="energy (eV)")
    x, energy = (np.asarray(one[n].values, dtype=float) for n in ("path_distance", "path_energy"))
    if not np.isfinite(x).all():
        x, energy = np.zeros(1), np.zeros(1)
    low = float(energy.min())
    error = 1.96 * np.nan_to_num(np.asarray(one["path_energy_stderr"].values, dtype=float))
    rigid = np.asarray(one["path_guest_energy"].values, dtype=float) - low
    parts = [
        hv.Area((x, energy - low - error, energy - low + error), s, [e, "upper"], label="95 %"),
        hv.Curve((x, np.nan_to_num(rigid) if not np.isfinite(rigid).any() else rigid), s, e, label="rigid matrix"),
        hv.Curve((x, energy - low), s, e, label="field"),
    ]
    if scan is not None:
        parts.append(hv.Scatter((scan["distance"].values, scan["energy"].values - low), s, e, label="scan"))
    if band is not None:
        away = np.linalg.norm(one["path_position"].values - band["position"].values[0], axis=1)
        start = x[int(np.nanargmin(away))]
        # the guest cuts corners that steps of the grid go round: the band is stretched to the path between its ends
        stop = x[int(np.nanargmin(np.linalg.norm(one["path_position"].values - band["position"].values[-1], axis=1)))]
        d = band["distance"].values
        place = start + d / max(float(d[-1]), 1e-9) * (stop - start)
        parts.append(hv.Scatter((place, band["energy"].values - low), s, e, label="elastic band"))
    return parts


def plot_arrhenius(
    rate: xr.DataArray,
    stderr: xr.DataArray | None = None,
    fit: xr.Dataset | None = None,
    *,
    height: int = 320,
    title: str = "",
) -> hv.Overlay:
    """Draw rates against the inverse temperature, with 95 % bars, and the lines of Arrhenius' law.

    Parameters
    ----------
    rate : xarray.DataArray
        Over ``temperature`` (K) and any one other dimension, such as ``species``. Values that are not above zero have
        no logarithm and are left out.
    stderr : xarray.DataArray, optional
        Standard errors.
    fit : xarray.Dataset, optional
        Of `mi_widgets.structure.fit_arrhenius`.
    height : int
        Pixels.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Points, bars and lines for each row; the abscissa is 1000 / T (1/K), the ordinate logarithmic.

    Raises
    ------
    LabelError
        There is no dimension ``temperature``, or more than one other.

    Examples
    --------
    >>> kelvin = np.array([1000.0, 1500.0, 2000.0])
    >>> rate = xr.DataArray(np.exp(-1e4 / kelvin), dims="temperature", coords={"temperature": kelvin})
    >>> len(plot_arrhenius(rate))
    1
    """
    if not isinstance(rate, xr.DataArray) or "temperature" not in rate.dims or rate.ndim > 2:
        raise LabelError("plot_arrhenius needs rates over temperature and at most one other dimension.")
    other = [str(d) for d in rate.dims if d != "temperature"]
    names = [str(v) for v in rate[other[0]].values] if other else [str(rate.name or "rate")]
    unit = plain(str(rate.attrs.get("units", "1")).replace("angstrom**2", "Å²"))
    x, y = hv.Dimension("inverse", label="1000 / T (1/K)"), hv.Dimension("rate", label=f"rate ({unit})")
    parts: list[hv.Element] = []
    for k, name in enumerate(names):
        place: dict[Any, int] = {other[0]: k} if other else {}
        value = np.asarray(rate.isel(place).values, dtype=float)
        inverse = 1e3 / np.asarray(rate["temperature"].values, dtype=float)
        good = np.isfinite(value) & (value > 0)
        color = PEAK_COLORS[k % len(PEAK_COLORS)]
        if stderr is not None:
            off = 1.96 * np.asarray(stderr.isel(place).values, dtype=float)[good]
            below = np.minimum(off, 0.9 * value[good])  # a bar to zero has no end on this scale
            parts.append(hv.ErrorBars((inverse[good], value[good], below, off), x, [y, "below", "above"]).opts(
                line_color=color, **_BOKEH))  # fmt: skip
        if fit is not None and np.isfinite(float(fit["activation_energy"].isel(place))):
            line = np.linspace(inverse.min(), inverse.max(), 50)
            kelvin = 1e3 / line
            law = float(fit["prefactor"].isel(place)) * np.exp(
                -float(fit["activation_energy"].isel(place)) / (8.617333262e-5 * kelvin)
            )
            parts.append(hv.Curve((line, law), x, y).opts(color=color, line_dash="dashed", **_BOKEH))
        parts.append(hv.Scatter((inverse[good], value[good]), x, y, label=plain(name)).opts(
            color=color, size=8, **_BOKEH))  # fmt: skip
    return hv.Overlay(parts).opts(
        title=plain(title), logy=True, height=height, responsive=True, min_width=300, show_grid=True,
        hooks=[figure_style], xlabel="1000 / T (1/K)", ylabel=f"D ({unit})", legend_position="top_right", **_BOKEH,
    )  # fmt: skip
