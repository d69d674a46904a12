"""Pictures: the right element, orientation, units, limits, and text that stays text."""

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from mi_widgets import peaks, plots
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.plots._style import is_signed, nice_unit, palette, plain, text_of
from mi_widgets.plots.maps import map_frame


def render(element: hv.core.ViewableElement | hv.Overlay | hv.Layout) -> hv.plotting.bokeh.element.ElementPlot:
    return hv.renderer("bokeh").get_plot(element)


@pytest.fixture
def image() -> xr.DataArray:
    coords = {"y": ("y", [0.0, 1.0, 2.0], {"units": "um"}), "x": ("x", [10.0, 11.0, 12.0, 13.0], {"units": "um"})}
    attrs = {"units": "eV", "long_name": "position"}
    return xr.DataArray(np.arange(12.0).reshape(3, 4), dims=("y", "x"), coords=coords, attrs=attrs)


@pytest.fixture
def spectrum() -> xr.DataArray:
    axis = np.linspace(280.0, 290.0, 101)
    values = np.random.default_rng(0).poisson(20 + 300 * np.exp(-0.5 * ((axis - 285) / 0.6) ** 2))
    return label_spectra(values, axis)


def test_map_is_an_image_the_right_way_up(image: xr.DataArray) -> None:
    for da in (image, image.isel(y=slice(None, None, -1)), image.isel(x=slice(None, None, -1))):
        element = plots.plot_map(da)
        assert isinstance(element, hv.Image)
        assert element[12.0, 2.0] == float(image.sel(y=2.0, x=12.0))
        assert element.bounds.lbrt() == (9.5, -0.5, 13.5, 2.5)
        source = render(element).handles["source"].data["image"][0]
        np.testing.assert_array_equal(source, image.values)  # first row is the lowest


def test_map_has_units_and_equal_lengths(image: xr.DataArray) -> None:
    fig = render(plots.plot_map(image)).state
    assert (fig.xaxis[0].axis_label, fig.yaxis[0].axis_label) == ("x (µm)", "y (µm)")
    assert fig.title.text == "position (eV)"
    assert fig.frame_width / fig.frame_height == pytest.approx(4 / 3, rel=0.01)


def test_map_frame_is_square_where_lengths_cannot_be_equal(image: xr.DataArray) -> None:
    other = image.copy()
    other["y"] = other["y"].assign_attrs(units="K")
    assert map_frame(other, 300) == (300, 300)
    assert map_frame(image.isel(x=slice(1)).isel(y=[0, 1, 2]), 300) == (100, 300)


def test_uneven_map_is_a_mesh(image: xr.DataArray) -> None:
    element = plots.plot_map(image.assign_coords(x=("x", [0.0, 1.0, 4.0, 9.0])))
    assert isinstance(element, hv.QuadMesh)
    render(element)


def test_line_is_a_profile(image: xr.DataArray) -> None:
    element = plots.plot_map(image.isel(y=0).isel(x=slice(None, None, -1)))
    assert isinstance(element, hv.Curve)
    assert (np.diff(element.dimension_values(0)) > 0).all()
    assert render(element).state.yaxis[0].axis_label == "position (eV)"


def test_value_between_two_gaps_of_a_profile_is_seen(image: xr.DataArray) -> None:
    values = image.isel(y=0).where(image.x != 10.0).where(image.x != 12.0)
    plot = render(plots.plot_map(values))
    dots = [r for r in plot.state.renderers if type(r.glyph).__name__ == "Scatter"]
    assert len(dots) == 1
    drawn = dots[0].data_source.data
    np.testing.assert_array_equal(drawn[dots[0].glyph.x], image.x)
    np.testing.assert_array_equal(drawn[dots[0].glyph.y], values)


@pytest.mark.filterwarnings("error")
def test_map_of_nothing_finite(image: xr.DataArray) -> None:
    render(plots.plot_map(image * np.nan))
    render(plots.plot_map(image.isel(y=0) * np.nan))


def test_map_refuses_what_it_cannot_draw(image: xr.DataArray) -> None:
    with pytest.raises(LabelError, match="Choose a part"):
        plots.plot_map(image.expand_dims("step"))
    with pytest.raises(LabelError, match="one or two dimensions"):
        plots.plot_map(image[0, 0])
    with pytest.raises(DataError, match="real numbers"):
        plots.plot_map(image.astype(str))


def test_colour_limits() -> None:
    da = xr.DataArray(np.r_[np.linspace(0, 100, 101), np.nan, 1e9])
    low, high = plots.color_limits(da, (2, 98))
    assert 1 < low < 3
    assert 97 < high < 101
    signed = plots.color_limits(xr.DataArray(np.linspace(-1, 3, 100)))
    assert signed[0] == -signed[1]
    assert plots.color_limits(xr.DataArray([5.0, 5.0]))[0] < 5 < plots.color_limits(xr.DataArray([5.0, 5.0]))[1]
    assert plots.color_limits(xr.DataArray([np.nan])) == (0.0, 1.0)
    with pytest.raises(ParameterError, match=r"Write \(2, 98\)"):
        plots.color_limits(da, (98, 2))


def test_signed_values_get_a_diverging_map() -> None:
    assert is_signed(np.linspace(-1, 1, 50))
    assert not is_signed(np.linspace(-0.01, 1, 50))
    assert not is_signed(np.array([np.nan]))
    assert len(palette()) == len(palette(signed=True)) == 256
    assert palette()[0] == "#440154"


def test_text_stays_text() -> None:
    assert "$$" not in plain("$$\\alpha$$")
    assert plain("a\nb") == "a b"
    assert nice_unit("1/angstrom") == "Å⁻¹"
    assert nice_unit("count * eV") == "count · eV"
    assert text_of(xr.DataArray(1, attrs={"long_name": "n", "units": "1"})) == "n"


def test_spectrum_and_fit(spectrum: xr.DataArray) -> None:
    fit = peaks.fit_peaks(spectrum, n_peaks=2, lineshape="gaussian", engine="numpy")
    curves = peaks.evaluate(fit, spectrum)
    layout = plots.plot_fit(curves, spectrum)
    assert [e.label for e in layout[0, 0]] == ["peak 1", "peak 2", "background", "counts", "data", "best fit"]
    figures = [render(part).state for part in layout]
    assert figures[0].xaxis[0].axis_label == "energy (eV)"
    assert figures[0].yaxis[0].axis_label == "intensity (count)"
    render(layout)
    render(plots.plot_fit(curves))
    render(plots.plot_fit(None, spectrum, n_slots=4))
    render(plots.plot_spectrum(spectrum, title="one"))


def test_columns_are_those_of_the_elements(spectrum: xr.DataArray) -> None:
    fit = peaks.fit_peaks(spectrum, n_peaks=1, engine="numpy")
    for data in (spectrum, spectrum.isel(energy=slice(None, None, -1))):
        curves = peaks.evaluate(fit, data)
        columns = plots.fit_columns(data, curves, dim="energy", n_slots=2)
        drawn = render(plots.plot_fit(curves, data, n_slots=2))
        parts = {p.current_frame.label: p for p in drawn.traverse(lambda p: p) if "source" in getattr(p, "handles", {})}
        for name, expected in columns.items():
            found = parts[name].handles["source"].data
            assert set(found) == set(expected), name
            for key, values in expected.items():
                np.testing.assert_allclose(found[key], values, rtol=1e-6, err_msg=name)
        assert (np.diff(columns["data"]["axis"]) > 0).all()
        background, peak = columns["background"]["value"], columns["peak 1"]["y"][data.size :][::-1]
        np.testing.assert_allclose(peak, columns["best fit"]["value"], rtol=1e-5)
        assert (peak >= background - 1e-3).all()


def test_fit_refuses_a_map(spectrum: xr.DataArray) -> None:
    with pytest.raises(LabelError, match="one spectrum has one dimension"):
        plots.plot_spectrum(spectrum.expand_dims("y"))
    with pytest.raises(LabelError, match="neither"):
        plots.plot_fit(None)


def test_histogram(image: xr.DataArray) -> None:
    element = plots.plot_histogram(image, bins=4)
    assert element.dimension_values(1).sum() > 8
    assert render(element).state.xaxis[0].axis_label == "position (eV)"
    render(plots.plot_histogram(image * np.nan))


def test_a_map_of_whole_numbers_has_one_colour_for_each() -> None:
    da = xr.DataArray(np.array([[1, 2], [2, 4]]), dims=("y", "x"), name="n_peaks", attrs={"units": "1"})
    figure = hv.render(plots.plot_map(da), backend="bokeh")
    bar = next(r for r in figure.right if type(r).__name__ == "ColorBar")
    assert list(bar.ticker.ticks) == [1, 2, 3, 4]
    assert len(bar.color_mapper.palette) == 4
    assert (bar.color_mapper.low, bar.color_mapper.high) == (0.5, 4.5)


def test_the_wheel_scrolls_the_page() -> None:
    figure = hv.render(plots.plot_map(xr.DataArray(np.eye(3), dims=("y", "x"))), backend="bokeh")
    assert figure.toolbar.active_scroll is None
