"""Structures: what is drawn of one frame, and its projection onto a plane."""

from collections.abc import Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._scene import Sites, make_sites, radii
from mi_widgets.plots._scene_colors import Colors, color_atoms
from mi_widgets.plots._style import figure_style, plain

__all__ = ["PLANES", "STYLES", "plot_structure", "structure_scene"]

#: Plane, its two axes and the one that points at the viewer, with the sign of the horizontal one.
PLANES = {"x-y": (0, 1, 2), "x-z": (0, 2, 1), "y-z": (1, 2, 0)}
STYLES = ("ball+stick", "spacefill", "licorice")
_EDGES = [(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 3), (2, 6), (3, 7), (4, 5), (4, 6), (5, 7), (6, 7)]


def structure_scene(
    ds: xr.Dataset,
    *,
    color_by: str = "element",
    limits: Sequence[float] | None = None,
    cmap: str | None = None,
    categories: Sequence[Any] | bool | None = None,
    repeat: Sequence[int] = (1, 1, 1),
    bonds: bool = True,
    bond_factor: float = 1.2,
    images: bool = True,
) -> xr.Dataset:
    """What is drawn of one frame: sites with the atom they belong to, their colours, and bonds between them.

    Parameters
    ----------
    ds : xarray.Dataset
        One frame: ``position`` (dims atom, axis; angstrom), ``element`` (atom), and where there are any ``cell``
        (cell_vector, axis) and ``pbc`` (cell_vector).
    color_by : str, default "element"
        ``"element"`` or the name of a variable over ``atom``, numbers or names; missing values are grey.
    limits : (float, float), optional
        Values at the ends of the colours; by default the 2nd and 98th percentile.
    cmap : str, optional
        Name of a colour map; by default viridis, or blue to red for signed values.
    categories : sequence or bool, optional
        Values in the order of their colours, so that the frames of a run share them; others come after them. True or
        False: names or a scale. By default names for text and for few whole numbers.
    repeat : (int, int, int), default (1, 1, 1)
        Copies along each vector of the cell.
    bonds : bool, default True
        Find bonds: pairs nearer than `bond_factor` times the sum of their covalent radii. Two metals that are
        each surrounded by three or more anions are not bonded.
    bond_factor : float, default 1.2
    images : bool, default True
        Draw the neighbours across the edge of the cell to which atoms inside are bonded.

    Returns
    -------
    xarray.Dataset
        ``position`` (site, axis; angstrom), ``atom`` (site; position of the atom in `ds`), ``image`` (site; 1 for a
        neighbour across the edge), ``bond_site`` (bond, end; sites that a bond joins), ``cell_edge`` (edge, end, axis;
        angstrom), ``radius`` (structure_atom; covalent, angstrom), ``color`` (structure_atom, channel; 0 to 255).
        Attributes: ``color_kind``, ``color_title``, ``notes``.

    Raises
    ------
    LabelError
        A variable is missing, or there is more than one frame.
    DataError
        An array does not fit the atoms.
    ParameterError
        A parameter is out of range.

    Notes
    -----
    The atoms come first, copy by copy, so that ``site % n_atoms`` is the atom as long as every atom has a position.

    Examples
    --------
    >>> ds = xr.Dataset(
    ...     {"position": (("atom", "axis"), [[0, 0, 0], [0, 0, 1.1]]), "element": ("atom", ["C", "O"])}
    ... )
    >>> scene = structure_scene(ds)
    >>> scene.sizes["site"], scene.sizes["bond"]
    (2, 1)
    """
    require_structure(ds)
    many = check_repeat(repeat)
    sites = make_sites(ds, repeat=many, bonds=bonds, bond_factor=float(bond_factor), images=images)
    colors = color_atoms(ds, color_by, limits=limits, cmap=cmap, categories=categories)
    return scene_dataset(ds, sites, colors, many)


def check_repeat(repeat: Sequence[int]) -> tuple[int, int, int]:
    """Three whole numbers from 1, or `ParameterError`."""
    try:
        a, b, c = (int(n) for n in repeat)
        good = all(1 <= n <= 50 for n in (a, b, c)) and [a, b, c] == list(repeat)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ParameterError(f"repeat must be three whole numbers from 1 to 50; got {repeat!r}. Write [2, 2, 1].")
    return a, b, c


def require_structure(ds: Any) -> None:
    """Raise `LabelError` where a Dataset is no structure."""
    if not isinstance(ds, xr.Dataset) or "position" not in ds or "element" not in ds:
        got = list(ds.variables) if isinstance(ds, xr.Dataset) else type(ds).__name__
        raise LabelError(
            "a structure is a Dataset with 'position' (atom, axis) and 'element' (atom), as "
            f"mi_widgets.structure.from_ase gives it; got {got}."
        )
    if ds["element"].dims != ("atom",) or not {"atom", "axis"} <= set(ds["position"].dims):
        raise LabelError(
            f"'position' needs the dims (atom, axis) and 'element' (atom); got {ds['position'].dims} and "
            f"{ds['element'].dims}."
        )


def scene_dataset(ds: xr.Dataset, sites: Sites, colors: Colors, repeat: Sequence[int]) -> xr.Dataset:
    """Sites and colours as a Dataset with units."""
    edges = outline(sites.cell, sites.vectors, repeat)
    angstrom, one = {"units": "angstrom"}, {"units": "1"}
    return xr.Dataset(
        {
            "position": (("site", "axis"), sites.position, {**angstrom, "long_name": "position"}),
            "atom": ("site", sites.parent, {**one, "long_name": "atom of the structure"}),
            "image": ("site", sites.image.astype(np.int8), {**one, "long_name": "image across the edge of the cell"}),
            "bond_site": (("bond", "end"), sites.bonds, {**one, "long_name": "site"}),
            "cell_edge": (("edge", "end", "axis"), edges, {**angstrom, "long_name": "edge of the cell"}),
            "radius": ("structure_atom", radii(ds["element"].values), {**angstrom, "long_name": "covalent radius"}),
            "color": (("structure_atom", "channel"), colors.rgb, {**one, "long_name": "colour"}),
        },
        attrs={"color_kind": colors.kind, "color_title": colors.title, "notes": "\n".join(sites.notes)},
    )


def outline(cell: np.ndarray | None, vectors: np.ndarray, repeat: Sequence[int] = (1, 1, 1)) -> np.ndarray:
    """Edges of a cell and its copies, ``(n, 2, 3)``, each once; a cell of two vectors is a parallelogram."""
    edges: set[tuple[tuple[int, ...], ...]] = set()
    if cell is None:
        return np.empty((0, 2, 3))
    many = np.where(vectors, repeat, 1)
    for a in range(many[0]):
        for b in range(many[1]):
            for c in range(many[2]):
                for i, j in _EDGES:
                    ends = [(a + ((k >> 2) & 1), b + ((k >> 1) & 1), c + (k & 1)) for k in (i, j)]
                    step = np.flatnonzero(np.subtract(ends[1], ends[0]))[0]
                    flat = [tuple(int(v) if there else 0 for v, there in zip(e, vectors, strict=True)) for e in ends]
                    if vectors[step]:
                        edges.add(tuple(flat))
    return np.array(sorted(edges), dtype=float).reshape(-1, 2, 3) @ cell


def projection_columns(
    position: np.ndarray, parent: np.ndarray, color: np.ndarray, radius: np.ndarray, plane: str, size: float = 1.0
) -> dict[str, np.ndarray]:
    """Columns of the projected atoms, the farthest first: ``x``, ``y``, ``r``, ``color``, ``atom``, ``site``."""
    across, up, depth = PLANES[plane]
    toward = position[:, depth] * (-1 if plane == "x-z" else 1)  # x-z is seen from the front, along +y
    order = np.argsort(toward, kind="stable")
    kinds, codes = np.unique(color.astype(np.uint32) @ [65536, 256, 1], return_inverse=True)
    names = np.array([f"#{int(k):06x}" for k in kinds])[codes]
    atoms = parent[order]
    return {
        "x": position[order, across],
        "y": position[order, up],
        "r": (0.6 * size * radius)[atoms],
        "color": names[atoms] if len(atoms) else np.empty(0, "U7"),
        "atom": atoms,
        "site": order,
    }


def plot_structure(
    scene: xr.Dataset, *, plane: str = "x-y", size: float = 1.0, title: str = "", frame_width: int = 420
) -> hv.Overlay:
    """Projection of a scene onto a plane, atoms as circles of their size, the nearest on top.

    Parameters
    ----------
    scene : xarray.Dataset
        From `structure_scene`.
    plane : {"x-y", "x-z", "y-z"}
    size : float, default 1.0
        Factor for the radius of the circles.
    title : str
    frame_width : int, default 420
        Pixels.

    Returns
    -------
    holoviews.Overlay
        Elements labelled ``cell``, ``bonds`` and ``atoms``.

    Raises
    ------
    ParameterError
        The plane is unknown.

    Examples
    --------
    >>> ds = xr.Dataset({"position": (("atom", "axis"), np.zeros((1, 3))), "element": ("atom", ["C"])})
    >>> [element.label for element in plot_structure(structure_scene(ds), plane="y-z")]
    ['cell', 'bonds', 'atoms']
    """
    if plane not in PLANES:
        raise ParameterError(f"unknown plane {plane!r}; write one of {', '.join(PLANES)}.")
    columns = projection_columns(
        scene["position"].values, scene["atom"].values, scene["color"].values, scene["radius"].values, plane, size
    )
    base, dims = projection_frame(columns, plane, title=title, frame_width=frame_width)
    ends = list(PLANES[plane][:2])
    bonds = scene["position"].values[scene["bond_site"].values][:, :, ends].reshape(-1, 4)
    edges = scene["cell_edge"].values[:, :, ends].reshape(-1, 4)
    lines = {"backend": "bokeh", "apply_ranges": False}
    cell = hv.Segments(edges, ["x", "y", "x1", "y1"], label="cell").opts(color="#7b858e", line_width=1.2, **lines)
    sticks = hv.Segments(bonds, ["x", "y", "x1", "y1"], label="bonds").opts(color="#9aa3ab", line_width=2.5, **lines)
    atoms = hv.Points(columns, dims, ["r", "color", "atom", "site"], label="atoms").opts(
        radius="r", color="color", line_color="#30363c", line_width=0.6, **lines
    )
    return (cell * sticks * atoms).opts(**base)


def projection_frame(
    columns: dict[str, np.ndarray], plane: str, *, title: str = "", frame_width: int = 420
) -> tuple[dict[str, Any], list[hv.Dimension]]:
    """Options of the picture around projected atoms, lengths equal in both directions, and its two dimensions."""
    x, y = plane.split("-")
    dims = [hv.Dimension("x", label=f"{x} (Å)"), hv.Dimension("y", label=f"{y} (Å)")]
    low, high = _limits(columns["x"], columns["y"], columns["r"])
    wide, tall = high - low
    height = int(np.clip(frame_width * tall / wide, 160, 560))
    if height == 160:  # a long, flat thing: show more above and below it
        middle, tall = (low[1] + high[1]) / 2, wide * height / frame_width
        low[1], high[1] = middle - tall / 2, middle + tall / 2
    elif height == 560:
        middle, wide = (low[0] + high[0]) / 2, tall * frame_width / height
        low[0], high[0] = middle - wide / 2, middle + wide / 2
    base = {
        "xlim": (low[0], high[0]), "ylim": (low[1], high[1]), "frame_width": frame_width, "frame_height": height,
        "hooks": [figure_style], "show_legend": False, "title": plain(title), "backend": "bokeh",
        "xlabel": f"{x} (Å)", "ylabel": f"{y} (Å)", "show_grid": False,
    }  # fmt: skip
    return base, dims


def _limits(x: np.ndarray, y: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner around circles, never without extent."""
    if len(x) == 0:
        return np.array([-1.0, -1.0]), np.array([1.0, 1.0])
    low = np.array([(x - r).min(), (y - r).min()]) - 0.6
    high = np.array([(x + r).max(), (y + r).max()]) + 0.6
    return low, high
