"""QPIExplorer: a map of standing waves, the pixels that are measured, and the rings they show."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import ipywidgets as ipw
import numpy as np
import traitlets
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.runs import Part
from mi_widgets.widgets._qpi_call import GIVEN, PLANE, SAMPLING, iter_study, sample, study_code
from mi_widgets.widgets._qpi_curves import ErrorPanel, ProfilePanel
from mi_widgets.widgets._qpi_images import PlanePanel, SamplePanel
from mi_widgets.widgets._qpi_table import penalty_texts, ring_table, verdict_text
from mi_widgets.widgets._study import Field, Study, beside, row, stack

__all__ = ["QPIExplorer"]

SHOWN = ("sampled pixels", "whole map", "waves found")
_WHOLE = "Sample the whole map again"


class QPIExplorer(Study):
    """Choose pixels of a map of standing waves, and see which rings they show, by the transform and by the LASSO.

    Drag a rectangle on the map to sample only there; drag one on a q image to zoom both. A click on a q image or on the
    profile points at a distance |q|, a click on the error curve, or the slider, at a penalty. The transform follows
    every change at once; *Find rings* runs the LASSO, its cross-validation and the test of sufficiency.

    Parameters
    ----------
    da : xarray.DataArray
        Map over y and x with lengths along both; pixels without a value are not sampled.
    sampled : xarray.DataArray, optional
        Pixels of one's own, bool over y and x: the sampling ``"given"``.
    params : mapping, optional
        Parameters that differ from the defaults: ``kind``, ``n_pixels``, ``step``, ``region`` and ``seed`` as in
        `mi_widgets.qpi.sample_pixels`; ``q_max``, ``n_q``, ``n_rings``, ``n_penalties``, ``n_folds``, ``rule`` and
        ``solver`` as in `mi_widgets.qpi.iter_analyze`.
    threaded : bool, default True
        Compute in a thread beside the page; False computes in the caller, for tests.

    Attributes
    ----------
    result : xarray.Dataset or None
        What `mi_widgets.qpi.analyze` gives; while it runs, with the folds finished so far.
    sampled : xarray.DataArray
        The pixels that the present parameters choose.
    shown_penalty : float or None
        Penalty whose picture is shown; None is the chosen one.
    shown_map : str
        ``"sampled pixels"``, ``"whole map"`` or ``"waves found"``, the map of the waves of the LASSO.
    show_rings : bool
        Draw the fitted radii as dashed circles on the q images.
    selection : dict
        ``{"q": [distances]}`` (1/nm) that are pointed at.

    Raises
    ------
    LabelError
        `da` is no map with lengths.
    DataError
        Too few pixels have a value, or all have the same.
    ParameterError
        A parameter is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets import datasets  # doctest: +SKIP
    >>> QPIExplorer(datasets.make_interference_map().conductance, params={"n_pixels": 7200})  # doctest: +SKIP
    """

    shown_penalty = traitlets.Float(None, allow_none=True)
    shown_map = traitlets.Enum(SHOWN, SHOWN[0])
    show_rings = traitlets.Bool(False)

    title, unit, run_label, data_name = "Standing waves", "parts", "Find rings", "da"
    run_tooltip = "LASSO for all penalties, cross-validation, test of sufficiency; the page stays usable"
    points_at = ("q",)
    fields: ClassVar[tuple[Field, ...]] = (
        Field("kind", "random", "sampling", "Which pixels are taken as measured", kind="choice",
              options=("random", "grid", "centre", "all")),
        Field("n_pixels", None, "pixels", "How many, at random or about the middle; empty: one in nine", kind="integer",
              low=100, optional=True),
        Field("step", 3, "every n-th", "Of the grid: every n-th row and column", kind="integer", low=1, high=20,
              width="52px"),
        Field("seed", 0, "seed", "Of the random choice and of the folds", kind="integer", low=0, width="52px"),
        Field("q_max", 5.0, "largest q", "Of the q plane along either axis; q = 2k", unit="nm⁻¹", low=0.1),
        Field("n_q", 128, "q points", "Along either axis, an even number", kind="integer", low=8, high=256),
        Field("n_rings", 2, "rings", "How many rings are fitted", kind="integer", low=1, high=6, width="52px"),
        Field("n_penalties", 10, "penalties", "Length of the path", kind="integer", low=2, high=40, width="52px"),
        Field("n_folds", 10, "folds", "Of the cross-validation", kind="integer", low=3, high=50, width="52px"),
        Field("rule", "best", "penalty", "Which one is chosen", kind="choice",
              options=(("least error", "best"), ("one standard error", "one_se"))),
        Field("solver", "amp", "folds by", "Of the cross-validation; pictures are always made by FISTA", kind="choice",
              options=(("AMP", "amp"), ("FISTA", "fista")), width="84px"),
    )  # fmt: skip

    def __init__(
        self,
        da: xr.DataArray,
        *,
        sampled: xr.DataArray | None = None,
        params: Mapping[str, Any] | None = None,
        threaded: bool = True,
    ) -> None:
        from mi_widgets.qpi._check import check_map

        da = check_map(da, who=type(self).__name__)
        self._given = sampled
        if sampled is not None:
            kinds = next(f for f in self.fields if f.name == "kind")
            more = Field(**{**vars(kinds), "options": (*kinds.options, GIVEN), "default": GIVEN})
            self.fields = (more, *(f for f in self.fields if f.name != "kind"))  # type: ignore[misc]
        self._fits: dict[str, xr.Dataset] = {}
        self._known: dict[Any, xr.Dataset] = {}  # fits to pictures of the result, which stay while folds come in
        self._drawn: dict[str, Any] = {}
        super().__init__(da, params=params, threaded=threaded)

    # ---- parameters and work -------------------------------------------------------------------------------------

    def _default_params(self) -> dict[str, Any]:
        return super()._default_params() | {"region": None}

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        """Whatever the computation would refuse is refused here, before anything is drawn."""
        from mi_widgets.qpi._check import check_pixels

        chosen = sample(self.data, self._given, params)
        check_pixels(self.data, chosen, params["q_max"], params["n_q"], who=type(self).__name__)
        if params["region"] is not None:
            params["region"] = {d: [float(v) for v in ends] for d, ends in params["region"].items()}
        self.sampled = chosen
        return params

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return iter_study(self.data, self._given, params)

    def _make_code(self) -> str:
        return study_code(self.params)

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for value in selection["q"]:
            if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value) or value < 0:
                raise LabelError(f"q must be a distance of zero or more (1/nm); got {value!r}.")
        return selection

    @traitlets.validate("shown_penalty")
    def _penalty_valid(self, proposal: Any) -> float | None:
        value = proposal["value"]
        if value is None or self.result is None:
            return None
        if not (np.isfinite(value) and value > 0):
            raise ParameterError(f"shown_penalty must be above zero or None; got {value!r}.")
        return float(self.result["penalty"].sel(penalty=value, method="nearest"))

    # ---- page ----------------------------------------------------------------------------------------------------

    def _make_page(self) -> ipw.Widget:
        empty = self._empty()
        self.map = SamplePanel(self.view, self.data, self.guard(self._region_dragged))
        self.planes = PlanePanel(self.view, empty, self.guard(self._pointed))
        nothing = xr.DataArray(np.full(2, np.nan), {"q": ("q", [0.0, 5.0], {"units": "1/nm", "long_name": "|q| = 2k"})},
                               ("q",), attrs={"units": str(self.data.attrs.get("units", "1"))})  # fmt: skip
        self.profiles = ProfilePanel(self.view, nothing, self.guard(self._pointed))
        self.errors = ErrorPanel(self.view, self.guard(lambda value: setattr(self, "shown_penalty", value)))
        self.map_buttons = ipw.ToggleButtons(options=SHOWN)
        self.map_buttons.add_class("mi-tabs")
        traitlets.link((self, "shown_map"), (self.map_buttons, "value"))
        self.whole_button = ipw.Button(
            description="Clear region", tooltip=_WHOLE, disabled=True, layout={"width": "auto"}
        )
        self.whole_button.on_click(self.guard(lambda _: self._controls_changed({"region": None})))
        self.slider = ipw.SelectionSlider(options=[("run first", 0.0)], disabled=True, continuous_update=True,
                                          description="λ", layout={"width": "min(420px, 100%)"})  # fmt: skip
        self.slider.style.description_width = "20px"
        self.slider.observe(self.guard(self._slid), "value")
        self.verdict, self.table = ipw.HTML(), ipw.HTML()
        for name in ("shown_penalty", "shown_map", "show_rings"):
            self.observe(self.guard(lambda _: self._draw_shown()), name)
        circles = ipw.Checkbox(description="fitted rings", indent=False, layout={"width": "auto"},
                               tooltip="Draw the fitted radii as dashed circles on both q images")  # fmt: skip
        traitlets.link((self, "show_rings"), (circles, "value"))
        top = beside(
            stack("", row(self.map_buttons, self.whole_button), self.map.view), stack("", circles, self.planes.view),
            shares=(0.9, 1.1),
        )  # fmt: skip
        right = stack("Are the pixels enough, and which penalty?", self.verdict, self.errors.view, self.slider)
        left = stack("Mean amplitude over rings about q = 0", self.profiles.view, self.table)
        return ipw.VBox([top, beside(left, right, shares=(1.1, 1))])

    def _count(self) -> str:
        at = self.result["ring_position"].sel(image="lasso").values
        return "rings " + ", ".join("–" if not np.isfinite(v) else f"{v:.2f}" for v in at) + " nm⁻¹"

    def _region_dragged(self, region: dict[str, list[float]]) -> None:
        self._controls_changed({"region": region})

    def _pointed(self, q: float) -> None:
        old = self.selection["q"]
        self.point("q", [] if old and abs(old[0] - q) < 0.02 else [round(q, 4)])

    def _slid(self, change: Any) -> None:
        if not self.quiet and not self.slider.disabled:
            self.shown_penalty = change["new"]

    # ---- drawing -------------------------------------------------------------------------------------------------

    @property
    def _fresh(self) -> xr.Dataset | None:
        """The result, unless it is of other pixels or of another q plane."""
        used = self._computed or {}
        same = all(self.params[n] == used.get(n) for n in (*SAMPLING, *PLANE))
        return self.result if same and self.result is not None else None

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        from mi_widgets import qpi

        if not set(changed) & {*SAMPLING, *PLANE, "n_rings"}:
            return
        options = {n: self.params[n] for n in PLANE}
        self._transform = qpi.fourier_transform(self.data, self.sampled, **options)["amplitude"]
        self.planes.show("transform", self._transform)
        self._fits["transform"] = self._rings(self._transform)
        region = self.params["region"]
        self.map.mark(region)
        self.whole_button.disabled = region is None
        self._draw_result()

    def _draw_result(self) -> None:
        found = self._fresh
        self.verdict.value = verdict_text(found)
        self.errors.show(found)
        with self.quiet:
            self.slider.disabled = found is None
            if found is not None:
                texts = penalty_texts(found)
                if tuple(self.slider.options) != tuple(texts):
                    self.slider.options = texts
            if self.shown_penalty is not None and (found is None or self.shown_penalty not in found["penalty"].values):
                self.shown_penalty = None
        self._draw_shown()

    def _draw_shown(self) -> None:
        """Draw what depends on the penalty that is shown."""
        from mi_widgets import qpi

        found, penalty = self._fresh, None
        if found is None:
            self._drawn.pop("lasso", None)
            self.planes.show("lasso", self._empty(), " · not run yet" if self.result is not None else
                             " · press Find rings")  # fmt: skip
            self._fits.pop("lasso", None)
        else:
            penalty = float(found["chosen_penalty"]) if self.shown_penalty is None else self.shown_penalty
            image = found["amplitude"].sel(penalty=penalty, method="nearest")
            waves = int(found["n_active"].sel(penalty=penalty, method="nearest"))
            key = (self._picture_key(), penalty, self.params["n_rings"])
            if self._changed_picture("lasso", key):
                self.planes.show("lasso", image, f" · {waves:,} coefficients")
            if key not in self._known:
                self._known = dict(list(self._known.items())[-60:]) | {key: self._rings(image)}
            self._fits["lasso"] = self._known[key]
            with self.quiet:
                self.slider.value = penalty
        self.errors.mark(penalty)
        self._draw_map(found, penalty)
        curves = {name: (fit["profile"], qpi.evaluate_rings(fit, fit["q"])) for name, fit in self._fits.items()}
        self.profiles.show(curves)
        for name in ("transform", "lasso"):
            there = self.show_rings and name in self._fits
            self.planes.rings(name, self._fits[name]["position"].values if there else [])
        self.table.value = ring_table(self._fits)

    def _draw_map(self, found: xr.Dataset | None, penalty: float | None) -> None:
        from mi_widgets import qpi

        waves = penalty if self.shown_map == SHOWN[2] and found is not None else None
        if not self._changed_picture("map", (self.shown_map, waves, self._picture_key())):
            return
        if self.shown_map == SHOWN[2] and found is not None:
            da = qpi.reconstruct_map(found.sel(penalty=penalty, method="nearest"), self.data)
            title = "map of the waves found"
        elif self.shown_map == SHOWN[1]:
            da, title = self.data, "whole map"
        else:
            n = int((self.sampled & np.isfinite(self.data)).sum())
            da, title = self.data.where(self.sampled), f"{n:,} of {self.data.size:,} pixels sampled"
        self.map.show(da, title)

    def _picture_key(self) -> str:
        """What a picture depends on, besides its penalty."""
        return json.dumps([self.params[n] for n in (*SAMPLING, *PLANE, "n_penalties")])

    def _changed_picture(self, name: str, key: Any) -> bool:
        """Whether a picture is another than the one that is drawn; sending it again costs a quarter of a megabyte."""
        if self._drawn.get(name) == key:
            return False
        self._drawn[name] = key
        return True

    def _draw_selection(self) -> None:
        self.planes.point(self.selection["q"])
        self.profiles.point(self.selection["q"])

    def _rings(self, image: xr.DataArray) -> xr.Dataset:
        """Profile of an image and the rings fitted to it."""
        from mi_widgets import qpi

        profile = qpi.radial_profile(image)["mean"]
        return qpi.fit_rings(profile, self.params["n_rings"]).assign(profile=profile)

    def _empty(self) -> xr.DataArray:
        q = (np.arange(8) - 3.5) * self.params["q_max"] / 4
        at = {d: (d, q, {"units": "1/nm", "long_name": f"q{d[1]} = 2k{d[1]}"}) for d in ("qy", "qx")}
        attrs = {"units": str(self.data.attrs.get("units", "1")), "long_name": "amplitude"}
        return xr.DataArray(np.full((8, 8), np.nan), at, ("qy", "qx"), attrs=attrs)
