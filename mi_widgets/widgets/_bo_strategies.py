"""Strategies against chance, on a table whose answers are known: how many trials each needs."""

import html
from collections.abc import Iterator, Mapping
from typing import Any

import ipywidgets as ipw
import numpy as np
import pandas as pd
import traitlets
import xarray as xr

from mi_widgets import bo
from mi_widgets.bo._acquisition import ACQUISITIONS
from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots.bo import plot_strategies
from mi_widgets.runs import Part
from mi_widgets.widgets._bo_pictures import SteadyView
from mi_widgets.widgets._explorer import Explorer
from mi_widgets.widgets._fields import Quiet, field, read_number

__all__ = ["StrategyComparer"]

STRATEGIES = ("random", "default", *(a for a in ACQUISITIONS if a not in ("target", "ehvi", "scalarised")))
_KINDS = {"histograms": "trials", "mean trials": "mean", "best so far": "best"}
_COUNTS = {
    "n_initial": ("drawn at random", "Candidates drawn at random at the beginning of each search; they count"),
    "n_steps": ("trials", "Trials of each search, at most"),
    "n_repeats": ("searches", "Searches of each strategy, each from another start; all strategies share the starts"),
    "seed": ("seed", "Of everything that is drawn"),
}
_FEW = 3000
_EMPTY = (
    '<div class="mi-hint">Nothing has been run yet. Choose strategies, then <b>Run</b>. One search proves nothing: it '
    "may be lucky; twenty from different starts tell.</div>"
)
_TIPS = {"random": "Draw candidates at random", "default": "What Search does if nothing is said: its rule by default"}


class StrategyComparer(Explorer):
    """Run strategies of search on a known table, and see how many trials each needs to find the best candidate.

    *Run* goes on where a cancelled run ended, as long as nothing else was changed.

    Parameters
    ----------
    features : pandas.DataFrame or xarray.DataArray
        Candidates by features, as `mi_widgets.bo.Search` takes them.
    target : array_like or pandas.Series
        The known value of each candidate, in their order or by label.
    goal : {"min", "max"}
        What is looked for.
    options : mapping, optional
        Options of `Search` that all strategies share, such as ``{"periodic": {"x": 8.1}, "transform": "log"}``.
    params : mapping, optional
        Those that differ from the defaults: ``strategies`` (names of acquisitions, ``"default"``, ``"random"``),
        ``n_initial``, ``n_steps``, ``n_repeats``, ``seed``, ``threshold`` (what counts as found; None: the best of the
        table), ``stop`` (end a search once it has found it).
    threaded : bool, default True
        Run in threads beside the page.

    Attributes
    ----------
    result : xarray.Dataset or None
        As of `mi_widgets.bo.replay` with the same parameters.
    code : str
        Lines that give it, with ``features`` and ``target``.
    kind : str
        ``"trials"`` (histograms), ``"mean"`` or ``"best"``.

    Raises
    ------
    DataError, LabelError
        As `mi_widgets.bo.replay`.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 60)
    >>> comparer = StrategyComparer(pd.DataFrame({"x": x}), (x - 0.4) ** 2, threaded=False,
    ...                             params={"strategies": ["random", "ei"], "n_repeats": 4, "n_steps": 30})
    >>> comparer.run()
    >>> bool(comparer.result.mean_trials.sel(strategy="ei") < 30)
    True
    """

    unit, run_label, run_tooltip = "searches", "Run", "Run all searches, or go on with those that are missing"
    data_name = "features"
    kind = traitlets.Enum(tuple(_KINDS.values()), "trials")
    #: What stands in the place of this where values are not known.
    hint = (
        '<div class="mi-hint">To compare strategies, the values of all candidates must be known: a table that was '
        "measured or computed before, like the one that is searched. Write "
        "<code>SearchExplorer(search, values=table)</code>.</div>"
    )

    def __init__(
        self,
        features: pd.DataFrame | xr.DataArray,
        target: Any,
        *,
        goal: str = "min",
        options: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        threaded: bool = True,
    ) -> None:
        self.table = _values(features, target)
        self.target, self.goal, self.options = target, goal, dict(options or {})
        self._ran: dict[str, Any] | None = None
        self._starting: dict[str, Any] = {}
        super().__init__(features, params=params, threaded=threaded)
        self._quiet = Quiet()
        self._build()
        self.observe(self._params_shown, "params")
        self.observe(lambda _: self._draw_result(), "kind")

    # ---- what the base asks for ------------------------------------------------------------------------------------

    def _default_params(self) -> dict[str, Any]:
        n = len(self.table)
        return {"strategies": ["random", "default", "ei", "z_score"], "n_initial": min(5, n), "n_steps": min(n, 100),
                "n_repeats": 20, "seed": 0, "threshold": None, "stop": True}  # fmt: skip

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        unknown = [s for s in params["strategies"] if s not in STRATEGIES]
        if unknown or not params["strategies"]:
            raise ParameterError(
                f"strategies must be some of {', '.join(STRATEGIES)}; got {unknown[0] if unknown else 'none'!r}."
            )
        params["strategies"] = [s for s in STRATEGIES if s in params["strategies"]]
        n = len(self.table)
        for name, least, most in (("n_initial", 1, n), ("n_steps", params["n_initial"], n), ("n_repeats", 1, 10_000),
                                  ("seed", 0, 2**31)):  # fmt: skip
            value = params[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
                raise ParameterError(f"{_COUNTS[name][0]} must be a whole number; got {value!r}.")
            if not least <= value <= most:
                raise ParameterError(f"{_COUNTS[name][0]} must be from {least:g} to {most:g}; got {value:g}.")
            params[name] = int(value)
        edge = params["threshold"]
        if edge is not None and not (isinstance(edge, int | float) and np.isfinite(edge)):
            raise ParameterError(f"what counts as found must be a number, or empty for the best; got {edge!r}.")
        params["stop"] = bool(params["stop"])
        return params

    def _call(self, params: dict[str, Any]) -> dict[str, Any]:
        """Arguments of `bo.replay`."""
        named: Any = params["strategies"]
        if self.options:
            words: dict[str, Any] = {"random": None, "default": dict(self.options)}
            named = {s: words.get(s, {**self.options, "acquisition": s}) for s in named}
        numbers = {k: params[k] for k in ("n_initial", "n_steps", "n_repeats", "seed", "stop")}
        edge = {} if params["threshold"] is None else {"threshold": params["threshold"]}
        return {"strategies": named, "goal": self.goal, **numbers, **edge}

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        resume = self.result if self._ran == params else None
        self._starting = params
        workers = 1 if len(self.table) < _FEW else None  # threads of small searches would only keep the page waiting
        return bo.iter_replay(self.data, target=self.target, resume=resume, n_workers=workers, **self._call(params))

    def _take(self, part: Part) -> None:
        self._ran = self._starting
        super()._take(part)

    def _make_code(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self._call(self.params).items())
        return f"from mi_widgets import bo\n\nresult = bo.replay(features, target=target, {arguments})"

    def _draw_result(self) -> None:
        table = self.table
        empty = self.result is None
        self.view.layout.display = "none" if empty else None
        self.empty.layout.display = None if empty else "none"
        if not empty:
            kind: Any = self.kind
            self.view.draw(plot_strategies(self.result, kind=kind, goal=self.goal, table=table))

    # ---- the parts -------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.boxes = {name: ipw.ToggleButton(
            description=name.replace("_", " "), layout={"width": "auto"}, tooltip=_TIPS.get(name) or
            ACQUISITIONS.get(name, name)) for name in STRATEGIES}  # fmt: skip
        self.fields = {name: ipw.Text("", continuous_update=False, tooltip=tip, layout={"width": "64px"})
                       for name, (_, tip) in _COUNTS.items()}  # fmt: skip
        self.edge = ipw.Text("", placeholder="the best", continuous_update=False, layout={"width": "84px"}, tooltip=(
            "What counts as found: a value at least as good as this; empty: the best of the table"))  # fmt: skip
        self.stop_box = ipw.Checkbox(description="stop when found", indent=False, layout={"width": "auto"}, tooltip=(
            "End each search once it has found what it looks for"))  # fmt: skip
        self.kinds = ipw.ToggleButtons(options=list(_KINDS), tooltips=[
            "How many searches took how many trials", "Mean number of trials with its standard error",
            "Distance from the best of the table over the trials: median and quartiles"])  # fmt: skip
        self.kinds.add_class("mi-tabs")
        self.kinds.observe(lambda c: setattr(self, "kind", _KINDS[c["new"]]), "value")
        self._params_shown(None)
        for widget in (*self.boxes.values(), *self.fields.values(), self.edge, self.stop_box):
            widget.observe(self.guard(self._typed), "value")
        self.view = SteadyView(_nothing(), lock=self.lock, on_error=self.show_error)
        self.empty = ipw.HTML(_EMPTY)
        choose = ipw.HBox(list(self.boxes.values()))
        counts = (field(_COUNTS[n][0], w) for n, w in self.fields.items())
        numbers = ipw.HBox([*counts, field(_unit_text(self), self.edge), self.stop_box])
        for row in (choose, numbers):
            row.add_class("mi-row")
        self.children = [choose, numbers, self.run_bar, self.message, self.kinds, self.empty, self.view]
        self._draw_result()

    def _params_shown(self, _change: Any) -> None:
        with self._quiet:
            for name, box in self.boxes.items():
                box.value = name in self.params["strategies"]
            for name, text in self.fields.items():
                text.value = str(self.params[name])
            edge = self.params["threshold"]
            self.edge.value = "" if edge is None else f"{edge:.8g}"
            self.stop_box.value = self.params["stop"]

    def _typed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            numbers = {}
            for name, text in self.fields.items():
                value = read_number(text.value, _COUNTS[name][0])
                if value is None:
                    raise ParameterError(f"{_COUNTS[name][0]}: write a whole number, such as {self.params[name]}.")
                numbers[name] = value
            chosen = [name for name, box in self.boxes.items() if box.value]
            self.set_params(strategies=chosen, threshold=read_number(self.edge.value, "what counts as found"),
                            stop=self.stop_box.value, **numbers)  # fmt: skip
            self.clear_error()
        finally:
            self._params_shown(None)  # what is shown is what is used, also where something was refused


def _unit_text(app: StrategyComparer) -> str:
    units = str(getattr(app.target, "attrs", {}).get("units", "1"))
    sign = "≤" if app.goal == "min" else "≥"
    return f"found where {sign}" + ("" if units == "1" else f" ({html.escape(units)})")


def _values(features: Any, target: Any) -> np.ndarray:
    """Known values in the order of the candidates; what is wrong is said before anything is run."""
    n = features.sizes.get("candidate", 0) if isinstance(features, xr.DataArray) else len(features)
    if isinstance(target, pd.Series) and isinstance(features, pd.DataFrame):
        target = target.reindex(features.index)
    values = np.asarray(target, dtype=float).reshape(-1)
    if values.size != n or not np.isfinite(values).all():
        raise LabelError(
            f"StrategyComparer needs one finite value for each of {n} candidates; got {values.size} with "
            f"{int((~np.isfinite(values)).sum())} that are not finite."
        )
    return values


def _nothing() -> Any:
    """A figure that shows nothing, until there is something to show."""
    import holoviews as hv

    bare: dict[str, Any] = {"xaxis": None, "yaxis": None, "toolbar": None, "title": "", "show_frame": False}
    return hv.Overlay([hv.Points([], label="nothing")]).opts(height=60, responsive=True, backend="bokeh", **bare)
