"""Pictures of potentials: what they are made of, counts of a raster, groups of features."""

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots import _potentials_frames as frames
from mi_widgets.plots.potentials import plot_descriptor, plot_environments, plot_predictions, plot_training
from mi_widgets.potentials import map_environments

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))
from environment_models import Springs, make_snapshots


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    return map_environments(make_snapshots(), Springs(), held_out=[3, 7])


def part(picture: object, label: str) -> xr.Dataset:
    return next(e for e in picture if e.label == label)  # type: ignore[attr-defined, no-any-return]


def test_parity_has_the_errors(result: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    energies = plot_predictions(result)
    assert part(energies, "held out").dimension_values("x").tolist() == (
        (result.reference_energy.values[[3, 7]] / 12).tolist()
    )
    bars = part(energies, "bars")
    np.testing.assert_allclose(bars.dimension_values("y1") - bars.dimension_values("y"), 2 * 0.12 / 12)
    data = frames.parity_data(result, "energy")
    assert data.title == "RMSE held out 8.33, learnt 8.33 meV/atom"
    assert frames.parity_data(result.drop_vars("held_out"), "energy").title == "Energies: RMSE 8.33 meV/atom"
    np.testing.assert_allclose(data.y(True), 100 / 12)
    assert len(part(plot_predictions(result, "force", errors=True), "points").data) == 3 * 120
    monkeypatch.setattr("mi_widgets.plots.potentials._MOST_POINTS", 100)
    density = part(plot_predictions(result, "force"), "density")
    cells = density.dimension_values("count")
    assert (10.0 ** cells[np.isfinite(cells)].astype(float)).sum() == pytest.approx(3 * 144, rel=1e-4)


@pytest.mark.parametrize("color_by", list(frames.MAP_COLORS))
@pytest.mark.parametrize("of", [None, "Si"])
def test_map(result: xr.Dataset, color_by: str, of: str | None) -> None:
    picture = plot_environments(result, color_by, of=of)
    outside = (result.outside.values != 0) & ((result.element.values == of) | (of is None))
    assert len(part(picture, "outside").data) == outside.sum()
    values = part(picture, "map").dimension_values(2)
    assert np.isfinite(values).any()


def test_descriptor_and_training(result: xr.Dataset) -> None:
    picture = plot_descriptor(result, 4, 5)
    at = 4 * 12 + 5
    std = result.feature_std.sel(species="O")
    z = (result.feature_value[at] - result.feature_mean.sel(species="O")) / std
    np.testing.assert_allclose(part(picture, "bars").dimension_values("y1"), z, rtol=1e-5)
    training = xr.Dataset({"force_rmse": ("epoch", [0.4, 0.2]), "seconds": ("epoch", [1.0, 2.0])}, {"epoch": [1, 2]})
    assert [e.label for e in plot_training(training)] == ["frame", "force_rmse"]


def test_raster_counts_and_means() -> None:
    x, y = np.array([0.1, 0.1, 0.9, 2.0, np.nan]), np.array([0.1, 0.2, 0.9, 0.5, 0.5])
    limits = ((0.0, 1.0), (0.0, 1.0))
    cells = frames.raster(x, y, *limits, (2, 2))
    np.testing.assert_allclose(cells, [[np.log10(2), np.nan], [np.nan, 0.0]])
    values = np.array([1.0, 3.0, 5.0, 7.0, 9.0])
    np.testing.assert_allclose(frames.raster(x, y, *limits, (2, 2), values)[0, 0], 2.0)
    np.testing.assert_allclose(frames.raster(x, y, *limits, (2, 2), values, largest=True)[0, 0], 3.0)


def test_groups_of_features_by_their_first_words() -> None:
    names = ["G2 Si eta=4", "G2 Si eta=1", "G2 O eta=4", "G4 Si-O zeta=1"]
    assert frames.feature_groups(names) == ([0, 2, 3, 4], ["G2 Si", "G2 O", "G4 Si-O"])
    assert frames.feature_groups([f"soap {k}" for k in range(99)])[1] == ["features"]
    assert [frames.step_limit(np.array([v])) for v in (1.0, -5.0, 9.0)] == [4.0, 8.0, 16.0]


def test_bad_input(result: xr.Dataset) -> None:
    with pytest.raises(LabelError, match="map_environments"):
        plot_predictions(result.drop_vars("n_atoms"))
    with pytest.raises(ParameterError, match="quantity"):
        plot_predictions(result, "stress")
    with pytest.raises(ParameterError, match="color_by"):
        plot_environments(result, "charge")
    with pytest.raises(ParameterError, match="no element"):
        plot_environments(result, of="Cu")
    with pytest.raises(LabelError, match="no atom 44"):
        plot_descriptor(result, 4, 44)
    with pytest.raises(LabelError, match="epoch"):
        plot_training(xr.Dataset())
