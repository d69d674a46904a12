"""Frames go by their labels, dimensions by their names, lengths by their units; nothing is paired by chance."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import load_silica_network, load_silica_snapshots
from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.potentials import (
    LinearPotential,
    Network,
    NetworkPotential,
    SparseGaussianProcess,
    SymmetryFunctions,
    choose_snapshots,
    describe,
    label_snapshots,
    load_potential,
    one_structure,
    snapshots_from_ase,
    snapshots_from_trajectory,
    snapshots_to_ase,
    take_frames,
)

SMALL = SymmetryFunctions(
    ("Si", "O"), cutoff=4.0, angular_cutoff=3.0, radial=((2.0, 1.6), (2.0, 2.6)), angular=((0.05, 2.0, -1.0),)
)


@pytest.fixture(scope="module")
def bundled() -> NetworkPotential:
    return load_potential(load_silica_network())


@pytest.fixture(scope="module")
def three() -> xr.Dataset:
    return take_frames(load_silica_snapshots(), [5, 80, 333])


@pytest.fixture(scope="module")
def mixed() -> xr.Dataset:
    """Frames of 6, 12 and 9 atoms."""
    rng, sizes = np.random.default_rng(0), (2, 4, 3)
    return label_snapshots(
        [rng.uniform(0, 20, (3 * n, 3)) for n in sizes],
        [["Si"] * n + ["O"] * 2 * n for n in sizes],
        [-1.0, -2.0, -3.0],
        cell=20 * np.eye(3),
    )


def _renamed(snapshots: xr.Dataset, labels: list) -> xr.Dataset:
    sizes = snapshots["n_atoms"].values
    return snapshots.assign_coords(frame=labels, frame_of=("environment", np.repeat(labels, sizes)))


def _trajectory(snapshots: xr.Dataset, labels: list[int]) -> xr.Dataset:
    names = ["position", "cell", "energy", "force", "stress"]
    frames = [one_structure(snapshots, f) for f in snapshots["frame"].values]
    ds = xr.concat([f[names] for f in frames], dim="frame").assign_coords(frame=labels)
    ds["pbc"] = frames[0]["pbc"]
    return ds


@pytest.mark.parametrize("labels", [[30, 20, 10], ["c", "b", "<i>a"]])
def test_labels_of_frames_need_not_rise(bundled: NetworkPotential, mixed: xr.Dataset, labels: list) -> None:
    other = _renamed(mixed, labels)
    for criterion in ("force", "energy", "outside"):
        a, b = (choose_snapshots(bundled, ds, 3, criterion=criterion).score.values for ds in (mixed, other))
        np.testing.assert_array_equal(a, b)
    a, b = (bundled.errors(ds.drop_vars("n_atoms")).energy_error.values for ds in (mixed, other))
    np.testing.assert_array_equal(a, b)
    one = one_structure(other, labels[1])
    assert one.sizes["atom"] == 12
    assert float(one.energy) == -2.0


def test_a_label_that_comes_twice_is_refused(bundled: NetworkPotential, three: xr.Dataset) -> None:
    with pytest.raises(LabelError, match="more than once"):
        bundled.predict(_renamed(three, [5, 5, 333]))


def test_frames_are_chosen_by_place_or_mask(mixed: xr.Dataset) -> None:
    assert take_frames(mixed, np.array([False, True, False])).frame.values.tolist() == [1]
    for wrong in ([1.7], [True, False], [3], [-1]):
        with pytest.raises(ParameterError, match="whole numbers 0 to 2"):
            take_frames(mixed, wrong)


def test_missing_atoms_are_noticed(bundled: NetworkPotential, three: xr.Dataset) -> None:
    oxygen = three.isel(environment=np.flatnonzero(three.element.values == "O"))
    with pytest.raises(DataError, match="atoms of a frame are missing"):
        bundled.predict(oxygen)
    turned = three.isel(environment=np.r_[71:-1:-1, 72:216])
    np.testing.assert_allclose(bundled.predict(turned).energy, bundled.predict(three).energy, rtol=1e-12)
    assert one_structure(turned, 5).atom.values[:2].tolist() == [71, 70]


def test_order_of_dimensions_does_not_matter(bundled: NetworkPotential, three: xr.Dataset) -> None:
    skew = three.copy(deep=True)
    skew["cell"] = three["cell"] + xr.DataArray(np.triu(np.ones((3, 3)), 1), dims=("cell_vector", "axis"))
    turned = skew.transpose("axis", "environment", "cell_vector", "frame", "axis_2")
    a, b = bundled.predict(skew), bundled.predict(turned)
    for name in ("energy", "force", "stress"):
        np.testing.assert_array_equal(a[name].values, b[name].values)
    assert float(bundled.errors(skew).force_rmse) == float(bundled.errors(turned).force_rmse)
    np.testing.assert_array_equal(describe(skew, SMALL).values, describe(turned, SMALL).values)
    np.testing.assert_array_equal(snapshots_to_ase(skew)[0].cell[:], snapshots_to_ase(turned)[0].cell[:])
    np.testing.assert_array_equal(one_structure(skew, 80).cell, one_structure(turned, 80).cell)


def test_other_units_are_refused(bundled: NetworkPotential, three: xr.Dataset) -> None:
    nm = three.copy(deep=True)
    nm["position"] = (nm["position"] / 10).assign_attrs(units="nm")
    for call in (bundled.predict, lambda ds: describe(ds, SMALL), lambda ds: one_structure(ds, 5)):
        with pytest.raises(LabelError, match="position must be in angstrom; it is in 'nm'"):
            call(nm)
    hartree = one_structure(three, 5)
    hartree["energy"].attrs["units"] = "hartree"
    with pytest.raises(LabelError, match="energy must be in eV"):
        snapshots_from_trajectory(hartree)


def test_trajectories_keep_labels_and_stress(bundled: NetworkPotential, three: xr.Dataset) -> None:
    md = _trajectory(three, [50, 60, 70])
    found = snapshots_from_trajectory(md)
    np.testing.assert_array_equal(found["stress"], three["stress"])
    assert found["frame"].values.tolist() == [50, 60, 70]
    assert found["frame_of"].values[::72].tolist() == [50, 60, 70]
    assert float(bundled.errors(md).force_rmse) == float(bundled.errors(three).force_rmse)
    md["position"].values[0, 1] = md["position"].values[0, 0]
    with pytest.warns(MIWidgetsWarning, match="1 of 3 frames are left out"):
        rest = bundled.predict(md)
    assert rest["frame"].values.tolist() == [60, 70]


def test_names_of_the_data_do_not_take_the_place_of_results(bundled: NetworkPotential, three: xr.Dataset) -> None:
    extra = three.assign_coords(energy_stderr=("frame", [9.0, 9.0, 9.0]), outside=("frame", [9, 9, 9]))
    a, b = bundled.predict(three), bundled.predict(extra)
    np.testing.assert_array_equal(a["energy_stderr"], b["energy_stderr"])
    np.testing.assert_array_equal(a["outside"], b["outside"])
    h2 = [[[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]]
    with pytest.raises(ParameterError, match="info cannot hold 'energy'"):
        label_snapshots(h2, ["H", "H"], [-31.7], cell=np.zeros((3, 3)), pbc=False, info={"energy": [1.0]})


def test_errors_leave_out_what_is_no_number(bundled: NetworkPotential, three: xr.Dataset) -> None:
    some = three.copy(deep=True)
    some["energy"][1] = np.nan
    error = bundled.errors(three).energy_error.values[[0, 2]]
    assert float(bundled.errors(some).energy_rmse) == pytest.approx(np.sqrt((error**2).mean()))


# ---- networks that go on with other data, elements that were never seen, settings that were changed


def test_an_element_that_was_never_seen_has_no_energy(three: xr.Dataset) -> None:
    rng = np.random.default_rng(1)
    silicon = label_snapshots(rng.uniform(0, 9, (8, 12, 3)), ["Si"] * 12, rng.normal(size=8), cell=9 * np.eye(3))
    found = Network(SMALL, hidden=(3,), epochs=2, force_weight=0).fit(silicon)
    with pytest.raises(DataError, match="learnt nothing about O"):
        found.predict(three)
    atoms = snapshots_to_ase(three)[0]
    atoms.calc = found.calculator()
    with pytest.raises(DataError, match="learnt nothing about O"):
        atoms.get_potential_energy()


def test_other_data_are_learnt_from_when_a_training_goes_on() -> None:
    snapshots = load_silica_snapshots()
    cold, hot = take_frames(snapshots, np.arange(70, 80)), take_frames(snapshots, np.arange(80, 90))
    settings = Network(SMALL, hidden=(6,), epochs=40, batch=2, patience=20)
    first = settings.fit(cold, validation=cold, seed=1)
    # errors on the hot melt are larger than the best on the cold glass: they must not be compared with it
    more = dataclasses.replace(settings, epochs=60)
    second = more.fit(hot, validation=hot, seed=1, resume=first)
    assert int(second.training.epoch[-1]) == 60
    assert float(second.errors(hot).force_rmse) < 0.9 * float(first.errors(hot).force_rmse)
    stuck = dataclasses.replace(settings, patience=1, epochs=300, learning_rate=1.0).fit(cold, validation=cold, seed=1)
    assert int(stuck.training.epoch[-1]) < 300
    with pytest.raises(ParameterError, match="patience"):
        stuck.settings.fit(cold, validation=cold, seed=1, resume=stuck)


def test_changed_settings_are_noticed(bundled: NetworkPotential, tmp_path: Path) -> None:
    ds = read_netcdf(bundled.save(tmp_path / "a.nc"))
    settings = json.loads(ds.attrs["settings"])
    settings["descriptor"]["cutoff"] = 5.9
    write_netcdf(ds.assign_attrs(settings=json.dumps(settings)), tmp_path / "b.nc")
    with pytest.raises(FileFormatError, match="settings are not those"):
        load_potential(tmp_path / "b.nc")
    for text in ("[" * 100_000, '{"descriptor": {"kind": "SymmetryFunctions", "cutoff": 1e999}, "hidden": [1e999]}'):
        changed = ds.assign_attrs(settings=text)
        del changed.attrs["settings_sha256"]
        write_netcdf(changed, tmp_path / "c.nc", overwrite=True)
        with pytest.raises(FileFormatError, match="damaged"):
            load_potential(tmp_path / "c.nc")


# ---- densities that were not learnt from


def _scaled(snapshots: xr.Dataset, density: float) -> xr.Dataset:
    """As if the density were another; the snapshots have 2.2 g/cm3."""
    factor = (2.2 / density) ** (1 / 3)
    out = snapshots.copy(deep=True)
    for name in ("position", "cell"):
        out[name] = out[name] * factor
        out[name].attrs = snapshots[name].attrs
    return out


@pytest.mark.parametrize(("density", "flag"), [(1.9, 1), (2.2, 0), (2.57, 1)])
def test_another_density_is_flagged(
    bundled: NetworkPotential, three: xr.Dataset, density: float, flag: int, tmp_path: Path
) -> None:
    other = _scaled(three, density)
    found = bundled.predict(other, forces=False)
    assert found["outside_frame"].values.tolist() == [flag] * 3
    write_netcdf(found, tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc"), found)
    atoms = snapshots_to_ase(other)[0]
    atoms.calc = bundled.calculator()
    atoms.get_forces()
    assert atoms.calc.results["outside_frame"] == flag
    atoms.pbc = False  # no volume, no density
    atoms.get_forces()
    assert atoms.calc.results["outside_frame"] == 0


@pytest.mark.parametrize(
    "settings",
    [
        Network(SMALL, hidden=(3,), epochs=2, force_weight=0),
        LinearPotential(SMALL, degree=1),
        SparseGaussianProcess(SMALL, n_points=10),
    ],
)
def test_all_potentials_know_their_densities(settings: object, tmp_path: Path) -> None:
    snapshots = load_silica_snapshots()
    several = [take_frames(snapshots, [k, k + 100, k + 200, k + 300]) for k in (0, 7)]
    found = settings.fit(snapshots_from_ase([a for d, s in zip((2.0, 2.4), several, strict=True)
                                             for a in snapshots_to_ase(_scaled(s, d))]))  # fmt: skip
    loaded = load_potential(found.save(tmp_path / "a.nc"))
    for density, flag in ((1.9, 1), (2.0, 0), (2.2, 0), (2.4, 0), (2.6, 1)):
        one = _scaled(take_frames(snapshots, [3]), density)
        assert loaded.predict(one, forces=False)["outside_frame"].item() == flag
