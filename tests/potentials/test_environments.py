"""Environments: PCA against scikit-learn, neighbours against the structure topic, blocks against the whole."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.potentials import environments
from mi_widgets.potentials.environments import (
    iter_map_environments,
    map_environments,
    neighbors_of,
    split_snapshots,
)
from mi_widgets.structure import neighbor_list

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))
from environment_models import Shells, Springs, make_snapshots


@pytest.fixture(scope="module")
def snapshots() -> xr.Dataset:
    return make_snapshots(sizes=(12, 9))


@pytest.fixture(scope="module")
def found(snapshots: xr.Dataset) -> xr.Dataset:
    return map_environments(snapshots, Springs(), held_out=[3, 7])


def test_all_that_predict_gives_and_the_references(snapshots: xr.Dataset, found: xr.Dataset) -> None:
    expected = Springs().predict(snapshots)
    for name in expected.data_vars:
        np.testing.assert_allclose(found[name].values, expected[name].values, rtol=1e-12, err_msg=str(name))
    np.testing.assert_array_equal(found.reference_force, snapshots.force)
    assert float(found.force_rmse) == pytest.approx(0.1 * float(np.sqrt((snapshots.force**2).mean())))
    assert float(found.energy_rmse) == pytest.approx(float(np.sqrt(((0.1 / snapshots.n_atoms) ** 2).mean())))
    assert found.frame.values[found.held_out.values == 1].tolist() == [3, 7]


def test_blocks_are_the_whole(snapshots: xr.Dataset, found: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_BLOCK", 25)
    parts = list(iter_map_environments(snapshots, Springs(), held_out=[3, 7]))
    assert [p.done for p in parts] == [2, 4, 6, 8, 10, 12]
    assert np.isnan(parts[2].result.force.values[-1]).all()
    assert np.isfinite(float(parts[0].result.force_rmse))
    xr.testing.assert_allclose(parts[-1].result, found)


def test_principal_components_are_those_of_scikit_learn(found: xr.Dataset) -> None:
    from sklearn.decomposition import PCA

    values = found.feature_value.values.astype(float)
    for rows, score, share in (
        (np.full(len(values), True), found.score, found.explained),
        (found.element.values == "Si", found.species_score, found.species_explained.sel(species="Si")),
    ):
        x = values[rows]
        pca = PCA(2).fit((x - x.mean(axis=0)) / x.std(axis=0))
        theirs = pca.transform((x - x.mean(axis=0)) / x.std(axis=0))
        np.testing.assert_allclose(np.abs(score.values[rows]), np.abs(theirs), atol=1e-6)
        np.testing.assert_allclose(share, pca.explained_variance_ratio_, rtol=1e-6)


def test_distributions_are_those_of_the_element(found: xr.Dataset) -> None:
    x = found.feature_value.values[found.element.values == "O"].astype(float)
    np.testing.assert_allclose(found.feature_quantile.sel(species="O", quantile=0.95), np.quantile(x, 0.95, axis=0))
    np.testing.assert_allclose(found.feature_std.sel(species="O"), x.std(axis=0))
    energy = found.atomic_energy.values[found.element.values == "O"]
    np.testing.assert_allclose(found.atomic_energy_quantile.sel(species="O", quantile=0.5), np.median(energy))


def test_result_survives_a_file(found: xr.Dataset, tmp_path: Path) -> None:
    write_netcdf(found, tmp_path / "map.nc")
    with xr.open_dataset(tmp_path / "map.nc") as again:
        xr.testing.assert_identical(again.load(), found)


def test_without_a_potential_only_the_map(snapshots: xr.Dataset) -> None:
    only = map_environments(snapshots.drop_vars("force"), descriptor=Shells(), n_components=3)
    assert "energy" not in only
    assert only.score.sizes["component"] == 3
    assert np.isnan(only.force_rmse)


@pytest.mark.parametrize("cutoff", [None, 2.9, 9.5])
def test_neighbours_are_those_of_the_list(cutoff: float | None) -> None:
    rng = np.random.default_rng(2)
    cell = np.array([[5.0, 0, 0], [1.5, 4.5, 0], [0.3, -0.8, 6.0]])
    position = rng.normal(size=(9, 3)) @ cell  # far outside the cell too
    atoms = label_structure(position, ["Si", "O", "O"] * 3, cell=cell)
    pairs = neighbor_list(atoms, cutoff)
    for atom in (0, 4):
        mine = neighbors_of(atoms, atom, cutoff)
        theirs = pairs.isel(pair=np.flatnonzero(pairs["first"].values == atom)).sortby("distance")
        np.testing.assert_allclose(mine.distance, theirs.distance, atol=1e-10)
        assert sorted(mine.atom.values) == sorted(theirs["second"].values)
        np.testing.assert_allclose(np.linalg.norm(mine["vector"], axis=1), mine.distance)


def test_neighbours_of_a_molecule_and_along_one_direction() -> None:
    lone = label_structure([[0.0, 0, 0], [0, 0, 1.6]], ["Si", "O"])
    assert neighbors_of(lone, 0, 5.0).atom.values.tolist() == [1]
    chain = label_structure([[0.0, 0, 0]], ["Au"], cell=[[2.5, 0, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(neighbors_of(chain, 0, 5.1).distance, [2.5, 2.5, 5.0, 5.0])


def test_split(snapshots: xr.Dataset) -> None:
    learn, held = split_snapshots(snapshots, 4)
    assert held.frame.values.tolist() == [3, 7, 11]
    assert set(held.frame_of.values) == {3, 7, 11}
    assert learn.sizes["environment"] + held.sizes["environment"] == snapshots.sizes["environment"]


def test_bad_input(snapshots: xr.Dataset) -> None:
    cases: list[tuple[type[Exception], str, Any]] = [
        (LabelError, "read_snapshots", lambda: map_environments(snapshots.drop_vars("frame_of"), Springs())),
        (LabelError, "list", lambda: map_environments([1], Springs())),  # type: ignore[arg-type]
        (DataError, "no frame", lambda: map_environments(snapshots.isel(frame=[], environment=[]), Springs())),
        (DataError, "frame after frame", lambda: map_environments(
            snapshots.isel(environment=slice(None, None, -1)), Springs())),
        (ParameterError, "descriptor", lambda: map_environments(snapshots, object())),
        (ParameterError, "n_components", lambda: map_environments(snapshots, Springs(), n_components=0)),
        (ParameterError, "rise", lambda: map_environments(snapshots, Springs(), quantiles=(0.9, 0.1))),
        (LabelError, "no frame 99", lambda: map_environments(snapshots, Springs(), held_out=[99])),
        (ParameterError, "at least 2", lambda: split_snapshots(snapshots, 1)),
        (DataError, "smaller number", lambda: split_snapshots(snapshots, 50)),
        (LabelError, "one_structure", lambda: neighbors_of(snapshots, 0)),
        (ParameterError, "above zero", lambda: neighbors_of(label_structure([[0.0, 0, 0]], ["O"]), 0, -1.0)),
        (LabelError, "no atom 5", lambda: neighbors_of(label_structure([[0.0, 0, 0]], ["O"]), 5)),
    ]  # fmt: skip
    for error, text, call in cases:
        with pytest.raises(error, match=text):
            call()
