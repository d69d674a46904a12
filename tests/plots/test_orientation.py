"""Pictures of orientations."""

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from mi_widgets import orientation
from mi_widgets.datasets import make_orientation_axes, make_orientations
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.plots._orientation_rose import angle_of, place, radius, rings, wedges
from mi_widgets.plots.orientation import (
    plot_components,
    plot_evidence,
    plot_exchange,
    plot_grains,
    plot_rose,
    plot_stereonet,
)


@pytest.fixture(scope="module")
def grains() -> xr.Dataset:
    return make_orientations(400, seed=0)


@pytest.fixture(scope="module")
def result(grains: xr.Dataset) -> xr.Dataset:
    few = orientation.Sampling(n_sweeps=60)
    return orientation.select_orientation(grains.angle, candidates=["1", "2+u"], sampling=few)


def area(x, y):
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def test_places_and_back():
    for north, up, right in ((True, 0.0, 90.0), (False, 90.0, 0.0)):
        assert np.allclose(place(up, 1.0, north), (0, 1))
        assert np.allclose(place(right, 1.0, north), (1, 0))
        for angle in (3.0, 100.0, 275.0):
            assert angle_of(*map(float, place(angle, 0.7, north)), north) == pytest.approx(angle)


def test_areas_of_sectors_are_as_the_numbers_and_both_sides_are_drawn():
    low, count = np.arange(0.0, 180.0, 30.0), np.array([1.0, 4.0, 9.0, 0.0, 2.0, 3.0])
    xs, ys = wedges(low, low + 30, radius(count, 9.0, "area"), True, 180.0)
    assert len(xs) == 12
    areas = np.array([area(x, y) for x, y in zip(xs, ys, strict=True)])
    assert areas[:6] / areas[2] == pytest.approx(count / 9)
    assert areas[6:] == pytest.approx(areas[:6])
    assert np.allclose([x.sum() for x in xs[6:]], [-x.sum() for x in xs[:6]])
    assert radius(4.5, 9.0, "length") == 0.5


def test_rings_are_round_numbers():
    assert rings(226.0) == [100.0, 200.0]
    assert rings(4.0) == [1.0, 2.0, 3.0, 4.0]
    assert rings(0.0) == []


def test_rose_draws_expected_numbers(grains: xr.Dataset, result: xr.Dataset) -> None:
    rose = orientation.rose(grains.angle)
    one = orientation.evaluate(result.sel(candidate="2+u"))
    drawn = plot_rose(rose, one, title="<b>")
    assert [e.label for e in drawn] == [
        "frame", "rings", "sectors", "component 1", "component 2", "uniform", "sum", "degrees", "counts",
    ]  # fmt: skip
    assert len(drawn.get(2).data) == 36
    hv.renderer("bokeh").get_plot(drawn)
    hv.renderer("bokeh").get_plot(plot_rose(rose, north=False, scale="length"))
    with pytest.raises(LabelError, match="the Dataset of"):
        plot_rose(result)
    with pytest.raises(LabelError, match="one candidate"):
        plot_rose(rose, orientation.evaluate(result))
    with pytest.raises(ParameterError, match="scale"):
        plot_rose(rose, scale="volume")


def test_evidence_rates_and_draws(grains: xr.Dataset, result: xr.Dataset) -> None:
    drawn = plot_evidence(result)
    lines = {e.label: e for e in drawn if isinstance(e, hv.Curve)}
    assert list(lines) == ["BIC", "AIC", "2 F"]
    assert np.square(lines["BIC"]["above"]) == pytest.approx(result.delta_bic.values)
    assert np.square(lines["2 F"]["above"]) == pytest.approx(2 * result.delta_free_energy.values)
    rates = plot_exchange(result, "2+u")
    assert rates.get(0)["rate"] == pytest.approx(result.exchange_rate.sel(candidate="2+u", run=1).values[:-1])
    points = plot_components(result, "2+u")
    assert len(points) == 2
    for picture in (drawn, rates, points, plot_components(result, "1")):
        hv.renderer("bokeh").get_plot(picture)
    plain = orientation.select_orientation(grains.angle, candidates=["2+u"])
    for function in (plot_exchange, plot_components):
        with pytest.raises(LabelError, match="needs the sampling"):
            function(plain, "2+u")
        with pytest.raises(LabelError, match="no candidate '7'"):
            function(result, "7")
    with pytest.raises(LabelError, match="plot_evidence"):
        plot_evidence(grains)


def test_grains_lie_where_they_are_and_as_they_lie(grains: xr.Dataset, result: xr.Dataset) -> None:
    lines = plot_grains(grains.angle, result.member.sel(candidate="2+u")).get(1).data
    x0, y0, x1, y1 = (np.asarray(lines[n], dtype=float) for n in ("x", "y", "x1", "y1"))
    azimuth = np.degrees(np.arctan2(x1 - x0, y1 - y0)) % 180
    assert np.abs((azimuth - grains.angle.values + 90) % 180 - 90).max() < 1e-6
    assert (x0 + x1) / 2 == pytest.approx(grains.x.values)
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(grains.length.values / 1000)  # um in a plane of mm
    radian = grains.angle.copy(data=np.radians(grains.angle.values)).assign_attrs(units="radian")
    assert np.asarray(plot_grains(radian).get(1).data["x1"], dtype=float) == pytest.approx(x1)
    with pytest.raises(LabelError, match="places"):
        plot_grains(grains.angle.drop_vars("x"))
    with pytest.raises(DataError, match="400 angles"):
        plot_grains(grains.angle, result.member.sel(candidate="1")[:10])


def test_net_is_equal_area_and_of_the_lower_half() -> None:
    rng = np.random.default_rng(0)
    axes = xr.DataArray(rng.standard_normal((20000, 3)), dims=("grain", "axis"))
    table = plot_stereonet(axes).get(2)
    r = np.hypot(table["x"], table["y"])
    assert r.max() <= 1 + 1e-9
    assert (r < np.sqrt(0.5)).mean() == pytest.approx(0.5, abs=0.02)
    one = xr.DataArray([[1.0, 0.0, -1.0], [-1.0, 0.0, 1.0]], dims=("grain", "axis"))
    both = plot_stereonet(one).get(2)
    assert np.allclose(both["x"], both["x"][0])
    assert both["x"][0] > 0  # dips to the east
    data = make_orientation_axes(200)
    found = orientation.select_axes(data.direction, candidates=["1", "2"])
    hv.renderer("bokeh").get_plot(plot_stereonet(data.direction, found.sel(candidate="2")))
    with pytest.raises(LabelError, match="one candidate"):
        plot_stereonet(data.direction, found)
    with pytest.raises(LabelError, match="dims"):
        plot_stereonet(axes[0])
