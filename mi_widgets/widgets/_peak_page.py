"""The parts of PeakMapper's page, and where they stand."""

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import traitlets
import xarray as xr

from mi_widgets.widgets._counting import CountPanel
from mi_widgets.widgets._export import ExportBar
from mi_widgets.widgets._fields import field
from mi_widgets.widgets._history import HistoryButtons
from mi_widgets.widgets._limits import LimitsPanel
from mi_widgets.widgets._map import MapPanel
from mi_widgets.widgets._peak_controls import PeakControls
from mi_widgets.widgets._peak_map import MapChoice
from mi_widgets.widgets._pixel import PixelFields
from mi_widgets.widgets._slice_player import SlicePlayer
from mi_widgets.widgets._spectrum import SpectrumPanel
from mi_widgets.widgets._table import header_text
from mi_widgets.widgets._window_fields import WindowFields

if TYPE_CHECKING:
    from mi_widgets.widgets.peaks import PeakMapper

__all__ = ["build_page"]

_MEAN_TIP = (
    "Fit the pointed spectrum alone, to try the parameters. For a region (Fit mean) the sum of its spectra is fitted, "
    "because a sum of counts is a count and a mean is not; values and errors are given per spectrum"
)


def build_page(app: "PeakMapper", start: xr.DataArray) -> None:
    """Make all parts as attributes of the application and put them in their places."""
    app.units = str(app.data[app.dim].attrs.get("units", ""))
    _build_pictures(app, start)
    _build_fields(app)
    _build_buttons(app)
    views = [("map", app.map.view)] if app.map is not None else []
    app.export = ExportBar(
        f"{app.data.name or 'spectra'}_peaks", result=lambda: app.result,
        views=[*views, ("spectrum", app.spectrum.view)], code=lambda: app.all_code, tell=app.show_message,
    )  # fmt: skip
    traitlets.dlink((app, "all_code"), (app.export.box, "code"))
    fold = ipw.Accordion([app.export], titles=("Export and code",), selected_index=None)
    app.header = ipw.HTML()

    def show_header(_change: Any = None) -> None:
        app.header.value = header_text(app.data, app.dim, app.state, stale=app.is_stale)

    app.observe(show_header, ["state", "result", "params", "code"])
    show_header()
    below = ipw.HBox([app.pixel, app.window_fields] if app.at.dims else [app.window_fields])
    below.add_class("mi-row")
    below.add_class("mi-below")
    slices = [app.slices] if app.slices else []
    right = ipw.VBox([app.spectrum.view, below, *slices, app.table, app.pinned_table, app.count_panel])
    right.add_class("mi-right")
    main = ipw.HBox([right])
    main.add_class("mi-main")
    if app.map is not None:
        left = ipw.VBox([app.map_choice, app.map.view, app.limits])
        left.add_class("mi-left")
        main.children = (left, right)
    # what starts a fit stands above the pictures, so that it is in sight on the first screen
    app.children = [app.header, app.controls, app.run_bar, app.message, main, fold]


def _build_pictures(app: "PeakMapper", start: xr.DataArray) -> None:
    common: dict[str, Any] = {"lock": app.lock, "on_error": app.show_error}
    app.spectrum = SpectrumPanel(
        app.at.spectrum(app.selection), dim=app.dim, on_window=app._window_dragged, on_starts=app._starts_dragged,
        on_key=app._key, **common,
    )  # fmt: skip
    app.map = None
    app.limits = LimitsPanel(on_change=app.guard(app._limits_changed), **common)
    if app.at.dims:
        point = app.guard(app._point)
        app.map = MapPanel(start, on_point=point, on_region=point, on_key=app._key, **common)
        app.map.grid([app.at.labels[d] for d in app.at.map_dims])


def _at_slice(app: "PeakMapper", label: float | None) -> None:
    app.slice_at = label
    app.clear_error()  # of what was refused before


def _build_fields(app: "PeakMapper") -> None:
    data, at = app.data, app.at
    app.slices = None
    if at.dims and data.sizes[app.dim] > 1:
        app.slices = SlicePlayer(
            data[app.dim], on_slice=app.guard(lambda label: _at_slice(app, label)), on_error=app.show_error
        )
    app.map_choice = MapChoice(app.guard(app._draw_map))
    app.pixel = PixelFields(
        {d: data[d] if d in data.coords else None for d in at.dims}, at.labels, at.map_dims,
        app.guard(app._point_typed), app.show_error,
    )  # fmt: skip
    app.pin_button = ipw.ToggleButton(
        description="Pin", layout={"width": "62px"},
        tooltip="Keep this spectrum in the picture beside the next ones (key p on a picture); again to let it go",
    )  # fmt: skip
    app.pin_button.observe(app.guard(app._pin_clicked), "value")
    app.pixel.children = (*app.pixel.children, field("&nbsp;", app.pin_button))
    app.window_fields = WindowFields(
        app.units, on_window=app.guard(app._window_typed), on_use=app.guard(app._fit_window),
        on_leave_out=app.guard(app._leave_out), on_error=app.show_error,
    )  # fmt: skip
    app.table, app.pinned_table = ipw.HTML(""), ipw.HTML("")
    app.count_panel = CountPanel(app.guard(app._controls_changed))
    app.controls = PeakControls(
        app.params, units=app.units, on_change=app.guard(app._controls_changed), on_error=app.show_error
    )


def _build_buttons(app: "PeakMapper") -> None:
    narrow = {"width": "auto"}
    app.fit_pixel_button = ipw.Button(description="Fit pixel", tooltip=_MEAN_TIP)
    app.fit_pixel_button.on_click(app.guard(lambda _: app.fit_pixel()))
    app.count_button = ipw.Button(
        description="Count peaks", layout=narrow,
        tooltip="Compare fits with 0 to 5 peaks in every spectrum: how many does each one want?",
    )  # fmt: skip
    app.count_button.on_click(lambda _: app.count_peaks())
    app.history_buttons = HistoryButtons(app.guard(app.undo), app.guard(app.redo))
    preview = ipw.Checkbox(description="preview", indent=False, layout=narrow,
                           tooltip="Fit the pointed spectrum again at once when a parameter changes")  # fmt: skip
    auto_run = ipw.Checkbox(description="refit map on change", indent=False, layout=narrow,
                            tooltip="Fit the whole map again at once when a parameter changes")  # fmt: skip
    drag = ipw.ToggleButton(
        description="drag", layout=narrow,
        tooltip="Show the starting positions as lines on the spectrum that can be dragged",
    )  # fmt: skip
    for widget, name in ((preview, "preview"), (auto_run, "auto_run"), (drag, "show_starts")):
        traitlets.link((app, name), (widget, "value"))
    place = next(box for box in app.controls.children if app.controls.start in box.children[1].children)
    place.children[1].children = (app.controls.start, drag)
    bar = app.run_bar
    if app.at.dims:
        app.controls.children = (*app.controls.children, field("&nbsp;", preview), field("&nbsp;", auto_run))
        bar.children = (app.fit_pixel_button, bar.run_button, app.count_button, bar.cancel_button,
                        app.history_buttons, bar.bar, bar.text)  # fmt: skip
    else:
        app.controls.children = (*app.controls.children, field("&nbsp;", preview))
        bar.unit, bar.run_button.description = "spectrum", "Fit"
        bar.children = (bar.run_button, app.count_button, bar.cancel_button, app.history_buttons, bar.bar, bar.text)
