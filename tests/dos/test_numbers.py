"""Means, band centres, layers, differences, unusual sites, groups, numbers of clusters, consensus, bundled slabs."""

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import adjusted_mutual_info_score, homogeneity_score

from mi_widgets import dos, structure
from mi_widgets.datasets import load_pdos, make_pdos
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import label_structure

# ---- means


def test_means_and_bands_are_those_of_numpy(slab) -> None:
    clusters = dos.cluster(slab, cut=0.1)
    out = dos.cluster_mean(slab, clusters, orbitals="resolved", quantiles=(0.0, 0.1, 0.5, 0.9, 1.0))
    for k in range(clusters.sizes["cluster_label"]):
        own = slab.pdos.values[clusters.cluster.values == k]
        np.testing.assert_allclose(out["mean"].sel(cluster_label=k), own.mean(axis=0), rtol=1e-4, atol=1e-6)
        expected = np.quantile(own, [0, 0.1, 0.5, 0.9, 1], axis=0)
        np.testing.assert_allclose(out["band"].sel(cluster_label=k), expected, rtol=1e-4, atol=1e-6)


def test_means_add_up_to_the_whole(slab) -> None:
    clusters = dos.cluster(slab)
    out = dos.cluster_mean(slab, clusters)
    total = (out["mean"] * out["size"]).sum(("cluster_label", "orbital"))
    np.testing.assert_allclose(total, slab.dos, rtol=1e-5, atol=1e-5)
    assert out.cluster_name.values.tolist() == clusters.cluster_name.values.tolist()


def test_damaged_sites_are_in_no_mean(random_pdos) -> None:
    ds = random_pdos(6)
    ds["pdos"].values[0, 0, 0] = np.nan
    out = dos.cluster_mean(ds, np.array([0, 0, 0, 1, 1, -1]), orbitals="resolved")
    np.testing.assert_allclose(out["mean"][0], ds.pdos.values[1:3].mean(axis=0))
    assert out["size"].values.tolist() == [2, 2]
    with pytest.raises(DataError, match="one number for each of the 6 atoms"):
        dos.cluster_mean(ds, np.zeros(5, int))
    with pytest.raises(ParameterError, match="between 0 and 1"):
        dos.cluster_mean(ds, np.zeros(6, int), quantiles=(10, 90))


# ---- band centres and layers


def test_band_centre_of_gaussians() -> None:
    axis = np.linspace(-10, 10, 2001)
    e = xr.DataArray(axis, dims="energy", attrs={"units": "eV"})
    at, width = xr.DataArray([-2.0, 1.5], dims="atom"), xr.DataArray([0.4, 0.9], dims="atom")
    pdos = 3 / (np.sqrt(2 * np.pi) * width) * np.exp(-0.5 * ((e - at) / width) ** 2)
    out = dos.band_center(pdos.assign_coords(energy=e))
    np.testing.assert_allclose(out.band_center.values.ravel(), at, atol=1e-4)
    np.testing.assert_allclose(out.band_width.values.ravel(), width, atol=1e-3)
    np.testing.assert_allclose(out.states.values.ravel(), 3, rtol=1e-6)
    half = dos.band_center(pdos.assign_coords(energy=e), window=(None, -2.0)).states
    assert float(half[0, 0]) == pytest.approx(1.5, rel=1e-6)


def test_layers_of_a_slab(slab) -> None:
    out = dos.layer_dos(slab)
    mine = np.array([not label.startswith(("C*", "O*")) for label in slab.site_label.values])
    np.testing.assert_array_equal(out.layer[mine], slab.true_layer[mine])
    np.testing.assert_allclose(out.dos.sum(("layer_label", "orbital")), slab.dos, rtol=1e-5, atol=1e-5)
    assert int(out.n_atoms.sum()) == slab.sizes["atom"]


@pytest.mark.parametrize("moved", [0.0, 6.0, -11.0])
def test_slab_that_the_cell_cuts_is_put_together(moved) -> None:
    z = np.array([1.0, 3.0, 5.0]) + moved
    e = xr.DataArray(np.linspace(-1, 1, 5), dims="energy", attrs={"units": "eV"})
    ds = label_structure(np.c_[np.zeros((3, 2)), z % 15], ["Mg"] * 3, cell=np.diag([3.0, 3.0, 15.0]))
    ds = ds.assign(pdos=(0 * e + 1).assign_coords(energy=e).expand_dims(atom=3))
    for axis in ("z", "c"):
        assert dos.layer_dos(ds, axis=axis).layer.values.tolist() == [0, 1, 2]
    assert dos.layer_dos(ds, gap=3).sizes["layer_label"] == 1
    with pytest.raises(LabelError, match="no axis 'q'"):
        dos.layer_dos(ds, axis="q")


# ---- differences


def test_difference_finds_partners_across_faces_and_in_any_order(slab) -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(slab.sizes["atom"])
    other = slab.isel(atom=order).copy(deep=True)
    other["position"] = other.position + 0.05 * rng.standard_normal(other.position.shape)
    cell = slab.cell.values
    other["position"] = (
        other.position.dims,
        other.position.values + rng.integers(-1, 2, (order.size, 3)) * [1, 1, 0] @ cell,
    )
    found = dos.difference(slab, other)
    np.testing.assert_array_equal(order[found.partner.values], np.arange(order.size))
    np.testing.assert_allclose(found.difference, 0, atol=1e-12)
    np.testing.assert_allclose(found.moved_states, 0, atol=1e-9)
    assert found.unmatched_adsorbed.size == 0
    assert float(found.displacement.max()) < 0.3


def test_clean_minus_adsorbed() -> None:
    clean = make_pdos(100, n_layers=3, defects=(), jitter=0, seed=3)
    covered = make_pdos(100, n_layers=3, defects=("adsorbate",), jitter=0, seed=3)
    out = dos.difference(clean, covered)
    assert (out.partner >= 0).all()
    assert sorted(covered.element.values[out.unmatched_adsorbed]) == ["C", "O"]
    changed = out.moved_states.values > 1e-3
    np.testing.assert_array_equal(changed, (covered.true_unusual.values != "")[out.partner.values])
    back = dos.difference(clean, dos.resample(covered, 200))
    assert back.sizes["energy"] == clean.sizes["energy"]


def test_differences_that_cannot_be(slab) -> None:
    with pytest.raises(DataError, match="energies count from"):
        dos.difference(dos.align(slab), dos.align(slab, "vacuum", vacuum_level=3.0))
    with pytest.raises(DataError, match="cells differ"):
        dos.difference(slab, slab.assign(cell=slab.cell * 1.2))
    with pytest.raises(LabelError, match="needs the structures"):
        dos.difference(slab, slab.drop_vars("position"))
    with pytest.warns(MIWidgetsWarning, match="have no partner"):
        out = dos.difference(slab, slab.isel(atom=slice(5, None)))
    assert np.isnan(out.difference[:5]).all()


# ---- unusual sites and groups


@pytest.mark.parametrize("defect", ["vacancy", "adsorbate", "step"])
@pytest.mark.parametrize("seed", range(3))
def test_planted_sites_are_the_most_unusual(defect, seed) -> None:
    ds = make_pdos(120 + 40 * seed, n_layers=3, defects=[defect], noise=0.02, seed=seed, band_bending=0.2)
    top = dos.rank_unusual(dos.cluster(ds)).atom_index.values[:5]
    assert (ds.true_unusual.values[top] != "").any()


def test_ranking_does_not_depend_on_the_cut(slab) -> None:
    out = dos.cluster(slab)
    first = dos.rank_unusual(out)
    np.testing.assert_array_equal(first.atom_index, dos.rank_unusual(dos.recut(out, 0.01)).atom_index)
    assert sorted(first.atom_index.values) == list(range(slab.sizes["atom"]))
    assert (np.diff(first.score) <= 0).all()


def test_groups_by_expression(slab) -> None:
    n = structure.coordination(slab)
    out = dos.group(slab, "element == 'O' and n_neighbours < 6", n_neighbours=n)
    np.testing.assert_array_equal(out.cluster == 0, (slab.element == "O") & (n < 6))
    two = dos.group(slab, {"upper": "z > 4", "oxygen": "element == 'O'", "none": "z > 900"})
    assert two.cluster_name.values.tolist() == ["upper", "oxygen"]
    assert dos.cluster_mean(slab, two).sizes["cluster_label"] == 2
    with pytest.raises(ParameterError, match="nothing called 'height'"):
        dos.group(slab, "height > 3")
    with pytest.raises(ParameterError, match="one value for each"):
        dos.group(slab, "a > 3", a=[1, 2])


# ---- how many


def test_rules_find_three_clear_clusters() -> None:
    rng = np.random.default_rng(0)
    e = xr.DataArray(np.linspace(-10, 10, 201), dims="energy", attrs={"units": "eV"})
    at = xr.DataArray(np.repeat([-5.0, 0.0, 5.0], 15) + 0.05 * rng.standard_normal(45), dims="atom")
    pdos = np.exp(-((e - at) ** 2)).assign_coords(energy=e)
    out = dos.choose_n_clusters(pdos, shift=0, metric="total_variation", n_bootstrap=5, n_max=8)
    # few, far clusters are what every rule finds, but for the mixture, which also splits them
    for rule in ("height_ratio", "silhouette", "stability"):
        assert int(out.best.sel(rule=rule)) == 3
    cut = float(out.cut.sel(rule="height_ratio"))
    assert dos.cluster(pdos, shift=0, metric="total_variation", cut=cut).sizes["cluster_label"] == 3
    with pytest.raises(ParameterError, match="no rule 'elbow'"):
        dos.choose_n_clusters(pdos, rules=["elbow"])


def test_consensus_of_one_setting_is_that_setting(slab) -> None:
    alone = dos.cluster(slab, cut=0.1)
    out = dos.consensus(slab, [{"cut": 0.1}, {"cut": 0.1}])
    np.testing.assert_array_equal(out.cluster, alone.cluster)
    np.testing.assert_allclose(out.agreement, 1)
    mixed = dos.consensus(slab)
    assert float(mixed.agreement.min()) > 0.3
    assert mixed.together.dims == ("atom", "other_atom")


# ---- the computed slabs

FROZEN = {"mgo_step": (0.99, 0.99), "mgo_step_gpaw": (0.99, 0.99), "graphene_ribbon": (0.99, 0.99)}


@pytest.mark.parametrize("name", FROZEN)
def test_default_clusters_are_the_kinds_of_sites(name) -> None:
    ds = load_pdos(name)
    kinds = [f"{e} {s}" for e, s in zip(ds.element.values, ds.site_label.values, strict=True)]
    found = dos.cluster(ds).cluster
    assert adjusted_mutual_info_score(kinds, found) >= FROZEN[name][0]
    assert homogeneity_score(kinds, found) >= FROZEN[name][1]


def test_two_codes_give_the_same_clusters() -> None:
    one, two = dos.cluster(load_pdos("mgo_step")), dos.cluster(load_pdos("mgo_step_gpaw"))
    assert adjusted_mutual_info_score(one.cluster, two.cluster) >= 0.9
