"""What DOSClusterer draws: clusters in their colours in every view, and what is chosen."""

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from mi_widgets.plots._dos_frames import tree_axis
from mi_widgets.plots._dos_groups import assign_slots, groups_of, names_of, slot_color
from mi_widgets.plots._dos_tree import grow, trim
from mi_widgets.widgets._dos_curves import N_PICKED, Curve
from mi_widgets.widgets._dos_table import cluster_rows, unusual_rows

if TYPE_CHECKING:
    from mi_widgets.widgets._dos_base import DosBase

__all__ = ["draw_chosen", "draw_clusters", "draw_curves", "draw_map", "draw_tree", "draw_unusual"]

_MOST_BRANCHES, _MOST_REMEMBERED = 54, 1000
_LEAST_HEIGHT = 1e-3  # of the highest merge; sites nearer than that are one box


def draw_clusters(app: "DosBase") -> None:
    """New clusters: colours everywhere, curves, tables; the tree and the map stay where they are."""
    result = app.result
    if result is None:
        return
    app.groups = groups_of(result["cluster"], app.elements, names_of(result))
    app.listed = sorted(app.groups, key=lambda g: (g.elements, g.label))
    keys = {g.label: blake2b(g.atoms.tobytes(), digest_size=16).digest() for g in app.groups}
    known = {label: app.slot_memory[key] for label, key in keys.items() if key in app.slot_memory}
    app.slots = assign_slots(app.groups, app.atom_slots, known=known)
    now = {keys[label]: slot for label, slot in app.slots.items() if slot >= 0}
    old = [(key, slot) for key, slot in app.slot_memory.items() if key not in now]
    app.slot_memory = {**dict(old[-_MOST_REMEMBERED:]), **now}
    app.atom_slots = np.full(app.n_atoms, -1)
    distinct = np.full(app.n_atoms, -1)  # also for clusters without a colour of their own
    for g in app.groups:
        slot = app.slots[g.label]
        app.atom_slots[g.atoms] = slot
        distinct[g.atoms] = slot if slot >= 0 else -2 - g.label
    app.tree.color(distinct[app.leaf_atoms])
    if len(app.map_places):
        app.map.color(app.atom_slots)
    draw_curves(app)
    _draw_slab(app)
    app.rows.rows, app.rows.note = cluster_rows(app)
    draw_unusual(app)
    draw_chosen(app)


def draw_unusual(app: "DosBase") -> None:
    """The list of unusual sites, where it is in sight."""
    if app.table_buttons.value == app.table_buttons.options[1] and app.result is not None:
        app.unusual.rows, app.unusual.note = unusual_rows(app)


def draw_tree(app: "DosBase") -> None:
    """Another tree of merges."""
    found, base = app.found, app.found.base if app.found is not None else None
    app.leaf_atoms, twigs = np.empty(0, dtype=int), None
    axis, percent = "distance", False
    if found is not None and base is not None and base.sizes.get("merge", 0):
        app.leaf_atoms = np.asarray(base["leaf_atom"].values)
        heights = base["merge_height"].values
        tree = grow(base["merge_left"].values, base["merge_right"].values, heights)
        twigs = trim(tree, _MOST_BRANCHES, _LEAST_HEIGHT * float(heights.max(initial=0.0)))
        axis, percent = tree_axis(found.params["metric"], str(base["merge_height"].attrs.get("units", "1")))
    elements = app.elements[app.leaf_atoms] if app.elements is not None else None
    app.tree.show(twigs, np.full(len(app.leaf_atoms), -2), elements, axis, percent=percent)


def draw_map(app: "DosBase") -> None:
    """Another map of the sites."""
    places = app.found.maps.get(app.map_method) if app.found is not None else None
    app.map_places = np.empty((0, 2)) if places is None else places
    drawn = np.full((app.n_atoms, 2), np.nan) if places is None else places
    kind = "principal component" if app.map_method == "pca" else "MDS coordinate"
    app.map.show(drawn, app.atom_slots, app.atom_texts, (f"{kind} 1", f"{kind} 2"))
    app.map.choose(app.chosen)


def draw_curves(app: "DosBase") -> None:
    """The mean and the band of every cluster that has a colour, in the order of the table."""
    if app.found is None or app.result is None:
        return
    shown = [g for g in app.listed if app.slots[g.label] >= 0]
    curves = [
        Curve(g.label, app.slots[g.label], g.text, *three)
        for g, three in zip(shown, app.site_curves.of(shown), strict=True)
    ]
    rest = len(app.groups) - len(shown)
    more = f" · largest {len(shown)} of {len(app.groups)}" if rest else ""
    what = "all orbitals" if app.shown_orbital == "total" else f"{app.shown_orbital} orbitals"
    app.curves.show(curves, stacked=app.stacked, title=f"{what}: mean, 10–90 % of sites{more}")


def draw_chosen(app: "DosBase") -> None:
    """Mark what is chosen in every view."""
    chosen = app.chosen
    place = np.full(app.n_atoms, -1)
    place[app.leaf_atoms] = np.arange(len(app.leaf_atoms))
    leaves = place[chosen]
    app.tree.choose(leaves[leaves >= 0])
    app.map.choose(chosen)
    labels = cluster_of(app)[chosen] if app.result is not None else np.empty(0, dtype=int)
    inside = set(labels[labels >= 0].tolist())
    app.rows.chosen = sorted(inside)
    app.unusual.chosen = [int(i) for i in chosen[:500]]
    if app.found is not None:
        app.curves.pick(_picked_curves(app, chosen, labels), inside)
    app.chosen_text.value = _chosen_text(app, inside)
    app.clear_button.disabled = not chosen.size
    app.merge_button.disabled = len(inside) < 2
    app.split_button.disabled = len(inside) != 1 or app.group_of(min(inside)).size < 2


def cluster_of(app: "DosBase") -> np.ndarray:
    """Number of the cluster of every atom."""
    return np.asarray(app.result["cluster"].values) if app.result is not None else np.empty(0, dtype=int)


def _picked_curves(app: "DosBase", chosen: np.ndarray, labels: np.ndarray) -> list[tuple[str, np.ndarray, int]]:
    """Single sites while they are few; whole clusters are seen by their own curve."""
    if chosen.size == 0 or chosen.size > N_PICKED:
        return []
    values = app.site_curves.values.values
    return [(app.site_name(i), values[i], int(k)) for i, k in zip(chosen.tolist(), labels.tolist(), strict=True)]


def _chosen_text(app: "DosBase", inside: set[int]) -> str:
    import html

    n = app.chosen.size
    if not n:
        return '<span class="mi-sizes">Nothing chosen; click, shift adds</span>'
    names = ", ".join(app.site_name(i) for i in app.chosen[:6].tolist()) + (" …" if n > 6 else "")
    clusters = ", ".join(app.group_of(k).name for k in sorted(inside)[:4]) + (" …" if len(inside) > 4 else "")
    where = f" in {html.escape(clusters)}" if inside else ""
    return f"<b>{n:,} of {app.n_atoms:,} sites</b>{where}: {html.escape(names)}"


def _draw_slab(app: "DosBase") -> None:
    if app.viewer is None:
        return
    codes = np.full(app.n_atoms, -1)
    labels: list[str] = []
    colors: list[str] = []
    for g in app.listed:
        if app.slots[g.label] >= 0:
            codes[g.atoms] = len(labels)
            labels.append(g.name)
            colors.append(slot_color(app.slots[g.label]))
    others = [g for g in app.groups if app.slots[g.label] < 0]
    if others:
        for g in others:
            codes[g.atoms] = len(labels)
        labels.append(f"{len(others)} other clusters")
        colors.append(slot_color(-1))
    if not labels:
        app.slab_drawn = None
        app.viewer.set_params(color_by="element")
        return
    key: Any = (codes.tobytes(), tuple(labels), tuple(colors))
    if key != app.slab_drawn:
        app.slab_drawn = key
        app.viewer.color_by(codes, "clusters", labels=labels, colors=colors)
