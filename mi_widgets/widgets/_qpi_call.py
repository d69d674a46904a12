"""The public calls behind QPIExplorer, and the lines that say the same."""

from collections.abc import Iterator, Mapping
from typing import Any

import xarray as xr

from mi_widgets.runs import Part

__all__ = ["ANALYSIS", "PLANE", "SAMPLING", "iter_study", "sample", "study_code"]

#: Parameters that choose pixels, the q plane, and the rest of the study.
SAMPLING = ("kind", "n_pixels", "step", "region", "seed")
PLANE = ("q_max", "n_q")
ANALYSIS = ("n_rings", "n_penalties", "n_folds", "rule", "solver", "seed")
GIVEN = "given"


def _sampling(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `qpi.sample_pixels` that say something for this kind of sampling."""
    kind = params["kind"]
    out: dict[str, Any] = {}
    if kind in ("random", "centre") and params["n_pixels"] is not None:
        out["n_pixels"] = params["n_pixels"]
    if kind == "grid":
        out["step"] = params["step"]
    if params["region"] is not None:
        out["region"] = {d: tuple(v) for d, v in params["region"].items()}
    if kind == "random":
        out["seed"] = params["seed"]
    return out


def sample(da: xr.DataArray, given: xr.DataArray | None, params: Mapping[str, Any]) -> xr.DataArray:
    """Pixels that these parameters choose."""
    from mi_widgets import qpi

    if params["kind"] == GIVEN and given is not None:
        return given
    return qpi.sample_pixels(da, params["kind"], **_sampling(params))


def iter_study(da: xr.DataArray, given: xr.DataArray | None, params: Mapping[str, Any]) -> Iterator[Part]:
    """The study part by part."""
    from mi_widgets import qpi

    options = {name: params[name] for name in (*PLANE, *ANALYSIS)}
    return qpi.iter_analyze(da, sample(da, given, params), **options)


def study_code(params: Mapping[str, Any]) -> str:
    """Lines that give the result without a widget."""
    options = ", ".join(f"{name}={params[name]!r}" for name in (*PLANE, *ANALYSIS))
    lines = ["from mi_widgets import qpi", ""]
    if params["kind"] != GIVEN:
        more = "".join(f", {name}={value!r}" for name, value in _sampling(params).items())
        lines.append(f"sampled = qpi.sample_pixels(da, {params['kind']!r}{more})")
    lines.append(f"result = qpi.analyze(da, sampled, {options})")
    return "\n".join(lines)
