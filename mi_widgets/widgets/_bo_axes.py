"""Coordinates that a pool of candidates is shown on, and the ranges of those that are hidden."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.plots._bo_marks import Axis, pool_axis
from mi_widgets.plots._style import plain, text_of
from mi_widgets.widgets._pointing import short

__all__ = ["EXPECTED", "PoolAxes", "hidden_text"]

EXPECTED = "expected value"
_METHODS = {"PCA": "pca", "UMAP": "umap"}
_MANY = 2  # features; beyond that principal components are offered
_STOPS = 100  # of a slider over an axis without levels
_FEW = 200  # levels that a slider stops at


class PoolAxes:
    """What can be an axis of the map.

    Parameters
    ----------
    search : Search
        Only its pool counts.
    objectives : sequence of str
        Names of what is searched for.
    """

    def __init__(self, search: Any, objectives: Sequence[str]) -> None:
        self._search, self.pool = search, search.pool
        self.features = [str(n) for n in self.pool.data_vars]
        self.expected = [EXPECTED] if len(objectives) == 1 else [f"expected {name}" for name in objectives]
        self._objectives = list(objectives)
        self._kept: dict[str, Axis] = {}
        self._places: dict[str, xr.Dataset] = {}
        self._stops: dict[str, np.ndarray] = {}
        self.names = list(self.features)
        if len(self.features) > _MANY:
            kinds = ["PCA", *(["UMAP"] if find_spec("umap") is not None else [])]
            self.names += [f"{kind} {k}" for kind in kinds for k in (1, 2)]
        self.names += self.expected

    @property
    def ordered(self) -> list[str]:
        """Features of more than two values, then the others."""
        rich = [n for n in self.features if np.unique(self.pool[n].values).size > 2]
        return rich + [n for n in self.features if n not in rich]

    def first(self) -> tuple[str, str]:
        """Axes to begin with: the first two features that have most to show, else what is expected."""
        if len(self._objectives) == 2:
            return self.expected[0], self.expected[1]
        names = self.ordered
        return (names[0], names[1]) if len(names) > 1 else (names[0], self.expected[0])

    def get(self, name: str, belief: xr.Dataset | None) -> Axis:
        """Values over the candidates."""
        if name in self.expected:
            return self._expect(name, belief)
        if name not in self._kept:
            if name in self.features:
                self._kept[name] = pool_axis(self.pool, name)
            elif name in self.names:
                self._kept[name] = self._place(name)
            else:
                raise ParameterError(f"there is no axis {name!r}; there are {', '.join(self.names[:30])}.")
        return self._kept[name]

    def _place(self, name: str) -> Axis:
        from mi_widgets.bo import place_candidates

        kind, _, number = name.partition(" ")
        if kind not in self._places:
            self._places[kind] = place_candidates(self._search, _METHODS[kind])  # type: ignore[arg-type]
        k, ds = int(number) - 1, self._places[kind]
        share = f", {100 * float(ds.explained[k]):.0f} % of the variance" if "explained" in ds else ""
        word = "principal component" if kind == "PCA" else "UMAP coordinate"
        return Axis(name, ds.place.values[:, k], f"{word} {k + 1}{share}", None, "1")

    def _expect(self, name: str, belief: xr.Dataset | None) -> Axis:
        if belief is None:
            return Axis(name, np.full(self.pool.sizes["candidate"], np.nan), name, None, "1")
        mean = belief["mean"]
        if "objective" in mean.dims:
            mean = mean.isel(objective=self.expected.index(name))
        units = str(mean.attrs.get("units", "1"))
        text = text_of(xr.DataArray(0.0, attrs={"units": units, "long_name": name}))
        return Axis(name, np.asarray(mean.values, dtype=float), text, None, units)

    # ---- axes that are not shown -------------------------------------------------------------------------------

    def hidden(self, x: str, y: str) -> list[str]:
        """Features that differ and are no axis."""
        return [n for n in self.features if n not in (x, y) and self.stops(n).size > 1]

    def stops(self, name: str) -> np.ndarray:
        """Values at which a slider over a feature stops."""
        if name not in self._stops:
            axis = self.get(name, None)
            levels = np.unique(axis.values)
            even = np.linspace(levels[0], levels[-1], _STOPS)
            self._stops[name] = levels if levels.size <= _FEW else even
        return self._stops[name]

    def options(self, name: str) -> list[tuple[str, float]]:
        """The same with their texts, as short as they can be told apart by."""
        axis = self.get(name, None)
        words = dict(axis.ticks or [])
        stops = self.stops(name).tolist()
        digits = next(d for d in (3, 4, 5, 6, 12) if len({f"{v:.{d}g}" for v in stops}) == len(stops) or d == 12)
        return [(words.get(v, short(float(f"{v:.{digits}g}"))), v) for v in stops]

    def inside(self, ranges: Mapping[str, Sequence[float]], keep: np.ndarray | None) -> np.ndarray | None:
        """Candidates within all ranges and in `keep`; None for all of them."""
        out = None if keep is None else keep.copy()
        for name, (low, high) in ranges.items():
            values = self.get(name, None).values
            room = 1e-9 * max(abs(low), abs(high), 1e-300)
            here = (values >= low - room) & (values <= high + room)
            out = here if out is None else out & here
        return out


def hidden_text(axes: PoolAxes, hidden: Sequence[str], ranges: Mapping[str, Sequence[float]], word: str) -> str:
    """What a picture says of the axes that it does not show, such as ``"lowest over z, at y = 2"``."""
    free = [n for n in hidden if n not in ranges]
    parts = []
    if free:
        parts.append(f"{word} over {', '.join(free)}" if len(free) <= 3 else f"{word} over {len(free)} features")
    for name in hidden:
        if name in ranges:
            low, high = ranges[name]
            words = {v: t for t, v in axes.options(name)}
            texts = [words.get(v, short(float(f"{v:.5g}"))) for v in (low, high)]
            units = str(axes.pool[name].attrs.get("units", "1"))
            tail = "" if units == "1" else f" {units}"
            one = (
                f"at {name} = {texts[0]}{tail}" if low == high else f"{word} over {name} {texts[0]} to {texts[1]}{tail}"
            )
            parts.append(one)
    return plain(", ".join(parts))
