"""From the parameters of DOSClusterer to the public calls, and to the lines that make them."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from mi_widgets.widgets._dos_params import COMPUTE, DEFAULTS

__all__ = ["apply_edits", "cluster_code", "cluster_options", "map_options", "prepare", "window_of"]

_LEFT_OUT = ("reference",)  # is no keyword of the clustering


def cluster_options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of `mi_widgets.dos.cluster` that are no defaults; a tuple is what it takes for a window."""
    out = {n: params[n] for n in (*COMPUTE, "cut") if n not in _LEFT_OUT and params[n] != DEFAULTS[n]}
    if "cut" in out:  # without a name it would be a share of states
        out["metric"] = params["metric"]
    if isinstance(out.get("window"), list):
        out["window"] = tuple(out["window"])
    return out


def map_options(params: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Keyword arguments of `mi_widgets.dos.embed`: all of them, as its defaults are not those of the clustering."""
    names = ["window", "broadening", "orbitals", "spin", *(["metric", "shift"] if method == "mds" else [])]
    out = {n: tuple(params[n]) if isinstance(params[n], list) else params[n] for n in names}
    # where elements are kept apart, nothing would be seen but the elements
    return out | ({"elements": "together"} if method == "mds" else {})


def window_of(params: Mapping[str, Any], fermi: float, axis: tuple[float, float]) -> tuple[float | None, float | None]:
    """Energies between which states are compared; None is the end of the axis."""
    window = params["window"]
    if isinstance(window, list):
        return window[0], window[1]
    return None, fermi if window is None and axis[0] < fermi < axis[1] else None


def prepare(ds: xr.Dataset, params: Mapping[str, Any]) -> xr.Dataset:
    """The data with energies from their reference."""
    from mi_widgets import dos

    return ds if params["reference"] is None else dos.align(ds, params["reference"])


def apply_edits(result: xr.Dataset, edits: list[list[Any]]) -> xr.Dataset:
    """What was merged, split and renamed by hand, in this order."""
    from mi_widgets import dos

    for kind, which, *more in edits:
        if kind == "merge":
            result = dos.merge_clusters(result, which)
        elif kind == "split":
            result = dos.split_cluster(result, which)
        else:
            result = dos.rename(result, {which: more[0]})
    return result


def cluster_code(params: Mapping[str, Any]) -> str:
    """Lines that give the result from ``ds``."""
    lines = ["from mi_widgets import dos, io", "", "# ds = io.read_pdos(path)   <- put the name of your Dataset here"]
    data = "ds"
    if params["reference"] is not None:
        lines.append(f"aligned = dos.align(ds, {params['reference']!r})")
        data = "aligned"
    options = "".join(f", {name}={value!r}" for name, value in cluster_options(params).items())
    lines.append(f"result = dos.cluster({data}{options})")
    for kind, which, *more in params["edits"]:
        lines.append({
            "merge": f"result = dos.merge_clusters(result, {which!r})",
            "split": f"result = dos.split_cluster(result, {which!r})",
            "rename": f"result = dos.rename(result, {{{which!r}: {more[0] if more else ''!r}}})",
        }[kind])  # fmt: skip
    return "\n".join(lines)
