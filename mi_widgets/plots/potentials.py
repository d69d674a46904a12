"""Learnt potentials: parity with the reference, the map of environments, the descriptor of an atom, the training."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._dos_frames import map_limits
from mi_widgets.plots._potentials_frames import (
    HELD_COLOR,
    OUTSIDE_COLOR,
    POINT_COLOR,
    axes_frame,
    component_texts,
    density_palette,
    descriptor_columns,
    descriptor_ticks,
    map_palette,
    map_values,
    parity_data,
    raster,
    step_limit,
    training_lines,
)
from mi_widgets.plots._style import PEAK_COLORS, plain

__all__ = ["plot_descriptor", "plot_environments", "plot_predictions", "plot_training"]

_DRAWN: dict[str, Any] = {"backend": "bokeh", "apply_ranges": False}
_MOST_POINTS = 3000  # more are drawn as a density
_CELLS = (120, 160)


def plot_predictions(
    result: xr.Dataset, quantity: str = "energy", *, errors: bool = False, title: str = "", height: int = 320
) -> hv.Overlay:
    """Draw predicted against reference energies or forces, with their root mean square error in the title.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.potentials.map_environments`.
    quantity : {"energy", "force"}
        Energies per atom with error bars, or components of forces; more than 3000 points are drawn as a density.
    errors : bool, default False
        Draw prediction minus reference upwards.
    title : str
        By default the error.
    height : int
        In pixels.

    Returns
    -------
    holoviews.Overlay
        ``frame``, ``line``, ``density`` or ``points`` with ``bars``, ``held out``, and ``outside``: what lies outside
        the training domain.

    Raises
    ------
    LabelError
        It is no such result.
    ParameterError
        The quantity is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> one = xr.Dataset({"energy": ("frame", [-2.0, -4.1]), "reference_energy": ("frame", [-2.0, -4.0]),
    ...                   "n_atoms": ("frame", [1, 2])}, {"frame": [0, 1], "frame_of": ("environment", [0, 1, 1])})
    >>> [e.label for e in plot_predictions(one)]
    ['frame', 'line', 'bars', 'points', 'held out', 'outside']
    """
    _require(result, "plot_predictions", "n_atoms")
    data = parity_data(result, quantity)
    xlim, ylim = data.limits(errors)
    x, y, bar = data.reference, data.y(errors), data.y_stderr(errors)
    text = (data.labels[0], data.labels[2 if errors else 1])
    parts: list[Any] = [axes_frame(text, xlim, ylim, height=height, title=title or data.title)]
    line = (np.array(xlim), np.zeros(2) if errors else np.array(xlim))
    parts.append(hv.Curve(line, "x", "y", label="line").opts(color="#8a939c", line_width=1, **_DRAWN))
    if x.size > _MOST_POINTS:
        cells = raster(x, y, xlim, ylim, _CELLS)
        image = hv.Image(cells[::-1], ["x", "y"], "count", bounds=(xlim[0], ylim[0], xlim[1], ylim[1]), label="density")
        parts.append(image.opts(cmap=density_palette(), clim=(0.0, max(float(np.nanmax(cells, initial=1.0)), 1.0)),
                                clipping_colors={"NaN": "#ffffff00"}, **_DRAWN))  # fmt: skip
    else:
        ends = np.where(np.isfinite(bar), bar, 0.0)
        bars = hv.Segments((x, y - ends, x, y + ends), ["x", "y", "x1", "y1"], label="bars")
        parts.append(bars.opts(color=POINT_COLOR, line_width=1, alpha=0.5, **_DRAWN))
        parts.append(_points(x[~data.held_out], y[~data.held_out], "points", POINT_COLOR, 5))
        parts.append(_points(x[data.held_out], y[data.held_out], "held out", HELD_COLOR, 5))
    parts.append(_points(x[data.outside][:_MOST_POINTS], y[data.outside][:_MOST_POINTS], "outside", OUTSIDE_COLOR, 6))
    return hv.Overlay(parts).opts(backend="bokeh", show_legend=False)


def plot_environments(
    result: xr.Dataset, color_by: str = "element", *, of: str | None = None, title: str = "", height: int = 360
) -> hv.Overlay:
    """Draw the environments of all atoms as points of a map: near ones are alike.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.potentials.map_environments`.
    color_by : {"element", "atomic_energy", "uncertainty", "outside"}
        An atomic energy is drawn from the median of its element.
    of : str, optional
        Map of the environments of one element, by components of their own.
    title : str
        Text above; by default what is coloured.
    height : int
        In pixels.

    Returns
    -------
    holoviews.Overlay
        ``frame``, for each name, or for all, an image of what is in each cell, and ``outside``.

    Raises
    ------
    LabelError
        It is no such result.
    ParameterError
        `color_by` or the element is unknown.

    Examples
    --------
    >>> from mi_widgets import datasets, potentials  # doctest: +SKIP
    >>> plot_environments(potentials.map_environments(snapshots, potential), "uncertainty")  # doctest: +SKIP
    """
    _require(result, "plot_environments", "score")
    values, text, names = map_values(result, color_by)
    score = result["score" if of is None else "species_score"].values
    texts = component_texts(result, of)
    xy = np.column_stack([score[:, 0], score[:, 1] if score.shape[1] > 1 else np.zeros(len(score))])
    if of is not None:
        xy = np.where((result["element"].values == of)[:, None], xy, np.nan)
    xlim, ylim = map_limits(xy)
    bounds = (xlim[0], ylim[0], xlim[1], ylim[1])
    cells = raster(xy[:, 0], xy[:, 1], xlim, ylim, _CELLS, values, largest=color_by == "outside")
    parts: list[Any] = [axes_frame(texts, xlim, ylim, height=height, title=title or text)]
    image = hv.Image(cells[::-1], ["x", "y"], hv.Dimension("value", label=plain(text)), bounds=bounds, label="map")
    colors = map_palette(color_by, names)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (2, 98)) if finite.size else (0.0, 1.0)
    limits = (-0.5, len(names) - 0.5) if names else (float(low), float(max(high, low + 1e-9)))
    parts.append(image.opts(cmap=colors, clim=limits, colorbar=not names, clipping_colors={"NaN": "#ffffff00"},
                            **_DRAWN))  # fmt: skip
    there = result["outside"].values != 0 if "outside" in result else np.zeros(len(xy), dtype=bool)
    spots = xy[there & np.isfinite(xy).all(axis=1)][:_MOST_POINTS]
    parts.append(_points(spots[:, 0], spots[:, 1], "outside", OUTSIDE_COLOR, 5))
    return hv.Overlay(parts).opts(backend="bokeh", show_legend=False)


def plot_descriptor(result: xr.Dataset, frame: Any, atom: int, *, title: str = "", height: int = 260) -> hv.Overlay:
    """Draw the features of one atom as bars, against the distribution of those of its element.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.potentials.map_environments`.
    frame : label of a frame
    atom : int
        Number of the atom in its frame.
    title : str
        Text above; by default the atom.
    height : int
        In pixels.

    Returns
    -------
    holoviews.Overlay
        ``frame``; ``band`` and ``inner``, between the outer and the inner quantiles of the element; ``bars``: deviation
        from the mean of the element in its standard deviations.

    Raises
    ------
    LabelError
        It is no such result, or has no such atom.

    Examples
    --------
    >>> plot_descriptor(potentials.map_environments(snapshots, potential), 312, 17)  # doctest: +SKIP
    """
    _require(result, "plot_descriptor", "feature_value")
    at = np.flatnonzero((result["frame_of"].values == frame) & (result["atom_of"].values == atom))
    if not at.size:
        raise LabelError(f"plot_descriptor: there is no atom {atom!r} in a frame {frame!r}.")
    columns = descriptor_columns(result, int(at[0]))
    band, bars = columns["band"], columns["bars"]
    n = bars["x"].size
    limit = step_limit(np.concatenate([bars["y"], band["low"], band["high"]]))
    name = title or f"{result['element'].values[at[0]]}{atom} of frame {frame}"
    parts: list[Any] = [axes_frame(
        ("feature", "deviation from the mean of the element (standard deviations)"), (-1.0, float(n)),
        (-limit, limit), height=height, title=name, xticks=descriptor_ticks(bars["name"].tolist()),
    )]  # fmt: skip
    for low, high, alpha, label in (("low", "high", 0.25, "band"), ("inner_low", "inner_high", 0.45, "inner")):
        boxes = hv.Rectangles((band["left"], band[low], band["right"], band[high]), label=label)
        parts.append(boxes.opts(color=PEAK_COLORS[0], alpha=alpha, line_alpha=0, **_DRAWN))
    stems = hv.Segments((bars["x"], 0 * bars["x"], bars["x"], bars["y"]), ["x", "y", "x1", "y1"], label="bars")
    parts.append(stems.opts(color="#30363c", line_width=4, **_DRAWN))
    return hv.Overlay(parts).opts(backend="bokeh", show_legend=False)


def plot_training(training: xr.Dataset, *, title: str = "", height: int = 260) -> hv.Overlay:
    """Draw the course of a training: every error over its epochs.

    Parameters
    ----------
    training : xarray.Dataset
        ``training`` of a potential: errors over ``epoch``.
    title : str
        Text above.
    height : int
        In pixels.

    Returns
    -------
    holoviews.Overlay
        A curve for each error, labelled with its name, on a logarithmic axis.

    Raises
    ------
    LabelError
        It has no errors over epochs.

    Examples
    --------
    >>> one = xr.Dataset({"energy_rmse": ("epoch", [0.3, 0.1], {"units": "eV"})}, {"epoch": [1, 2]})
    >>> [e.label for e in plot_training(one)]
    ['frame', 'energy_rmse']
    """
    lines = training_lines(training)
    if not lines:
        raise LabelError("plot_training needs errors over 'epoch'; write plot_training(potential.training).")
    values = np.concatenate([y for _, y in lines.values()])
    values = values[np.isfinite(values) & (values > 0)]
    ends = (float(values.min()) / 1.2, float(values.max()) * 1.2) if values.size else (1e-3, 1.0)
    x = np.concatenate([x for x, _ in lines.values()])
    text = ("epoch", "error (eV/atom, eV/Å)")
    parts: list[Any] = [axes_frame(text, (0.0, float(max(x.max(), 1.0))), ends, height=height, title=title, logy=True)]
    for k, (name, (x, y)) in enumerate(lines.items()):
        curve = hv.Curve((x, y), "x", "y", label=name)
        parts.append(curve.opts(color=PEAK_COLORS[k % len(PEAK_COLORS)], line_width=2, **_DRAWN))
    return hv.Overlay(parts).opts(backend="bokeh", show_legend=True, legend_position="right")


def _points(x: np.ndarray, y: np.ndarray, label: str, color: str, size: int) -> hv.Points:
    points = hv.Points((x, y), ["x", "y"], label=label)
    return points.opts(color=color, size=size, alpha=0.75, line_color=None, **_DRAWN)


def _require(result: Any, who: str, name: str) -> None:
    if not isinstance(result, xr.Dataset) or name not in result or "frame_of" not in result.coords:
        raise LabelError(f"{who} needs the result of potentials.map_environments(snapshots, potential).")
