"""Pictures of gaps."""

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from mi_widgets import sts
from mi_widgets.datasets import make_gap_cube
from mi_widgets.errors import LabelError
from mi_widgets.plots.sts import plot_gap_map, plot_tunnelling, plot_vortex


@pytest.fixture(scope="module")
def cube() -> xr.Dataset:
    return make_gap_cube((14, 16))


@pytest.fixture(scope="module")
def gaps(cube: xr.Dataset) -> xr.Dataset:
    return sts.gap_map(cube.conductance, temperature=1.5)


def _figure(element: hv.Element) -> object:
    return hv.renderer("bokeh").get_plot(element).state


def test_vortex_is_marked(gaps: xr.Dataset) -> None:
    vortex = sts.fit_vortex(gaps)
    overlay = plot_gap_map(gaps, vortex=vortex)
    (cross,) = [e for e in overlay if e.label == "vortex"]
    assert cross.dimension_values(0)[0] == pytest.approx(float(vortex.center_x))
    figure = _figure(overlay)
    assert figure.title.text == "gap Δ (meV)"
    assert [a.axis_label for a in figure.axis[:2]] == ["x (nm)", "y (nm)"]


def test_profile(gaps: xr.Dataset) -> None:
    overlay = plot_vortex(sts.fit_vortex(gaps))
    figure = _figure(overlay)
    assert figure.xaxis[0].axis_label == "distance from the vortex (nm)"
    assert figure.yaxis[0].axis_label == "mean gap (meV)"


def test_spectrum_marks_the_gap_in_its_own_unit(cube: xr.Dataset, gaps: xr.Dataset) -> None:
    pixel = cube.conductance[2, 3]
    lines = [float(e.data) for e in plot_tunnelling(pixel, gaps.isel(y=2, x=3)) if isinstance(e, hv.VLine)]
    np.testing.assert_allclose(lines, [-float(gaps.gap[2, 3]), float(gaps.gap[2, 3])])
    volts = pixel.rename(energy="bias").assign_coords(bias=("bias", cube.energy.values / 1e3, {"units": "V"}))
    lines = [float(e.data) for e in plot_tunnelling(volts, gaps.isel(y=2, x=3)) if isinstance(e, hv.VLine)]
    np.testing.assert_allclose(lines[1], float(gaps.gap[2, 3]) / 1e3)


def test_wrong_input(cube: xr.Dataset, gaps: xr.Dataset) -> None:
    with pytest.raises(LabelError, match="with 'width'"):
        plot_gap_map(gaps, "width")
    with pytest.raises(LabelError, match=r"result of sts\.fit_vortex"):
        plot_vortex(gaps)
    with pytest.raises(LabelError, match="draws one spectrum"):
        plot_tunnelling(cube.conductance)
