"""Which orbitals and spins stand for themselves in a comparison of sites."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.dos._kernels import group_sums
from mi_widgets.errors import ParameterError

__all__ = ["channels", "orbital_groups", "quantum_letter"]

_LETTER = re.compile(r"^([spdfgh])(?:[_\-.0-9xyz(].*|)$")


def quantum_letter(orbital: str) -> str:
    """``p`` for ``p_y``, ``p_3/2`` and ``p``; other names stand for themselves."""
    found = _LETTER.match(orbital)
    return found.group(1) if found else orbital


def orbital_groups(names: Sequence[str], orbitals: str | Sequence[str], *, who: str) -> dict[str, list[int]]:
    """Positions of the orbitals that are summed, by the name of their sum."""
    if isinstance(orbitals, str) and orbitals == "sum":
        return {"sum": list(range(len(names)))}
    if isinstance(orbitals, str) and orbitals == "resolved":
        return {name: [k] for k, name in enumerate(names)}
    groups: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        groups.setdefault(quantum_letter(name), []).append(k)
    if isinstance(orbitals, str) and orbitals == "l":
        return groups
    chosen: dict[str, list[int]] = {}
    for name in [orbitals] if isinstance(orbitals, str) else orbitals:
        if name in names:
            chosen[str(name)] = [k for k, known in enumerate(names) if known == name]
        elif name in groups:
            chosen[str(name)] = groups[name]
        else:
            raise ParameterError(
                f"{who}: there is no orbital {name!r}; write 'l' (sums over m), 'resolved', 'sum', or some of "
                f"{', '.join(dict.fromkeys([*groups, *names]))}."
            )
    if not chosen:
        raise ParameterError(f"{who}: no orbital is chosen; write orbitals='l', 'resolved' or 'sum'.")
    return chosen


def channels(pdos: xr.DataArray, orbitals: str | Sequence[str], spin: str, *, who: str) -> tuple[np.ndarray, list[str]]:
    """Array (atom, channel, energy) and the names of the channels."""
    if spin not in ("sum", "resolved"):
        raise ParameterError(f"{who}: spin must be 'sum' or 'resolved'; got {spin!r}.")
    spins: list[str] = []
    if "spin" in pdos.dims:
        if spin == "sum":
            pdos = pdos.sum("spin", skipna=False)
        else:
            spins = [str(v) for v in pdos["spin"].values] if "spin" in pdos.coords else ["up", "down"]
            pdos = pdos.transpose("atom", *[d for d in ("orbital",) if d in pdos.dims], "spin", "energy")
    if "orbital" not in pdos.dims:
        pdos = pdos.expand_dims(orbital=["sum"], axis=1)
    names = [str(v) for v in pdos["orbital"].values] if "orbital" in pdos.coords else _numbered(pdos)
    groups = orbital_groups(names, orbitals, who=who)
    values: Any = group_sums(np.asarray(pdos.values), list(groups.values()))
    labels = list(groups)
    if spins:
        values = values.reshape(values.shape[0], -1, values.shape[-1])
        labels = [f"{name} {s}" for name in labels for s in spins]
    return np.asarray(values), labels


def _numbered(pdos: xr.DataArray) -> list[str]:
    return [f"orbital {k}" for k in range(pdos.sizes["orbital"])]
