"""Make data/graphene_transistor.nc: run ``python data/recipes/graphene_transistor.py`` at the top of the checkout."""

from pathlib import Path

import xarray as xr

from mi_widgets.datasets import make_spectral_map
from mi_widgets.io import write_netcdf


def make() -> xr.Dataset:
    """Give the map as it is stored: counts alone, as 16-bit integers; the parameters in ``history`` give the truth."""
    ds = make_spectral_map(shape=(64, 64), n_channels=129, counts=250.0, seed=284)[["spectra"]]
    ds["spectra"] = ds["spectra"].astype("uint16")
    return ds


if __name__ == "__main__":
    write_netcdf(make(), Path(__file__).parents[1] / "graphene_transistor.nc", overwrite=True)
