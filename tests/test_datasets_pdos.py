"""The model of projected densities of states keeps what it promises; computed slabs are whole and rightly labelled."""

import ast
import json
import sys
import time
from pathlib import Path

import numpy as np
import pint
import pytest
import xarray as xr

from mi_widgets.datasets import _pdos_dataset, _pdos_model, _tblite
from mi_widgets.datasets._pdos import list_pdos, load_pdos, make_pdos
from mi_widgets.datasets._structures import make_slab
from mi_widgets.datasets._tblite import compute_pdos
from mi_widgets.errors import DataError, LabelError, MissingDependencyError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.structure import coordination

NAMES = list_pdos()


# --- make_pdos


def test_the_model_has_the_schema_of_a_reader():
    ds = make_pdos()
    assert ds.pdos.dims == ("atom", "orbital", "energy")
    assert ds.pdos.attrs["units"] == "1/eV"
    assert ds.attrs["reference"] == "absolute"
    assert ds.orbital.values.tolist() == ["s", "p", "d"]
    assert ds.pdos.dtype == np.float32
    registry = pint.UnitRegistry()
    for variable in ds.variables.values():
        assert "long_name" in variable.attrs
        if variable.dtype.kind in "if" and "flag_values" not in variable.attrs:
            registry.Unit(variable.attrs["units"])


def test_the_sum_over_sites_and_orbitals_is_the_total():
    for spin in (False, True):
        ds = make_pdos(spin=spin)
        total = ds.pdos.astype(float).sum(["atom", "orbital"])
        np.testing.assert_allclose(total.values, ds.dos.values, rtol=1e-6, atol=1e-12)


def test_the_states_of_a_site_are_those_of_its_levels():
    """The integral of each curve is the number of states in the table, whatever the coordination and the shift."""
    ds = make_pdos(window=(-40.0, 40.0), n_energies=1601)
    states = ds.pdos.astype(float).integrate("energy")
    unlike = ds.site_label.str.contains("vacancy") | ds.site_label.str.contains(r"\*")
    for element in ("Mg", "O"):
        for l in ("s", "p", "d"):
            expected = sum(n for o, _, _, n in _pdos_model._LEVELS[element] if o == l)
            mine = states.sel(orbital=l).where((ds.element == element) & ~unlike, drop=True)
            np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-6)


def test_orbitals_that_a_site_lacks_are_zero_and_said_so():
    ds = make_pdos(orbitals="lm")
    assert ds.sizes["orbital"] == 9
    assert not ds.projected.all()
    assert (ds.pdos.where(~ds.projected, 0) == 0).all()
    assert (ds.pdos.max("energy").where(ds.projected, 1) > 0).all()


@pytest.mark.parametrize("seed", range(12))
def test_labels_are_what_counting_neighbours_gives(seed):
    """Geometry, counted by another code, agrees with the labels of the lattice, wherever the defects are."""
    ds = make_pdos(n_atoms=240, n_layers=3, seed=seed)
    cutoff = {("Mg", "O"): 2.4, ("Mg", "C"): 2.6, ("C", "O"): 2.4}
    np.testing.assert_array_equal(coordination(ds, cutoff).values, ds.coordination.values)
    number = ds.site_label.str.extract(r"^[A-Za-z*]+(\d+)", None)
    np.testing.assert_array_equal(number.values.astype(int), ds.coordination.values)
    element = ds.site_label.str.extract(r"^([A-Z][a-z]?)", None)
    np.testing.assert_array_equal(element.values, ds.element.values)


def test_defects_are_planted_where_the_truth_says():
    ds = make_pdos(seed=5)
    kinds, counts = np.unique(ds.true_unusual, return_counts=True)
    number = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
    assert set(number) == {"", "vacancy", "adsorbate", "step"}
    assert number["adsorbate"] == 3  # C, O and the Mg below
    assert number["vacancy"] in {4, 5}  # Mg around it: four beside, one below
    assert set(ds.element.values[ds.true_unusual == "vacancy"]) == {"Mg"}
    step = ds.coordination.values[ds.true_unusual == "step"]
    assert (step == 4).all()


@pytest.mark.parametrize("defect", _pdos_model.DEFECTS)
def test_one_defect_changes_only_its_own_sites(defect):
    kinds = set(make_pdos(defects=defect).true_unusual.values)
    assert kinds == {"", defect}
    assert set(make_pdos(defects=()).true_unusual.values) == {""}


def test_a_vacancy_leaves_states_in_the_gap_and_only_there():
    ds = make_pdos(defects=["vacancy"], jitter=0.0)
    gap = ds.pdos.sel(energy=slice(1.5, 3.2)).integrate("energy").sum("orbital")
    beside = ds.true_unusual == "vacancy"
    assert float(gap.where(beside).min()) > 0.2
    assert float(gap.where(~beside).max()) < 0.02


def test_spin_up_holds_the_states_of_the_vacancy():
    ds, plain = make_pdos(defects=["vacancy"], spin=True), make_pdos(defects=["vacancy"])
    assert ds.pdos.dims == ("atom", "orbital", "spin", "energy")
    np.testing.assert_allclose(ds.pdos.sum("spin"), plain.pdos, rtol=1e-6, atol=1e-30)
    gap = ds.pdos.sel(energy=slice(1.5, 3.2)).sum(["energy", "orbital", "atom"])
    assert float(gap.sel(spin="up")) > 10 * float(gap.sel(spin="down"))


def test_shifts_are_the_truth_and_sites_of_a_kind_are_else_the_same():
    ds = make_pdos(jitter=0.2, band_bending=0.5, n_energies=3601)
    mine = ds.site_label == "O6 (Mg6)"
    curves = ds.pdos.sel(orbital="p", energy=slice(None, 3)).where(mine, drop=True).astype(float)
    center = (curves * curves.energy).integrate("energy") / curves.integrate("energy")
    shift = ds.true_shift.where(mine, drop=True)
    np.testing.assert_allclose(center - center.mean(), shift - shift.mean(), atol=0.02)


def test_the_zero_of_energy_moves_everything():
    a, b = make_pdos(), make_pdos(energy_shift=3.25)
    np.testing.assert_array_equal(a.pdos, b.pdos)
    np.testing.assert_allclose(b.energy - 3.25, a.energy, atol=1e-12)
    assert float(b.fermi_energy) == pytest.approx(float(a.fermi_energy) + 3.25)


def test_seeds_and_noise():
    xr.testing.assert_identical(make_pdos(seed=1), make_pdos(seed=1))
    assert not make_pdos(seed=1).pdos.equals(make_pdos(seed=2).pdos)
    noisy, plain = make_pdos(noise=0.1, defects=()), make_pdos(defects=())
    large = plain.pdos.values > 1e-3
    ratio = noisy.pdos.values[large] / plain.pdos.values[large]
    assert ratio.std() == pytest.approx(0.1, rel=0.02)
    assert (noisy.pdos >= 0).all()


def test_ten_thousand_sites_are_made_within_seconds():
    start = time.perf_counter()
    ds = make_pdos(n_atoms=10_000, defects=())
    assert ds.sizes["atom"] == 10_000
    assert time.perf_counter() - start < 10


def test_the_model_survives_netcdf(tmp_path):
    ds = make_pdos(spin=True)
    write_netcdf(ds, tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc"), ds)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_atoms": 20},
        {"n_layers": 1},
        {"defects": ["kink"]},
        {"orbitals": "x"},
        {"n_energies": 1},
        {"window": (3.0, 1.0)},
        {"noise": -1.0},
        {"jitter": -0.1},
    ],
)
def test_numbers_out_of_range_are_named(wrong):
    with pytest.raises(ParameterError, match=r"make_pdos: .*\d|make_pdos: "):
        make_pdos(**wrong)


# --- computed slabs


def test_unknown_slab_gives_the_names():
    with pytest.raises(ParameterError, match="mgo_step"):
        load_pdos("diamond")


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_slab_is_whole(name):
    ds = load_pdos(name)
    assert {"s"} < set(ds.orbital.values.tolist()) <= {"s", "p", "d"}
    assert np.isfinite(ds.pdos).all()
    assert float(ds.pdos.min()) > -1e-3  # projections of ultrasoft states can be slightly negative
    assert np.ptp(np.diff(ds.energy)) < 1e-3
    assert float(ds.energy.min()) < float(ds.fermi_energy) - 5
    assert float(ds.energy.max()) > float(ds.fermi_energy) + 1.5
    assert (ds.status == 0).all()
    assert (ds.pdos.where(~ds.projected, 0) == 0).all()
    below = ds.sel(energy=ds.energy < float(ds.fermi_energy))
    held = float(below.pdos.sum(["atom", "orbital"]).integrate("energy") / below.dos.integrate("energy"))
    assert held == pytest.approx(1 - float(ds.spilling), abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_labels_of_a_bundled_slab_are_its_geometry(name):
    """The kinds of sites, counted again from the stored positions alone."""
    ds = load_pdos(name)
    number = ds.site_label.str.extract(r"^[A-Za-z*]+(\d+)", None).values.astype(int)
    np.testing.assert_array_equal(number, ds.coordination)
    starred = ds.site_label.str.extract(r"^[A-Z][a-z]?(\*?)", None) == "*"
    np.testing.assert_array_equal(starred, ds.adsorbate)
    elements = sorted(set(ds.element.values.tolist()))
    oxide = bool(((ds.element == "O") & ~ds.adsorbate).any())
    bonds = {
        (a, b): 2.6 for a in elements for b in elements if a <= b and {a, b} & {"O", "C", "N"} and "H" not in (a, b)
    }
    bonds |= {("C", "O"): 1.6, ("C", "C"): 1.6, ("C", "N"): 1.6, ("N", "O"): 1.6, ("O", "O"): 1.4}
    bonds |= {(a, "H"): 1.6 for a in elements} | {("H", "H"): 0.9}
    if not oxide:
        bonds |= {("Cu", "Cu"): 2.9, ("Al", "Al"): 2.9, ("Si", "Si"): 2.6}
    bonds = {pair: r for pair, r in bonds.items() if set(pair) <= set(elements)}
    np.testing.assert_array_equal(coordination(ds, bonds).values, ds.coordination.values)


def test_the_slab_of_two_codes_is_one_slab():
    if "mgo_step_gpaw" not in NAMES:
        pytest.fail("the data set by GPAW is missing")
    one, two = load_pdos("mgo_step"), load_pdos("mgo_step_gpaw")
    np.testing.assert_allclose(one.position, two.position, atol=1e-5)
    np.testing.assert_array_equal(one.site_label, two.site_label)


def test_the_charge_of_mgo_is_on_oxygen():
    """Physics known beforehand: 2p of O holds the valence band, and a step's O lies higher than the bulk's."""
    ds = load_pdos("mgo_step")
    band = ds.sel(energy=slice(float(ds.fermi_energy) - 9, float(ds.fermi_energy)), orbital="p").pdos
    center = (band * band.energy).integrate("energy") / band.integrate("energy")
    edge = center.where(ds.site_label == "O4 (Mg4)").mean()
    bulk = center.where(ds.site_label == "O6 (Mg6)").mean()
    assert float(edge) > float(bulk) + 0.2
    states = band.integrate("energy").groupby(ds.element.rename("kind")).mean()
    assert float(states.sel(kind="O")) > 3 * float(states.sel(kind="Mg"))


def test_the_d_band_of_copper_rises_as_neighbours_are_lost():
    """doi:10.1016/S0360-0564(02)45013-4: fewer neighbours, a narrower band, a centre nearer to the Fermi energy."""
    ds = load_pdos("cu_adatom")
    band = ds.pdos.sel(orbital="d", energy=slice(None, float(ds.fermi_energy) + 2))
    center = (band * band.energy).integrate("energy") / band.integrate("energy")
    by_number = center.groupby(ds.coordination).mean()
    assert by_number.coordination.values.tolist() == [4, 8, 9, 12]
    assert (by_number.diff("coordination") < -0.05).all()


def test_each_slab_says_how_it_was_made():
    for name in NAMES:
        ds = load_pdos(name)
        assert json.loads(ds.attrs["history"])["function"] == "data/recipes/pdos_slabs.py"
        assert ds.attrs["title"].startswith("Projected density of states: ")


def test_the_recipe_knows_every_bundled_slab():
    recipe = Path(__file__).parents[1] / "data/recipes/pdos_slabs.py"
    tree = ast.parse(recipe.read_text(encoding="utf-8"))
    known: set[str] = set()
    for node in ast.walk(tree):
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else (node.targets[0] if isinstance(node, ast.Assign) else None)
        )
        if isinstance(target, ast.Name) and target.id in {"SLABS", "GPAW"} and isinstance(node.value, ast.Dict):
            known |= {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
    assert set(NAMES) <= known


# --- compute_pdos


def test_loewdin_shares_add_up_whichever_way_the_levels_lie():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    overlap = root @ root.T + np.eye(6)
    value, vector = np.linalg.eigh(overlap)
    orthogonal = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    coefficients = vector @ np.diag(value**-0.5) @ vector.T @ orthogonal
    for given in (coefficients, coefficients.T):
        shares = _tblite.loewdin_shares(given, overlap)
        np.testing.assert_allclose(shares, orthogonal**2, atol=1e-12)
        np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-12)


def test_the_fermi_energy_holds_the_electrons():
    levels = np.array([-3.0, -1.0, 0.5, 2.0])
    assert -1 < _tblite._fermi_energy(levels, 4.0, 300.0) < 0.5
    assert _tblite._fermi_energy(levels, 5.0, 300.0) == pytest.approx(0.5, abs=1e-6)
    assert np.isfinite(_tblite._fermi_energy(levels, 8.0, 300.0))


def test_levels_become_gaussians_of_two_electrons():
    base = label_structure([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]], ["C", "O"])
    weight = np.zeros((2, 2, 3))
    weight[0, 0, 0], weight[0, 1, 0], weight[1, 1, 1] = 0.25, 0.75, 1.0
    ds = _pdos_dataset.broadened(base, np.array([-3.0, 1.0]), weight, 0.0, (-6.0, 4.0))
    assert ds.orbital.values.tolist() == ["s", "p"]
    states = ds.pdos.integrate("energy")
    np.testing.assert_allclose(states, [[0.5, 0.0], [1.5, 2.0]], atol=1e-6)
    np.testing.assert_allclose(ds.pdos.sum(["atom", "orbital"]), ds.dos, atol=1e-12)


def test_without_tblite_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tblite", None)
    monkeypatch.setitem(sys.modules, "tblite.interface", None)
    with pytest.raises(MissingDependencyError, match="pip install tblite"):
        compute_pdos(make_slab(n_layers=1))


@pytest.mark.parametrize("wrong", [{"method": "PM7"}, {"temperature": 0.0}, {"window": (1.0, 2.0)}])
def test_computing_names_what_is_wrong(wrong):
    with pytest.raises(ParameterError, match="compute_pdos"):
        compute_pdos(make_slab(n_layers=1), **wrong)
    with pytest.raises(LabelError, match="position"):
        compute_pdos(xr.Dataset())


def test_water_by_tblite():
    """Ten states of eight electrons and two empty levels more; oxygen's lone pair is the highest that is filled."""
    pytest.importorskip("tblite")
    water = label_structure([[0.0, 0.0, 0.0], [0.757, 0.586, 0.0], [-0.757, 0.586, 0.0]], ["O", "H", "H"])
    ds = compute_pdos(water)
    np.testing.assert_allclose(ds.pdos.sum(["atom", "orbital"]), ds.dos, atol=1e-9)
    filled = ds.sel(energy=ds.energy < float(ds.fermi_energy))
    assert float(filled.dos.integrate("energy")) == pytest.approx(8, abs=0.02)
    top = filled.pdos.isel(energy=slice(-60, None)).sum("energy")
    assert str(top.isel(atom=0).idxmax("orbital").values) == "p"
    assert float(top.isel(atom=0).sum()) > 10 * float(top.isel(atom=1).sum())
    with pytest.raises(DataError, match="no result"):
        compute_pdos(water.assign(position=water.position * 0))
