"""The page of an EnvironmentExplorer: what is drawn, and what a click means."""

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, MIWidgetsError, ParameterError
from mi_widgets.plots._dos_frames import map_limits
from mi_widgets.plots._potentials_frames import (
    HELD_COLOR,
    POINT_COLOR,
    component_texts,
    density_palette,
    map_palette,
    map_values,
    parity_data,
)
from mi_widgets.plots._style import color_limits
from mi_widgets.potentials.environments import neighbors_of
from mi_widgets.runs import Part
from mi_widgets.widgets._environment_index import EnvironmentIndex
from mi_widgets.widgets._environment_panels import Cloud, CloudPanel, DescriptorPanel, TrainingPanel
from mi_widgets.widgets._environment_structure import StructurePanel
from mi_widgets.widgets._environment_text import atom_text, frame_text
from mi_widgets.widgets._fields import read_number
from mi_widgets.widgets._study import Study, beside, row, stack, tabs

__all__ = ["EnvironmentBase"]

_STRUCTURE_HEIGHT, _PICTURE_HEIGHT, _FEATURE_HEIGHT = 330, 300, 235
_SETS = [("learnt from", POINT_COLOR), ("held out", HELD_COLOR)]


class EnvironmentBase(Study):
    """Everything of the explorer that is not its public face."""

    index: EnvironmentIndex
    potential: Any = None
    estimator: Any = None
    _near: tuple[Any, xr.Dataset] | None = None
    _drawn: dict[str, Any] = {}  # noqa: RUF012 - replaced, never changed in place
    _version = 0  # of the result
    _unseen = False  # a potential was trained that the result does not know

    # ---- what is chosen ------------------------------------------------------------------------------------

    @property
    def frame(self) -> Any:
        """Label of the frame that is shown."""
        return self.selection["frame"][0]

    @property
    def atom(self) -> int | None:
        """Number of the atom that is pointed at: of several the last."""
        atoms = self.selection["atom"]
        return int(atoms[-1]) if atoms else None

    @property
    def environment(self) -> int | None:
        """Position of the environment that is pointed at."""
        return None if self.atom is None else self.index.environment(self.frame, self.atom)

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        frames = list(selection["frame"])
        out = super()._snapped(selection | {"frame": frames[-1:]})
        if not out["frame"]:
            out["frame"] = list(self.selection.get("frame") or [self.index.frames[0].item()])
        frame = out["frame"][0]
        n = self.index.n_atoms(frame)
        for atom in out["atom"]:
            if isinstance(atom, bool) or not isinstance(atom, int | np.integer) or not 0 <= atom < n:
                raise LabelError(f"frame {frame} has no atom {atom!r}; its {n} atoms are called 0 to {n - 1}.")
        out["atom"] = [int(a) for a in dict.fromkeys(out["atom"])]
        return out

    def _sizes_text(self) -> str:
        return f"{self.index.frames.size:,} frames, {self.index.elements.size:,} atoms in all"

    def _count(self) -> str:
        n = self.index.frames.size
        if self.result is None or "outside" not in self.result:
            return f"{n:,} frames"
        bad = int((self.result["outside"].values != 0).sum())
        return f"{n:,} frames · {bad:,} atoms outside the training domain"

    # ---- the page ------------------------------------------------------------------------------------------

    def _page(self) -> ipw.Widget:
        self._drawn = {}
        guard: Callable[[Callable[..., Any]], Callable[..., None]] = self.guard
        self.structure = StructurePanel(
            self.index, self.lock, guard(self._atoms_picked), height=_STRUCTURE_HEIGHT, flat=self.params["flat"]
        )
        self.descriptor = DescriptorPanel(self.view, height=_FEATURE_HEIGHT)
        self.map = CloudPanel("map", self.view, guard(self._environment_picked), height=_PICTURE_HEIGHT, scale=True)
        self.energies = CloudPanel("energies", self.view, guard(self._frame_picked), height=_PICTURE_HEIGHT)
        self.forces = CloudPanel("forces", self.view, guard(lambda k: self._environment_picked(k // 3)),
                                 height=_PICTURE_HEIGHT)  # fmt: skip
        self.training = TrainingPanel(self.view, height=_PICTURE_HEIGHT)
        self.heading, self.about = ipw.HTML(), ipw.HTML()
        self.about.add_class("mi-environment-about")
        self._build_fields()
        self.map_box: Any = stack("", self.map.view)
        if self.estimator is not None:
            self.map_box = tabs(environments=self.map.view, training=self.training.view)
        left = ipw.VBox([self.heading, self._go, self._play, self.structure.box])
        return ipw.VBox([
            beside(left, ipw.VBox([self.descriptor.view, self.about]), shares=(1.0, 1.15)),
            beside(self.map_box, self.energies.view, self.forces.view, shares=(1.1, 0.95, 0.95)),
        ])  # fmt: skip

    def _build_fields(self) -> None:
        """Fields that go to a frame and an atom, for the keyboard."""
        self.frame_field, self.atom_field = (
            ipw.Text("", continuous_update=False, layout={"width": "64px"}, tooltip=tip)
            for tip in ("Label of the frame; press Enter", "Number of the atom in its frame; press Enter")
        )
        back, forth = (
            ipw.Button(description=text, tooltip=tip, layout={"width": "auto", "min_width": "28px"})
            for text, tip in (("‹", "The frame before"), ("›", "The frame after"))
        )
        back.on_click(self.guard(lambda _: self._step(-1)))
        forth.on_click(self.guard(lambda _: self._step(1)))
        self.frame_field.observe(self.guard(lambda c: self._typed("frame", c["new"])), "value")
        self.atom_field.observe(self.guard(lambda c: self._typed("atom", c["new"])), "value")
        uncertain = ipw.Button(description="Least certain", layout={"width": "auto"},
                               tooltip="Go to the atom whose energy is least certain, among all frames")  # fmt: skip
        uncertain.on_click(self.guard(lambda _: self._to_least_certain()))
        last = self.index.frames.size - 1
        self.player = ipw.Play(min=0, max=last, value=0, interval=150, layout={"width": "auto"})
        self.slider = ipw.IntSlider(min=0, max=last, value=0, readout=False, layout={"width": "220px"}, tooltip="Frame")
        self._play_link = ipw.jslink((self.player, "value"), (self.slider, "value"))
        self.slider.observe(self.guard(self._slid), "value")
        self._play = row(self.player, self.slider)
        self._go = row(ipw.Label("frame"), back, self.frame_field, forth, ipw.Label("atom"), self.atom_field, uncertain)
        self._go.layout.align_items = "center"
        self._go.add_class("mi-go")
        self._player_shown()

    def _player_shown(self) -> None:
        """A player of our own where that of the viewer is not shown, or has not all frames."""
        wanted = self.index.frames.size > 1 and (self.params["flat"] or int(self.index.group.max()) > 0)
        self._play.layout.display = None if wanted else "none"

    def _slid(self, change: Any) -> None:
        if not self.quiet:
            self._go_to(self.index.frames[int(change["new"])].item())

    def close(self) -> None:
        """Stop what runs and remove the widget and all its parts from every page."""
        training = getattr(getattr(self, "training", None), "view", None)
        for part in (getattr(self, "structure", None), training, getattr(self, "_play_link", None)):
            if part is not None:
                part.close()
        super().close()

    # ---- what a click means --------------------------------------------------------------------------------

    def _atoms_picked(self, frame: Any, atoms: list[int]) -> None:
        self.selection = {"frame": [frame], "atom": atoms}

    def _environment_picked(self, environment: int) -> None:
        frame, atom = self.index.label(environment)
        self.selection = {"frame": [frame], "atom": [atom]}

    def _frame_picked(self, position: int) -> None:
        """A frame, and in it the atom whose force is farthest off, or whose energy is least certain."""
        inside = self.index.inside(position)
        result = self.result
        score = np.zeros(inside.stop - inside.start)
        if result is not None and "reference_force" in result and "force" in result:
            score = np.linalg.norm(result["force"].values[inside] - result["reference_force"].values[inside], axis=1)
        elif result is not None and "atomic_energy_stderr" in result:
            score = result["atomic_energy_stderr"].values[inside]
        atom = int(np.argmax(np.nan_to_num(score, nan=-1.0)))
        self.selection = {"frame": [self.index.frames[position].item()], "atom": [atom]}

    def _to_least_certain(self) -> None:
        result = self.result
        known = (
            None if result is None or "atomic_energy_stderr" not in result else result["atomic_energy_stderr"].values
        )
        if known is None or not np.isfinite(known).any():
            raise ParameterError("the uncertainty of atoms is not known: run it first, with a potential that tells.")
        self._environment_picked(int(np.nanargmax(known)))

    def _step(self, by: int) -> None:
        i = min(max(self.index.place(self.frame) + by, 0), self.index.frames.size - 1)
        self._go_to(self.index.frames[i].item())

    def _go_to(self, frame: Any) -> None:
        """Another frame; the atom stays if it is there."""
        n = self.index.n_atoms(frame)
        self.selection = {"frame": [frame], "atom": [a for a in self.selection["atom"] if a < n]}

    def _typed(self, what: str, text: str) -> None:
        if self.quiet:
            return
        self.clear_error()
        try:
            if what == "atom" and not text.strip():
                self.selection = dict(self.selection) | {"atom": []}
                return
            if what == "frame" and self.index.frames.dtype.kind not in "iuf":
                self._go_to(super()._snapped({"frame": [text.strip()]})["frame"][0])
                return
            value = read_number(text, what)
            if value is None or value != int(value):
                raise ParameterError(f"the {what} must be a whole number; got {text!r}.")
            if what == "frame":
                if int(value) not in self.index.frames:
                    ends = f"{self.index.frames[0]} to {self.index.frames[-1]}"
                    raise LabelError(f"there is no frame {int(value)}; the frames are called {ends}.")
                self._go_to(int(value))
            else:
                self.selection = dict(self.selection) | {"atom": [int(value)]}
        finally:
            self._fields_shown()

    def _fields_shown(self) -> None:
        with self.quiet:
            self.frame_field.value = str(self.frame)
            self.atom_field.value = "" if self.atom is None else str(self.atom)
            self.slider.value = self.index.place(self.frame)

    # ---- drawing -------------------------------------------------------------------------------------------

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        names = set(changed)
        if "flat" in names:
            self.structure.flatten(self.params["flat"])
            self._player_shown()
        if names & {"color_by", "map_of"}:
            self._draw_map()
        if "show_errors" in names:
            self._draw_parities()
        if names & {"atoms_by", "cutoff", "flat"}:
            self._draw_selection()

    def _draw_result(self) -> None:
        self._version += 1
        if self.estimator is not None:
            self.training.show(getattr(self.potential, "training", None))
        self._draw_map()
        self._draw_parities()
        if self.result is not None and self.state in ("done", "cancelled") and self.atom is None:
            self._choose_first()
        self._draw_selection()

    def _choose_first(self) -> None:
        """Something is shown without being asked: the atom that is known worst."""
        try:
            self._to_least_certain()
        except MIWidgetsError:
            self.selection = dict(self.selection) | {"atom": [0]}

    def _draw_parities(self) -> None:
        errors = self.params["show_errors"]
        for panel, quantity in ((self.energies, "energy"), (self.forces, "force")):
            data = parity_data(self.result, quantity)
            xlim, ylim = data.limits(errors)
            panel.show(Cloud(
                data.reference, data.y(errors), xlim, ylim, (data.labels[0], data.labels[2 if errors else 1]),
                data.title, None, density_palette(), outside=data.outside, held=data.held_out,
                bar=data.y_stderr(errors), diagonal=None if not data.reference.size else not errors,
                legend=_SETS if quantity == "energy" and data.held_out.any() else (),
            ))  # fmt: skip

    def _draw_map(self) -> None:
        result = self.result
        if result is None or "score" not in result:
            text = (
                "Environments: nothing yet, start the run" if self.state == "idle" else "Environments: not mapped yet"
            )
            self.map.show(Cloud(np.zeros(0), np.zeros(0), labels=("component 1", "component 2"), title=text))
            return
        of = self.params["map_of"] or None
        by = self.params["color_by"]
        values, text, names = map_values(result, by)
        score = result["score" if of is None else "species_score"].values
        x, y = (score[:, k] if score.shape[1] > k else np.zeros(len(score)) for k in (0, 1))
        if of is not None:
            other = result["element"].values.astype(str) != of
            x, y = (np.where(other, np.nan, v) for v in (x, y))
        xlim, ylim = map_limits(np.column_stack([x, y]))
        there = xr.DataArray(values[np.isfinite(x)])
        limits = (-0.5, len(names) - 0.5) if names else color_limits(there)
        outside = result["outside"].values != 0 if "outside" in result else np.zeros(0, dtype=bool)
        title = "Environments: near ones are alike" if of is None else f"Environments of {of}"
        self.map.show(Cloud(
            x, y, xlim, ylim, component_texts(result, of), title, values, map_palette(by, names), limits, names, text,
            outside=outside, largest=by == "outside",
            legend=list(zip(names, map_palette(by, names), strict=False))[: 1 if by == "outside" else None],
        ))  # fmt: skip

    def _draw_selection(self) -> None:
        frame, atom, environment = self.frame, self.atom, self.environment
        place = self.index.place(frame)
        inside = self.index.inside(place)
        result = self.result
        self.structure.show(frame, list(self.selection["atom"]))
        near = self._neighbors(frame, atom)
        keep = None
        if near is not None:
            keep = np.zeros(inside.stop - inside.start, dtype=bool)
            keep[[atom, *near["atom"].values.tolist()]] = True
        self.structure.color(self.params["atoms_by"], frame, result, keep)
        self._fields_shown()
        name = "no atom chosen" if atom is None else f"{self.index.elements[inside][atom]}{atom} of frame {frame}"
        self.heading.value = frame_text(self.data, result, frame, inside, self.index.elements)
        self.about.value = atom_text(result, environment, name, near, self.params["cutoff"])
        if self._is_new("descriptor", self._version, environment):
            self.descriptor.show(result, environment, self._descriptor_title(name, environment))
        mapped = result is not None and "score" in result and environment is not None
        self.map.mark([environment] if mapped and environment is not None else [])
        self.energies.mark([place] if self.energies.cloud.x.size else [])
        many = self.forces.cloud.x.size and environment is not None
        self.forces.mark([3 * environment + k for k in range(3)] if many and environment is not None else [])

    def _descriptor_title(self, name: str, environment: int | None) -> str:
        result = self.result
        if result is None or "feature_value" not in result:
            return "Features: nothing yet"
        if environment is None:
            return "Features: no atom chosen"
        bad = "outside" in result and bool(result["outside"].values[environment])
        return f"Features of {name}{': OUTSIDE the training domain' if bad else ''}"

    def _is_new(self, what: str, *state: Any) -> bool:
        old, self._drawn[what] = self._drawn.get(what), state
        return bool(old != state)

    def _neighbors(self, frame: Any, atom: int | None) -> xr.Dataset | None:
        """Neighbours of an atom; those found last are kept."""
        if atom is None:
            return None
        key = (frame, atom, self.params["cutoff"])
        if self._near is None or self._near[0] != key:
            self._near = (key, neighbors_of(self.index.structure(frame), atom, self.params["cutoff"]))
        return self._near[1]

    # ---- runs ----------------------------------------------------------------------------------------------

    def _take(self, part: Part) -> None:
        if isinstance(part.result, xr.Dataset):
            self._unseen = False
            super()._take(part)
