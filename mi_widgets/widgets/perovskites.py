"""Descriptors of perovskites in the page: a map with decision lines, a search, its ranking, radii."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets import screening
from mi_widgets.errors import LabelError
from mi_widgets.plots.perovskites import plot_descriptor_histogram, plot_expression_ranking
from mi_widgets.runs import Part
from mi_widgets.widgets import _perovskite_text as text
from mi_widgets.widgets._perovskite_map import CompoundMap
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._study import Field, Study, beside, stack

__all__ = ["PerovskiteExplorer"]

_KNOWN = ("t", "tau", "octahedral_factor")
_AXES = [("t (Goldschmidt)", "t"), ("τ (Bartel)", "tau"), ("octahedral factor", "octahedral_factor"),
         ("r A", "r_a"), ("r B", "r_b"), ("r X", "r_x"), ("r A / r B", "r_a/r_b"), ("r A / r X", "r_a/r_x"),
         ("charge of A", "n_a"), ("the chosen one", "chosen")]  # fmt: skip
_ROWS = 25
_MOST = 12  # compounds in the table


class PerovskiteExplorer(Study):
    """See which descriptors divide perovskites from other compounds, and search for new ones.

    The map shows two descriptors with their cuts. **Search** tries some ten thousand expressions; a row of the ranking
    is drawn as histogram, and in the map where an axis is "the chosen one". A click on a compound shows its radii.

    Parameters
    ----------
    data : xarray.Dataset
        Compounds with ``perovskite``, as of `mi_widgets.screening.label_compounds`.
    params : mapping, optional
        ``size``, ``form``: as in `mi_widgets.screening.search_expressions`; ``x``, ``y``: descriptors of the map;
        ``anion``: which compounds are drawn, ``"all"`` or the name of one.
    threaded : bool
        Run in a thread beside the page; False runs in the caller.

    Attributes
    ----------
    result : xarray.Dataset or None
        What `mi_widgets.screening.search_expressions` gives.
    selection : dict
        ``expression``: texts of descriptors, of which the first is drawn; ``candidate``: names of compounds.
    params, state, code
        As of every `Explorer`; `code` needs the data as ``ds``.

    Raises
    ------
    LabelError, DataError
        The data are no such compounds; the message says what is missing.

    Examples
    --------
    >>> from mi_widgets.datasets import make_perovskites
    >>> explorer = PerovskiteExplorer(make_perovskites(n_compounds=60), threaded=False)
    >>> explorer.chosen
    'tau'
    >>> explorer.close()
    """

    title, run_label, unit, data_name = "Perovskites", "Search", "expressions", "ds"
    run_tooltip = "Try some ten thousand expressions of radii and charge, without each anion in turn"
    points_at: ClassVar[tuple[str, ...]] = ("expression", "candidate")

    def __init__(self, data: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        self._known = screening.compare_descriptors(data, _KNOWN).sortby("cv_error")  # which checks the data
        self._factors = screening.tolerance_factors(data)
        if "candidate" not in data.dims:
            raise LabelError(
                f"PerovskiteExplorer needs compounds along 'candidate'; they are along {tuple(data.dims)}."
            )
        names = data["candidate"].values.tolist()
        if len(set(names)) < len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise LabelError(
                f"compound {twice!r} is there twice, and a click could not tell them; name each otherwise."
            )
        self._fits: dict[tuple[str, str], xr.Dataset] = {}
        self._drawn_result: xr.Dataset | None = None
        self._drawn = ""
        anions = sorted(set(data["anion"].values.astype(str).tolist()))
        forms = [("on one side", "threshold"), ("between two values", "window")]
        self.__dict__["fields"] = (
            Field("size", "small", "expressions", "How many expressions are tried", kind="choice",
                  options=[("12,348", "small"), ("36,540", "large")], width="95px"),
            Field("form", "threshold", "perovskites lie", "One cut, or two as for Goldschmidt's t", kind="choice",
                  options=forms, width="155px"),
            Field("x", "t", "across", "Descriptor across the map", kind="choice", options=_AXES, compute=False,
                  width="150px"),
            Field("y", "chosen", "up", "Descriptor up the map", kind="choice", options=_AXES, compute=False,
                  width="150px"),
            Field("anion", "all", "anion", "Which compounds are drawn", kind="choice", options=["all", *anions],
                  compute=False, width="80px"),
        )  # fmt: skip
        super().__init__(data, params=params, threaded=threaded)

    # ---- the call --------------------------------------------------------------------------------------

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return screening.iter_search_expressions(self.data, size=params["size"], form=params["form"])

    def _make_code(self) -> str:
        p = self.params
        return (
            "from mi_widgets import screening\n"
            f"result = screening.search_expressions(ds, size={p['size']!r}, form={p['form']!r})"
        )

    @property
    def chosen(self) -> str:
        """The descriptor that is drawn: the one pointed at, else the best one found, else tau."""
        for name in self.selection.get("expression", []):
            return str(name)
        return "tau" if self.result is None else str(self.result["expression"].values[0])

    @property
    def fit(self) -> xr.Dataset:
        """What `mi_widgets.screening.fit_descriptor` gives for the descriptor that is drawn."""
        return self._fit(self.chosen)

    def _fit(self, name: str) -> xr.Dataset:
        key = (name, self.params["form"])
        if key not in self._fits:
            made = screening.fit_descriptor(self.data, name, form=key[1])
            self._fits = dict(list(self._fits.items())[-30:]) | {key: made}
        return self._fits[key]

    # ---- the page --------------------------------------------------------------------------------------

    def _make_page(self) -> ipw.Widget:
        x, y = self._axes()
        self._map = CompoundMap(self.view, self._compounds_picked, x, y)
        self._histogram = self.view("histogram", plot_descriptor_histogram(self.fit))
        self._ranked = self.view("ranking", plot_expression_ranking(self._known))
        self._expressions = RowTable(text.EXPRESSION_COLUMNS, self.guard(self._expression_picked))
        self._compounds = RowTable(text.COMPOUND_COLUMNS, self.guard(self._row_picked))
        self._note, self._about, self._none = ipw.HTML(), ipw.HTML(), ipw.HTML()
        self._draw_ranking()
        self._draw_texts()
        left = stack("Compounds over two descriptors", self._map.view)
        right = stack("The chosen one", self._about, self._histogram)
        below = stack("Descriptors, the best first", self._expressions, self._note, self._ranked)
        return ipw.VBox([beside(left, right, shares=(1.0, 1.0)), self._none, self._compounds, below])

    def _compared(self) -> xr.Dataset:
        return screening.compare_descriptors(self.data, _KNOWN, form=self.params["form"]).sortby("cv_error")

    def _axes(self) -> tuple[xr.Dataset, xr.Dataset]:
        names = [self.chosen if self.params[n] == "chosen" else self.params[n] for n in ("x", "y")]
        return self._fit(names[0]), self._fit(names[1])

    def _shown(self) -> np.ndarray:
        anion, have = self.params["anion"], self.data["anion"].values.astype(str)
        return np.ones(have.size, dtype=bool) if anion == "all" else np.asarray(have == anion)

    def _sizes_text(self) -> str:
        return f"{self.data.sizes['candidate']:,} compounds"

    def _count(self) -> str:
        n = 0 if self.result is None else int(self.result.attrs["n_distinct"])
        return f"{n:,} descriptors tried"

    def _table(self) -> xr.Dataset:
        return self._known if self.result is None else self.result

    def _draw_result(self) -> None:
        self._draw_ranking()
        if not self.worker.running and self._drawn_result is not self.result:  # pictures once, at the end
            self._drawn_result = self.result
            self._ranked.show(plot_expression_ranking(self._table()))
            self._draw_chosen()

    def _draw_ranking(self) -> None:
        self._expressions.rows = text.expression_rows(self._table(), _ROWS)
        self._mark_row()
        self._note.value = text.note(self.result)

    def _mark_row(self) -> None:
        self._expressions.chosen = [r["id"] for r in self._expressions.rows if r["cells"][0] == self.chosen]

    def _draw_texts(self) -> None:
        self._drawn = self.chosen
        self._mark_row()
        self._about.value = text.about_expression(self.fit)
        self._draw_compounds()

    def _draw_chosen(self) -> None:
        self._draw_texts()
        self._histogram.show(plot_descriptor_histogram(self.fit))
        self._draw_map()

    def _draw_map(self) -> None:
        self._map.show(*self._axes(), self._shown())

    def _draw_compounds(self) -> None:
        chosen = self._positions()
        self._map.choose(chosen)
        self._compounds.rows = text.compound_rows(self.data, self._factors, self.fit, chosen[:_MOST])
        more = f"{len(chosen) - _MOST} more are marked." if len(chosen) > _MOST else ""
        hint = more if chosen else "Click on a compound to see its radii; with shift, several."
        self._none.value = f'<div class="mi-hint">{hint}</div>'

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        if set(changed) == set(self.params):
            if self.params["form"] != "threshold":  # drawn with the defaults
                self._known = self._compared()
                self._draw_ranking()
            return
        if "form" in changed:
            self._known = self._compared()
            self._draw_ranking()
            if self.result is None:
                self._ranked.show(plot_expression_ranking(self._known))
            self._draw_chosen()
        elif set(changed) & {"x", "y", "anion"}:
            self._draw_map()

    def _draw_selection(self) -> None:
        if self.chosen != self._drawn:
            self._draw_chosen()
        else:
            self._draw_compounds()

    # ---- pointing --------------------------------------------------------------------------------------

    def _positions(self) -> list[int]:
        names = self.data["candidate"].values.tolist()
        return [names.index(c) for c in self.selection.get("candidate", []) if c in names]

    def _compounds_picked(self, compounds: list[int], add: bool) -> None:
        self.point("candidate", self.data["candidate"].values[compounds].tolist(), add)

    def _row_picked(self, number: int, _add: bool) -> None:
        self.point("candidate", [self.data["candidate"].values[number].item()])

    def _expression_picked(self, number: int, _add: bool) -> None:
        self.point("expression", [str(self._expressions.rows[number]["cells"][0])])

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for name in selection.get("expression", []):
            screening.fit_descriptor(self.data, str(name))  # says what cannot be read
        return super()._snapped(selection)
