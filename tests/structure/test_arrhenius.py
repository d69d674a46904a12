"""Arrhenius' law, beside NumPy, coverage and the bootstrap."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms
from mi_widgets.errors import DataError, LabelError


def test_arrhenius_finds_energy_and_covers_it() -> None:
    temperature = np.array([800.0, 1000.0, 1300.0, 1700.0, 2200.0])
    truth = 30.0 * np.exp(-0.9 / (8.617333262e-5 * temperature))
    rng = np.random.default_rng(3)
    noisy = xr.DataArray(
        truth * (1 + 0.05 * rng.standard_normal((400, 5))),
        dims=("sample", "temperature"), coords={"temperature": temperature}, attrs={"units": "angstrom**2/ps"},
    )  # fmt: skip
    found = structure.fit_arrhenius(noisy, noisy * 0.05)
    z = (found.activation_energy - 0.9) / found.activation_energy_stderr
    assert 0.62 < float((np.abs(z) < 1).mean()) < 0.80  # 68 %, and more where errors are widened
    assert float(found.activation_energy.mean()) == pytest.approx(0.9, abs=0.01)
    assert float(found.prefactor.median()) == pytest.approx(30.0, rel=0.05)
    assert float(found.reduced_chi_squared.mean()) == pytest.approx(1.0, abs=0.15)
    inside = (found.activation_energy_low < 0.9) & (found.activation_energy_high > 0.9)
    assert 0.93 <= float(inside.mean()) <= 1.0
    bare = structure.fit_arrhenius(noisy)
    inside = (bare.activation_energy_low < 0.9) & (bare.activation_energy_high > 0.9)
    assert 0.92 <= float(inside.mean()) <= 0.98


def test_arrhenius_matches_numpy() -> None:
    temperature = np.array([500.0, 700.0, 900.0, 1100.0])
    rate = np.array([0.01, 0.2, 1.1, 3.0])
    da = xr.DataArray(rate, dims="temperature", coords={"temperature": temperature})
    p, cov = np.polyfit(1 / (8.617333262e-5 * temperature), np.log(rate), 1, cov=True)
    found = structure.fit_arrhenius(da)
    assert float(found.activation_energy) == pytest.approx(-p[0])
    assert float(found.activation_energy_stderr) == pytest.approx(np.sqrt(cov[0, 0]))


def test_what_arrhenius_refuses() -> None:
    da = xr.DataArray([1.0, -1.0, 2.0], dims="temperature", coords={"temperature": [300.0, 400.0, 500.0]})
    with pytest.raises(DataError, match="three"):
        structure.fit_arrhenius(da)
    with pytest.raises(DataError, match="kelvin"):
        structure.fit_arrhenius(da.assign_coords(temperature=[-1.0, 1.0, 2.0]))
    with pytest.raises(LabelError, match="temperature"):
        structure.fit_arrhenius(da.rename(temperature="t"))


def test_error_of_the_energy_is_that_of_the_bootstrap() -> None:
    """Sixteen short runs at each of five temperatures, drawn again 400 times: the energies scatter by their error."""
    temperature = np.array([900.0, 1100.0, 1400.0, 1800.0, 2400.0])
    truth = 40.0 * np.exp(-0.45 / (8.617333262e-5 * temperature))
    rng, n_runs = np.random.default_rng(5), 16
    found = np.array(
        [
            [
                float(
                    structure.diffusion_coefficient(
                        make_diffusing_atoms(n_atoms=2, n_frames=400, diffusion=d, seed=rng)
                    ).diffusion_coefficient.sel(species="Li")
                )
                for _ in range(n_runs)
            ]
            for d in truth
        ]
    )
    coords = {"temperature": temperature}
    error = xr.DataArray(found.std(axis=1, ddof=1) / np.sqrt(n_runs), dims="temperature", coords=coords)
    fit = structure.fit_arrhenius(xr.DataArray(found.mean(axis=1), dims="temperature", coords=coords), error)
    drawn = rng.integers(n_runs, size=(400, 5, n_runs))
    again = xr.DataArray(
        np.take_along_axis(found[None], drawn, axis=2).mean(axis=2), dims=("sample", "temperature"), coords=coords
    )
    scatter = float(structure.fit_arrhenius(again, error.expand_dims(sample=400)).activation_energy.std("sample"))
    plain = float(fit.activation_energy_stderr) / np.sqrt(max(float(fit.reduced_chi_squared), 1.0))
    assert scatter * np.sqrt(n_runs / (n_runs - 1)) == pytest.approx(plain, rel=0.2)
    assert abs(float(fit.activation_energy) - 0.45) < 3 * float(fit.activation_energy_stderr)


def _map() -> xr.DataArray:
    kelvin = np.array([500.0, 700.0, 900.0, 1100.0])
    rows = [3.0 * np.exp(-e / (8.617333262e-5 * kelvin)) for e in (0.3, 0.7)]
    return xr.DataArray([rows[0], kelvin * np.nan, rows[1]], dims=("y", "temperature"), coords={"temperature": kelvin})


@pytest.mark.parametrize("lazy", [False, True])
def test_a_dead_row_stops_no_map(lazy: bool) -> None:
    rate = _map()
    found = structure.fit_arrhenius(rate.chunk(y=1, temperature=2) if lazy else rate)
    assert hasattr(found.activation_energy.data, "dask") == lazy
    np.testing.assert_allclose(found.activation_energy, [0.3, np.nan, 0.7], rtol=1e-9)
    assert found.status.values.tolist() == [0, 1, 0]
    assert found.status.attrs["flag_meanings"] == "ok no_data"
    assert found.status.dtype == np.int8


def test_errors_in_another_order_are_put_in_order() -> None:
    rate, error = _map()[0], _map()[0] * xr.DataArray([0.01, 0.2, 0.05, 0.1], dims="temperature")
    xr.testing.assert_identical(structure.fit_arrhenius(rate, error[::-1]), structure.fit_arrhenius(rate, error))
    with pytest.raises(LabelError, match="other values of 'temperature'"):
        structure.fit_arrhenius(rate, error.assign_coords(temperature=error.temperature + 1))
    with pytest.raises(LabelError, match="stderr"):
        structure.fit_arrhenius(rate, _map())


def test_error_of_the_prefactor_is_that_of_drawn_runs() -> None:
    kelvin = np.array([500.0, 700.0, 900.0, 1100.0])
    truth = 30.0 * np.exp(-0.3 / (8.617333262e-5 * kelvin))
    drawn = truth * (1 + 0.01 * np.random.default_rng(0).standard_normal((3000, 4)))
    rates = xr.DataArray(drawn, dims=("sample", "temperature"), coords={"temperature": kelvin}, attrs={"units": "1/ps"})
    found = structure.fit_arrhenius(rates, rates * 0 + truth * 0.01)
    plain = found.prefactor_stderr / np.sqrt(np.maximum(found.reduced_chi_squared, 1.0))
    assert float(plain.median()) == pytest.approx(float(found.prefactor.std("sample")), rel=0.05)
    assert found.prefactor_stderr.attrs["units"] == "1/ps"


def test_what_else_arrhenius_refuses() -> None:
    rate = _map()[0]
    for bad in ([1.0, 2.0, 3.0], rate.values, None):
        with pytest.raises(LabelError, match="DataArray"):
            structure.fit_arrhenius(bad)
    with pytest.raises(LabelError, match="DataArray"):
        structure.fit_arrhenius(rate, [0.1] * 4)
    with pytest.raises(DataError, match="different"):
        structure.fit_arrhenius(rate.assign_coords(temperature=[300.0] * 4))
    with pytest.raises(LabelError, match="'degC'"):
        structure.fit_arrhenius(
            rate.assign_coords(temperature=("temperature", rate.temperature.data, {"units": "degC"}))
        )
    with pytest.raises(DataError, match="real numbers"):
        structure.fit_arrhenius(rate.astype(str))
