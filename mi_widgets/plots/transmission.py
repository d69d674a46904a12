"""Transmission of molecular junctions: spectra of clusters, what drives them, and how far that can be trusted."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._style import plain
from mi_widgets.plots._transmission_frames import (
    LINES,
    cluster_color,
    coefficient_label,
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

__all__ = ["VALIDATION_COLORS", "plot_coefficients", "plot_transmission", "plot_validation", "plot_variable"]

#: Colours of the ways to find the error of junctions left out.
VALIDATION_COLORS = {"approximate": "#c2272d", "k_fold": "#0072b2", "leave_one_out": "#30363c"}
_DASHES = {"approximate": "solid", "k_fold": "dashed", "leave_one_out": "dotted"}
_NAMES = {"approximate": "formula", "k_fold": "in folds", "leave_one_out": "one by one"}


def plot_transmission(curves: xr.Dataset, *, title: str = "", height: int = 300) -> hv.Overlay:
    """Draw the mean transmission of each cluster and the band between quantiles of its junctions.

    Parameters
    ----------
    curves : xarray.Dataset
        Of `mi_widgets.transmission.cluster_spectra` or `cluster_curves`.
    title : str
        Text above.
    height : int
        In pixels.

    Returns
    -------
    holoviews.Overlay
        ``band`` areas and curves, labelled with the name of the cluster and its number of junctions, over the energy
        (eV), on a logarithmic axis.

    Raises
    ------
    LabelError
        It is no such result.

    Examples
    --------
    >>> from mi_widgets import transmission
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=12, n_energies=21)
    >>> len(plot_transmission(transmission.cluster_spectra(ds)))
    7
    """
    if not isinstance(curves, xr.Dataset) or "mean" not in curves or "cluster_label" not in curves["mean"].dims:
        raise LabelError("plot_transmission needs the result of transmission.cluster_spectra(ds).")
    x, mean = curves["energy"].values, curves["mean"].transpose("cluster_label", "energy").values
    band = None
    if "band" in curves and curves.sizes["quantile"] > 1:
        band = curves["band"].isel(quantile=[0, -1]).transpose("cluster_label", "quantile", "energy").values
    ylim = log_limits(mean if band is None else band)
    parts: list[Any] = [curve_axes(curves["energy"], "transmission", ylim, logy=True, height=height)]
    for k, name in enumerate(curves["cluster_name"].values.astype(str)):
        color = cluster_color(k)
        if band is not None:
            low, high = np.clip(band[k], ylim[0], None)
            area = hv.Area((x, low, high), "energy", ["low", "high"], label=f"band {k}")
            parts.append(area.opts(color=color, alpha=0.2, line_alpha=0, show_legend=False, **LINES))
        label = f"{plain(name)} ×{int(curves['size'].values[k])}"
        line = hv.Curve((x, np.clip(mean[k], ylim[0], None)), "energy", "value", label=label)
        parts.append(line.opts(color=color, line_width=2, **LINES))
    return hv.Overlay(parts).opts(
        show_legend=True, legend_position="right", title=plain(title), backend="bokeh", ylim=ylim
    )


def plot_coefficients(result: xr.Dataset, *, cluster: int = 0, title: str = "", height: int = 440) -> hv.Overlay:
    """Draw the coefficients of a cluster as a map: variables, group by group, over energies.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.transmission.sparse_regression`.
    cluster : int
        Number of the cluster.
    title : str
        Text above; by default what is drawn.
    height : int
        In pixels.

    Returns
    -------
    holoviews.Overlay
        ``heat``, an image of the coefficients, blue below and red above zero, grey where there is none, and ``groups``,
        lines between groups of variables. Variables of small groups have several rows.

    Raises
    ------
    LabelError
        It is no such result.
    ParameterError
        There is no such cluster.

    Examples
    --------
    >>> from mi_widgets import transmission
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=30, n_energies=3)
    >>> [e.label for e in plot_coefficients(transmission.sparse_regression(ds))]
    ['heat', 'groups']
    """
    beta = _coefficient(result, "plot_coefficients")
    _known(result, cluster, "plot_coefficients")
    rows = heat_rows(beta["variable"])
    image = heat_image(beta.sel(cluster_label=cluster), rows)
    x = beta["energy"].values
    text = title or f"cluster {cluster}"
    options = heat_options(rows, heat_limits(beta.sel(cluster_label=cluster).values), text, height)
    lines = group_lines(rows, (float(x.min()) - 1e3, float(x.max()) + 1e3))
    return hv.Overlay([image.opts(**options), lines]).opts(backend="bokeh", show_legend=False)


def plot_variable(result: xr.Dataset, variable: str, *, title: str = "", height: int = 240) -> hv.Overlay:
    """Draw the coefficient of one variable over energies, a curve for each cluster.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.transmission.sparse_regression`.
    variable : str
        Label of the variable.
    title : str
        Text above; by default the variable.
    height : int
        In pixels.

    Returns
    -------
    holoviews.Overlay
        Curves labelled with the number of the cluster, and a line at zero.

    Raises
    ------
    LabelError
        It is no such result.
    ParameterError
        There is no such variable.

    Examples
    --------
    >>> from mi_widgets import transmission
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=30, n_energies=3)
    >>> len(plot_variable(transmission.sparse_regression(ds), "HOMO"))
    3
    """
    beta = _coefficient(result, "plot_variable")
    if variable not in beta["variable"].values:
        raise ParameterError(f"plot_variable: there is no variable {variable!r}; see result['variable'].")
    values = beta.sel(variable=variable).transpose("cluster_label", "energy")
    top = float(np.nanmax(np.abs(values.values), initial=0.0)) * 1.08 or 1.0
    frame = curve_axes(beta["energy"], coefficient_label(beta), (-top, top), logy=False, height=height)
    parts: list[Any] = [frame, hv.HLine(0.0).opts(color="#6b7680", line_width=1, line_dash="dashed", backend="bokeh")]
    for k, row in zip(beta["cluster_label"].values.tolist(), values.values, strict=True):
        line = hv.Curve((beta["energy"].values, row), "energy", "value", label=f"cluster {k}")
        parts.append(line.opts(color=cluster_color(int(k)), line_width=2, **LINES))
    return hv.Overlay(parts).opts(
        show_legend=True, legend_position="right", title=plain(title or variable), backend="bokeh"
    )


def plot_validation(
    errors: xr.Dataset, *, cluster: int | None = None, energy: float | None = None, title: str = "", height: int = 280
) -> hv.Overlay:
    """Draw the error of junctions left out over penalties, the region where it must not be trusted, and the choice.

    Parameters
    ----------
    errors : xarray.Dataset
        Of `mi_widgets.transmission.compare_validations`, or of `sparse_regression` with `cluster` and `energy`.
    cluster : int, optional
        Number of the cluster.
    energy : float, optional
        Energy (eV); the nearest one is taken.
    title : str
        Text above.
    height : int
        In pixels.

    Returns
    -------
    holoviews.Overlay
        A curve with a band of a standard error for each way, ``untrusted`` areas in grey, and upright lines at the
        chosen penalties.

    Raises
    ------
    LabelError
        It is no such result, or cluster and energy are missing.
    ParameterError
        There is no such cluster.

    Examples
    --------
    >>> from mi_widgets import transmission
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=30, n_energies=3)
    >>> picture = plot_validation(transmission.compare_validations(ds, leave_one_out=False))
    >>> sorted({e.label for e in picture})[:2]
    ['', 'band formula']
    """
    one = _one_energy(errors, cluster, energy)
    penalty, error = one["penalty"].values, one["error"].values
    stderr = one["error_stderr"].values
    there = error[np.isfinite(error)]
    top, low = (float(there.max()), float(there.min())) if there.size else (1.0, 0.0)
    pad = 0.15 * (top - low) or 0.1 * abs(top) or 1.0
    ylim = (max(0.0, low - pad), top + pad)
    units = str(one["error"].attrs.get("units", "1"))
    text = "error of junctions left out" + ("" if units == "1" else f" ({units})")
    parts: list[Any] = [validation_axes(penalty, ylim, text, height=height)]
    names = one["validation"].values.astype(str).tolist()
    trust = one["trust"].values[names.index("approximate")] if "approximate" in names else np.zeros(penalty.size)
    for high, least in trust_ends(penalty, trust):
        box = hv.VSpan(least, high, label="untrusted")
        parts.append(box.opts(color="#5b6770", alpha=0.14, backend="bokeh", apply_ranges=False))
    for k, name in enumerate(names):
        color, label = VALIDATION_COLORS.get(name, "#30363c"), _NAMES.get(name, name)
        band = hv.Area((penalty, error[k] - stderr[k], error[k] + stderr[k]), "penalty", ["low", "high"],
                       label=f"band {label}")  # fmt: skip
        parts.append(band.opts(color=color, alpha=0.1, line_alpha=0, show_legend=False, **LINES))
        line = hv.Curve((penalty, error[k]), "penalty", "error", label=label)
        parts.append(line.opts(color=color, line_width=2, line_dash=_DASHES.get(name, "solid"), **LINES))
        chosen = float(one["chosen_penalty"].values[k])
        if np.isfinite(chosen):
            mark = hv.VLine(chosen).opts(color=color, line_width=1.4, line_dash=_DASHES.get(name, "solid"))
            parts.append(mark.opts(backend="bokeh", apply_ranges=False))
    return hv.Overlay(parts).opts(
        show_legend=True, legend_position="right", title=plain(title), backend="bokeh", ylim=ylim
    )


def _one_energy(errors: Any, cluster: int | None, energy: float | None) -> xr.Dataset:
    """Errors (validation, penalty) of one energy."""
    who = "plot_validation"
    if not isinstance(errors, xr.Dataset) or "error" not in errors or "penalty" not in errors.dims:
        raise LabelError(f"{who} needs the result of compare_validations or sparse_regression.")
    out = errors
    if "cluster_label" in out["error"].dims:
        if cluster is None or energy is None:
            raise LabelError(f"{who}: write cluster=0 and energy=0.0 to choose one curve of a sparse_regression.")
        _known(out, cluster, who)
        out = out.sel(cluster_label=cluster).sel(energy=float(energy), method="nearest")
    names = ["error", "error_stderr", "trust", "chosen_penalty"]
    out = out[names]
    if "validation" not in out["error"].dims:
        out = out.expand_dims(validation=["approximate" if (errors["trust"] != 0).any() else "chosen"])
    if out["error"].ndim != 2:
        raise LabelError(f"{who} draws one energy; the errors have dims {out['error'].dims}. Select one.")
    return out.transpose("validation", "penalty", missing_dims="ignore")


def _coefficient(result: Any, who: str) -> xr.DataArray:
    if not isinstance(result, xr.Dataset) or "coefficient" not in result or "cluster_label" not in result.dims:
        raise LabelError(f"{who} needs the result of transmission.sparse_regression(ds, clusters).")
    return result["coefficient"].transpose("cluster_label", "variable", "energy")


def _known(result: xr.Dataset, cluster: int, who: str) -> None:
    if cluster not in result["cluster_label"].values:
        raise ParameterError(
            f"{who}: there is no cluster {cluster!r}; there are 0 to {result.sizes['cluster_label'] - 1}."
        )
