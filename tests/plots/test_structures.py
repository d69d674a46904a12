"""What is drawn of a structure: sites, bonds across the edge, colours, projections."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.plots._scene_colors import category_colors
from mi_widgets.plots.structures import plot_structure, structure_scene

TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]


def dataset(symbols: list[str], position: np.ndarray, cell: np.ndarray | None = None, pbc: bool = True) -> xr.Dataset:
    ds = xr.Dataset({"position": (("atom", "axis"), np.asarray(position, float)), "element": ("atom", symbols)})
    if cell is None:
        return ds
    return ds.assign(cell=(("cell_vector", "axis"), cell), pbc=("cell_vector", [pbc] * 3))


def diamond() -> xr.Dataset:
    cell = 2.7155 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]]) @ TURN
    return dataset(["Si", "Si"], np.array([[0, 0, 0], [0.25, 0.25, 0.25]]) @ cell, cell)


def chroma(colors: list[str]) -> np.ndarray:
    """The a and b of CIELAB, ``(n, 2)``: what is left of a colour where the shading of a sphere is disregarded."""
    rgb = np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in colors]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    x, y, z = np.cbrt(xyz / [0.9505, 1, 1.089]).T
    return np.stack([500 * (x - y), 200 * (y - z)], -1)


def rock_salt() -> xr.Dataset:
    cell = 2.105 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]])
    return dataset(["Mg", "O"], np.array([[0, 0, 0], [0.5, 0.5, 0.5]]) @ cell, cell)


def bonds_of(scene: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Atoms and length of every drawn bond."""
    ends = scene.bond_site.values
    xyz = scene.position.values[ends]
    return scene["atom"].values[ends], np.linalg.norm(xyz[:, 0] - xyz[:, 1], axis=1)


@pytest.mark.parametrize("repeat", [(1, 1, 1), (2, 1, 3), (3, 3, 3)])
def test_every_atom_of_a_crystal_has_all_its_bonds(repeat: tuple[int, int, int]) -> None:
    for ds, near, number in ((diamond(), 2.7155 * np.sqrt(3) / 2, 4), (rock_salt(), 2.105, 6)):
        scene = structure_scene(ds, repeat=repeat)
        atoms, length = bonds_of(scene)
        np.testing.assert_allclose(length, near, atol=1e-9)
        n = 2 * int(np.prod(repeat))
        assert (np.bincount(scene.bond_site.values.ravel())[:n] == number).all()
        assert not scene.image.values[:n].any()
        assert scene.image.values[n:].all()
        if ds is not None and "Mg" in ds.element.values:
            assert (atoms[:, 0] != atoms[:, 1]).all(), "magnesium is not bonded to magnesium"


def test_images_are_moved_by_whole_cells_and_each_is_drawn_once() -> None:
    scene = structure_scene(diamond(), repeat=(2, 2, 1))
    moved = scene.position.values - diamond().position.values[scene["atom"].values]
    turns = moved @ np.linalg.inv(diamond().cell.values)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
    rows = np.column_stack([np.round(turns).astype(int), scene["atom"].values])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_without_images_the_cut_bonds_are_left_out() -> None:
    scene = structure_scene(diamond(), images=False)
    assert scene.sizes["site"] == 2
    assert bonds_of(scene)[1] == pytest.approx([2.7155 * np.sqrt(3) / 2])


def test_a_metal_is_bonded_also_below_an_oxygen_atom() -> None:
    grid = 2.6 * np.stack(np.meshgrid(range(3), range(3), [0.0]), -1).reshape(-1, 3)
    scene = structure_scene(dataset(["Pt"] * 9 + ["O"], np.vstack([grid, [[2.6, 2.6, 1.9]]])))
    assert (bonds_of(scene)[0] < 9).all(axis=1).sum() == 12


def test_edges_of_a_cell_and_of_its_copies() -> None:
    cell = np.diag([3.0, 4, 5]) @ TURN
    ds = dataset(["Ar"], np.zeros((1, 3)), cell)
    for repeat, number in (((1, 1, 1), 12), ((2, 1, 1), 20), ((2, 2, 2), 54)):
        edges = structure_scene(ds, repeat=repeat, bonds=False).cell_edge.values
        assert len(edges) == number
        lengths = np.linalg.norm(edges[:, 0] - edges[:, 1], axis=1)
        assert {round(v) for v in lengths} == {3, 4, 5}


def test_colours_of_numbers_names_and_missing_ones() -> None:
    ds = dataset(["C"] * 5, np.eye(5, 3) * 9).assign(
        value=("atom", [0.0, 1, 2, 3, np.nan]),
        kind=("atom", ["b", "a", "", "a", "b"]),
        number=("atom", [1, 1, 2, 3, 3]),
        moving=(("frame", "atom"), np.zeros((2, 5))),
    )
    shown = structure_scene(ds, color_by="value", limits=[0, 3], cmap="gray")
    np.testing.assert_allclose(shown.color.values[:4, 0], [0, 85, 170, 255], atol=1)
    assert shown.color.values[4].tolist() == [0xB4, 0xB9, 0xBE]
    for name in ("kind", "number"):
        color = structure_scene(ds, color_by=name).color.values.tolist()
        same = ds[name].values[:, None] == ds[name].values
        np.testing.assert_array_equal([[a == b for a in color] for b in color], same)
    with pytest.raises(DataError, match="one value for each of the 5"):
        structure_scene(ds, color_by="moving")
    with pytest.raises(LabelError, match="kind"):
        structure_scene(ds, color_by="nothing")


def test_colours_of_categories_are_told_apart_and_never_repeat() -> None:
    wheel = category_colors(60)
    assert len(set(wheel)) == 60
    hue = chroma([*wheel[:10], "#b4b9be"])
    gap = np.linalg.norm(hue[:, None] - hue, axis=-1) + 999 * np.eye(11)
    assert gap.min() > 8, "no two of ten, and none is the grey of a missing value"
    assert gap[:5, :5].min() > 40, "also the first and the fifth, however the light falls"


def test_the_nearest_atom_is_drawn_last_and_axes_are_those_of_the_plane() -> None:
    ds = dataset(["C", "N", "O"], [[1, 2, 3], [4, 5, -6], [7, -8, 0]])
    scene = structure_scene(ds)
    for plane, (across, up), order in (
        ("x-y", (0, 1), [1, 2, 0]),
        ("x-z", (0, 2), [1, 0, 2]),
        ("y-z", (1, 2), [0, 1, 2]),
    ):
        atoms = next(e for e in plot_structure(scene, plane=plane) if e.label == "atoms")
        assert atoms.dimension_values("atom").tolist() == order
        np.testing.assert_array_equal(atoms.dimension_values("x"), ds.position.values[order, across])
        np.testing.assert_array_equal(atoms.dimension_values("y"), ds.position.values[order, up])


def test_lengths_are_equal_in_both_directions_of_a_picture() -> None:
    for scale in ([20.0, 1, 1], [1.0, 30, 2], [0.0, 0, 0]):
        scene = structure_scene(dataset(["C"] * 4, np.random.default_rng(0).random((4, 3)) * scale))
        for plane in ("x-y", "x-z", "y-z"):
            options = plot_structure(scene, plane=plane).opts.get("plot").kwargs
            per_pixel = [
                np.ptp(options[k]) / options[f] for k, f in (("xlim", "frame_width"), ("ylim", "frame_height"))
            ]
            assert per_pixel[0] == pytest.approx(per_pixel[1], rel=0.01)


def test_what_cannot_be_drawn_has_a_name() -> None:
    ds = dataset(["C"], np.zeros((1, 3)))
    with pytest.raises(LabelError, match="one frame is drawn"):
        structure_scene(ds.expand_dims(frame=2).assign(element=ds.element))
    with pytest.raises(ParameterError, match="x-z"):
        plot_structure(structure_scene(ds), plane="xz")
    with pytest.raises(LabelError, match="from_ase"):
        structure_scene(xr.Dataset())
    for repeat in ([1, 1], [1, 1, 0], [1, 1, 2.5], "abc"):
        with pytest.raises(ParameterError, match="whole numbers"):
            structure_scene(ds, repeat=repeat)
