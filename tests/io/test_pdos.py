"""Projected densities of states: what is read is what was written, and what pymatgen reads."""

import gzip
import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_netcdf, read_pdos, write_netcdf
from mi_widgets.io._pdos._fixed import parse_fixed
from mi_widgets.io._pdos._names import orbital_name, orbital_order, symbol_of
from mi_widgets.io._pdos._tables import number, parse_table
from mi_widgets.labels import label_structure

SPEC = importlib.util.spec_from_file_location("pdos_files", Path(__file__).with_name("pdos_files.py"))
files = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(files)

DATA = Path(__file__).with_name("data")
ELEMENTS = ["Mg", "Mg", "O", "O"]
LM = ["s", "p_y", "p_z", "p_x", "d_xy", "d_yz", "d_z2", "d_xz", "d_x2-y2"]
F = ["f_y(3x2-y2)", "f_xyz", "f_yz2", "f_z3", "f_xz2", "f_z(x2-y2)", "f_x(x2-3y2)"]


def same(ds, values, energy):
    """Whether a Dataset holds exactly (atom, orbital, spin, energy)."""
    found = ds.pdos.values if "spin" in ds.pdos.dims else ds.pdos.values[:, :, None]
    np.testing.assert_array_equal(ds.energy.values, energy)
    np.testing.assert_array_equal(found, values)
    return True


def check_schema(ds, structure=True):
    """What every result must have."""
    spin = ("spin",) if "spin" in ds.dims else ()
    assert ds.pdos.dims == ("atom", "orbital", *spin, "energy")
    assert ds.pdos.attrs["units"] == "1/eV"
    assert ds.energy.attrs["units"] == ds.fermi_energy.attrs["units"] == "eV"
    assert ds.status.dtype == np.int8
    assert ds.status.attrs["flag_meanings"] == "ok no_projection damaged"
    assert ds.projected.dtype == bool
    assert {"title", "source", "history", "reference"} <= set(ds.attrs)
    if structure:
        made = label_structure(ds.position, ds.element, cell=ds.cell, pbc=ds.pbc)
        xr.testing.assert_identical(made, _structure(ds))


def _structure(ds):
    return ds[["position", "cell", "pbc"]].drop_vars("site_label", errors="ignore").drop_attrs(deep=False)


# ---- VASP


@pytest.mark.parametrize("n_spins", [1, 2])
@pytest.mark.parametrize(("fields", "names"), [(("s", "p", "d"), ["s", "p", "d"]), (files.LM, LM),
                                               ((*files.LM, *files.F), LM + F)])  # fmt: skip
def test_vasprun(tmp_path, n_spins, fields, names):
    energy, values = files.curves(4, len(fields), n_spins)
    total = files.vasprun(tmp_path / "vasprun.xml", ELEMENTS, energy, values, fields=fields, steps=2)
    ds = read_pdos(tmp_path / "vasprun.xml")
    check_schema(ds)
    assert same(ds, values, energy)
    np.testing.assert_array_equal(ds.dos.values.reshape(total.shape), total)
    assert ds.orbital.values.tolist() == names
    assert ds.element.values.tolist() == ELEMENTS
    np.testing.assert_allclose(ds.position.values, files.structure(ELEMENTS) @ files.CELL, atol=1e-12)
    assert float(ds.fermi_energy) == 1.25
    assert ds.attrs["title"] == "a slab"
    assert ds.attrs["source"] == "VASP 6.4.2, vasprun.xml"
    whole = np.trapezoid(values.sum((0, 1, 2)), energy) / np.trapezoid(total.sum(0), energy)
    assert float(ds.projected_share) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("fields", [("s", "p", "d"), files.LM])
@pytest.mark.parametrize("n_spins", [1, 2])
def test_vasprun_as_pymatgen_reads_it(tmp_path, n_spins, fields):
    outputs = pytest.importorskip("pymatgen.io.vasp.outputs")
    energy, values = files.curves(6, len(fields), n_spins, n_energies=301)
    files.vasprun(tmp_path / "vasprun.xml", [*ELEMENTS, "Ti", "Ti"], energy, values, fields=fields)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = outputs.Vasprun(tmp_path / "vasprun.xml", parse_potcar_file=False).complete_dos
    from mi_widgets.io._pdos import from_pymatgen

    ours, taken = read_pdos(tmp_path / "vasprun.xml"), from_pymatgen(theirs)
    for name in ("pdos", "dos", "energy", "position", "cell", "fermi_energy"):
        np.testing.assert_allclose(ours[name].values, taken[name].values, rtol=0, atol=1e-9)
    assert ours.orbital.values.tolist() == taken.orbital.values.tolist()


def test_vasprun_packed_and_in_its_folder(tmp_path):
    energy, values = files.curves(4, 9)
    files.vasprun(tmp_path / "vasprun.xml", ELEMENTS, energy, values)
    packed = tmp_path / "vasprun.xml.gz"
    packed.write_bytes(gzip.compress((tmp_path / "vasprun.xml").read_bytes()))
    assert same(read_pdos(packed), values, energy)
    assert same(read_pdos(tmp_path), values, energy)


def test_non_collinear_vasprun_is_the_sum(tmp_path):
    energy, values = files.curves(4, 9)
    files.vasprun(tmp_path / "vasprun.xml", ELEMENTS, energy, values, noncollinear=True)
    ds = read_pdos(tmp_path / "vasprun.xml")
    assert "spin" not in ds.dims
    assert same(ds, values, energy)


def test_vasprun_of_another_format_of_numbers(tmp_path):
    """Numbers in columns that move, and with exponents."""
    energy, values = files.curves(4, 9)
    path = tmp_path / "vasprun.xml"
    files.vasprun(path, ELEMENTS, energy, values)
    text = path.read_text().replace("     0.1", " 1.E-01", 1).replace("<r>  -10.0000 ", "<r>  -1.0E+01 ")
    path.write_text(text)
    np.testing.assert_allclose(read_pdos(path).energy.values, energy)


@pytest.mark.parametrize("n_spins", [1, 2])
@pytest.mark.parametrize(("n", "names"), [(3, ["s", "p", "d"]), (4, ["s", "p", "d", "f"]), (9, LM), (16, LM + F)])
def test_doscar(tmp_path, n, names, n_spins):
    energy, values = files.curves(4, n, n_spins)
    total = files.doscar(tmp_path / "DOSCAR", energy, values)
    position = files.poscar(tmp_path, ELEMENTS)
    (tmp_path / "INCAR").write_text("LSORBIT = .FALSE. ! no")
    ds = read_pdos(tmp_path / "DOSCAR")
    check_schema(ds)
    assert same(ds, values, energy)
    np.testing.assert_array_equal(ds.dos.values.reshape(total.shape), total)
    np.testing.assert_allclose(ds.position.values, position, atol=1e-12)
    assert ds.orbital.values.tolist() == names
    assert ds.element.values.tolist() == ELEMENTS


@pytest.mark.parametrize("n", [3, 4, 9, 16])
def test_non_collinear_doscar_is_the_sum(tmp_path, n):
    energy, values = files.curves(4, n)
    files.doscar(tmp_path / "DOSCAR", energy, values, noncollinear=True)
    (tmp_path / "INCAR").write_text("LSORBIT = .TRUE.")
    assert same(read_pdos(tmp_path / "DOSCAR"), values, energy)


@pytest.mark.parametrize("noncollinear", [True, False])
def test_sixteen_columns_are_told_by_their_numbers(tmp_path, noncollinear):
    energy, values = files.curves(4, 4 if noncollinear else 16)
    files.doscar(tmp_path / "DOSCAR", energy, values, noncollinear=noncollinear)
    with pytest.warns(MIWidgetsWarning, match="16 numbers"):
        assert same(read_pdos(tmp_path / "DOSCAR"), values, energy)


def test_doscar_takes_atoms_of_vasprun(tmp_path):
    energy, values = files.curves(4, 9)
    files.vasprun(tmp_path / "vasprun.xml", ELEMENTS, energy, values)
    files.doscar(tmp_path / "DOSCAR", energy, values)
    assert read_pdos(tmp_path / "DOSCAR").element.values.tolist() == ELEMENTS
    assert read_pdos(tmp_path).attrs["source"].startswith("VASP 6.4.2")  # of one run, the fullest file


def test_doscar_without_atoms(tmp_path):
    energy, values = files.curves(4, 9)
    files.doscar(tmp_path / "DOSCAR", energy, values)
    ds = read_pdos(tmp_path / "DOSCAR")
    check_schema(ds, structure=False)
    assert "position" not in ds
    assert ds.element.values.tolist() == ["X"] * 4
    atoms = label_structure(np.eye(4)[:, :3], ELEMENTS)
    with_atoms = read_pdos(tmp_path / "DOSCAR", structure=atoms)
    check_schema(with_atoms)
    xr.testing.assert_identical(_structure(with_atoms), atoms)
    with pytest.raises(ParameterError, match="3 atoms"):
        read_pdos(tmp_path / "DOSCAR", structure=atoms.isel(atom=slice(3)))
    with pytest.raises(LabelError, match="read_structure"):
        read_pdos(tmp_path / "DOSCAR", structure=[1])


@pytest.mark.parametrize("n_spins", [1, 2])
@pytest.mark.parametrize("noncollinear", [False, True])
def test_procar_fills_a_doscar_without_sites(tmp_path, n_spins, noncollinear):
    if noncollinear and n_spins == 2:
        return
    rng = np.random.default_rng(0)
    levels, weights = np.round(rng.uniform(-7, 3, (n_spins, 3, 5)), 6), np.array([0.25, 0.5, 0.25])
    shares = np.round(rng.random((n_spins, 3, 5, 4, 9)), 3)
    energy, values = files.curves(4, 9, n_spins, n_energies=801)
    energy = np.round(energy, 3)
    total = np.full((n_spins, 801), 50.0)
    files.doscar(tmp_path / "DOSCAR", energy, values, sites=False, total=total)
    files.procar(tmp_path / "PROCAR", levels, weights, shares, noncollinear=noncollinear)
    files.poscar(tmp_path, ELEMENTS)
    ds = read_pdos(tmp_path / "DOSCAR", width=0.3)
    each = 2 if n_spins == 1 and not noncollinear else 1
    peaks = np.exp(-0.5 * ((energy - levels[..., None]) / 0.3) ** 2) / (0.3 * np.sqrt(2 * np.pi))
    expected = each * np.einsum("k,skbio,skbe->iose", weights, shares, peaks)
    np.testing.assert_allclose(ds.pdos.values.reshape(expected.shape), expected, atol=1e-12)
    assert "0.3 eV" in ds.attrs["comment"]


@pytest.mark.parametrize("n_spins", [1, 2])
@pytest.mark.parametrize("noncollinear", [False, True])
def test_vaspout(tmp_path, n_spins, noncollinear):
    if noncollinear and n_spins == 2:
        return
    energy, values = files.curves(4, 9, n_spins)
    total = files.vaspout(tmp_path / "vaspout.h5", ELEMENTS, energy, values, noncollinear=noncollinear)
    ds = read_pdos(tmp_path / "vaspout.h5")
    check_schema(ds)
    assert same(ds, values, energy)
    np.testing.assert_array_equal(ds.dos.values.reshape(total.shape), total)
    np.testing.assert_allclose(ds.position.values, files.structure(ELEMENTS) @ files.CELL, atol=1e-12)
    assert ds.orbital.values.tolist() == LM


def test_vaspout_as_pymatgen_reads_it(tmp_path):
    """Its tables go in as they are."""
    outputs = pytest.importorskip("pymatgen.io.vasp.outputs")
    import h5py

    energy, values = files.curves(4, 9, 2)
    files.vaspout(tmp_path / "vaspout.h5", ELEMENTS, energy, values)
    with h5py.File(tmp_path / "vaspout.h5") as h5:
        dos = {k: v[()].tolist() for k, v in h5["results/electron_dos"].items()}
        names = [v.decode() for v in h5["results/projectors/lchar"][()]]
    kind = getattr(outputs.Vaspout, "__wrapped__", outputs.Vaspout)  # behind a check of h5py
    theirs = kind.__new__(kind)
    theirs._parse_dos(dos, names)
    ours = read_pdos(tmp_path / "vaspout.h5")
    for k, site in enumerate(theirs.pdos):
        for j, densities in enumerate(site.values()):
            for spin, curve in densities.items():
                mine = ours.pdos[k, j, 0 if spin.value == 1 else 1].values
                np.testing.assert_allclose(mine, curve, rtol=0, atol=1e-9)


# ---- LOBSTER


@pytest.mark.parametrize("n_spins", [1, 2])
def test_lobster(tmp_path, n_spins):
    names = [["3s", "3p_y", "3p_z", "3p_x"]] * 2 + [["2s", "2p_y", "2p_z", "2p_x"]] * 2
    energy, values = files.curves(4, 4, n_spins)
    energy = np.round(energy, 5)
    files.lobster(tmp_path / "DOSCAR.lobster", ELEMENTS, energy, values, names)
    files.poscar(tmp_path, ELEMENTS)
    ds = read_pdos(tmp_path / "DOSCAR.lobster")
    check_schema(ds)
    assert same(ds, values, energy)
    assert ds.attrs["reference"] == "fermi"
    assert float(ds.fermi_energy) == 0
    assert float(ds.projected_share) == pytest.approx(1)


@pytest.mark.parametrize("n_spins", [1, 2])
def test_lobster_as_pymatgen_reads_it(tmp_path, n_spins):
    outputs = pytest.importorskip("pymatgen.io.lobster.outputs")
    names = [["2s", "3s", "3p_y", "3p_z", "3p_x"]] * 2 + [["2s", "2p_y", "2p_z", "2p_x", "3d_x^2-y^2"]] * 2
    energy, values = files.curves(4, 5, n_spins)
    files.lobster(tmp_path / "DOSCAR.lobster", ELEMENTS, np.round(energy, 5), values, names)
    files.poscar(tmp_path, ELEMENTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = outputs.Doscar(str(tmp_path / "DOSCAR.lobster"), structure_file=str(tmp_path / "POSCAR"))
    ours = read_pdos(tmp_path / "DOSCAR.lobster")
    for k, site in enumerate(theirs.pdos):
        sums = {}
        for name, densities in site.items():
            curve = np.array([densities[s] for s in sorted(densities, key=lambda s: -s.value)])
            sums[orbital_name(name)] = sums.get(orbital_name(name), 0) + curve
        for name, curve in sums.items():
            mine = ours.pdos.sel(atom=k, orbital=name).values.reshape(curve.shape)
            np.testing.assert_allclose(mine, curve, rtol=0, atol=1e-9)
    assert not ours.projected.sel(atom=0, orbital="d_x2-y2")
    assert (ours.pdos.sel(atom=0, orbital="d_x2-y2") == 0).all()  # not in the basis: nothing there


def test_fragments_of_lobster_are_refused(tmp_path):
    path = tmp_path / "DOSCAR.LCFO.lobster"
    energy, values = files.curves(4, 4)
    files.lobster(path, ELEMENTS, energy, values, [["1a"] * 4] * 4)
    path.write_text(path.read_text().replace("Z= 12", "AlN_1"))
    with pytest.raises(FileFormatError, match="names no atom"):
        read_pdos(path)


def test_a_folder_of_two_codes(tmp_path):
    energy, values = files.curves(4, 9)
    files.vasprun(tmp_path / "vasprun.xml", ELEMENTS, energy, values)
    files.lobster(tmp_path / "DOSCAR.lobster", ELEMENTS, energy, values[:, :1], [["1s"]] * 4)
    with pytest.raises(ParameterError, match="format='vasprun'"):
        read_pdos(tmp_path)
    assert read_pdos(tmp_path, "lobster").sizes["orbital"] == 1


# ---- Quantum ESPRESSO


def test_projwfc(tmp_path):
    shells = {"Mg": ["s", "p"], "O": ["s", "p"]}
    energy = np.round(np.linspace(-5, 5, 41), 3)
    rng = np.random.default_rng(0)
    curves = {(k, l): np.round(rng.random((len(files.QE_ORDER[l]), 1, 41)) + 0.01, 3) for k in range(4) for l in "sp"}
    total = files.projwfc(tmp_path, ELEMENTS, shells, energy, curves, digits=8)
    ds = read_pdos(tmp_path / "slab")  # the prefix
    check_schema(ds, structure=False)
    for (k, letter), values in curves.items():
        for name, curve in zip(files.QE_ORDER[letter], values, strict=True):
            np.testing.assert_allclose(ds.pdos.sel(atom=k, orbital=name), curve[0], rtol=1e-6)
    np.testing.assert_allclose(ds.dos.values, total[0], rtol=1e-6)
    assert float(ds.sum_error) < 1e-6
    assert ds.element.values.tolist() == ELEMENTS
    for path in (tmp_path, tmp_path / "slab.pdos_atm#3(O)_wfc#2(p)", tmp_path / "slab.pdos_tot"):
        np.testing.assert_array_equal(read_pdos(path).pdos, ds.pdos)


@pytest.mark.parametrize("name", ["ni", "si"])
def test_sum_over_k_points_is_what_projwfc_sums(name):
    summed, by_k = read_pdos(DATA / f"qe_{name}"), read_pdos(DATA / f"qe_{name}_by_k")
    check_schema(by_k)
    assert summed.orbital.values.tolist() == by_k.orbital.values.tolist()
    for variable in ("pdos", "dos"):
        one, other = summed[variable].values, by_k[variable].values
        assert np.abs(one - other).max() < 5e-3 * one.max()  # three digits of each k point
    np.testing.assert_allclose(summed.position, by_k.position, atol=1e-6)
    assert float(summed.fermi_energy) == pytest.approx(float(by_k.fermi_energy), abs=1e-3)


def test_spin_of_real_nickel():
    ds = read_pdos(DATA / "qe_ni")
    check_schema(ds)
    assert ds.orbital.values.tolist() == ["s", *LM[4:]]
    assert ds.spin.values.tolist() == ["up", "down"]
    below = ds.energy < float(ds.fermi_energy)
    moment = (
        (ds.pdos.sel(spin="up") - ds.pdos.sel(spin="down")).where(below, 0).sum(["atom", "orbital"]).integrate("energy")
    )
    assert 0.2 < float(moment) < 1.5  # 0.6 Bohr magnetons, on a coarse grid
    assert float(ds.spilling) == 0.0082
    assert float(ds.sum_error) < 5e-3
    t2g, eg = ds.pdos.sel(orbital=["d_xy", "d_yz", "d_xz"]), ds.pdos.sel(orbital=["d_z2", "d_x2-y2"])
    for group in (t2g, eg):  # a cubic site
        assert np.abs(group - group.mean("orbital")).max() < 5e-3 * ds.pdos.max()


def test_spin_orbit_of_real_platinum():
    ds = read_pdos(DATA / "qe_pt" / "pt.pdos_atm#1(Pt)_wfc#2(d_j2.5)")
    check_schema(ds)
    assert ds.orbital.values.tolist() == ["s_1/2", "d_3/2", "d_5/2"]
    assert float(ds.sum_error) < 5e-3
    centre = (ds.pdos * ds.energy).sum("energy") / ds.pdos.sum("energy")
    assert float(centre.sel(orbital="d_3/2")[0]) < float(centre.sel(orbital="d_5/2")[0])


def test_weights_of_k_points_are_needed(tmp_path):
    for path in (DATA / "qe_si_by_k").glob("si.pdos*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DataError, match="4 k points, whose weights"):
        read_pdos(tmp_path)


def test_two_prefixes(tmp_path):
    for prefix in ("a", "b"):
        energy = np.round(np.linspace(-1, 1, 5), 3)
        files.projwfc(tmp_path, ["H"], {"H": ["s"]}, energy, {(0, "s"): np.ones((1, 1, 5))}, prefix=prefix)
    with pytest.raises(ParameterError, match="2 runs: a, b"):
        read_pdos(tmp_path)
    assert read_pdos(tmp_path / "b").sizes["atom"] == 1


# ---- CP2K


def _states(n_spins, n_sites=2):
    rng = np.random.default_rng(0)
    levels = np.round(np.sort(rng.uniform(-0.9, 0.3, (n_spins, 24)), axis=1), 6)
    shares = rng.random((n_spins, n_sites, 24, 4))
    return levels, np.round(shares / shares.sum(axis=(1, 3), keepdims=True), 8)


@pytest.mark.parametrize("spins", [("",), ("ALPHA", "BETA")])
def test_cp2k_kinds(tmp_path, spins):
    levels, shares = _states(len(spins))
    files.cp2k(tmp_path, ["Mg", "O"], levels, shares, ["s", "py", "pz", "px"], spins=spins)
    ds = read_pdos(next(tmp_path.glob("*k2*")), width=0.3)
    check_schema(ds, structure=False)
    hartree = 27.211386245981
    peaks = np.exp(-0.5 * ((ds.energy.values - hartree * levels[..., None]) / 0.3) ** 2) / (0.3 * np.sqrt(2 * np.pi))
    each = 2 if len(spins) == 1 else 1
    expected = each * np.einsum("skmo,sme->kose", shares, peaks)
    np.testing.assert_allclose(ds.pdos.values.reshape(expected.shape), expected, atol=1e-12)
    assert float(ds.fermi_energy) == pytest.approx(0.1 * hartree)
    assert float(ds.sum_error) < 1e-6
    assert "sum over all atoms of a kind" in ds.attrs["comment"]
    assert ds.element.values.tolist() == ["Mg", "O"]


def test_cp2k_kinds_on_atoms(tmp_path):
    levels, shares = _states(1)
    files.cp2k(tmp_path, ["Mg", "O"], levels, shares, ["s", "py", "pz", "px"])
    kinds = read_pdos(tmp_path)
    atoms = label_structure(np.eye(4)[:, :3], ELEMENTS)
    ds = read_pdos(tmp_path, structure=atoms)
    check_schema(ds)
    np.testing.assert_allclose(ds.pdos[0], kinds.pdos[0] / 2)
    np.testing.assert_allclose(ds.pdos.sum("atom"), kinds.pdos.sum("atom"))
    assert "mean over all atoms of its kind" in ds.attrs["comment"]
    with pytest.raises(ParameterError, match="same elements"):
        read_pdos(tmp_path, structure=label_structure(np.eye(4)[:, :3], ["Ti"] * 4))


def test_cp2k_lists(tmp_path):
    levels, shares = _states(1, 4)
    files.cp2k(tmp_path, ["a"] * 4, levels, shares, ["s", "py", "pz", "px"], lists=(1, 1, 1, 1))
    single = read_pdos(tmp_path, structure=label_structure(np.eye(4)[:, :3], ELEMENTS))
    assert single.element.values.tolist() == ELEMENTS
    files.cp2k(tmp_path, ["a"] * 4, levels, shares, ["s", "py", "pz", "px"], lists=(1, 2, 1, 4))
    several = read_pdos(tmp_path)
    np.testing.assert_allclose(several.pdos[3], single.pdos[3] / 4)
    assert "mean over the atoms of a list" in several.attrs["comment"]


def test_cp2k_as_pymatgen_reads_it(tmp_path):
    outputs = pytest.importorskip("pymatgen.io.cp2k.outputs")
    from mi_widgets.io._pdos._cp2k import _read_table

    levels, shares = _states(1)
    names = ["s", "py", "pz", "px"]
    files.cp2k(tmp_path, ["Mg", "O"], levels, shares, names)
    path = tmp_path / "slab-k1-1.pdos"
    theirs = outputs.parse_pdos(str(path))["Mg"]
    ours = _read_table(path)
    for j, dos in enumerate(theirs.values()):
        kept = np.setdiff1d(np.arange(len(dos.energies)), _inserted(dos.energies, ours.levels))
        np.testing.assert_allclose(dos.energies[kept], ours.levels, rtol=0, atol=1e-9)
        np.testing.assert_allclose(next(iter(dos.densities.values()))[kept], ours.shares[:, j], rtol=0, atol=1e-9)


def _inserted(energies, levels):
    """Points that pymatgen puts into the gap."""
    return [k for k, e in enumerate(energies) if np.abs(levels - e).min() > 1e-7]


# ---- FHI-aims


@pytest.mark.parametrize("n_spins", [1, 2])
@pytest.mark.parametrize("raw", [True, False])
def test_aims(tmp_path, n_spins, raw):
    energy, values = files.curves(4, 3, n_spins, digits=8)
    total = files.aims(tmp_path, ELEMENTS, energy, values, raw=raw)
    ds = read_pdos(tmp_path)
    check_schema(ds)
    np.testing.assert_allclose(ds.pdos.values.reshape(values.shape), values, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ds.energy, energy if raw else energy + 4.5, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ds.dos.values.reshape(total.shape), total, rtol=0, atol=1e-8)
    assert ds.attrs["reference"] == ("absolute" if raw else "fermi")
    assert float(ds.fermi_energy) == (-4.5 if raw else 0)
    assert ds.element.values.tolist() == ELEMENTS


def test_total_of_aims_on_another_grid(tmp_path):
    energy, values = files.curves(4, 3, digits=8)
    files.aims(tmp_path, ELEMENTS, energy, values)
    rows = "\n".join(f"{e:16.8f} {2 * e + 40:16.8f}" for e in np.linspace(-11, 7, 100))
    (tmp_path / "KS_DOS_total_raw.dat").write_text(rows)
    with pytest.warns(MIWidgetsWarning, match="interpolated"):
        ds = read_pdos(tmp_path)
    np.testing.assert_allclose(ds.dos, 2 * energy + 40, atol=1e-6)


# ---- all


def _one_of_each(folder):
    energy, values = files.curves(4, 9, 2)
    rough = np.round(energy, 3)
    made = {name: folder / name for name in ("vasprun", "doscar", "vaspout", "lobster", "cp2k", "aims")}
    for path in made.values():
        path.mkdir()
    files.vasprun(made["vasprun"] / "vasprun.xml", ELEMENTS, energy, values)
    files.doscar(made["doscar"] / "DOSCAR", rough, values)
    files.poscar(made["doscar"], ELEMENTS, "CONTCAR")
    files.vaspout(made["vaspout"] / "vaspout.h5", ELEMENTS, energy, values)
    files.lobster(made["lobster"] / "DOSCAR.lobster", ELEMENTS, rough, values, [[f"3{n}" for n in LM]] * 4)
    levels, shares = _states(2)
    files.cp2k(made["cp2k"], ["Mg", "O"], levels, shares, ["s", "py", "pz", "px"], spins=("ALPHA", "BETA"))
    files.aims(made["aims"], ELEMENTS, energy, values[:, :3])
    return {**made, "projwfc": DATA / "qe_ni"}


def test_every_result_goes_through_netcdf(tmp_path):
    for name, path in _one_of_each(tmp_path).items():
        ds = read_pdos(path)
        xr.testing.assert_identical(read_netcdf(write_netcdf(ds, tmp_path / f"{name}.nc")), ds)
        assert name in ds.attrs["history"]


def test_options_that_no_file_makes_right(tmp_path):
    with pytest.raises(ParameterError, match="format must be one of 'vasprun'"):
        read_pdos(tmp_path, format="castep")
    for width in (0, -1, "0.1", None, True, np.nan):
        with pytest.raises(ParameterError, match="width must be"):
            read_pdos(tmp_path, width=width)
    with pytest.raises(FileFormatError, match="there is no file"):
        read_pdos(tmp_path / "nothing")
    with pytest.raises(FileFormatError, match="there is no file"):
        read_pdos(tmp_path / "nothing", "vasprun")
    with pytest.raises(FileFormatError, match="folder without such files"):
        read_pdos(tmp_path)
    with pytest.raises(FileFormatError, match="web"):
        read_pdos("https://example.org/vasprun.xml")
    with pytest.raises(ParameterError, match="path must be"):
        read_pdos(3)


# ---- words and numbers


@pytest.mark.parametrize(("text", "name"), [
    ("x2-y2", "d_x2-y2"), ("dx2", "d_x2-y2"), ("3d_x^2-y^2", "d_x2-y2"), ("d+2", "d_x2-y2"), ("dx2_y2", "d_x2-y2"),
    ("4f_y(3x^2-y^2)", F[0]), ("f-3", F[0]), ("f0", "f_z3"), ("f+3", F[6]), ("2p_y", "p_y"), ("pz", "p_z"), ("5s", "s"),
    ("d-1", "d_yz"), ("p0", "p_z"), ("d", "d"), ("1a", "1a"),
])  # fmt: skip
def test_orbital_names(text, name):
    assert orbital_name(text) == name


def test_orbital_order():
    assert orbital_order(["p_3/2", "d_5/2", "s_1/2", "d_3/2", "p_1/2"]) == ["s_1/2", "p_1/2", "p_3/2", "d_3/2", "d_5/2"]
    assert orbital_order(reversed(LM + F)) == LM + F
    assert orbital_order(["f", "p", "s", "d"]) == ["s", "p", "d", "f"]


def test_symbols():
    assert [symbol_of(t) for t in ("Fe1", "O_ads", "Mg_pv", "cu", "H2", "C/ab12", "Xx", "", "12")] == [
        "Fe", "O", "Mg", "Cu", "H", "C", "X", "X", "X",
    ]  # fmt: skip


@pytest.mark.parametrize(("word", "value"), [
    ("0.123-100", 0.123e-100), ("-0.5+120", -0.5e120), ("1.5D-03", 1.5e-3), ("12", 12), ("-.5", -0.5),
    ("****", np.nan), ("1.2.3", np.nan), ("1_0", np.nan), ("abc", np.nan), ("0.123-10", np.nan), ("", np.nan),
])  # fmt: skip
def test_printed_numbers(word, value):
    np.testing.assert_equal(number(word), value)


@pytest.mark.parametrize("repeat", [1, 4000])
def test_tables_are_the_same_by_either_way(repeat):
    rows = b"-1.0  0.5E+00 3\n  1.5 1.D-02  4\n2.0 0.123-100 5\n"
    values = parse_table(rows * repeat)
    assert values.shape == (3 * repeat, 3)
    np.testing.assert_array_equal(values[:3], [[-1, 0.5, 3], [1.5, 0.01, 4], [2, 0.123e-100, 5]])
    ragged = parse_table(rows * repeat + b"1 2\n")
    assert np.isnan(ragged[-1]).all()


@pytest.mark.parametrize("decimals", [2, 4, 6])
def test_columns_of_fixed_width_are_read_to_the_last_bit(decimals):
    rng = np.random.default_rng(decimals)
    values = rng.normal(size=(700, 7)) * 10.0 ** rng.integers(-3, 3, (700, 7))
    texts = ["".join(f"{v:{decimals + 7}.{decimals}f}" for v in row) for row in values]
    rows = np.frombuffer("".join(texts).encode(), np.uint8).reshape(700, -1)
    expected = np.array([[float(f"{v:.{decimals}f}") for v in row] for row in values])
    np.testing.assert_array_equal(parse_fixed(rows), expected)
    for place, letter in ((11, "x"), (decimals + 3, " "), (rows.shape[1] - 1, "*"), (3, "-")):
        damaged = rows.copy()
        damaged[350, place] = ord(letter)
        one = parse_fixed(damaged)
        assert one is None or (one[:350] == expected[:350]).all()
    assert parse_fixed(np.frombuffer(b"1E+00 2E+00", np.uint8).reshape(1, -1)) is None
