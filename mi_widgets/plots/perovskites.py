"""Descriptors of perovskites: maps with decision lines, histograms with Platt's curve, rankings of expressions."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._style import BACKGROUND_COLOR, DATA_COLOR, FIT_COLOR, PEAK_COLORS, figure_style, plain
from mi_widgets.screening.perovskite_fit import logistic, margin

__all__ = ["plot_calibration", "plot_descriptor_histogram", "plot_descriptor_map", "plot_expression_ranking"]

_BOKEH: dict[str, Any] = {"backend": "bokeh"}
_FRAME: dict[str, Any] = {
    "responsive": True, "min_width": 300, "show_grid": True, "hooks": [figure_style], "backend": "bokeh",
}  # fmt: skip
#: Classes by their flag: element, colour, marker.
CLASSES: dict[int, tuple[str, str, str]] = {
    1: ("perovskites", PEAK_COLORS[0], "circle"),
    0: ("others", PEAK_COLORS[1], "triangle"),
    -1: ("not known", BACKGROUND_COLOR, "square"),
}
_SHORT = 44


def short(text: object) -> str:
    """An expression for an axis, cut where it is long."""
    out = plain(text)
    return out if len(out) <= _SHORT else f"{out[: _SHORT - 1]}…"


def limits(values: np.ndarray, ends: tuple[float, float] = (-np.inf, np.inf)) -> tuple[float, float]:
    """Range that shows nearly all values, and the cut; poles are left out."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, (1, 95)))
    inside = [e for e in ends if np.isfinite(e)]
    low, high = min([low, *inside]), max([high, *inside])
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def map_columns(x: xr.Dataset, y: xr.Dataset, shown: np.ndarray | None = None) -> dict[str, dict[str, np.ndarray]]:
    """Columns of the points of `plot_descriptor_map`, by class."""
    n = x.sizes["candidate"]
    chosen = np.ones(n, dtype=bool) if shown is None else shown
    out = {}
    for flag, (name, _, _) in CLASSES.items():
        rows = chosen & (x["perovskite"].values == flag)
        out[name] = {"x": x["value"].values[rows], "y": y["value"].values[rows]}
    return out


def plot_descriptor_map(
    x: xr.Dataset, y: xr.Dataset, *, shown: np.ndarray | None = None, title: str = ""
) -> hv.Overlay:
    """Draw compounds over two descriptors, with the decision lines of both.

    Parameters
    ----------
    x, y : xarray.Dataset
        What `mi_widgets.screening.fit_descriptor` gives for two descriptors of the same compounds.
    shown : numpy.ndarray of bool, optional
        Which compounds are drawn; by default all.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Points ``perovskites``, ``others``, ``not known``; dashed lines are the cuts. Axes leave out the highest values,
        which a pole makes.

    Raises
    ------
    LabelError
        `x` or `y` is no such fit.

    Examples
    --------
    >>> from mi_widgets import screening
    >>> from mi_widgets.datasets import make_perovskites
    >>> ds = make_perovskites()
    >>> fits = [screening.fit_descriptor(ds, name) for name in ("t", "tau")]
    >>> "others" in [e.label for e in plot_descriptor_map(*fits)]
    True
    """
    _need_fit(x, "plot_descriptor_map")
    _need_fit(y, "plot_descriptor_map")
    # Names of their own: HoloViews would tie this axis to that of another figure with the same name.
    over, up = (hv.Dimension(n, label=short(d.attrs["expression"])) for n, d in (("map x", x), ("map y", y)))
    ends = [(float(d["low"]), float(d["high"])) for d in (x, y)]
    parts: list[Any] = [
        line(float(v)).opts(color=FIT_COLOR, line_width=1.6, line_dash="dashed", **_BOKEH)
        for line, two in ((hv.VLine, ends[0]), (hv.HLine, ends[1]))
        for v in two
        if np.isfinite(v)
    ]
    look = {name: (color, marker) for name, color, marker in CLASSES.values()}
    for name, c in map_columns(x, y, shown).items():
        color, marker = look[name]
        dots = hv.Points((c["x"], c["y"]), [over, up], label=name)
        parts.append(dots.opts(color=color, marker=marker, size=6, alpha=0.75, line_color="white", line_width=0.4,
                               show_legend=name != "not known" or c["x"].size > 0, **_BOKEH))  # fmt: skip
    return hv.Overlay(parts).opts(
        title=plain(title), height=360, xlabel=over.label, ylabel=up.label, legend_position="top",
        xlim=limits(x["value"].values, ends[0]), ylim=limits(y["value"].values, ends[1]), **_FRAME,
    )  # fmt: skip


def plot_descriptor_histogram(fit: xr.Dataset, *, n_bins: int = 30, title: str = "") -> hv.Layout:
    """Draw how the two classes lie along a descriptor, its cut, and the probability of a perovskite.

    Parameters
    ----------
    fit : xarray.Dataset
        What `mi_widgets.screening.fit_descriptor` gives.
    n_bins : int
        Number of bins.
    title : str
        Text above.

    Returns
    -------
    holoviews.Layout
        Two figures in a column that share the descriptor: counts of both classes; the probability, with the share of
        perovskites that each bin really has.

    Raises
    ------
    LabelError
        `fit` is no such fit.

    Examples
    --------
    >>> from mi_widgets import screening
    >>> from mi_widgets.datasets import make_perovskites
    >>> len(plot_descriptor_histogram(screening.fit_descriptor(make_perovskites())))
    2
    """
    _need_fit(fit, "plot_descriptor_histogram")
    ends = float(fit["low"]), float(fit["high"])
    first, last = limits(fit["value"].values, ends)
    edges = np.linspace(first, last, max(2, int(n_bins)) + 1)
    axis = hv.Dimension("histogram x", label=short(fit.attrs["expression"]))
    count = hv.Dimension("histogram n", label="compounds")
    flag, values = fit["perovskite"].values, fit["value"].values
    upper: list[Any] = []
    counts = {}
    for k in (0, 1):
        name, color, _ = CLASSES[k]
        counts[k] = np.histogram(values[(flag == k) & np.isfinite(values)], bins=edges)[0]
        bars = hv.Histogram((edges, counts[k]), kdims=[axis], vdims=[count], label=name)
        upper.append(bars.opts(color=color, alpha=0.6, line_color="white", line_alpha=0.4, **_BOKEH))
    cuts = [v for v in ends if np.isfinite(v)]
    lines = [hv.VLine(v).opts(color=FIT_COLOR, line_width=1.6, line_dash="dashed", **_BOKEH) for v in cuts]
    top = hv.Overlay([*upper, *lines]).opts(
        title=plain(title), height=210, legend_position="top", xlabel="", ylabel=count.label, **_FRAME
    )
    p = hv.Dimension("histogram p", label="probability")
    at = np.linspace(first, last, 160)
    curve = logistic(margin(at, *ends), float(fit["slope"]), float(fit["offset"]))
    both = counts[0] + counts[1]
    there = both > 0
    middle = 0.5 * (edges[1:] + edges[:-1])
    seen = hv.Points((middle[there], counts[1][there] / both[there]), [axis, p], label="share of the bin")
    platt = hv.Curve((at, curve), axis, p, label="Platt's curve")
    below = hv.Overlay([
        platt.opts(color=DATA_COLOR, line_width=2.2, **_BOKEH),
        seen.opts(color=PEAK_COLORS[0], size=5, **_BOKEH),
        *[hv.VLine(v).opts(color=FIT_COLOR, line_width=1.6, line_dash="dashed", **_BOKEH) for v in cuts],
    ]).opts(height=170, legend_position="top", xlabel=axis.label, ylabel=p.label, ylim=(-0.05, 1.05), toolbar=None,
            **_FRAME)  # fmt: skip
    return hv.Layout([top, below]).opts(
        merge_tools=False, toolbar=None, sizing_mode="stretch_width", backend="bokeh"
    ).cols(1)  # fmt: skip


def ranking_columns(found: xr.Dataset, n: int) -> dict[str, dict[str, np.ndarray]]:
    """Columns of the points of `plot_expression_ranking`."""
    one = found.isel(expression=slice(0, n))
    place, error = np.arange(1, one.sizes["expression"] + 1), 100 * one["cv_error"].values
    asked = "separable" in one
    told = one["separable"].values == 1 if asked else np.zeros(place.size, dtype=bool)
    first = "not told from the first" if asked else "compared"
    return {name: {"place": place[rows], "error": error[rows], "spread": 100 * one["cv_error_spread"].values[rows]}
            for name, rows in ((first, ~told), ("worse than the first", told))}  # fmt: skip


def plot_expression_ranking(found: xr.Dataset, *, n: int = 40, title: str = "") -> hv.Overlay:
    """Draw the errors of the best expressions in anions that their cuts had not seen, with their spread over anions.

    Parameters
    ----------
    found : xarray.Dataset
        What `mi_widgets.screening.search_expressions` or `compare_descriptors` gives.
    n : int
        Number of expressions.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Points with bars; the dashed line is ``nested_error``, the honest error of the search, where it is there. Up to
        six are named below.

    Raises
    ------
    LabelError
        `found` is no such result.

    Examples
    --------
    >>> from mi_widgets import screening
    >>> from mi_widgets.datasets import make_perovskites
    >>> len(plot_expression_ranking(screening.compare_descriptors(make_perovskites())))
    4
    """
    if not isinstance(found, xr.Dataset) or "cv_error_spread" not in found:
        raise LabelError("plot_expression_ranking needs the result of screening.search_expressions(ds).")
    rank = hv.Dimension("rank", label="expressions, the best first")
    share = hv.Dimension("rank error", label="error in anions not seen (%)")
    parts: list[Any] = []
    for (name, c), color in zip(ranking_columns(found, n).items(), (PEAK_COLORS[2], BACKGROUND_COLOR), strict=True):
        bars = hv.ErrorBars((c["place"], c["error"], c["spread"]), rank, [share, "rank spread"])
        parts.append(bars.opts(line_color=color, line_alpha=0.6, upper_head=None, lower_head=None, **_BOKEH))
        dots = hv.Points((c["place"], c["error"]), [rank, share], label=name)
        parts.append(dots.opts(color=color, size=8, line_color="white", show_legend=c["place"].size > 0, **_BOKEH))
    if "nested_error" in found:
        whole = hv.HLine(100 * float(found["nested_error"])).opts(
            color=FIT_COLOR, line_dash="dashed", line_width=1.6, **_BOKEH
        )
        parts.append(whole)
    names = [short(e) for e in found["expression"].values[:n]]
    few = {"xticks": list(enumerate(names, 1)), "xlim": (0.5, len(names) + 0.5)} if len(names) <= 6 else {}
    return hv.Overlay(parts).opts(
        title=plain(title), height=260, xlabel=rank.label, ylabel=share.label, legend_position="top", **few, **_FRAME
    )


def plot_calibration(fit: xr.Dataset, *, n_bins: int = 5, title: str = "") -> hv.Overlay:
    """Draw the share of perovskites against the probability that a fit without their anion gave them.

    Parameters
    ----------
    fit : xarray.Dataset
        What `mi_widgets.screening.fit_descriptor` gives.
    n_bins : int
        Number of bins, of equally many compounds each.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Points with two binomial standard errors, and the line on which honest probabilities lie.

    Raises
    ------
    LabelError
        `fit` is no such fit.

    Examples
    --------
    >>> from mi_widgets import screening
    >>> from mi_widgets.datasets import make_perovskites
    >>> len(plot_calibration(screening.fit_descriptor(make_perovskites())))
    3
    """
    _need_fit(fit, "plot_calibration")
    p, yes = fit["probability_cv"].values, fit["perovskite"].values
    there = np.isfinite(p) & (yes >= 0)
    parts = np.array_split(np.argsort(p[there]), max(2, int(n_bins)))
    parts = [part for part in parts if part.size]
    said = np.array([p[there][part].mean() for part in parts])
    seen = np.array([yes[there][part].mean() for part in parts])
    error = np.array([2 * np.sqrt(max(s * (1 - s), 0.25 / part.size) / part.size)
                      for s, part in zip(seen, parts, strict=True)])  # fmt: skip
    x, y = hv.Dimension("said", label="probability that was said"), hv.Dimension("seen", label="share of perovskites")
    honest = hv.Curve(([0, 1], [0, 1]), x, y).opts(color=BACKGROUND_COLOR, line_dash="dashed", **_BOKEH)
    bars = hv.ErrorBars((said, seen, error), x, [y, "seen error"]).opts(line_color=BACKGROUND_COLOR, **_BOKEH)
    dots = hv.Points((said, seen), [x, y], label="anions not seen").opts(color=PEAK_COLORS[0], size=8, **_BOKEH)
    return hv.Overlay([honest, bars, dots]).opts(
        title=plain(title), height=280, xlim=(-0.03, 1.03), ylim=(-0.08, 1.08), xlabel=x.label, ylabel=y.label,
        show_legend=False, **_FRAME,
    )  # fmt: skip


def _need_fit(fit: xr.Dataset, who: str) -> None:
    if not isinstance(fit, xr.Dataset) or "probability" not in fit or "slope" not in fit:
        raise LabelError(f"{who} needs the result of screening.fit_descriptor(ds, 'tau').")
