"""How a StructureViewer draws: what changes in parameters, selection and frame becomes one message to the page."""

import html
from collections.abc import Mapping
from typing import Any

import ipywidgets as ipw
import numpy as np
import traitlets

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.plots._scene import Sites, make_sites, radii
from mi_widgets.plots._scene_colors import MISSING, Colors, colorable
from mi_widgets.plots.structures import scene_dataset
from mi_widgets.widgets._explorer import Explorer
from mi_widgets.widgets._structure_colors import RunColors
from mi_widgets.widgets._structure_controls import Controls, chosen_text
from mi_widgets.widgets._structure_data import Frames
from mi_widgets.widgets._structure_flat import FlatView
from mi_widgets.widgets._structure_measure import measure_chosen
from mi_widgets.widgets._structure_ngl import check_nglview
from mi_widgets.widgets._structure_params import SCENE
from mi_widgets.widgets._structure_stage import StructureStage

__all__ = ["StructureBase"]

_LOOK = ("style", "size", "cell", "legend", "projection", "background", "height")
_MOST_LABELS, _MOST_FRAMES = 3000, 32


class StructureBase(Explorer):
    """Everything of the viewer that is not its public face."""

    measures = traitlets.Dict()
    notes = traitlets.Unicode("")

    frames: Frames
    run_colors: RunColors
    _i = 0
    _more: dict[str, Any] = {}  # noqa: RUF012 - keywords that give the colours of this frame, beside `params`
    _chosen: list[int] = []  # noqa: RUF012 - replaced, never changed in place
    _extra: dict[str, tuple[str, np.ndarray, dict[str, Any]]] = {}  # noqa: RUF012
    _orientation: list[float] | None = None
    _asked: list[Any] | None = None  # display and number of the question for a frame that is being answered

    def view(self, name: str) -> None:
        """Turn to a view; the public class says which."""
        raise NotImplementedError

    def select(self, expression: str) -> list[Any]:
        """Choose atoms by an expression; the public class says how."""
        raise NotImplementedError

    # ---- the parts of the page -------------------------------------------------------------------------------

    def _build(self) -> None:
        self._flat: FlatView | None = None
        self._flat_asked = False
        self._chosen = []
        self._extra = {}
        self._look_ahead()
        self.stage = StructureStage(self._state, self.guard(self._heard))
        self.controls = Controls(
            self.params, self._choices(), change=self._from_page, turn=self.view, choose=self._choose,
            picture=self._picture, add=self._set_adding, guard=self.guard,
        )  # fmt: skip
        self.text = ipw.HTML("", placeholder="")
        self.head = ipw.HTML(self._title(), placeholder="")
        self.panel = ipw.Box([self.stage])
        self.panel.add_class("mi-main")
        self.stage.layout.flex = "1 1 520px"
        self.stage.layout.min_width = "320px"
        self.children = [self.head, self.controls.above, self.controls.middle, self.message, self.panel,
                         self.controls.below, self.text]  # fmt: skip
        self.observe(self.guard(self._on_selection), "selection")
        self.observe(self.guard(self._on_params), "params")
        self._take_result()
        self._tell_chosen()
        self._show_flat()
        self._say()

    def _choices(self) -> list[str]:
        return colorable(self.frames.ds)

    def _title(self) -> str:
        ds = self.frames.ds
        kinds, counts = np.unique(np.asarray(ds["element"].values).astype(str), return_counts=True)
        numbers = [f"<sub>{n}</sub>" if n > 1 else "" for n in counts]
        formula = " ".join(html.escape(k) + n for k, n in zip(kinds, numbers, strict=True))
        name = html.escape(str(ds.attrs.get("title") or "")[:80])
        what = f"{self.frames.n_atoms:,} atoms" + (f", {self.frames.n_frames:,} frames" if self.frames.moving else "")
        shown = formula if len(kinds) <= 8 else f"{len(kinds)} species"
        beside = f"{shown} · {what}" if name else what
        return f'<span class="mi-title">{name or shown or "nothing"}</span><span class="mi-sizes">{beside}</span>'

    def _say(self) -> None:
        """Notes about the structure and about nglview, in the page."""
        texts = [t for t in (self.notes, check_nglview()) if t]
        if texts:
            self.show_message("\n".join(texts), "warning")

    # ---- what is drawn ---------------------------------------------------------------------------------------

    def _look_ahead(self) -> None:
        """Read the frame that is shown and find its sites, bonds and colours."""
        p, by = self.params, self.params["color_by"]
        self.now = self.frames.one(self._i, by)
        self.sites: Sites = make_sites(
            self.now, repeat=tuple(p["repeat"]), bonds=p["bonds"], bond_factor=p["bond_factor"], images=p["images"]
        )
        self.colors, self._more = self.run_colors.find(self.now, p)
        self.notes = "\n".join(self.sites.notes)

    def _take_result(self) -> None:
        self.code = self._make_code()
        self.result = scene_dataset(self.now, self.sites, self.colors, self.params["repeat"])

    def _sites_part(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        s = self.sites
        cell = np.zeros((3, 3)) if s.cell is None else s.cell
        arrays = {"position": s.position.ravel(), "parent": s.parent, "image": s.image, "bonds": s.bonds.ravel(),
                  "edges": self.result["cell_edge"].values.ravel()}  # fmt: skip
        return {"sites": {"cell": cell.tolist()}}, arrays

    def _colors_part(self, colors: Colors | None = None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        c = self.colors if colors is None else colors
        about = {"kind": c.kind, "title": c.title, "labels": c.labels[:200], "label_colors": c.label_colors[:200],
                 "limits": c.limits, "palette": c.palette[::8], "missing": c.missing,
                 "missing_color": MISSING}  # fmt: skip
        values = {} if c.kind == "element" else {"values": c.values.astype(np.float32)}
        return {"colors": about}, {"rgb": c.rgb.ravel(), **values}

    def _atoms_part(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        kinds, codes = np.unique(np.asarray(self.now["element"].values).astype(str), return_inverse=True)
        names = None if self.frames.plain else [str(a) for a in self.frames.atoms.tolist()]
        return {"atoms": {"elements": kinds.tolist(), "names": names}}, {
            "codes": codes, "radius": radii(self.now["element"].values)}  # fmt: skip

    def _labels(self, i: int | None = None) -> list[str] | None:
        by = self.params["labels"]
        if by is None or self.frames.n_atoms > _MOST_LABELS:
            return None
        elements = np.asarray(self.now["element"].values).astype(str)
        if by == "element":
            return elements.tolist()
        if by in ("index", "name"):
            names = [str(a) for a in self.frames.atoms.tolist()]
            return names if by == "index" else [e + n for e, n in zip(elements, names, strict=True)]
        values = self.frames.one(self._i if i is None else i, by)[by].values.tolist()
        return [f"{v:.4g}" if isinstance(v, float) else str(v) for v in values]

    def _look_part(self) -> dict[str, Any]:
        return {"look": {k: self.params[k] for k in _LOOK}}

    def _frame_part(self) -> dict[str, Any]:
        text = self.frames.frame_text(self._i)
        return {"frame": {"i": self._i, "n": self.frames.n_frames, "text": text, "to": self._asked}}

    def _camera_part(self) -> dict[str, Any]:
        kept = self._orientation
        return {"camera": {"orientation": kept} if kept else {"view": self.params["view"]}}

    def _select_part(self) -> dict[str, Any]:
        return {"select": {"atoms": self._chosen}, "measure": self._measured}

    def _state(self) -> tuple[dict[str, Any], Mapping[str, np.ndarray]]:
        """Everything, for a display that has just come into being."""
        parts: dict[str, Any] = {"labels": self._labels()}
        arrays: dict[str, np.ndarray] = {}
        for part, more in (self._sites_part(), self._colors_part(), self._atoms_part()):
            parts |= part
            arrays |= more
        return parts | self._look_part() | self._frame_part() | self._select_part() | self._camera_part(), arrays

    # ---- changes ---------------------------------------------------------------------------------------------

    def _on_params(self, change: Any) -> None:
        old, new = change["old"], change["new"]
        changed = {k for k in new if old.get(k) != new[k]}
        self.controls.show(new)
        if changed & {"repeat", "bonds", "bond_factor", "images"}:
            self._look_ahead()
            self._take_result()
            (parts, arrays), (colors, more) = self._sites_part(), self._colors_part()
            camera = self._reframe() if "repeat" in changed else {}
            self.stage.draw(parts | colors | self._look_part() | self._select_part() | camera, arrays | more)
            self._say()
        elif changed & {"color_by", "limits", "cmap"}:
            self._recolor()
        if changed & set(_LOOK):
            again = {} if changed & {"projection"} == set() else self._reframe()
            self.stage.draw(self._look_part() | again, {})
        if "measures" in changed:
            self._tell_chosen()
            self.stage.draw(self._select_part(), {})
        if "labels" in changed:
            self.stage.draw({"labels": self._labels()}, {})
        self.code = self._make_code()
        self._show_flat(changed)

    def _reframe(self) -> dict[str, Any]:
        self._orientation = None
        return self._camera_part()

    def _recolor(self) -> int:
        """New colours in place: one message, the camera and everything else stay."""
        self.now = self.frames.one(self._i, self.params["color_by"])
        self.colors, self._more = self.run_colors.find(self.now, self.params)
        self._take_result()
        parts, arrays = self._colors_part()
        return self.stage.draw(parts, arrays)

    def _add_array(self, values: np.ndarray, name: str, attrs: dict[str, Any]) -> None:
        if values.shape != (self.frames.n_atoms,):
            raise DataError(
                f"colours need one value for each of the {self.frames.n_atoms} atoms; got an array of shape "
                f"{values.shape}."
            )
        if name in self.data.variables or name in ("element", "index"):
            raise ParameterError(f"the structure has something called {name!r} already; give name='another name'.")
        self._extra[name] = ("atom", values, attrs)
        self.frames.ds = self.frames.ds.assign({name: self._extra[name]})
        self.frames.forget()
        with self.controls.quiet:
            self.controls.color.options = self._choices()
        if self.params["color_by"] == name:
            self._recolor()
            self._show_flat({"color_by"})
        else:
            self.set_params(color_by=name, limits=None)

    def _on_selection(self, change: Any) -> None:
        i = self.frames.frame_index(self.selection["frame"]) if self.frames.moving else 0
        moved = i != self._i
        if moved:
            before, self._i = self._i, i
            try:
                self._look_ahead()
            except Exception:
                self._i = before
                self.frames.forget()
                raise
        self._chosen = self.frames.values(self.selection["atom"])
        self._tell_chosen()
        if moved:
            self._draw_frame()
        else:
            self.code = self._make_code()
            self.stage.draw(self._select_part(), {})
            if self._flat is not None:
                self._flat.select(self._chosen)

    def _draw_frame(self) -> None:
        self._take_result()
        parts, arrays = self._sites_part()
        if self.run_colors.moves(self.params["color_by"]):
            more, colors = self._colors_part()
            parts, arrays = parts | more, arrays | colors
        if self.params["labels"] not in (None, "index", "element", "name"):
            parts["labels"] = self._labels()
        self.stage.draw(parts | self._frame_part() | self._select_part(), arrays)
        if self._flat is not None:
            self._flat.move(self.result)

    def _draw_scene(self) -> None:
        self._look_ahead()
        self._take_result()
        self.stage.draw(*self._state())
        self._show_flat({"repeat"})

    def _send_camera(self) -> None:
        self.stage.draw(self._camera_part(), {})

    def _tell_chosen(self) -> None:
        chosen = self._chosen if self.params["measures"] else []
        self.measures, self._measured = measure_chosen(self.now, self.sites, chosen)
        elements = self.now["element"].values
        names = ", ".join(f"{elements[i]}{self.frames.atoms[i]}" for i in self._chosen[-6:])
        names = f"… {names}" if len(self._chosen) > 6 else names
        self.text.value = chosen_text(len(self._chosen), names, self.measures, self.frames.n_atoms)

    # ---- what the page says ----------------------------------------------------------------------------------

    def _heard(self, message: dict[str, Any]) -> None:
        kind = message.get("k")
        if kind == "pick":
            atom = message.get("atom")
            self._point([] if atom is None else [int(atom)], bool(message.get("shift")))
        elif kind == "camera":
            given = message.get("orientation")
            if isinstance(given, list) and len(given) == 16 and np.isfinite(np.array(given, dtype=float)).all():
                self._orientation = [float(v) for v in given]
        elif kind == "frame" and self.frames.moving:
            last = self.frames.n_frames - 1
            for i, number in list(message.get("wanted", []))[:_MOST_FRAMES]:
                self.guard(self._go_to)(min(max(int(i), 0), last), [str(message.get("vid")), int(number)])
        elif kind in ("flat", "failed"):
            self._flat_asked = True
            self._show_flat()

    def _go_to(self, i: int, asked: list[Any]) -> None:
        """Show a frame that the player of a page has asked for; it gets one answer in any case."""
        self._asked = asked
        try:
            if i == self._i:
                self.stage.draw(self._frame_part(), {})
            self.selection = self.selection | {"frame": self.frames.frames[i].item()}
        finally:
            if self._i != i:  # it could not be read; the player must not wait for it
                self.stage.draw(self._frame_part(), {})
            self._asked = None

    def _point(self, atoms: list[int], add: bool) -> None:
        """Choose atoms; one that is chosen already is let go by adding it once more."""
        if add:
            if len(atoms) == 1 and atoms[0] in self._chosen:
                chosen = [a for a in self._chosen if a != atoms[0]]
            else:
                chosen = self._chosen + [a for a in atoms if a not in set(self._chosen)]
        else:
            chosen = atoms
        if chosen != self._chosen:
            self.selection = self.selection | {"atom": self.frames.atoms[chosen].tolist() if chosen else []}

    def _from_page(self, **changes: Any) -> None:
        self.clear_error()
        self.set_params(**changes)

    def _choose(self, expression: str) -> None:
        self.clear_message()
        if not expression:
            with self.controls.quiet:
                self.controls.expression.value = ""
        self.select(expression)
        if expression.strip() and not self._chosen:
            self.show_message(f"None of the {self.frames.n_atoms} atoms matches {expression}.", "warning")

    def _picture(self) -> None:
        if not self.stage.download_image("structure.png"):
            raise DataError("no page shows the 3-D view; display the widget first.")

    # ---- the projection --------------------------------------------------------------------------------------

    def _show_flat(self, changed: set[str] | None = None) -> None:
        wanted = self.params["flat"] or self._flat_asked
        if not wanted:
            self.panel.children = [self.stage]
            return
        if self._flat is None:
            self._flat = FlatView(
                self.result, self.params["plane"], size=self.params["size"], point=self._point,
                describe=self._describe, lock=self.lock, on_error=self.show_error,
            )  # fmt: skip
            self._flat.adding = self.controls.add.value
            self._flat.select(self._chosen)
        elif changed and changed & {"plane", "size", "repeat"}:
            self._flat.show(self.result, plane=self.params["plane"], size=self.params["size"])
        elif changed is None or changed & set(SCENE):
            self._flat.move(self.result)
        if self._flat.view not in self.panel.children:
            self.panel.children = [self.stage, self._flat.view]

    def _set_adding(self, add: bool) -> None:
        if self._flat is not None:
            self._flat.adding = add

    def _describe(self) -> list[str]:
        """One text for each atom: index, element, position and the value that colours it."""
        c, elements = self.colors, self.now["element"].values
        xyz = self.now["position"].transpose("atom", "axis").values
        rows = zip(self.frames.atoms, elements, xyz, strict=True)
        out = [f"#{a} {e} ({x:.3f}, {y:.3f}, {z:.3f}) Å" for a, e, (x, y, z) in rows]
        if c.kind == "element":
            return out
        if c.kind == "continuous":
            shown = [f"{v:.6g}" if v == v else "no value" for v in c.values.tolist()]
        else:
            shown = [c.labels[v] if v >= 0 else "no value" for v in c.values.tolist()]
        return [f"{text} · {c.title}: {value}" for text, value in zip(out, shown, strict=True)]

    def _forget(self) -> None:
        """Let go of what is drawn; also called for a viewer whose making failed."""
        flat = getattr(self, "_flat", None)
        if flat is not None:
            flat.close()
        self._flat = None
        if hasattr(self, "frames"):
            self.frames.forget()
