"""Every result: where it came from, its units, and that a file gives it back."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms, make_silica
from mi_widgets.io import read_netcdf, write_netcdf

RATE = xr.DataArray(
    [1.0, 3.0, 7.0], dims="temperature", coords={"temperature": ("temperature", [500.0, 600.0, 700.0], {"units": "K"})},
    name="rate", attrs={"units": "1/ps", "source": "made"},
)  # fmt: skip
RESULTS: dict[str, Callable[[xr.Dataset, xr.Dataset], Any]] = {
    "neighbor_list": lambda one, run: structure.neighbor_list(one, 2.0),
    "coordination": lambda one, run: structure.coordination(one, 2.0),
    "coordination_labels": lambda one, run: structure.coordination_labels(one, 2.0),
    "rdf": lambda one, run: structure.rdf(one, 4.0, n_bins=20),
    "adf": lambda one, run: structure.adf(one, 2.0, n_bins=20),
    "king_rings": lambda one, run: structure.king_rings(one, 2.0, nodes="Si", bridges="O", max_size=6),
    "slab_layers": lambda one, run: structure.slab_layers(one),
    "equivalent_sites": lambda one, run: structure.equivalent_sites(one),
    "replicate": lambda one, run: structure.replicate(one, (2, 1, 1)),
    "unwrap": lambda one, run: structure.unwrap(run),
    "msd": lambda one, run: structure.msd(run),
    "diffusion_coefficient": lambda one, run: structure.diffusion_coefficient(run, n_blocks=4),
    "vdos": lambda one, run: structure.vdos(run),
    "fit_arrhenius": lambda one, run: structure.fit_arrhenius(RATE),
}
#: What is a text, a flag or a truth value has no unit.
UNITLESS = {"element", "axis", "cell_vector", "species", "pair", "pbc", "status"}


@pytest.fixture(scope="module")
def given() -> tuple[xr.Dataset, xr.Dataset]:
    made = make_silica(disorder=0.0), make_diffusing_atoms(n_atoms=4, n_frames=200)
    return made[0].assign_attrs(source="made"), made[1].assign_attrs(source="made")


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_says_where_it_came_from(name: str, given: tuple[xr.Dataset, xr.Dataset]) -> None:
    found = RESULTS[name](*given)
    history = json.loads(found.attrs["history"])
    assert history["function"] == f"mi_widgets.structure.{name}"
    assert found.attrs["source"] == "made"
    assert found.attrs["title"]
    arrays = {**found.variables} if isinstance(found, xr.Dataset) else {str(found.name): found, **found.coords}
    bare = {k for k, v in arrays.items() if "units" not in v.attrs and str(k) not in UNITLESS | set(found.dims)}
    bare -= {k for k in bare if str(k).startswith("true_")}
    assert not bare
    assert all("long_name" in v.attrs for k, v in arrays.items() if k != "axis" and str(k) not in found.dims)


@pytest.mark.parametrize("name", RESULTS)
def test_a_file_gives_a_result_back(name: str, given: tuple[xr.Dataset, xr.Dataset], tmp_path) -> None:
    found = RESULTS[name](*given)
    again = read_netcdf(write_netcdf(found, tmp_path / "result.nc"))
    if isinstance(found, xr.DataArray) and isinstance(again, xr.Dataset):
        again = again[found.name]
    xr.testing.assert_identical(found, again)


def test_the_history_of_a_coefficient_has_all_options(given: tuple[xr.Dataset, xr.Dataset]) -> None:
    found = structure.diffusion_coefficient(given[1], n_blocks=4, n_dims=2, remove_drift=True)
    parameters = json.loads(found.attrs["history"])["parameters"]
    assert (parameters["n_dims"], parameters["unwrapped"], parameters["remove_drift"]) == (2, False, True)
    assert np.isfinite(found.diffusion_coefficient).all()
