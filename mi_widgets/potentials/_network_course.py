"""The course of a training: errors over its epochs, which was the best, and whether it goes on getting better."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.history import origin

__all__ = ["Course", "loss_of"]


def loss_of(held: Mapping[str, float], weights: tuple[float, float]) -> float:
    """Loss of validation frames."""
    loss = weights[0] * held["energy"] ** 2
    return float(loss + weights[1] * held["force"] ** 2) if np.isfinite(held["force"]) else float(loss)


_COLUMNS = {
    "energy_rmse": ("eV", "validation RMSE of energies per atom"),
    "force_rmse": ("eV/angstrom", "validation RMSE of force components"),
    "training_energy_rmse": ("eV", "training RMSE of energies per atom"),
    "training_force_rmse": ("eV/angstrom", "training RMSE of force components"),
    "learning_rate": ("1", "learning rate"),
}


@dataclass
class Course:
    """Errors of each epoch.

    Attributes
    ----------
    epoch : list of int
    rows : list of tuple
        As in the columns of the Dataset.
    best : float
        Lowest validation loss.
    best_epoch : int
    """

    epoch: list[int] = field(default_factory=list)
    rows: list[tuple[float, ...]] = field(default_factory=list)
    best: float = np.inf
    best_epoch: int = 0

    def add(
        self, epoch: int, learnt: tuple[float, float, float], held: Mapping[str, float], weights: tuple[float, float]
    ) -> bool:
        """Note an epoch; whether it is the best so far."""
        self.epoch.append(epoch)
        self.rows.append((held["energy"], held["force"], *learnt))
        loss = loss_of(held, weights)
        if not loss < self.best:
            return False
        self.best, self.best_epoch = float(loss), epoch
        return True

    def stalled(self, patience: int) -> bool:
        """Tell whether nothing got better for too long."""
        return bool(self.epoch) and self.epoch[-1] - self.best_epoch >= patience

    def dataset(self, seed: int, snapshots: xr.Dataset) -> xr.Dataset:
        """The errors over the epochs."""
        table = np.array(self.rows, dtype=float).reshape(-1, len(_COLUMNS))
        ds = xr.Dataset(
            {
                name: ("epoch", table[:, i], {"units": units, "long_name": text})
                for i, (name, (units, text)) in enumerate(_COLUMNS.items())
            },
            {"epoch": ("epoch", np.array(self.epoch, dtype=int), {"units": "1", "long_name": "epoch"})},
        )
        given: dict[str, Any] = {"seed": int(seed), "n_frames": snapshots.sizes["frame"]}
        where = origin("potentials.Network.fit", "course of a training", given, of=snapshots)
        ds.attrs = {**where, "best_epoch": self.best_epoch, "best_loss": self.best}
        return ds

    @classmethod
    def of(cls, training: xr.Dataset) -> "Course":
        """From the Dataset."""
        rows = [tuple(map(float, r)) for r in np.stack([training[n].values for n in _COLUMNS], axis=1)]
        best, epoch = training.attrs["best_loss"], training.attrs["best_epoch"]
        return cls([int(e) for e in training["epoch"].values], rows, float(best), int(epoch))
