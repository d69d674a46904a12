"""Pictures of spectra and circuits: the right numbers on the right axes, every element once."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import impedance
from mi_widgets.datasets import make_impedance
from mi_widgets.errors import LabelError
from mi_widgets.plots import impedance as plots
from mi_widgets.widgets._view import View


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_impedance("R-p(R,C)", {"R0": 20.0, "R1": 100.0, "C1": 1e-5}, noise=0.0)


def test_nyquist_has_the_same_scale_on_both_axes(ds: xr.Dataset) -> None:
    picture = plots.plot_nyquist(ds, {"fit": impedance.fit_circuit(ds, "R-p(R,C)")}, title="cost ($$x$$)")
    (x0, x1), (y0, y1) = plots.nyquist_limits(ds)
    assert (x1 - x0) / plots.NYQUIST_FRAME[0] == pytest.approx((y1 - y0) / plots.NYQUIST_FRAME[1])
    assert x0 < 0 < 120 < x1
    assert y0 < 0 < 50 < y1
    points = picture.Scatter.Data
    np.testing.assert_allclose(points.dimension_values(1), -ds.impedance_imag)
    np.testing.assert_allclose(picture.Curve.Fit.dimension_values("re"), ds.impedance_real, rtol=1e-6)
    assert [d.label for d in points.dimensions()] == ["Z′ (Ω)", "−Z″ (Ω)"]
    View(picture)


def test_bode_and_residuals(ds: xr.Dataset) -> None:
    fit = impedance.fit_circuit(ds, "R-p(R,C)")
    columns = plots.bode_columns(ds)
    np.testing.assert_allclose(columns["modulus"]["modulus"], np.hypot(ds.impedance_real, ds.impedance_imag))
    assert -90 < columns["phase"]["phase"].min() < 0
    residuals = plots.residual_columns(fit)
    np.testing.assert_allclose(residuals["real"]["residual"], 100 * fit.residual_real)
    figure = View(plots.plot_bode(ds, {"fit": fit}, residuals=fit)).figure("modulus")
    assert figure.yaxis.axis_label == "|Z| (Ω)"
    assert len(plots.plot_bode(ds)) == 2


def test_complex_arrays_and_area(ds: xr.Dataset) -> None:
    z = (ds.impedance_real + 1j * ds.impedance_imag).assign_attrs(units="ohm*cm**2")
    assert "Ω·cm²" in plots.plot_nyquist(z).Scatter.Data.dimensions()[0].label.replace("*", "·")


@pytest.mark.parametrize("circuit", ["R", "R-p(R,C)", "L-R-p(R,Q)-p(R-p(Wo,C),Q)-Ws-G-W", "R-p(Q,R-p(R,Q))"])
def test_every_element_is_drawn_once_and_all_lines_meet(circuit: str) -> None:
    made = impedance.parse_circuit(circuit)
    columns = plots.circuit_columns(made)
    assert columns["names"]["text"] == list(made.element_names)
    (x0, x1), (y0, y1) = columns["limits"]["x"], columns["limits"]["y"]
    for x, y in zip(columns["lines"]["xs"], columns["lines"]["ys"], strict=True):
        assert (x >= x0 - 1e-9).all()
        assert (x <= x1 + 1e-9).all()
        assert (y >= y0 - 1e-9).all()
        assert (y <= y1 + 1e-9).all()
    places = list(zip(columns["names"]["x"], columns["names"]["y"], strict=True))
    assert len({(round(x, 3), round(y, 3)) for x, y in places}) == len(places)
    View(plots.plot_circuit(circuit))


def test_one_spectrum_at_a_time(ds: xr.Dataset) -> None:
    for draw in (plots.plot_nyquist, plots.plot_bode):
        with pytest.raises(LabelError, match="one spectrum"):
            draw(ds.expand_dims(cycle=2))
        with pytest.raises(LabelError, match="one spectrum"):
            draw(xr.Dataset())
