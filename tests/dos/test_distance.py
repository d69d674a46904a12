"""Distances against scipy and against plain loops; shifts, engines, features, maps."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform
from scipy.stats import wasserstein_distance

from mi_widgets import datasets, dos, io
from mi_widgets.dos import _metrics
from mi_widgets.errors import MIWidgetsWarning, ParameterError

PLAIN = {"shift": 0.0, "elements": "together"}


def shares(ds: xr.Dataset, **options) -> np.ndarray:
    return dos.features(ds, **options).values


def _js(a: np.ndarray, b: np.ndarray) -> float:
    m = (a + b) / 2
    kl = [np.sum(p[p > 0] * np.log2(p[p > 0] / m[p > 0])) for p in (a, b)]
    return float(np.sqrt(sum(kl) / 2))


ORACLES = {
    "total_variation": lambda f, h: pdist(f, "cityblock") / 2,
    "l1": lambda f, h: pdist(f, "cityblock"),
    "l2": lambda f, h: pdist(f) / np.sqrt(h),
    "cosine": lambda f, h: pdist(f, "cosine"),
    "tanimoto": lambda f, h: pdist(f, lambda a, b: 1 - a @ b / (a @ a + b @ b - a @ b)),
    "jensen_shannon": lambda f, h: pdist(f, _js),
    "hellinger": lambda f, h: pdist(np.sqrt(f)) / np.sqrt(2),
}


@pytest.mark.parametrize("metric", ORACLES)
def test_metric_is_that_of_scipy(random_pdos, metric) -> None:
    ds = random_pdos()
    found = dos.distance(ds, metric=metric, **PLAIN)
    f = shares(ds)
    step = float(np.unique(np.diff(dos.features(ds).feature_energy.values[:5]).round(9))[0])
    np.testing.assert_allclose(squareform(found.values, checks=False), ORACLES[metric](f, step), rtol=1e-9, atol=1e-12)


def test_wasserstein_of_all_orbitals_together_is_that_of_scipy(random_pdos) -> None:
    ds = random_pdos(n_atoms=6)
    found = dos.distance(ds, metric="wasserstein", orbitals="sum", **PLAIN)
    table = dos.features(ds, orbitals="sum")
    at, f = table.feature_energy.values, table.values
    for i in range(6):
        for j in range(6):
            assert float(found[i, j]) == pytest.approx(wasserstein_distance(at, at, f[i], f[j]), abs=1e-9)
    assert found.attrs["units"] == "eV"


def test_total_variation_is_the_share_of_states_that_lie_elsewhere() -> None:
    """Of the first site's states 30 % are moved 5 eV away: the distance is 0.3."""
    e = xr.DataArray(np.linspace(-10, 10, 401), dims="energy", attrs={"units": "eV"})
    peaks = [np.exp(-((e - at) ** 2) / 0.1) for at in (-3, 2)]
    pdos = xr.concat([peaks[0], 0.7 * peaks[0] + 0.3 * peaks[1]], "atom").assign_coords(energy=e)
    assert float(dos.distance(pdos, **PLAIN)[0, 1]) == pytest.approx(0.3, abs=1e-6)


def _moved(p: np.ndarray, q: np.ndarray, step: float) -> tuple[float, float]:
    at = step * np.arange(p.size)
    stay = min(p.sum(), q.sum())
    return (stay * wasserstein_distance(at, at, p, q) if stay > 0 else 0), 0.5 * abs(p.sum() - q.sum())


def _width(values: np.ndarray, step: float) -> float:
    at = step * np.arange(values.shape[-1])
    return sum(p.sum() * np.sqrt(np.cov(at, aweights=p, ddof=0)) for p in values)


@pytest.mark.parametrize("metric", _metrics.METRICS)
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_distances_are_symmetric_not_negative_and_zero_for_copies(random_pdos, metric, shift) -> None:
    ds = random_pdos(n_atoms=8)
    ds = xr.concat([ds, ds], "atom", data_vars="minimal", coords="minimal", compat="override", join="override")
    d = dos.distance(ds, metric=metric, shift=shift, elements="together").values
    np.testing.assert_array_equal(d, d.T)
    assert d.min() >= 0
    np.testing.assert_allclose(np.diag(d, 8), 0, atol=1e-7)


@pytest.mark.parametrize("metric", ["total_variation", "hellinger", "wasserstein", "relative_wasserstein"])
def test_shift_free_is_the_least_of_all_rigid_shifts(random_pdos, metric, monkeypatch) -> None:
    """A plain loop over shifts, and both engines."""
    ds = random_pdos(n_atoms=9, seed=3)
    table = dos.features(ds)
    n_bins = np.unique(table.feature_energy).size
    f = table.values.reshape(9, -1, n_bins)
    step = float(np.diff(table.feature_energy.values)[0])
    n = int(1.2 / step + 1e-9)
    padded = np.pad(f, [(0, 0), (0, 0), (n, n)])
    width = np.array([_width(v, step) for v in f]) if metric == "relative_wasserstein" else np.ones(9)
    best = np.full((9, 9), np.inf)
    for s in range(-n, n + 1):
        moved = np.roll(padded, s, axis=2)
        for i in range(9):
            for j in range(9):
                a, b = padded[i].ravel(), moved[j].ravel()
                if metric == "total_variation":
                    d = np.abs(a - b).sum() / 2
                elif metric == "hellinger":
                    d = np.sqrt(max(1 - np.sqrt(a) @ np.sqrt(b), 0))
                else:
                    per_state = [_moved(p, q, step) for p, q in zip(padded[i], moved[j], strict=True)]
                    d = sum(way / (width[i] + width[j]) * 2 + other for way, other in per_state)
                best[i, j] = min(best[i, j], d)
    np.fill_diagonal(best, 0)
    found = dos.distance(ds, metric=metric, shift=1.2, elements="together")
    np.testing.assert_allclose(found, best, atol=1e-7)
    monkeypatch.setattr(_metrics, "_numba_is_there", lambda: False)
    np.testing.assert_allclose(dos.distance(ds, metric=metric, shift=1.2, elements="together"), found, atol=1e-12)


def test_shift_free_forgives_a_rigid_shift_and_the_plain_distance_shows_it() -> None:
    e = xr.DataArray(np.linspace(-10, 10, 201), dims="energy", attrs={"units": "eV"})
    at = xr.DataArray([0.0, 0.8], dims="atom")
    pdos = (np.exp(-((e - at) ** 2)) + 0.5 * np.exp(-((e + 4 - at) ** 2))).assign_coords(energy=e)
    assert float(dos.distance(pdos, shift=1.2)[0, 1]) < 0.03
    assert float(dos.distance(pdos, shift=0)[0, 1]) > 0.25


def test_elements_apart_are_at_the_greatest_distance(random_pdos) -> None:
    ds = random_pdos()
    d = dos.distance(ds).values
    other = ds.element.values[:, None] != ds.element.values[None, :]
    assert (d[other] == 1).all()
    assert dos.distance(ds, elements="together").values[other].max() < 1


def test_sums_over_m_do_not_depend_on_the_orientation(random_pdos) -> None:
    """Rotating the axes by 90 degrees swaps p_x and p_y of every site."""
    ds = random_pdos()
    turned = ds.assign(pdos=ds.pdos.isel(orbital=[0, 3, 2, 1]).assign_coords(orbital=ds.orbital))
    np.testing.assert_allclose(dos.distance(turned), dos.distance(ds), atol=1e-13)
    assert abs(dos.distance(turned, orbitals="resolved") - dos.distance(ds, orbitals="resolved")).max() > -1


def test_spin_can_be_resolved(random_pdos) -> None:
    ds = random_pdos(spin=True)
    flipped = ds.copy(deep=True)
    flipped["pdos"].values[0] = flipped["pdos"].values[0][:, ::-1]
    both = xr.concat(
        [ds.isel(atom=[0]), flipped.isel(atom=[0])], "atom", data_vars="minimal", compat="override", join="override",
        coords="minimal",
    )  # fmt: skip
    assert float(dos.distance(both, shift=0)[0, 1]) == pytest.approx(0, abs=1e-12)
    assert float(dos.distance(both, shift=0, spin="resolved")[0, 1]) > 0.1


def test_features_add_up(random_pdos) -> None:
    ds = random_pdos()
    np.testing.assert_allclose(dos.features(ds).sum("feature"), 1, rtol=1e-12)
    np.testing.assert_allclose(dos.features(ds, n_windows=7).sum("feature"), 1, rtol=1e-12)
    filled = dos.resample(ds.pdos, np.linspace(-10, 1, 500))  # to the Fermi energy
    states = filled.sum("orbital").integrate("energy")
    np.testing.assert_allclose(dos.features(ds, normalised=False).sum("feature"), states, rtol=1e-9)
    assert sorted(set(dos.features(ds).feature_orbital.values)) == ["p", "s"]
    assert dos.features(ds, orbitals=["p_x"], n_windows=3).shape == (12, 3)


def test_map_of_points_keeps_distances_on_a_line() -> None:
    e = xr.DataArray(np.linspace(-10, 10, 401), dims="energy", attrs={"units": "eV"})
    at = xr.DataArray([-2.0, -1.0, 0.5, 2.0], dims="atom")
    pdos = np.exp(-((e - at) ** 2)).assign_coords(energy=e)
    d = dos.distance(pdos, metric="wasserstein", shift=0)
    found = dos.embed(d, n=1)
    away = np.abs(found.embedding - found.embedding.values.T)
    np.testing.assert_allclose(away, np.abs(at.values - at.values[:, None]), atol=2e-3)
    assert float(found.explained[0]) > 0.999


def test_principal_components_are_those_of_sklearn(random_pdos) -> None:
    from sklearn.decomposition import PCA

    ds = random_pdos()
    rows = np.sqrt(dos.features(ds).values)
    reference = PCA(2).fit(rows)
    found = dos.embed(ds, "pca")
    np.testing.assert_allclose(np.abs(found.embedding), np.abs(reference.transform(rows)), atol=1e-8)
    np.testing.assert_allclose(found.explained, reference.explained_variance_ratio_, rtol=1e-8)


def test_landmarks_place_the_others_where_the_whole_would(monkeypatch) -> None:
    from mi_widgets.dos import _embed

    points = np.random.default_rng(0).normal(size=(60, 2))
    square = squareform(pdist(points))
    whole = _embed.classical_mds(square, 2)[0]
    monkeypatch.setattr(_embed, "_LANDMARKS", 20)
    np.testing.assert_allclose(pdist(_embed.classical_mds(square, 2)[0]), pdist(whole), atol=1e-8)


def test_sites_that_cannot_be_compared_are_nan_and_named(random_pdos) -> None:
    ds = random_pdos()
    ds["pdos"].values[2] = 0
    ds["pdos"].values[5, 0, 3] = np.nan
    with pytest.warns(MIWidgetsWarning, match="2 of 12 sites cannot be compared"):
        d = dos.distance(ds).values
    assert np.isnan(d[[2, 5]]).all()
    good = np.delete(np.arange(12), [2, 5])
    assert np.isfinite(d[np.ix_(good, good)]).all()
    with pytest.warns(MIWidgetsWarning, match="cannot be compared"):
        assert np.isnan(dos.embed(ds).embedding.values[[2, 5]]).all()


def test_negative_densities_are_taken_as_zero_and_said(random_pdos) -> None:
    ds = random_pdos()
    ds["pdos"].values[0, :, 20:60] = -0.3
    with pytest.warns(MIWidgetsWarning, match="below zero"):
        assert float(dos.distance(ds).min()) >= 0


def test_results_round_trip_and_say_how_they_were_made(random_pdos, tmp_path) -> None:
    ds = random_pdos()
    d = dos.distance(ds, metric="cosine").to_dataset()
    d.attrs = {"title": "t"}
    io.write_netcdf(d, tmp_path / "d.nc")
    with xr.open_dataset(tmp_path / "d.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), d)
    found = dos.embed(ds)
    assert json.loads(found.attrs["history"])["function"] == "mi_widgets.dos.embed"
    io.write_netcdf(found, tmp_path / "e.nc")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "euclid"}, "no metric 'euclid'"),
        ({"window": (3, 1)}, "lower energy first"),
        ({"window": (30, 40)}, "holds nothing"),
        ({"window": 3}, "must be two energies"),
        ({"broadening": -1}, "broadening must be a number of at least 0"),
        ({"shift": np.nan}, "shift must be a number"),
        ({"orbitals": "d"}, "no orbital 'd'"),
        ({"spin": "up"}, "spin must be"),
        ({"elements": "mixed"}, "no elements 'mixed'"),
    ],
)
def test_options_out_of_range(random_pdos, options, message) -> None:
    with pytest.raises(ParameterError, match=message):
        dos.distance(random_pdos(), **options)


@pytest.mark.parametrize("broadening", [1e9, np.inf])
def test_a_broadening_wider_than_the_axis_is_refused(broadening: float) -> None:
    with pytest.raises(ParameterError, match="broadening"):
        dos.cluster(datasets.make_pdos(defects=()), broadening=broadening)
