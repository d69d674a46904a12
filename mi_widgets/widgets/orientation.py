"""`OrientationExplorer`: the rose diagram, which mixture describes it, and the grains that belong to each part."""

from collections.abc import Iterator, Mapping
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets import orientation
from mi_widgets.errors import LabelError
from mi_widgets.runs import Part
from mi_widgets.widgets._orientation_curves import CurvesPanel, draw_evidence, draw_exchange, draw_posterior
from mi_widgets.widgets._orientation_grains import GrainsPanel
from mi_widgets.widgets._orientation_rose import RosePanel
from mi_widgets.widgets._orientation_tables import COMPONENT_COLUMNS, MODEL_COLUMNS, component_rows, model_rows
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._study import Field, Study, beside, stack, tabs
from mi_widgets.widgets._warned import warned

__all__ = ["OrientationExplorer"]

#: Widths of sectors (degree); the first that fits the rounding of the angles is the default.
WIDTHS = (10.0, 15.0, 20.0, 30.0, 5.0, 6.0, 3.0, 2.0, 1.0)


class OrientationExplorer(Study):
    """Explore the orientations of grains: compare mixtures, see their parts, and pick the grains of each.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        Angles (grain), degree or radian, or a Dataset with them as ``angle``. With coordinates ``x`` and ``y`` the
        grains are drawn in the plane of the section as well.
    params : mapping, optional
        Parameters that differ from the defaults: ``max_components``, ``criterion``, ``free_energy``, ``n_sweeps``,
        ``rounding``, ``period``, ``seed``; and for the picture ``width``, ``scale``, ``north``.
    threaded : bool, default True
        Run beside the page.

    Attributes
    ----------
    selection : dict
        ``grain``: labels of the chosen grains; ``candidate``: name of the model that is shown, empty for the chosen
        one.
    result : xarray.Dataset or None
        Of `mi_widgets.orientation.select_orientation`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations  # doctest: +SKIP
    >>> OrientationExplorer(make_orientations(1577))  # doctest: +SKIP
    """

    title, run_label, unit, data_name = "Orientations of grains", "Compare", "steps", "angles"
    run_tooltip = "Fit all mixtures and say which of them the angles support"
    points_at = ("grain", "candidate")
    fields = (
        Field("max_components", 3, "components up to", "Most components of a mixture", kind="integer", low=1, high=8),
        Field("criterion", "bic", "chosen by", "What chooses the model", kind="choice", width="110px",
              options=[("BIC", "bic"), ("AIC", "aic"), ("AICc", "aicc"), ("free energy", "free_energy")]),
        Field("free_energy", False, "free energies", "Also compute free energies by replica exchange (seconds for each "
              "model)", kind="flag"),
        Field("n_sweeps", 2500, "sweeps", "Sweeps of each run of the replica exchange", kind="integer", low=20,
              high=100000),
        Field("rounding", None, "rounded to", "Step to which the angles were rounded; it caps the concentration. "
              "Empty: as the data show", unit="degree", low=0.0, high=45.0, optional=True),
        Field("period", 180.0, "angles are of", "Axes, whose ends are alike, or directions", kind="choice",
              options=[("axes", 180.0), ("directions", 360.0)], width="110px"),
        Field("seed", 0, "seed", "Of starts and sampling", kind="integer", low=0),
        Field("width", 10.0, "sector", "Width of a sector of the rose", kind="choice", unit="degree", compute=False,
              width="80px", options=[(f"{w:g}", w) for w in sorted(WIDTHS)]),
        Field("scale", "area", "count drawn as", "Whether the area or the length of a sector is as the number of "
              "grains", kind="choice", options=["area", "length"], compute=False, width="90px"),
        Field("north", True, "0° up, clockwise", "0 degree is north and angles run clockwise; else 0 is on the right "
              "and they run anticlockwise", kind="flag", compute=False),
    )  # fmt: skip

    def __init__(
        self, data: xr.DataArray | xr.Dataset, *, params: Mapping[str, Any] | None = None, threaded: bool = True
    ) -> None:
        angles: Any = data
        if isinstance(data, xr.Dataset) and "angle" in data:
            angles = data["angle"].assign_attrs(title=data.attrs.get("title", ""))
        self._roses: dict[Any, xr.Dataset] = {}
        self._drawn: tuple[Any, ...] = ()
        self._tabled: xr.Dataset | None = None
        with warned() as texts:
            first = orientation.rose(angles, width=180.0)  # refuses what cannot be used
            self._labels = np.asarray(first["grain"].values)
            step = float(first["rounding"])
            width = next((w for w in WIDTHS if not step or abs(w / step - round(w / step)) < 1e-6), WIDTHS[0])
            super().__init__(angles, params={"width": width} | dict(params or {}), threaded=threaded)
        self.show_warnings(texts)

    def _make_page(self) -> ipw.Widget:
        self.rose = RosePanel(self.view, self._sector_picked)
        self.chosen_text = ipw.HTML()
        self.chosen_text.add_class("mi-rose-text")
        self.models = RowTable(MODEL_COLUMNS, self._model_picked)
        self.components = RowTable(COMPONENT_COLUMNS, self._component_picked)
        self.evidence = CurvesPanel(self.view, "evidence", ("model", "above the best (root scale)"))
        self.exchange = CurvesPanel(self.view, "exchange", ("inverse temperature", "exchange rate"), logx=True)
        self.posterior = CurvesPanel(self.view, "posterior", ("mean axis (°)", "concentration"))
        pictures: dict[str, ipw.Widget] = {}
        self.section = None
        if {"x", "y"} <= set(self.data.coords):
            self.section = GrainsPanel(self.view, self.data, self._grains_picked)
            pictures["section"] = self.section.view
        more = {"evidence": self.evidence, "exchange": self.exchange, "posterior": self.posterior}
        pictures |= {name: panel.view for name, panel in more.items()}
        self.pictures = tabs(**pictures)
        left = stack("", self.rose.view, self.chosen_text)
        shown = stack("Components of the model shown", self.components)
        tables = beside(stack("Models", self.models), shown, shares=(1.25, 1.25))
        page = ipw.VBox([beside(left, self.pictures, shares=(1.0, 1.25)), tables])
        page.add_class("mi-orientation")
        return page

    # ---- the work --------------------------------------------------------------------------------------

    def _call(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Options of the public call."""
        out = {k: params[k] for k in ("max_components", "criterion", "period", "seed")}
        if params["rounding"] is not None:
            out["rounding"] = params["rounding"]
        return out

    def _sampling(self, params: Mapping[str, Any]) -> orientation.Sampling | None:
        if params["free_energy"] or params["criterion"] == "free_energy":
            return orientation.Sampling(n_sweeps=params["n_sweeps"])
        return None

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return orientation.iter_select_orientation(self.data, sampling=self._sampling(params), **self._call(params))

    def _make_code(self) -> str:
        call = "".join(f", {k}={v!r}" for k, v in self._call(self.params).items())
        sampling = self._sampling(self.params)
        more = "" if sampling is None else f", sampling=orientation.Sampling(n_sweeps={sampling.n_sweeps})"
        return f"from mi_widgets import orientation\n\nresult = orientation.select_orientation(angles{call}{more})\n"

    def _count(self) -> str:
        name = str(self.result.attrs.get("chosen", "")) if self.result is not None else ""
        return f"{name or 'no model'} chosen by {self.params['criterion'].upper().replace('_', ' ')}"

    # ---- parameters ------------------------------------------------------------------------------------

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        with warned():  # told once, when the widget is made
            self._rose(params)  # refuses a width that does not fit
        return params

    def _rose(self, params: Mapping[str, Any]) -> xr.Dataset:
        key = (params["width"], params["period"], params["rounding"])
        if key not in self._roses:
            rounding = "auto" if params["rounding"] is None else params["rounding"]
            self._roses[key] = orientation.rose(
                self.data, width=params["width"], period=params["period"], rounding=rounding
            )
        return self._roses[key]

    # ---- drawing ---------------------------------------------------------------------------------------

    @property
    def shown(self) -> str:
        """Name of the model that is drawn: the one pointed at, else the chosen one."""
        if self.result is None:
            return ""
        there = [str(v) for v in self.result["candidate"].values]
        pointed = [name for name in self.selection.get("candidate", []) if name in there]
        name = pointed[0] if pointed else str(self.result.attrs.get("chosen", ""))
        fitted = name in there and np.isfinite(float(self.result["log_likelihood"].sel(candidate=name)))
        return name if fitted else ""

    def _draw_result(self) -> None:
        if self.result is None or "candidate" not in self.result.dims:
            self.models.rows = self.components.rows = []
            self.models.note = "Compare fits every model; a click on a row shows it."
        elif self.result is not self._tabled:  # parts of one candidate bring the same result
            self.models.rows = model_rows(self.result)
            self.models.note = "★ chosen · a click shows a model in every picture"
            draw_evidence(self.evidence, self.result)
        self._tabled = self.result
        self._draw_model()

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        if {"width", "scale", "north", "period", "rounding"} & set(changed):
            self._draw_model()

    def _draw_selection(self) -> None:
        self._draw_model()

    def _draw_model(self) -> None:
        """Everything that is of one model, and what is chosen."""
        name, params, result = self.shown, self.params, self.result
        rose = self._rose(params)
        one = result.sel(candidate=name) if name and result is not None else None
        curves = None
        if one is not None and float(one["period"]) == params["period"]:
            curves = orientation.evaluate(one)
        key = (
            id(result),
            name,
            params["width"],
            params["period"],
            params["rounding"],
            params["scale"],
            params["north"],
        )
        if key != self._drawn:
            self._drawn = key
            self.rose.show(rose, curves, params["north"], params["scale"])
            if self.section is not None:
                member = None if one is None else one["member"].values
                self.section.show(self._degrees, params["north"], member)
            self.components.rows = [] if one is None else component_rows(one)
            self.components.note = "" if one is None else f"model {name}"
            self._draw_sampling(one, name)
        if result is not None and name:
            self.models.chosen = [int(np.flatnonzero(result["candidate"].values == name)[0])]
        self._draw_chosen(rose, one)

    def _draw_sampling(self, one: xr.Dataset | None, name: str) -> None:
        if one is None or "exchange_rate" not in one:
            for panel in (self.exchange, self.posterior):
                panel.show((), (), None, None, [], "Tick free energies, then Compare")
            return
        draw_exchange(self.exchange, one, name)
        draw_posterior(self.posterior, one, name)

    def _draw_chosen(self, rose: xr.Dataset, one: xr.Dataset | None) -> None:
        chosen = np.isin(self._labels, self.selection.get("grain", []))
        sector = rose["sector"].values
        number = np.bincount(sector[chosen & (sector >= 0)], minlength=rose.sizes["angle"])
        self.rose.choose(number)
        if self.section is not None:
            self.section.choose(np.flatnonzero(chosen))
        n, text = int(chosen.sum()), "Click a sector, a grain or a component to choose grains; shift adds."
        if n:
            text = f"{n:,} of {self._labels.size:,} grains chosen ({100 * n / self._labels.size:.1f} %)"
        self.chosen_text.value = f'<div class="mi-hint">{text}</div>'
        if one is not None:
            member = one["member"].values
            self.components.chosen = [
                r["id"] for r in self.components.rows if n and not (chosen ^ (member == r["id"])).any()
            ]

    @property
    def _degrees(self) -> np.ndarray:
        values = np.asarray(self.data.values, dtype=float)
        return np.degrees(values) if str(self.data.attrs.get("units", "")).startswith("rad") else values

    # ---- pointing --------------------------------------------------------------------------------------

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        names = [str(name) for name in selection.get("candidate", [])]
        if self.result is not None:
            there = [str(v) for v in self.result["candidate"].values]
            unknown = [name for name in names if name not in there]
            if unknown:
                raise LabelError(f"{unknown[0]!r} is no candidate of the result; there are {', '.join(there)}.")
        grains = selection.get("grain", [])
        if not set(grains) <= set(self._labels.tolist()):
            grains = super()._snapped({"grain": grains})["grain"]
        return {"grain": list(grains), "candidate": names[:1]}

    def _pick(self, chosen: np.ndarray, add: bool) -> None:
        self.point("grain", self._labels[chosen].tolist(), add)

    def _sector_picked(self, sector: int | None, add: bool) -> None:
        if sector is None:
            if not add:
                self._pick(np.empty(0, dtype=int), False)
            return
        self._pick(np.flatnonzero(self._rose(self.params)["sector"].values == sector), add)

    def _grains_picked(self, places: np.ndarray, add: bool) -> None:
        self._pick(places, add)

    def _model_picked(self, number: int, _add: bool) -> None:
        if self.result is not None:
            name = str(self.result["candidate"].values[number])
            with self.lock:
                self.point("candidate", [name])

    def _component_picked(self, number: int, add: bool) -> None:
        if self.result is not None and self.shown:
            member = self.result["member"].sel(candidate=self.shown).values
            with self.lock:
                self._pick(np.flatnonzero(member == number), add)
