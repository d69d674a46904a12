"""Evidence, exchange rates and posterior draws: pictures whose columns change and whose figures stay."""

from collections.abc import Callable, Sequence

import holoviews as hv
import numpy as np
import xarray as xr
from bokeh.models import FixedTicker, PanTool, ResetTool, WheelZoomTool

from mi_widgets.plots._orientation_rose import component_colors
from mi_widgets.plots._style import FIT_COLOR, figure_style, plain
from mi_widgets.plots.orientation import evidence_lines, posterior_limits, root_ticks
from mi_widgets.widgets._dos_marks import set_range
from mi_widgets.widgets._view import View

__all__ = ["CurvesPanel", "draw_evidence", "draw_exchange", "draw_posterior"]

#: Of every picture beside the rose (pixels), so that nothing jumps.
HEIGHT = 414

Lines = Sequence[tuple[str, np.ndarray, np.ndarray]]


class CurvesPanel:
    """Lines and dots with names in their colours.

    Parameters
    ----------
    make : callable
        `Study.view`.
    name : str
        Of the picture.
    axes : (str, str)
        Texts of the axes.
    logx : bool
        Logarithmic axis.
    """

    def __init__(self, make: Callable[..., View], name: str, axes: tuple[str, str], *, logx: bool = False) -> None:
        frame = hv.Points([], ["x", "y"], label="frame").opts(
            xlim=(1e-4, 1.0) if logx else (0.0, 1.0), ylim=(0.0, 1.0), height=HEIGHT, responsive=True, min_width=300,
            logx=logx, xlabel=axes[0], ylabel=axes[1], show_grid=True, show_legend=False, backend="bokeh",
            apply_ranges=False, title=" ", hooks=[figure_style],
        )  # fmt: skip
        self.view = make(name, frame, wire=self._wire)
        self.show((), (), (0.0, 1.0), (0.0, 1.0), [], "")

    def show(
        self, lines: Lines, dots: Lines, xlim: tuple[float, float] | None, ylim: tuple[float, float] | None,
        names: list[tuple[float, float, str, str]], title: str,
    ) -> None:  # fmt: skip
        """Draw lines and dots (colour, x, y), and names (x, y, text, colour)."""
        with self.view.lock:
            figure = self.view.figure("frame")
            figure.title.text = plain(title) or " "
            for range_, ends in ((figure.x_range, xlim), (figure.y_range, ylim)):
                if ends is not None:
                    set_range(range_, ends)
            self.view.write("lines", {
                "xs": [x for _, x, _ in lines], "ys": [y for _, _, y in lines], "color": [c for c, _, _ in lines],
            })  # fmt: skip
            empty = np.empty(0)
            self.view.write("dots", {
                "x": np.concatenate([empty, *(x for _, x, _ in dots)]),
                "y": np.concatenate([empty, *(y for _, _, y in dots)]),
                "color": [c for c, x, _ in dots for _ in range(len(x))],
            })  # fmt: skip
            columns = list(zip(*names, strict=True)) or [(), (), (), ()]
            keys = ("x", "y", "text", "color")
            self.view.write("names", {k: list(v) for k, v in zip(keys, columns, strict=True)})

    def ticks(self, axis: int, at: list[tuple[float, str]]) -> None:
        """Put texts at places of the x axis (0) or the y axis (1)."""
        figure = self.view.figure("frame")
        one = (figure.xaxis, figure.yaxis)[axis][0]
        one.update(ticker=FixedTicker(ticks=[v for v, _ in at]), major_label_overrides=dict(at))
        (figure.xgrid, figure.ygrid)[axis][0].ticker = one.ticker

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        lines = figure.multi_line("xs", "ys", source={"xs": [], "ys": [], "color": []}, line_color="color",
                                  line_width=2)  # fmt: skip
        view.add("lines", figure, lines)
        dots = figure.scatter("x", "y", source={"x": [], "y": [], "color": []}, fill_color="color", line_color=None,
                              size=6, fill_alpha=0.6)  # fmt: skip
        view.add("dots", figure, dots)
        names = figure.text("x", "y", "text", source={"x": [], "y": [], "text": [], "color": []}, text_color="color",
                            text_font_size="12px", text_font_style="bold", text_align="right")  # fmt: skip
        view.add("names", figure, names)
        figure.tools = [PanTool(), WheelZoomTool(), ResetTool()]
        figure.toolbar.update(active_drag=None, active_scroll=None, active_tap=None, active_inspect=None, logo=None)
        figure.toolbar_location = "right"


def draw_evidence(panel: CurvesPanel, result: xr.Dataset) -> None:
    """Every criterion above its least, on a scale of roots."""
    names = [str(v) for v in result["candidate"].values]
    place = np.arange(len(names), dtype=float)
    found = [(text, color, np.sqrt(np.maximum(v, 0.0))) for text, color, v in evidence_lines(result)]
    top = max([1.0, *(float(np.nanmax(v, initial=0.0)) for _, _, v in found)])
    texts = [(len(names) - 0.6, (0.99 - 0.075 * k) * top, t, c) for k, (t, c, _) in enumerate(found)]
    lines = [(c, place[np.isfinite(v)], v[np.isfinite(v)]) for _, c, v in found]
    panel.show(lines, lines, (-0.5, len(names) - 0.5), (-0.06 * top, 1.1 * top), texts, "")
    panel.ticks(0, list(zip(place.tolist(), names, strict=True)))
    panel.ticks(1, root_ticks(top**2))


def draw_exchange(panel: CurvesPanel, one: xr.Dataset, name: str) -> None:
    """Exchange rates of each run of a model, and the limit below which they are too low."""
    beta = one["inverse_temperature"].values[1:]
    rates = one["exchange_rate"].transpose("run", "replica").values[:, :-1]
    numbered = list(zip(one["run"].values, component_colors(len(rates)), rates, strict=True))
    ends = (float(beta[0]) / 2, 1.5)
    limit = (FIT_COLOR, np.array(ends), np.array([0.2, 0.2]))
    texts = [(ends[1] * 0.9, 1.0 - 0.06 * k, f"run {int(r)}", c) for k, (r, c, _) in enumerate(numbered)]
    texts.append((ends[1] * 0.9, 0.215, "too low below", FIT_COLOR))
    there = [(c, beta, v) for _, c, v in numbered if np.isfinite(v).all()]
    title = f"model {name}" if there else f"model {name}: no free energy yet"
    if len(one["inverse_temperature"]) and name == "uniform":
        title = "model uniform: its free energy is exact"
    panel.show([*there, limit], there, ends, (0.0, 1.07), texts, title)


def draw_posterior(panel: CurvesPanel, one: xr.Dataset, name: str) -> None:
    """Drawn mean axes and concentrations of each component of a model."""
    mean, kappa = (one[f"posterior_{n}"].transpose("draw", "component").values for n in ("mean_axis", "concentration"))
    xlim, ylim = posterior_limits(one)
    dots, texts = [], []
    for k, color in enumerate(component_colors(mean.shape[1])):
        use = np.isfinite(mean[:, k])
        if use.any():
            dots.append((color, mean[use, k], kappa[use, k]))
            high = ylim[1] - (0.06 + 0.06 * k) * (ylim[1] - ylim[0])
            texts.append((xlim[1] - 0.02 * (xlim[1] - xlim[0]), high, f"component {k + 1}", color))
    panel.show((), dots, xlim, ylim, texts, f"model {name}" if dots else f"model {name}: nothing drawn")
