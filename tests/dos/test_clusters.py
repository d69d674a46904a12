"""Clusters: what the cut means, trees, estimators, changes by hand, bad sites, invariances."""

import json
import warnings

import numpy as np
import pytest
import xarray as xr
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from mi_widgets import dos, io, structure
from mi_widgets.datasets import make_pdos
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError


def same(a, b) -> bool:
    """Whether two labellings make the same groups."""
    return adjusted_rand_score(np.asarray(a), np.asarray(b)) == 1


def test_cut_is_that_of_scipy(slab) -> None:
    for metric in ("total_variation", "relative_wasserstein"):
        d = dos.distance(slab, metric=metric)
        expected = fcluster(linkage(squareform(d.values, checks=False), "average"), 0.1, "distance")
        assert same(dos.cluster(slab, cut=0.1, metric=metric).cluster, expected)
        assert same(dos.cluster(slab, cut=0.1, distances=d).cluster, expected)


def test_without_a_cut_the_widest_gap_is_taken() -> None:
    """Three pairs; the first two merge at 0.02, all others from 0.3 on: the range ends are the gap."""
    from mi_widgets.dos._tree import widest_gap

    merges = np.array([[0, 1, h, 2] for h in (0.01, 0.05, 0.06, 0.12, 0.4)])
    assert widest_gap(merges, 0.04, 0.15) == pytest.approx(np.sqrt(0.06 * 0.12))
    assert widest_gap(merges[[0, 4]], 0.04, 0.15) == pytest.approx(np.sqrt(0.04 * 0.15))
    assert widest_gap(merges[:0], 0.04, 0.15) == pytest.approx(np.sqrt(0.04 * 0.15))


def test_cut_is_the_share_of_states_that_lie_elsewhere() -> None:
    """Of one site's states 15 % are elsewhere: it joins the others above that cut, and not below."""
    e = xr.DataArray(np.linspace(-10, 10, 401), dims="energy", attrs={"units": "eV"})
    peaks = [np.exp(-((e - at) ** 2) / 0.1) for at in (-3, 2)]
    pdos = xr.concat([peaks[0], peaks[0], 0.85 * peaks[0] + 0.15 * peaks[1]], "atom").assign_coords(energy=e)
    plain = {"metric": "total_variation", "shift": 0}
    assert dos.cluster(pdos, cut=0.149, **plain).cluster.values.tolist() == [0, 0, 1]
    assert dos.cluster(pdos, cut=0.151, **plain).cluster.values.tolist() == [0, 0, 0]


def test_clusters_are_numbered_by_size_and_named_by_element(slab) -> None:
    out = dos.cluster(slab)
    size = out["size"].values
    assert (np.diff(size) <= 0).all()
    assert size.sum() == slab.sizes["atom"]
    np.testing.assert_array_equal(np.bincount(out.cluster), size)
    names = out.cluster_name.values.tolist()
    assert len(set(names)) == len(names)
    for k, name in enumerate(names):
        assert set(slab.element.values[out.cluster == k]) == {name.split()[0]}


def test_recut_is_a_new_cluster_without_the_distances(slab) -> None:
    first = dos.cluster(slab, cut=0.3, metric="relative_wasserstein")
    for cut in (0.02, 0.1, 0.2):
        again = dos.recut(first, cut)
        xr.testing.assert_identical(again, dos.cluster(slab, cut=cut, metric="relative_wasserstein"))
    assert json.loads(again.attrs["history"])["parameters"]["cut"] == 0.2
    xr.testing.assert_identical(dos.recut(first, None), dos.cluster(slab))


def test_structure_goes_with_the_clusters(slab) -> None:
    out = dos.cluster(slab)
    xr.testing.assert_identical(out.position, slab.position)
    assert structure.coordination(out).sizes["atom"] == slab.sizes["atom"]


# ---- what must not matter


def test_order_of_sites_does_not_matter(slab) -> None:
    order = np.random.default_rng(0).permutation(slab.sizes["atom"])
    assert same(dos.cluster(slab).cluster.values[order], dos.cluster(slab.isel(atom=order)).cluster)


@pytest.mark.parametrize("moved", [3.7, -121.3])
def test_zero_of_energy_does_not_matter(slab, moved) -> None:
    energy = slab.energy + moved
    energy.attrs = slab.energy.attrs
    other = slab.assign_coords(energy=energy).assign(fermi_energy=slab.fermi_energy + moved)
    assert same(dos.cluster(slab).cluster, dos.cluster(other).cluster)
    a, b = dos.align(slab), dos.align(other)
    np.testing.assert_allclose(a.energy, b.energy, atol=1e-9)
    assert same(dos.cluster(a, shift=0).cluster, dos.cluster(b, shift=0).cluster)


@pytest.mark.parametrize("n", [(2, 1, 1), (2, 2, 1)])
def test_repeated_cell_has_the_same_clusters(slab, n) -> None:
    big = structure.replicate(slab[["position", "cell", "pbc"]], n)
    parent = big.parent.values
    big["pdos"] = slab.pdos.isel(atom=parent).drop_vars([c for c in slab.pdos.coords if slab[c].dims == ("atom",)])
    big["fermi_energy"] = slab.fermi_energy
    assert same(dos.cluster(slab).cluster.values[parent], dos.cluster(big).cluster)


def test_orientation_does_not_matter() -> None:
    """A turn of the slab turns p and d orbitals of every site; their sums over m stay."""
    rng = np.random.default_rng(2)
    e = np.linspace(-8, 4, 121)
    names = ["s", "p_y", "p_z", "p_x"]
    at = rng.choice([-6.0, -3.0, -1.0], 30)[:, None] + np.array([0.0, 0.3, 1.1, -0.4])
    values = np.exp(-0.5 * ((e - at[..., None]) / 0.3) ** 2)
    turned = values.copy()
    c = np.cos(0.6) ** 2  # about z: px and py mix, with incoherent weights
    turned[:, 1], turned[:, 3] = c * values[:, 1] + (1 - c) * values[:, 3], c * values[:, 3] + (1 - c) * values[:, 1]
    made = []
    for v in (values, turned):
        da = xr.DataArray(v, dims=("atom", "orbital", "energy"), coords={"orbital": names, "energy": e})
        da["energy"].attrs["units"] = "eV"
        made.append(dos.cluster(da, shift=0).cluster)
    assert same(*made)


@pytest.mark.parametrize("defects", [(), ("vacancy",)])
@pytest.mark.parametrize("options", [{}, {"shift": 0, "jitter": 0.0}, {"metric": "total_variation", "cut": 0.05}])
def test_equivalent_sites_are_together(defects, options) -> None:
    """By the space group; the curves of equivalent sites differ by noise, as those of a converged calculation do."""
    jitter = options.get("jitter", 0.01)
    options = {k: v for k, v in options.items() if k != "jitter"}
    ds = make_pdos(64, n_layers=4, defects=defects, jitter=jitter, noise=0.01, seed=1)
    orbit = structure.equivalent_sites(ds)
    number = (orbit if isinstance(orbit, xr.DataArray) else orbit["equivalent"]).values
    assert np.unique(number).size < ds.sizes["atom"] / 2
    found = dos.cluster(ds, **options).cluster.values
    for k in np.unique(number):
        assert np.unique(found[number == k]).size == 1


# ---- sites that cannot be compared


@pytest.mark.parametrize("method", ["cut", KMeans(2, n_init=2, random_state=0)])
def test_bad_sites_are_in_no_cluster(slab, method) -> None:
    ds = slab.copy(deep=True)
    ds["pdos"] = ds.pdos.astype(float)
    ds["pdos"].values[1] = 0
    ds["pdos"].values[4, 2, 7] = np.nan
    ds["pdos"].values[6] = np.inf
    ds["projected"].values[9] = False
    with pytest.warns(MIWidgetsWarning, match="4 of .* sites cannot be compared"):
        out = dos.cluster(ds, method=method)
    assert out.cluster.values[[1, 4, 6, 9]].tolist() == [-1] * 4
    assert out.status.values[[1, 4, 6, 9]].tolist() == [3, 2, 2, 1]
    good = np.setdiff1d(np.arange(ds.sizes["atom"]), [1, 4, 6, 9])
    assert (out.cluster.values[good] >= 0).all()
    if method == "cut":
        assert same(out.cluster.values[good], dos.cluster(slab.isel(atom=good)).cluster)
        assert (dos.recut(out, 0.05).cluster.values[[1, 4, 6, 9]] == -1).all()


@pytest.mark.parametrize("n_good", [0, 1, 2])
def test_hardly_any_site_is_left(slab, n_good) -> None:
    ds = slab.isel(atom=slice(4)).copy(deep=True)
    ds["pdos"].values[n_good:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MIWidgetsWarning)
        out = dos.cluster(ds)
        assert int((out.cluster >= 0).sum()) == n_good
        assert out.sizes["merge"] == max(n_good - 1, 0)
        dos.recut(out, 0.1)
        dos.cluster_mean(ds, out)
        dos.rank_unusual(out)


# ---- other clusterers


def test_estimators_get_distances_or_features(slab) -> None:
    n = int(dos.cluster(slab).sizes["cluster_label"])
    plain = {"metric": "total_variation"}
    tree = AgglomerativeClustering(None, distance_threshold=0.2, metric="precomputed", linkage="average")
    assert same(dos.cluster(slab, method=tree, **plain).cluster, dos.cluster(slab, cut=0.2, **plain).cluster)
    for method in (
        KMeans(n, n_init=3, random_state=0),
        make_pipeline(PCA(4), GaussianMixture(4, covariance_type="diag", random_state=0)),
        HDBSCAN(min_cluster_size=2, metric="precomputed", copy=True),
        DBSCAN(0.05, metric="precomputed", min_samples=2),
    ):
        out = dos.cluster(slab, method=method)
        assert out.sizes["cluster_label"] > 1
        assert "merge_height" not in out
        with pytest.raises(ParameterError, match="tree"):
            dos.recut(out, 0.1)


def test_estimator_is_not_changed(slab) -> None:
    method = KMeans(3, n_init=1, random_state=0)
    dos.cluster(slab, method=method)
    assert not hasattr(method, "labels_")


def test_what_cannot_be_clustered(slab) -> None:
    with pytest.raises(ParameterError, match="'cut' or an instance"):
        dos.cluster(slab, method="kmeans")
    with pytest.raises(ParameterError, match="no linkage 'ward'"):
        dos.cluster(slab, linkage="ward")
    with pytest.raises(ParameterError, match="cut must be"):
        dos.cluster(slab, cut=-0.1)
    with pytest.raises(DataError, match="cannot be fitted"):
        dos.cluster(slab, method=KMeans(1000))
    with pytest.raises(DataError, match="distances must be the DataArray"):
        dos.cluster(slab, distances=dos.distance(slab.isel(atom=slice(5))))
    with pytest.raises(ParameterError, match="takes features"):
        dos.cluster(slab, method=KMeans(2), distances=dos.distance(slab))
    with pytest.raises(LabelError, match=r"result of dos\.cluster"):
        dos.recut(slab, 0.1)


# ---- by hand


def test_merging_splitting_and_renaming(slab) -> None:
    out = dos.cluster(slab, cut=0.1)
    two = [0, out.cluster_name.values[2]]
    merged = dos.merge_clusters(out, two, name="both")
    assert merged.sizes["cluster_label"] == out.sizes["cluster_label"] - 1
    both = np.isin(out.cluster.values, [0, 2])
    number = merged.cluster_name.values.tolist().index("both")
    np.testing.assert_array_equal(merged.cluster.values == number, both)
    # splitting undoes it
    assert same(dos.split_cluster(merged, "both").cluster, out.cluster)
    renamed = dos.rename(out, {0: "bulk", out.cluster_name.values[1]: "surface"})
    assert renamed.cluster_name.values[:2].tolist() == ["bulk", "surface"]
    np.testing.assert_array_equal(renamed.cluster, out.cluster)
    assert out.cluster_name.values[0] != "bulk"


def test_splitting_follows_the_tree(slab) -> None:
    coarse = dos.cluster(slab, cut=0.3)
    for n in (2, 3):
        parts = dos.split_cluster(coarse, 0, n=n)
        own = coarse.cluster.values == 0
        assert np.unique(parts.cluster.values[own]).size == n
        assert same(np.where(own, -5, parts.cluster), np.where(own, -5, coarse.cluster))
        # the same parts as those of the subtree by itself
        alone = dos.cluster(slab.isel(atom=own), cut=0)
        heights = np.sort(alone.merge_height.values)
        expected = dos.recut(alone, 0.5 * (heights[-n] + heights[1 - n])).cluster if n > 1 else None
        assert same(parts.cluster.values[own], expected)


def test_what_cannot_be_done_by_hand(slab) -> None:
    out = dos.cluster(slab)
    with pytest.raises(ParameterError, match="no cluster 99"):
        dos.split_cluster(out, 99)
    with pytest.raises(ParameterError, match="no cluster 'none'"):
        dos.rename(out, {"none": "a"})
    with pytest.raises(ParameterError, match="at least two"):
        dos.merge_clusters(out, [0, 0])
    with pytest.raises(ParameterError, match="used twice"):
        dos.rename(out, {0: "a", 1: "a"})
    with pytest.raises(ParameterError, match="whole number from 2"):
        dos.split_cluster(out, 0, n=1)


@pytest.mark.parametrize(
    "call",
    [
        dos.cluster,
        lambda d: dos.cluster(d, method=KMeans(3, n_init=1)),
        lambda d: dos.recut(dos.cluster(d), 0.1),
        lambda d: dos.merge_clusters(dos.cluster(d), [0, 1]),
        lambda d: dos.cluster_mean(d, dos.cluster(d)),
        lambda d: dos.rank_unusual(dos.cluster(d)),
        lambda d: dos.group(d, {"oxygen": "element == 'O'", "upper": "z > 5"}),
        lambda d: dos.consensus(d, [{}, {"metric": "cosine"}]),
        lambda d: dos.choose_n_clusters(d, n_bootstrap=2, n_max=5),
        dos.layer_dos,
        lambda d: dos.band_center(d, orbitals="l"),
        lambda d: dos.difference(d, d),
    ],
)
def test_results_round_trip_and_input_is_left_alone(slab, tmp_path, call) -> None:
    copy = slab.copy(deep=True)
    out = call(slab)
    xr.testing.assert_identical(slab, copy)
    assert {"title", "source", "history"} <= set(out.attrs)
    for name in out.data_vars:
        if name != "pbc":
            assert {"units", "long_name"} <= set(out[name].attrs), name
    io.write_netcdf(out, tmp_path / "out.nc")
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), out)


def test_a_cut_that_is_given_is_a_share_of_states(slab: xr.Dataset) -> None:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(dos.distance(slab).values, checks=False), "average")
    assert same(dos.cluster(slab, cut=0.2).cluster, fcluster(tree, 0.2, criterion="distance"))
    assert dos.cluster(slab, cut=0.2).merge_height.attrs["units"] == "1"
