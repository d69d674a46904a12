"""What a search believes and was told, as arrays over its pool: what every part of the page draws from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.plots._style import color_limits, text_of
from mi_widgets.widgets._bo_map import Paint

__all__ = ["FIELDS", "Now", "color_names", "known_labels", "look", "neighbour", "paint_of", "previewed"]

#: What colours the map, and its words.
FIELDS: Mapping[str, str] = {
    "mean": "expected value",
    "stderr": "standard error",
    "acquisition": "acquisition",
    "told": "told value",
}


@dataclass(frozen=True)
class Now:
    """State of a search.

    Attributes
    ----------
    belief : xarray.Dataset
        What `Search.posterior` gives.
    told : (n,) int
        Places of the told candidates, each once.
    values : (n, k)
        What was told of them last; NaN where they could not be made.
    pending, excluded, next : (m,) int
        Places.
    best : (m,) int
        The best, or the front of several objectives; empty where nothing was told.
    is_random : bool
        Suggestions are drawn by lot: too little was told for a model.
    """

    belief: xr.Dataset
    told: np.ndarray
    values: np.ndarray
    pending: np.ndarray
    excluded: np.ndarray
    next: np.ndarray
    best: np.ndarray
    is_random: bool
    n_left: int
    trials: xr.Dataset | None = field(repr=False, default=None)

    def told_value(self, place: int) -> np.ndarray | None:
        """What was told of a candidate, None where nothing was."""
        at = np.flatnonzero(self.told == place)
        return self.values[at[0]] if at.size else None


def look(search: Any, place: Mapping[Any, int], *, acquisition: Any, n: int, batch: str) -> Now:
    """Ask a search for all that is drawn."""
    belief = search.posterior() if acquisition is None else search.posterior(acquisition=acquisition)
    k = belief.sizes.get("objective", 1)
    told, values, trials, best = np.empty(0, dtype=int), np.empty((0, k)), None, np.empty(0, dtype=int)
    if search.n_told:
        trials = search.trials()
        labels = trials["candidate"].values.tolist()
        last = {place[label]: i for i, label in enumerate(labels)}
        told = np.fromiter(last, dtype=int)
        values = trials["value"].values.reshape(len(labels), -1)[list(last.values())]
        if np.isfinite(values).any():
            front = search.pareto_front()["candidate"].values.tolist() if k > 1 else [search.best()]
            best = np.array([place[label] for label in front], dtype=int)
    left = int((belief["rank"].values > 0).sum()) if search.n_told else int(
        (~(belief["told"] | belief["pending"] | belief["excluded"])).sum())  # fmt: skip
    wanted = min(n, left)
    options = {} if acquisition is None else {"acquisition": acquisition}
    try:
        names = search.ask(wanted, batch=batch, **options) if wanted else []
    except DataError:
        names = []
    return Now(
        belief=belief, told=told, values=values, trials=trials, best=best, n_left=left,
        pending=np.array([place[label] for label in search.pending], dtype=int),
        excluded=np.flatnonzero(belief["excluded"].values), next=np.array([place[v] for v in names], dtype=int),
        is_random=search.n_told < search._settings.n_initial,
    )  # fmt: skip


def previewed(now: Now, belief: xr.Dataset) -> Now:
    """The same with what would be believed."""
    first = np.flatnonzero(belief["rank"].values == 1)
    return Now(
        belief=belief, told=now.told, values=now.values, pending=now.pending, excluded=now.excluded, next=first,
        best=now.best, is_random=False, n_left=now.n_left, trials=now.trials,
    )  # fmt: skip


def color_names(objectives: tuple[str, ...]) -> dict[str, str]:
    """Keys of what may colour the map, and their words."""
    if len(objectives) == 1:
        return dict(FIELDS)
    words = {"mean": "expected", "stderr": "error of", "told": "told"}
    out = {f"{key}:{j}": f"{word} {name}" for key, word in words.items() for j, name in enumerate(objectives)}
    return out | {"acquisition": FIELDS["acquisition"]}


def paint_of(
    now: Now, color: str, goals: tuple[str, ...], inside: np.ndarray | None, limits: tuple[float, float] | None
) -> Paint:
    """Colours of the candidates."""
    name, _, number = color.partition(":")
    j = int(number or 0)
    belief = now.belief
    best = "max" if goals[j] == "max" else "min"
    da = belief[name if name in belief else "mean"]
    da = da.isel(objective=j) if "objective" in da.dims else da
    values = np.asarray(da.values, dtype=float)
    if name == "told":
        values = np.full(values.size, np.nan)
        values[now.told] = now.values[:, j]
        da = da.copy(data=values).assign_attrs(long_name=FIELDS["told"])
    if "objective" in belief.dims and name != "acquisition":
        da = da.assign_attrs(long_name=color_names(tuple(belief["objective"].values.tolist()))[color])
    how = {"stderr": "max", "acquisition": _direction(belief)}.get(name, best)
    shown = da if inside is None else da[inside]
    if limits is None:
        limits = color_limits(shown if np.isfinite(values).any() else shown.fillna(0.0))
    return Paint(values, how, inside, limits, text_of(da), name in ("mean", "told"))


def _direction(belief: xr.Dataset) -> str:
    """Whether a high or a low acquisition is promising."""
    rank, value = belief["rank"].values, belief["acquisition"].values
    there = np.flatnonzero((rank > 0) & np.isfinite(value))
    if there.size < 2:
        return "max"
    first, last = there[np.argmin(rank[there])], there[np.argmax(rank[there])]
    return "min" if value[first] < value[last] else "max"


def neighbour(
    xy: tuple[np.ndarray, np.ndarray], here: int, key: str, inside: np.ndarray | None, paint: Paint
) -> int | None:
    """The next candidate in the direction of an arrow key; of several in one place the one that is drawn."""
    x, y = xy
    level = key in ("ArrowLeft", "ArrowRight")
    along, across = (x - x[here], y - y[here]) if level else (y - y[here], x - x[here])
    along = along * (1 if key in ("ArrowRight", "ArrowUp") else -1)
    wide, high = (max(float(np.ptp(v)), 1e-300) for v in ((x, y) if level else (y, x)))
    away = along / wide + 4 * np.abs(across) / high
    away[~(along > 1e-9 * wide)] = np.inf
    if inside is not None:
        away[~inside] = np.inf
    near = int(np.argmin(away))
    if not np.isfinite(away[near]):
        return None
    same = np.flatnonzero(away <= away[near] + 1e-9)
    value = paint.values[same] * (1 if paint.how == "min" else -1)
    return int(same[np.nanargmin(value)]) if np.isfinite(value).any() else near


def known_labels(selection: Mapping[str, Any], place: Mapping[Any, int], labels: Sequence[Any]) -> list[Any]:
    """Labels of a selection, each once, or `LabelError`."""
    wrong = [k for k in selection if k != "candidate"]
    if wrong:
        raise LabelError(f"cannot point along {wrong[0]!r}; a pool has 'candidate'.")
    names = selection.get("candidate", [])
    names = list(names) if isinstance(names, (list, tuple, np.ndarray)) else [names]
    plain = [v.item() if isinstance(v, np.generic) else v for v in names]
    for label in plain:
        if not isinstance(label, (int, str)) or label not in place:
            some = ", ".join(repr(v) for v in labels[:3])
            raise LabelError(f"there is no candidate {label!r} among {len(labels):,}; they are called {some} …")
    return list(dict.fromkeys(plain))
