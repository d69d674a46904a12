"""The page of a TransmissionExplorer: what is drawn, and what a click means."""

import html
from collections.abc import Mapping
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets import transmission
from mi_widgets.errors import LabelError
from mi_widgets.plots._style import nice_unit
from mi_widgets.plots._transmission_frames import cluster_color
from mi_widgets.runs import Part
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._study import Study, beside, row, stack
from mi_widgets.widgets._transmission_panels import BetaPanel, ErrorPanel, HeatPanel, ScorePanel, SpectraPanel
from mi_widgets.widgets.structure import StructureViewer

__all__ = ["TransmissionBase"]

_CLUSTER_COLUMNS: list[dict[str, Any]] = [
    {"title": "cluster", "left": True, "tip": "Click to choose; shift-click has no meaning here"},
    {"title": "junctions", "tip": "Number of junctions"},
    {"title": "predicted", "tip": "Median over energies of the share of variance predicted for junctions left out"},
    {"title": "variables", "tip": "Median over energies of the number of variables that take part"},
]
_VARIABLE_COLUMNS: list[dict[str, Any]] = [
    {"title": "variable", "left": True, "tip": "Click to choose"},
    {"title": "group", "left": True, "tip": "Group of variables"},
    {"title": "strength", "tip": "Root mean square of the coefficient over energies"},
    {"title": "takes part", "tip": "Share of energies"},
    {"title": "largest", "tip": "Coefficient farthest from zero, per standard deviation"},
    {"title": "at (eV)", "tip": "Energy of the largest coefficient"},
]
_N_STRONGEST = 12


class TransmissionBase(Study):
    """Everything of the explorer that is not its public face."""

    viewer: StructureViewer | None = None
    _found: dict[tuple[int, str], xr.Dataset] = {}  # noqa: RUF012 - replaced, never changed in place
    _strongest: list[str] = []  # noqa: RUF012
    _drawn: dict[str, Any] = {}  # noqa: RUF012
    _version = 0  # of the result

    def _clusters_of(self, params: Mapping[str, Any]) -> xr.Dataset:
        raise NotImplementedError

    def compare(self, wait: bool = False) -> None:
        """Compare ways to find the error; the public class says which."""
        raise NotImplementedError

    # ---- what is chosen ------------------------------------------------------------------------------------

    @property
    def clusters(self) -> xr.Dataset:
        """Clusters for the present parameters."""
        return self._clusters_of(self.params)

    def _first(self, dim: str) -> Any:
        chosen = self.selection.get(dim) or [None]
        return chosen[0]

    @property
    def cluster(self) -> int | None:
        """Number of the chosen cluster."""
        return self._first("cluster_label")

    @property
    def energy(self) -> float | None:
        """Chosen energy (eV)."""
        return self._first("energy")

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        out = super()._snapped(selection)
        known = list(range(int(self.params["n_clusters"])))
        wrong = [k for k in out["cluster_label"] if k not in known]
        if wrong:
            raise LabelError(f"there is no cluster {wrong[0]!r}; there are 0 to {known[-1]}.")
        out["cluster_label"] = [int(k) for k in out["cluster_label"]]
        return out

    # ---- the page ------------------------------------------------------------------------------------------

    def _page(self) -> ipw.Widget:
        self._found, self._drawn = {}, {}
        self._compared: dict[Any, Any] = {}
        self._comparing: dict[str, Any] = {}
        energy, variables = self.data["energy"], self.data["variable"]
        self.spectra = SpectraPanel(self.view, energy, self.guard(self._spectrum_picked))
        self.scores = ScorePanel(self.view, self.data.sizes["junction"], self.guard(self._junction_picked))
        self.heat = HeatPanel(self.view, variables, energy, self.guard(self._heat_picked))
        self.beta = BetaPanel(self.view, energy, self.guard(lambda e: self.point("energy", [e])))
        self.errors = ErrorPanel(self.view)
        self.cluster_table = RowTable(_CLUSTER_COLUMNS, self.guard(lambda k, _add: self._choose_cluster(k)))
        self.variable_table = RowTable(_VARIABLE_COLUMNS, self.guard(self._strongest_picked))
        self.compare_button = ipw.Button(
            description="Compare with folds and one by one", layout={"width": "auto"},
            tooltip="Fit again without parts of the junctions, at this cluster and energy (some seconds)",
        )  # fmt: skip
        self.compare_button.on_click(self.guard(lambda _: self.compare()))
        self.chosen = ipw.HTML()
        self.junction_text = ipw.HTML()
        self.heading = ipw.HTML()
        return ipw.VBox([
            beside(stack("Spectra: mean and band from 10 to 90 % of each cluster", self.spectra.view),
                   stack("Junctions: their principal components", self.scores.view), shares=(1.25, 1.0)),
            beside(self.cluster_table, self.chosen, shares=(1.0, 1.0)),
            beside(ipw.VBox([self.heading, self.heat.view]),
                   ipw.VBox([self.beta.view, self.errors.view, row(self.compare_button)]), shares=(1.25, 1.0)),
            beside(self._structure_part(), stack("Strongest variables of the cluster", self.variable_table),
                   shares=(0.85, 1.15)),
        ])  # fmt: skip

    def _structure_part(self) -> ipw.Widget:
        try:
            atoms = transmission.junction_structure(self.data)
        except LabelError:
            return stack("Junction", ipw.HTML('<div class="mi-hint">The data hold no positions of atoms.</div>'))
        self.viewer = StructureViewer(atoms, params={"height": 340, "view": "front"}, threaded=False)
        self.lock.share(self.viewer.lock)
        self.viewer.message.layout.min_height = "0"
        self.viewer.observe(self.guard(self._frame_shown), "selection")
        return ipw.VBox([self.junction_text, self.viewer.message, self.viewer.panel])

    def close(self) -> None:
        """Stop what runs and remove the widget and all its parts from every page."""
        if self.viewer is not None:
            self.viewer.close()
        super().close()

    # ---- what a click means --------------------------------------------------------------------------------

    def _choose_cluster(self, k: int) -> None:
        """Choose a cluster, and a junction out of it."""
        labels = self.clusters["cluster"].values
        inside = self.data["junction"].values[labels == k].tolist()
        new = {"cluster_label": [k]}
        if inside and self._first("junction") not in inside:
            new["junction"] = inside[:1]
        self.selection = dict(self.selection) | new

    def _spectrum_picked(self, k: int, energy: float) -> None:
        if k >= 0:
            self._choose_cluster(k)
        self.point("energy", [energy])

    def _junction_picked(self, position: int | None, add: bool) -> None:
        if position is None:
            return
        label = self.data["junction"].values[position].item()
        self.point("junction", [label], add)
        k = int(self.clusters["cluster"].values[position])
        if k >= 0:
            self.selection = dict(self.selection) | {"cluster_label": [k]}

    def _frame_shown(self, change: Any) -> None:
        """The player of the viewer has gone to another junction."""
        frame = change["new"].get("frame")
        if frame is not None and frame != change["old"].get("frame") and frame != self._first("junction"):
            self.point("junction", [frame])

    def _heat_picked(self, position: int, energy: float) -> None:
        name = self.data["variable"].values[position].item()
        self.selection = dict(self.selection) | {"variable": [name], "energy": [energy]}

    def _strongest_picked(self, number: int, _add: bool) -> None:
        if number < len(self._strongest):
            self.point("variable", [self._strongest[number]])

    # ---- drawing -------------------------------------------------------------------------------------------

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        if not set(changed) & {"n_clusters", "response"}:
            return
        clusters = self.clusters
        self.spectra.show(clusters)
        score = clusters["score"].values
        if score.shape[1] < 2:
            score = np.column_stack([score, np.zeros(len(score))])
        explained = [*clusters["explained"].values.tolist(), 0.0]
        self.scores.show(score[:, :2], clusters["cluster"].values, np.array(explained))
        chosen = self.cluster
        if chosen is None or chosen >= self.params["n_clusters"]:
            self._choose_cluster(0)
        self._draw_tables()
        self._draw_selection()

    def _draw_result(self) -> None:
        self._version += 1
        if self.result is not None and self._first("energy") is None:
            energies = self.result["energy"].values
            self.selection = dict(self.selection) | {"energy": [float(energies[np.argmin(np.abs(energies))])]}
        self._draw_tables()
        self._draw_selection()
        if self._strongest and self._first("variable") is None and self.state != "running":
            self.point("variable", self._strongest[:1])

    @property
    def _of_these(self) -> xr.Dataset | None:
        """The result, unless it belongs to other clusters than those that are shown."""
        used = self._computed or self.params
        same = all(used[n] == self.params[n] for n in ("n_clusters", "response"))
        return self.result if same else None

    def _known_cluster(self) -> int | None:
        """The chosen cluster, where the result has it."""
        k, result = self.cluster, self._of_these
        return k if result is not None and k in result["cluster_label"].values else None

    def _draw_tables(self) -> None:
        clusters, result = self.clusters, self._of_these
        rows = []
        for k, (name, size) in enumerate(
            zip(clusters["cluster_name"].values.tolist(), clusters["size"].values.tolist(), strict=True)
        ):
            cells = [name, f"{size:,}", "", ""]
            if result is not None and k in result["cluster_label"].values:
                cells[2:] = _summary(result.sel(cluster_label=k))
            rows.append({"id": k, "cells": cells, "color": cluster_color(k), "name": name})
        self.cluster_table.rows = rows

    def _is_new(self, what: str, *state: Any) -> bool:
        """Whether something has to be drawn again: where this it shows has changed."""
        old, self._drawn[what] = self._drawn.get(what), state
        return old != state

    def _draw_strongest(self, k: int | None) -> None:
        if self._is_new("strongest", self._version, k):
            self._fill_strongest(k)
        name = self._first("variable")
        self.variable_table.chosen = [self._strongest.index(name)] if name in self._strongest else []

    def _fill_strongest(self, k: int | None) -> None:
        self._strongest, rows = [], []
        if self.result is not None and k is not None:
            table = transmission.rank_variables(self.result, cluster=k, n_most=_N_STRONGEST)
            self._strongest = [str(v) for v in table["variable"]]
            for i, line in enumerate(table.itertuples()):
                cells = [str(line.variable), str(line.group), f"{line.strength:.3g}", f"{100 * line.share:.0f} %",
                         f"{line.largest:+.3g}", f"{line.energy:.2f}"]  # fmt: skip
                rows.append({"id": i, "cells": cells})
        self.variable_table.rows = rows
        self.variable_table.note = "" if rows else "Nothing yet: start the run."

    def _draw_selection(self) -> None:
        k, energy, name = self._known_cluster(), self.energy, self._first("variable")
        junctions = self._positions(self.selection["junction"])
        self.spectra.mark(energy, self.cluster)
        self.spectra.pick([self.data["transmission"].transpose("junction", "energy").values[j] for j in junctions])
        self.scores.mark(junctions)
        self.cluster_table.chosen = [] if self.cluster is None else [self.cluster]
        self._draw_strongest(k)
        result = self._of_these
        beta = None if result is None else result["coefficient"]
        unit = f"coefficient of {self._response_name()}"
        self.heading.value = (
            f'<span class="mi-heading">What drives cluster {0 if self.cluster is None else self.cluster}: {unit} for a '
            "rise by one standard deviation</span>"
        )
        if self._is_new("heat", self._version, k):
            self.heat.show(None if k is None or beta is None else beta.sel(cluster_label=k), "")
        place = None if name is None else int(np.flatnonzero(self.data["variable"].values == name)[0])
        self.heat.mark(place, energy)
        if self._is_new("beta", self._version, name, beta is None):
            text = name or "no variable chosen"
            self.beta.show(None if beta is None or name is None else beta.sel(variable=name), text)
        self.beta.mark(energy, self.cluster)
        if self._is_new("errors", self._version, k, energy, len(self._compared)):
            self._draw_errors(k, energy)
        self._draw_junction(name, place)
        self.chosen.value = self._chosen_text(k, energy, name, place)

    def _positions(self, labels: list[Any]) -> list[int]:
        return [int(np.flatnonzero(self.data["junction"].values == v)[0]) for v in labels]

    def _draw_errors(self, k: int | None, energy: float | None) -> None:
        found: dict[str, xr.Dataset] = {}
        title = "no energy chosen" if energy is None else "nothing found yet for these clusters"
        if self.result is not None and k is not None and energy is not None:
            own = self.result.sel(cluster_label=k).sel(energy=energy, method="nearest")
            found = {str((self._computed or self.params)["validation"]): own}
            title = f"cluster {k} at {float(own['energy']):.3g} eV"
            more = self._compared.get(self._compared_key(k, energy, self._computed or self.params))
            if more is not None:
                found = {str(w): more.sel(validation=w) for w in more["validation"].values}
                title += ", lowest errors"
        self.errors.show(found, title)
        self.compare_button.disabled = not found

    def _take_compared(self, part: Part) -> None:
        if part.result is not None:
            cluster, energy, errors = part.result
            key = self._compared_key(cluster, energy, self._comparing)
            self._compared = dict(list(self._compared.items())[-20:]) | {key: errors}
            self._drawn.pop("errors", None)

    @staticmethod
    def _compared_key(cluster: int, energy: float, params: Mapping[str, Any]) -> tuple[Any, ...]:
        """What a comparison is of: a cluster of other parameters is another one."""
        return cluster, round(energy, 9), *(params[n] for n in ("n_clusters", "response", "distances"))

    def _draw_junction(self, name: str | None, place: int | None) -> None:
        label = self._first("junction")
        if self.viewer is None or label is None:
            return
        atoms, by = [], "element"
        if place is not None:
            ends = [c for c in ("first_atom", "second_atom", "third_atom") if c in self.data.coords]
            atoms = [int(v) for v in (self.data[c].values[place] for c in ends) if v >= 0]
            if str(self._about(place, "kind")) == "charge" and "charge" in self.viewer.data:
                by = "charge"
        if self.viewer.params["color_by"] != by:
            self.viewer.set_params(color_by=by, limits=None)
        names = self.viewer.data["atom"].values
        self.viewer.selection = {"frame": label, "atom": [names[a].item() for a in atoms]}
        value = "" if place is None else f": {self._value_text(place, label)}"
        self.junction_text.value = f'<span class="mi-heading">Junction {html.escape(str(label))}{value}</span>'

    def _about(self, place: int, coordinate: str) -> str:
        return str(self.data[coordinate].values[place]) if coordinate in self.data.coords else ""

    def _value_text(self, place: int, label: Any) -> str:
        value = float(self.data["features"].sel(junction=label).isel(variable=place))
        unit = nice_unit(self._about(place, "units") or "1")
        name = html.escape(str(self.data["variable"].values[place]))
        return f"{name} = {value:.4g}{'' if unit == '1' else ' ' + html.escape(unit)}"

    def _chosen_text(self, k: int | None, energy: float | None, name: str | None, place: int | None) -> str:
        words = ["no cluster chosen" if self.cluster is None else f"cluster {self.cluster}"]
        labels = self.selection["junction"]
        words.append(f"junction {', '.join(map(str, labels[:4]))}{' …' if len(labels) > 4 else ''}" if labels else "")
        words.append("" if energy is None else f"{energy:.3g} eV")
        if name is not None and place is not None:
            words.append(name)
            if self.result is not None and k is not None and energy is not None:
                words.append(self._meaning(k, energy, name, place))
        return f'<div class="mi-hint">{html.escape(" · ".join(w for w in words if w))}</div>'

    def _response_name(self) -> str:
        """What the coefficients of the result are of; without one, what they would be of."""
        used = self.params if self.result is None else self._computed or self.params
        return "log T" if used["response"] == "log10" else "T"

    def _meaning(self, k: int, energy: float, name: str, place: int) -> str:
        """What the coefficient says, in words."""
        own = self.result.sel(cluster_label=k, variable=name).sel(energy=energy, method="nearest")
        beta, scale = float(own["coefficient"]), float(own["scale"])
        unit = nice_unit(self._about(place, "units") or "1")
        if not np.isfinite(beta):
            return "left out"
        if beta == 0:
            return "takes no part here"
        what = self._response_name()
        rise = f"{scale:.3g}{'' if unit == '1' else ' ' + unit}"
        return f"{what} {'rises' if beta > 0 else 'falls'} by {abs(beta):.3g} for {rise} more"

    def _count(self) -> str:
        done = "" if self.result is None else f"{self.result.sizes['cluster_label']} clusters"
        return done or "done"


def _summary(own: xr.Dataset) -> list[str]:
    """Median share predicted and median number of variables of one cluster."""
    r2 = own["r2"].values
    beta = own["coefficient"].transpose("energy", "variable").values
    fitted = np.isfinite(beta).any(axis=1)
    if not fitted.any():
        return ["", ""]
    count = (np.nan_to_num(beta[fitted]) != 0).sum(axis=1)
    return [f"{100 * float(np.nanmedian(r2)):.0f} %", f"{np.median(count):.0f}"]
