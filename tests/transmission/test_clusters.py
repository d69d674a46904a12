"""Clusters of spectra against the true binding sites."""

import numpy as np
import pytest
import xarray as xr
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from mi_widgets.datasets._transmission import make_molecular_junctions
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.transmission import choose_n_clusters, cluster_spectra


@pytest.mark.parametrize("seed", [0, 1])
def test_binding_sites_are_found(seed: int, junctions: xr.Dataset, summary: list[str]) -> None:
    ds = junctions if seed == 0 else make_molecular_junctions(n_energies=61, seed=seed)
    found = cluster_spectra(ds)
    index = adjusted_rand_score(ds.true_site, found.cluster)
    summary.append(f"transmission: 600 junctions, seed {seed}: adjusted Rand index {index:.3f}")
    assert index >= 0.95
    assert found["size"].sum() == 600


def test_number_of_clusters_not_by_the_silhouette_alone(junctions: xr.Dataset) -> None:
    found = choose_n_clusters(junctions, n_max=4, n_splits=3)
    assert found.best.sel(rule="prediction_strength") == 3
    assert found.best.sel(rule="silhouette") == 2  # the warning example
    assert found.score.sel(rule="prediction_strength", n_clusters=1) == 1
    assert np.isnan(found.score.sel(rule="silhouette", n_clusters=1))


def test_means_and_bands(few: xr.Dataset) -> None:
    found = cluster_spectra(few, quantiles=[0.5])
    for k in found.cluster_label.values:
        rows = few.transmission.values[found.cluster.values == k]
        np.testing.assert_allclose(np.log10(found["mean"][k]), np.log10(rows).mean(axis=0))
        np.testing.assert_allclose(found.band[0, k], np.median(rows, axis=0))
    plain = cluster_spectra(few, response="transmission")
    np.testing.assert_allclose(plain["mean"][0], few.transmission.values[plain.cluster.values == 0].mean(axis=0))


def test_a_spectrum_with_a_gap_is_in_no_cluster(few: xr.Dataset, tmp_path) -> None:
    ds = few.copy(deep=True)
    ds.transmission[7, 2] = np.nan
    ds.transmission[9, 3] = 0.0  # which has no logarithm
    found = cluster_spectra(ds, estimator=AgglomerativeClustering(3))
    assert found.cluster[7] == -1
    assert list(np.flatnonzero(found.status)) == [7]
    assert found.cluster[9] >= 0
    write_netcdf(found, tmp_path / "found.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "found.nc"), found)


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("logarithm", DataError, "Is it already a logarithm"),
        ("conductance", LabelError, "quantum of conductance"),
        ("meV", LabelError, "energy must be in eV"),
        ("no transmission", LabelError, "has no 'transmission'"),
        ("dims", LabelError, "needs dimension 'junction'"),
        ("all gaps", DataError, "at least 2 spectra without gaps; got 0 of 60"),
        ("n_clusters", ParameterError, "n_clusters is a whole number of 1 to 60; got 61"),
        ("response", ParameterError, "log10, transmission"),
        ("estimator", ParameterError, "needs fit_predict"),
        ("quantiles", ParameterError, "between 0 and 1"),
    ],
)
def test_bad_input(case: str, error: type[Exception], message: str, few: xr.Dataset) -> None:
    ds, options = few[["transmission"]].copy(deep=True), {}
    if case == "logarithm":
        ds["transmission"] = np.log10(ds.transmission)
    elif case == "conductance":
        ds.transmission.attrs["units"] = "S"
    elif case == "meV":
        ds.energy.attrs["units"] = "meV"
    elif case == "no transmission":
        ds = ds.rename(transmission="T")
    elif case == "dims":
        ds = ds.rename(junction="sample")
    elif case == "all gaps":
        ds["transmission"] = ds.transmission * np.nan
    else:
        options = {
            "n_clusters": {"n_clusters": 61},
            "response": {"response": "ln"},
            "estimator": {"estimator": "KMeans"},
            "quantiles": {"quantiles": (10, 90)},
        }[case]
    with pytest.raises(error, match=message):
        cluster_spectra(ds, **options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_max": 1}, ParameterError),
        ({"n_max": 20}, DataError),
        ({"rules": ["elbow"]}, ParameterError),
        ({"n_splits": 0}, ParameterError),
    ],
)
def test_choose_refuses(options: dict, error: type[Exception], few: xr.Dataset) -> None:
    with pytest.raises(error, match="choose_n_clusters"):
        choose_n_clusters(few, **options)
