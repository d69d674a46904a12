"""King's rings of networks whose rings are known from their vertex symbols."""

import numpy as np
import pytest
import xarray as xr
from ase.build import bulk
from ase.spacegroup import crystal
from matscipy.rings import ring_statistics

from mi_widgets import structure
from mi_widgets.datasets import make_silica
from mi_widgets.errors import ParameterError
from mi_widgets.labels import label_structure


def _counts(found: xr.Dataset, name: str) -> dict[int, int]:
    return {int(s): int(n) for s, n in zip(found.ring_size, found[name], strict=True) if n}


def _quartz() -> xr.Dataset:
    """alpha-Quartz, P3_221: L. Levien et al. (1980), Am. Mineral. 65, 920."""
    places = [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)]
    quartz = crystal(["Si", "O"], places, spacegroup=154, cellpar=[4.916, 4.916, 5.4054, 90, 90, 120])
    return structure.from_ase(quartz)


def test_quartz_has_the_symbol_6_6_62_62_87_87() -> None:
    quartz = _quartz()
    assert structure.coordination(quartz, 2.0).values.tolist() == [4] * 3 + [2] * 6
    found = structure.king_rings(quartz, 2.0, nodes="Si", bridges="O")
    assert _counts(found, "n_pairs") == {6: 4 * 3, 8: 2 * 3}  # of six angles at each of three Si
    # 1 + 1 + 2 + 2 rings of six and 7 + 7 of eight at the angles of each Si, each ring shared by its Si
    six, eight = found.n_rings.sel(ring_size=[6, 8]).values
    assert 6 * six == (1 + 1 + 2 + 2) * 3
    twice = structure.king_rings(structure.replicate(quartz, 2), 2.0, nodes="Si", bridges="O")
    assert _counts(twice, "n_rings") == {6: 8 * six, 8: 8 * eight}
    assert int(found.n_open_pairs) == 0


@pytest.mark.parametrize("n", [1, 2])
def test_diamond_and_cristobalite_have_rings_of_six(n: int) -> None:
    carbon = structure.replicate(structure.from_ase(bulk("C", "diamond", a=3.567)), n)
    found = structure.king_rings(carbon, 1.7)
    assert _counts(found, "n_pairs") == {6: 12 * n**3}
    assert _counts(found, "n_rings") == {6: 4 * n**3}  # two for each atom
    silica = make_silica(disorder=0.0)
    found = structure.king_rings(silica, 2.0, nodes="Si", bridges="O")
    assert _counts(found, "n_rings") == {6: 128}
    whole = structure.king_rings(silica, 2.0, max_size=14)  # bridges counted as nodes: twice the size
    assert _counts(whole, "n_rings") == {12: 128}


def test_diamond_as_matscipy_counts_it() -> None:
    carbon = structure.replicate(structure.from_ase(bulk("C", "diamond", a=3.567, cubic=True)), 3)
    peer = ring_statistics(structure.to_ase(carbon), 1.7, maxlength=8)
    found = structure.king_rings(carbon, 1.7)
    assert _counts(found, "n_rings") == {k: int(v) for k, v in enumerate(peer) if v}


def test_sodalite_has_the_symbol_4_4_6_6_6_6() -> None:
    cell = np.eye(3) * 8.0
    t = np.array([[1, 2, 0], [1, 0, 2], [2, 1, 0], [2, 0, 1], [0, 1, 2], [0, 2, 1]]) / 4
    place = np.unique(np.mod(np.concatenate([t, t * [-1, 1, 1], t * [1, -1, 1], t * [1, 1, -1]]), 1).round(6), axis=0)
    sodalite = label_structure(place @ cell, ["Si"] * len(place), cell=cell)
    assert set(structure.coordination(sodalite, 3.0).values) == {4}
    found = structure.king_rings(sodalite, 3.0)
    n = len(place)
    assert _counts(found, "n_pairs") == {4: 2 * n, 6: 4 * n}
    assert _counts(found, "n_rings") == {4: n // 2, 6: 4 * n // 6}


def test_a_way_through_the_cell_is_no_ring() -> None:
    chain = label_structure([[0, 0, 0], [1.5, 0, 0], [3, 0, 0]], ["C"] * 3, cell=np.diag([4.5, 20, 20]))
    found = structure.king_rings(chain, 1.6)
    assert _counts(found, "n_rings") == {}
    assert int(found.n_open_pairs) == 3
    angle = 2 * np.pi * np.arange(5) / 5
    ring = label_structure(np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1), ["C"] * 5)
    assert _counts(structure.king_rings(ring, 1.3), "n_rings") == {5: 1}


def test_replicating_a_network_multiplies_its_rings() -> None:
    silica = make_silica(seed=2)
    one = structure.king_rings(silica, {("Si", "O"): 2.2}, nodes="Si", bridges="O", max_size=10)
    two = structure.king_rings(
        structure.replicate(silica, (2, 1, 1)), {("Si", "O"): 2.2}, nodes="Si", bridges="O", max_size=10
    )
    np.testing.assert_array_equal(2 * one.n_rings, two.n_rings)
    np.testing.assert_array_equal(2 * one.n_pairs, two.n_pairs)
    assert len(_counts(one, "n_rings")) > 2  # disorder has made rings of other sizes


def _graph(n: int, seed: int) -> xr.Dataset:
    """Atoms in a box, bonded to those within 1.45: a graph with rings of many sizes."""
    place = np.random.default_rng(seed).random((n, 3)) * n ** (1 / 3) * 1.25
    return label_structure(place, ["C"] * n)


def _by_hand(bonds: set[tuple[int, int]], n: int, longest: int) -> tuple[dict[int, int], dict[int, int], int]:
    """King's rings by trying all ways: pairs and rings of each size, and pairs without one."""
    near = [{j for i, j in bonds if i == k} for k in range(n)]

    def ways(path: list[int], goal: int, room: int, found: dict[int, list[list[int]]]) -> None:
        if path[-1] == goal:
            found.setdefault(len(path), []).append(path)
        elif room > 0:
            for k in near[path[-1]] - set(path):
                ways([*path, k], goal, room - 1, found)

    pairs: dict[int, int] = {}
    rings: dict[int, set[frozenset[frozenset[int]]]] = {}
    opened = 0
    for centre in range(n):
        for a in near[centre]:
            for b in (k for k in near[centre] if k > a):
                found: dict[int, list[list[int]]] = {}
                ways([centre, a], b, longest - 2, found)
                if not found:
                    opened += 1
                    continue
                size = min(found)
                pairs[size] = pairs.get(size, 0) + 1
                for path in found[size]:
                    edges = zip(path, [*path[1:], centre], strict=True)
                    rings.setdefault(size, set()).add(frozenset(map(frozenset, edges)))
    return pairs, {k: len(v) for k, v in rings.items()}, opened


@pytest.mark.parametrize("engine", ["numba", "numpy"])
@pytest.mark.parametrize("seed", range(4))
def test_rings_of_a_graph_are_those_found_by_trying_all_ways(seed: int, engine: str) -> None:
    graph = _graph(28, seed)
    bonds = structure.neighbor_list(graph, 1.45)
    pairs, rings, opened = _by_hand(set(zip(bonds["first"].values, bonds["second"].values, strict=True)), 28, 9)
    found = structure.king_rings(graph, 1.45, max_size=9, engine=engine)
    assert len(rings) >= 3
    assert _counts(found, "n_pairs") == pairs
    assert _counts(found, "n_rings") == rings
    assert int(found.n_open_pairs) == opened


@pytest.mark.parametrize("max_size", [3, 7, 12])
@pytest.mark.parametrize("cell", [np.eye(3) * 5.0, np.array([[4.0, 0, 0], [1.5, 4.5, 0], [-1, 0.7, 3.8]]), None])
def test_compiled_search_finds_what_python_s_does(cell: np.ndarray | None, max_size: int) -> None:
    """Cells so small that ways leave them; atoms many cells away, so that shifts would be large."""
    rng = np.random.default_rng(max_size)
    place = rng.random((45, 3)) * 4 + (0 if cell is None else rng.integers(-9, 9, (45, 3)) @ cell)
    graph = label_structure(place, ["Si", "O", "O"] * 15, cell=cell)
    for cutoff, options in ((1.1, {}), ({("Si", "O"): 1.5}, {"nodes": "Si", "bridges": "O"})):
        a, b = (structure.king_rings(graph, cutoff, max_size=max_size, engine=e, **options) for e in ("numba", "numpy"))
        xr.testing.assert_identical(a, b)
        assert int(a.n_pairs.sum()) + int(a.n_open_pairs) > 0


def test_a_chain_closed_to_a_long_ring() -> None:
    angle = 2 * np.pi * np.arange(40) / 40
    place = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) * 20 / np.pi
    assert _counts(structure.king_rings(label_structure(place, ["C"] * 40), 1.2, max_size=40), "n_rings") == {40: 1}


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_a_search_that_outgrows_its_tables(engine: str) -> None:
    """A cubic net with an end at each node, which is looked for in vain among thousands of places."""
    net = label_structure([[0, 0, 0], [0.5, 0.5, 0.5]], ["C", "H"], cell=np.eye(3) * 1.5)
    found = structure.king_rings(net, {("C", "C"): 1.55, ("C", "H"): 1.0}, max_size=16, engine=engine)
    assert int(found.n_open_pairs) == 6
    assert _counts(found, "n_pairs") == {4: 12, 6: 3}
    assert _counts(found, "n_rings")[4] == 3


def test_what_it_refuses() -> None:
    silica = make_silica(disorder=0.0)
    with pytest.raises(ParameterError, match="max_size"):
        structure.king_rings(silica, 2.0, max_size=2)
    with pytest.raises(ParameterError, match="nodes"):
        structure.king_rings(silica, 2.0, bridges="O")
    with pytest.raises(ParameterError, match="'Ge'"):
        structure.king_rings(silica, 2.0, nodes="Ge")


def test_one_atom_has_no_rings() -> None:
    found = structure.king_rings(label_structure([[0.0, 0, 0]], ["C"]), 2.0)
    assert int(found.n_rings.sum()) == 0
