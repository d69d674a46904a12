"""The candidates: labels, features, and the points that a model measures distances between."""

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError

__all__ = ["Ard", "Label", "Pool", "make_pool", "plain_label"]

Label = str | int
Ard = bool | Literal["auto"]
#: Up to so many features each has a length scale of its own where ``ard="auto"``.
ARD_LIMIT = 12


@dataclass(frozen=True)
class Pool:
    """Candidates in the order of their labels: no result then depends on the order in which they came.

    Attributes
    ----------
    labels : list
        In canonical order.
    order : (N,)
        Place of each of them in what was given.
    frame : DataFrame
        Features, in canonical order.
    points : (N, m)
        Embedded features, each of order 1.
    group : (m,)
        Number of the length scale of each column of `points`.
    feature_group : dict
        Features of each length scale.
    scale : dict
        Of each numeric feature, what 1 in `points` is in its own unit.
    """

    labels: list[Label]
    order: np.ndarray
    frame: pd.DataFrame
    points: np.ndarray
    group: np.ndarray
    feature_of: list[str]
    feature_group: dict[str, int]
    scale: dict[str, float]
    units: dict[str, str]
    place: dict[Label, int]
    constant: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def find(self, label: Any, *, who: str) -> int:
        """Place of a candidate in canonical order."""
        try:
            found = self.place.get(plain_label(label))
        except TypeError:
            found = None
        if found is None:
            shown = ", ".join(repr(k) for k in self.labels[:3])
            raise LabelError(
                f"{who}: there is no candidate {label!r} in the pool of {len(self)} (labels such as {shown}). "
                "Write the label of a candidate as it stands in X."
            )
        return found

    def row(self, i: int) -> list[Any]:
        """Features of a candidate as JSON can hold them."""
        return [v.item() if hasattr(v, "item") else v for v in self.frame.iloc[i].tolist()]

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values in canonical order, put into the order that was given."""
        out = np.empty_like(values)
        out[self.order] = values
        return out

    def coordinate(self) -> xr.DataArray:
        """Labels, in the order that was given."""
        return self._coordinate.copy(deep=False)

    @cached_property
    def _coordinate(self) -> xr.DataArray:
        given: list[Label] = [""] * len(self)
        for label, k in zip(self.labels, self.order.tolist(), strict=True):
            given[k] = label
        whole = all(isinstance(label, int) for label in given)
        values = np.array(given, dtype=np.int64 if whole else np.str_)
        variable = xr.Variable("candidate", values, {"long_name": "candidate"})
        return xr.Dataset(coords={"candidate": variable})["candidate"]


def make_pool(
    X: Any,
    *,
    periodic: Mapping[str, float] | None = None,
    categorical: Sequence[str] = (),
    blocks: Sequence[Sequence[str]] = (),
    ard: Ard = "auto",
    who: str = "Search",
) -> Pool:
    """Check candidates and embed them."""
    frame, units = _as_frame(X, who)
    labels = [plain_label(label) for label in frame.index]
    _check_labels(labels, who)
    frame.columns = pd.Index([str(c) for c in frame.columns])
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise LabelError(f"{who}: feature {twice!r} is there twice. Give each feature a name of its own.")
    order = _canonical(labels)
    frame = frame.iloc[order]
    labels = [labels[k] for k in order]
    periodic = dict(periodic or {})
    _check_names(frame, [*periodic, *categorical, *itertools.chain(*blocks)], who)
    columns: list[np.ndarray] = []
    feature_of: list[str] = []
    scale: dict[str, float] = {}
    constant = []
    for name in frame.columns:
        embedded, unit = _embed(frame[name], periodic.get(name), name in categorical, who)
        if embedded is None:
            constant.append(name)
            continue
        scale[name] = unit
        columns += list(embedded.T)
        feature_of += [name] * embedded.shape[1]
    if not columns:
        raise DataError(f"{who}: every feature is constant, so no candidate differs from another. Give other features.")
    if constant:
        warnings.warn(
            f"{who}: features that are the same for all candidates are left out: {', '.join(constant)}.",
            MIWidgetsWarning,
            stacklevel=4,
        )
    groups = _groups(list(dict.fromkeys(feature_of)), blocks, ard, who)
    return Pool(
        labels=labels,
        order=order,
        frame=frame,
        points=np.stack(columns, axis=1),
        group=np.array([groups[name] for name in feature_of]),
        feature_of=feature_of,
        feature_group=groups,
        scale=scale,
        units=units,
        place={label: k for k, label in enumerate(labels)},
        constant=constant,
    )


def plain_label(label: Any) -> Label:
    """A label as JSON can hold it: whole number or text."""
    if isinstance(label, tuple):
        return ", ".join(str(part) for part in label)
    if isinstance(label, bool | np.bool_):
        return str(label)
    return int(label) if isinstance(label, int | np.integer) else str(label)


def _check_labels(labels: list[Label], who: str) -> None:
    if len(set(labels)) < len(labels):
        seen: set[Label] = set()
        twice = next(label for label in labels if label in seen or seen.add(label))  # type: ignore[func-returns-value]
        raise LabelError(
            f"{who}: candidate {twice!r} is there {labels.count(twice)} times, and candidates are told apart by their "
            "label. Write X = X[~X.index.duplicated()], or give each a label of its own."
        )
    if len(labels) < 2:
        raise DataError(f"{who} needs at least two candidates; got {len(labels)}.")


def _canonical(labels: list[Label]) -> np.ndarray:
    whole = all(isinstance(label, int) for label in labels)
    if whole:
        return np.argsort(np.array(labels), kind="stable")
    return np.array(sorted(range(len(labels)), key=lambda k: (isinstance(labels[k], str), labels[k])))


def _as_frame(X: Any, who: str) -> tuple[pd.DataFrame, dict[str, str]]:
    if isinstance(X, pd.DataFrame):
        return X.copy(deep=False), {}
    if isinstance(X, xr.DataArray):
        if set(X.dims) != {"candidate", "feature"}:
            raise LabelError(
                f"{who} needs an array over ('candidate', 'feature'); this one has {X.dims}. Write "
                "X.rename({'old': 'candidate', ...})."
            )
        if X.dtype.kind not in "buif":
            raise DataError(f"{who} needs real numbers in X; it holds {X.dtype}. Give a DataFrame for text.")
        names = X["feature"].values if "feature" in X.coords else [f"feature_{k}" for k in range(X.sizes["feature"])]
        units = X["units"].values.tolist() if "units" in X.coords and X["units"].dims == ("feature",) else []
        index = X.indexes.get("candidate", pd.RangeIndex(X.sizes["candidate"]))
        frame = pd.DataFrame(X.transpose("candidate", "feature").values, index=index, columns=list(names))
        return frame, dict(zip(map(str, names), map(str, units), strict=False))
    if isinstance(X, Mapping):
        return _grid(X, who), {str(k): str(getattr(v, "attrs", {}).get("units", "1")) for k, v in X.items()}
    raise LabelError(
        f"{who} needs candidates as a DataFrame or a DataArray ('candidate', 'feature'), or a grid such as "
        f"{{'x': [0, 1, 2], 'y': [0.1, 0.2]}}; got {type(X).__name__}. Write pd.DataFrame(X, columns=[...])."
    )


def _grid(axes: Mapping[Any, Any], who: str) -> pd.DataFrame:
    """All combinations, the last axis fastest; candidates are numbered."""
    values = [np.asarray(axis).reshape(-1) for axis in axes.values()]
    if not values or any(v.size == 0 for v in values):
        raise DataError(f"{who}: a grid needs at least one value on each axis; got sizes {[v.size for v in values]}.")
    grid = np.meshgrid(*values, indexing="ij")
    return pd.DataFrame({str(name): g.reshape(-1) for name, g in zip(axes, grid, strict=True)})


def _check_names(frame: pd.DataFrame, names: Sequence[str], who: str) -> None:
    for name in names:
        if name not in frame.columns:
            raise LabelError(f"{who}: there is no feature {name!r}; there are {', '.join(frame.columns[:20])}.")


def _embed(column: pd.Series, period: float | None, categorical: bool, who: str) -> tuple[np.ndarray | None, float]:
    """Columns whose squared distances are those of the feature, and what 1 in them is; None for a constant."""
    name = column.name
    numeric = pd.api.types.is_numeric_dtype(column) and not categorical
    if column.isna().any() or (numeric and not np.isfinite(column.to_numpy(dtype=float)).all()):
        bad = column.isna().to_numpy() if not numeric else ~np.isfinite(column.to_numpy(dtype=float))
        raise DataError(
            f"{who}: feature {name!r} is not finite for {int(bad.sum())} candidates, the first "
            f"{column.index[int(np.argmax(bad))]!r}. Leave them out, X = X[np.isfinite(X).all(axis=1)], or fill them."
        )
    if not numeric:
        return _one_hot(column, who)
    x = column.to_numpy(dtype=float)
    low, high = x.min(), x.max()
    if period is not None:
        if not (np.isfinite(period) and period > 0):
            raise ParameterError(f"{who}: the period of {name!r} must be above zero; got {period!r}.")
        angle = 2 * np.pi * x / period
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) / 2  # opposite points are 1 apart
        return (ring if np.ptp(ring, axis=0).max() > 1e-12 else None), period / np.pi
    if not high > low:
        return None, 1.0
    with np.errstate(over="ignore"):
        width = high - low
    if not np.isfinite(width):
        raise DataError(f"{who}: feature {name!r} runs from {low:g} to {high:g}, which is too wide. Use its logarithm.")
    return ((x - low) / width - 0.5)[:, None], float(width)


def _one_hot(column: pd.Series, who: str) -> tuple[np.ndarray | None, float]:
    codes, kinds = pd.factorize(column.astype(str), sort=True)
    if len(kinds) > max(20, len(column) // 2):
        raise DataError(
            f"{who}: feature {column.name!r} has {len(kinds)} different texts for {len(column)} candidates: it looks "
            f"like a label. Write X = X.set_index({column.name!r}), or leave it out."
        )
    if len(kinds) < 2:
        return None, 1.0
    return np.eye(len(kinds))[codes] / np.sqrt(2), 1.0  # two kinds are 1 apart


def _groups(names: list[str], blocks: Sequence[Sequence[str]], ard: Ard, who: str) -> dict[str, int]:
    """Number of the length scale of each feature."""
    if ard not in (True, False, "auto"):
        raise ParameterError(f"{who}: ard must be True, False or 'auto'; got {ard!r}.")
    each = ard is True or (ard == "auto" and len(names) <= ARD_LIMIT)
    found: dict[str, int] = {}
    key: dict[Any, int] = {}
    block_of = {name: k for k, block in enumerate(blocks) for name in block}
    for name in names:
        kind = ("block", block_of[name]) if name in block_of else (("feature", name) if each else ("all",))
        found[name] = key.setdefault(kind, len(key))
    return found
