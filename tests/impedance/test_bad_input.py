"""Data and options that are wrong are refused with a remedy, or flagged."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import impedance
from mi_widgets.datasets import make_impedance
from mi_widgets.errors import DataError, LabelError, ParameterError

VERBS: list[Callable[[Any], xr.Dataset]] = [
    lambda data: impedance.fit_circuit(data, "R-p(R,C)"),
    lambda data: impedance.compare_circuits(data, ["R-p(R,C)"]),
    impedance.kramers_kronig,
]


def _data() -> xr.Dataset:
    return make_impedance("R-p(R,C)", {"R0": 20.0, "R1": 100.0, "C1": 1e-5}, frequency=np.geomspace(1e5, 1e-1, 20))


def _frequency(values: Any, **attrs: str) -> xr.Dataset:
    ds = _data()
    return ds.assign_coords(frequency=("frequency", np.asarray(values), attrs or {"units": "Hz"}))


def _units(units: str) -> xr.Dataset:
    ds = _data()
    for name in ("impedance_real", "impedance_imag"):
        ds[name].attrs = {"units": units} if units else {}
    return ds


def _wrong_sign() -> xr.Dataset:
    ds = _data()
    ds["impedance_imag"] = -ds.impedance_imag
    return ds.drop_vars([n for n in ds if str(n).startswith("true")])


axis = np.geomspace(1e5, 1e-1, 20)
CASES: list[tuple[Any, type[Exception], str]] = [
    (3, LabelError, "needs a Dataset with impedance_real"),
    (_data().drop_vars("impedance_imag"), LabelError, "has no 'impedance_imag'"),
    (_data().impedance_real, DataError, "complex impedance"),
    (_data().rename(frequency="energy"), LabelError, "needs dimension 'frequency'"),
    (_data().drop_vars("frequency"), LabelError, "has no coordinate"),
    (_frequency(axis, units="kHz"), LabelError, "is in 'kHz'"),
    (_frequency(axis, units="rad/s"), LabelError, "2 pi"),
    (_frequency(np.where(axis < 0.2, 0.0, axis)), DataError, "above zero"),
    (_frequency(np.where(axis < 0.2, np.nan, axis)), DataError, "finite"),
    (_frequency(np.roll(axis, 3)), DataError, "sortby"),
    (_frequency(np.round(axis / 30) + 1), DataError, "more than once"),
    (_units(""), LabelError, "has no units"),
    (_units("V"), LabelError, "is in 'V'"),
    (_units("1/ohm"), LabelError, "is in '1/ohm'"),
    (_data() * np.nan, LabelError, "units|no impedance"),
    (_data().isel(frequency=slice(0)), DataError, "hold no spectrum"),
    (_data().isel(frequency=slice(2)), DataError, "too few"),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("data", "error", "message"), CASES, ids=[message for _, _, message in CASES])
def test_data(verb: Callable[[Any], xr.Dataset], data: Any, error: type[Exception], message: str) -> None:
    if message.startswith("units"):
        data, error, message = _data().map(lambda v: v * np.nan, keep_attrs=True), DataError, "no impedance is"
    with pytest.raises(error, match=message):
        verb(data)


def test_wrong_sign_of_the_imaginary_part() -> None:
    for verb in VERBS[:2]:
        with pytest.raises(DataError, match="probably -Im Z"):
            verb(_wrong_sign())
    with pytest.raises(DataError, match="probably -Im Z"):  # a circuit with a coil among others hides nothing
        impedance.compare_circuits(_wrong_sign(), n_starts=1)
    # a coil is inductive indeed
    coil = make_impedance("L-R", {"R0": 1.0, "L1": 1e-3})
    assert float(impedance.fit_circuit(coil, "L-R").L1) == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"circuit": "R-"}, "element is missing"),
        ({"weights": "proportional"}, "weights must be"),
        ({"n_starts": 0}, "n_starts must be"),
        ({"n_starts": True}, "n_starts must be"),
        ({"seed": -1}, "seed must be"),
        ({"bounds": {"R9": (1.0, 2.0)}}, "no parameter 'R9'"),
        ({"bounds": {"R1": (2.0, 1.0)}}, "must rise"),
        ({"bounds": {"R1": (-1.0, 1.0)}}, "above zero"),
        ({"bounds": {"R1": 3.0}}, "two numbers"),
        ({"fixed": {"R1": -1.0}}, "above zero"),
        ({"fixed": 3}, "is a mapping"),
        ({"circuit": "R-p(R,Q)", "fixed": {"Q1_n": 2.0}}, "at most 1"),
        ({"circuit": "R-p(R,Q)", "bounds": {"Q1_n": (0.5, 3.0)}}, "within 0 to 1"),
        ({"circuit": "R-p(R,Q)", "bounds": {"Q1_n": (1.0, None)}}, "within 0 to 1"),
        ({"start": {"R1": "x"}}, "must be a number"),
    ],
)
def test_options_of_a_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        impedance.fit_circuit(_data(), **{"circuit": "R-p(R,C)", **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"circuits": "R-p(R,C)"}, "must be a list"),
        ({"circuits": []}, "must be a list"),
        ({"circuits": ["R-p(R,C)", "p(C,R)-R"]}, "the same circuit as"),
        ({"circuits": ["R-p(R,C)", "R-p("]}, "element is missing"),
        ({"criterion": "waic"}, "criterion must be"),
    ],
)
def test_options_of_a_comparison(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        impedance.compare_circuits(_data(), **options)


def test_weights_that_do_not_fit() -> None:
    ds = _data()
    sigma = (0.005 * abs(ds.impedance_real)).assign_attrs(units="ohm")
    with pytest.raises(LabelError, match="in 'V'"):
        impedance.fit_circuit(ds, "R-p(R,C)", weights=sigma.assign_attrs(units="V"))
    with pytest.raises(LabelError, match="other frequencies"):
        impedance.fit_circuit(ds, "R-p(R,C)", weights=sigma.assign_coords(frequency=sigma.frequency * 2))
    with pytest.raises(DataError, match="above zero"):
        impedance.fit_circuit(ds, "R-p(R,C)", weights=-sigma)
    with pytest.raises(LabelError, match="over the dims"):
        impedance.fit_circuit(ds, "R-p(R,C)", weights=sigma.isel(frequency=slice(5)))
    both = xr.concat([ds[["impedance_real", "impedance_imag"]]] * 2, "sample").assign_coords(sample=["a", "b"])
    each = xr.concat([sigma, 10 * sigma], "sample").assign_coords(sample=["a", "b"]).assign_attrs(units="ohms")
    assert impedance.fit_circuit(both, "R-p(R,C)", weights=each, n_starts=2).sizes["sample"] == 2
    for other in (each.isel(sample=[1, 0]), each.isel(sample=[0])):
        with pytest.raises(LabelError, match=r"weights.sel\(sample=data.sample\)"):
            impedance.fit_circuit(both, "R-p(R,C)", weights=other, n_starts=2)


def test_too_many_parameters_are_flagged_among_others() -> None:
    ds = _data().isel(frequency=slice(None, None, 4))
    found = impedance.compare_circuits(ds, ["R-p(R,C)", "R-p(R,Q)-p(R-W,Q)"])
    assert found.status.values.tolist() == [0, 3]
    assert found.weight.values.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "options", [{"n_elements": 2}, {"n_elements": "many"}, {"score_limit": 0.0}, {"tolerance": -1.0}]
)
def test_options_of_the_test(options: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        impedance.kramers_kronig(_data(), **options)


def test_results_of_others() -> None:
    with pytest.raises(LabelError, match="result of compare_circuits"):
        impedance.equivalence_classes(_data())
    series = make_impedance("R-p(R,C)", {"R1": [90.0, 100.0]})
    with pytest.raises(LabelError, match="one spectrum"):
        impedance.equivalence_classes(impedance.compare_circuits(series, ["R-p(R,C)"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"circuit": "R-p(R,"}, "not expected"),
        ({"circuit": "R-X"}, "not expected"),
        ({"circuit": "R-p(R,C))"}, "not expected"),
        ({"parameters": {"R7": 1.0}}, "no parameter 'R7'"),
        ({"parameters": {"R1": -1.0}}, "above zero"),
        ({"parameters": {"R1": [1.0, 2.0], "R0": [1.0, 2.0, 3.0]}}, "equally long"),
        ({"frequency": [0.0, 1.0]}, "above zero"),
        ({"noise": -1.0}, "zero or more"),
        ({"drift": -1.0}, "above -1"),
        ({"drift": {"R7": 0.1}}, "R7"),
    ],
)
def test_generator(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make_impedance(**{"circuit": "R-p(R,C)", **options})
