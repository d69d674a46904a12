"""Gaps, broadening and the vortex against the truth of the cube."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets import io, methods, sts
from mi_widgets.datasets._sts import make_gap_cube


def test_gap_and_coherence_length(cube: xr.Dataset, gaps: xr.Dataset, summary: list[str]) -> None:
    assert int((gaps.status != 0).sum()) == 0
    off = (gaps.gap / cube.true_gap - 1).where(cube.true_gap > 0.5)
    vortex = sts.fit_vortex(gaps)
    xi = float(vortex.coherence_length / cube.attrs["true_coherence_length"] - 1)
    far = float(vortex.gap_far / cube.attrs["true_gap_far"] - 1)
    summary.append(
        f"sts, noise 4 %: gap off by {100 * float(np.sqrt((off**2).mean())):.2f} % rms, far from the vortex "
        f"{100 * far:+.3f} %; coherence length {100 * xi:+.2f} %"
    )
    assert float(np.sqrt((off**2).mean())) < 0.02
    assert abs(far) < 0.02
    assert abs(xi) < 0.05
    assert int(vortex.status) == 0
    assert abs(float(vortex.center_x) - cube.attrs["true_center_x"]) < 5 * float(vortex.center_x_stderr)


def test_errors_cover_the_truth(cube: xr.Dataset, gaps: xr.Dataset) -> None:
    normal = cube.true_normal
    for name, truth in (("gap", cube.true_gap), ("broadening", 0.06), ("normal", normal), ("slope", 0.02 * normal)):
        pull = (gaps[name] - truth) / gaps[f"{name}_stderr"]
        assert 0.9 < float(pull.std()) < 1.12, name
        assert abs(float(pull.mean())) < 0.1, name
    assert float((gaps.rms / 0.04).median()) == pytest.approx(1, abs=0.05)


def test_lmfit_finds_the_same(small: xr.Dataset) -> None:
    import lmfit

    da = small.conductance.isel(y=2, x=1)
    ours = sts.gap_map(da, temperature=1.5)

    def curve(x: np.ndarray, gap: float, broadening: float, normal: float, slope: float) -> np.ndarray:
        one = xr.Dataset({"gap": gap, "broadening": broadening, "normal": normal, "slope": slope},
                         attrs={"temperature": 1.5})  # fmt: skip
        one["normal"].attrs["units"] = "nS"
        return evaluate(one)

    def evaluate(one: xr.Dataset) -> np.ndarray:
        return sts.evaluate_gap(one, da.energy).values

    theirs = lmfit.Model(curve).fit(da.values, x=da.energy.values, gap=1.0, broadening=0.1, normal=1.0, slope=0.0)
    for name in ("gap", "broadening", "normal", "slope"):
        assert float(ours[name]) == pytest.approx(theirs.params[name].value, abs=2e-4), name
        assert float(ours[f"{name}_stderr"]) == pytest.approx(theirs.params[name].stderr, rel=0.02), name


def test_broadening_may_be_known(small: xr.Dataset) -> None:
    known = sts.gap_map(small.conductance, temperature=1.5, broadening=0.06)
    free = sts.gap_map(small.conductance, temperature=1.5)
    assert "broadening_stderr" not in known
    assert (known.broadening == 0.06).all()
    assert float(known.gap_stderr.mean()) <= float(free.gap_stderr.mean())


def test_temperature_is_found(cube: xr.Dataset) -> None:
    found = sts.find_temperature(cube.conductance)
    assert 0 < float(found.temperature_stderr) < 0.1
    assert abs(float(found.temperature) - 1.5) < 4 * float(found.temperature_stderr)
    gaps = sts.gap_map(cube.conductance[:2, :2])
    assert gaps.attrs["temperature"] == pytest.approx(1.5, abs=0.4)


def test_parts_come_to_the_whole(cube: xr.Dataset) -> None:
    da = cube.conductance[:12, :24]
    parts = list(sts.iter_gap_map(da, temperature=1.5))
    assert len(parts) > 1
    assert int((parts[0].result.status == 4).sum()) == 12 * 24 - parts[0].done
    assert sum(len(part.index) for part in parts) == 12 * 24
    # blocks are cut by the clock; the fit of a pixel does not depend on its block but for the summing of rounding
    again = sts.gap_map(da, temperature=1.5)
    xr.testing.assert_allclose(parts[-1].result, again, rtol=1e-5)


def test_pixels_without_data_stop_nothing(small: xr.Dataset) -> None:
    da = small.conductance.copy()
    da[0, 0] = np.nan
    da[0, 1, 20:30] = np.nan
    before = da.copy(deep=True)
    gaps = sts.gap_map(da, temperature=1.5)
    xr.testing.assert_identical(da, before)
    assert int(gaps.status[0, 0]) == 3
    assert np.isnan(float(gaps.gap[0, 0]))
    assert int(gaps.status[0, 1]) == 0
    assert abs(float(gaps.gap[0, 1] - small.true_gap[0, 1])) < 5 * float(gaps.gap_stderr[0, 1])
    assert int((gaps.status == 0).sum()) == 29


def test_spectra_without_a_gap_are_at_the_bound() -> None:
    energy = np.linspace(-4, 4, 81)
    noise = 0.02 * np.random.default_rng(0).standard_normal((40, 81))
    da = xr.DataArray(1 + noise, {"energy": ("energy", energy, {"units": "meV"})}, ("x", "energy"))
    gaps = sts.gap_map(da, temperature=1.5)
    assert float((gaps.gap < 0.35).mean()) > 0.85
    assert set(np.unique(gaps.status)) <= {0, 2}


def test_bias_in_volts_and_other_dims(small: xr.Dataset) -> None:
    da = small.conductance.rename(energy="bias").assign_coords(bias=("bias", small.energy.values / 1e3, {"units": "V"}))
    here = sts.gap_map(small.conductance, temperature=1.5)
    there = sts.gap_map(da.transpose("bias", "x", "y"), temperature=1.5)
    np.testing.assert_allclose(there.gap.transpose("y", "x"), here.gap, rtol=1e-6)
    assert there.gap.attrs["units"] == "meV"


def test_result_is_labelled_and_kept(gaps: xr.Dataset, tmp_path: Path) -> None:
    for name, variable in gaps.variables.items():
        assert {"units", "long_name"} <= set(variable.attrs), name
    assert json.loads(gaps.attrs["history"])["function"] == "mi_widgets.sts.gap_map"
    for k, ds in enumerate((gaps, sts.fit_vortex(gaps))):
        io.write_netcdf(ds, tmp_path / f"{k}.nc")
        with xr.open_dataset(tmp_path / f"{k}.nc") as again:
            xr.testing.assert_identical(again.load(), ds)


def test_nanonis_grid_is_read_and_fitted(small: xr.Dataset, tmp_path: Path) -> None:
    """A .3ds written here: positions in metres, bias in volts, dI/dV in a channel of the lock-in."""
    cube = small.conductance.values
    ny, nx, n = cube.shape
    header = "\r\n".join(
        [f'Grid dim="{nx} x {ny}"', "Grid settings=0E+0;0E+0;1.2E-7;1.0E-7;0E+0", 'Sweep Signal="Bias (V)"',
         'Fixed parameters="Sweep Start;Sweep End"', 'Experiment parameters="X (m);Y (m)"', "# Parameters (4 byte)=4",
         f"Experiment size (bytes)={4 * n}", f"Points={n}", 'Channels="LI Demod 1 X (A)"', ":HEADER_END:", ""]
    )  # fmt: skip
    ends = np.array([-4e-3, 4e-3, 0, 0])
    pixels = [np.concatenate([ends, spectrum * 1e-12]) for spectrum in cube.reshape(-1, n)]
    path = tmp_path / "grid.3ds"
    path.write_bytes(header.encode() + np.concatenate(pixels).astype(">f4").tobytes())
    da = io.read_spectra(path)
    gaps = sts.gap_map(da, temperature=1.5)
    assert gaps.gap.dims == ("y", "x")
    np.testing.assert_allclose(gaps.gap, sts.gap_map(small.conductance, temperature=1.5).gap, atol=1e-4)
    assert gaps.normal.attrs["units"] == "A"


# ---- maps without a fit


def test_zero_bias_shows_the_vortex(cube: xr.Dataset) -> None:
    normal = sts.normalize(cube.conductance)
    zero = sts.zero_bias_map(normal)
    there = zero.where(zero == zero.max(), drop=True)
    away = np.hypot(float(there.y[0]) - cube.attrs["true_center_y"], float(there.x[0]) - cube.attrs["true_center_x"])
    assert away < 8
    smooth = sts.zero_bias_map(normal, width=0.4)
    assert float(smooth.std()) < float(zero.std()) * 1.05
    assert zero.attrs["units"] == "1"


def test_normalized_by_a_reference(cube: xr.Dataset) -> None:
    reference = cube.true_normal * (1 + 0.02 * cube.energy)
    out = sts.normalize(cube.conductance, normal=reference)
    assert out.dims == cube.conductance.dims
    assert abs(float(out.isel(energy=[0, -1]).mean()) - 1.047) < 0.01, "the superconductor's own at 3.3 gaps"


def test_a_channel_that_is_missing_costs_no_spectrum(small: xr.Dataset) -> None:
    da = small.conductance.copy(deep=True)
    da[1, 2, -1], da[3, 3, -40:] = np.nan, np.nan
    found, whole = sts.normalize(da), sts.normalize(small.conductance)
    assert int(found[1, 2].isnull().sum()) == 1
    assert float(abs(found[1, 2] - whole[1, 2]).max()) < 0.02
    assert bool(found[3, 3].isnull().all())
    np.testing.assert_array_equal(found[0], whole[0])


def test_zero_bias_between_channels() -> None:
    energy = np.linspace(-3.5, 4.5, 12)
    da = xr.DataArray(2 + energy, {"energy": ("energy", energy, {"units": "meV"})}, ("energy",))
    assert float(sts.zero_bias_map(da)) == pytest.approx(2.0)
    assert float(sts.zero_bias_map(da[::-1])) == pytest.approx(2.0)


def test_gap_ratio(cube: xr.Dataset, gaps: xr.Dataset) -> None:
    vortex = sts.fit_vortex(gaps)
    found = sts.gap_ratio(vortex.gap_far, 7.2, gap_stderr=vortex.gap_far_stderr)
    assert float(found.gap_ratio) == pytest.approx(2 * 1.2 / (8.617333e-2 * 7.2), rel=0.02)
    assert float(found.gap_ratio_stderr) > 0


def test_decomposition_of_the_cube(cube: xr.Dataset) -> None:
    """Two components are nearly all: the vortex is one of them."""
    parts = methods.decompose(sts.normalize(cube.conductance).where(True), "energy", n_components=2)
    score = parts.score.stack(pixel=("y", "x"))
    gap = cube.true_gap.stack(pixel=("y", "x"))
    assert max(abs(float(xr.corr(score.isel(component=k), gap))) for k in range(2)) > 0.9


# ---- vortex


def test_vortex_errors_cover_the_truth() -> None:
    rng = np.random.default_rng(3)
    y, x = np.arange(20) * 3.0, np.arange(24) * 3.0
    at = {"y": ("y", y, {"units": "nm"}), "x": ("x", x, {"units": "nm"})}
    true = 1.2 * np.tanh(np.hypot(y[:, None] - 27, x - 40) / 9)
    off = []
    for _ in range(40):
        gap = xr.DataArray(true + 0.05 * rng.normal(size=true.shape), at, ("y", "x"), attrs={"units": "meV"})
        found = sts.fit_vortex(xr.Dataset({"gap": gap, "gap_stderr": xr.full_like(gap, 0.05)}))
        off.append(float((found.coherence_length - 9) / found.coherence_length_stderr))
    assert 0.7 < np.std(off) < 1.4
    assert abs(np.mean(off)) < 0.5


def test_no_vortex_is_a_status(cube: xr.Dataset) -> None:
    gap = xr.full_like(cube.true_gap, 1.2) + 0.01 * np.random.default_rng(1).standard_normal(cube.true_gap.shape)
    found = sts.fit_vortex(xr.Dataset({"gap": gap.assign_attrs(units="meV")}))
    assert int(found.status) == 2


def test_generator_is_computed_another_way() -> None:
    ds = make_gap_cube((3, 3), noise=0.0, slope=0.0)
    one = sts.dynes(ds.energy, gap=float(ds.true_gap[0, 0]), broadening=0.06, temperature=1.5)
    np.testing.assert_allclose(ds.conductance[0, 0] / ds.true_normal[0, 0], one, atol=1e-5)
