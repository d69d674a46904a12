"""Substrates for a film in the page: a table to be edited, all coincidences, ranks, and the supercell."""

import html
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import ipywidgets as ipw
import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets import screening
from mi_widgets.datasets._layers import make_layer
from mi_widgets.datasets._substrates import load_films, load_substrates
from mi_widgets.errors import LabelError, MIWidgetsError, ParameterError
from mi_widgets.plots.substrates import plot_coincidences, plot_ranking, ranking_order
from mi_widgets.runs import Part
from mi_widgets.widgets import _substrate_text as text
from mi_widgets.widgets._fields import read_number
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._stack_viewer import StackViewer
from mi_widgets.widgets._study import Field, Study, beside, row, stack
from mi_widgets.widgets._substrate_edit import EditRow
from mi_widgets.widgets._tap import NearestTap

__all__ = ["SubstrateExplorer"]

_FILMS = tuple(load_films().index)


class SubstrateExplorer(Study):
    """Find substrates on which a film lies without strain: a lattice-matching pre-screen.

    A row, a point of the strain-area picture or of the ranking chooses a substrate or one of its coincidences, whose
    supercell is drawn. Double-click a lattice constant to change it; add and take out rows below the table.

    Parameters
    ----------
    data : pandas.DataFrame, optional
        Table of substrates, see `mi_widgets.screening.check_substrates`; by default that of
        `mi_widgets.datasets.load_substrates`. It is not changed.
    params : mapping, optional
        ``film`` (``"germanene"`` or ``"stanene"``), ``film_a`` (another lattice constant of it, angstrom),
        ``max_area`` (angstrom^2), ``max_strain``, ``tolerance`` (percent), ``area_weight``, ``only_layered``, and
        ``changes`` of the table as for `mi_widgets.screening.edit_substrates`.
    threaded : bool
        Run in a thread beside the page; False runs in the caller.

    Attributes
    ----------
    result : xarray.Dataset or None
        Of `mi_widgets.screening.screen_substrates`.
    table : pandas.DataFrame
        The table with the changes.
    selection : dict
        ``substrate``: names; ``coincidence``: labels such as ``"GaTe 1"``, of which the first is drawn.
    stack : xarray.Dataset or None
        The supercell that is drawn.
    viewer : StructureViewer
        It shows the supercell.

    Raises
    ------
    DataError
        The table is not as it should be; the row is named.
    ParameterError
        A parameter is unknown or out of range.

    Examples
    --------
    >>> explorer = SubstrateExplorer(load_substrates().loc[["GaTe", "InSe"]], threaded=False)
    >>> explorer.result.substrate.values.tolist(), explorer.stack.sizes["atom"]
    (['GaTe', 'InSe'], 6)
    >>> explorer.close()
    """

    title, run_label, unit, data_name = "Lattice-matching pre-screen", "Screen", "substrates", "table"
    run_tooltip = "Find the coincidences of the film with every substrate again"
    points_at: ClassVar[tuple[str, ...]] = ("substrate", "coincidence")
    at_once: ClassVar[bool] = True
    fields = (
        Field("film", "germanene", "film", "Which film", kind="choice", options=_FILMS),
        Field("film_a", None, "its a", "Another lattice constant of the film; empty: as calculated (PBE)", unit="Å",
              low=1.0, high=20.0, optional=True),
        Field("max_area", 150.0, "largest cell", "Area of the largest supercell of the substrate", unit="Å²", low=5.0,
              high=600.0),
        Field("max_strain", 5.0, "largest strain", "Of the film", unit="%", low=0.0, high=20.0),
        Field("area_weight", 0.02, "weight of area", "How many per cent of strain an area of 1 Å² is worth", low=0.0,
              high=1.0),
        Field("tolerance", 1.0, "film may be off by", "How far the lattice constant of the film may be off", unit="%",
              low=0.0, high=5.0),
        Field("only_layered", False, "only layered substrates", "Leave out substrates with bonds cut at the surface",
              kind="flag"),
    )  # fmt: skip

    def __init__(
        self, data: pd.DataFrame | None = None, *, params: Mapping[str, Any] | None = None, threaded: bool = True
    ) -> None:
        table = screening.check_substrates(load_substrates() if data is None else data)
        self.stack: xr.Dataset | None = None
        self._stacked: tuple[Any, ...] = ()
        self._names: list[str] = []
        self._labels: list[str] = []
        super().__init__(table, params=params, threaded=threaded)

    # ---- the call ------------------------------------------------------------------------------------------

    def _default_params(self) -> dict[str, Any]:
        return super()._default_params() | {"changes": {}}

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        table = self._table_of(params)
        if params["only_layered"] and not self._layered(table).any():
            raise ParameterError("no substrate of the table is layered; leave only_layered off.")
        return params

    def _table_of(self, params: Mapping[str, Any]) -> pd.DataFrame:
        return screening.edit_substrates(self.data, params["changes"]) if params["changes"] else self.data

    @staticmethod
    def _layered(table: pd.DataFrame) -> pd.Series:
        if "van_der_waals" not in table.columns:
            return pd.Series(False, index=table.index)
        return table["van_der_waals"].fillna(False).astype(bool)

    @property
    def table(self) -> pd.DataFrame:
        """The table with the changes."""
        return self._table_of(self.params)

    def _film(self, params: Mapping[str, Any]) -> float:
        return float(load_films().loc[params["film"], "a"]) if params["film_a"] is None else float(params["film_a"])

    def _options(self, params: Mapping[str, Any]) -> dict[str, Any]:
        percent = {n: round(params[n] / 100, 10) for n in ("max_strain", "tolerance")}
        return {"max_area": params["max_area"], "area_weight": params["area_weight"], **percent}

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        table = self._table_of(params)
        if params["only_layered"]:
            table = table[self._layered(table)]
        return screening.iter_screen_substrates(self._film(params), table, **self._options(params))

    def _make_code(self) -> str:
        p = self.params
        lines = [
            "from mi_widgets import screening",
            "",
            "# table = datasets.load_substrates()   <- or a table of your own",
        ]
        name = self.data_name
        if p["changes"]:
            lines.append(f"{name} = screening.edit_substrates({name}, {p['changes']!r})")
        if p["only_layered"]:
            lines.append(f"{name} = {name}[{name}['van_der_waals'].fillna(False).astype(bool)]")
        options = "".join(f", {k}={v!r}" for k, v in self._options(p).items())
        lines.append(f"result = screening.screen_substrates({self._film(p)!r}, {name}{options})  # {p['film']}")
        return "\n".join(lines)

    # ---- the page ------------------------------------------------------------------------------------------

    def _make_page(self) -> ipw.Widget:
        first = self._nothing()
        tap = NearestTap(self._points, self.guard(self._point_picked))
        rank = NearestTap(self._ranks, self.guard(self._rank_picked))
        self._taps = {"coincidences": tap, "ranking": rank}
        self.coincidences = self.view("coincidences", plot_coincidences(first), wire=tap.wire_to("best"))
        self.ranking = self.view("ranking", plot_ranking(first), wire=rank.wire_to("score"))
        self.coincidences.add_class("mi-coincidences")
        self.ranking.add_class("mi-ranking")
        self._rows = RowTable(text.SUBSTRATE_COLUMNS, self.guard(self._row_picked), self.guard(self._length_typed))
        self._few = RowTable(text.COINCIDENCE_COLUMNS, self.guard(self._coincidence_picked))
        self._edit = EditRow(self.guard(self._added), self.guard(self._taken_out), self.guard(self._original))
        self._conclusion, self._about = ipw.HTML(), ipw.HTML()
        layer = make_layer("germanene")
        self.viewer = StackViewer(layer, params={"height": 330, "view": "oblique"}, threaded=False)
        self.lock.share(self.viewer.lock)
        self.viewer.message.layout.min_height = "0"
        views = [
            self._button(n, t) for n, t in (("top", "From above"), ("front", "From the side"), ("oblique", "Oblique"))
        ]
        self._draw_tables()
        return ipw.VBox([
            beside(stack("All coincidences; lines of equal score", self.coincidences),
                   stack("Ranks, and what they may become", self.ranking, self._conclusion), shares=(1.15, 1.0)),
            stack("Substrates", self._rows, self._edit),
            beside(ipw.VBox([self._about, row(*views), self.viewer.message, self.viewer.panel]),
                   stack("Coincidences of this substrate", self._few), shares=(1.2, 1.0)),
        ])  # fmt: skip

    def _button(self, name: str, label: str) -> ipw.Button:
        button = ipw.Button(description=label, tooltip="Turn the supercell", layout={"width": "auto"})
        button.on_click(self.guard(lambda _: self.viewer.view(name)))
        return button

    def close(self) -> None:
        """Stop what runs and remove the widget and all its parts from every page."""
        viewer = getattr(self, "viewer", None)
        if viewer is not None:
            viewer.close()
        super().close()

    def _nothing(self) -> xr.Dataset:
        """A result without coincidences, to draw axes."""
        parts = screening.iter_screen_substrates(4.06, self.data[:1], max_area=20.0, max_strain=0.0, tolerance=0.0)
        return next(iter(parts)).result

    # ---- drawing -------------------------------------------------------------------------------------------

    def _count(self) -> str:
        n = int((self.result["status"] < 4).sum()) if self.result is not None else 0
        return f"{n} substrate{'s' * (n != 1)} screened"

    def _draw_result(self) -> None:
        if self.worker.running:
            return  # all is drawn when all substrates are there: a row may be being typed in
        self._draw_tables()
        if self.result is None:
            return
        film = html.escape(self._computed_film())
        self._conclusion.value = f'<div class="mi-hint">{film}: {html.escape(self.result.attrs["conclusion"])}</div>'
        self.coincidences.show(plot_coincidences(self.result))
        self.ranking.show(plot_ranking(self.result))
        known = set(self.result["coincidence"].values.astype(str))
        chosen = [c for c in self.selection["coincidence"] if c in known]
        if not chosen:
            chosen = [str(b) for b in self.result["best"].values[:1] if str(b)]
        owner = [self._owner(c) for c in chosen] or self.selection["substrate"]
        self.selection = {"substrate": owner[:1], "coincidence": chosen}
        self._draw_selection()

    def _computed_film(self) -> str:
        return str((self._computed or self.params)["film"])

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        if "changes" in changed:
            self._draw_tables()

    def _draw_tables(self) -> None:
        if not hasattr(self, "_few"):
            return
        self._rows.rows, self._names = text.substrate_rows(self.table, self.result)
        changed = len(self.params["changes"])
        self._rows.note = f"{changed} row{'s' * (changed != 1)} changed by hand" if changed else ""
        self._mark_rows()

    def _mark_rows(self) -> None:
        substrate = self.selection.get("substrate", [])
        self._rows.chosen = [self._names.index(n) for n in substrate if n in self._names]
        self._few.rows, self._labels = text.coincidence_rows(self.result, substrate[0] if substrate else None)
        self._few.note = "" if self._labels or self.result is None else "It has none within the limits."
        chosen = self.selection.get("coincidence", [])
        self._few.chosen = [self._labels.index(c) for c in chosen if c in self._labels]

    def _draw_selection(self) -> None:
        self._mark_rows()
        if self.result is None or self.worker.running:
            return
        for name, label in (("coincidences", "coincidence"), ("ranking", "substrate")):
            self._taps[name].mark(self.selection[label])
        self._draw_stack()

    def _draw_stack(self) -> None:
        label = next(iter(self.selection["coincidence"]), None)
        if label is None or self.result is None or label not in self.result["coincidence"].values:
            self._about.value = text.about_coincidence("", None, 0, None)
            return
        match = self.result.sel(coincidence=label)
        name, used = str(match["substrate_name"].item()), self._computed or self.params
        state = (label, self.result.attrs["history"], used["film"], repr(used["changes"].get(name)))
        if state != self._stacked:
            line = self._table_of(used).loc[name]
            film = make_layer(used["film"], a=self._film(used))
            self.stack = screening.build_stack(film, make_layer(line), match, vacuum=6.0)
            self.viewer.replace(self.stack.assign_attrs(title=f"{used['film']} on {name}"))
            self._stacked = state
            self._about.value = text.about_coincidence(str(used["film"]), match, self.stack.sizes["atom"], line)

    # ---- what a click means --------------------------------------------------------------------------------

    def _points(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        r = self.result
        if r is None:
            return np.zeros(0), np.zeros(0), []
        return 100 * r["strain_most"].values, r["area"].values, [str(v) for v in r["coincidence"].values]

    def _ranks(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        if self.result is None:
            return np.zeros(0), np.zeros(0), []
        names = ranking_order(self.result)
        return self.result["best_score"].values[: len(names)], -np.arange(len(names), dtype=float), names

    def _owner(self, label: str) -> str:
        return "" if self.result is None else str(self.result["substrate_name"].sel(coincidence=label).item())

    def _point_picked(self, label: str | None) -> None:
        if label is not None:
            self.selection = {"substrate": [self._owner(label)], "coincidence": [label]}

    def _rank_picked(self, name: str | None) -> None:
        if name is not None:
            self._choose(name)

    def _choose(self, name: str) -> None:
        best = f"{name} 1"
        there = self.result is not None and best in self.result["coincidence"].values
        self.selection = {"substrate": [name], "coincidence": [best] if there else []}

    def _row_picked(self, number: int, _add: bool) -> None:
        self._choose(self._names[number])

    def _coincidence_picked(self, number: int, _add: bool) -> None:
        if number < len(self._labels):
            self.selection = dict(self.selection) | {"coincidence": [self._labels[number]]}

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        known = {"substrate": [str(n) for n in self.table.index]}
        known["coincidence"] = [] if self.result is None else [str(v) for v in self.result["coincidence"].values]
        for dim, labels in selection.items():
            wrong = [v for v in labels if v not in known[dim]]
            if wrong:
                raise LabelError(
                    f"there is no {dim} {wrong[0]!r}; there are {', '.join(known[dim][:12]) or 'none yet'}."
                )
        chosen = selection["coincidence"]
        if chosen and not selection["substrate"]:
            return selection | {"substrate": [self._owner(chosen[0])]}
        if selection["substrate"] and [self._owner(c) for c in chosen[:1]] != selection["substrate"][:1]:
            best = f"{selection['substrate'][0]} 1"  # a script or a link may know substrates alone
            selection = selection | {"coincidence": [best] if best in known["coincidence"] else []}
        return selection

    # ---- the table is edited -------------------------------------------------------------------------------

    def _length_typed(self, number: int, typed: str) -> None:
        name = self._names[number]
        try:
            value = read_number(typed, f"a of {name}", "4.06")
            if value is None:
                raise ParameterError(f"a of {name} is empty; write a number such as 4.09.")
            self._change(name, {"a": value})
        except MIWidgetsError:
            self._draw_tables()  # what was refused is not shown
            raise

    def _change(self, name: str, values: dict[str, Any]) -> None:
        changes = dict(self.params["changes"])
        changes[name] = {**(changes.get(name) or {}), **values}
        self._controls_changed({"changes": changes})

    def _added(self) -> None:
        name, values = self._edit.typed()
        if name in self.table.index:
            raise ParameterError(f"substrate {name!r} is in the table; double-click its a to change it.")
        self._change(name, values)
        self._edit.clear()

    def _taken_out(self) -> None:
        name = next(iter(self.selection["substrate"]), None)
        if name is None:
            raise ParameterError("no substrate is chosen; click on its row first.")
        changes = {k: v for k, v in self.params["changes"].items() if k != name}
        if name in self.data.index:
            changes[name] = None
        self._controls_changed({"changes": changes})

    def _original(self) -> None:
        self._controls_changed({"changes": {}})
