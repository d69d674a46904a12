"""Make data/silica_snapshots.nc: run ``python data/recipes/silica_melts.py`` at the top of the checkout (20 s).

Five melts of 72 atoms of SiO2, each from places and velocities of its own, are cooled from 4500 to 300 K in 20 ps at
2.2 g/cm3 with the potential of Tsuneyuki et al., doi:10.1103/PhysRevLett.61.869. Positions are rounded to what the file
holds before energies and forces are computed. On another processor the paths differ after some picoseconds.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.io import write_netcdf
from mi_widgets.potentials import TTAM, melt_quench
from mi_widgets.potentials.snapshots import label_snapshots

SEEDS = (100, 101, 102, 103, 104)


def make() -> xr.Dataset:
    """Give the snapshots as they are stored."""
    frames = []
    for melt, seed in enumerate(SEEDS):
        run = melt_quench(n_atoms=72, rate=210.0, melt_time=4.0, hold_time=0.0, every=250, seed=seed)
        run = run.isel(frame=np.flatnonzero(run.stage == "quench"))
        edge = float(run.cell[0, 0])
        run["position"] = np.mod(run.position, edge).astype(np.float32).astype(float).assign_attrs(run.position.attrs)
        found = TTAM().evaluate(run)
        names = ["energy", "force", "stress"]
        frames.append(run[["position", "cell", "target_temperature"]].assign({n: found[n] for n in names}))
        frames[-1] = frames[-1].drop_vars(["frame", "time", "stage"]).assign_coords(melt=("frame", np.full(80, melt)))
    every = xr.concat(frames, dim="frame", data_vars="different", coords="different", compat="equals", join="exact")
    ds = label_snapshots(
        every.position.transpose("frame", "atom", "axis").values,
        every.element.values,
        every.energy.values,
        cell=frames[0].cell.values,
        force=every.force.transpose("frame", "atom", "axis").values,
        stress=every.stress.values,
        info={"melt": (every.melt.values, "1"), "temperature": (every.target_temperature.values, "K")},
    )
    for name in ("position", "force"):
        ds[name] = ds[name].astype(np.float32).assign_attrs(ds[name].attrs)
    number = np.where(ds.element == "Si", 14, 8).astype(np.int8)  # 28,800 texts would be twice as large as the rest
    attrs = {"units": "1", "long_name": "atomic number"}
    ds = ds.drop_vars("element").assign_coords(number=("environment", number, attrs))
    ds.attrs |= {
        "title": "Snapshots of molten and vitreous silica",
        "source": "computed for mi_widgets: TTAM, synthetic",
        "references": "10.1103/PhysRevLett.61.869",
    }
    return ds


if __name__ == "__main__":
    write_netcdf(make(), Path(__file__).parents[1] / "silica_snapshots.nc", overwrite=True)
