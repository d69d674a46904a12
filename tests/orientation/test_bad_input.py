"""What is refused, and in which words."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import orientation
from mi_widgets.datasets import make_orientation_axes, make_orientations
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.orientation import Sampling

VERBS = [
    orientation.fit_orientation,
    orientation.select_orientation,
    orientation.free_energy,
    orientation.axial_statistics,
    orientation.rose,
]


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_units_and_labels(verb, angles):
    values = np.linspace(0, 170, 40)
    with pytest.raises(LabelError, match="attrs\\['units'\\] = 'degree'"):
        verb(xr.DataArray(values, dims="grain"))
    with pytest.raises(LabelError, match="degree or radian"):
        verb(angles(values, "eV"))
    with pytest.raises(DataError, match="look like degrees"):
        verb(angles(values, "rad"))
    with pytest.raises(DataError, match="out of range"):
        verb(angles(values * 3))
    with pytest.raises(LabelError, match="dimension 'grain'"):
        verb(values)
    with pytest.raises(LabelError, match="dimension 'grain'"):
        verb(angles(values).rename(grain="atom"))
    with pytest.raises(DataError, match="finite"):
        verb(angles([np.inf, *values]))
    with pytest.raises(DataError, match="numbers"):
        verb(xr.DataArray(["a", "b"], dims="grain", attrs={"units": "degree"}))
    with pytest.raises(DataError, match="as numbers"):
        verb(xr.DataArray([True, False] * 9, dims="grain", attrs={"units": "degree"}))
    with pytest.raises(ParameterError, match="period"):
        verb(angles(values), period=90)
    with pytest.raises(ParameterError, match="rounding"):
        verb(angles(values), rounding=-1)


@pytest.mark.parametrize("verb", VERBS[:4])
def test_too_little(verb, angles):
    with pytest.raises(DataError, match="at least 5"):
        verb(angles([1, 2, 3]))
    with pytest.raises(DataError, match="same angle, 40 degree"):
        verb(angles([40, 40, 40, 40, 40, 40]))
    with pytest.raises(DataError, match="not negative"):
        verb(angles(np.arange(10.0)), weights=[-1.0, *[1.0] * 9])
    with pytest.raises(DataError, match="one number for each"):
        verb(angles(np.arange(10.0)), weights=[1.0])


def test_missing_angles_are_left_out_and_told(angles, two):
    values = two.angle.values.copy()
    values[:7] = np.nan
    with pytest.warns(MIWidgetsWarning, match="7 of 1577"):
        fit = orientation.fit_orientation(angles(values), n_components=2)
    without = orientation.fit_orientation(angles(values[7:]), n_components=2)
    assert fit.mean_axis.values == pytest.approx(without.mean_axis.values)
    assert fit.member.values[:7].tolist() == [-1] * 7
    assert float(fit.n_grains) == 1570


def test_radians_that_call_themselves_degrees_are_told(angles, two):
    with pytest.warns(MIWidgetsWarning, match="look like radians"):
        orientation.fit_orientation(angles(np.radians(two.angle.values)))


def test_options(angles, two):
    cases = [
        (lambda: orientation.fit_orientation(two.angle, n_components=9), "n_components"),
        (lambda: orientation.fit_orientation(two.angle, n_components=True), "n_components"),
        (lambda: orientation.fit_orientation(two.angle, uniform=2), "uniform"),
        (lambda: orientation.select_orientation(two.angle, candidates=["two"]), "unknown candidate"),
        (lambda: orientation.select_orientation(two.angle, candidates=[]), "list such as"),
        (lambda: orientation.select_orientation(two.angle, candidates="2"), "list such as"),
        (lambda: orientation.select_orientation(two.angle, criterion="dic"), "criterion"),
        (lambda: orientation.select_orientation(two.angle, criterion="free_energy"), "sampling=Sampling"),
        (lambda: orientation.select_orientation(two.angle, sampling=True), "orientation.Sampling"),
        (lambda: orientation.free_energy(two.angle, sampling=Sampling(n_sweeps=3)), "n_sweeps"),
        (lambda: orientation.free_energy(two.angle, sampling=Sampling(spread=0.0)), "spread"),
        (lambda: orientation.free_energy(two.angle, sampling=Sampling(engine="cuda")), "engine"),
        (lambda: orientation.free_energy(two.angle, seed=-1), "seed"),
        (lambda: orientation.select_orientation(two.angle, seed="a"), "seed must be"),
        (lambda: orientation.fit_orientation(two.angle, seed=1.5), "seed must be"),
        (lambda: orientation.rose(two.angle, width=7.0), "divide 180"),
        (lambda: orientation.rose(two.angle, width=2.5), "multiple"),
        (lambda: make_orientations(0), "n_grains"),
        (lambda: make_orientations(components=((0.7, 1, 2), (0.7, 2, 3))), "at most"),
        (lambda: make_orientations(components=((0.7, 1, -2),)), "not be negative"),
        (lambda: make_orientations(components="abc"), "numbers"),
        (lambda: make_orientations(aspect_ratio=2.0), "needs strain"),
        (lambda: make_orientations(strain=np.nan), "strain"),
        (lambda: make_orientation_axes(components=((1.0, 2.0, 3.0),)), "4 numbers"),
    ]  # fmt: skip
    for call, words in cases:
        with pytest.raises(ParameterError, match=words):
            call()
    with pytest.raises(LabelError, match="no coordinate of the grains"):
        orientation.fit_orientation(two.angle, by="sample")
    with pytest.raises(DataError, match="too few for the 8 parameters"):
        orientation.fit_orientation(angles(np.arange(10.0) * 17), n_components=3)
    with pytest.raises(LabelError, match="fit_orientation"):
        orientation.evaluate(two)
    with pytest.raises(DataError, match="finite numbers"):
        orientation.evaluate(orientation.fit_orientation(two.angle), [np.nan])


def test_a_poor_group_is_named(angles):
    few = angles(np.arange(20.0) * 8).assign_coords(sample=("grain", ["a"] * 18 + ["b"] * 2))
    with pytest.raises(DataError, match="sample 'b'"):
        orientation.fit_orientation(few, by="sample")


@pytest.mark.parametrize("verb", VERBS)
def test_weights_of_other_grains(verb, angles):
    """Labelled weights belong to the grains they name, not to those at their places."""
    some = angles(np.arange(40.0) * 4).assign_coords(grain=np.arange(40))
    counts = xr.DataArray(np.arange(40.0) % 3 + 1, dims="grain", coords={"grain": np.arange(40)})
    assert float(verb(some, weights=counts).n_grains if verb is not orientation.free_energy else counts.sum()) == 79.0
    with pytest.raises(LabelError, match=r"weights.sel\(grain=angles.grain\)"):
        verb(some, weights=counts[::-1])
    if verb in (orientation.fit_orientation, orientation.select_orientation, orientation.axial_statistics):
        named = some.assign_coords(sample=("grain", ["a", "b"] * 20))
        with pytest.raises(LabelError, match="in another order"):
            verb(named, weights=counts[::-1], by="sample")


def test_sampling_is_no_word(two):
    for verb in (orientation.free_energy, orientation.select_orientation):
        with pytest.raises(ParameterError, match=r"orientation.Sampling"):
            verb(two.angle, sampling="long")
