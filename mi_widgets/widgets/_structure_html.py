"""The 3-D view as one page that needs neither a network nor a kernel."""

import base64
import html
import json
from typing import Any

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.plots._scene import make_sites
from mi_widgets.plots.structures import scene_dataset
from mi_widgets.widgets._structure_measure import measure_chosen
from mi_widgets.widgets._structure_ngl import ngl_script
from mi_widgets.widgets._structure_stage import _TYPES, SCRIPT, STYLE

__all__ = ["structure_html"]

_MOST_BYTES = 200e6

# Stands in for the kernel: it answers from what is written in the page, and keeps the chosen atoms itself.
_KERNEL = """
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const ears = new Set();
const say = (m) => setTimeout(() => ears.forEach((f) => f({ k: "state", ...m }, m.data.map(bytes))), 0);
const nothing = { points: [], text: "" };
let chosen = SAVED.state.parts.select.atoms, own = false;  // own: others than the page was written with
const model = {
  on: (_, f) => ears.add(f), off: (_, f) => ears.delete(f),
  send(m) {
    if (m.k === "ready") say(SAVED.state);
    if (m.k === "frame") for (const [i, seq] of m.wanted) {
      const { parts, ...rest } = SAVED.frames[i];
      const measure = own ? nothing : parts.measure;
      say({ ...rest, parts: { ...parts, measure, frame: { ...parts.frame, to: [m.vid, seq] } } });
    }
    if (m.k === "pick") {
      const a = m.atom, one = a === null ? [] : [a];
      if (!m.shift) chosen = one;
      else chosen = chosen.includes(a) ? chosen.filter((x) => x !== a) : [...chosen, ...one];
      own = true;
      say({ parts: { select: { atoms: chosen }, measure: nothing }, bufs: [], data: [] });
    }
  },
};
render({ model, el: document.getElementById("view") });
"""


def structure_html(viewer: Any, title: str, frames: slice | None) -> str:
    """The page of a `StructureViewer`, with some frames to play or the present one.

    Raises
    ------
    DataError
        The frames would make a page of more than 200 MB.
    MissingDependencyError
        nglview is not installed.
    """
    with viewer.lock:
        parts, arrays = viewer._state()
        numbers = range(*frames.indices(viewer.frames.n_frames)) if frames is not None else range(0)
        size = sum(np.asarray(a).nbytes for a in arrays.values()) * max(len(numbers), 1)
        if size > _MOST_BYTES:
            raise DataError(
                f"{len(numbers)} frames make a page of {size / 1e6:.0f} MB; write fewer: frames=slice(0, 100)."
            )
        _see_all(viewer, numbers)
        played = [_frame(viewer, i, k, len(numbers)) for k, i in enumerate(numbers)]
    first = played[0] if played else {"parts": {"frame": {"i": 0, "n": 1, "text": ""}}, "arrays": {}}
    state = _pack(parts | first["parts"], arrays | first["arrays"])
    saved = {"state": state, "frames": [_pack(f["parts"], f["arrays"]) for f in played]}
    text = json.dumps(saved).replace("<", "\\u003c")
    engine = ngl_script().replace("</script", "<\\/script")
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title>"
        f"<style>body {{ margin: 16px; font-family: sans-serif; }}\n{STYLE}</style></head>"
        f'<body><h3>{html.escape(title)}</h3><div id="view"></div>\n<script>{engine}</script>\n'
        f'<script type="module">\nconst SAVED = {text};\n{SCRIPT}\n{_KERNEL}</script></body></html>\n'
    )


def _see_all(viewer: Any, numbers: range) -> None:
    """Meet the categories of all frames before the first is written, so that each one's legend names them all."""
    by = viewer.params["color_by"]
    if viewer.run_colors.moves(by) and viewer.colors.kind == "categorical":
        for i in numbers:
            viewer.run_colors.find(viewer.frames.one(i, by), viewer.params)


def _frame(viewer: Any, i: int, k: int, n: int) -> dict[str, Any]:
    """What changes with the frame: sites, measures, and where they do colours and labels."""
    p = viewer.params
    now = viewer.frames.one(i, p["color_by"])
    names = ("bonds", "bond_factor", "images")
    sites = make_sites(now, repeat=tuple(p["repeat"]), **{name: p[name] for name in names})
    colors, _ = viewer.run_colors.find(now, p)
    scene = scene_dataset(now, sites, colors, p["repeat"])
    cell = np.zeros((3, 3)) if sites.cell is None else sites.cell
    arrays = {"position": sites.position.ravel(), "parent": sites.parent, "image": sites.image,
              "bonds": sites.bonds.ravel(), "edges": scene["cell_edge"].values.ravel()}  # fmt: skip
    text = viewer.frames.frame_text(i)
    _, measure = measure_chosen(now, sites, viewer._chosen if p["measures"] else [])
    parts = {"sites": {"cell": cell.tolist()}, "measure": measure, "frame": {"i": k, "n": n, "text": text}}
    if viewer.run_colors.moves(p["color_by"]):
        part, more = viewer._colors_part(colors)
        parts, arrays = parts | part, arrays | more
    if viewer.run_colors.moves(p["labels"]):
        parts["labels"] = viewer._labels(i)
    return {"parts": parts, "arrays": arrays}


def _pack(parts: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    data = [
        base64.b64encode(np.ascontiguousarray(a, dtype=_TYPES[name]).tobytes()).decode() for name, a in arrays.items()
    ]
    return {"parts": parts, "bufs": list(arrays), "data": data}
