"""What drives the transmission: planted truths, formula beside literal errors, bad input."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.transmission import (
    compare_validations,
    decay_features,
    iter_sparse_regression,
    junction_structure,
    rank_variables,
    sparse_regression,
)


@pytest.fixture(scope="module")
def planted(junctions: xr.Dataset) -> xr.Dataset:
    """Transmissions that two variables of each binding site make."""
    rng = np.random.default_rng(0)
    z = (junctions.features - junctions.features.mean("junction")) / junctions.features.std("junction")
    pairs = [("S1-AuL5", "AuL5-S1-S2"), ("HOMO", "AuR5-S2-S1"), ("charge of C3", "S2-AuR8")]
    site, first, second = junctions.true_site.values, [], []
    for k, names in enumerate(pairs):
        rows = z[site == k].sel(variable=list(names))
        rows = (rows - rows.mean("junction")) / rows.std("junction")
        first.append(rows.isel(variable=0, drop=True))
        second.append(rows.isel(variable=1, drop=True))
    one, two = (xr.concat(parts, "junction").sortby("junction") for parts in (first, second))
    energy = xr.DataArray([-1.0, 1.0], dims="energy", attrs={"units": "eV"})
    shape = xr.DataArray([0.5, 0.1], dims="energy", coords={"energy": energy})
    log = -2 + one * shape - 0.3 * two + 0.05 * xr.DataArray(rng.normal(size=(600, 2)), dims=("junction", "energy"))
    ds = junctions.drop_dims("energy")
    ds["transmission"] = (10**log).transpose("junction", "energy").assign_attrs(units="1")
    return ds.assign_coords(energy=energy)


def test_planted_variables_are_found(planted: xr.Dataset) -> None:
    found = sparse_regression(planted, planted.true_site)
    for k, names in enumerate([("S1-AuL5", "AuL5-S1-S2"), ("HOMO", "AuR5-S2-S1"), ("charge of C3", "S2-AuR8")]):
        table = rank_variables(found, cluster=k)
        assert set(table["variable"][:2]) == set(names)
        beta = found.coefficient.sel(cluster_label=k, variable=list(names))
        np.testing.assert_allclose(beta.sel(energy=-1), [0.5, -0.3], atol=0.05)
        np.testing.assert_allclose(beta.sel(energy=1), [0.1, -0.3], atol=0.05)
    assert (found.r2 > 0.9).all()
    assert (found.coefficient != 0).mean() < 0.2


def test_formula_and_folds_choose_alike(junctions: xr.Dataset, summary: list[str]) -> None:
    """At energies where the formula holds; the whole comparison is in the benchmark."""
    some = junctions.isel(energy=slice(2, None, 8))
    options = {"rule": "lowest", "n_penalties": 8}
    ours = sparse_regression(some, some.true_site, **options)
    folds = sparse_regression(some, some.true_site, validation="k_fold", **options)
    step = float(np.log(ours.penalty[0] / ours.penalty[1]))
    near = np.abs(np.log(ours.chosen_penalty / folds.chosen_penalty)) < 1.5 * step
    share = float(near.mean())
    summary.append(
        f"transmission: penalty by the formula and by 10 folds within a step of 8: {share:.0%} of {near.size}"
    )
    assert share >= 0.75  # of only 24 energies; the literal one differs from itself by other folds as often


def test_three_errors_side_by_side(few: xr.Dataset, tmp_path) -> None:
    found = compare_validations(few, few.true_site, cluster=1, energy=0.2, n_penalties=6, n_folds=5)
    assert found.error.dims == ("validation", "penalty")
    assert float(found.energy) == 0.0
    direct = sparse_regression(few, few.true_site, n_penalties=6)
    xr.testing.assert_allclose(
        found.error.sel(validation="approximate").drop_vars("validation"),
        direct.error.sel(cluster_label=1, energy=0.0).drop_vars("cluster_label"),
    )
    write_netcdf(found, tmp_path / "found.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "found.nc"), found)


def test_parts_and_files(few: xr.Dataset, tmp_path) -> None:
    before = few.copy(deep=True)
    parts = list(iter_sparse_regression(few, few.true_site, n_penalties=5))
    assert parts[-1].done == parts[-1].total == 15
    assert [p.done for p in parts] == sorted(p.done for p in parts)
    assert (parts[0].result.status == 6).sum() == 14
    assert parts[0].result.coefficient[2].isnull().all()
    whole = parts[-1].result
    xr.testing.assert_identical(whole, sparse_regression(few, few.true_site, n_penalties=5))
    xr.testing.assert_identical(few, before)
    write_netcdf(whole, tmp_path / "whole.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "whole.nc"), whole)
    assert (whole.status != 6).all()


def test_exponential_distances(few: xr.Dataset) -> None:
    near = decay_features(few, decay=1.6)
    name = "S1-AuL5"
    d = few.features.sel(variable=name)
    np.testing.assert_allclose(near.features.sel(variable=name), np.exp(-1.6 * (d - d.mean())))
    assert near.units.sel(variable=name) == "1"
    np.testing.assert_array_equal(near.features.sel(variable="AuR5-S2-S1"), few.features.sel(variable="AuR5-S2-S1"))
    ours = sparse_regression(few, distances="exponential", n_penalties=4)
    xr.testing.assert_equal(
        ours.coefficient.drop_vars("units"), sparse_regression(near, n_penalties=4).coefficient.drop_vars("units")
    )


def test_gaps_cost_one_energy_or_one_junction(few: xr.Dataset) -> None:
    ds = few.copy(deep=True)
    ds.transmission[3, 1] = np.nan
    ds.features[5, 0] = np.inf
    with pytest.warns(MIWidgetsWarning, match="1 of 60 samples have gaps"):
        found = sparse_regression(ds, n_penalties=4)
    assert found["size"].item() == 59
    assert list(found.status[0] == 4) == [False, True, False, False, False]


def test_small_clusters_are_told_and_get_nothing(few: xr.Dataset) -> None:
    labels = np.where(np.arange(60) < 5, 1, 0)
    with pytest.warns(MIWidgetsWarning, match=r"clusters 1 \(5\) have fewer than 8"):
        found = sparse_regression(few, xr.DataArray(labels, dims="junction"), n_penalties=4)
    assert found.coefficient[1].isnull().all()
    assert (found.status[1] == 6).all()
    assert found.coefficient[0].notnull().all()


def test_structure_of_a_junction(few: xr.Dataset) -> None:
    atoms = junction_structure(few, 11)
    np.testing.assert_array_equal(atoms.position, few.position.sel(junction=11))
    assert not atoms.pbc.any()
    assert float(atoms.charge.sum()) == pytest.approx(0, abs=1e-9)
    assert list(np.flatnonzero(atoms.charge.isnull())) == [8, 9, 10, 11]  # hydrogen has no orbital
    frames = junction_structure(few)
    np.testing.assert_array_equal(frames.frame, few.junction)
    xr.testing.assert_allclose(frames.position.sel(frame=11, drop=True), atoms.position)
    assert (atoms.element == "Au").sum() == 72
    with pytest.raises(ParameterError, match="no junction 99"):
        junction_structure(few, 99)
    with pytest.raises(LabelError, match="position"):
        junction_structure(few.drop_vars("position"), 1)


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("no features", LabelError, "'features'"),
        ("no names", LabelError, "variables need names"),
        ("same names", LabelError, "'AuR5-S2-S1' is there more than once"),
        ("clusters of others", DataError, "one number for each of 60 junctions"),
        ("no cluster", DataError, "no junction belongs"),
        ("halves", DataError, "whole numbers"),
        ("folds", ParameterError, r"got 30 for at most 20 junctions. Write n_folds=10"),
        ("gaps", DataError, "Leave out variables with gaps"),
        ("distances", ParameterError, "linear, exponential"),
        ("nm", LabelError, "'electrode separation' must be in angstrom; got 'nm'"),
        ("decay", ParameterError, "decay must be above 0"),
        ("cluster", ParameterError, "no cluster 5"),
        ("energy", ParameterError, "energy must be a number"),
    ],
)
def test_bad_input(case: str, error: type[Exception], message: str, few: xr.Dataset) -> None:
    ds, clusters, options, call = few.copy(deep=True), few.true_site, {}, sparse_regression
    if case == "no features":
        ds = ds.drop_vars("features")
    elif case == "no names":
        ds = ds.drop_vars("variable")
    elif case == "same names":
        names = ds["variable"].values.copy()
        names[:2] = "AuR5-S2-S1"
        ds = ds.assign_coords(variable=names)
    elif case == "clusters of others":
        clusters = clusters[:50]
    elif case == "no cluster":
        clusters = xr.full_like(clusters, -1)
    elif case == "halves":
        clusters = clusters + 0.5
    elif case == "folds":
        options = {"validation": "k_fold", "n_folds": 30}
    elif case == "gaps":
        ds.features[:, 4] = np.nan
    elif case == "distances":
        options = {"distances": "log"}
    elif case == "nm":
        ds, clusters, call = ds.assign_coords(units=ds.units.str.replace("angstrom", "nm")), 1.6, decay
    elif case == "decay":
        clusters, call = -1.0, decay
    else:
        call, options = compare_validations, {"cluster": {"cluster": 5}, "energy": {"energy": "zero"}}[case]
    with pytest.raises(error, match=message):
        call(ds, clusters, **options)


def decay(ds: xr.Dataset, value: float) -> xr.Dataset:
    return decay_features(ds, decay=value)


@pytest.mark.nightly
def test_default_penalty_is_that_of_ten_folds(junctions: xr.Dataset, summary: list[str]) -> None:
    """With the default penalties and rule, at all energies where the formula applies."""
    some = junctions.isel(energy=slice(None, None, 2))
    ours = sparse_regression(some, some.true_site)
    folds = sparse_regression(some, some.true_site, validation="k_fold")
    step = float(np.log(ours.penalty[0] / ours.penalty[1]))
    density = ours.density.where(ours.penalty == ours.chosen_penalty).max("penalty").values
    near = np.abs(np.log(ours.chosen_penalty / folds.chosen_penalty)).values[density < 0.5] < 1.5 * step
    summary.append(
        f"transmission: penalty by the formula and by ten folds within a step: {near.mean():.1%} of {near.size}"
    )
    assert near.mean() >= 0.9


def test_clusters_go_by_label() -> None:
    """Junctions in another order than their clusters: each keeps its own."""
    ds = datasets.make_molecular_junctions(n_junctions=60, n_energies=3)
    order = np.random.default_rng(0).permutation(60)
    straight = sparse_regression(ds, ds.true_site)
    turned = sparse_regression(ds.isel(junction=order), ds.true_site)
    np.testing.assert_array_equal(turned.cluster, ds.true_site.values[order])
    xr.testing.assert_allclose(turned.coefficient, straight.coefficient, atol=1e-6)
    with pytest.raises(DataError, match="other junctions"):
        sparse_regression(ds, ds.true_site.assign_coords(junction=np.arange(60) + 1))
