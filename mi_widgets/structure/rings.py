"""Rings in networks."""

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.structure._cells import wrap
from mi_widgets.structure._check import finish, one_frame, whole
from mi_widgets.structure._neighbors import resolve_engine
from mi_widgets.structure._rings import king_rings as find_rings
from mi_widgets.structure._rings import make_network
from mi_widgets.structure.neighbors import Cutoff, Engine, _Limits

__all__ = ["king_rings"]


def king_rings(
    structure: xr.Dataset,
    cutoff: Cutoff = None,
    *,
    nodes: str | None = None,
    bridges: str | None = None,
    max_size: int = 16,
    by: str = "element",
    engine: Engine = "auto",
) -> xr.Dataset:
    """Count the rings of a network by King's criterion [1]_.

    For every node and every two of its neighbours, the shortest rings that hold all three are found. Ways are followed
    through the images of the cell, so that a way that only closes across its faces is no ring, however small the cell.

    Parameters
    ----------
    structure : xarray.Dataset
        One structure.
    cutoff : float, mapping or None
        Who is bonded, as in `neighbor_list`.
    nodes : str, optional
        Species of the nodes of the network; by default all atoms.
    bridges : str, optional
        Species that links nodes: two nodes are neighbours where such an atom is bonded to both. ``nodes="Si",
        bridges="O"`` gives rings of silica, whose size is the number of Si.
    max_size : int
        Largest ring looked for (3 to 40); time grows quickly with it where rings are large or absent.
    by : str
        Per-atom array that species are values of.
    engine : {"auto", "numba", "numpy"}
        Both find the same rings; numba is some thirty times faster.

    Returns
    -------
    xarray.Dataset
        Over ``ring_size`` (number of nodes):

        - ``n_pairs``, count: pairs of neighbours of a node whose shortest ring has this size
        - ``n_rings``, count: different rings in the cell
        - ``rings_per_node``, 1: n_rings over the number of nodes
        - ``n_open_pairs`` (no dims), count: pairs without a ring up to `max_size`
        - ``n_nodes`` (no dims), count

    Raises
    ------
    LabelError, DataError
        As in `neighbor_list`.
    ParameterError
        There is no such species, or `max_size` is out of range.

    References
    ----------
    .. [1] S. V. King, Nature 213, 1112 (1967), doi:10.1038/2131112a0; S. Le Roux and P. Jund (2010),
       doi:10.1016/j.commatsci.2010.04.023

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> diamond = label_structure(np.array([[0, 0, 0], [0.89, 0.89, 0.89]]), ["C", "C"], cell=1.78 * (1 - np.eye(3)))
    >>> found = king_rings(diamond, 1.7)
    >>> found.n_rings.sel(ring_size=6).item(), found.n_pairs.sel(ring_size=6).item()
    (4, 12)
    """
    who = "king_rings"
    max_size = whole("max_size", max_size, who=who, least=3, most=40)
    if bridges is not None and nodes is None:
        raise ParameterError(f"{who}: bridges={bridges!r} needs nodes=, such as nodes='Si'.")
    position, cell, pbc = one_frame(structure, who=who)
    limits = _Limits(structure, cutoff, by, who)
    use = resolve_engine(engine)
    pairs = limits.find(wrap(position, cell, pbc)[2], cell, pbc, use)  # wrapped: shifts are small then
    is_node = np.ones(len(position), bool) if nodes is None else limits.kind == limits.number(nodes)
    network = make_network(pairs, is_node, None if bridges is None else limits.kind == limits.number(bridges))
    counts, number, open_pairs = find_rings(network, max_size, engine=use)
    sizes, counts, number = np.arange(3, max_size + 1), counts[3:], number[3:]
    per_node = number / max(len(network), 1)
    ds = xr.Dataset(
        {
            "n_pairs": ("ring_size", counts, {"units": "count", "long_name": "pairs of neighbours"}),
            "n_rings": ("ring_size", number, {"units": "count", "long_name": "rings"}),
            "rings_per_node": (
                "ring_size",
                per_node,
                {"units": "1", "long_name": "rings per node"},
            ),
            "n_open_pairs": ((), open_pairs, {"units": "count", "long_name": "pairs without a ring"}),
            "n_nodes": ((), len(network), {"units": "count", "long_name": "nodes"}),
        },
        coords={"ring_size": ("ring_size", sizes, {"units": "1", "long_name": "ring size"})},
    )
    parameters = {"cutoff": limits.text, "nodes": nodes, "bridges": bridges, "max_size": max_size, "by": by}
    return finish(ds, who, "King's rings", parameters, of=structure)
