"""`FieldExplorer`: the energy of a guest in a glass, slice by slice, with the lowest path through it."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets import potentials
from mi_widgets.errors import LabelError
from mi_widgets.plots.potentials_field import TERMS
from mi_widgets.runs import Part
from mi_widgets.widgets._field_panels import ProfilePanel, SlicePanel
from mi_widgets.widgets._study import Field, Study, beside, row, stack

__all__ = ["FieldExplorer"]

_AXES = ("x", "y", "z")


class FieldExplorer(Study):
    """Explore the field of a guest atom in a frozen matrix: slices, the lowest path along x, y or z, and its barrier.

    *Find the field* relaxes the matrix around the guest at reference points and learns the rest; the picture shows the
    rigid matrix with the elastic estimate at once. A click on the slice points at a place and tells the three terms
    there; a click on the profile goes to that point of the path.

    Parameters
    ----------
    data : xarray.Dataset
        A structure in a cell with right angles, such as `mi_widgets.datasets.load_silica_glass`.
    forces, guest
        As in `mi_widgets.potentials.guest_field`; by default ``TTAM()`` and the made-up `LennardJonesGuest`.
    params : mapping, optional
        Parameters that differ from the defaults: ``spacing``, ``n_references``, ``n_rounds``, ``seed`` of
        `mi_widgets.potentials.guest_field`; and for the picture ``shown``, ``direction``, ``height``.
    threaded : bool, default True
        Run beside the page.

    Attributes
    ----------
    selection : dict
        ``x``, ``y``, ``z``: one place (angstrom), on the grid of the field.
    result : xarray.Dataset or None
        Of `mi_widgets.potentials.guest_field`.
    paths : xarray.Dataset or None
        Of `mi_widgets.potentials.percolation_barriers`, for the result.

    Examples
    --------
    >>> from mi_widgets.datasets import load_silica_glass  # doctest: +SKIP
    >>> FieldExplorer(load_silica_glass())  # doctest: +SKIP
    """

    title, run_label, unit, data_name = "A guest in a glass", "Find the field", "references", "glass"
    run_tooltip = "Relax the matrix around the guest at reference points; the page stays usable"
    points_at = _AXES
    fields: ClassVar[tuple[Field, ...]] = (
        Field("spacing", 0.6, "grid step", "Largest step of the grid; barriers between points are not seen",
              unit="Å", low=0.15, high=1.0),
        Field("n_references", 240, "references", "Points at which the matrix is really relaxed", kind="integer",
              low=40, high=100_000),
        Field("n_rounds", 2, "rounds", "Rounds of further references along the lowest paths", kind="integer", low=0,
              high=20, width="52px"),
        Field("seed", 0, "seed", "Of the choice of references", kind="integer", low=0, width="52px"),
        Field("shown", "energy", "colours", "What is drawn in the slice", kind="choice", compute=False, width="210px",
              options=[(text, name) for name, text in TERMS.items()]),
        Field("direction", "x", "path along", "Direction in which the path goes through the cell", kind="choice",
              options=list(_AXES), compute=False, width="64px"),
        Field("height", 0.0, "z", "Height of the slice", kind="slider", unit="Å", low=0.0, high=1.0, compute=False),
    )  # fmt: skip

    def __init__(
        self,
        data: xr.Dataset,
        forces: Any = None,
        guest: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        threaded: bool = True,
    ) -> None:
        from mi_widgets.potentials._guest_system import GuestSystem

        system = GuestSystem(data, forces, guest, who=type(self).__name__)  # refuses what cannot be used
        self._forces, self._guest, self._box = forces, guest, system.box
        self.paths: xr.Dataset | None = None
        self._of: xr.Dataset | None = None  # the field of these paths
        top = float(system.box[2])
        self.fields = (  # type: ignore[misc]
            *self.fields[:-1], Field(**{**vars(self.fields[-1]), "high": top, "step": top / 60, "default": top / 2}),
        )  # fmt: skip
        super().__init__(data, params=params, threaded=threaded)

    # ---- page and work -----------------------------------------------------------------------------------------

    def _make_page(self) -> ipw.Widget:
        empty = self._empty()
        self.slice = SlicePanel(self.view, empty, self.guard(self._slice_tapped))
        self.profile = ProfilePanel(
            self.view,
            potentials.percolation_barriers(empty[["energy"]].fillna(0.0), n_draws=0),
            self.guard(self._profile_tapped),
        )
        self.player = ipw.Play(min=0, max=59, interval=250, tooltip="Go through all heights", layout={"width": "auto"})
        self.player.observe(self.guard(self._played), "value")
        hint = ipw.HTML('<div class="mi-hint">White lines: what the guest reaches up to the barrier · pink: the path · '
                        "grey: no room. A click tells the terms of a place.</div>")  # fmt: skip
        self.barriers, self.place = ipw.HTML(), ipw.HTML()
        right = stack("Energy along the lowest path", self.profile.view, self.barriers, self.place)
        return beside(stack("", row(self.player), self.slice.view, hint), right, shares=(1.0, 1.1))

    def _empty(self) -> xr.Dataset:
        """A field without values, so that the pictures have their axes."""
        n = np.maximum(np.ceil(self._box / self.params["spacing"]).astype(int), 4)
        coords = {a: (a, np.arange(k) * b / k, {"units": "angstrom", "long_name": a})
                  for a, k, b in zip(_AXES, n, self._box, strict=True)}  # fmt: skip
        grid = np.full(tuple(n), np.nan)
        names = ("energy", "guest_energy", "relaxation_energy", "energy_stderr")
        empty = xr.Dataset({name: (_AXES, grid, {"units": "eV"}) for name in names}, coords)
        return empty.assign(position=self.data["position"], cell=self.data["cell"])  # atoms are drawn at once

    def _sizes_text(self) -> str:
        return f"{self.data.sizes['atom']:,} atoms"

    def _call(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {k: params[k] for k in ("spacing", "n_references", "n_rounds", "seed")}

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return potentials.iter_guest_field(self.data, self._forces, self._guest, **self._call(params))

    def _make_code(self) -> str:
        given = "".join(f", {n}" for n in ("forces", "guest") if getattr(self, f"_{n}") is not None)
        if self._forces is None and self._guest is not None:
            given = ", guest=guest"
        call = "".join(f", {k}={v!r}" for k, v in self._call(self.params).items())
        return (
            "from mi_widgets import potentials\n\n"
            f"result = potentials.guest_field(glass{given}{call})\n"
            "paths = potentials.percolation_barriers(result)\n"
        )

    def _count(self) -> str:
        if self.result is None or not np.isfinite(float(self.result["relaxation_rmse"])):
            return "elastic estimate"
        return f"error {1000 * float(self.result['relaxation_rmse']):.0f} meV on blocks left out"

    # ---- drawing -----------------------------------------------------------------------------------------------

    @property
    def _field(self) -> xr.Dataset:
        return self._empty() if self.result is None else self.result

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        if {"shown", "direction", "height"} & set(changed):
            self._draw_slice()
        if "direction" in changed:
            self._draw_paths()

    def _draw_result(self) -> None:
        if self.result is self._of:
            return  # references between two fits
        self._of = self.result
        self.paths = None if self.result is None else potentials.percolation_barriers(self.result)
        self._draw_slice()
        self._draw_paths()
        self._draw_selection()

    def _draw_slice(self) -> None:
        p = self.params
        self.slice.show(self._field, self.paths, p["height"], p["direction"], p["shown"])
        self._mark()

    def _draw_paths(self) -> None:
        if self.paths is None:
            self.barriers.value = '<div class="mi-hint">The field was not found yet.</div>'
            return
        self.profile.show(self.paths, self.params["direction"])
        rows = []
        for d in _AXES:
            one = self.paths.sel(direction=d)
            if int(one["status"]):
                rows.append(f"<tr><td>{d}</td><td colspan=3>no way through</td></tr>")
                continue
            error = f" ± {float(one['barrier_stderr']):.2f}" if np.isfinite(float(one["barrier_stderr"])) else ""
            rows.append(
                f"<tr><td>{d}</td><td>{float(one['barrier']):.2f}{error}</td><td>{float(one['frozen_barrier']):.2f}</td>"
                f"<td>{float(one['barrier_from_lowest']):.2f}</td></tr>"
            )
        head = "<tr><th>along</th><th>barrier (eV)</th><th>rigid matrix</th><th>from the lowest point</th></tr>"
        self.barriers.value = f'<table class="mi-table"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'

    def _draw_selection(self) -> None:
        self._mark()
        at = {d: v[0] for d, v in self.selection.items() if v}
        if len(at) < 3 or self.result is None:
            self.place.value = ""
            return
        one = self.result[["energy", "energy_stderr", "guest_energy", "relaxation_energy", "status"]].sel(
            at, method="nearest"
        )
        where = ", ".join(f"{float(one[d]):.2f}" for d in _AXES)
        if int(one["status"]):
            text = f"no room: the rigid matrix alone costs {float(one['guest_energy']):.3g} eV"
        else:
            total = float(one["energy"] - self.result["matrix_energy"])
            error = float(one["energy_stderr"])
            more = f" ± {error:.2f}" if np.isfinite(error) else " (elastic estimate)"
            text = (
                f"<b>{total:.2f}{more} eV</b> = guest in the rigid matrix {float(one['guest_energy']):.2f} "
                f"+ matrix giving way {float(one['relaxation_energy']):.2f}"
            )
        self.place.value = f'<div class="mi-hint" role="status">at {where} Å: {text}</div>'

    def _mark(self) -> None:
        at = {d: v[0] for d, v in self.selection.items() if v}
        near = False
        if len(at) == 3:
            away = abs(at["z"] - self.params["height"])
            near = min(away, float(self._box[2]) - away) <= self._box[2] / self._field.sizes["z"]
        self.slice.mark((at["x"], at["y"]) if near else None)

    # ---- pointing ----------------------------------------------------------------------------------------------

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        out = {}
        for d, k in zip(_AXES, range(3), strict=True):
            values = selection.get(d, [])[:1]
            for v in values:
                if isinstance(v, bool) or not isinstance(v, (int, float, np.number)) or not np.isfinite(v):
                    raise LabelError(f"{d} must be a place in angstrom; got {v!r}.")
            axis = self._field[d].values
            inside = [float(v) % float(self._box[k]) for v in values]
            out[d] = [float(axis[round(v / float(self._box[k]) * len(axis)) % len(axis)]) for v in inside]
        return out

    def _slice_tapped(self, x: float, y: float) -> None:
        if 0 <= x <= self._box[0] and 0 <= y <= self._box[1]:
            self.selection = {"x": [x], "y": [y], "z": [self.params["height"]]}

    def _profile_tapped(self, distance: float) -> None:
        if self.paths is None:
            return
        one = self.paths.sel(direction=self.params["direction"])
        n = int(one["n_points"])
        if not n:
            return
        k = int(np.abs(one["path_distance"].values[:n] - distance).argmin())
        place = np.mod(one["path_position"].values[k], self._box)
        self._controls_changed({"height": float(place[2])})
        self.selection = {d: [float(v)] for d, v in zip(_AXES, place, strict=True)}

    def _played(self, change: Any) -> None:
        if not self.quiet:
            self.params = self.params | {"height": float(self._box[2]) * change["new"] / 60}
