"""The parts of DOSClusterer's page, and where they stand."""

import html
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np
import traitlets

from mi_widgets.errors import MIWidgetsError
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._dos_call import window_of
from mi_widgets.widgets._dos_controls import DosControls
from mi_widgets.widgets._dos_curves import CurvePanel
from mi_widgets.widgets._dos_cut import CutField
from mi_widgets.widgets._dos_draw import draw_unusual
from mi_widgets.widgets._dos_export import ClusterExport
from mi_widgets.widgets._dos_map import MapPanel
from mi_widgets.widgets._dos_params import OPTIONS
from mi_widgets.widgets._dos_table import CLUSTER_COLUMNS, UNUSUAL_COLUMNS
from mi_widgets.widgets._dos_tree import TreePanel
from mi_widgets.widgets._dos_work import MAPS, fermi_energy
from mi_widgets.widgets._history import HistoryButtons
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._select import link

if TYPE_CHECKING:
    from mi_widgets.widgets._dos_base import DosBase

__all__ = ["build_page", "references", "show_frame", "show_window"]

_TABLES = ("clusters", "unusual sites first")
_NARROW = {"width": "auto"}
_FLAT = 4.0  # angstrom; what is thinner is looked at from above
_PLANES = {"front": "x-z", "top": "x-y", "side": "y-z"}


def references(ds: Any) -> tuple[Any, ...]:
    """References of energy that the data allow."""
    known = "fermi_energy" in ds and bool(np.isfinite(np.asarray(ds["fermi_energy"].values, dtype=float)).all())
    return tuple(r for r in OPTIONS["reference"] if r is None or known)


def build_page(app: "DosBase") -> None:
    """Make all parts as attributes of the application and put them in their places."""
    common: dict[str, Any] = {"lock": app.lock, "on_error": app.show_error}
    leaves = app.guard(lambda sites, add: app._pick(app.leaf_atoms[sites], add))
    app.tree = TreePanel(on_sites=leaves, on_cut=app.guard(app._cut_changed), **common)
    app.map = MapPanel(on_atoms=app.guard(app._pick), **common)
    app.curves = CurvePanel(on_cluster=app.guard(app._pick_cluster), on_window=app.guard(
        lambda low, high: app._controls_changed({"window": [round(low, 3), round(high, 3)]})), **common)  # fmt: skip
    app.controls = DosControls(
        app.params, references=references(app.data), spins="spin" in app.data["pdos"].dims,
        on_change=app.guard(app._controls_changed), on_error=app.show_error, on_right=app.guard(app.clear_error),
    )  # fmt: skip
    app.cut_field = CutField(app.guard(app._cut_changed))
    app.rows = RowTable(CLUSTER_COLUMNS, app.guard(app._pick_cluster),
                        app.guard(lambda label, name: app._edit("rename", label, name.strip())))  # fmt: skip
    app.unusual = RowTable(UNUSUAL_COLUMNS, app.guard(lambda at, add: app._pick([at], add)))
    app.viewer = _viewer(app)
    _build_buttons(app)
    app.header = ipw.HTML()
    app.observe(lambda _: _show_header(app), ["state", "result", "params", "code"])
    _show_header(app)
    views = [("dendrogram", app.tree.view), ("map", app.map.view), ("curves", app.curves.view)]
    app.export = ClusterExport(
        f"{app.data.attrs.get('title') or 'pdos'}_clusters", result=lambda: app.result, views=views,
        code=lambda: app.code, tell=app.show_message, slab=app.viewer.to_html if app.viewer is not None else None,
    )  # fmt: skip
    traitlets.dlink((app, "code"), (app.export.box, "code"))
    app.fold = ipw.Accordion([app.export], titles=("Export and code",), selected_index=None)
    _place(app)


def _viewer(app: "DosBase") -> Any:
    """The slab beside the curves; None where there is no structure to show."""
    if "position" not in app.data or app.elements is None:
        return None
    from mi_widgets.widgets.structure import StructureViewer

    try:
        keep = [n for n in ("position", "element", "cell", "pbc") if n in app.data.variables]
        z = app.data["position"].transpose(..., "axis").values[..., 2]
        thick = float(np.nanmax(z, initial=-np.inf) - np.nanmin(z, initial=np.inf)) > _FLAT
        view, plane = ("front", "x-z") if thick else ("top", "x-y")
        look = {"height": 240, "view": view, "plane": plane, "legend": False, "cell": False, "measures": False}
        viewer = StructureViewer(app.data[keep], params=look)
    except MIWidgetsError as error:
        app.show_message(f"The structure cannot be shown: {error}", "warning")
        return None
    viewer.lock.share(app.lock)
    app.slab_link = link(app, viewer, on="atom")
    return viewer


def _button(text: str, tip: str, action: Any, **more: Any) -> ipw.Button:
    out = ipw.Button(description=text, tooltip=tip, layout=_NARROW, **more)
    out.on_click(action)
    return out


def _build_buttons(app: "DosBase") -> None:
    app.overview_buttons = ipw.ToggleButtons(options=["dendrogram", *MAPS], tooltips=[
        "Tree of merges: a click chooses the nearest branch. To cut, drag the red line or double-click beside",
        "Principal components of the states: near points are alike; box and lasso choose",
        "Multidimensional scaling of the distances: near points are alike; box and lasso choose"])  # fmt: skip
    app.overview_buttons.add_class("mi-tabs")
    traitlets.link((app, "overview"), (app.overview_buttons, "value"))
    app.table_buttons = ipw.ToggleButtons(options=_TABLES)
    app.table_buttons.add_class("mi-tabs")
    app.orbital = ipw.Dropdown(options=list(app.orbitals), layout={"width": "82px"},
                               tooltip="Orbitals whose densities of states are drawn")  # fmt: skip
    traitlets.link((app, "shown_orbital"), (app.orbital, "value"))
    app.stack_box = ipw.Checkbox(description="stacked", indent=False, layout=_NARROW,
                                 tooltip="Draw the curves above one another")  # fmt: skip
    traitlets.link((app, "stacked"), (app.stack_box, "value"))
    app.live_box = ipw.Checkbox(description="live", indent=False, layout=_NARROW,
                                tooltip="Compare again at once when a parameter changes")  # fmt: skip
    traitlets.link((app, "live"), (app.live_box, "value"))
    app.merge_button = _button("Merge", "Make one cluster of the chosen ones (shift-click adds)",
                               app.guard(lambda _: app.merge()), disabled=True)  # fmt: skip
    app.split_button = _button("Split", "Split the chosen cluster where its sites merged last",
                               app.guard(lambda _: app.split()), disabled=True)  # fmt: skip
    app.clear_button = _button("Clear", "Choose nothing", app.guard(lambda _: app._pick([], False)))
    app.adding = ipw.Checkbox(description="box and lasso add", indent=False, layout=_NARROW,
                              tooltip="Add what is drawn around to what was chosen before")  # fmt: skip
    app.adding.observe(lambda change: setattr(app.map, "adding", change["new"]), "value")
    app.plane = ipw.ToggleButtons(options=[("3-D", False), ("2-D", True)], tooltips=[
        "Turn the structure", "Projection, with box and lasso; needs no WebGL"])  # fmt: skip
    app.plane.add_class("mi-tabs")
    app.history_buttons = HistoryButtons(app.guard(app.undo), app.guard(app.redo))
    app.history_buttons.undo.tooltip = "Back to the clusters and parameters before"
    app.chosen_text = ipw.HTML("", placeholder="")


def _place(app: "DosBase") -> None:
    bar = app.run_bar
    bar.children = (bar.run_button, bar.cancel_button, app.live_box, app.history_buttons, bar.bar, bar.text)
    app.over = ipw.VBox([])
    app.under = ipw.VBox([])

    def show_overview(_change: Any = None) -> None:
        tree = app.overview == "dendrogram"
        app.over.children = [app.tree.view if tree else app.map.view]
        app.adding.layout.display = "none" if tree else None

    def show_table(_change: Any = None) -> None:
        draw_unusual(app)
        app.under.children = [app.rows if app.table_buttons.value == _TABLES[0] else app.unusual]

    app.show_overview = show_overview
    app.table_buttons.observe(app.guard(show_table), "value")
    show_overview()
    show_table()
    left = ipw.VBox([_row(app.overview_buttons, app.adding), app.over, app.cut_field, _row(
        app.table_buttons, app.merge_button, app.split_button), app.under])  # fmt: skip
    left.add_class("mi-dos-left")
    above = _row(ipw.Label("curves of"), app.orbital, app.stack_box, app.chosen_text, app.clear_button)
    above.add_class("mi-dos-chosen")
    right = ipw.VBox([above, app.curves.view, *_slab(app)])
    right.add_class("mi-dos-right")
    main = ipw.HBox([left, right])
    main.add_class("mi-main")
    app.add_class("mi-dos")
    app.children = [app.header, app.controls, bar, app.message, main, app.fold]


def _slab(app: "DosBase") -> list[ipw.Widget]:
    if app.viewer is None:
        return [ipw.HTML('<div class="mi-hint">The data have no positions: nothing to show in space.</div>')]

    def flatten(change: Any) -> None:
        app.viewer.set_params(flat=change["new"])
        app.viewer.stage.layout.display = "none" if change["new"] else None

    def look(name: str) -> None:
        app.viewer.view(name)
        app.viewer.set_params(plane=_PLANES[name])

    app.plane.observe(app.guard(flatten), "value")
    views = [_button(v.capitalize(), f"Look from: {v}", app.guard(lambda _, v=v: look(v))) for v in _PLANES]
    picture = _button("Screenshot", "Download the 3-D view as PNG", app.guard(lambda _: app.viewer.screenshot()))
    return [_row(app.plane, *views, picture), app.viewer.message, app.viewer.panel]


def _row(*widgets: ipw.Widget) -> ipw.HBox:
    row = ipw.HBox(widgets)
    row.add_class("mi-row")
    return row


def _count(app: "DosBase") -> str:
    n = 0 if app.result is None else int(app.result.sizes["cluster_label"])
    return "1 cluster" if n == 1 else f"{n:,} clusters"


def _show_header(app: "DosBase") -> None:
    ds = app.data
    name = html.escape(shorten(str(ds.attrs.get("title") or "Densities of states"), 140, placeholder=" …"))
    pdos = ds["pdos"]
    sizes = [f"{app.n_atoms:,} sites"] + [f"{pdos.sizes[d]} {d}s" for d in ("orbital", "spin") if d in pdos.dims]
    chip = {"idle": "not clustered", "done": _count(app)}.get(app.state, app.state)
    old = '<span class="mi-chip mi-chip-stale" role="status">clusters of other parameters</span>'
    app.header.value = (
        f'<span class="mi-title">{name}</span><span class="mi-sizes">{" × ".join(sizes)} × '
        f'{pdos.sizes["energy"]:,} energies</span><span class="mi-chip mi-chip-{app.state}" role="status">{chip}</span>'
        f"{old if app.is_stale and app.state != 'running' else ''}"
    )


def show_frame(app: "DosBase") -> None:
    """The axis of the curves and the range of the cut, for another reference or distance."""
    found = app.found
    if found is None:
        return
    energy = app.site_curves.energy
    axis = np.asarray(energy.values, dtype=float)
    reference = str(energy.attrs.get("reference", "absolute"))
    zero = {"fermi": "the Fermi energy", "vbm": "the valence band maximum", "vacuum": "the vacuum level"}.get(reference)
    labelled = energy.assign_attrs(long_name=f"energy from {zero}" if zero else "energy")
    fermi = fermi_energy(found.aligned)
    middle = fermi if axis[0] < fermi < axis[-1] else 0.0 if axis[0] < 0 < axis[-1] else float(axis.mean())
    app.curves.frame(labelled, (max(axis[0], middle - 22.0), min(axis[-1], middle + 10.0)), fermi)
    show_window(app)
    heights = found.base.get("merge_height")
    top = float(heights.max()) if heights is not None and heights.size else 1.0
    unit = nice_unit(str(heights.attrs.get("units", "1"))) if heights is not None else ""
    app.cut_field.scale(top, found.params["metric"], "" if unit == "1" else unit)


def show_window(app: "DosBase") -> None:
    """Shade the energies that are not compared."""
    if app.found is not None:
        axis = app.found.aligned["energy"].values
        ends = (float(axis.min()), float(axis.max()))
        app.curves.mark(window_of(app.params, fermi_energy(app.found.aligned), ends))
