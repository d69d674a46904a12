"""Pictures of clusters: the tree's geometry, colours that stay, stacked curves."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from scipy.cluster.hierarchy import linkage

from mi_widgets import dos
from mi_widgets.datasets._pdos import make_pdos
from mi_widgets.errors import DataError, LabelError
from mi_widgets.plots._dos_frames import branch_colors, from_scale, root_ticks, stack_offsets, to_scale
from mi_widgets.plots._dos_groups import CLUSTER_COLORS, assign_slots, groups_of
from mi_widgets.plots._dos_tree import Tree, grow, trim
from mi_widgets.plots.dos import plot_cluster_map, plot_clusters, plot_dendrogram


def tree_of(n: int, seed: int = 0) -> Tree:
    merges = linkage(np.random.default_rng(seed).normal(size=(n, 3)), "average")
    return grow(merges[:, 0], merges[:, 1], merges[:, 2])


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_pdos(defects=("vacancy", "adsorbate"), jitter=0.2)


@pytest.fixture(scope="module")
def result(ds: xr.Dataset) -> xr.Dataset:
    return dos.cluster(ds, cut=0.03)


# ---- the tree ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 40, 300])
def test_every_node_holds_the_sites_of_the_two_it_joins(n: int) -> None:
    tree = tree_of(n)
    assert sorted(tree.order.tolist()) == list(range(n))
    for i in range(n - 1):
        both = [*tree.members(int(tree.left[i])), *tree.members(int(tree.right[i]))]
        assert sorted(tree.members(n + i).tolist()) == sorted(both)
    for leaf in range(n):
        assert tree.members(leaf).tolist() == [leaf]


@pytest.mark.parametrize("most", [1, 2, 7, 60, 1000])
def test_the_branches_drawn_hold_every_site_once_and_are_the_highest(most: int) -> None:
    tree = tree_of(90)
    twigs = trim(tree, most)
    assert len(twigs.leaves) == min(most, 90)
    sites = np.concatenate([tree.members(int(k)) for k in twigs.leaves])
    np.testing.assert_array_equal(sites, tree.order)
    opened = {int(k) - 90 for k in twigs.inner}
    closed = set(range(89)) - opened
    assert not opened or not closed or min(tree.height[list(opened)]) >= max(tree.height[list(closed)])


def test_merges_of_equal_sites_are_one_box() -> None:
    merges = linkage(np.repeat([[0.0], [1.0], [5.0]], 10, axis=0), "average")
    twigs = trim(grow(merges[:, 0], merges[:, 1], merges[:, 2]), 60, 1e-9)
    assert [len(twigs.tree.members(int(k))) for k in twigs.leaves] == [10, 10, 10]


def test_a_single_site_is_a_tree() -> None:
    tree = grow(np.empty(0), np.empty(0), np.empty(0))
    assert trim(tree).leaves.tolist() == [0]
    assert tree.n == 1


def test_a_click_finds_the_branch_whose_line_is_near_and_nothing_far_away() -> None:
    tree = tree_of(30)
    twigs = trim(tree, 12)
    ends, nodes = twigs.segments()
    for (x0, y0, x1, y1), node in zip(ends.astype(float), nodes, strict=True):
        place = (x0 + x1) / 2, (to_scale(y0) + to_scale(y1)) / 2
        assert twigs.nearest(*place, 10.0, 100.0, 4.0, to_scale) == node
    assert twigs.nearest(2.0, -0.01, 10.0, 100.0, 4.0, to_scale) == twigs.leaves[2]
    assert twigs.nearest(50.0, 3.0, 10.0, 100.0, 4.0, to_scale) is None
    root = 2 * 30 - 2
    assert twigs.nearest(twigs.x[root], to_scale(twigs.y[root]), 10.0, 100.0, 4.0, to_scale) == root


def test_a_branch_has_the_colour_of_its_cluster_and_is_grey_where_several_are_in_it() -> None:
    tree = tree_of(20)
    twigs = trim(tree, 6)
    for many, other in ((np.zeros(20, int), CLUSTER_COLORS[0]), (np.full(20, 3), CLUSTER_COLORS[3])):
        lines, boxes = branch_colors(twigs, many)
        assert set(lines) == set(boxes) == {other}
    lines, boxes = branch_colors(twigs, np.arange(20))
    single = [len(tree.members(int(k))) == 1 for k in twigs.leaves]
    assert all((color in CLUSTER_COLORS) == one for color, one in zip(boxes, single, strict=True))
    lines, _ = branch_colors(twigs, -2 - np.arange(20))
    assert not set(lines) & set(CLUSTER_COLORS), "clusters beyond the colours are grey"


def test_heights_are_told_apart_on_their_scale() -> None:
    for h in (0.0, 0.013, 1.0, 7.0):
        assert from_scale(float(to_scale(h))) == pytest.approx(h)
    ticks = root_ticks(1.02, percent=True)
    assert list(ticks.values()) == ["0 %", "1 %", "5 %", "10 %", "20 %", "50 %", "100 %"]
    assert all(b - a > 0.07 for a, b in pairwise(root_ticks(0.71, percent=True)))
    for top in (0.01, 0.3, 3.0, 40.0):
        ticks = root_ticks(top, percent=False)
        assert 3 <= len(ticks) <= 9
        assert max(ticks) <= top


# ---- colours -----------------------------------------------------------------------------------------------------


def test_the_largest_clusters_have_colours_and_each_its_own() -> None:
    labels = np.repeat(np.arange(30), np.arange(30, 0, -1))
    slots = assign_slots(groups_of(xr.DataArray(labels, dims="atom"), None, {}))
    shown = [s for s in slots.values() if s >= 0]
    assert sorted(shown) == list(range(len(CLUSTER_COLORS)))
    assert all(slots[k] >= 0 for k in range(len(CLUSTER_COLORS)))
    assert slots[29] == -1
    assert len(set(CLUSTER_COLORS)) == len(CLUSTER_COLORS)


def test_a_cluster_keeps_its_colour_when_another_is_split() -> None:
    before = groups_of(xr.DataArray([0] * 10 + [1] * 6 + [2] * 3, dims="atom"), None, {})
    slots = assign_slots(before)
    painted = np.array([slots[0]] * 10 + [slots[1]] * 6 + [slots[2]] * 3)
    after = groups_of(xr.DataArray([1] * 4 + [3] * 1 + [0] * 5 + [2] * 6 + [4] * 3, dims="atom"), None, {})
    now = assign_slots(after, painted)
    assert now[2] == slots[1]
    assert now[4] == slots[2]
    assert now[0] == slots[0], "the larger part keeps it"
    assert len(set(now.values())) == 5


def test_stacked_curves_stand_above_one_another_the_first_on_top() -> None:
    mean = np.random.default_rng(0).random((5, 50))
    up = stack_offsets(mean, True)
    assert all(a > b for a, b in pairwise(up))
    assert up[-1] == 0
    assert not stack_offsets(mean, False).any()
    assert np.isfinite(stack_offsets(np.full((3, 4), np.nan), True)).all()


# ---- pictures ----------------------------------------------------------------------------------------------------


def test_pictures_are_drawn_of_results_and_name_every_cluster(ds: xr.Dataset, result: xr.Dataset) -> None:
    import holoviews as hv

    render = hv.renderer("bokeh").get_plot
    figure = render(plot_dendrogram(result)).state
    assert "root scale" in figure.yaxis[0].axis_label
    figure = render(plot_cluster_map(dos.embed(ds, "pca"), result)).state
    texts = {item.label.value for item in figure.legend[0].items}
    assert texts == {f"{n} ×{s}" for n, s in zip(result.cluster_name.values, result["size"].values, strict=True)}
    means = dos.cluster_mean(ds, result)
    for stacked in (True, False):
        figure = render(plot_clusters(means, stacked=stacked)).state
        assert "eV" in figure.xaxis[0].axis_label
        assert "1/eV" in figure.yaxis[0].axis_label
        assert len(figure.legend[0].items) == result.sizes["cluster_label"]


def test_what_cannot_be_drawn_is_said(ds: xr.Dataset, result: xr.Dataset) -> None:
    with pytest.raises(LabelError, match=r"dos\.cluster"):
        plot_dendrogram(ds)
    with pytest.raises(LabelError, match="tree of merges"):
        plot_dendrogram(result.drop_dims(["merge", "leaf"]))
    with pytest.raises(LabelError, match=r"dos\.embed"):
        plot_cluster_map(ds, result)
    with pytest.raises(DataError, match="sites"):
        plot_cluster_map(dos.embed(ds.isel(atom=slice(0, 9)), "pca"), result)
    with pytest.raises(LabelError, match="cluster_mean"):
        plot_clusters(result)
