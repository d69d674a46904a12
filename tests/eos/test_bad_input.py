"""What cannot be fitted is refused: the message says what is wrong, what came, and what to write instead."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import eos
from mi_widgets.datasets._eos import load_mgo, make_eos
from mi_widgets.datasets._prem import load_prem
from mi_widgets.errors import DataError, LabelError, ParameterError

POWER = {"thermal": "debye", "hold": {"theta0": 773.0, "q": 1.0}}
COLD = make_eos(seed=0).isel(point=slice(0, 20))


def changed(name: str, value: float, at: int = 3, ds: xr.Dataset = COLD) -> xr.Dataset:
    out = ds.copy(deep=True)
    out[name].values[at] = value
    return out


def relabelled(name: str, units: object) -> xr.Dataset:
    out = COLD.copy(deep=True)
    out[name].attrs = {"units": units} if units else {}
    return out


DATA = {
    "negative volume": (lambda: changed("volume", -70.0), DataError, "volume must be above zero; point 3 has -70"),
    "no temperature": (lambda: changed("temperature", 0.0), DataError, "temperature, in K,"),
    "negative error": (lambda: changed("pressure_stderr", -1.0), DataError, "pressure_stderr must be zero or more"),
    "error of NaN": (lambda: changed("volume_stderr", np.nan), DataError, "volume_stderr must be zero or more"),
    "wrong unit": (lambda: relabelled("pressure", "psi"), LabelError, "unit 'psi'; known are GPa"),
    "celsius": (lambda: relabelled("temperature", "degC"), LabelError, "Convert to kelvin"),
    "no unit": (lambda: relabelled("volume", None), LabelError, "attrs\\['units'\\] = 'angstrom\\*\\*3'"),
    "no volume": (lambda: COLD.drop_vars("volume"), LabelError, "label_points"),
    "an array": (lambda: COLD.volume, LabelError, "label_points"),
    "two dims": (lambda: COLD.expand_dims(y=2), LabelError, "one dimension 'point'"),
    "text": (lambda: COLD.assign(pressure=COLD.pressure.astype(str).assign_attrs(units="GPa")), LabelError, "numbers"),
    "constant": (lambda: COLD.assign(volume=(0 * COLD.volume + 70).assign_attrs(COLD.volume.attrs)), DataError, "all"),
    "too few": (lambda: COLD.isel(point=[0, 1]), DataError, "2 points cannot give 3 parameters"),
    "hot and cold": (load_mgo, DataError, "isothermal form needs one"),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_data_that_cannot_be_fitted(name):
    make, error, message = DATA[name]
    with pytest.raises(error, match=message):
        eos.fit_eos(make())


def test_nothing_but_nan():
    with pytest.raises(DataError, match="all 3 hold NaN"):
        eos.fit_eos(eos.label_points([np.nan] * 3, pressure=[1.0, 2.0, 3.0]))


def test_an_error_of_nothing_would_weigh_everything():
    ds = eos.label_points([70.0, 68.0, 66.0, 64.0], pressure=[11, 16, 23, 30], pressure_stderr=[0.1, 0.0, 0.1, 0.1])
    with pytest.raises(DataError, match="point 1 has no error"):
        eos.fit_eos(ds)


def test_errors_that_do_not_act_on_the_values_are_refused():
    """An isothermal form does not change with temperature, an energy at its minimum not with the volume."""
    v = np.linspace(66.0, 84.0, 8)
    with pytest.raises(DataError, match=r"8 of 8 points have no error of the pressure.*pressure_stderr"):
        eos.fit_eos(eos.label_points(v, pressure=80.0 - v, temperature_stderr=10.0))
    with pytest.raises(DataError, match="no error of the energy"):
        eos.fit_eos(eos.label_points(v, energy=(v - 75.0) ** 2 / 100, volume_stderr=0.1))


def test_one_temperature_says_nothing_of_gamma():
    with pytest.raises(DataError, match=r"nothing of gamma0.*Write thermal="):
        eos.fit_eos(COLD, **POWER)
    hot = load_mgo().isel(point=slice(0, 41))  # one narrow range, far from the isothermal form
    fit = eos.fit_eos(hot, **POWER)
    assert "go together" in fit.remarks.item() or int(fit.status) == 3


OPTIONS = {
    "form": ({"form": "birch"}, "there are bm2, bm3"),
    "thermal": ({"thermal": "einstein"}, "there are none, debye, tange"),
    "hold needed": ({"thermal": "debye"}, "say which parameters are held"),
    "hold unknown": ({"hold": {"gamma0": 1.0}}, "hold names 'gamma0'"),
    "hold text": ({"hold": {"k0_prime": "four"}}, "hold\\['k0_prime'\\] must be a number"),
    "hold beyond": ({"hold": {"k0_prime": 100.0}}, "is not within"),
    "hold all": ({"hold": {"v0": 74.0, "k0": 160.0, "k0_prime": 4.0}}, "nothing is left to fit"),
    "bounds": ({"bounds": {"k0": (200.0, 100.0)}}, "low below high"),
    "bounds list": ({"bounds": [1]}, "bounds is a mapping"),
    "hold number": ({"hold": 3}, "hold is a mapping"),
    "prior without end": ({"priors": {"k0_prime": (4.0, np.inf)}}, "both its numbers finite"),
    "prior of nowhere": ({"priors": {"k0_prime": (np.inf, 1.0)}}, "both its numbers finite"),
    "bounds shape": ({"bounds": {"k0": 100.0}}, "must be \\(low, high\\)"),
    "bounds zero": ({"bounds": {"k0": (-5.0, 100.0)}}, "lower bound of k0 must be above zero"),
    "prior": ({"priors": {"k0": (160.0, 0.0)}}, "standard deviation of a prior"),
    "scale": ({"pressure_scale": -0.1}, "pressure_scale must be a number above 0"),
    "atoms": ({"n_atoms": 0}, "n_atoms must be a number above 0"),
    "reference": ({"reference_temperature": -300.0}, "reference_temperature must be a number above 0"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_out_of_range(name):
    options, message = OPTIONS[name]
    with pytest.raises(ParameterError, match=message):
        eos.fit_eos(COLD, **options)


def test_atoms_are_asked_for():
    ds = load_mgo()
    del ds.attrs["n_atoms"]
    with pytest.raises(ParameterError, match="number of atoms in the volume"):
        eos.fit_eos(ds, **POWER)


def test_energies_have_no_temperature():
    ds = eos.label_points([70.0, 72.0, 74.0, 76.0], energy=[0.1, 0.02, 0.0, 0.05], n_atoms=2)
    with pytest.raises(ParameterError, match="no temperature"):
        eos.fit_eos(ds, **POWER)


CALLS = {
    "compare nothing": (lambda: eos.compare_eos(COLD, []), ParameterError, "list of forms"),
    "compare text": (lambda: eos.compare_eos(COLD, "bm3"), ParameterError, "list of forms"),
    "compare unknown": (lambda: eos.compare_eos(COLD, ["bm9"]), ParameterError, "no form 'bm9'"),
    "compare option": (lambda: eos.compare_eos(COLD, speed=3), ParameterError, "'speed' is no option"),
    "sample few": (lambda: eos.sample_eos(COLD, n_steps=5), ParameterError, "n_steps must be a whole number"),
    "sample chains": (lambda: eos.sample_eos(COLD, n_chains=1), ParameterError, "n_chains must be a whole number"),
    "points twice": (lambda: eos.label_points([1.0], pressure=[1.0], energy=[1.0]), DataError, "either"),
    "points length": (lambda: eos.label_points([70.0, 71.0], pressure=[1.0, 2.0, 3.0]), DataError, "2 volumes"),
    "points unit": (lambda: eos.label_points([70.0], pressure=[1.0], pressure_units="psi"), LabelError, "psi"),
    "points text": (lambda: eos.label_points([70.0], pressure="high"), ParameterError, "must hold numbers"),
    "equation missing": (lambda: eos.Equation("bm3", {"v0": 70.0, "k0": 100.0}), ParameterError, "k0_prime"),
    "equation negative": (lambda: eos.Equation("bm2", {"v0": -70.0, "k0": 100.0}), ParameterError, "v0 must be"),
    "equation unknown": (lambda: eos.reference_equation("gold"), ParameterError, "mgo_tange_2009"),
    "evaluate what": (lambda: eos.evaluate(COLD, volume=[70.0]), LabelError, "eos.Equation"),
    "evaluate several": (
        lambda: eos.evaluate(eos.compare_eos(COLD, ["bm2", "bm3"])), LabelError, "sel\\(candidate='bm2'\\)"
    ),
    "evaluate volume": (
        lambda: eos.evaluate(eos.reference_equation("mgo_tange_2009"), volume=[-1.0]), DataError, "above zero"
    ),
    "evaluate both": (
        lambda: eos.evaluate(eos.reference_equation("mgo_tange_2009"), volume=[1.0], pressure=[1.0]),
        ParameterError, "not both",
    ),
    "pressure shapes": (
        lambda: eos.pressure(eos.reference_equation("mgo_tange_2009"), [70.0, 71.0], [1.0, 2.0, 3.0]), DataError, "fit"
    ),
    "profile path": (
        lambda: eos.depth_profile(eos.reference_equation("mgo_tange_2009"), load_prem(), path="up"),
        ParameterError, "adiabat",
    ),
    "profile reference": (
        lambda: eos.depth_profile(eos.reference_equation("mgo_tange_2009"), COLD), LabelError, "load_prem"
    ),
    "profile density": (
        lambda: eos.depth_profile(
            eos.reference_equation("mgo_tange_2009"),
            load_prem().assign(density=(1000 * load_prem().density).assign_attrs(units="kg/m**3")),
        ), LabelError, "density of the reference has the unit 'kg/m\\*\\*3'",
    ),
    "profile cold": (
        lambda: eos.depth_profile(
            eos.Equation("bm2", {"v0": 74.7, "k0": 160.0}, molar_mass=161.0), load_prem()
        ), ParameterError, "isentropic=True",
    ),
    "profile mass": (
        lambda: eos.depth_profile(eos.Equation("bm2", {"v0": 74.7, "k0": 160.0}), load_prem()), DataError, "molar_mass"
    ),
    "prem region": (lambda: load_prem(region="moon"), ParameterError, "lower_mantle"),
    "prem step": (lambda: load_prem(step=0), ParameterError, "1 to 3000 km"),
    "make points": (lambda: make_eos(n_points=3, n_cold=5), ParameterError, "at least n_cold"),
    "make error": (lambda: make_eos(pressure_error=(0.5, 0.1)), ParameterError, "pressure_error"),
    "make pressure": (lambda: make_eos(top_pressure=1e4), ParameterError, "top_pressure"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_calls_that_cannot_work(name):
    call, error, message = CALLS[name]
    with pytest.raises(error, match=message):
        call()
