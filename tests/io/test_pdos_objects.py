"""Densities of states that pymatgen, ASE and GPAW hold."""

import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MissingDependencyError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_netcdf, read_pdos, write_netcdf
from mi_widgets.io._pdos import from_ase, from_gpaw, from_pymatgen

SPEC = importlib.util.spec_from_file_location("pdos_files", Path(__file__).with_name("pdos_files.py"))
files = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(files)

ELEMENTS = ["Mg", "Mg", "O", "O"]


# ---- pymatgen


def _complete_dos(orbitals, n_spins=1, order=slice(None)):
    core = pytest.importorskip("pymatgen.core")
    electronic = pytest.importorskip("pymatgen.electronic_structure.core")
    dos = pytest.importorskip("pymatgen.electronic_structure.dos")
    energy, values = files.curves(4, len(orbitals), n_spins)
    crystal = core.Structure(core.Lattice(files.CELL), ELEMENTS, files.structure(ELEMENTS))
    spins = [electronic.Spin.up, electronic.Spin.down][:n_spins]
    sites = {
        crystal[k]: {o: {s: values[k, j, i] for i, s in enumerate(spins)} for j, o in enumerate(orbitals)}
        for k in list(range(4))[order]
    }
    total = dos.Dos(1.5, energy, {s: values.sum((0, 1))[i] + 0.1 for i, s in enumerate(spins)})
    return dos.CompleteDos(crystal, total, sites), energy, values


@pytest.mark.parametrize("n_spins", [1, 2])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_complete_dos(n_spins, order):
    electronic = pytest.importorskip("pymatgen.electronic_structure.core")
    dos, energy, values = _complete_dos(list(electronic.Orbital), n_spins, order)
    ds = from_pymatgen(dos)
    np.testing.assert_array_equal(ds.pdos.values.reshape(values.shape), values)
    np.testing.assert_array_equal(ds.energy, energy)
    assert ds.orbital.values.tolist()[9:] == [
        "f_y(3x2-y2)",
        "f_xyz",
        "f_yz2",
        "f_z3",
        "f_xz2",
        "f_z(x2-y2)",
        "f_x(x2-3y2)",
    ]
    np.testing.assert_allclose(ds.position.values, files.structure(ELEMENTS) @ files.CELL, atol=1e-12)
    assert float(ds.fermi_energy) == 1.5
    assert ds.element.values.tolist() == ELEMENTS


def test_complete_dos_of_shells_and_with_gaps(tmp_path):
    electronic = pytest.importorskip("pymatgen.electronic_structure.core")
    dos, _, values = _complete_dos([electronic.OrbitalType.s, electronic.OrbitalType.p])
    del dos.pdos[dos.structure[1]]
    with pytest.warns(MIWidgetsWarning, match="site 1 is damaged: no orbitals"):
        ds = from_pymatgen(dos)
    assert ds.status.values.tolist() == [0, 1, 0, 0]
    np.testing.assert_array_equal(ds.pdos.values[[0, 2, 3]], values[[0, 2, 3], :, 0])
    assert ds.orbital.values.tolist() == ["s", "p"]
    xr.testing.assert_identical(read_netcdf(write_netcdf(ds, tmp_path / "a.nc")), ds)
    dos.pdos.clear()
    with pytest.raises(DataError, match="no sites"):
        from_pymatgen(dos)
    with pytest.raises(LabelError, match="CompleteDos"):
        from_pymatgen({"a": 1})


def test_lobster_complete_dos(tmp_path):
    outputs = pytest.importorskip("pymatgen.io.lobster.outputs")
    energy, values = files.curves(4, 3, 2)
    names = [["2s", "3s", "3p_y"]] * 4
    files.lobster(tmp_path / "DOSCAR.lobster", ELEMENTS, np.round(energy, 5), values, names)
    files.poscar(tmp_path, ELEMENTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        doscar = outputs.Doscar(str(tmp_path / "DOSCAR.lobster"), structure_file=str(tmp_path / "POSCAR"))
    ds, ours = from_pymatgen(doscar.completedos), read_pdos(tmp_path)
    np.testing.assert_allclose(ds.pdos, ours.pdos, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ds.orbital, ours.orbital)


# ---- ASE


def test_grid_collection():
    dosdata = pytest.importorskip("ase.spectrum.dosdata")
    collection = pytest.importorskip("ase.spectrum.doscollection")
    atoms = pytest.importorskip("ase").Atoms(
        ELEMENTS, positions=files.structure(ELEMENTS), cell=[4, 4, 9], pbc=[1, 1, 0]
    )
    energy, values = files.curves(4, 3, 2)
    energy = np.linspace(-10, 6, 41)
    series = [
        dosdata.GridDOSData(
            energy, values[k, j, s], {"index": k, "angular_momentum": l, "spin": s, "element": ELEMENTS[k]}
        )
        for k in range(4)
        for j, l in enumerate("spd")
        for s in range(2)
    ]
    ds = from_ase(collection.GridDOSCollection(series), atoms=atoms, fermi_energy=-1.0)
    np.testing.assert_array_equal(ds.pdos, values)
    assert ds.pbc.values.tolist() == [True, True, False]
    assert float(ds.fermi_energy) == -1
    with pytest.raises(DataError, match="differ in number"):
        from_ase(series, atoms=atoms[:2])
    series[3] = dosdata.GridDOSData(energy + 1, values[0, 0, 0], series[3].info)
    with pytest.raises(DataError, match="different grids"):
        from_ase(series)


def test_raw_collection():
    dosdata = pytest.importorskip("ase.spectrum.dosdata")
    info = {"index": 0, "l": 1, "m": -1, "symbol": "O"}
    series = [
        dosdata.RawDOSData([-1.0, 2.0], [1.0, 3.0], info),
        dosdata.RawDOSData([0.0], [1.0], {"atom": 1, "orbital": "2s"}),
        dosdata.RawDOSData([-1.0, 2.0], [2.0, 3.0], {}),
    ]
    ds = from_ase(series, width=0.3)
    assert ds.orbital.values.tolist() == ["s", "p_y"]
    assert float(ds.pdos.sel(atom=0, orbital="p_y").integrate("energy")) == pytest.approx(4, rel=1e-6)
    assert float(ds.dos.integrate("energy")) == pytest.approx(5, rel=1e-6)
    assert ds.element.values.tolist() == ["O", "X"]


@pytest.mark.parametrize(("info", "text"), [
    ({"index": 0}, "angular_momentum"), ({"index": -1, "orbital": "s"}, "number of an atom"),
    ({"index": 0, "orbital": "s", "spin": "left"}, "spin"), ({"index": 10**9, "orbital": "s"}, "1 series"),
    ({}, "no series"),
])  # fmt: skip
def test_collections_that_say_too_little(info, text):
    dosdata = pytest.importorskip("ase.spectrum.dosdata")
    with pytest.raises(LabelError, match=text):
        from_ase([dosdata.RawDOSData([0.0], [1.0], info)])


def test_no_collection():
    with pytest.raises(DataError, match="empty"):
        from_ase([])
    with pytest.raises(LabelError, match="DOSCollection"):
        from_ase([1, 2])
    with pytest.raises(ParameterError, match="width"):
        from_ase([SimpleNamespace(get_energies=None, get_weights=None)], width=0)


# ---- GPAW


class _Dos:
    """Stands in for gpaw.dos.DOSCalculator, with its signature and its Gaussians."""

    setups = (SimpleNamespace(n_j=[2, 2, -1], l_j=[0, 1, 2]), SimpleNamespace(n_j=[1, -1], l_j=[0, 1]))

    @classmethod
    def from_calculator(cls, filename, soc=False, theta=0.0, phi=0.0, shift_fermi_level=True):
        assert not soc
        assert not shift_fermi_level
        return cls()

    def raw_dos(self, energies, spin=None, width=0.1):
        return 3 * np.exp(-((np.asarray(energies) / width) ** 2)) / (np.sqrt(np.pi) * width)

    def raw_pdos(self, energies, a, l, m=None, spin=None, width=0.1):
        weight = 1 + a + 10 * l + 100 * (m or 0) + 1000 * (spin or 0)
        return 1e-5 * weight * self.raw_dos(energies, spin, width)


def _calculator(n_spins=1):
    ase = pytest.importorskip("ase")
    return SimpleNamespace(
        atoms=ase.Atoms("OH", positions=[[0, 0, 0], [0, 0, 1]]),
        get_number_of_spins=lambda: n_spins,
        get_fermi_level=lambda: -2.0,
        get_ibz_k_points=lambda: np.zeros((1, 3)),
        get_eigenvalues=lambda kpt, spin: np.array([0.0]),
    )


@pytest.mark.parametrize("n_spins", [1, 2])
def test_gpaw(monkeypatch, n_spins):
    gpaw = ModuleType("gpaw")
    gpaw.dos = ModuleType("gpaw.dos")
    gpaw.dos.DOSCalculator = _Dos
    monkeypatch.setitem(sys.modules, "gpaw", gpaw)
    monkeypatch.setitem(sys.modules, "gpaw.dos", gpaw.dos)
    ds = from_gpaw(_calculator(n_spins), width=0.2)
    assert ds.orbital.values.tolist() == ["s", "p_y", "p_z", "p_x"]
    assert ds.projected.values.tolist() == [[True] * 4, [True, False, False, False]]
    spin = {"spin": "down"} if n_spins == 2 else {}
    area = ds.pdos.sel(atom=0, orbital="p_x", **spin).integrate("energy")
    assert float(area) == pytest.approx(3e-5 * (211 + 1000 * (n_spins - 1)), rel=1e-4)
    total = ds.dos.sel(**spin)
    assert float((total * ds.energy**2).integrate("energy") / total.integrate("energy")) == pytest.approx(
        0.04, rel=1e-3
    )
    assert float(ds.fermi_energy) == -2
    with pytest.raises(LabelError, match="GPAW calculator"):
        from_gpaw(object())
    with pytest.raises(ParameterError, match="rising energies"):
        from_gpaw(_calculator(), energy=[1, 0])


def test_gpaw_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpaw", None)
    monkeypatch.setitem(sys.modules, "gpaw.dos", None)
    with pytest.raises(MissingDependencyError, match="pip install gpaw"):
        from_gpaw(_calculator())
