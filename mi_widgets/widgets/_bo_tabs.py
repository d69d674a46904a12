"""Tabs that are applications of their own: the past step by step, strategies beside chance, a filter by elements."""

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np

from mi_widgets.widgets._bo_params import OPTIONS
from mi_widgets.widgets._bo_periodic import PeriodicTable
from mi_widgets.widgets._bo_replay import ReplayPlayer
from mi_widgets.widgets._bo_strategies import StrategyComparer
from mi_widgets.widgets._study import row

if TYPE_CHECKING:
    from mi_widgets.widgets._bo_base import SearchBase

__all__ = ["MoreTabs"]

_SHARED = ("periodic", "categorical", "blocks", "ard", "kernel", "transform", "noise")


class MoreTabs:
    """Makes each of them when it is first asked for.

    Parameters
    ----------
    app : SearchExplorer
    """

    def __init__(self, app: "SearchBase") -> None:
        self._app = app
        self._made: dict[str, ipw.Widget] = {}
        self.names = {"past": "Step through what was believed before", "strategies": (
            "Trials that strategies need on this table, beside chance")}  # fmt: skip
        if PeriodicTable.knows(app.pool):
            self.names["elements"] = "Show candidates by the elements they hold"

    def get(self, name: str, stale: bool) -> ipw.Widget:
        """The tab; it takes over what was told since where it is `stale`."""
        app = self._app
        if name not in self._made:
            self._made[name] = {"past": self._past, "strategies": self._strategies, "elements": self._elements}[name]()
        elif stale and name == "past":
            player: Any = self._made[name]
            player.set_search(app.search)
        return self._made[name]

    def _past(self) -> ipw.Widget:
        app = self._app

        def branch(search: Any) -> None:
            app.branch_at(search.n_events)

        features = [n if n in app.axes.features else None for n in (app.x, app.y)]
        return ReplayPlayer(app.search, lock=app.lock, x=features[0], y=features[1] if features[0] else None,
                            on_branch=app.guard(branch), on_error=app.show_error,
                            threaded=app.worker.threaded)  # fmt: skip

    def _strategies(self) -> ipw.Widget:
        app = self._app
        if app.truth is None or len(app.goals) > 1:
            return ipw.HTML(StrategyComparer.hint)
        known = app.truth[np.isfinite(app.truth.to_numpy())]
        features = app.pool.to_dataframe().loc[known.index]
        given = app.search._given
        options = {
            n: given[n] for n in _SHARED if given.get(n) is not None and given[n] != OPTIONS[n] and given[n] != ()
        }
        comparer = StrategyComparer(features, known, goal=app.goal, options=options, threaded=app.worker.threaded)
        app.lock.share(comparer.lock)
        return comparer

    def _elements(self) -> ipw.Widget:
        app = self._app

        def changed(mask: np.ndarray) -> None:
            app.filter_candidates(mask, table.description)

        table = PeriodicTable(app.pool, on_change=app.guard(changed))

        def bar(_button: Any, others: bool) -> None:
            mask = ~table.mask if others else table.mask
            app.bar([app.labels[i] for i in np.flatnonzero(mask).tolist()], exclude=others)

        only = ipw.Button(description="Exclude all others", layout={"width": "auto"}, tooltip=(
            "Never suggest what the filter does not leave"))  # fmt: skip
        only.on_click(lambda b: app.guard(bar)(b, True))
        back = ipw.Button(description="Include these", layout={"width": "auto"}, tooltip=(
            "Let what the filter leaves be suggested again"))  # fmt: skip
        back.on_click(lambda b: app.guard(bar)(b, False))
        return ipw.VBox([table, row(only, back)])

    def end(self) -> None:
        """Stop what they do."""
        for widget in self._made.values():
            for name in ("pause", "cancel"):
                stop = getattr(widget, name, None)
                if stop is not None:
                    stop()
            widget.close()
