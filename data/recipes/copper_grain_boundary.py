"""Make data/copper_grain_boundary.nc: run ``python data/recipes/copper_grain_boundary.py`` at the top of the checkout.

It relaxes the 2,340 translations that symmetry leaves of 17,280, with NumPy and SciPy, in two processes: one to two
minutes.
"""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.datasets._bicrystal import LATTICE, PERIOD, fold, relax
from mi_widgets.datasets._grain_boundary import STEPS, landscape
from mi_widgets.io import write_netcdf


def energy(number: tuple[int, int, int]) -> float:
    """Energy (J/m2) of the translation of these numbers of steps."""
    i, j, k = number
    return relax(i * PERIOD[0] / STEPS[0], j * PERIOD[1] / STEPS[1], k * LATTICE / 20).energy


def make(n_processes: int = 2) -> xr.Dataset:
    """Give the pool as it is stored."""
    folded = {}
    for i, j in np.ndindex(*STEPS[:2]):
        x, y, _ = fold(i * PERIOD[0] / STEPS[0], j * PERIOD[1] / STEPS[1])
        folded[i, j] = round(x / PERIOD[0] * STEPS[0]), round(y / PERIOD[1] * STEPS[1])
    wanted = [(*place, k) for place in sorted(set(folded.values())) for k in range(STEPS[2])]
    if n_processes > 1:
        with ProcessPoolExecutor(n_processes) as pool:
            values = list(pool.map(energy, wanted, chunksize=20))
    else:
        values = [energy(number) for number in wanted]
    found = dict(zip(wanted, values, strict=True))
    table = np.array([found[*folded[i, j], k] for i, j, k in np.ndindex(*STEPS)])
    return landscape(table.reshape(STEPS))


if __name__ == "__main__":
    write_netcdf(make(), Path(__file__).parents[1] / "copper_grain_boundary.nc", overwrite=True)
