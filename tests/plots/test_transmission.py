"""Pictures of transmission: groups that can be read, regions that are shaded, axes with units."""

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from mi_widgets import transmission
from mi_widgets.datasets._transmission import make_molecular_junctions
from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._transmission_frames import heat_limits, heat_rows, log_limits, trust_ends
from mi_widgets.plots.transmission import plot_coefficients, plot_transmission, plot_validation, plot_variable


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_molecular_junctions(n_junctions=45, n_energies=9)


@pytest.fixture(scope="module")
def result(ds: xr.Dataset) -> xr.Dataset:
    return transmission.sparse_regression(ds, ds.true_site)


def figure(element: hv.Element) -> object:
    return hv.renderer("bokeh").get_plot(element).state


def test_every_group_has_room_for_its_name(ds: xr.Dataset) -> None:
    rows = heat_rows(ds["variable"])
    sizes = np.diff(rows.edges)
    assert sizes.min() >= 8
    assert rows.names == list(dict.fromkeys(ds.group.values.tolist()))
    assert sorted(set(rows.variable.tolist())) == list(range(180))
    for position in (0, 50, 179):
        assert rows.at(rows.middle(position)) == position
    assert rows.at(-1.0) is None
    assert rows.at(1e4) is None
    few = heat_rows(ds["variable"][:5])
    assert few.names == [str(v) for v in ds["variable"].values[:5]]


def test_map_shows_each_variable_at_its_row(ds: xr.Dataset, result: xr.Dataset) -> None:
    image = next(e for e in plot_coefficients(result, cluster=1) if e.label == "heat")
    rows = heat_rows(ds["variable"])
    beta = result.coefficient.sel(cluster_label=1).transpose("variable", "energy").values
    drawn = image.dimension_values("beta", flat=False)  # rows from below, as y
    np.testing.assert_allclose(drawn, beta[rows.variable].astype(np.float32))
    fig = figure(plot_coefficients(result, cluster=1))
    assert fig.xaxis[0].axis_label == "energy (eV)"
    assert fig.y_range.start > fig.y_range.end  # the first group is on top


def test_colours_are_symmetric() -> None:
    low, high = heat_limits(np.array([0.0, 0.0, -2.0, 0.5, np.nan]))
    assert low == -high
    assert 1.9 < high <= 2
    assert heat_limits(np.zeros(3)) == (-1.0, 1.0)


def test_stretches_that_cannot_be_trusted() -> None:
    penalty = np.geomspace(1, 0.01, 5)
    (one,) = trust_ends(penalty, np.array([0, 0, 0, 1, 2]))
    assert one[0] == pytest.approx(penalty[3] * 10**0.25)
    assert one[1] < penalty[4]
    assert len(trust_ends(penalty, np.array([1, 0, 1, 0, 1]))) == 3
    assert trust_ends(penalty, np.zeros(5)) == []


def test_logarithmic_axis_ends_at_decades() -> None:
    assert log_limits(np.array([0.003, 0.4, np.nan])) == pytest.approx((1e-3, 1.0))
    assert log_limits(np.array([np.nan])) == (1e-3, 1.0)
    low, high = log_limits(np.array([1e-30, 1.0]))
    assert high / low == pytest.approx(1e12)


def test_spectra_variable_and_errors(ds: xr.Dataset, result: xr.Dataset) -> None:
    overlay = plot_transmission(transmission.cluster_spectra(ds))
    assert figure(overlay).xaxis[0].axis_label == "energy (eV)"
    assert any("×15" in e.label for e in overlay)
    overlay = plot_variable(result, "S1-AuL5")
    assert figure(overlay).yaxis[0].axis_label == "coefficient per standard deviation"
    compared = transmission.compare_validations(ds, ds.true_site, leave_one_out=False, n_folds=3)
    assert figure(plot_validation(compared)).yaxis[0].axis_label == "error of junctions left out"
    dense = result.isel(cluster_label=0, energy=0)
    assert bool((dense.trust != 0).any())
    overlay = plot_validation(result, cluster=0, energy=-3.0)
    assert any(e.label == "untrusted" for e in overlay)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (plot_transmission, LabelError),
        (lambda r: plot_coefficients(xr.Dataset()), LabelError),
        (lambda r: plot_coefficients(r, cluster=7), ParameterError),
        (lambda r: plot_variable(r, "colour"), ParameterError),
        (plot_validation, LabelError),
        (lambda r: plot_validation(r, cluster=9, energy=0.0), ParameterError),
        (lambda r: plot_validation(None), LabelError),
    ],
)
def test_bad_input(call, error: type[Exception], result: xr.Dataset) -> None:
    with pytest.raises(error, match="plot_"):
        call(result)
