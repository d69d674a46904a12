"""DOSClusterer: densities of states of all sites, clustered, and every cluster seen on the atoms."""

from typing import Any

import numpy as np
import traitlets

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.widgets._dos_base import DosBase
from mi_widgets.widgets._dos_call import cluster_code
from mi_widgets.widgets._dos_draw import cluster_of
from mi_widgets.widgets._dos_page import references
from mi_widgets.widgets._dos_params import DEFAULTS, check_params
from mi_widgets.widgets._explorer import Explorer

__all__ = ["DOSClusterer"]


class DOSClusterer(DosBase):
    """Cluster the sites of a slab by their densities of states, and see the clusters on the atoms.

    Click on a branch of the dendrogram, a point of the map, a curve, an atom or a row of a table to choose its sites in
    all of them; shift adds. The cut is a slider, and a line in the dendrogram, which is dragged, or put down by a
    double click beside the branches. Drag over the curves for the window of energies that are compared. Double-click on
    a name in the table to change it.

    Parameters
    ----------
    ds : xarray.Dataset
        ``pdos`` (atom, orbital[, spin], energy) as `mi_widgets.io.read_pdos` gives it; with ``position`` and
        ``element`` the slab is shown, with ``fermi_energy`` energies are from the Fermi energy.
    params : mapping, optional
        Parameters that differ from the defaults, which are those of `mi_widgets.dos.cluster`: ``reference`` (None,
        ``"fermi"``, ``"vbm"``) as in `mi_widgets.dos.align`; ``metric``, ``window`` (None: filled states),
        ``broadening``, ``shift``, ``orbitals``, ``spin``, ``elements``, ``linkage``, ``cut`` (None: found in the
        tree) as in `mi_widgets.dos.cluster`; ``edits``, changes by hand in their order, which a new cut undoes:
        ``["merge", [0, 1]]``, ``["split", 0]``, ``["rename", 0, "step edge"]``.
    threaded : bool, default True
        Compute in a thread beside the page; False computes in the caller, for tests.

    Attributes
    ----------
    result : xarray.Dataset or None
        What `mi_widgets.dos.cluster` gives, with the changes by hand; `code` gives it without a widget.
    selection : dict
        ``{"atom": [labels]}`` of the chosen sites.
    shown_orbital : str
        Orbitals whose densities of states are drawn: ``"total"``, ``"s"``, ``"p"``, ``"d"`` …
    overview : str
        ``"dendrogram"``, ``"map (PCA)"`` or ``"map (MDS)"``.
    stacked, live : bool
        Draw curves above one another; compare again at once when a parameter changes.

    Raises
    ------
    DataError
        There is no ``pdos``, or fewer than two sites.
    LabelError
        A dimension, coordinate or unit is missing, or labels of atoms are not unique.
    ParameterError
        A parameter is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets import DOSClusterer, datasets  # doctest: +SKIP
    >>> DOSClusterer(datasets.make_pdos(), params={"cut": 0.25})  # doctest: +SKIP
    """

    def _default_params(self) -> dict[str, Any]:
        known = references(self.data)
        return {**DEFAULTS, "edits": [], "reference": "fermi" if "fermi" in known else None}

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        params = check_params(params)
        if params["reference"] not in references(self.data):
            raise ParameterError(
                f"reference {params['reference']!r} needs the Fermi energy, which is not known. Write "
                "ds.assign(fermi_energy=value), or reference=None."
            )
        return params

    def _make_code(self) -> str:
        return cluster_code(self.params)

    @traitlets.validate("selection")
    def _selection_valid(self, proposal: Any) -> dict[str, Any]:
        given = dict(proposal["value"])
        unknown = [k for k in given if k != "atom"]
        if unknown:
            raise LabelError(f"cannot point along {unknown[0]!r}; densities of states have 'atom'.")
        atoms = given.get("atom", [])
        atoms = list(atoms) if isinstance(atoms, (list, tuple, np.ndarray)) else [atoms]
        plain = [a.item() if isinstance(a, np.generic) else a for a in atoms]
        for label in plain:
            if not isinstance(label, (int, float, str)) or label not in self.place:
                raise LabelError(
                    f"there is no atom {label!r}; the {self.n_atoms} atoms are called {self.atoms[0]!s} to "
                    f"{self.atoms[-1]!s}."
                )
        return {"atom": self.atoms[[self.place[a] for a in dict.fromkeys(plain)]].tolist()} if plain else {"atom": []}

    # ---- changes by hand -----------------------------------------------------------------------------------------

    def select_cluster(self, cluster: int | str) -> list[Any]:
        """Choose the sites of a cluster, given by number or name.

        Returns
        -------
        list
            Labels of its atoms.

        Raises
        ------
        ParameterError
            There is no such cluster.
        """
        found = [g for g in self.groups if cluster in (g.label, g.name)]
        if not found:
            some = ", ".join(g.name for g in self.groups[:12])
            raise ParameterError(f"there is no cluster {cluster!r}; there are {some or 'none yet'}.")
        with self.lock:
            self._pick(found[0].atoms, False)
        return list(self.selection["atom"])

    def merge(self) -> None:
        """Make one cluster of those that hold chosen sites.

        Raises
        ------
        ParameterError
            The chosen sites are in fewer than two clusters.
        """
        inside = self._chosen_clusters()
        if len(inside) < 2:
            raise ParameterError("merge needs sites in two clusters or more; choose them first, shift-click adds.")
        self._edit("merge", inside)

    def split(self) -> None:
        """Split the cluster that holds the chosen sites, where its sites merged last.

        Raises
        ------
        ParameterError
            The chosen sites are not in one cluster, or it has a single site.
        """
        inside = self._chosen_clusters()
        if len(inside) != 1:
            raise ParameterError(f"split needs sites of one cluster; the chosen ones are in {len(inside)}.")
        self._edit("split", inside[0])

    def rename(self, cluster: int, name: str) -> None:
        """Give a cluster another name.

        Raises
        ------
        ParameterError
            There is no such cluster, or the name is empty or used.
        """
        self._edit("rename", int(cluster), str(name).strip())

    def _chosen_clusters(self) -> list[int]:
        return sorted({int(k) for k in cluster_of(self)[self.chosen] if k >= 0})

    def undo(self) -> None:
        """Go back to the clusters and parameters before; while a run goes on, do nothing."""
        self._restore(None if self.worker.running else self.history.back(self._snapshot()))

    def redo(self) -> None:
        """Go forth again to what was undone; while a run goes on, do nothing."""
        self._restore(None if self.worker.running else self.history.forth(self._snapshot()))

    def close(self) -> None:
        """Stop what runs and remove the widget from every page."""
        viewer = getattr(self, "viewer", None)
        panels = [getattr(getattr(self, name, None), "view", None) for name in ("tree", "map")]
        Explorer.close(self)
        for part in (*panels, getattr(self, "rows", None), getattr(self, "unusual", None)):  # some are not in sight
            if part is not None:
                part.layout.close()
                part.close()
        if viewer is not None:
            viewer.close()
