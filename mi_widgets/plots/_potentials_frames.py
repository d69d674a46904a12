"""Axes and columns of the pictures of potentials; views and pictures share them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._style import figure_style, palette, plain

__all__ = [
    "HELD_COLOR", "MAP_COLORS", "OUTSIDE_COLOR", "POINT_COLOR", "Parity", "axes_frame", "component_texts",
    "density_palette", "descriptor_columns", "descriptor_ticks", "feature_groups", "joined_limits",
    "map_palette", "map_values", "parity_data", "raster", "step_limit", "training_lines",
]  # fmt: skip

POINT_COLOR, HELD_COLOR, OUTSIDE_COLOR = "#3a6ea5", "#e69f00", "#d6008f"
#: What colours the map of environments: parameter, text.
MAP_COLORS = {
    "element": "element", "atomic_energy": "atomic energy", "uncertainty": "uncertainty", "outside": "outside",
}  # fmt: skip
_TOP_DEVIATION = 40.0


def axes_frame(
    labels: tuple[str, str], xlim: tuple[float, float], ylim: tuple[float, float], *, height: int, title: str = "",
    **more: Any,
) -> hv.Points:  # fmt: skip
    """Axes labelled ``frame``; layers are laid over them."""
    dims = [hv.Dimension(name, label=plain(text)) for name, text in zip("xy", labels, strict=True)]
    return hv.Points([], dims, label="frame").opts(
        xlim=xlim, ylim=ylim, height=height, responsive=True, min_width=280, show_legend=False, show_grid=True,
        backend="bokeh", apply_ranges=False, title=plain(title), hooks=[figure_style], **more,
    )  # fmt: skip


def joined_limits(*values: np.ndarray) -> tuple[float, float]:
    """Ends of an axis that shows all of these."""
    there = np.concatenate([np.asarray(v, dtype=float).ravel() for v in values]) if values else np.zeros(0)
    there = there[np.isfinite(there)]
    if not there.size:
        return 0.0, 1.0
    low, high = float(there.min()), float(there.max())
    pad = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    return low - pad, high + pad


def raster(
    x: np.ndarray, y: np.ndarray, xlim: tuple[float, float], ylim: tuple[float, float], shape: tuple[int, int],
    values: np.ndarray | None = None, largest: bool = False,
) -> np.ndarray:  # fmt: skip
    """Points counted in the cells of an image (rows from below), float32, NaN where there is none.

    Without `values` the logarithm (10) of the number; with them their mean, or the largest.
    """
    rows, columns = shape
    with np.errstate(invalid="ignore"):
        i = np.floor((y - ylim[0]) / (ylim[1] - ylim[0]) * rows)
        j = np.floor((x - xlim[0]) / (xlim[1] - xlim[0]) * columns)
        keep = (i >= 0) & (i < rows) & (j >= 0) & (j < columns)
    if values is not None:
        keep &= np.isfinite(values)
    cell = (i[keep] * columns + j[keep]).astype(np.intp)
    count = np.bincount(cell, minlength=rows * columns).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if values is None:
            out = np.log10(count)
        elif largest:
            out = np.full(count.size, -np.inf)
            np.maximum.at(out, cell, values[keep])
        else:
            out = np.bincount(cell, weights=values[keep], minlength=rows * columns) / count
    out[count == 0] = np.nan
    return out.reshape(shape).astype(np.float32)


# ---- parity ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parity:
    """Predicted and reference values of one quantity.

    Attributes
    ----------
    reference, predicted, stderr : (n,)
        Energies per atom (eV), or components of forces (eV/angstrom); `stderr` is NaN where it is not known.
    held_out, outside : (n,) bool
        Not learnt from; outside the training domain.
    labels : (str, str, str)
        Texts of the axes: reference, prediction, error.
    factor : float
        From the values to the unit of the error.
    title : str
    """

    reference: np.ndarray
    predicted: np.ndarray
    stderr: np.ndarray
    held_out: np.ndarray
    outside: np.ndarray
    labels: tuple[str, str, str]
    factor: float
    title: str

    def y(self, errors: bool) -> np.ndarray:
        """What is drawn upwards: the prediction, or its error."""
        return (self.predicted - self.reference) * self.factor if errors else self.predicted

    def y_stderr(self, errors: bool) -> np.ndarray:
        """Standard error of `y`."""
        return self.stderr * (self.factor if errors else 1.0)

    def limits(self, errors: bool) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends of both axes: the same for a parity, around zero for errors."""
        both = joined_limits(self.reference, *(() if errors else (self.predicted,)))
        if not errors:
            return both, both
        size = np.abs(self.y(True))
        top = float(np.nanmax(size)) if np.isfinite(size).any() else 1.0
        return both, (-1.08 * (top or 1.0), 1.08 * (top or 1.0))


def parity_data(result: xr.Dataset | None, quantity: str) -> Parity:
    """What a parity of ``"energy"`` or ``"force"`` shows; nothing where the reference or the prediction is missing."""
    if quantity not in ("energy", "force"):
        raise ParameterError(f"quantity must be 'energy' or 'force'; got {quantity!r}.")
    energy = quantity == "energy"
    unit, small, factor = ("eV/atom", "meV/atom", 1000.0) if energy else ("eV/Å", "eV/Å", 1.0)
    labels = (f"reference ({unit})", f"predicted ({unit})", f"predicted - reference ({small})")
    name = "Energies" if energy else "Forces"
    empty = np.zeros(0)
    if result is None or quantity not in result or f"reference_{quantity}" not in result:
        why = "not predicted yet" if result is None or quantity not in result else "no reference in the data"
        return Parity(empty, empty, empty, empty > 0, empty > 0, labels, factor, f"{name}: {why}")
    got, ref = (result[n].values.astype(float) for n in (quantity, f"reference_{quantity}"))
    error = result[f"{quantity}_stderr"].values.astype(float) if f"{quantity}_stderr" in result else got * np.nan
    outside, held = frame_flags(result)
    if energy:
        n = np.maximum(result["n_atoms"].values, 1)
        got, ref, error = got / n, ref / n, error / n
    else:
        inside = result["outside"].values != 0 if "outside" in result else np.zeros(len(got), dtype=bool)
        position = np.searchsorted(result["frame"].values, result["frame_of"].values)
        outside, held = np.repeat(inside, 3), np.repeat(held[np.minimum(position, held.size - 1)], 3)
        got, ref, error = got.ravel(), ref.ravel(), error.ravel()
    return Parity(ref, got, error, held, outside, labels, factor, _parity_title(name, got - ref, held, factor, small))


def frame_flags(result: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Which frames have an atom outside the training domain, and which were held out."""
    frames = result["frame"].values
    n = frames.size
    outside = np.zeros(n, dtype=bool)
    if "outside" in result:
        wrong = np.unique(result["frame_of"].values[result["outside"].values != 0])
        outside = np.isin(frames, wrong)
    held = result["held_out"].values != 0 if "held_out" in result else np.zeros(n, dtype=bool)
    return outside, held


def _parity_title(name: str, error: np.ndarray, held: np.ndarray, factor: float, unit: str) -> str:
    there = np.isfinite(error)

    def rms(rows: np.ndarray) -> str:
        return f"{factor * float(np.sqrt((error[rows] ** 2).mean())):.3g}" if rows.any() else "?"

    if held.any() and not held.all():
        return f"RMSE held out {rms(there & held)}, learnt {rms(there & ~held)} {unit}"
    return f"{name}: RMSE {rms(there)} {unit}"


# ---- the map ---------------------------------------------------------------------------------------------------------


def map_values(result: xr.Dataset, color_by: str) -> tuple[np.ndarray, str, list[str]]:
    """What colours the environments: numbers, text with unit, and names where the numbers are categories."""
    if color_by not in MAP_COLORS:
        raise ParameterError(f"color_by must be one of {', '.join(MAP_COLORS)}; got {color_by!r}.")
    n = result.sizes["environment"]
    if color_by == "element":
        names, codes = np.unique(result["element"].values.astype(str), return_inverse=True)
        return codes.astype(float), "element", [str(v) for v in names]
    if color_by == "outside":
        flag = result["outside"].values.astype(float) if "outside" in result else np.full(n, np.nan)
        return flag, "training domain", ["inside", "outside"]
    name = "atomic_energy" if color_by == "atomic_energy" else "atomic_energy_stderr"
    text = "atomic energy, from its median (eV)" if color_by == "atomic_energy" else "uncertainty (eV)"
    values = result[name].values.astype(float) if name in result else np.full(n, np.nan)
    if color_by == "atomic_energy":  # else only the elements would be told apart
        elements = result["element"].values
        values = values.copy()
        for e in np.unique(elements):
            inside = elements == e
            values[inside] -= np.nanmedian(values[inside]) if np.isfinite(values[inside]).any() else 0.0
    return values, text, []


def map_palette(color_by: str, names: list[str]) -> list[str]:
    """Colours of the map of environments: those of the elements, or a scale."""
    if color_by == "element":
        from mi_widgets.plots._scene_colors import color_atoms

        return color_atoms(xr.Dataset({"element": ("atom", names)})).label_colors
    if color_by == "outside":
        return ["#b8c4cf", OUTSIDE_COLOR]
    return list(palette(color_by == "atomic_energy"))


def density_palette() -> list[str]:
    """From one point in a cell to many."""
    return list(hv.plotting.util.process_cmap("Blues", 256))[70:]


def component_texts(result: xr.Dataset, of: str | None) -> tuple[str, str]:
    """Texts of the axes of the map of all environments, or of those of one element."""
    if of is None:
        share = result["explained"].values
    else:
        if of not in result["species"].values:
            raise ParameterError(f"there is no element {of!r}; there are {', '.join(result['species'].values)}.")
        share = result["species_explained"].sel(species=of).values
    texts = [f"component {k + 1} ({100 * float(v):.0f} % of the variance)" for k, v in enumerate(share[:2])]
    return texts[0], texts[1] if len(texts) > 1 else "component 2"


# ---- the descriptor --------------------------------------------------------------------------------------------------


def feature_groups(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Edges of the runs of features with the same first two words (``"G2 Si"``), and these words."""
    heads = [" ".join(str(n).split()[:2]) for n in names]
    starts = [i for i, head in enumerate(heads) if i == 0 or head != heads[i - 1]]
    if len(starts) > 24:
        return [0, len(heads)], ["features"]
    return [*starts, len(heads)], [heads[i] for i in starts]


def descriptor_ticks(names: Sequence[str]) -> list[tuple[float, str]]:
    """A name in the middle of each group."""
    edges, heads = feature_groups(names)
    return [((a + b - 1) / 2, plain(h)) for (a, b), h in zip(pairwise(edges), heads, strict=True)]


def descriptor_columns(result: xr.Dataset, environment: int | None) -> dict[str, dict[str, np.ndarray]]:
    """Columns of ``bars`` and ``band``: features as deviations from the mean of the element, in standard deviations."""
    names = result["feature"].values.astype(str)
    n = names.size
    x = np.arange(n, dtype=float)
    if environment is None:
        empty = {k: np.zeros(0) for k in ("x", "left", "right", "low", "high", "inner_low", "inner_high")}
        return {"band": empty, "bars": {k: np.zeros(0) for k in ("x", "y", "value", "mean", "name", "unusual")}}
    kind = str(result["element"].values[environment])
    k = int(np.flatnonzero(result["species"].values.astype(str) == kind)[0])
    mean, std = (result[f"feature_{s}"].values[k] for s in ("mean", "std"))
    q = result["feature_quantile"].values[k]
    scale = np.where(std > 1e-9 * max(float(np.nanmax(std, initial=0.0)), 1e-300), std, np.inf)
    m = q.shape[1]
    value = result["feature_value"].values[environment].astype(float)
    z = np.clip((value - mean) / scale, -_TOP_DEVIATION, _TOP_DEVIATION)
    ends = [(q[:, c] - mean) / scale for c in (0, m // 4, m - 1 - m // 4, m - 1)]
    unusual = (value < q[:, 0]) | (value > q[:, -1])
    return {
        "band": {"x": x, "left": x - 0.5, "right": x + 0.5, "low": ends[0], "high": ends[3], "inner_low": ends[1],
                 "inner_high": ends[2]},
        "bars": {"x": x, "y": z, "value": value, "mean": mean, "name": names.astype(object),
                 "unusual": unusual.astype(np.uint8)},
    }  # fmt: skip


def step_limit(values: np.ndarray) -> float:
    """End of an axis around zero that seldom changes: 4, 8 or 16, and so on."""
    top = float(np.nanmax(np.abs(values), initial=0.0))
    limit = 4.0
    while limit < 1.02 * top and limit < _TOP_DEVIATION:
        limit *= 2
    return limit


# ---- the course of a training ----------------------------------------------------------------------------------------


def training_lines(training: xr.Dataset | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Errors over epochs by name: every variable over ``epoch`` whose name speaks of an error."""
    if training is None or "epoch" not in training.dims:
        return {}
    if not isinstance(training, xr.Dataset):
        raise LabelError("the course of a training is a Dataset over 'epoch': potential.training.")
    x = training["epoch"].values.astype(float) if "epoch" in training.coords else np.arange(training.sizes["epoch"])
    lines = {}
    for name, da in training.data_vars.items():
        if da.dims == ("epoch",) and da.dtype.kind == "f" and ("rmse" in str(name) or "error" in str(name)):
            lines[str(name)] = (np.asarray(x, dtype=float), da.values.astype(float))
    return lines
