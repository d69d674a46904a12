"""What drives a molecular junction: clusters of spectra, the few variables that matter, and the junction itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import ipywidgets as ipw
import xarray as xr

from mi_widgets import transmission
from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.runs import Part
from mi_widgets.transmission._check import check_features, check_spectra
from mi_widgets.widgets._study import Field
from mi_widgets.widgets._transmission_base import TransmissionBase
from mi_widgets.widgets._transmission_panels import MOST_CLUSTERS

__all__ = ["TransmissionExplorer"]

_VALIDATIONS = [("by the formula", "approximate"), ("in 10 folds", "k_fold"), ("one by one (slow)", "leave_one_out")]
_RULES = [
    ("sparsest within an error", "one_stderr"), ("sparsest minimum", "sparsest_minimum"), ("lowest error", "lowest"),
]  # fmt: skip


class TransmissionExplorer(TransmissionBase):
    """See which spectra of molecular junctions are alike, and which variables drive each cluster at each energy.

    Click on a curve, a point or a row to choose a cluster or a junction; on the map to choose a variable and an energy:
    the variable is drawn on the junction.

    Parameters
    ----------
    data : xarray.Dataset
        ``transmission`` (junction, energy), 1, and ``features`` (junction, variable); ``position`` (junction, atom,
        axis) and ``element`` (atom) where junctions are to be seen; coordinates as those of
        `mi_widgets.datasets.make_molecular_junctions`.
    params : mapping, optional
        Parameters that differ from the defaults: ``n_clusters``, ``response``, ``distances``, ``validation``, ``rule``,
        ``n_penalties`` as in `mi_widgets.transmission.sparse_regression`, and ``every``: every n-th energy is
        explained.
    threaded : bool, default True
        As for every `Explorer`.

    Attributes
    ----------
    selection : dict
        Labels ``{"junction": […], "variable": […], "energy": […], "cluster_label": […]}``.
    result : xarray.Dataset or None
        Of `mi_widgets.transmission.sparse_regression`.
    clusters : xarray.Dataset
        Of `mi_widgets.transmission.cluster_spectra` for the present parameters.
    viewer : StructureViewer or None
        The junction that is shown; frames are junctions.

    Raises
    ------
    LabelError, DataError
        The data are not as above.
    ParameterError
        A parameter is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets.widgets.transmission import TransmissionExplorer  # doctest: +SKIP
    >>> TransmissionExplorer(datasets.make_molecular_junctions())  # doctest: +SKIP
    """

    title, run_label, unit, data_name = "Transmission", "Find what drives them", "energies", "ds"
    run_tooltip = "For each cluster and energy, find the few variables that the transmission depends on"
    points_at = ("cluster_label", "junction", "variable", "energy")
    fields = (
        Field("n_clusters", 3, "clusters", "Number of clusters of spectra", kind="integer", low=1, high=MOST_CLUSTERS),
        Field("response", "log10", "compared", "What is compared and explained", kind="choice",
              options=[("log T", "log10"), ("T", "transmission")], width="90px"),
        Field("distances", "linear", "distances as", "How distances enter", kind="choice",
              options=[("they are", "linear"), ("exp(-d)", "exponential")], width="100px"),
        Field("every", 4, "every n-th energy", "Explain every n-th energy: fewer are quicker", kind="integer", low=1,
              high=200),
        Field("n_penalties", 10, "penalties", "Penalties that are tried, over two decades", kind="integer", low=3,
              high=100),
        Field("validation", "approximate", "error of those left out", "How the error of junctions left out is found",
              kind="choice", options=_VALIDATIONS, width="150px"),
        Field("rule", "one_stderr", "penalty", "Which penalty is chosen", kind="choice", options=_RULES, width="205px"),
    )  # fmt: skip

    def __init__(self, data: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        who = "TransmissionExplorer"
        check_features(data, who=who)
        check_spectra(data, who=who)
        if "junction" not in data.coords:
            n = data.sizes["junction"]
            raise LabelError(f"{who}: junctions need labels. Write ds.assign_coords(junction=range({n})).")
        super().__init__(data, params=params, threaded=threaded)

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        n = self.data.sizes["junction"]
        if params["n_clusters"] > n:
            raise ParameterError(f"n_clusters must not be more than the {n} junctions; got {params['n_clusters']}.")
        return params

    def _options(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {k: params[k] for k in ("response", "distances", "validation", "rule", "n_penalties")}

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        clusters = self._clusters_of(params)
        some = self.data.isel(energy=slice(None, None, params["every"]))
        return transmission.iter_sparse_regression(some, clusters, **self._options(params))

    def _compare_parts(self, params: dict[str, Any]) -> Iterator[Part]:
        cluster, energy = self.cluster, self.energy
        self._comparing = dict(params)
        given = {k: v for k, v in self._options(params).items() if k in ("response", "distances")}
        clusters = self._clusters_of(params)
        where: dict[str, Any] = {"cluster": cluster, "energy": energy}
        found = transmission.compare_validations(self.data, clusters, **where, **given)
        yield Part(1, 1, (cluster, energy, found), message="formula, folds and one by one")

    def _make_code(self) -> str:
        p = self.params
        options = ", ".join(f"{k}={v!r}" for k, v in self._options(p).items())
        every = f".isel(energy=slice(None, None, {p['every']}))" if p["every"] > 1 else ""
        given = f"n_clusters={p['n_clusters']}, response={p['response']!r}"
        lines = [
            "from mi_widgets import transmission",
            "",
            "# ds = datasets.make_molecular_junctions()   <- put the name of your Dataset here",
            f"clusters = transmission.cluster_spectra({self.data_name}, {given})",
            f"result = transmission.sparse_regression({self.data_name}{every}, clusters, {options})",
        ]
        return "\n".join(lines)

    def _clusters_of(self, params: Mapping[str, Any]) -> xr.Dataset:
        """Clusters for some parameters; those found last are kept."""
        key = (params["n_clusters"], params["response"])
        if key not in self._found:
            made = transmission.cluster_spectra(self.data, n_clusters=key[0], response=key[1])
            self._found = dict(list(self._found.items())[-3:]) | {key: made}
        return self._found[key]

    def compare(self, wait: bool = False) -> None:
        """Find the error at the chosen cluster and energy by the formula, in folds and one by one.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended.
        """
        if self.cluster is None or self.energy is None:
            raise ParameterError("compare needs a cluster and an energy: click on the map, or set selection.")
        self._launch(self._compare_parts, self._take_compared, wait)

    def _make_page(self) -> ipw.Widget:
        return self._page()
