"""Equations of state in the page: isotherms, forms compared, posterior pairs, a profile of the Earth."""

import html
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import holoviews as hv
import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets import eos
from mi_widgets.datasets import load_prem
from mi_widgets.errors import LabelError, MIWidgetsError
from mi_widgets.plots.eos import plot_forms, plot_posterior, plot_profile
from mi_widgets.runs import Part
from mi_widgets.widgets import _eos_fields as fields_
from mi_widgets.widgets import _eos_text as text
from mi_widgets.widgets._eos_isotherms import Isotherms
from mi_widgets.widgets._explorer import ByIdentity
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._study import Study, beside, row, stack, tabs

__all__ = ["EOSExplorer"]


class EOSExplorer(Study):
    """Fit equations of state, see what the data cannot separate, sample, and compare with the Earth.

    The ticked forms are fitted at once, and again when a parameter changes. A row of the table draws its form; points,
    rows and pictures point at the same things. Sliders move dashed curves. **Sample** draws the parameters of the
    chosen form from their posterior distribution.

    Parameters
    ----------
    data : xarray.Dataset
        Points as `mi_widgets.eos.fit_eos` takes them; `mi_widgets.eos.label_points` makes them.
    params : mapping, optional
        ``bm2``, ``bm3``, ``bm4``, ``vinet``, ``murnaghan``: which forms; ``thermal``: none, debye or tange;
        ``theta0`` (K), ``q``, ``a``, ``b``: held, or None for free; ``pressure_scale`` (%); ``n_steps``; ``region``,
        ``start_temperature`` (K), ``path``: of the profile; ``v0``, ``k0``, ``k0_prime``, ``gamma0``: of the dashed
        curves.
    threaded : bool
        Run in a thread beside the page; False runs in the caller.

    Attributes
    ----------
    result : xarray.Dataset or None
        What `mi_widgets.eos.compare_eos` gives.
    draws : xarray.Dataset or None
        What `mi_widgets.eos.sample_eos` gave last.
    selection : dict
        ``candidate``: names of forms, of which the first is drawn; ``point``: labels of points.
    params, state, code
        As of every `Explorer`; `code` needs the data as ``ds``.

    Raises
    ------
    LabelError, DataError
        The data are not such points; the message says what is missing.

    Examples
    --------
    >>> from mi_widgets.datasets import load_mgo
    >>> explorer = EOSExplorer(load_mgo(), params={"theta0": 773.0}, threaded=False)
    >>> explorer.result.candidate.values[int(explorer.result.aic.values.argmin())].item()
    'bm2'
    >>> explorer.close()
    """

    title, run_label, unit, data_name = "Equation of state", "Fit forms", "forms", "ds"
    run_tooltip = "Fit the ticked forms again"
    points_at: ClassVar[tuple[str, ...]] = ("candidate", "point")
    at_once: ClassVar[bool] = True
    draws = ByIdentity(None, allow_none=True)

    def __init__(self, data: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        self._first, thermal = fields_.first_fit(data)
        self.__dict__["fields"] = fields_.fields_for(self._first, thermal)  # defaults and ranges depend on the data
        self._field = {f.name: f for f in self.fields}
        self._steps = {n: float(self._field[n].step or 0.0) for n in fields_.SLIDERS}
        self._drawn_tabs: set[str] = set()
        self._drawn: tuple[Any, Any] = (None, None)  # result and draws that the page shows
        self._draws_of: tuple[str, dict[str, Any], int] = ("", {}, 0)  # form, options, steps
        super().__init__(data, params=params, threaded=threaded)

    # ---- the call --------------------------------------------------------------------------------------

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        return fields_.check(params)

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return eos.iter_compare(self.data, fields_.forms_of(params), **fields_.call_options(params))

    def _make_code(self) -> str:
        form, called, n_steps = self._draws_of
        fresh = self.draws is not None and called == fields_.call_options(self.params)
        return fields_.code_of(self.params, form if fresh else None, n_steps)

    def run(self, wait: bool = False) -> None:
        """Fit the ticked forms; while something runs, do nothing.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        if not self.worker.running:
            self.run_bar.unit = "forms"
        super().run(wait)

    def sample(self, wait: bool = False) -> None:
        """Draw parameters of the chosen form from their posterior distribution; while something runs, do nothing.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        form = self.chosen
        if self.worker.running or form is None:
            return
        self.run_bar.unit = "steps"
        drawn = form, fields_.call_options(self.params), int(self.params["n_steps"])

        def parts(_params: dict[str, Any]) -> Iterator[Part]:
            return eos.iter_sample(self.data, form=form, n_steps=drawn[2], **drawn[1])

        def take(part: Part) -> None:
            self._draws_of = drawn
            self.draws = part.result
            self.code = self._make_code()

        self._tabs.buttons.value = "posterior"
        self._launch(parts, take, wait)

    @property
    def chosen(self) -> str | None:
        """Name of the form that is drawn: the one pointed at, or the one with the lowest AIC; None without a fit."""
        if self.result is None or "aic" not in self.result:
            return None
        names = [str(n) for n in self.result["candidate"].values]
        aic = self.result["aic"].values
        for name in self.selection.get("candidate", []):
            if name in names and np.isfinite(aic[names.index(name)]):
                return str(name)
        return names[int(np.nanargmin(aic))] if np.isfinite(aic).any() else None

    def _controls_changed(self, changes: dict[str, Any]) -> None:
        try:
            super()._controls_changed(changes)
        except MIWidgetsError:
            self.controls.set(self.params)  # what was refused is not shown as if it held
            raise

    # ---- the page --------------------------------------------------------------------------------------

    def _make_page(self) -> ipw.Widget:
        fit = self._first
        self._captioned = dict(zip((f.name for f in self.fields), self.controls.children, strict=True))
        self._isotherms = Isotherms(self.view, self._points_picked, fit, self._curves(fit))
        self._table = RowTable(text.columns_for(str(fit["v0"].attrs["units"])), self.guard(self._row_picked))
        self._note, self._about_point, self._about_yours = (ipw.HTML() for _ in range(3))
        sliders = self._take_controls(*fields_.SLIDERS)
        for name, style in (("v0", ".5g"), ("k0", ".4g"), ("k0_prime", ".2f"), ("gamma0", ".3f")):
            self.controls.widgets[name].readout_format = style
        for name in ("theta0", "q", "a", "b"):
            self.controls.widgets[name].placeholder = "free"
        back = ipw.Button(description="Back to the fit", tooltip="Put the sliders where the fit is")
        back.on_click(self.guard(lambda _: self._sliders_to_fit()))
        sample = ipw.Button(description="Sample", tooltip="Draw parameters of the chosen form from their posterior")
        sample.on_click(lambda _: self.sample())
        sample.add_class("mi-sample")
        self._about_draws, self._about_profile = ipw.HTML(), ipw.HTML()
        # Made here and shown when there is something to see: a worker thread makes no widgets.
        self._later = {n: self.view(n, hv.Curve(([], []))) for n in ("forms", "posterior", "profile")}
        self._places = {n: ipw.VBox() for n in self._later}
        self._tabs = tabs(
            forms_apart=self._places["forms"],
            posterior=ipw.VBox([row(sample, *self._take_controls("n_steps")),
                                beside(self._places["posterior"], self._about_draws)]),
            depth_profile=ipw.VBox([row(*self._take_controls("region", "start_temperature", "path")),
                                    self._about_profile, self._places["profile"]]),
        )  # fmt: skip
        self._tabs.buttons.observe(self.guard(lambda _: self._draw_tab()), "value")
        self._draw_texts()
        left = stack("Points, isotherms and residuals", self._isotherms.view, self._about_point)
        right = stack("Forms", self._table, self._note, row(*sliders, back), self._about_yours)
        return ipw.VBox([beside(left, right, shares=(1.0, 1.1)), self._tabs])

    def _take_controls(self, *names: str) -> list[ipw.Widget]:
        """Captioned controls of these fields, taken out of the row on top."""
        taken = [self._captioned[name] for name in names]
        self.controls.children = [c for c in self.controls.children if c not in taken]
        return taken

    # ---- drawing ---------------------------------------------------------------------------------------

    def _count(self) -> str:
        n = int((self.result["status"] < 4).sum()) if self.result is not None else 0
        return f"{n} form{'s' * (n != 1)} fitted"

    def _fit(self) -> xr.Dataset:
        """The fit that is drawn."""
        chosen = self.chosen
        return self._first if chosen is None else self.result.sel(candidate=chosen)

    def _temperatures(self) -> np.ndarray | None:
        if "temperature" not in self.data or str(self._fit()["thermal"].item()) == "none":
            return None
        low, high = self._fit().attrs["temperature_range"]
        low = min(low, 300.0)
        return np.unique(np.round(np.linspace(low, high, 4), -2)) if high - low > 100 else None

    def _curves(self, fit: xr.Dataset | eos.Equation) -> xr.Dataset:
        low, high = self._first.attrs["volume_range"]
        pad = 0.02 * (high - low)
        return eos.evaluate(fit, volume=np.linspace(low - pad, high + pad, 60), temperature=self._temperatures())

    def _draw_result(self) -> None:
        if self.worker.running and self.run_bar.unit == "forms" and self.result is not None:
            self._table.rows = text.rows(self.result, fields_.FORMS)  # pictures are drawn when all forms are there
            return
        (result, draws), self._drawn = self._drawn, (self.result, self.draws)
        if result is not self.result:
            self._drawn_tabs.clear()
            self._table.rows = [] if self.result is None else text.rows(self.result, fields_.FORMS)
            self._draw_chosen()
        elif draws is not self.draws:
            self._drawn_tabs.discard("posterior")
            self._draw_tab()

    def _draw_chosen(self) -> None:
        chosen, fit = self.chosen, self._fit()
        self._isotherms.show(fit, self._curves(fit))
        if chosen is not None:
            self._table.chosen = [list(self.result["candidate"].values).index(chosen)]
        self._sliders_to_fit()
        self._drawn_tabs.discard("depth_profile")
        self._draw_texts()
        self._draw_tab()

    def _draw_texts(self) -> None:
        if self.result is not None:
            self._note.value = text.note(self.result, self.chosen or "")
        self._about_point.value = text.about_point(self._fit(), self._positions())

    def _draw_selection(self) -> None:
        self._isotherms.choose(self._positions())
        drawn = self._table.chosen
        names = [] if self.result is None else list(self.result["candidate"].values)
        if self.chosen is not None and drawn != [names.index(self.chosen)]:
            self._draw_chosen()
        else:
            self._draw_texts()

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        if "thermal" in changed:
            for name, kinds in (
                ("theta0", ("debye", "tange")),
                ("q", ("debye",)),
                ("a", ("tange",)),
                ("b", ("tange",)),
            ):
                self._captioned[name].layout.display = "" if self.params["thermal"] in kinds else "none"
        if set(changed) & set(fields_.SLIDERS):
            self._draw_yours()
        if set(changed) & {"region", "start_temperature", "path"}:
            self._drawn_tabs.discard("depth_profile")
            self._draw_tab()

    def _draw_yours(self) -> None:
        fit = self._fit()
        mine = fields_.yours(fit, self.params, self._steps) if "energy" not in fit else None
        self._isotherms.show_yours(None if mine is None else self._curves(mine))
        chi2 = None if mine is None else float(eos.residuals(mine, self.data)["chi2"])
        self._about_yours.value = text.about_yours(chi2, float(fit["chi2"]))

    def _sliders_to_fit(self) -> None:
        fit, new = self._fit(), {}
        for field in self.fields:
            if field.name in fields_.SLIDERS:
                there = field.name in fit and np.isfinite(float(fit[field.name]))
                self.controls.widgets[field.name].disabled = not there or "energy" in fit
                if there:
                    new[field.name] = float(fit[field.name])
        with self.quiet:
            self.params = self.params | {n: fields_.snapped(self._field[n], v) for n, v in new.items()}
        self._draw_yours()

    # ---- tabs: drawn when they are seen ----------------------------------------------------------------

    def _draw_tab(self) -> None:
        name = str(self._tabs.buttons.value).replace(" ", "_")
        if name in self._drawn_tabs:
            return
        self._drawn_tabs.add(name)
        {"forms_apart": self._draw_forms, "posterior": self._draw_posterior, "depth_profile": self._draw_profile}[
            name
        ]()

    def _draw_forms(self) -> None:
        if self.result is not None and "distance" in self.result and "pressure" in self.result:
            self._show(
                "forms", plot_forms(eos.compare_curves(self.result), title="grey field: nothing was measured there")
            )

    def _draw_posterior(self) -> None:
        form, called, _ = self._draws_of
        self._about_draws.value = text.about_draws(self.draws, form, called != fields_.call_options(self.params))
        if self.draws is not None:
            self._show("posterior", plot_posterior(self.draws))

    def _draw_profile(self) -> None:
        if self.result is None or self.chosen is None:
            return
        p = self.params
        try:
            profile = eos.depth_profile(self._fit(), load_prem(region=p["region"]), path=p["path"],
                                        temperature=p["start_temperature"])  # fmt: skip
        except MIWidgetsError as error:  # no molar mass, no thermal part: said where the picture would be
            self._about_profile.value = f'<div class="mi-hint">{html.escape(str(error))}</div>'
            self._places["profile"].children = []
            return
        self._about_profile.value = text.about_profile(profile)
        self._show("profile", plot_profile(profile))

    def _show(self, name: str, element: Any) -> None:
        view, place = self._later[name], self._places[name]
        view.show(element)
        if not place.children:
            place.children = [view]

    # ---- pointing --------------------------------------------------------------------------------------

    def _labels(self) -> list[Any]:
        n = self.data.sizes["point"]
        return [v.item() for v in (self.data["point"].values if "point" in self.data.coords else np.arange(n))]

    def _positions(self) -> list[int]:
        labels = self._labels()
        return [labels.index(p) for p in self.selection.get("point", []) if p in labels]

    def _points_picked(self, points: list[int], add: bool) -> None:
        labels = self._labels()
        self.point("point", [labels[i] for i in points], add)

    def _row_picked(self, number: int, _add: bool) -> None:
        self.point("candidate", [str(self.result["candidate"].values[number])])

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for name in selection.get("candidate", []):
            if name not in fields_.FORMS:
                raise LabelError(f"there is no form {name!r}; there are {', '.join(fields_.FORMS)}.")
        return super()._snapped(selection)
