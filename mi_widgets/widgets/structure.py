"""StructureViewer: atoms in three dimensions and in projection, coloured, chosen, measured and played."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.methods.expression import match
from mi_widgets.widgets._explorer import Explorer
from mi_widgets.widgets._structure_base import StructureBase
from mi_widgets.widgets._structure_colors import RunColors
from mi_widgets.widgets._structure_data import Frames, as_structure
from mi_widgets.widgets._structure_names import atom_names
from mi_widgets.widgets._structure_params import DEFAULTS, SCENE, VIEWS, as_colors, check_flags, check_params

__all__ = ["StructureViewer"]


class StructureViewer(StructureBase):
    """See a molecule, crystal, slab or trajectory: turn it, colour it, choose atoms, measure, play.

    Click on an atom to choose it, shift-click to add, click beside to choose none; the 2-D view has box and lasso.
    Distance, angle and dihedral of the last two, three and four chosen atoms are given by their nearest images.

    Parameters
    ----------
    structure : xarray.Dataset, or an object of ASE or pymatgen, or a list of them, or the path of a file
        ``position`` (dims (frame,) atom, axis; angstrom), ``element`` (atom), and ``cell``, ``pbc`` and any arrays over
        the atoms, as `mi_widgets.structure.from_ase` and `read_trajectory` give them. A lazy trajectory stays lazy:
        only the frame that is shown is computed. Colours mean the same in all frames; for them, of a lazy array that
        changes with the frame the first, middle and last frame are read as well.
    params : mapping, optional
        Parameters that differ from the defaults. ``color_by``, ``limits``, ``cmap``, ``repeat``, ``bonds``,
        ``bond_factor``, ``images`` as in `mi_widgets.plots.structures.structure_scene`; ``style`` (``"ball+stick"``,
        ``"spacefill"``, ``"licorice"``), ``size``, ``labels`` (None, ``"index"``, ``"element"``, ``"name"`` or an
        array), ``measures`` (draw and tell distance, angle and dihedral of the chosen), ``cell``, ``legend``, ``view``
        (``"oblique"``, ``"top"``, ``"bottom"``, ``"front"``, ``"side"``), ``projection`` (``"perspective"``,
        ``"orthographic"``), ``background``, ``height`` (pixels), ``flat`` (show the 2-D view), ``plane`` (``"x-y"``,
        ``"x-z"``, ``"y-z"``).
    threaded : bool, default True
        As for every `Explorer`; nothing here runs long.

    Attributes
    ----------
    selection : dict
        ``{"atom": [labels]}`` in the order of choosing, and ``"frame"`` for a trajectory.
    result : xarray.Dataset
        What is drawn, as `structure_scene` gives it for the frame that is shown; `code` gives it without a widget.
    measures : dict of str to float
        ``distance`` (angstrom), ``angle``, ``dihedral`` (degree) of the atoms chosen last.
    notes : str
        What is odd about the structure: missing positions, unknown species, a cell without volume.

    Raises
    ------
    LabelError
        It is no structure, or the labels of its atoms are not unique.
    ParameterError
        A parameter is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets import StructureViewer  # doctest: +SKIP
    >>> StructureViewer(slab, params={"color_by": "coordination", "repeat": [2, 2, 1]})  # doctest: +SKIP
    """

    def __init__(self, structure: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        ds = as_structure(structure)
        self.frames = Frames(ds)
        self.run_colors = RunColors(self.frames)
        super().__init__(ds, params=params, threaded=threaded)
        self.selection = {"atom": []}  # and the first frame
        self._build()

    # ---- parameters ------------------------------------------------------------------------------------------

    data_name = "ds"

    def _default_params(self) -> dict[str, Any]:
        return dict(DEFAULTS)

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        from mi_widgets.plots._scene_colors import colorable, per_atom

        colors, known = colorable(self.frames.ds), per_atom(self.frames.ds)
        if params["color_by"] not in colors:
            raise ParameterError(f"color_by must be one of {', '.join(colors)}; got {params['color_by']!r}.")
        if params["labels"] not in (None, "index", "name", *known):
            raise ParameterError(f"labels must be None, 'index', 'name', {', '.join(known)}; got {params['labels']!r}.")
        return check_params(params)

    def _make_code(self) -> str:
        params = {k: self.params[k] for k in SCENE if self.params[k] != DEFAULTS[k]}
        given = "".join(f", {k}={v!r}" for k, v in (params | self._more).items())
        frame = f".isel(frame={self._i})" if self.frames.moving else ""
        lines = ["from mi_widgets.plots.structures import plot_structure, structure_scene", ""]
        lines.append("# ds = structure.read_structure(path)   <- put the name of your Dataset here")
        numbers = [v for _, values, _ in self._extra.values() for v in values.tolist() if isinstance(v, float)]
        names = [n for n, there in (("inf", np.isinf), ("nan", np.isnan)) if numbers and there(numbers).any()]
        lines[1:1] = [f"from numpy import {', '.join(names)}"] if names else []
        for name, values in self._extra.items():  # arrays that are not in the structure
            given_array = f"('atom', {values[1].tolist()!r}, {values[2]!r})"
            lines.append(f"{self.data_name} = {self.data_name}.assign({{{name!r}: {given_array}}})")
        lines += [
            f"frame = {self.data_name}{frame}",
            f"result = structure_scene(frame{given})",
            f"picture = plot_structure(result, plane={self.params['plane']!r}, size={self.params['size']!r})",
        ]
        if self._chosen:
            lines.append(f"chosen = frame.isel(atom={json.dumps(self._chosen)})")
        return "\n".join(lines)

    def run(self, wait: bool = False) -> None:
        """Draw everything anew."""
        self._draw_scene()

    # ---- selection -------------------------------------------------------------------------------------------

    @traitlets.validate("selection")
    def _selection_valid(self, proposal: Any) -> dict[str, Any]:
        given = dict(proposal["value"])
        unknown = [k for k in given if k not in ("atom", "frame")]
        if unknown or ("frame" in given and not self.frames.moving):
            raise LabelError(
                f"cannot point along {unknown or 'frame'}; a structure has 'atom', and a trajectory 'frame' too."
            )
        atoms = given.get("atom", self.selection.get("atom", []))
        atoms = list(atoms) if isinstance(atoms, (list, tuple, np.ndarray)) else [atoms]
        at = list(dict.fromkeys(self.frames.values(atoms)))
        out: dict[str, Any] = {"atom": self.frames.atoms[at].tolist()}
        if self.frames.moving:
            label = given.get("frame", self.selection.get("frame", self.frames.frames[0]))
            out["frame"] = self.frames.frames[self.frames.frame_index(label)].item()
        return out

    def select(self, expression: str) -> list[Any]:
        """Choose the atoms for which an expression is true; an empty one chooses none.

        Parameters
        ----------
        expression : str
            Such as ``element == "O" and z > 8``; it may name ``index``, ``element``, ``x``, ``y``, ``z`` (angstrom) and
            every array over the atoms. It is read, never executed.

        Returns
        -------
        list
            Labels of the atoms.

        Raises
        ------
        ParameterError
            The expression cannot be read, or names something unknown.
        """
        chosen: list[Any] = []
        if expression.strip():
            names = atom_names(self.frames.whole(self._i))
            names["atom"] = self.frames.atoms
            chosen = self.frames.atoms[match(expression, names, self.frames.n_atoms)].tolist()
        self.selection = self.selection | {"atom": chosen}
        return chosen

    def color_by(
        self,
        values: Any,
        name: str = "value",
        *,
        units: str = "1",
        labels: Sequence[str] | None = None,
        colors: Sequence[str] | None = None,
    ) -> None:
        """Colour the atoms by an array that is not in the structure; camera, selection and frame stay.

        Parameters
        ----------
        values : array_like
            One value for each atom: numbers or names; NaN, None and empty names are missing. With `labels`, whole
            numbers that count them from 0, and -1 for an atom without one.
        name : str, default "value"
            What the legend says, and the choice of colours; the same name again replaces the array.
        units : str, default "1"
        labels : sequence of str, optional
            Names of the categories, in the order of the legend.
        colors : sequence of str, optional
            Their colours, such as ``"#0072b2"``.

        Raises
        ------
        DataError
            The number of values is not that of the atoms, they are neither numbers nor names, or a number has no label.
        ParameterError
            The structure has an array of this name, or the colours are not one for each label.

        Examples
        --------
        >>> viewer.color_by([0, 1, -1], "cluster", labels=["bulk", "step"])  # doctest: +SKIP
        """
        array = as_colors(values)
        attrs = {"units": units, "long_name": str(name)}
        if labels is not None or colors is not None:
            attrs |= check_flags(array, labels, colors)
        self._add_array(array, str(name), attrs)

    def view(self, name: str) -> None:
        """Turn to a view and fit it: ``"oblique"``, ``"top"``, ``"bottom"``, ``"front"`` or ``"side"``."""
        if name not in VIEWS:
            raise ParameterError(f"unknown view {name!r}; write one of {', '.join(VIEWS)}.")
        self._orientation = None
        if self.params["view"] != name:
            self.set_params(view=name)
        self._send_camera()

    # ---- taking it away --------------------------------------------------------------------------------------

    def screenshot(self, name: str = "structure.png", *, scale: int = 2) -> bool:
        """Let the browser save the 3-D view as PNG; False where no page shows it.

        Parameters
        ----------
        name : str, default "structure.png"
        scale : int, default 2
            Pixels of the picture for each one of the page, 1 to 6.

        Raises
        ------
        ParameterError
            The scale is out of range.
        """
        if isinstance(scale, bool) or scale not in range(1, 7):
            raise ParameterError(f"scale must be a whole number from 1 to 6; got {scale!r}.")
        return self.stage.download_image(name, scale)

    def to_html(self, title: str = "Structure", *, frames: slice | None = None) -> str:
        """A page that needs no network and no kernel: the 3-D view with its colours, legend and hover text.

        Parameters
        ----------
        title : str
        frames : slice, optional
            Frames that are written for playing; by default the one that is shown.
        """
        from mi_widgets.widgets._structure_html import structure_html

        return structure_html(self, title, frames)

    def close(self) -> None:
        """Remove the widget with all its parts, and let the structure go."""
        bar = getattr(self, "run_bar", None)  # nothing here runs long, so it is not shown, and is in no box
        for widget in [] if bar is None else [*bar.children, bar]:
            for part in (widget.layout, getattr(widget, "style", None), widget):
                if part is not None:
                    part.close()
        Explorer.close(self)
        self._forget()
