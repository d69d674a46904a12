"""Yields of catalysts in the page: density of scores, predictions, models side by side, the volcano."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import holoviews as hv
import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets import screening
from mi_widgets.errors import LabelError, MIWidgetsError, ParameterError
from mi_widgets.plots import yields as plots
from mi_widgets.runs import Part
from mi_widgets.widgets import _yield_text as text
from mi_widgets.widgets._explorer import ByIdentity
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._study import Field, Study, beside, row, stack, tabs
from mi_widgets.widgets._tap import NearestTap
from mi_widgets.widgets._warned import warned
from mi_widgets.widgets._yield_data import yield_target

__all__ = ["YieldExplorer"]

_KINDS: dict[str, dict[str, Any]] = {
    "linear": {"degree": 1},
    "quadratic": {"degree": 2},
    "kernel": {"model": "kernel"},
}
_CHOICES = [("kernels", "kernel"), ("squares and products", "quadratic"), ("lines", "linear")]
_N_ROWS = 12


class YieldExplorer(Study):
    """Find the few variables that decide a yield, see what the data cannot separate, and how well it is predicted.

    Searches every subset of the variables; a bar of the density of scores lists its subsets, a row shows what its
    subset predicts. **Compare models** predicts each candidate without it, choice of variables and all. Points stand
    for the same candidates in every picture.

    Parameters
    ----------
    data : xarray.Dataset
        ``features`` (candidate, feature) and ``yield`` (candidate) with its unit, ``"percent"`` or ``"1"``, as
        `mi_widgets.datasets.make_catalyst_yields` gives them.
    params : mapping, optional
        ``kind`` of the models that are searched (``"kernel"``, ``"quadratic"``, ``"linear"``), ``max_features``;
        ``n_folds``, ``n_chosen`` (variables of a subset at most) and ``seed`` of the comparison; ``slope`` (eV/eV) and
        ``temperature`` (K) of the volcano, ``percent``.
    threaded : bool
        Run in a thread beside the page; False runs in the caller.

    Attributes
    ----------
    result : xarray.Dataset or None
        Of `mi_widgets.screening.exhaustive_search`.
    compared : xarray.Dataset or None
        Of `mi_widgets.screening.compare_yield_models`.
    target : xarray.DataArray
        Log odds of the yields.
    selection : dict
        ``feature``: the variables of the subset that is shown; ``candidate``: labels; ``model``: name of the model
        whose predictions are shown.

    Raises
    ------
    LabelError, DataError
        The data are not as above; yields lie outside 0 to 100 percent; the message says what to write.
    ParameterError
        A parameter is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> explorer = YieldExplorer(make_catalyst_yields(), params={"max_features": 3}, threaded=False)
    >>> explorer.run(wait=True)
    >>> explorer.selection["feature"]
    ['d_band_center', 'work_function', 'metal_charge']
    >>> explorer.close()
    """

    title, run_label, unit, data_name = "Yield", "Search all subsets", "subsets", "ds"
    run_tooltip = "Find the leave-one-out error of every subset of the variables"
    points_at: ClassVar[tuple[str, ...]] = ("feature", "candidate", "model")
    compared = ByIdentity(None, allow_none=True)
    fields = (
        Field("kind", "kernel", "searched with", "Models whose errors are compared", kind="choice", options=_CHOICES,
              width="170px"),
        Field("max_features", None, "variables at most", "Of a subset; empty: all, or 3 for squares and products",
              kind="integer", low=1, high=40, optional=True),
        Field("n_chosen", 3, "chosen in a fold", "Variables that models may choose in each fold, at most",
              kind="integer", low=1, high=5, compute=False),
        Field("n_folds", 10, "folds", "Parts that are left out in turn", kind="integer", low=2, high=100,
              compute=False),
        Field("seed", 0, "seed", "Of the folds", kind="integer", low=0, high=10_000, compute=False),
        Field("slope", 0.3, "slope of the barriers", "Rise of a barrier with the adsorption energy", unit="eV/eV",
              low=0.01, high=5.0, compute=False),
        Field("temperature", 700.0, "temperature", "Of the reaction", unit="K", low=50.0, high=3000.0, compute=False),
        Field("percent", False, "in percent", "Draw the volcano in percent instead of log odds", kind="flag",
              compute=False),
    )  # fmt: skip

    def __init__(self, data: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        with warned() as texts:
            self.target = yield_target(data)
        self._compared_with: dict[str, Any] = {}
        self._bin: tuple[float, float] | None = None
        self._places = np.zeros(0, dtype=np.int64)
        self._shown: dict[str, Any] = {}
        self._round = 0
        self._prediction: xr.Dataset | None = None
        self._volcano: xr.Dataset | None = None
        super().__init__(data, params=params, threaded=threaded)
        self.show_warnings(texts)

    # ---- the calls -----------------------------------------------------------------------------------------

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        n, k = self.data["features"].sizes["candidate"], self.data["features"].sizes["feature"]
        if params["max_features"] is not None and params["max_features"] > k:
            raise ParameterError(f"max_features must not be more than the {k} variables; got {params['max_features']}.")
        if params["n_folds"] > n // 2:
            raise ParameterError(f"n_folds must be a whole number from 2 to {n // 2}; got {params['n_folds']}.")
        return params

    def _options(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {**_KINDS[params["kind"]], "max_features": params["max_features"]}

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return screening.iter_exhaustive_search(self.data["features"], self.target, **self._options(params))

    def _comparison(self, params: Mapping[str, Any]) -> dict[str, Any]:
        names = {"max_features": "n_chosen", "n_folds": "n_folds", "slope": "slope", "temperature": "temperature",
                 "seed": "seed"}  # fmt: skip
        return {k: params[v] for k, v in names.items()}

    def _make_code(self) -> str:
        def given(options: Mapping[str, Any]) -> str:
            return "".join(f", {k}={v!r}" for k, v in options.items() if v is not None)

        ds, found = self.data_name, given(self._options(self.params))
        lines = ["from mi_widgets import screening", "",
                 f"# {ds} = datasets.make_catalyst_yields()   <- put the name of your Dataset here",
                 f"target = screening.log_odds({ds}['yield'])",
                 f"result = screening.exhaustive_search({ds}.features, target{found})"]  # fmt: skip
        if self.compared is not None and self._compared_with == self._comparison(self.params):
            more = given(self._compared_with)
            lines.append(f"compared = screening.compare_yield_models({ds}.features, target{more})")
        return "\n".join(lines)

    def run(self, wait: bool = False) -> None:
        """Search all subsets; while something runs, do nothing.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        if not self.worker.running:
            self.run_bar.unit = "subsets"
        super().run(wait)

    def compare(self, wait: bool = False) -> None:
        """Compare models, each of which chooses its variables anew in every fold; while something runs, do nothing.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        if self.worker.running:
            return
        self.run_bar.unit = "fits"
        options = self._comparison(self.params)

        def parts(_params: dict[str, Any]) -> Iterator[Part]:
            return screening.iter_compare_yield_models(self.data["features"], self.target, **options)

        def take(part: Part) -> None:
            if part.result is not None:
                self._compared_with = options
                self.compared = part.result
                self.code = self._make_code()

        self._tabs.buttons.value = "models side by side"
        self._launch(parts, take, wait)

    # ---- the page ------------------------------------------------------------------------------------------

    def _make_page(self) -> ipw.Widget:
        self._captioned = dict(zip((f.name for f in self.fields), self.controls.children, strict=True))
        empty = hv.Points([], label="candidates").opts(backend="bokeh", responsive=True, height=200)
        bars = hv.Rectangles([], label="subsets").opts(backend="bokeh", responsive=True, height=200)
        models = hv.Points([], label="models").opts(backend="bokeh", responsive=True, height=200)
        taps = {
            "subset": NearestTap(lambda: self._parity(self._prediction), self.guard(self._candidate_picked)),
            "model": NearestTap(lambda: self._parity(self._of_model()), self.guard(self._candidate_picked)),
            "volcano": NearestTap(self._over_energy, self.guard(self._candidate_picked)),
        }
        self._taps = taps
        self._pictures = {
            "density": self.view("density", bars, wire=self._wire_density),
            "subset": self.view("subset", empty, wire=taps["subset"].wire_to("candidates")),
            "errors": self.view("errors", models),
            "model": self.view("model", empty, wire=taps["model"].wire_to("candidates")),
            "volcano": self.view("volcano", empty, wire=taps["volcano"].wire_to("candidates")),
            "variables": self.view("variables", empty),
        }
        self._slots = {name: ipw.VBox() for name in self._pictures}
        for name, slot in self._slots.items():
            slot.add_class(f"mi-{name}")
        self._subsets = RowTable(text.SUBSET_COLUMNS, self.guard(self._subset_picked))
        self._models = RowTable(text.MODEL_COLUMNS, self.guard(self._model_picked))
        self._notes = {n: ipw.HTML() for n in ("search", "models", "volcano", "candidate", "title")}
        compare = ipw.Button(description="Compare models", tooltip="Predict each candidate without it, by six models",
                             layout={"width": "auto"})  # fmt: skip
        compare.on_click(lambda _: self.compare())
        compare.add_class("mi-compare")
        fold_fields = self._take_controls("n_chosen", "n_folds", "seed")
        volcano_fields = self._take_controls("slope", "temperature", "percent")
        self._tabs = tabs(
            models_side_by_side=ipw.VBox([
                row(compare, *fold_fields), self._models, self._notes["models"],
                beside(self._slots["errors"], self._slots["model"]),
            ]),
            volcano=ipw.VBox([row(*volcano_fields), beside(self._slots["volcano"], self._notes["volcano"],
                                                           shares=(1.5, 1.0))]),
            variables=self._slots["variables"],
        )  # fmt: skip
        self._tabs.buttons.observe(self.guard(lambda _: self._draw_tab()), "value")
        self._draw_texts()
        return ipw.VBox([
            beside(stack("How many subsets have which error: click on a bar", self._slots["density"],
                         self._notes["search"]),
                   ipw.VBox([self._notes["title"], self._slots["subset"], self._notes["candidate"]])),
            stack("Subsets", self._subsets), self._tabs,
        ])  # fmt: skip

    def _take_controls(self, *names: str) -> list[ipw.Widget]:
        """Captioned controls of these fields, taken out of the row on top."""
        taken = [self._captioned[name] for name in names]
        self.controls.children = [c for c in self.controls.children if c not in taken]
        return taken

    def _wire_density(self, view: Any) -> None:
        from bokeh.events import Tap

        view.figure("subsets").on_event(Tap, self.guard(self._bin_tapped))

    def _show(self, name: str, element: Any) -> None:
        view, slot = self._pictures[name], self._slots[name]
        view.show(element)
        if not slot.children:
            slot.children = [view]

    # ---- drawing -------------------------------------------------------------------------------------------

    def _count(self) -> str:
        return f"{self.result.sizes['subset']:,} subsets" if self.result is not None else "done"

    def _draw_result(self) -> None:
        if self.worker.running:
            if self.run_bar.unit == "fits" and self.compared is not None:
                self._models.rows = text.model_rows(self.compared)
            return
        if self._new("result", self.result) and self.result is not None:
            self._show("density", plots.plot_score_density(self.result))
            self._bin = None
            members = self.result["member"].values[0] == 1
            self.selection = dict(self.selection) | {"feature": self.result["feature"].values[members].tolist()}
            self._draw_subsets()
        if self._new("compared", self.compared) and self.compared is not None:
            self._models.rows = text.model_rows(self.compared)
            known = self.compared["model"].values.astype(str).tolist()
            error = self.compared["error"].values
            if self.selection["model"][:1] not in [[m] for m in known] and np.isfinite(error).any():
                self.selection = dict(self.selection) | {"model": [known[int(np.nanargmin(error))]]}
        self._draw_selection()

    def _new(self, what: str, state: Any) -> bool:
        """Whether something has to be drawn again: where what it shows has changed."""
        old, self._shown[what] = self._shown.get(what), state
        if what not in ("result", "compared"):
            return bool(old != state)
        self._round += old is not state  # a number, for an id may come again
        return old is not state

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        if hasattr(self, "_tabs") and set(changed) & {"slope", "temperature", "percent", "n_chosen", "n_folds", "seed"}:
            self._draw_tab()

    def _draw_texts(self) -> None:
        self._notes["search"].value = text.about_search(self.result)
        stale = self._compared_with != self._comparison(self.params)
        self._notes["models"].value = text.about_models(self.compared, stale)

    def _draw_subsets(self) -> None:
        if self.result is None:
            return
        error = self.result["error"].values
        low, high = self._bin or (-np.inf, np.inf)
        self._places = np.flatnonzero((error >= low) & (error <= high))[:_N_ROWS]
        self._subsets.rows = text.subset_rows(self.result, self._places)
        n = int(((error >= low) & (error <= high)).sum())
        self._subsets.note = f"the first {len(self._places)} of {n:,}" + (" in this bar" if self._bin else "")

    def _draw_selection(self) -> None:
        if not hasattr(self, "_tabs"):
            return
        if self.result is not None:
            names = self.result["feature"].values.astype(str)
            wanted = np.isin(names, self.selection["feature"]).astype(np.int8)
            same = (self.result["member"].values[self._places] == wanted).all(axis=1)
            self._subsets.chosen = np.flatnonzero(same).tolist()
        self._draw_subset()
        self._draw_tab()
        self._draw_texts()
        self._draw_candidates()

    def _draw_subset(self) -> None:
        variables, kind = list(self.selection["feature"]), (self._computed or self.params)["kind"]
        if not variables or not self._new("subset", (tuple(variables), kind)):
            return
        self._prediction = screening.predict_subset(self.data["features"], self.target, variables, **_KINDS[kind])
        self._show("subset", plots.plot_subset(self._prediction))
        told = ", ".join(v.replace("_", " ") for v in variables)
        r2 = float(self._prediction["r_squared"])
        self._notes["title"].value = text.heading(f"Predicted without the candidate: {told} (r² {r2:.3f})")

    def _draw_tab(self) -> None:
        name = str(self._tabs.buttons.value)
        if name == "models side by side" and self.compared is not None and not self.worker.running:
            if self._new("errors", self._round):
                self._show("errors", plots.plot_nested_predictions(self.compared))
            model = next(iter(self.selection["model"]), None)
            names = self.compared["model"].values.astype(str).tolist()
            self._models.chosen = [names.index(model)] if model in names else []
            if model in names and self._new("model", (self._round, model)):
                self._show(
                    "model", plots.plot_subset(self.compared.sel(model=model), title=str(model).replace("_", " "))
                )
        elif name == "volcano" and self.selection["feature"]:
            self._draw_volcano()
        elif name == "variables" and self.result is not None and not self.worker.running:
            self._draw_variables()
        self._draw_texts()

    def _draw_variables(self) -> None:
        if self.result is not None and self._new("variables", self._round):
            self._show("variables", plots.plot_chosen_variables(self.result, self.compared))

    def _draw_volcano(self) -> None:
        p, variables = self.params, list(self.selection["feature"])
        state = (tuple(variables), p["slope"], p["temperature"], p["percent"])
        if not self._new("volcano", state):
            return
        some = self.data["features"].sel(feature=variables)
        try:
            self._volcano = screening.fit_volcano(some, self.target, slope=p["slope"], temperature=p["temperature"])
        except MIWidgetsError as error:  # too many variables for the candidates: said where the picture would be
            self._volcano = None
            self._notes["volcano"].value = text.about_volcano(None, None, str(error))
            self._slots["volcano"].children = []
            return
        found = screening.evaluate_volcano(self._volcano, some)
        self._show("volcano", plots.plot_volcano(self._volcano, percent=p["percent"]))
        self._notes["volcano"].value = text.about_volcano(self._volcano, found)

    def _draw_candidates(self) -> None:
        chosen = [str(c) for c in self.selection["candidate"]]
        for tap in self._taps.values():
            tap.mark(chosen)
        self._notes["candidate"].value = text.about_candidates(
            self.data, self.target, self._prediction, self.selection["candidate"], self.selection["feature"]
        )

    # ---- what a click means --------------------------------------------------------------------------------

    def _parity(self, ds: xr.Dataset | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
        if ds is None:
            return np.zeros(0), np.zeros(0), []
        return ds["true"].values, ds["prediction"].values, [str(v) for v in ds["candidate"].values]

    def _of_model(self) -> xr.Dataset | None:
        model = next(iter(self.selection.get("model", [])), None)
        return None if self.compared is None or model is None else self.compared.sel(model=model)

    def _over_energy(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        fit = self._volcano
        if fit is None:
            return np.zeros(0), np.zeros(0), []
        y = fit["true"].values
        y = 100 / (1 + np.exp(-y)) if self.params["percent"] else y
        return fit["energy"].values, y, [str(v) for v in fit["candidate"].values]

    def _candidate_picked(self, name: str | None) -> None:
        labels = [v for v in self.data["candidate"].values.tolist() if str(v) == name]
        self.point("candidate", labels)

    def _bin_tapped(self, event: Any) -> None:
        if event.x is None or self.result is None:
            return
        bars = plots.density_columns(self.result)
        there = np.flatnonzero(bars["counts"] > 0)
        near = there[np.argmin(np.abs((bars["left"] + bars["right"])[there] / 2 - event.x))]
        last = near == there[-1]
        self._bin = float(bars["left"][near]) - 1e-12, np.inf if last else float(bars["right"][near]) + 1e-12
        self._draw_subsets()
        self._subset_picked(0, False)

    def _subset_picked(self, number: int, _add: bool) -> None:
        if self.result is not None and number < len(self._places):
            members = self.result["member"].values[int(self._places[number])] == 1
            self.point("feature", self.result["feature"].values[members].tolist())
            self._draw_selection()

    def _model_picked(self, number: int, _add: bool) -> None:
        if self.compared is not None:
            self.point("model", [str(self.compared["model"].values[number])])

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        wrong = [m for m in selection.get("model", []) if m not in screening.YIELD_MODELS]
        if wrong:
            raise LabelError(f"there is no model {wrong[0]!r}; there are {', '.join(screening.YIELD_MODELS)}.")
        features = [str(v) for v in self.data["features"]["feature"].values]
        unknown = [v for v in selection.get("feature", []) if v not in features]
        if unknown:
            raise LabelError(f"there is no variable {unknown[0]!r}; there are {', '.join(features)}.")
        return super()._snapped(selection)
