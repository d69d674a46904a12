"""align, broaden, resample, normalise: sums are kept, references are found where they were put."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from mi_widgets import dos, io
from mi_widgets.dos._kernels import trapezoid_weights
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError

EVEN = np.linspace(-10, 5, 151)
UNEVEN = -10 + 15 * np.linspace(0, 1, 151) ** 1.5


def integral(da: xr.DataArray) -> np.ndarray:
    """By the trapezoid rule, in any order of dims and of energies."""
    return np.abs(da.integrate("energy").values)


@pytest.mark.parametrize("energy", [EVEN, UNEVEN, EVEN[::-1]], ids=["even", "uneven", "falling"])
@pytest.mark.parametrize("spin", [False, True])
def test_sum_rules_hold_through_every_step(random_pdos, energy, spin) -> None:
    ds = random_pdos(energy=energy, spin=spin)
    for step in (
        lambda d: dos.align(d, "fermi"),
        lambda d: dos.broaden(d, 0.35),
        lambda d: dos.broaden(d, 0.2, shape="lorentzian"),
        lambda d: dos.resample(d, 77),
        lambda d: dos.normalise(d, "total"),
    ):
        before, ds = ds, step(ds)
        np.testing.assert_allclose(ds.pdos.sum(("atom", "orbital")), ds.dos, rtol=1e-6, atol=1e-12)
        assert ds.pdos.dims == before.pdos.dims
    np.testing.assert_allclose(integral(ds.pdos).sum(), 1, rtol=1e-6)


@pytest.mark.parametrize("energy", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("shape", ["gaussian", "lorentzian"])
def test_broadening_loses_no_states(random_pdos, energy, shape) -> None:
    ds = random_pdos(energy=energy)
    out = dos.broaden(ds, 0.5, shape=shape)
    np.testing.assert_allclose(integral(out.pdos), integral(ds.pdos), rtol=1e-10)
    assert float(out.pdos.min()) >= 0


def test_broadening_is_the_convolution_with_a_gaussian() -> None:
    axis = np.linspace(-10, 10, 801)
    energy = xr.DataArray(axis, dims="energy", attrs={"units": "eV"})
    narrow = xr.DataArray(norm.pdf(axis, 0.7, 0.3)[None], dims=("atom", "energy"), coords={"energy": energy})
    out = dos.broaden(narrow, 0.4)
    np.testing.assert_allclose(out.values[0], norm.pdf(axis, 0.7, 0.5), atol=1e-6)
    # twice is once with the root of the sum of squares
    again = dos.broaden(dos.broaden(narrow, 0.3), 0.4)
    np.testing.assert_allclose(again, dos.broaden(narrow, 0.5), atol=1e-6)


def test_even_and_uneven_energies_broaden_alike() -> None:
    fine = np.linspace(-6, 6, 1201)
    rng = np.random.default_rng(0)
    uneven = np.sort(np.concatenate([fine[[0, -1]], rng.choice(fine[1:-1], 700, replace=False)]))
    made = []
    for axis in (fine, uneven):
        energy = xr.DataArray(axis, dims="energy", attrs={"units": "eV"})
        pdos = xr.DataArray(norm.pdf(axis, 0, 0.5)[None], dims=("atom", "energy"), coords={"energy": energy})
        made.append(np.interp(0.3, axis, dos.broaden(pdos, 0.4).values[0]))
    assert made[0] == pytest.approx(made[1], rel=1e-3)


def test_width_of_zero_changes_nothing(random_pdos) -> None:
    ds = random_pdos()
    xr.testing.assert_identical(dos.broaden(ds, 0), ds)


def test_resampling_keeps_the_integral_between_its_ends(random_pdos) -> None:
    ds = random_pdos()
    new = np.sort(np.random.default_rng(1).uniform(-9.7, 4.3, 23))
    out = dos.resample(ds.pdos, new)
    exact = dos.resample(ds.pdos, np.union1d(EVEN[(new[0] < EVEN) & (new[-1] > EVEN)], new[[0, -1]]))
    np.testing.assert_allclose(integral(out), integral(exact), rtol=1e-12)
    np.testing.assert_allclose(dos.resample(ds.pdos, 301).integrate("energy"), integral(ds.pdos), rtol=1e-12)


def test_resampling_goes_not_beyond_what_is_known(random_pdos) -> None:
    with pytest.raises(ParameterError, match="reach beyond"):
        dos.resample(random_pdos(), np.linspace(-12, 0, 10))
    with pytest.raises(ParameterError, match="two or more different"):
        dos.resample(random_pdos(), [1.0, 1.0])


def test_normalising(random_pdos) -> None:
    ds = random_pdos(energy=UNEVEN)
    np.testing.assert_allclose(integral(dos.normalise(ds).pdos).sum(axis=1), 1, rtol=1e-12)
    by_element = integral(dos.normalise(ds, "element").pdos).sum(axis=1)
    for name in ("Mg", "O"):
        own = ds.element.values == name
        assert by_element[own].mean() == pytest.approx(1)
        np.testing.assert_allclose(by_element[own] / by_element[own][0], _ratio(ds, own), rtol=1e-10)
    assert "dos" not in dos.normalise(ds)
    inside = dos.resample(dos.normalise(ds, window=(-6, -1)), np.linspace(-6, -1, 400))
    np.testing.assert_allclose(integral(inside.pdos).sum(axis=1), 1, rtol=1e-10)


def _ratio(ds: xr.Dataset, own: np.ndarray) -> np.ndarray:
    states = integral(ds.pdos).sum(axis=1)[own]
    return states / states[0]


def test_site_without_states_stays(random_pdos) -> None:
    ds = random_pdos()
    ds["pdos"].values[3] = 0
    with pytest.warns(MIWidgetsWarning, match="1 of 12 sites have no states"):
        out = dos.normalise(ds)
    assert float(out.pdos[3].sum()) == 0


def test_align_at_fermi_vacuum_and_core(random_pdos) -> None:
    ds = random_pdos()
    out = dos.align(ds)
    np.testing.assert_allclose(out.energy, ds.energy - 1)
    assert out.energy.attrs["reference"] == "fermi"
    assert float(out.fermi_energy) == 0
    assert float(out.energy_zero) == 1
    np.testing.assert_allclose(dos.align(ds, "vacuum", vacuum_level=4.2).energy, ds.energy - 4.2)
    core = dos.align(ds, "core", element="O", orbital="s")
    weights = trapezoid_weights(EVEN)
    states = ds.pdos.isel(atom=ds.element.values == "O").sel(orbital="s").sum("atom").values
    assert float(core.energy_zero) == pytest.approx((weights * EVEN) @ states / (weights @ states))


@pytest.mark.parametrize("fermi", [-0.2, 0.5, 2.0, 4.3])
def test_valence_top_is_found_wherever_the_fermi_energy_lies_in_the_gap(fermi) -> None:
    """Boxes of states from -6 to 0 and from 4 to 8 eV: the top is where the box ends."""
    axis = np.linspace(-10, 10, 2001)
    states = np.where((axis > -6) & (axis < 0), 2.0, 0) + np.where((axis > 4) & (axis < 8), 1.0, 0)
    ds = xr.Dataset({"pdos": (("atom", "energy"), states[None])}, coords={"energy": axis}).assign(fermi_energy=fermi)
    ds["energy"].attrs["units"] = "eV"
    assert float(dos.align(ds, "vbm").energy_zero) == pytest.approx(0, abs=0.011)


def test_metal_has_no_valence_top() -> None:
    axis = np.linspace(-5, 5, 101)
    ds = xr.Dataset({"pdos": (("atom", "energy"), np.ones((1, 101)))}, coords={"energy": axis}).assign(fermi_energy=0.0)
    ds["energy"].attrs["units"] = "eV"
    with pytest.raises(DataError, match="no gap"):
        dos.align(ds, "vbm")


def test_alignment_that_cannot_be(random_pdos) -> None:
    ds = random_pdos()
    with pytest.raises(DataError, match="Fermi energy is not known"):
        dos.align(ds.assign(fermi_energy=np.nan))
    with pytest.raises(ParameterError, match="vacuum_level"):
        dos.align(ds, "vacuum")
    with pytest.raises(ParameterError, match="element and orbital"):
        dos.align(ds, "core")
    with pytest.raises(DataError, match="no site of that element"):
        dos.align(ds, "core", element="Ti", orbital="s")
    with pytest.raises(ParameterError, match="no reference 'fermy'"):
        dos.align(ds, "fermy")


@pytest.mark.parametrize(
    "call",
    [
        dos.align,
        lambda d: dos.broaden(d, 0.2),
        lambda d: dos.resample(d, 40),
        dos.normalise,
    ],
)
def test_input_is_left_alone_and_results_round_trip(random_pdos, tmp_path, call) -> None:
    ds = random_pdos()
    copy = ds.copy(deep=True)
    out = call(ds)
    xr.testing.assert_identical(ds, copy)
    assert json.loads(out.attrs["history"])["function"].startswith("mi_widgets.dos.")
    assert {"units", "long_name"} <= set(out.pdos.attrs)
    io.write_netcdf(out, tmp_path / "out.nc")
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), out)


def test_what_is_no_density_of_states() -> None:
    with pytest.raises(LabelError, match="has no 'pdos'"):
        dos.broaden(xr.Dataset({"a": 1}), 0.1)
    with pytest.raises(LabelError, match="got list"):
        dos.broaden([1, 2], 0.1)
    with pytest.raises(LabelError, match="needs dimension 'energy'"):
        dos.broaden(xr.DataArray(np.ones((2, 2)), dims=("atom", "e")), 0.1)
    axis = xr.DataArray([0.0, 1.0, 1.0], dims="energy", attrs={"units": "eV"})
    with pytest.raises(DataError, match="strictly monotonic"):
        dos.broaden(xr.DataArray(np.ones((2, 3)), dims=("atom", "energy"), coords={"energy": axis}), 0.1)
