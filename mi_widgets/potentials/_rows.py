"""Bookkeeping of frames that the features of all descriptors share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mi_widgets.errors import DataError

__all__ = ["Dense", "Rows", "ValuesOnly"]

_NO_DERIVATIVES = "these features have no derivatives; ask for them: descriptor.features(..., derivatives=True)."


class Dense(NamedTuple):
    """Derivatives of one frame, dense in the features.

    Attributes
    ----------
    centre : (n_rows,)
        Environment that changes.
    incidence : sparse (n_atoms, n_rows)
        Forces are incidence @ (by_move . dE/dG of the centre).
    by_move : (n_rows, 3, n_features) float32
    by_strain : (n_atoms, 3, 3, n_features) float32
        Virial is the sum over atoms of -by_strain . dE/dG.
    """

    centre: np.ndarray
    incidence: Any
    by_move: np.ndarray
    by_strain: np.ndarray


class Rows:
    """Bookkeeping of frames that all kinds of features share."""

    def __init__(self, values: np.ndarray, offsets: np.ndarray, numbers: np.ndarray, frames: np.ndarray) -> None:
        self.values, self.offsets, self.numbers = values, offsets, numbers
        self._frames = frames  # in what is stored

    def _chosen(self, frames: Sequence[int] | np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Positions of frames among ours, and where their rows begin in the answer."""
        chosen = np.arange(len(self._frames)) if frames is None else np.asarray(frames, dtype=np.int64).reshape(-1)
        sizes = np.diff(self.offsets)[chosen]
        return chosen, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def _cut(self, frames: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        chosen, to = self._chosen(frames)
        rows = [np.arange(self.offsets[c], self.offsets[c + 1]) for c in chosen]
        at = np.concatenate(rows) if rows else np.empty(0, np.int64)
        return self.values[at], to, self.numbers[at], self._frames[chosen]


class ValuesOnly(Rows):
    """Features without derivatives."""

    def pull(self, *_args: Any, **_kwargs: Any) -> tuple[np.ndarray, np.ndarray]:
        """Refuse: there are no derivatives."""
        raise DataError(_NO_DERIVATIVES)

    def push(self, *_args: Any, **_kwargs: Any) -> np.ndarray:
        """Refuse: there are no derivatives."""
        raise DataError(_NO_DERIVATIVES)

    def dense(self, *_args: Any, **_kwargs: Any) -> Dense:
        """Refuse: there are no derivatives."""
        raise DataError(_NO_DERIVATIVES)

    def select(self, frames: Sequence[int] | np.ndarray) -> "ValuesOnly":
        """Some of the frames."""
        return ValuesOnly(*self._cut(frames))
