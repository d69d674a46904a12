"""HyperSpy signals in and out, by small objects of the same shape: HyperSpy itself is under the GPL and not needed."""

import importlib.machinery
import importlib.util
import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets
from mi_widgets.errors import LabelError, MissingDependencyError, ParameterError
from mi_widgets.io import from_hyperspy, to_hyperspy


class Tree:
    """HyperSpy's DictionaryTreeBrowser, as far as it is used."""

    def __init__(self, tree):
        self.tree = tree

    def as_dictionary(self):
        return self.tree


class Signal1D:
    """HyperSpy's signal, as far as it is used."""

    def __init__(self, data, axes, metadata, original_metadata):
        self.data, self.metadata, self.original_metadata = data, Tree(metadata), Tree(original_metadata)
        self.axes_manager = Tree({f"axis-{i}": axis for i, axis in enumerate(axes)})
        self.lazy = False

    def as_lazy(self):
        self.lazy = True
        return self


@pytest.fixture
def hyperspy(monkeypatch):
    """A package of that name."""
    package, api = ModuleType("hyperspy"), ModuleType("hyperspy.api")
    package.__spec__ = importlib.machinery.ModuleSpec("hyperspy", None)
    package.__path__ = []
    package.api, api.signals = api, SimpleNamespace(Signal1D=Signal1D)
    monkeypatch.setitem(sys.modules, "hyperspy", package)
    monkeypatch.setitem(sys.modules, "hyperspy.api", api)


@pytest.fixture(scope="module")
def spectra():
    return datasets.make_spectral_map(shape=(3, 4), n_channels=10, counts=100, seed=3).spectra


def test_there_and_back(hyperspy, spectra):
    signal = to_hyperspy(spectra)
    axes = list(signal.axes_manager.as_dictionary().values())
    assert [axis["name"] for axis in axes] == ["y", "x", "energy"]
    assert [axis["navigate"] for axis in axes] == [True, True, False]
    back = from_hyperspy(signal)
    assert back.dims == spectra.dims
    np.testing.assert_array_equal(back, spectra)
    for dim in spectra.dims:
        np.testing.assert_allclose(back[dim], spectra[dim], rtol=1e-12)
        assert back[dim].attrs["units"] == spectra[dim].attrs["units"]
    assert back.attrs["units"] == spectra.attrs["units"]
    assert json.loads(back.attrs["history"])["function"] == "mi_widgets.io.from_hyperspy"
    kept = json.loads(back.attrs["original_metadata"])["original_metadata"]["mi_widgets"]
    assert kept["units"] == spectra.attrs["units"]


def test_unequal_steps_descending_axes_other_orders_and_chunks(hyperspy, spectra):
    uneven = spectra.isel(energy=[0, 1, 3, 6, 9])
    np.testing.assert_array_equal(from_hyperspy(to_hyperspy(uneven)).energy, uneven.energy)
    falling = spectra.isel(energy=slice(None, None, -1))
    np.testing.assert_allclose(from_hyperspy(to_hyperspy(falling)).energy, falling.energy)
    turned = from_hyperspy(to_hyperspy(spectra.transpose("energy", "y", "x")))
    np.testing.assert_array_equal(turned, spectra)
    lazy = to_hyperspy(spectra.chunk({"y": 1}))
    assert lazy.lazy
    back = from_hyperspy(lazy)
    assert back.chunks is not None
    np.testing.assert_array_equal(back.compute(), spectra)


def test_spectral_axis_that_is_called_navigation():
    axes = {
        "axis-0": {"name": "Wavelength", "units": "nm", "size": 3, "offset": 500, "scale": 2, "navigate": True},
        "axis-1": {"name": "x", "units": "µm", "size": 2, "offset": 0, "scale": 1, "navigate": False},
    }
    signal = SimpleNamespace(data=np.arange(6).reshape(3, 2), axes_manager=Tree(axes))
    da = from_hyperspy(signal)
    assert da.dims == ("x", "wavelength")
    assert da.wavelength.values.tolist() == [500, 502, 504]
    formula = {"name": "Wavelength", "units": "nm", "size": 3, "expression": "a / x", "navigate": False}
    manager = SimpleNamespace(
        as_dictionary=lambda: {"axis-0": formula}, _axes=[SimpleNamespace(axis=[300.0, 400.0, 600.0])]
    )
    assert from_hyperspy(SimpleNamespace(data=np.ones(3), axes_manager=manager)).wavelength.values[2] == 600


def test_what_cannot_be_converted_is_named(hyperspy, spectra, monkeypatch):
    with pytest.raises(ParameterError, match=r"needs a HyperSpy signal; got DataArray.*read_spectra"):
        from_hyperspy(spectra)
    unnamed = SimpleNamespace(data=np.ones(3), axes_manager=Tree({"axis-0": {"size": 3, "navigate": False}}))
    with pytest.raises(LabelError, match="known spectral axis"):
        from_hyperspy(unnamed)
    assert from_hyperspy(unnamed, dim="energy", units="keV").energy.attrs["units"] == "keV"
    with pytest.raises(LabelError):
        to_hyperspy(xr.DataArray([1.0, 2.0], dims="x"))
    monkeypatch.undo()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "hyperspy" else find(name, *a))
    with pytest.raises(MissingDependencyError, match="pip install hyperspy"):
        to_hyperspy(spectra)
