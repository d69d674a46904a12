"""Files to labelled arrays and back: one small module per family of formats."""

from mi_widgets.io._angles import read_angles
from mi_widgets.io._csv import write_csv
from mi_widgets.io._hyperspy import from_hyperspy, to_hyperspy
from mi_widgets.io._impedance import read_impedance
from mi_widgets.io._nexus import write_nexus
from mi_widgets.io._pdos import read_pdos
from mi_widgets.io._read import list_formats, read_netcdf, read_spectra
from mi_widgets.io._write import write_netcdf, write_zarr

__all__ = [
    "from_hyperspy",
    "list_formats",
    "read_angles",
    "read_impedance",
    "read_netcdf",
    "read_pdos",
    "read_spectra",
    "to_hyperspy",
    "write_csv",
    "write_netcdf",
    "write_nexus",
    "write_zarr",
]
