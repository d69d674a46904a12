"""What is odd or wrong gives a usable result or an error that says what to write."""

import numpy as np
import pytest
import xarray as xr
from ase import Atoms

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms
from mi_widgets.errors import DataError, LabelError, MissingDependencyError, ParameterError
from mi_widgets.labels import label_structure
from mi_widgets.structure import _optional

CUBE = np.eye(3) * 5.0


def test_empty_structure() -> None:
    empty = structure.from_ase(Atoms(cell=CUBE, pbc=True))
    assert structure.neighbor_list(empty, 3.0).sizes["pair"] == 0
    assert structure.neighbor_list(empty).sizes["pair"] == 0
    assert structure.coordination(empty, 3.0).size == 0
    assert structure.coordination_labels(empty, 3.0).size == 0
    assert structure.slab_layers(empty).size == 0
    assert structure.equivalent_sites(empty).size == 0
    assert structure.replicate(empty, 2).sizes["atom"] == 0
    assert int(structure.king_rings(empty, 2.0).n_rings.sum()) == 0
    assert len(structure.to_ase(empty)) == 0
    with pytest.raises(DataError, match="no atoms"):
        structure.rdf(empty, 3.0)


def test_one_atom() -> None:
    one = label_structure([[1.0, 2, 3]], ["Cu"], cell=CUBE)
    assert structure.coordination(one, 5.1).values.tolist() == [6]
    assert float(structure.rdf(one, 5.5, n_bins=11).running_coordination.sel(pair="all").isel(r=-1)) == 6
    assert structure.equivalent_sites(one).values.tolist() == [0]
    assert structure.slab_layers(one).values.tolist() == [0]
    assert structure.coordination_labels(one, 2.0).values.tolist() == ["Cu0"]


def test_overlapping_atoms() -> None:
    twins = label_structure([[1.0, 1, 1]] * 3, ["H"] * 3, cell=CUBE)
    found = structure.rdf(twins, 2.0, n_bins=4)
    assert found["count"].sel(pair="all").values.tolist() == [6, 0, 0, 0]
    assert np.isfinite(found.rdf).all()
    angles = structure.adf(twins, 1.0)
    assert np.isfinite(angles.adf).all()


@pytest.mark.parametrize("cell", [np.zeros((3, 3)), np.diag([5.0, 5.0, 0.0])])
def test_zero_cell_that_should_repeat(cell: np.ndarray) -> None:
    bad = label_structure([[0.0, 0, 0]], ["H"], cell=cell, pbc=True)
    for work in (
        lambda s: structure.neighbor_list(s, 2.0),
        lambda s: structure.rdf(s, 2.0),
        structure.equivalent_sites,
    ):
        with pytest.raises(DataError, match="cell vector there is zero"):
            work(bad)
    assert structure.neighbor_list(bad.assign(pbc=("cell_vector", [False] * 3)), 2.0).sizes["pair"] == 0


def test_flat_cell() -> None:
    flat = label_structure([[0.0, 0, 0]], ["H"], cell=[[5, 0, 0], [0, 5, 0], [5, 5, 0]])
    with pytest.raises(DataError, match="lie in a plane"):
        structure.neighbor_list(flat, 2.0)
    with pytest.raises(DataError, match="not finite"):
        structure.neighbor_list(flat.assign(cell=flat.cell * np.nan), 2.0)


def test_left_handed_cell_gives_the_same_distribution() -> None:
    rng = np.random.default_rng(0)
    cell = np.array([[6.0, 0, 0], [1, 7, 0], [2, -1, 8]])
    position = rng.random((40, 3)) @ cell
    a, b = (structure.rdf(label_structure(position, ["Ar"] * 40, cell=c), 7.0) for c in (cell, cell[[1, 0, 2]]))
    xr.testing.assert_allclose(a, b)


def test_positions_that_are_not_finite() -> None:
    position = np.zeros((3, 2, 3))
    position[2, 1, 0] = np.nan
    run = label_structure(position, ["H", "H"], cell=CUBE, time=[0.0, 1.0, 2.0])
    for work in (
        lambda s: structure.rdf(s, 2.0),
        lambda s: structure.coordination(s, 2.0),
        lambda s: structure.adf(s, 2.0),
    ):
        with pytest.raises(DataError, match="frame 2, atom 1"):
            work(run)
    with pytest.raises(DataError, match="not finite"):
        structure.msd(run)
    with pytest.raises(DataError, match="not finite"):
        structure.coordination(run.chunk(frame=3), 2.0).compute()
    kept = run.isel(atom=np.isfinite(run.position).all(("axis", "frame")).values)
    assert structure.coordination(kept, 2.0).sizes == {"frame": 3, "atom": 1}


def test_unknown_species() -> None:
    odd = label_structure([[0, 0, 0], [1, 0, 0]], ["Xx", "H"])
    with pytest.raises(DataError, match="covalent radius is known for the species 'Xx'"):
        structure.neighbor_list(odd)
    assert structure.neighbor_list(odd, 1.5).sizes["pair"] == 2
    assert structure.coordination_labels(odd, 1.5).values.tolist() == ["Xx1 (H1)", "H1 (Xx1)"]


@pytest.mark.parametrize(
    ("position", "elements", "cell"),
    [
        (np.zeros((2, 3)), ["H"], None),
        (np.zeros((2, 2)), ["H", "H"], None),
        (np.zeros((2, 3)), ["H", "H"], [5.0, 5.0, 5.0]),
        (np.zeros((4, 2, 3)), ["H", "H"], np.zeros((3, 3, 3))),
        (np.zeros(6), ["H", "H"], None),
    ],
)
def test_arrays_of_wrong_length(position: np.ndarray, elements: list[str], cell: object) -> None:
    with pytest.raises(DataError, match=r"shape"):
        label_structure(position, elements, cell=cell)


def test_what_is_no_structure() -> None:
    good = label_structure([[0.0, 0, 0]], ["H"])
    for bad in (good.position, good.drop_vars("cell"), good.rename(atom="site"), None):
        with pytest.raises(LabelError):
            structure.neighbor_list(bad, 2.0)
    with pytest.raises(DataError, match="not numbers"):
        structure.neighbor_list(good.assign(position=good.position.astype(str)), 2.0)
    run = label_structure(np.zeros((2, 1, 3)), ["H"])
    with pytest.raises(LabelError, match="isel"):
        structure.neighbor_list(run, 2.0)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(_optional.importlib, "import_module", missing)
    good = label_structure([[0.0, 0, 0]], ["H"], cell=CUBE)
    for work in (structure.to_ase, structure.equivalent_sites):
        with pytest.raises(MissingDependencyError, match=r"mi-widgets\[structure\]"):
            work(good)
    with pytest.raises(MissingDependencyError, match="pip install pymatgen"):
        structure.to_pymatgen(good)


def test_input_is_never_modified() -> None:
    rng = np.random.default_rng(0)
    run = label_structure(rng.random((12, 10, 3)) * 5, ["Si", "O"] * 5, cell=CUBE, time=np.arange(12.0))
    before, one = run.copy(deep=True), run.isel(frame=0)
    structure.rdf(run, 3.0)
    structure.adf(run, 2.0)
    structure.coordination(run, 2.0)
    structure.msd(run)
    structure.vdos(run)
    structure.unwrap(run)
    structure.replicate(run, 2)
    for work in (
        structure.coordination_labels,
        structure.slab_layers,
        structure.equivalent_sites,
        structure.king_rings,
    ):
        work(one)
    xr.testing.assert_identical(run, before)


def test_odd_numbers_and_lists_are_named() -> None:
    one = label_structure([[1.0, 2, 3]], ["C"], cell=CUBE)
    run = make_diffusing_atoms(n_atoms=4, n_frames=200)
    for work, words in (
        (lambda: structure.king_rings(one, 2.0, max_size="a"), "max_size must be a whole number"),
        (lambda: structure.king_rings(one, 2.0, max_size=4.5), "max_size must be a whole number"),
        (lambda: structure.rdf(one, 3.0, n_bins=0.4), "n_bins must be a whole number"),
        (lambda: structure.adf(one, 3.0, n_bins=True), "n_bins must be a whole number"),
        (lambda: structure.rdf(one, 3.0, pairs=["C-C"]), r"pairs=\[\('Si', 'O'\)\]"),
        (lambda: structure.adf(one, 3.0, triplet="CCC"), "three species"),
        (lambda: structure.diffusion_coefficient(run, n_blocks="x"), "n_blocks must be a whole number"),
        (lambda: structure.diffusion_coefficient(run, n_dims=4), "n_dims must be a whole number, from 1 to 3"),
        (lambda: structure.diffusion_coefficient(run, fit=3), "fit must be two lags"),
        (lambda: structure.diffusion_coefficient(run, fit=(1.0, np.nan)), "fit must be two lags"),
        (lambda: structure.vdos(run, resolution=-1), "resolution must be a number above zero"),
        (lambda: structure.vdos(run, resolution=0), "resolution must be a number above zero"),
        (lambda: structure.vdos(run, resolution=1e9), "leaves parts of"),
    ):
        with pytest.raises(ParameterError, match=words):
            work()


def test_a_lazy_frame_is_counted_from_the_first_of_the_run() -> None:
    position = np.random.default_rng(0).random((10, 2, 3))
    position[7, 1] = np.nan
    run = label_structure(position, ["H", "H"], cell=CUBE).chunk(frame=3)
    for work in (lambda: structure.coordination(run, 2.0).compute(), lambda: structure.rdf(run, 2.0).compute()):
        with pytest.raises(DataError, match="frame 7, atom 1"):
            work()
