"""What descriptors give to models: values of environments, and products with their derivatives."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from mi_widgets.potentials._rows import Dense

__all__ = ["Features", "Geometry"]


class Geometry(NamedTuple):
    """One structure as plain arrays.

    Attributes
    ----------
    numbers : (n_atoms,)
        Atomic numbers.
    positions : (n_atoms, 3)
        Angstrom, inside the cell or not.
    cell : (3, 3)
        Rows are vectors (angstrom); zero where there is none.
    pbc : (3,) bool
    """

    numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray


class Features(Protocol):
    """Features of the environments of some frames, one after another.

    With J = d values / d positions the products are all that a model needs: dE/dG goes to `pull`, which gives forces;
    a residual of forces goes to `push`, which gives what the gradient of a loss over forces needs.

    Attributes
    ----------
    values : (n_env, n_features) float64
    offsets : (n_frames + 1,)
        Where the environments of each frame begin.
    numbers : (n_env,)
        Atomic numbers.
    """

    values: np.ndarray
    offsets: np.ndarray
    numbers: np.ndarray

    def pull(
        self, weights: np.ndarray, frames: Sequence[int] | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Forces and virials of an energy whose derivatives by the features are known.

        Parameters
        ----------
        weights : (n_env_sel, n_features)
            dE/dG of the environments of the chosen frames.
        frames : sequence of int, optional
            Frames, in any order; by default all.

        Returns
        -------
        forces : (n_env_sel, 3)
            -J^T weights.
        virial : (n_frames_sel, 3, 3)
            -dE/dstrain (eV): stress = -virial / volume, positive under tension.
        """

    def push(self, vectors: np.ndarray, frames: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Change of the features when atoms move along vectors: J vectors.

        Parameters
        ----------
        vectors : (n_env_sel, 3)
        frames : sequence of int, optional

        Returns
        -------
        (n_env_sel, n_features)
        """

    def select(self, frames: Sequence[int] | np.ndarray) -> "Features":
        """Some of the frames; what is stored is shared."""

    def dense(self, frame: int) -> Dense:
        """Derivatives of one frame, dense in the features, for kernel methods."""
