"""Make data/silica_glass.nc: run ``python data/recipes/silica_glass.py`` at the top of the checkout (30 s).

216 atoms of SiO2 are cooled from 4500 to 300 K at 100 K/ps and 2.2 g/cm3 with the potential of Tsuneyuki et al.,
doi:10.1103/PhysRevLett.61.869, and held for 2 ps: the last frame. On another processor the path differs.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.io import write_netcdf
from mi_widgets.potentials import TTAM, melt_quench

SEED = 1


def make() -> xr.Dataset:
    """Give the glass as it is stored."""
    glass = melt_quench(n_atoms=216, rate=100.0, every=1000, seed=SEED).isel(frame=-1)
    glass = glass[["position", "cell", "pbc", "velocity"]].drop_vars(["frame", "time", "target_temperature", "stage"])
    glass["position"] = np.mod(glass.position, float(glass.cell[0, 0])).assign_attrs(
        units="angstrom", long_name="position"
    )
    found = TTAM().evaluate(glass)
    glass = glass.assign({name: found[name] for name in ("energy", "force", "stress")})
    glass.attrs = {
        "title": "Vitreous silica at 300 K, cooled at 100 K/ps",
        "source": "computed for mi_widgets: TTAM, synthetic",
        "references": "10.1103/PhysRevLett.61.869",
    }
    return glass


if __name__ == "__main__":
    write_netcdf(make(), Path(__file__).parents[1] / "silica_glass.nc", overwrite=True)
