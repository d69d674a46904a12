"""Taking clusters away: all of them as netCDF, one line for each site as CSV, the slab as a page."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.widgets._export import ExportBar

__all__ = ["ClusterExport", "site_table"]

_SLAB = "slab (HTML page)"


def site_table(result: xr.Dataset) -> xr.Dataset:
    """The variables and coordinates over ``atom`` of a result, and the name of the cluster of each site."""
    keep = [n for n in result.variables if result[n].dims == ("atom",)]
    names = np.append(result["cluster_name"].values.astype(str), "")  # -1 is no cluster
    table = result[keep].drop_vars([c for c in result.coords if c not in keep], errors="ignore")
    return table.assign(cluster_name=("atom", names[result["cluster"].values], {"long_name": "name of the cluster"}))


class ClusterExport(ExportBar):
    """The row of buttons with what clusters need.

    Parameters
    ----------
    slab : callable or None
        Gives the page of the slab.
    """

    def __init__(self, stem: str, *, slab: Callable[[], str] | None, **more: Any) -> None:
        super().__init__(stem, **more)
        self._slab = slab
        if slab is not None:
            self.kind.options = [*self.kind.options[:-1], (_SLAB, "html:slab"), self.kind.options[-1]]

    def _content(self, kind: str, view: str) -> bytes:
        if kind == "html" and view == "slab" and self._slab is not None:
            return self._slab().encode()
        if kind != "csv":
            return super()._content(kind, view)
        from mi_widgets.widgets._export import _file_bytes

        result = self._result()
        if result is None:
            raise DataError("there is no result yet; cluster first.")
        return _file_bytes(site_table(result), kind)
