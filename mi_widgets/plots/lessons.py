"""Pictures for first lessons: what an estimator draws through points, between classes, around groups."""

from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.plots._style import BACKGROUND_COLOR, DATA_COLOR, PEAK_COLORS, figure_style, plain

__all__ = ["plot_boundary", "plot_curves", "plot_groups", "plot_scores"]

_BOKEH: dict[str, Any] = {"backend": "bokeh"}
_FRAME: dict[str, Any] = {
    "responsive": True, "min_width": 300, "max_width": 620, "height": 300, "show_grid": True,
    "hooks": [figure_style], "backend": "bokeh",
}  # fmt: skip


def plot_curves(
    x: Any,
    y: Any,
    models: Mapping[str, Any],
    *,
    groups: Any = None,
    truth: Any = None,
    beyond: float = 0.15,
    xlabel: str = "x",
    ylabel: str = "y",
    title: str = "",
) -> hv.Overlay:
    """Draw points and the curves that fitted estimators put through them, with a band where one knows its error.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        The points.
    models : mapping of str to estimator
        Fitted scikit-learn estimators of one variable; one whose ``predict`` takes ``return_std`` gets a band of two
        standard deviations.
    groups : array_like of str, shape (n,), optional
        Names of groups of points, each with a colour.
    truth : callable, optional
        What the points were drawn from; dashed.
    beyond : float
        How far the curves go on beyond the points, as share of their range.
    xlabel, ylabel, title : str
        Texts.

    Returns
    -------
    holoviews.Overlay
        Curves have the names of the models.

    Raises
    ------
    DataError
        There is no point, or x and y differ in length.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> line = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    >>> [e.label for e in plot_curves([0, 1], [0, 1], {"line": line})]
    ['line', 'points']
    """
    xs, ys = _pair(x, y)
    pad = beyond * float(np.ptp(xs))
    at = np.linspace(xs.min() - pad, xs.max() + pad, 300)
    over, up = hv.Dimension("lesson x", label=plain(xlabel)), hv.Dimension("lesson y", label=plain(ylabel))
    parts: list[Any] = []
    if truth is not None:
        line = hv.Curve((at, truth(at)), over, up, label="truth")
        parts.append(line.opts(color=DATA_COLOR, line_dash="dashed", line_width=1.6, **_BOKEH))
    for k, (name, model) in enumerate(models.items()):
        color = PEAK_COLORS[(k + 2) % len(PEAK_COLORS)]
        mean, std = _predict(model, at[:, None])
        if std is not None:
            band = hv.Area((at, mean - 2 * std, mean + 2 * std), over, ["lesson y", "lesson top"])
            parts.append(band.opts(color=color, alpha=0.2, line_alpha=0, **_BOKEH))
        parts.append(hv.Curve((at, mean), over, up, label=plain(name)).opts(color=color, line_width=2.2, **_BOKEH))
    parts += _points(xs, ys, groups, over, up)
    low, high = float(ys.min()), float(ys.max())
    room = 0.35 * (high - low) or 1.0
    return hv.Overlay(parts).opts(
        title=plain(title), xlabel=over.label, ylabel=up.label, ylim=(low - room, high + room),
        show_legend=len(parts) > 1, legend_position="top", **_FRAME,
    )  # fmt: skip


def plot_boundary(
    x: Any,
    y: Any,
    classes: Any,
    model: Any,
    *,
    names: tuple[str, str] = ("no", "yes"),
    xlabel: str = "x",
    ylabel: str = "y",
    title: str = "",
) -> hv.Overlay:
    """Draw where a fitted classifier of two variables says yes.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        The two variables, in the order in which the classifier takes them.
    classes : array_like of bool, shape (n,)
        What the points are.
    model : estimator
        Fitted scikit-learn classifier.
    names : (str, str)
        Of the two classes.
    xlabel, ylabel, title : str
        Texts.

    Returns
    -------
    holoviews.Overlay
        The field is blue where the classifier says yes.

    Raises
    ------
    DataError
        There is no point, or x and y differ in length.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> x, y, yes = [0.0, 1.0, 2.0], [0.0, 1.0, 0.0], [False, True, True]
    >>> model = LogisticRegression().fit(list(zip(x, y)), yes)
    >>> len(plot_boundary(x, y, yes, model))
    3
    """
    xs, ys = _pair(x, y)
    ends = [(v.min() - 0.05 * np.ptp(v), v.max() + 0.05 * np.ptp(v)) for v in (xs, ys)]
    grids = [np.linspace(*e, 140) for e in ends]
    mesh = np.stack(np.meshgrid(*grids), axis=-1).reshape(-1, 2)
    said = np.asarray(model.predict(mesh)).astype(float).reshape(140, 140)
    over, up = hv.Dimension("field x", label=plain(xlabel)), hv.Dimension("field y", label=plain(ylabel))
    field = hv.Image((*grids, said), [over, up], hv.Dimension("said")).opts(
        cmap=["#fdf1dc", "#dcebf6"], clim=(0, 1), **_BOKEH
    )
    yes = np.asarray(classes, dtype=bool)
    parts: list[Any] = [field]
    for value, color, marker in ((False, PEAK_COLORS[1], "triangle"), (True, PEAK_COLORS[0], "circle")):
        dots = hv.Points((xs[yes == value], ys[yes == value]), [over, up], label=plain(names[int(value)]))
        parts.append(dots.opts(color=color, marker=marker, size=7, line_color="white", **_BOKEH))
    return hv.Overlay(parts).opts(
        title=plain(title), xlabel=over.label, ylabel=up.label, legend_position="top", xlim=ends[0], ylim=ends[1],
        **_FRAME,
    )  # fmt: skip


def plot_groups(
    x: Any,
    y: Any,
    groups: Any,
    mixture: Any = None,
    *,
    xlabel: str = "x",
    ylabel: str = "y",
    title: str = "",
) -> hv.Overlay:
    """Draw groups of points, and the ellipses of a Gaussian mixture around them.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        The points.
    groups : array_like, shape (n,)
        Group of each.
    mixture : sklearn.mixture.GaussianMixture, optional
        Fitted with full covariances to the two variables; ellipses hold 86 % of a component.
    xlabel, ylabel, title : str
        Texts.

    Returns
    -------
    holoviews.Overlay
        Points by group, and ellipses.

    Raises
    ------
    DataError
        There is no point, or x and y differ in length.

    Examples
    --------
    >>> len(plot_groups([0, 1, 2], [0, 1, 2], ["a", "b", "b"]))
    2
    """
    xs, ys = _pair(x, y)
    over, up = hv.Dimension("group x", label=plain(xlabel)), hv.Dimension("group y", label=plain(ylabel))
    parts = _points(xs, ys, groups, over, up)
    if mixture is not None:
        turn = np.linspace(0, 2 * np.pi, 90)
        for mean, covariance in zip(mixture.means_, mixture.covariances_, strict=True):
            ring = mean + 2 * np.column_stack([np.cos(turn), np.sin(turn)]) @ np.linalg.cholesky(covariance).T
            line = hv.Curve((ring[:, 0], ring[:, 1]), over, up)
            parts.append(line.opts(color=DATA_COLOR, line_width=1.8, **_BOKEH))
    return hv.Overlay(parts).opts(
        title=plain(title), xlabel=over.label, ylabel=up.label, legend_position="top", **_FRAME
    )


def plot_scores(
    sizes: Any, errors: Mapping[str, Any], *, xlabel: str = "number of samples", ylabel: str = "error", title: str = ""
) -> hv.Overlay:
    """Draw errors of methods against a size, with the spread over repetitions.

    Parameters
    ----------
    sizes : array_like, shape (k,)
        Such as numbers of samples.
    errors : mapping of str to array_like, shape (k, repetitions)
        Errors of each method.
    xlabel, ylabel, title : str
        Texts.

    Returns
    -------
    holoviews.Overlay
        Medians as curves; bands from the tenth to the ninetieth percentile.

    Raises
    ------
    DataError
        Shapes do not fit.

    Examples
    --------
    >>> len(plot_scores([1, 2], {"one": [[0.3, 0.4], [0.1, 0.2]]}))
    2
    """
    at = np.asarray(sizes, dtype=float)
    over, up = hv.Dimension("size", label=plain(xlabel)), hv.Dimension("score", label=plain(ylabel))
    parts: list[Any] = []
    for k, (name, values) in enumerate(errors.items()):
        table = np.asarray(values, dtype=float)
        if table.ndim != 2 or len(table) != at.size:
            raise DataError(f"errors of {name!r} must have shape ({at.size}, repetitions); got {table.shape}.")
        color = PEAK_COLORS[k % len(PEAK_COLORS)]
        low, middle, high = np.percentile(table, (10, 50, 90), axis=1)
        band = hv.Area((at, low, high), over, ["score", "score top"])
        parts.append(band.opts(color=color, alpha=0.18, line_alpha=0, **_BOKEH))
        parts.append(hv.Curve((at, middle), over, up, label=plain(name)).opts(color=color, line_width=2.4, **_BOKEH))
    return hv.Overlay(parts).opts(
        title=plain(title), xlabel=over.label, ylabel=up.label, legend_position="top", **_FRAME
    )


def _pair(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    xs, ys = np.asarray(x, dtype=float).reshape(-1), np.asarray(y, dtype=float).reshape(-1)
    if xs.size == 0 or xs.size != ys.size or not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise DataError(
            f"x and y must be finite and as many; got {xs.size} and {ys.size} numbers. Leave out what is NaN."
        )
    return xs, ys


def _predict(model: Any, at: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    import inspect

    if "return_std" in inspect.signature(model.predict).parameters:
        mean, std = model.predict(at, return_std=True)
        return np.asarray(mean).reshape(-1), np.asarray(std).reshape(-1)
    return np.asarray(model.predict(at), dtype=float).reshape(-1), None


def _points(xs: np.ndarray, ys: np.ndarray, groups: Any, over: hv.Dimension, up: hv.Dimension) -> list[Any]:
    if groups is None:
        dots = hv.Points((xs, ys), [over, up], label="points")
        return [dots.opts(color=BACKGROUND_COLOR, size=7, line_color="white", **_BOKEH)]
    names = np.asarray(groups).astype(str)
    out = []
    for k, name in enumerate(np.unique(names)):
        dots = hv.Points((xs[names == name], ys[names == name]), [over, up], label=plain(name))
        marker = ("circle", "triangle", "square", "diamond")[k % 4]
        out.append(
            dots.opts(color=PEAK_COLORS[k % len(PEAK_COLORS)], marker=marker, size=7, line_color="white", **_BOKEH)
        )
    return out
