"""Small data sets that come with the package."""

import xarray as xr

from mi_widgets._share import share_path
from mi_widgets.datasets._registry import entry
from mi_widgets.io import read_netcdf

__all__ = ["load_spectral_map"]


def load_spectral_map() -> xr.Dataset:
    """Load the bundled map: C 1s of a graphene transistor, 64 x 64 pixels, 129 channels, 250 counts; synthetic.

    ``make_spectral_map(shape=(64, 64), n_channels=129, counts=250.0, seed=284)`` gives the same counts, and the truth.

    Returns
    -------
    xarray.Dataset
        ``spectra`` (y, x, energy) in count, as floats; coordinates ``y`` and ``x`` in um, ``energy`` in eV.

    Raises
    ------
    MIWidgetsError
        The bundled data are missing: the installation is incomplete.
    FileFormatError
        The bundled file is damaged.

    Examples
    --------
    >>> dict(load_spectral_map().spectra.sizes)
    {'y': 64, 'x': 64, 'energy': 129}
    """
    ds = read_netcdf(share_path("data") / entry("graphene_transistor")["file"])
    return ds.assign(spectra=ds["spectra"].astype(float))
