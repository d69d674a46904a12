"""Clusters and components of labelled curves."""

import numpy as np
import pytest
import xarray as xr
from sklearn.cluster import DBSCAN, AgglomerativeClustering
from sklearn.decomposition import PCA

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.methods import cluster, decompose

E = np.linspace(0.0, 1.0, 50)


@pytest.fixture
def curves() -> xr.DataArray:
    """Three kinds of curves over a map of 6 x 10, 30, 20 and 10 of each; one pixel is missing."""
    rng = np.random.default_rng(0)
    kinds = np.array([np.exp(-(((E - c) / 0.1) ** 2)) for c in (0.2, 0.5, 0.8)])
    which = np.repeat([0, 1, 2], [30, 20, 10])
    values = 5 * kinds[which] + 0.05 * rng.random((60, 50))
    values[59] = np.nan
    da = xr.DataArray(values.reshape(6, 10, 50), dims=("y", "x", "energy"), coords={"energy": E}, name="spectra")
    da.attrs = {"units": "count"}
    return da


def test_clusters_are_found_and_ordered_by_size(curves: xr.DataArray) -> None:
    found = cluster(curves, "energy", n_clusters=3)
    assert found.size_of_cluster.values.tolist() == [30, 20, 9]
    expected = np.repeat([0, 1, 2], [30, 20, 10])
    expected[59] = -1
    np.testing.assert_array_equal(found.label.values.ravel(), expected)
    assert [float(E[m.argmax()]) for m in found["mean"].values] == pytest.approx([0.2, 0.5, 0.8], abs=0.02)
    assert found["mean"].attrs["units"] == "count"


def test_estimators_are_passed_and_not_changed(curves: xr.DataArray) -> None:
    tree = AgglomerativeClustering(n_clusters=3)
    np.testing.assert_array_equal(
        cluster(curves, "energy", estimator=tree).label, cluster(curves, "energy", n_clusters=3).label
    )
    assert not hasattr(tree, "labels_")
    noise = cluster(curves, "energy", estimator=DBSCAN(eps=0.01, min_samples=5))
    assert (noise.label == -1).all()
    assert noise.sizes["cluster"] == 0


def test_components_add_up(curves: xr.DataArray) -> None:
    parts = decompose(curves, "energy", n_components=3)
    again = parts["mean"] + (parts.score * parts.component_curve).sum("component", skipna=False)
    known = np.isfinite(curves)
    assert float(abs(again - curves).where(known).max()) < 0.2
    assert np.isnan(parts.score.values.reshape(60, 3)[59]).all()
    assert (parts.component_curve >= 0).all(), "counts are taken apart into what could be counts"
    pca = decompose(curves - 1, "energy", n_components=2)
    assert float(pca.explained.sum()) > 0.95
    reference = PCA(2).fit(curves.values.reshape(60, 50)[:59])
    np.testing.assert_allclose(pca.explained, reference.explained_variance_ratio_, rtol=1e-6)
    assert decompose(curves, "energy", estimator=PCA(5)).sizes["component"] == 5


def test_bad_input(curves: xr.DataArray) -> None:
    with pytest.raises(LabelError, match="'enrgy'"):
        cluster(curves, "enrgy")
    with pytest.raises(DataError, match="at least 4 samples"):
        cluster(curves[:1, :2], "energy")
    with pytest.raises(ParameterError, match="n_clusters"):
        cluster(curves, "energy", n_clusters=0)
    with pytest.raises(ParameterError, match="fit_predict"):
        cluster(curves, "energy", estimator=object())
    with pytest.raises(ParameterError, match="n_components"):
        decompose(curves, "energy", n_components=1.5)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="fit_transform"):
        decompose(curves, "energy", estimator=object())
