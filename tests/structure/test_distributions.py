"""Radial and angular distributions, beside freud and by hand."""

import freud
import numpy as np
import pytest
import xarray as xr
from ase.build import bulk

from mi_widgets import structure
from mi_widgets.datasets import make_silica, make_slab
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.labels import label_structure

# Multiples of 1/64 in cells of whole numbers: distances are exact in freud's single precision too.
BOXES = {"cubic": (16, 16, 16, 0, 0, 0), "triclinic": (16, 16, 16, 0.25, 0.0, 0.125)}


def _on_a_grid(name: str) -> tuple[xr.Dataset, freud.box.Box]:
    box = freud.box.Box(*BOXES[name])
    cell = np.array(box.to_matrix(), dtype=float).T
    rng = np.random.default_rng(2)
    position = rng.integers(-512, 512, (6, 200, 3)) / 64.0
    return label_structure(position, ["Na"] * 80 + ["Cl"] * 120, cell=cell), box


@pytest.mark.parametrize("engine", ["numba", "numpy"])
@pytest.mark.parametrize("name", sorted(BOXES))
def test_counts_and_normalised_values_are_freud_s(name: str, engine: str) -> None:
    run, box = _on_a_grid(name)
    found = structure.rdf(run, 6.0, n_bins=48, engine=engine)
    for pair, (a, b) in {
        "all": (slice(None),) * 2,
        "Na-Na": (slice(80),) * 2,
        "Na-Cl": (slice(80), slice(80, 200)),
    }.items():
        peer = freud.density.RDF(bins=48, r_max=6.0)
        for p in run.position.values:
            query = {"mode": "ball", "r_max": 6.0, "exclude_ii": a == b}
            peer.compute((box, box.wrap(p[b])), query_points=box.wrap(p[a]), neighbors=query, reset=False)
        ours = found.sel(pair=pair)
        np.testing.assert_array_equal(ours["count"], peer.bin_counts)
        n, m = len(range(*a.indices(200))), len(range(*b.indices(200)))
        shell = 4 / 3 * np.pi * np.diff(np.linspace(0, 6, 49) ** 3)
        expected = np.array(peer.bin_counts, dtype=float) * np.linalg.det(run.cell.values) / (6 * n * m * shell)
        np.testing.assert_allclose(ours["rdf"], expected, rtol=1e-10)
        np.testing.assert_allclose(ours["rdf"], peer.rdf, rtol=2e-5, atol=1e-6)  # freud's own, in single precision
        np.testing.assert_allclose(ours["running_coordination"], np.cumsum(peer.bin_counts) / (6 * n), rtol=1e-12)


@pytest.mark.parametrize("pair", ["all", "Si-O"])
def test_engines_agree_where_the_cell_changes(liquid: xr.Dataset, pair: str) -> None:
    a, b = (structure.rdf(liquid, 9.0, n_bins=70, engine=e).sel(pair=pair) for e in ("numba", "numpy"))
    xr.testing.assert_allclose(a, b, rtol=1e-12)


def test_lazy_trajectory_gives_a_lazy_result(liquid: xr.Dataset, chunked, counting) -> None:
    eager = structure.rdf(liquid, 5.0, n_bins=50)
    with counting() as count:
        lazy = structure.rdf(chunked(liquid), 5.0, n_bins=50)
        angles = structure.adf(chunked(liquid), 3.0)
        assert count.n == 0
        xr.testing.assert_allclose(lazy.compute(), eager)
        assert count.n == 1
    xr.testing.assert_allclose(angles.compute(), structure.adf(liquid, 3.0))


def test_ideal_gas_is_flat_and_a_changing_volume_counts() -> None:
    rng = np.random.default_rng(3)
    cells = np.array([[[10.0, 0, 0], [3, 11, 0], [-2, 1, 12]]]) * np.linspace(0.8, 1.3, 60)[:, None, None]
    gas = label_structure(rng.random((60, 300, 3)) @ cells, ["Ar"] * 300, cell=cells)
    g = structure.rdf(gas, 8.0, n_bins=16).rdf.sel(pair="all").isel(r=slice(4, None))
    np.testing.assert_allclose(g, 299 / 300, atol=0.02)


def test_shells_of_a_crystal() -> None:
    copper = structure.from_ase(bulk("Cu", "fcc", a=3.6))
    found = structure.rdf(copper, 6.0, n_bins=600).running_coordination.sel(pair="all")
    for r, n in ((2.6, 12), (3.7, 18), (4.5, 42), (5.2, 54), (5.8, 78)):
        assert float(found.sel(r=r, method="nearest")) == pytest.approx(n)


def test_replicated_structure_has_the_same_distribution() -> None:
    silica = make_silica()
    twice = structure.replicate(silica, (2, 1, 1))
    # bins that no distance of the crystal touches at an edge
    a, b = (structure.rdf(s, 5.03, n_bins=20).rdf for s in (silica, twice))
    np.testing.assert_allclose(a, b, atol=1e-10)


def test_angles_of_tetrahedra_and_octahedra() -> None:
    silica = make_silica(disorder=0.0)
    found = structure.adf(silica, {("Si", "O"): 2.0}, triplet=("O", "Si", "O"), n_bins=180)
    assert float(found.angle[found.adf.argmax("angle")]) == pytest.approx(109.47, abs=1)
    assert float(found["count"].sum()) == 64 * 6
    straight = structure.adf(silica, {("Si", "O"): 2.0}, triplet=("Si", "O", "Si"))
    assert float(straight.angle[straight.adf.argmax("angle")]) == 179.5
    assert float(found.adf.integrate("angle")) == pytest.approx(1.0)
    octahedra = structure.adf(structure.from_ase(bulk("MgO", "rocksalt", a=4.2)), 2.3, n_bins=9)
    assert octahedra["count"].values[[4, 8]].tolist() == [24, 6]


def test_mixed_triplet_counts_each_angle_once() -> None:
    bent = label_structure([[0, 0, 0], [1, 0, 0], [0, 1, 0]], ["O", "H", "C"])
    found = structure.adf(bent, 1.2, triplet=("H", "O", "C"), n_bins=18)
    assert found["count"].values.sum() == 1
    assert float(found.angle[found["count"].argmax("angle")]) == 95.0


def test_no_angles_is_nan_not_an_error() -> None:
    found = structure.adf(label_structure([[0.0, 0, 0]], ["Ar"]), 3.0)
    assert np.isnan(found.adf).all()
    assert (found["count"] == 0).all()


def test_chosen_pairs_and_wrong_ones() -> None:
    silica = make_silica(disorder=0.0)
    found = structure.rdf(silica, 4.0, pairs=[("O", "Si")])
    assert found.pair.values.tolist() == ["all", "O-Si"]
    with pytest.raises(ParameterError, match="'Al'"):
        structure.rdf(silica, 4.0, pairs=[("Al", "O")])
    with pytest.raises(ParameterError, match="n_bins"):
        structure.rdf(silica, 4.0, n_bins=0)


def test_without_repetition_there_is_no_density() -> None:
    with pytest.raises(DataError, match="2 of 3 directions"):
        structure.rdf(make_slab(), 5.0)


def test_result_survives_a_file(tmp_path, liquid: xr.Dataset) -> None:
    for k, result in enumerate((structure.rdf(liquid, 4.0), structure.adf(liquid, 3.0))):
        result.to_netcdf(tmp_path / f"{k}.nc")
        with xr.open_dataset(tmp_path / f"{k}.nc") as again:
            xr.testing.assert_identical(result, again.load())
