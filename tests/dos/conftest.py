"""Densities of states that the tests make themselves."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import make_pdos
from mi_widgets.labels import label_structure

ORBITALS = ["s", "p_y", "p_z", "p_x"]


@pytest.fixture
def slab() -> xr.Dataset:
    """A model of MgO(001) with a vacancy, CO and a step, all sites of a kind a little different."""
    return make_pdos(108, n_layers=3, orbitals="lm", n_energies=181, jitter=0.02, seed=4)


@pytest.fixture
def random_pdos():
    """Maker of smooth random densities of states on any energies."""

    def make(n_atoms: int = 12, energy=None, seed: int = 0, spin: bool = False) -> xr.Dataset:
        rng = np.random.default_rng(seed)
        energy = np.linspace(-10, 5, 151) if energy is None else np.asarray(energy, dtype=float)
        shape = (n_atoms, len(ORBITALS), *((2,) if spin else ()), 3)
        at, high = rng.uniform(-8, 3, shape), rng.uniform(0.1, 1, shape)
        values = (high[..., None] * np.exp(-0.5 * ((energy - at[..., None]) / 0.4) ** 2)).sum(axis=-2)
        ds = label_structure(rng.uniform(0, 9, (n_atoms, 3)), rng.choice(["Mg", "O"], n_atoms), cell=9 * np.eye(3))
        dims = ("atom", "orbital", *(("spin",) if spin else ()), "energy")
        ds["pdos"] = (dims, values, {"units": "1/eV", "long_name": "density of states"})
        ds["dos"] = (dims[2:], values.sum(axis=(0, 1)), {"units": "1/eV", "long_name": "density of states"})
        ds["fermi_energy"] = ((), 1.0, {"units": "eV", "long_name": "Fermi energy"})
        ds = ds.assign_coords(orbital=ORBITALS, energy=("energy", energy, {"units": "eV", "long_name": "energy"}))
        ds.attrs = {"title": "random", "source": "test"}
        return ds.assign_coords(spin=["up", "down"]) if spin else ds

    return make
