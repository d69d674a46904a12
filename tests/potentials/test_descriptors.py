"""Descriptors: what must not change them, what their derivatives are, and an independent program."""

import warnings

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.potentials import _neighbors
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials.descriptors import SmoothOverlap, SymmetryFunctions, describe, descriptor_from_dict

ALL = np.array([True] * 3)
SOME = ((0.005, 1.0, 1.0), (0.06, 4.0, -1.0), (0.01, 16.0, 1.0), (0.02, 2.5, -1.0))
ACSF = SymmetryFunctions(("O", "Si"), 4.5, 3.5, radial=((4.0, 1.5), (1.0, 3.0)), angular=SOME, wide=SOME[1:3])
SOAP = SmoothOverlap(("Si", "O"), cutoff=4.0, n_radial=3, n_angular=2)


def _random(n: int = 12, *, pbc: np.ndarray = ALL, seed: int = 0) -> Geometry:
    """Atoms in a triclinic cell smaller than the cutoff along one vector."""
    rng = np.random.default_rng(seed)
    cell = np.array([[5.2, 0.3, 0.0], [1.1, 6.0, -0.4], [0.5, 0.2, 4.2]])
    places: list[np.ndarray] = []
    while len(places) < n:
        new = rng.uniform(size=3)
        apart = np.array(places).reshape(-1, 3) - new
        if (np.linalg.norm((apart - np.round(apart)) @ cell, axis=1) > 0.9).all():
            places.append(new)
    return Geometry(np.where(np.arange(n) % 3 == 0, 14, 8), np.array(places) @ cell, cell, pbc)


def _rotation() -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.fixture(params=["acsf numba", "acsf numpy", "soap"])
def descriptor(request: pytest.FixtureRequest) -> SymmetryFunctions | SmoothOverlap:
    if request.param == "soap":
        pytest.importorskip("featomic")
        return SOAP
    engine = request.param.split()[1]
    if engine == "numba":
        pytest.importorskip("numba")
    return SymmetryFunctions(
        ACSF.elements, ACSF.cutoff, ACSF.angular_cutoff, ACSF.radial, ACSF.angular, ACSF.wide, engine=engine
    )


CELLS = [ALL, np.array([True, False, True]), np.array([False] * 3)]


@pytest.mark.parametrize("pbc", CELLS, ids=["bulk", "slab", "cluster"])
def test_invariance(descriptor: SymmetryFunctions | SmoothOverlap, pbc: np.ndarray) -> None:
    g = _random(pbc=pbc)
    rng, turn, order = np.random.default_rng(1), _rotation(), np.random.default_rng(2).permutation(12)
    hops = rng.integers(-3, 4, size=(12, 3)) * pbc
    others = [
        g._replace(positions=g.positions + np.array([31.0, -7.0, 2.0])),
        g._replace(positions=g.positions @ turn.T, cell=g.cell @ turn.T),
        g._replace(positions=g.positions + hops @ g.cell),
        Geometry(g.numbers[order], g.positions[order], g.cell, pbc),
    ]
    found = descriptor.features([g, *others], derivatives=False)
    first, *same = np.split(found.values, found.offsets[1:-1])
    assert np.abs(first).max() > 0.1
    for values in same[:3]:
        np.testing.assert_allclose(values, first, rtol=0, atol=1e-10)
    np.testing.assert_allclose(same[3], first[order], rtol=0, atol=1e-10)


def test_a_supercell_has_the_same_environments(descriptor: SymmetryFunctions | SmoothOverlap) -> None:
    g = _random(6)
    twice = Geometry(
        np.tile(g.numbers, 2),
        np.concatenate([g.positions, g.positions + g.cell[2]]),
        g.cell * [[1], [1], [2]],
        g.pbc,
    )
    once, double = (descriptor.features([x], derivatives=False).values for x in (g, twice))
    np.testing.assert_allclose(double, np.tile(once, (2, 1)), atol=1e-10)


def _energy(descriptor: SymmetryFunctions | SmoothOverlap, g: Geometry, weights: np.ndarray) -> float:
    return float((descriptor.features([g], derivatives=False).values * weights).sum())


@pytest.mark.parametrize("pbc", CELLS, ids=["bulk", "slab", "cluster"])
def test_derivatives_are_those_of_finite_differences(
    descriptor: SymmetryFunctions | SmoothOverlap, pbc: np.ndarray
) -> None:
    g, rng, step = _random(pbc=pbc, seed=5), np.random.default_rng(4), 1e-4
    found = descriptor.features([_random(seed=9), g])
    weights = rng.normal(size=(12, descriptor.n_features)) / np.maximum(np.abs(found.values[12:]).max(axis=0), 0.1)
    forces, virial = found.pull(weights, [1])
    for atom, axis in ((0, 0), (3, 1), (7, 2), (11, 0)):
        move = np.zeros((12, 3))
        move[atom, axis] = step
        up, down = (_energy(descriptor, g._replace(positions=g.positions + s * move), weights) for s in (1, -1))
        assert forces[atom, axis] == pytest.approx(-(up - down) / (2 * step), abs=1e-6 * max(1, np.abs(forces).max()))
    strain = rng.normal(size=(3, 3))
    ends = []
    for s in (step, -step):
        change = np.eye(3) + s * strain
        ends.append(_energy(descriptor, g._replace(positions=g.positions @ change, cell=g.cell @ change), weights))
    slope = (ends[0] - ends[1]) / (2 * step)
    assert -(virial[0] * strain).sum() == pytest.approx(slope, abs=2e-6 * max(1, np.abs(virial).max()))
    vectors = rng.normal(size=(12, 3))
    ends = [
        descriptor.features([g._replace(positions=g.positions + s * vectors)], derivatives=False).values
        for s in (step, -step)
    ]
    numeric = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(found.push(vectors, [1]), numeric, rtol=0, atol=2e-6 * np.abs(numeric).max())


def test_products_agree_with_each_other(descriptor: SymmetryFunctions | SmoothOverlap) -> None:
    """Frames in any order, select, push against pull, and the dense form that kernels use."""
    rng = np.random.default_rng(0)
    found = descriptor.features([_random(9), _random(12, seed=1), _random(6, seed=2)])
    weights, vectors = rng.normal(size=found.values.shape), rng.normal(size=(27, 3))
    forces, virial = found.pull(weights)
    np.testing.assert_allclose((forces * vectors).sum(), -(found.push(vectors) * weights).sum(), rtol=1e-5)
    some = found.select([2, 0])
    rows = np.concatenate([np.arange(21, 27), np.arange(9)])
    np.testing.assert_array_equal(some.values, found.values[rows])
    np.testing.assert_array_equal(some.numbers, found.numbers[rows])
    assert some.offsets.tolist() == [0, 6, 15]
    for mine, of in ((some.pull(weights[rows]), [2, 0]), (found.pull(weights[rows], [2, 0]), [2, 0])):
        np.testing.assert_allclose(mine[0], forces[rows], atol=1e-5)
        np.testing.assert_allclose(mine[1], virial[of], atol=1e-4)
    np.testing.assert_allclose(some.push(vectors[rows]), found.push(vectors)[rows], atol=1e-5)
    dense, mine = some.dense(1), weights[:9].astype(np.float32)
    np.testing.assert_allclose(
        dense.incidence @ np.einsum("pam,pm->pa", dense.by_move, mine[dense.centre]), forces[:9], atol=1e-4
    )
    np.testing.assert_allclose(-np.einsum("iabm,im->ab", dense.by_strain, mine), virial[0], atol=2e-4)
    assert found.pull(weights[:0], [])[0].shape == (0, 3)


def test_both_engines_agree() -> None:
    pytest.importorskip("numba")
    structures = [_random(), _random(pbc=CELLS[1], seed=1), _random(8, pbc=CELLS[2], seed=2)]
    fast, slow = (
        SymmetryFunctions(("O", "Si"), 4.5, 3.5, ACSF.radial, SOME, SOME[1:3], engine=e).features(structures)
        for e in ("numba", "numpy")
    )
    np.testing.assert_allclose(fast.values, slow.values, rtol=0, atol=1e-12)
    rng = np.random.default_rng(0)
    weights, vectors = rng.normal(size=fast.values.shape), rng.normal(size=(32, 3))
    for a, b in zip(fast.pull(weights), slow.pull(weights), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    np.testing.assert_allclose(fast.push(vectors), slow.push(vectors), atol=1e-5)


@pytest.mark.parametrize("engine", ["numba", "numpy"])
@pytest.mark.parametrize("pbc", CELLS, ids=["bulk", "slab", "cluster"])
def test_neighbors_are_all_images_within_the_cutoff(engine: str, pbc: np.ndarray) -> None:
    if engine == "numba":
        pytest.importorskip("numba")
    g = _random(pbc=pbc)
    found = _neighbors.find_neighbors(g.positions - 40.0, g.cell, pbc, 6.5, engine=engine)
    steps = np.stack(np.meshgrid(*[np.arange(-4, 5) * p for p in pbc]), axis=-1).reshape(-1, 3)
    apart = (g.positions[None, :, None] - g.positions[:, None, None]) + np.unique(steps, axis=0) @ g.cell
    distance = np.linalg.norm(apart, axis=-1)
    inside = (distance < 6.5) & (distance > 1e-9)
    np.testing.assert_array_equal(np.diff(found.start), inside.sum(axis=(1, 2)))
    np.testing.assert_allclose(np.sort(found.distance), np.sort(distance[inside]), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found.vector, axis=1), found.distance, atol=1e-12)


def test_equal_to_dscribe() -> None:
    """An independent program, on atoms inside the cell: elsewhere it is silently wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dscribe = pytest.importorskip("dscribe.descriptors")
        from ase import Atoms

        g = _random(pbc=ALL)
        atoms = Atoms(g.numbers, g.positions, cell=g.cell, pbc=True)
        atoms.wrap()
        mine = SymmetryFunctions(("O", "Si"), 5.0, 5.0, radial=ACSF.radial, angular=SOME, wide=SOME)
        theirs = dscribe.ACSF(
            r_cut=5.0, g2_params=ACSF.radial, g4_params=SOME, g5_params=SOME, species=["O", "Si"], periodic=True
        ).create(atoms)
    values = mine.features([g], derivatives=False).values
    # the same order, but for a G1 before the G2 of each element
    np.testing.assert_allclose(values, np.delete(theirs, [0, 3], axis=1), rtol=0, atol=1e-12)


def test_describe() -> None:
    g = _random()
    frames = np.stack([g.positions, g.positions + 0.1])
    names = np.where(g.numbers == 14, "Si", "O")
    structure = label_structure(frames, names, cell=g.cell)
    before = structure.copy(deep=True)
    found = describe(structure, ACSF)
    assert found.dims == ("environment", "feature")
    assert found.shape == (24, ACSF.n_features)
    assert found.feature.values[0] == "G2 O eta=4 R=1.5"
    assert "G4 O-Si eta=0.06 zeta=4 lambda=-1" in found.feature.values
    np.testing.assert_allclose(found[12:], found[:12], atol=1e-10)
    np.testing.assert_array_equal(found.frame_of, np.repeat([0, 1], 12))
    np.testing.assert_array_equal(found.atom_of, np.tile(np.arange(12), 2))
    np.testing.assert_array_equal(found.element, np.tile(names, 2))
    xr.testing.assert_identical(structure, before)
    one = describe(structure.isel(frame=1), ACSF)
    np.testing.assert_allclose(one, found[:12], atol=1e-10)


def test_describe_round_trip(tmp_path) -> None:
    g = _random()
    found = describe(label_structure(g.positions, np.where(g.numbers == 14, "Si", "O"), cell=g.cell), ACSF)
    write_netcdf(found.to_dataset(), tmp_path / "features.nc")
    with xr.open_dataset(tmp_path / "features.nc") as back:
        xr.testing.assert_identical(back.load()["features"], found)


@pytest.mark.parametrize("descriptor", [ACSF, SOAP, SymmetryFunctions()], ids=["acsf", "soap", "default"])
def test_settings_go_through_json(descriptor: SymmetryFunctions | SmoothOverlap) -> None:
    import json

    assert descriptor_from_dict(json.loads(json.dumps(descriptor.to_dict()))) == descriptor
    assert len(set(descriptor.names)) == descriptor.n_features


def test_bad_settings_are_refused() -> None:
    for wrong in (
        {"elements": ("Si", "Si")}, {"elements": ("Xx",)}, {"elements": ()}, {"cutoff": -1.0}, {"angular_cutoff": 9.0},
        {"angular": ((0.1, 0.5, 1.0),)}, {"wide": ((0.1, 2.0, 0.5),)}, {"radial": ((1.0,),)},
        {"radial": (), "angular": ()}, {"engine": "fortran"},
    ):  # fmt: skip
        with pytest.raises(ParameterError):
            SymmetryFunctions(**wrong)
    for wrong in ({"elements": ("Si", "Si")}, {"width": 0.0}, {"smoothing": 9.0}, {"n_radial": 0}):
        with pytest.raises(ParameterError):
            SmoothOverlap(**wrong)
    with pytest.raises(ParameterError, match="kind"):
        descriptor_from_dict({"kind": "other"})
    with pytest.raises(ParameterError, match="kind"):
        descriptor_from_dict({**ACSF.to_dict(), "new": 1})


def test_bad_structures_are_refused(descriptor: SymmetryFunctions | SmoothOverlap) -> None:
    g = _random()
    other = g.numbers.copy()
    other[2] = 29
    with pytest.raises(DataError, match="Cu, which the descriptor does not know"):
        descriptor.features([g._replace(numbers=other)])
    lost = g.positions.copy()
    lost[3] = np.nan
    with pytest.raises(DataError, match="finite"):
        descriptor.features([g._replace(positions=lost)])
    same = g.positions.copy()
    same[5] = same[1] + g.cell[0]  # one place, in another cell
    with pytest.raises(DataError, match="atoms 1 and 5 are in one place"):
        descriptor.features([g._replace(positions=same)])
    with pytest.raises(DataError, match="no volume"):
        descriptor.features([g._replace(cell=np.diag([5.0, 5.0, 0.0]))])
    with pytest.raises(DataError, match="no derivatives"):
        descriptor.features([g], derivatives=False).pull(np.zeros((12, descriptor.n_features)))
    with pytest.raises(LabelError, match="needs 'cell'"):
        describe(label_structure(g.positions, ["O"] * 12).drop_vars("cell"), descriptor)


def test_missing_featomic_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "featomic", None)
    with pytest.raises(ImportError, match=r"mi-widgets\[soap\]"):
        SOAP.features([_random()])
