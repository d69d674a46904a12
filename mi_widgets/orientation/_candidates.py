"""Names of candidate models: ``uniform``, ``1``, ``1+u``, ``2`` and on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError

__all__ = ["Candidate", "named", "simplest"]

MOST = 8


@dataclass(frozen=True)
class Candidate:
    """A mixture of so many components, with or without a uniform part."""

    n_components: int
    uniform: bool

    @property
    def name(self) -> str:
        """``uniform``, ``2`` or ``2+u``."""
        return "uniform" if self.n_components == 0 else f"{self.n_components}{'+u' if self.uniform else ''}"

    def contains(self, other: "Candidate") -> bool:
        """Whether every distribution of `other` is one of this."""
        room = self.n_components - other.n_components
        return room >= 0 and self != other and (self.uniform or not other.uniform or room > 0)


def named(candidates: Sequence[str] | None, max_components: int, *, who: str) -> list[Candidate]:
    """Candidates in the order given, each once; by default up to `max_components`, the last without a uniform part."""
    if candidates is None:
        each = [Candidate(k, u) for k in range(1, max_components + 1) for u in (False, True)]
        return [Candidate(0, True), *each[:-1]]
    if isinstance(candidates, str) or not candidates:
        raise ParameterError(f"{who}: candidates must be a list such as ['uniform', '1', '2+u']; got {candidates!r}.")
    return list(dict.fromkeys(_one(name, who) for name in candidates))


def _one(name: Any, who: str) -> Candidate:
    if name == "uniform":
        return Candidate(0, True)
    match = re.fullmatch(r"(\d+)(\+u)?", name) if isinstance(name, str) else None
    if match is None or not 1 <= int(match[1]) <= MOST:
        raise ParameterError(
            f"{who}: unknown candidate {name!r}; write 'uniform', a number of components from '1' to '{MOST}', or with "
            "a uniform part '1+u'."
        )
    return Candidate(int(match[1]), match[2] is not None)


def simplest(values: Any, n_parameters: Any, *, within: float) -> int:
    """Place of the model with the fewest parameters among those at most `within` above the least; -1 for none."""
    value, count = np.asarray(values, dtype=float), np.asarray(n_parameters)
    if not np.isfinite(value).any():
        return -1
    near = np.flatnonzero(value <= np.nanmin(value) + within)
    return int(min(near, key=lambda k: (count[k], value[k])))
