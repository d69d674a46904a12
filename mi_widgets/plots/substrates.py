"""Pictures of a lattice-matching pre-screen: coincidences by strain and area, ranks and what they may become."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._style import figure_style, plain

__all__ = ["plot_coincidences", "plot_ranking"]

BEST_COLOR, OTHER_COLOR, _UNSURE, _SURE = "#0072b2", "#9aa7b2", "#e69f00", "#5b6770"
_LINES: dict[str, Any] = {"backend": "bokeh", "apply_ranges": False}
_SCORES = (1, 2, 4, 8)


def _require(result: xr.Dataset, who: str) -> None:
    if not isinstance(result, xr.Dataset) or "score_low" not in result or "coincidence" not in result.dims:
        raise LabelError(f"{who} needs the result of screening.screen_substrates(film, table).")


def coincidence_columns(result: xr.Dataset) -> dict[str, dict[str, np.ndarray]]:
    """Columns of the points: the best coincidence of each substrate, and the others."""
    best = np.isin(result["coincidence"].values, result["best"].values)
    out = {}
    for name, here in (("others", ~best), ("best", best)):
        out[name] = {
            "strain": 100 * result["strain_most"].values[here],
            "area": result["area"].values[here],
            "coincidence": result["coincidence"].values[here].astype(object),
            "angle": result["angle"].values[here],
            "n_film": result["n_film"].values[here],
            "n_substrate": result["n_substrate"].values[here],
            "score": result["score"].values[here],
        }
    return out


def plot_coincidences(result: xr.Dataset, *, title: str = "", height: int = 340) -> hv.Overlay:
    """Draw all coincidences of a film by the strain of the film and the area of the supercell.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.screening.screen_substrates`.
    title : str
        Text above.
    height : int
        Pixels.

    Returns
    -------
    holoviews.Overlay
        Points labelled ``best`` (of each substrate), with their names, and ``others``; ``equal score``: lines on which
        the score is 1, 2, 4 and 8.

    Raises
    ------
    LabelError
        It is no such result.

    Examples
    --------
    >>> from mi_widgets.datasets import load_substrates
    >>> from mi_widgets.screening import screen_substrates
    >>> drawn = plot_coincidences(screen_substrates(4.06, load_substrates()[-8:], max_area=60))
    >>> [e.label for e in drawn]
    ['equal score', 'scores', 'others', 'best', 'names']
    """
    _require(result, "plot_coincidences")
    columns = coincidence_columns(result)
    strain = np.concatenate([c["strain"] for c in columns.values()])
    area = np.concatenate([c["area"] for c in columns.values()])
    wide = 1.12 * float(np.abs(strain).max(initial=0.5))
    high = 1.12 * float(area.max(initial=20.0))
    dims = [hv.Dimension("strain", label="greatest strain of the film (%)"),
            hv.Dimension("area", label="area of the supercell (Å²)")]  # fmt: skip
    parts: list[Any] = list(_equal_scores(result, wide, high))
    rest = ["coincidence", "angle", "n_film", "n_substrate", "score"]
    tips = [("", "@coincidence"), ("strain", "@strain{0.00} %"), ("area", "@area{0.0} Å²"),
            ("turned by", "@angle{0.0}°"), ("cells", "@n_film on @n_substrate"), ("score", "@score{0.00}")]  # fmt: skip
    for name, size, color in (("others", 6, OTHER_COLOR), ("best", 10, BEST_COLOR)):
        points = hv.Points(tuple(columns[name].values()), dims, rest, label=name)
        parts.append(points.opts(size=size, color=color, line_color="white", hover_tooltips=tips, **_LINES))
    best = columns["best"]
    texts = np.array([plain(str(n).rsplit(" ", 1)[0]) for n in best["coincidence"]], dtype=object)
    free = _apart(best["strain"] / wide, best["area"] / high, best["score"])
    places = best["strain"][free], best["area"][free], texts[free]
    names = hv.Labels(places, ["strain", "area"], "text", label="names")
    parts.append(names.opts(text_font_size="8pt", text_align="left", text_baseline="bottom", xoffset=0.012 * wide,
                            yoffset=0.006 * high, text_color="#2b3138", **_LINES))  # fmt: skip
    return hv.Overlay(parts).opts(
        backend="bokeh", xlim=(-wide, wide), ylim=(0.0, high), height=height, responsive=True, min_width=320,
        show_legend=False, show_grid=True, hooks=[figure_style], title=plain(title), xlabel=dims[0].label,
        ylabel=dims[1].label,
    )  # fmt: skip


def _apart(x: np.ndarray, y: np.ndarray, score: np.ndarray) -> list[int]:
    """Points whose names do not cover one another, those of low scores first."""
    kept: list[int] = []
    for i in np.argsort(score).tolist():
        if all(abs(x[i] - x[k]) > 0.17 or abs(y[i] - y[k]) > 0.05 for k in kept):
            kept.append(i)
    return kept


def _equal_scores(result: xr.Dataset, wide: float, high: float) -> tuple[hv.Path, hv.Labels]:
    """Lines on which strain and area weigh the same."""
    weight = float(_parameter(result, "area_weight", 0.02))
    lines, marks = [], []
    for score in _SCORES:
        top = score / weight if weight else 10 * high
        ends = score * (1 - high / top) if top > high else 0.0
        apex = min(top, high)
        if score <= 1.3 * wide:
            lines.append({"x": np.array([-score, -ends, ends, score]), "y": np.array([0.0, apex, apex, 0.0])})
            if top > high:  # an open top: two lines
                lines[-1:] = [{"x": np.array([s * score, s * ends]), "y": np.array([0.0, high])} for s in (-1, 1)]
            if score < wide:
                marks.append((score, 0.0, f"score {score}"))
    path = hv.Path(lines, ["x", "y"], label="equal score").opts(color="#cfd5da", line_width=1, **_LINES)
    x, y, text = zip(*marks, strict=True) if marks else ((), (), ())
    labels = hv.Labels((list(x), list(y), list(text)), ["x", "y"], "text", label="scores")
    return path, labels.opts(text_font_size="7.5pt", text_color="#8a939c", text_align="left", text_baseline="bottom",
                             **_LINES)  # fmt: skip


def _parameter(result: xr.Dataset, name: str, default: float) -> float:
    import json

    try:
        return float(json.loads(result.attrs["history"])["parameters"][name])
    except (KeyError, TypeError, ValueError):
        return default


def ranking_order(result: xr.Dataset) -> list[str]:
    """Names of the substrates that are ranked, the first at the top."""
    return [str(n) for n in result["substrate"].values[result["status"].values == 0]]


def plot_ranking(result: xr.Dataset, *, title: str = "", height: int = 340) -> hv.Overlay:
    """Draw the score of each substrate, and what it may become if the lattice constant of the film is a little off.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.screening.screen_substrates`.
    title : str
        Text above.
    height : int
        Pixels.

    Returns
    -------
    holoviews.Overlay
        ``range`` segments and ``score`` points, the lowest score at the top; orange where geometry cannot tell a
        substrate from the first.

    Raises
    ------
    LabelError
        It is no such result.

    Examples
    --------
    >>> from mi_widgets.datasets import load_substrates
    >>> from mi_widgets.screening import screen_substrates
    >>> drawn = plot_ranking(screen_substrates(4.06, load_substrates()[-8:], max_area=60))
    >>> [e.label for e in drawn]
    ['range', 'score']
    """
    _require(result, "plot_ranking")
    names = ranking_order(result)
    one = result.isel(substrate=slice(0, len(names)))
    y = -np.arange(len(names), dtype=float)
    low, high, score = (one[n].values for n in ("score_low", "score_high", "best_score"))
    top = np.nanmax(np.where(np.isfinite(high), high, score), initial=1.0)
    high = np.where(np.isfinite(high), high, 1.05 * top)  # nothing fits any more: to the edge
    color = np.where(one["undecided"].values == 1, _UNSURE, _SURE).astype(object)
    tips = [("", "@name"), ("score", "@score{0.00}"), ("within the tolerance", "@low{0.00} to @high{0.00}")]
    dims = [hv.Dimension("low", label="score (lower is better)"), hv.Dimension("y", label=" ")]
    segments = hv.Segments((low, y, high, y, color), [*dims, "high", "y1"], ["color"], label="range")
    values = (score, y, np.array(names, dtype=object), score, low, high, color)
    points = hv.Points(values, [hv.Dimension("x", label="score (lower is better)"), "y"],
                       ["name", "score", "low", "high", "color"], label="score")  # fmt: skip
    ticks = [(v, plain(n)) for v, n in zip(y, names, strict=True)] or [(0.0, " ")]
    return hv.Overlay(
        [
            segments.opts(color="color", line_width=5, alpha=0.45, **_LINES),
            points.opts(size=9, color="color", line_color="white", hover_tooltips=tips, **_LINES),
        ]
    ).opts(
        backend="bokeh", xlim=(0.0, 1.05 * float(top)), ylim=(-max(len(names), 1) + 0.4, 0.6), yticks=ticks,
        height=height, responsive=True, min_width=300, show_legend=False, show_grid=True, hooks=[figure_style],
        title=plain(title), xlabel="score (lower is better)", ylabel="",
    )  # fmt: skip
