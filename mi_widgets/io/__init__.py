"""Files to labelled arrays and back: one small module per family of formats."""

from mi_widgets.io._read import list_formats, read_netcdf, read_spectra
from mi_widgets.io._write import write_csv, write_netcdf

__all__ = ["list_formats", "read_netcdf", "read_spectra", "write_csv", "write_netcdf"]
