"""A small potential, a model to be trained and snapshots for tests of EnvironmentExplorer: quick, wrong on purpose."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.potentials.snapshots import label_snapshots
from mi_widgets.runs import Part, collect

SIDE = 8.0


def make_snapshots(n_frames: int = 12, sizes: tuple[int, ...] = (12,), seed: int = 0) -> xr.Dataset:
    """Shaken grids of silicon and oxygen, with energies and forces of springs."""
    rng = np.random.default_rng(seed)
    positions, elements, forces, energies = [], [], [], []
    for i in range(n_frames):
        n = sizes[i % len(sizes)]
        grid = np.stack(np.meshgrid(*[np.arange(3.0)] * 3, indexing="ij"), -1).reshape(-1, 3)[:n] * SIDE / 3
        shift = 0.25 * rng.normal(size=grid.shape)
        positions.append(grid + shift + 1.0)
        elements.append(["Si"] * (n // 3) + ["O"] * (n - n // 3))
        forces.append(-2.0 * shift)
        energies.append(-5.0 * n + float((shift**2).sum()))
    info = {"temperature": (np.linspace(3000.0, 300.0, n_frames), "K")}
    return label_snapshots(positions, elements, energies, cell=np.eye(3) * SIDE, force=forces, info=info)


class Shells:
    """Sums of Gaussians over the distances to each element."""

    n_features = 12
    names = tuple(f"G2 {e} R={0.5 * k + 1:g}" for e in ("O", "Si") for k in range(6))

    def features(self, structures: Any, derivatives: bool = True) -> Any:
        rows = []
        for g in structures:
            d = g.positions[:, None] - g.positions[None]
            d = d - np.round(d / SIDE) * SIDE
            r = np.linalg.norm(d, axis=-1) + 99 * np.eye(len(d))
            rows.append(np.stack([np.exp(-((r - 1 - 0.5 * k) ** 2))[:, g.numbers == z].sum(1)
                                  for z in (8, 14) for k in range(6)], axis=1))  # fmt: skip
        return SimpleNamespace(values=np.concatenate(rows))


class Springs:
    """A fitted potential: forces off by a share, one atom in fifty outside its domain."""

    descriptor = Shells()
    training: xr.Dataset | None = None

    def __init__(self, error: float = 0.1) -> None:
        self.error = error

    def predict(self, snapshots: xr.Dataset) -> xr.Dataset:
        n, key = snapshots.sizes["environment"], snapshots["frame_of"].values * 31 + snapshots["atom_of"].values
        si = snapshots["element"].values == "Si"
        force = (1 + self.error) * snapshots["force"].values
        energy = np.where(si, -7.0, -4.0) + 0.1 * np.sin(key)
        per_atom, whole = ("environment", "axis"), snapshots["energy"].values
        ev = {"units": "eV"}
        return xr.Dataset({
            "energy": ("frame", whole + self.error, {**ev, "long_name": "energy"}),
            "energy_stderr": ("frame", np.full(whole.shape, 0.12), {**ev, "long_name": "standard error of the energy"}),
            "force": (per_atom, force, {"units": "eV/angstrom", "long_name": "force"}),
            "force_stderr": (per_atom, np.full((n, 3), 0.05), {"units": "eV/angstrom", "long_name": "standard error"}),
            "atomic_energy": ("environment", energy, {**ev, "long_name": "atomic energy"}),
            "atomic_energy_stderr": ("environment", 0.01 + 0.001 * (key % 97), {**ev, "long_name": "standard error"}),
            "outside": ("environment", (key % 50 == 7).astype(np.int8),
                        {"flag_values": [0, 1], "flag_meanings": "inside outside", "long_name": "training domain"}),
        })  # fmt: skip


@dataclass(frozen=True)
class Model:
    """Settings of a model whose errors halve with each epoch."""

    n_epochs: int = 5
    seconds: float = 0.0
    fails: bool = False

    def iter_fit(
        self, snapshots: xr.Dataset, *, validation: Any = None, seed: int = 0, resume: Any = None
    ) -> Iterator[Part]:
        errors = 0.5 ** np.arange(1.0, self.n_epochs + 1)
        for k in range(self.n_epochs):
            time.sleep(self.seconds)
            if self.fails and k == 2:
                raise ValueError("the weights are <b>gone</b>")
            made = Springs(float(errors[k]) + 1e-3 * seed)
            made.training = xr.Dataset({"force_rmse": ("epoch", errors[: k + 1], {"units": "eV/angstrom"})},
                                       {"epoch": np.arange(1, k + 2)})  # fmt: skip
            yield Part(k + 1, self.n_epochs, made)

    def fit(self, snapshots: xr.Dataset, **given: Any) -> Any:
        return collect(self.iter_fit(snapshots, **given))
