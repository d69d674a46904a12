"""Waves, penalty and rings against the truth of the map, against scikit-learn, and one solver against the other."""

import json

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import Lasso

from mi_widgets import io, qpi
from mi_widgets.qpi._check import check_pixels


def _difference(a: xr.Dataset, b: xr.Dataset) -> float:
    apart = sum(float(((a[n] - b[n]) ** 2).sum()) for n in ("cosine", "sine"))
    return float(np.sqrt(apart / sum(float((b[n] ** 2).sum()) for n in ("cosine", "sine"))))


@pytest.fixture(scope="module")
def published(full: xr.Dataset) -> tuple[xr.DataArray, xr.Dataset]:
    """7,200 random pixels and the LASSO at a third of the largest penalty, which cross-validation chooses."""
    sampled = qpi.sample_pixels(full.conductance, n_pixels=7200)
    return sampled, qpi.fit_lasso(full.conductance, sampled, penalty=0.0345)


def test_rings_are_found_where_the_transform_hardly_shows_them(
    full: xr.Dataset, published: tuple[xr.DataArray, xr.Dataset], summary: list[str]
) -> None:
    sampled, found = published
    lasso = qpi.fit_rings(qpi.radial_profile(found.amplitude.isel(penalty=0))["mean"])
    usual = qpi.fit_rings(qpi.radial_profile(qpi.fourier_transform(full.conductance, sampled).amplitude)["mean"])
    summary.append(
        f"qpi, 7,200 pixels: rings {lasso.position.values.round(3)}, height over background "
        f"{lasso.ratio.values.round(1)} (transform {usual.ratio.values.round(2)})"
    )
    assert (abs(lasso.position - full.true_ring) < 0.05).all()
    assert (lasso.ratio >= 10).all()
    assert (usual.ratio <= 2).all()
    assert (lasso.contrast > 0.8).all()
    assert (usual.contrast < 0.4).all()


def test_solvers_agree(full: xr.Dataset, published: tuple[xr.DataArray, xr.Dataset], summary: list[str]) -> None:
    sampled, fista = published
    amp = qpi.fit_lasso(full.conductance, sampled, penalty=0.0345, solver="amp")
    assert int(fista.status[0]) == int(amp.status[0]) == 0
    summary.append(f"qpi: AMP and FISTA differ by {100 * _difference(amp, fista):.2f} %")
    assert _difference(amp, fista) < 0.01


def test_scikit_learn_finds_the_same(small: xr.Dataset) -> None:
    da = small.conductance[:24, :24]
    sampled = qpi.sample_pixels(da, n_pixels=200)
    found = qpi.fit_lasso(da, sampled, penalty=[0.2, 0.1], n_q=8, q_max=4, tolerance=1e-8, max_iter=5000)
    pixels = check_pixels(da, sampled, 4, 8, who="test")
    waves = pixels.waves()
    matrix = np.stack([waves.forward(e.reshape(waves.shape)) for e in np.eye(int(np.prod(waves.shape)))], axis=1)
    for penalty in (0.2, 0.1):
        model = Lasso(alpha=penalty, fit_intercept=False, tol=1e-10, max_iter=100_000).fit(matrix, pixels.values)
        a, b = model.coef_.reshape(waves.shape)
        ours = found.sel(penalty=penalty)
        np.testing.assert_allclose(ours.cosine[4:], a, atol=1e-5)
        np.testing.assert_allclose(ours.sine[4:], b, atol=1e-5)
        assert int(ours.n_active) == np.count_nonzero(model.coef_)


def test_path_begins_without_waves(small: xr.Dataset, few: xr.DataArray) -> None:
    path = qpi.fit_lasso(small.conductance, few, n_q=32, n_penalties=3)
    assert int(path.n_active[0]) == 0
    assert (np.diff(path.n_active) > 0).all()
    assert (np.diff(path.penalty) < 0).all()


def test_map_comes_back(small: xr.Dataset, few: xr.DataArray) -> None:
    found = qpi.fit_lasso(small.conductance, few, penalty=0.05)
    again = qpi.reconstruct_map(found, small.conductance).isel(penalty=0)
    noisy = float(xr.corr(small.conductance, small.true_signal))
    assert float(xr.corr(again, small.true_signal)) > noisy + 0.1, "from 3,000 of 16,200 pixels"


def test_transform_of_one_wave_has_its_amplitude() -> None:
    q, axis = 3 * 2 * np.pi / 20, np.arange(80) * 0.25
    at = {d: (d, axis, {"units": "nm"}) for d in ("y", "x")}
    da = xr.DataArray(2.5 * np.cos(q * axis)[None, :] * np.ones((80, 1)), at, ("y", "x"), attrs={"units": "nS"})
    # the grid has no q = 0, so the wave along x lies between the two rows beside it
    found = qpi.fit_lasso(da, penalty=1e-4, n_q=16, q_max=2 * q, max_iter=3000)
    assert abs(float(abs(found.qx[int(found.amplitude[0].max("qy").values.argmax())])) - q) <= q / 8
    assert found.amplitude.attrs["units"] == "nS"


@pytest.mark.parametrize("scale", [("m", 1e-9), ("angstrom", 10.0)])
def test_units_of_length(small: xr.Dataset, few: xr.DataArray, scale: tuple[str, float]) -> None:
    da, sampled = small.conductance, few
    unit, factor = scale
    for d in ("y", "x"):
        places = (d, small[d].values * factor, {"units": unit})
        da, sampled = da.assign_coords({d: places}), sampled.assign_coords({d: places})
    there = qpi.fourier_transform(da, sampled, n_q=32).amplitude
    here = qpi.fourier_transform(small.conductance, few, n_q=32).amplitude
    np.testing.assert_allclose(there, here, rtol=1e-6)
    np.testing.assert_allclose(there.qx, here.qx)


def test_pixels_need_not_be_square(small: xr.Dataset) -> None:
    da = small.conductance[::2]
    found = qpi.fit_lasso(da, penalty=0.05, n_q=64)
    rings = qpi.fit_rings(qpi.radial_profile(found.amplitude.isel(penalty=0))["mean"])
    assert (abs(rings.position - small.true_ring) < 0.1).all()


def test_missing_pixels_are_pixels_not_sampled(small: xr.Dataset, few: xr.DataArray) -> None:
    holes = small.conductance.where(few)
    xr.testing.assert_identical(
        qpi.fourier_transform(holes, n_q=32).amplitude, qpi.fourier_transform(small.conductance, few, n_q=32).amplitude
    )


def test_every_third_pixel_shows_phantoms(full: xr.Dataset) -> None:
    """Rings come again about the period of the lattice of samples: 2 pi / (3 dx) less the outer ring, 4.3 1/nm."""
    sampled = qpi.sample_pixels(full.conductance, "grid", step=3)
    assert sampled.attrs["alias_x"] == pytest.approx(2 * np.pi / (3 * 100 / 360))
    image = qpi.fourier_transform(full.conductance, sampled, q_max=6.0, n_q=128).amplitude
    random = qpi.fourier_transform(full.conductance, qpi.sample_pixels(full.conductance, n_pixels=7200), q_max=6.0)
    period = float(sampled.attrs["alias_x"])
    ring = np.hypot(abs(image.qx) - period, image.qy)
    phantom = (abs(ring - 3.2) < 0.1) & (np.hypot(image.qx, image.qy) > 4.2)
    assert float(image.where(phantom).mean()) > 1.5 * float(image.where(~phantom).median())
    assert float(random.amplitude.where(phantom).mean()) < 1.1 * float(random.amplitude.where(~phantom).median())


def test_cross_validation(small: xr.Dataset, few: xr.DataArray) -> None:
    cv = qpi.cross_validate(small.conductance, few, n_q=64, n_folds=5, n_penalties=5)
    assert cv.chosen_penalty == cv.best_penalty == cv.penalty[int(cv.cv_mean.values.argmin())]
    assert cv.one_se_penalty >= cv.best_penalty
    assert float(cv.cv_mean.min()) < float(cv.naive_error.mean())
    assert float(cv.p_value) < float(cv.p_value_corrected) < 0.01
    assert int(cv.sufficiency) == 0
    gain = (cv.naive_error - cv.cv_error.sel(penalty=cv.best_penalty)).values
    from scipy.stats import ttest_1samp

    assert float(cv.p_value) == pytest.approx(ttest_1samp(gain, 0, alternative="greater").pvalue, rel=1e-6)


def test_too_few_pixels_are_not_sufficient(full: xr.Dataset) -> None:
    sampled = qpi.sample_pixels(full.conductance, n_pixels=600)
    cv = qpi.cross_validate(full.conductance, sampled, n_folds=5, n_penalties=3, n_q=64)
    assert int(cv.sufficiency) == 2


@pytest.mark.nightly
def test_limit_of_sufficiency_lies_where_it_was_published(full: xr.Dataset, summary: list[str]) -> None:
    """The noise of the map was chosen for this: 7,200 pixels are enough, 4,050 are not."""
    found = {}
    for n in (7200, 4050):
        sampled = qpi.sample_pixels(full.conductance, n_pixels=n)
        found[n] = qpi.cross_validate(full.conductance, sampled, solver="amp")
        summary.append(f"qpi, {n} pixels: p {float(found[n].p_value):.1e}")
    assert int(found[7200].sufficiency) == 0
    assert float(found[4050].p_value) > 0.01


def test_study_is_the_sum_of_its_parts(small: xr.Dataset, few: xr.DataArray, tmp_path: object) -> None:
    before = small.conductance.copy(deep=True)
    parts: list[int] = []
    options = {"n_q": 64, "n_penalties": 4, "n_folds": 3}
    ds = qpi.analyze(small.conductance, few, progress=lambda part: parts.append(part.done), **options)
    xr.testing.assert_identical(small.conductance, before)
    assert parts == [1, 2, 3, 4]
    options.pop("n_folds")
    xr.testing.assert_identical(ds.cosine, qpi.fit_lasso(small.conductance, few, **options).cosine)
    assert (abs(ds.ring_position.sel(image="lasso") - small.true_ring.values) < 0.1).all()
    assert json.loads(ds.attrs["history"])["parameters"]["n_folds"] == 3
    for name, variable in ds.variables.items():
        assert "long_name" in variable.attrs, name
        assert "units" in variable.attrs or name == "image", name
    path = tmp_path / "study.nc"  # type: ignore[operator]
    io.write_netcdf(ds, path)
    with xr.open_dataset(path) as again:
        xr.testing.assert_identical(again.load(), ds)


# ---- rings


def test_errors_of_rings_cover_the_truth(rng: np.random.Generator) -> None:
    q = np.arange(0.05, 5, 0.078)
    clean = np.exp(-((q - 1.2) ** 2) / 0.02) + 2 * np.exp(-((q - 3.2) ** 2) / 0.03) + 0.5
    off = []
    for _ in range(25):
        profile = xr.DataArray(clean + 0.1 * rng.normal(size=q.size), {"q": q}, ("q",))
        fit = qpi.fit_rings(profile)
        off.append(((fit.position - [1.2, 3.2]) / fit.position_stderr).values)
    assert 0.7 < np.std(off) < 1.35


def test_ratio_without_background_is_a_limit() -> None:
    q = np.arange(0.05, 5, 0.078)
    profile = xr.DataArray(np.exp(-((q - 1.2) ** 2) / 0.02), {"q": q}, ("q",), attrs={"units": "nS"})
    fit = qpi.fit_rings(profile, 1)
    assert np.isfinite(fit.ratio).all()
    assert fit.ratio_is_limit.all()
    assert float(fit.contrast[0]) == pytest.approx(1, abs=1e-3)


def test_nothing_found_is_a_status() -> None:
    q = np.arange(0.05, 5, 0.078)
    fit = qpi.fit_rings(xr.DataArray(np.zeros(q.size), {"q": q}, ("q",)))
    assert fit.position.isnull().all()
    assert int(fit.status) == 3
