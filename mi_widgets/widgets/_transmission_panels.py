"""The pictures of a TransmissionExplorer: spectra, junctions as points, coefficients as a map and as curves, errors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from bokeh.events import Tap
from bokeh.models import BoxZoomTool, HoverTool, PanTool, ResetTool, WheelZoomTool
from bokeh.models.annotations import Legend, LegendItem, Span

from mi_widgets.plots._dos_frames import map_frame, map_limits
from mi_widgets.plots._style import palette, plain
from mi_widgets.plots._transmission_frames import (
    HeatRows,
    cluster_color,
    curve_axes,
    group_lines,
    heat_image,
    heat_limits,
    heat_options,
    heat_rows,
    log_limits,
    trust_ends,
    validation_axes,
)
from mi_widgets.plots.transmission import VALIDATION_COLORS
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, REACH, pixel_scale, set_range, shift_held
from mi_widgets.widgets._view import View

__all__ = ["MOST_CLUSTERS", "MOST_PICKED", "BetaPanel", "ErrorPanel", "HeatPanel", "ScorePanel", "SpectraPanel"]

MOST_CLUSTERS, MOST_PICKED = 8, 4
_PICK_COLOR = "#111111"
_DASHES = ("solid", "dashed", "dotted", "dotdash")
MakeView = Callable[..., View]


def _upright(figure: Any) -> Span:
    """Line at the energy that is pointed at."""
    line = Span(location=0.0, visible=False, dimension="height", line_color=_PICK_COLOR, line_width=1, line_alpha=0.55)
    figure.add_layout(line)
    return line


def _zoom_tools(figure: Any, dimensions: Any, hover: HoverTool | None = None) -> None:
    """Dragging looks closer, the wheel leaves the page its scrolling, a click is free to point."""
    box = BoxZoomTool(dimensions=dimensions, description="Drag to look closer")
    tools = [box, PanTool(dimensions=dimensions), WheelZoomTool(dimensions=dimensions), ResetTool()]
    figure.tools = [*tools, hover] if hover is not None else tools
    figure.toolbar.update(active_drag=box, active_scroll=None, active_tap=None, active_inspect=None, logo=None)
    figure.toolbar_location = "right"


def _nothing(n: int) -> np.ndarray:
    return np.full(n, np.nan, dtype=np.float32)


class _Lines:
    """A curve for each cluster over energies, with a line at the energy pointed at."""

    def __init__(self, name: str, make_view: MakeView, frame: Any, energy: np.ndarray, *, picked: int) -> None:
        self._x = energy.astype(np.float32)
        self._n_picked = picked
        self.view = make_view(name, hv.Overlay([frame]).opts(backend="bokeh", show_legend=False), self._wire)

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        empty = _nothing(self._x.size)
        lines = {f"m{k}": empty for k in range(MOST_CLUSTERS)}
        second = figure.line("x", "m0", source={"x": self._x, **lines}, line_alpha=0.0)
        view.add("means", figure, second)
        self._areas: list[Any] = []
        if self._n_picked:
            bands = {f"{e}{k}": empty for k in range(MOST_CLUSTERS) for e in "lh"}
            first = figure.varea("x", "l0", "h0", source={"x": self._x, **bands}, fill_alpha=0.0)
            picked = {f"p{k}": empty for k in range(self._n_picked)}
            third = figure.line("x", "p0", source={"x": self._x, **picked}, line_alpha=0.0)
            view.add("bands", figure, first)
            view.add("picked", figure, third)
            self._areas = [
                figure.varea("x", f"l{k}", f"h{k}", source=first.data_source, fill_color=cluster_color(k),
                             fill_alpha=0.2)
                for k in range(MOST_CLUSTERS)
            ]  # fmt: skip
        self._curves = [
            figure.line("x", f"m{k}", source=second.data_source, line_color=cluster_color(k), line_width=2)
            for k in range(MOST_CLUSTERS)
        ]
        for k in range(self._n_picked):
            figure.line("x", f"p{k}", source=third.data_source, line_color=_PICK_COLOR, line_width=1.2,
                        line_dash=_DASHES[k])  # fmt: skip
        self._energy = _upright(figure)
        _zoom_tools(figure, "width")
        figure.update(min_border_left=70)
        figure.on_event(Tap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        raise NotImplementedError

    def mark(self, energy: float | None, cluster: int | None) -> None:
        """Line at an energy; the other clusters step back."""
        with self.view.lock:
            self._energy.update(visible=energy is not None, location=0.0 if energy is None else energy)
            for k, line in enumerate(self._curves):
                faint = cluster is not None and k != cluster
                if faint != (line.glyph.line_alpha < 1):
                    line.glyph.line_alpha = 0.35 if faint else 1.0
                    if self._areas:
                        self._areas[k].glyph.fill_alpha = 0.08 if faint else 0.2


class SpectraPanel(_Lines):
    """Mean spectra of the clusters, their bands, and the spectra of chosen junctions.

    Parameters
    ----------
    make_view : callable
        ``Study.view``.
    energy : xarray.DataArray
    on_pick : callable
        Called with the number of a cluster (-1 for none) and an energy.
    """

    def __init__(self, make_view: MakeView, energy: xr.DataArray, on_pick: Callable[[int, float], None]) -> None:
        self._on_pick = on_pick
        self._means = np.zeros((0, energy.size))
        frame = curve_axes(energy, "transmission", (1e-6, 1.0), logy=True, height=270)
        super().__init__("spectra", make_view, frame, energy.values, picked=MOST_PICKED)
        self.view.add_class("mi-spectra")

    def show(self, curves: xr.Dataset) -> None:
        """Draw what `cluster_curves` gives."""
        self._means = curves["mean"].transpose("cluster_label", "energy").values
        band = curves["band"].transpose("quantile", "cluster_label", "energy").values
        empty = _nothing(self._x.size)
        lines, bands = {}, {}
        floor, _ = limits = log_limits(band)
        for k in range(MOST_CLUSTERS):
            there = k < len(self._means)
            lines[f"m{k}"] = np.maximum(self._means[k], floor).astype(np.float32) if there else empty
            for name, edge in (("l", band[0]), ("h", band[-1])):
                bands[f"{name}{k}"] = np.maximum(edge[k], floor).astype(np.float32) if there else empty
        with self.view.lock:
            self.view.write("means", {"x": self._x, **lines})
            self.view.write("bands", {"x": self._x, **bands})
            set_range(self.view.figure("frame").y_range, limits)

    def pick(self, spectra: Sequence[np.ndarray]) -> None:
        """Draw the spectra of chosen junctions."""
        columns = {f"p{k}": _nothing(self._x.size) for k in range(MOST_PICKED)}
        for k, row in enumerate(spectra[:MOST_PICKED]):
            columns[f"p{k}"] = np.maximum(row, 1e-12).astype(np.float32)
        self.view.write("picked", {"x": self._x, **columns})

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None or not len(self._means):
            return
        figure = self.view.figure("frame")
        place = int(np.argmin(np.abs(self._x - event.x)))
        low, high = np.log10(figure.y_range.start), np.log10(figure.y_range.end)
        _, per_unit = pixel_scale(figure)
        pixels = per_unit * (figure.y_range.end - figure.y_range.start) / (high - low)
        gap = np.abs(np.log10(self._means[:, place]) - np.log10(max(event.y, 1e-30))) * pixels
        nearest = int(np.argmin(gap))
        self._on_pick(nearest if gap[nearest] <= 2 * REACH else -1, float(event.x))


class BetaPanel(_Lines):
    """Coefficient of one variable over energies, a curve for each cluster.

    Parameters
    ----------
    make_view, energy
        As for `SpectraPanel`.
    on_energy : callable
        Called with an energy.
    """

    def __init__(self, make_view: MakeView, energy: xr.DataArray, on_energy: Callable[[float], None]) -> None:
        self._on_energy = on_energy
        frame = curve_axes(energy, "coefficient", (-1.0, 1.0), logy=False, height=190)
        super().__init__("coefficient", make_view, frame, energy.values, picked=0)
        self.view.add_class("mi-beta")

    def show(self, beta: xr.DataArray | None, name: str) -> None:
        """Draw coefficients (cluster_label, energy); None clears."""
        columns = {f"m{k}": _nothing(2) for k in range(MOST_CLUSTERS)}
        x = np.array([0.0, 1.0], dtype=np.float32)
        top = 1.0
        if beta is not None:
            values = beta.transpose("cluster_label", "energy").values
            x = beta["energy"].values.astype(np.float32)
            columns = {f"m{k}": values[k].astype(np.float32) if k < len(values) else _nothing(x.size)
                       for k in range(MOST_CLUSTERS)}  # fmt: skip
            top = 1.08 * float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
        with self.view.lock:
            self.view.write("means", {"x": x, **columns})
            figure = self.view.figure("frame")
            set_range(figure.y_range, (-top, top))
            figure.title.text = plain(name)

    def _tapped(self, event: Tap) -> None:
        if event.x is not None:
            self._on_energy(float(event.x))


class HeatPanel:
    """Coefficients of one cluster as a map of variables over energies.

    Parameters
    ----------
    make_view : callable
        ``Study.view``.
    variables, energy : xarray.DataArray
        Coordinates.
    on_pick : callable
        Called with the position of a variable and an energy.
    """

    def __init__(
        self,
        make_view: MakeView,
        variables: xr.DataArray,
        energy: xr.DataArray,
        on_pick: Callable[[int, float], None],
    ) -> None:
        self._on_pick, self._rows = on_pick, heat_rows(variables)
        self._blank = xr.DataArray(
            np.full((variables.size, energy.size), np.nan, dtype=np.float32),
            dims=("variable", "energy"),
            coords={"variable": variables, "energy": energy},
        )
        self.view = make_view("coefficients", self._picture(self._blank), self._wire)
        self.view.add_class("mi-heat")

    @property
    def rows(self) -> HeatRows:
        """Which rows show which variables."""
        return self._rows

    def show(self, beta: xr.DataArray | None, title: str) -> None:
        """Draw coefficients (variable, energy); None clears."""
        beta = self._blank if beta is None else beta
        low, high = heat_limits(beta.values)
        with self.view.lock:
            self.view.put(heat_image(beta, self._rows))
            colors = list(palette(True))  # new data bring the default ones back
            self.view.part("heat").handles["color_mapper"].update(low=low, high=high, palette=colors)
            self.view.figure("heat").title.text = plain(title)

    def mark(self, position: int | None, energy: float | None) -> None:
        """Lines at a variable and at an energy."""
        with self.view.lock:
            self._energy.update(visible=energy is not None, location=0.0 if energy is None else energy)
            self._variable.update(
                visible=position is not None, location=0.0 if position is None else self._rows.middle(position)
            )

    def _picture(self, beta: xr.DataArray) -> Any:
        x = beta["energy"].values.astype(float)
        image = heat_image(beta, self._rows).opts(**heat_options(self._rows, (-1.0, 1.0), " ", 440))
        ends = (float(x.min()) - 1e3, float(x.max()) + 1e3)
        span = float(np.ptp(x)) or 1.0
        limits = (float(x.min()) - 0.01 * span, float(x.max()) + 0.01 * span)
        return hv.Overlay([image, group_lines(self._rows, ends)]).opts(
            backend="bokeh", show_legend=False, xlim=limits, ylim=(0.0, float(self._rows.variable.size))
        )

    def _wire(self, view: View) -> None:
        figure = view.figure("heat")
        self._energy = _upright(figure)
        self._variable = Span(location=0.0, visible=False, dimension="width", line_color=_PICK_COLOR, line_width=1,
                              line_alpha=0.55)  # fmt: skip
        figure.add_layout(self._variable)
        hover = HoverTool(tooltips=[("energy", "$x{0.00}"), ("coefficient", "@image{0.0000}")],
                          renderers=[view.part("heat").handles["glyph_renderer"]])  # fmt: skip
        _zoom_tools(figure, "both", hover)
        figure.on_event(Tap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None:
            return
        position = self._rows.at(event.y)
        if position is not None:
            self._on_pick(position, float(event.x))


class ScorePanel:
    """Junctions as points, by their principal components, in the colours of their clusters.

    Parameters
    ----------
    make_view : callable
        ``Study.view``.
    n : int
        Number of junctions.
    on_pick : callable
        Called with the position of a junction and whether it is added; None for none.
    """

    def __init__(self, make_view: MakeView, n: int, on_pick: Callable[[int | None, bool], None]) -> None:
        self._on_pick, self._places = on_pick, np.full((n, 2), np.nan)
        frame = map_frame(np.zeros((0, 2)), ("component 1", "component 2"), height=270)
        self.view = make_view("junctions", hv.Overlay([frame]).opts(backend="bokeh", show_legend=False), self._wire)
        self.view.add_class("mi-scores")

    def show(self, places: np.ndarray, labels: np.ndarray, explained: np.ndarray) -> None:
        """Draw places (junction, 2) by cluster; `explained` are shares of the variance."""
        self._places = places
        colors = np.array([cluster_color(k) for k in range(MOST_CLUSTERS)] + ["#aab1b8"])
        with self.view.lock:
            self.view.write("points", {"x": places[:, 0], "y": places[:, 1], "color": colors[labels]})
            figure = self.view.figure("frame")
            for range_, ends in zip((figure.x_range, figure.y_range), map_limits(places), strict=True):
                set_range(range_, ends)
            for axis, k in ((figure.xaxis[0], 0), (figure.yaxis[0], 1)):
                axis.axis_label = f"component {k + 1} ({100 * float(explained[k]):.0f} % of the variance)"

    def mark(self, positions: Sequence[int]) -> None:
        """Rings around chosen junctions."""
        spots = self._places[list(positions)] if len(positions) else np.zeros((0, 2))
        self.view.write("chosen", {"x": spots[:, 0], "y": spots[:, 1]})

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        points = figure.scatter("x", "y", size=6, fill_color="color", line_color="white", line_width=0.4, source={
            "x": self._places[:, 0], "y": self._places[:, 1], "color": ["#aab1b8"] * len(self._places)})  # fmt: skip
        ring = figure.scatter("x", "y", size=13, fill_color=CHOSEN_COLOR, fill_alpha=0.5, line_color=_PICK_COLOR,
                              line_width=1.6, source={"x": [], "y": []})  # fmt: skip
        view.add("points", figure, points)
        view.add("chosen", figure, ring)
        _zoom_tools(figure, "both")
        figure.on_event(Tap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None or not np.isfinite(self._places).any():
            return
        per_x, per_y = pixel_scale(self.view.figure("frame"))
        gap = np.hypot((self._places[:, 0] - event.x) * per_x, (self._places[:, 1] - event.y) * per_y)
        nearest = int(np.nanargmin(gap))
        self._on_pick(nearest if gap[nearest] <= 1.5 * REACH else None, shift_held(event))


class ErrorPanel:
    """Error of junctions left out over penalties, where it must not be trusted, and the chosen penalty.

    Parameters
    ----------
    make_view : callable
        ``Study.view``.
    """

    WAYS: Mapping[str, str] = {"approximate": "formula", "k_fold": "in folds", "leave_one_out": "one by one"}

    def __init__(self, make_view: MakeView) -> None:
        frame = validation_axes(np.array([1.0, 0.01]), (0.0, 1.0), "error of junctions left out", height=220)
        self.view = make_view("errors", hv.Overlay([frame]).opts(backend="bokeh", show_legend=False), self._wire)
        self.view.add_class("mi-errors")

    def show(self, errors: Mapping[str, xr.Dataset], title: str) -> None:
        """Draw the errors of one energy by the ways in which they were found: each with ``error`` (penalty)."""
        there = [e["error"].values for e in errors.values()]
        finite = np.concatenate([v[np.isfinite(v)] for v in there]) if there else np.zeros(0)
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        pad = 0.15 * (high - low) or 0.1 * high or 1.0
        limits = (max(0.0, low - pad), high + pad)
        boxes: list[tuple[float, float]] = []
        with self.view.lock:
            figure = self.view.figure("frame")
            for way, span in self._chosen.items():
                own = errors.get(way)
                self.view.write(f"line {way}", _error_columns(own))
                chosen = float("nan") if own is None else float(own["chosen_penalty"])
                there_is = bool(np.isfinite(chosen))
                span.update(visible=there_is, location=chosen if there_is else 1.0)
                if way == "approximate" and own is not None:
                    boxes = trust_ends(own["penalty"].values, own["trust"].values)
            ends = {"left": [b[1] for b in boxes], "right": [b[0] for b in boxes]}
            ends |= {"bottom": [limits[0]] * len(boxes), "top": [limits[1]] * len(boxes)}
            self.view.write("untrusted", ends)
            for name, item in self._items.items():  # what is not there is not in the legend
                item.visible = bool(boxes) if name == "untrusted" else name in errors
            set_range(figure.y_range, limits)
            figure.title.text = plain(title)
            if errors:
                penalty = next(iter(errors.values()))["penalty"].values
                set_range(figure.x_range, (float(penalty.max()) * 1.12, float(penalty.min()) / 1.12))

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        box = figure.quad("left", "right", "bottom", "top", fill_color="#5b6770", fill_alpha=0.2, line_alpha=0,
                          source={"left": [], "right": [], "bottom": [], "top": []})  # fmt: skip
        view.add("untrusted", figure, box)
        items, self._chosen = [LegendItem(label="not to be trusted", renderers=[box], visible=False)], {}
        for (way, name), dash in zip(self.WAYS.items(), _DASHES, strict=False):
            color = VALIDATION_COLORS[way]
            line = figure.line("x", "y", line_color=color, line_width=2, line_dash=dash, source=_error_columns(None))
            figure.varea("x", "low", "high", fill_color=color, fill_alpha=0.08, source=line.data_source)
            dots = figure.scatter("x", "y", size=4, fill_color=color, line_color=None, source=line.data_source)
            view.add(f"line {way}", figure, line)
            span = Span(location=1.0, visible=False, dimension="height", line_color=color, line_width=1.3,
                        line_dash=dash)  # fmt: skip
            figure.add_layout(span)
            self._chosen[way] = span
            items.append(LegendItem(label=name, renderers=[line, dots], visible=False))
        look: dict[str, Any] = {"padding": 2, "margin": 0, "spacing": 10, "label_height": 12, "glyph_height": 12}
        look |= {"glyph_width": 18, "label_text_font_size": "11px", "label_text_color": "#2b3138"}
        look |= {"border_line_color": None, "background_fill_alpha": 0.0}
        legend = Legend(items=items, location="top_center", orientation="horizontal", **look)
        figure.add_layout(legend, "above")
        self._items = dict(zip(("untrusted", *self.WAYS), items, strict=True))
        _zoom_tools(figure, "width")
        figure.update(min_border_left=70)


def _error_columns(own: xr.Dataset | None) -> dict[str, np.ndarray]:
    if own is None:
        return {name: np.zeros(0) for name in ("x", "y", "low", "high")}
    error, stderr = own["error"].values, own["error_stderr"].values
    return {"x": own["penalty"].values, "y": error, "low": error - stderr, "high": error + stderr}
