"""What stands between DOSClusterer's computations and its page: traits, callbacks of the page, drawing, history."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import traitlets

from mi_widgets.errors import MIWidgetsError, ParameterError
from mi_widgets.plots._dos_groups import Group
from mi_widgets.runs import Part
from mi_widgets.widgets._dos_call import apply_edits, cluster_code
from mi_widgets.widgets._dos_data import SiteCurves, atom_labels, checked_pdos, orbital_choices
from mi_widgets.widgets._dos_draw import draw_chosen, draw_clusters, draw_curves, draw_map, draw_tree
from mi_widgets.widgets._dos_page import build_page, show_frame, show_window
from mi_widgets.widgets._dos_params import COMPUTE
from mi_widgets.widgets._dos_work import MAPS, Found, add_map, iter_found
from mi_widgets.widgets._explorer import Explorer
from mi_widgets.widgets._fields import Quiet
from mi_widgets.widgets._history import History, Snapshot

__all__ = ["DosBase"]

_PAUSE = 1.0  # seconds; a cut that moves on within them is the same step back
_AT_ONCE = 2000  # sites that are clustered without being asked


def _dropped(edits: list[Any]) -> str:
    """What is said where these changes by hand belong to other clusters than those to come."""
    names = sum(edit[0] == "rename" for edit in edits)
    other = len(edits) - names
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((names, "name"), (other, "change")) if n]
    them = "it" if len(edits) == 1 else "them"
    return f"{' and '.join(parts)} by hand dropped; Undo brings {them} back." if parts else ""


@dataclass(frozen=True)
class DosSnapshot(Snapshot):
    """A snapshot that knows what its clusters were cut from, and their colours."""

    found: Found | None = None
    slots: Mapping[bytes, int] | None = None


class DosBase(Explorer):
    """The page of `DOSClusterer`; its public face is the subclass."""

    shown_orbital: Any = traitlets.Unicode("total")
    stacked = traitlets.Bool(True)
    live = traitlets.Bool(True)
    overview = traitlets.Enum(("dendrogram", *MAPS), "dendrogram")

    data_name, unit, run_label = "ds", "sites", "Cluster"
    run_tooltip = "Compare all sites and cluster them; the page stays usable"

    def __init__(self, ds: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        ds = checked_pdos(ds, type(self).__name__)
        self.atoms, self.n_atoms = atom_labels(ds), ds.sizes["atom"]
        self.place = {label: i for i, label in enumerate(self.atoms.tolist())}
        self.elements = np.asarray(ds["element"].values).astype(str) if "element" in ds.variables else None
        self.orbitals = orbital_choices(ds)
        self.found: Found | None = None
        self.groups: list[Group] = []  # by number
        self.listed: list[Group] = []  # by element and number, as they are drawn and listed
        self.slots: dict[int, int] = {}
        self.atom_slots: np.ndarray | None = None
        self.slot_memory: dict[bytes, int] = {}  # by the set of sites: what comes back has its colour again
        self.leaf_atoms = self.chosen = np.empty(0, dtype=int)
        self.map_places, self.map_method = np.empty((0, 2)), "pca"
        self.slab_drawn: Any = None
        self._quiet, self._cut_at, self._fresh, self._dropped = Quiet(), 0.0, False, ""
        self._clustered = False
        self.site_curves: SiteCurves
        super().__init__(ds, params=params, threaded=threaded)
        self.selection = {"atom": []}
        self.atom_texts = [self.site_name(i) for i in range(self.n_atoms)]
        self.history = History(self._snapshot())
        build_page(self)
        for names, shown in (
            ("params", self._params_shown), ("selection", self._selection_shown), ("stacked", self._curves_shown),
            ("shown_orbital", self._orbital_shown), ("overview", self._overview_shown),
            (["state", "params", "result"], self._history_shown),
        ):  # fmt: skip
            self.observe(self.guard(shown), names)
        if self.n_atoms <= _AT_ONCE:
            self.run()

    # ---- names -----------------------------------------------------------------------------------------------

    def site_name(self, i: int) -> str:
        """Such as ``O17``: element and label of an atom."""
        return f"{'#' if self.elements is None else self.elements[i]}{self.atoms[i]}"

    def group_of(self, label: int) -> Group:
        """The cluster with this number."""
        return self.groups[label]

    # ---- runs ------------------------------------------------------------------------------------------------

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return iter_found(self.data, params, self.orbitals[self.shown_orbital], MAPS.get(self.overview))

    def _take(self, part: Part) -> None:
        if part.result is None or part.result is self.found:
            return  # the worker has only begun; or the last part once more
        self.found, self.site_curves = part.result, part.result.curves
        self._fresh = True
        self._set_result()

    def _draw_result(self) -> None:
        if not self._fresh:
            return
        self._fresh = False
        show_frame(self)
        draw_tree(self)
        draw_clusters(self)
        draw_map(self)
        self._cut_shown()

    def _set_result(self) -> None:
        """Cut the tree, make the changes by hand, and say how."""
        from mi_widgets import dos

        found = self.found
        if found is None:
            return
        cut, edits, base = self.params["cut"], self.params["edits"], found.base
        if "cut" in base and self.params["cut"] != found.params["cut"]:
            base = dos.recut(base, cut)
        try:
            edited = apply_edits(base, edits)
        except MIWidgetsError as error:
            with self._quiet:
                self.params = self.params | {"edits": []}
            edited = base
            self.show_message(f"Changes by hand are left out: {error}", "warning")
        try:
            self.code = cluster_code(found.params | {k: self.params[k] for k in ("cut", "edits")})
        finally:
            self.result = edited

    def _run_ended(self, state: str, part: Part | None, error: Exception | None) -> None:
        super()._run_ended(state, part, error)
        if state == "done":
            self._tell_dropped()
            if not self._clustered:
                self._clustered, self.history = True, History(self._snapshot())  # nobody goes back to nothing
            self.history.keep(self._snapshot())
            self.guard(self._want_map)()
        self._history_shown()

    @property
    def is_stale(self) -> bool:
        """There are clusters, and the present parameters would give others."""
        return self.found is not None and any(self.found.params[n] != self.params[n] for n in COMPUTE)

    # ---- parameters ------------------------------------------------------------------------------------------

    def _controls_changed(self, changes: dict[str, Any]) -> None:
        """A field of the page; changes by hand belong to clusters that go with it."""
        self.history.keep(self._snapshot())
        self.clear_error()
        new: dict[str, Any] = {"cut": None} if "metric" in changes else {}  # it means something else
        self._dropped = _dropped(self.params["edits"])  # for the end of the run, which begins with an empty line
        self.params = self.params | {"edits": []} | new | changes
        self._tell_dropped(keep=self.worker.running)

    def _cut_changed(self, cut: float | None) -> None:
        if monotonic() - self._cut_at > _PAUSE:
            self.history.keep(self._snapshot())
        self._cut_at = monotonic()
        self.clear_error()
        self._dropped = _dropped(self.params["edits"])
        self.params = self.params | {"cut": None if cut is None else round(float(cut), 4), "edits": []}
        self._tell_dropped()

    def _tell_dropped(self, *, keep: bool = False) -> None:
        """Say that changes by hand are gone with their clusters; `keep` to say it once more."""
        if self._dropped and not self.message.value:
            self.show_message(self._dropped)
        self._dropped = self._dropped if keep else ""

    def _cut_shown(self) -> None:
        """The cut in use: the one given, or the one that was found."""
        given, found = self.params["cut"], self.result.get("cut") if self.result is not None else None
        now = given if given is not None else float(found) if found is not None else None
        with self._quiet:
            self.cut_field.show(0.0 if now is None else now, given is None)
        self.tree.cut(now)

    def _edit(self, *edit: Any) -> None:
        """One change by hand more; what cannot be done leaves everything as it was."""
        if self.result is None:
            return
        edits = [*self.params["edits"], list(edit)]
        if edit[0] == "rename" and any(g.name == edit[2] and g.label != edit[1] for g in self.groups):
            raise ParameterError(
                f"a name cannot be used twice, and another cluster is called {edit[2]!r}. Write another name, or "
                "choose both clusters and press Merge."
            )
        apply_edits(self.result, [list(edit)])
        self.history.keep(self._snapshot())
        self._cut_at = 0.0
        self.clear_error()
        self.params = self.params | {"edits": edits}

    def _params_shown(self, change: Any) -> None:
        self.controls.set(self.params)
        show_window(self)
        old, new = change["old"], change["new"]
        if self._quiet:
            return
        if any(old.get(n) != new[n] for n in COMPUTE):
            if self.live and self.found is not None:
                self.cancel()
                self.run()
        elif self.found is not None and any(old.get(n) != new[n] for n in ("cut", "edits")):
            self._set_result()
            draw_clusters(self)
        self._cut_shown()

    # ---- history ---------------------------------------------------------------------------------------------

    def _snapshot(self) -> Snapshot:
        base = self.found.base if self.found is not None else None
        text = self.run_bar.text.value
        return DosSnapshot(
            dict(self.params), self.result, base, self.code, "", self.state, text,
            found=self.found, slots=self.slot_memory,
        )  # fmt: skip

    def _restore(self, wanted: Snapshot | None) -> None:
        if wanted is None:
            return
        before, after = self.found, wanted.found if isinstance(wanted, DosSnapshot) else None
        if isinstance(wanted, DosSnapshot) and wanted.slots is not None:
            self.slot_memory = dict(wanted.slots)
        with self._quiet:
            self.found, self.params = after, wanted.params
            self.result, self.code, self.state = wanted.result, wanted.code, wanted.state
            self.run_bar.restore(wanted.text)
        self.clear_message()
        if after is not None and after is not before:
            self.site_curves, self._fresh = self._make_curves(), True
            self._draw_result()
        else:
            draw_clusters(self)
        self._cut_shown()
        self._want_map()
        self._history_shown()

    def _history_shown(self, _change: Any = None) -> None:
        self.history_buttons.show(self.history, self._snapshot(), running=self.worker.running)

    # ---- pointing --------------------------------------------------------------------------------------------

    def _pick(self, at: Any, add: bool) -> None:
        """Choose atoms by their positions; with `add` to those chosen before, or out of them if all were."""
        at = np.asarray(at, dtype=int)
        if add:
            out = np.setdiff1d(self.chosen, at)
            at = out if np.isin(at, self.chosen).all() else np.concatenate([self.chosen, np.setdiff1d(at, self.chosen)])
        if not np.array_equal(at, self.chosen):
            self.selection = {"atom": self.atoms[at].tolist()}

    def _pick_cluster(self, label: int, add: bool) -> None:
        at = self.group_of(label).atoms if 0 <= label < len(self.groups) else np.empty(0, dtype=int)
        self._pick(at, add)

    def _selection_shown(self, _change: Any = None) -> None:
        self.chosen = np.array([self.place[label] for label in self.selection["atom"]], dtype=int)
        draw_chosen(self)

    # ---- views -----------------------------------------------------------------------------------------------

    def _make_curves(self) -> SiteCurves:
        found = self.found
        if found is None:
            raise RuntimeError("no clusters yet")
        return SiteCurves(found.aligned, self.orbitals[self.shown_orbital], found.params["broadening"])

    def _orbital_shown(self, _change: Any = None) -> None:
        if self.found is not None:
            self.site_curves = self._make_curves()
            self._curves_shown()

    def _curves_shown(self, _change: Any = None) -> None:
        draw_curves(self)
        draw_chosen(self)

    def _overview_shown(self, _change: Any = None) -> None:
        self.show_overview()
        self._want_map()

    def _want_map(self) -> None:
        """Compute the map that is in sight, unless it is there."""
        method = MAPS.get(self.overview)
        if method is None or self.found is None:
            return
        self.map_method = method
        if method in self.found.maps:
            draw_map(self)
        elif not self.worker.running:
            found = self.found
            self._launch(lambda _: add_map(found, method), self._take_map, False)

    def _take_map(self, part: Part) -> None:
        if self.found is not None and part.result:
            self.found.maps.update(part.result)
            draw_map(self)
