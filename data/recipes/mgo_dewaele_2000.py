"""Make data/mgo_dewaele_2000.nc: run ``python data/recipes/mgo_dewaele_2000.py`` at the top of the checkout.

The numbers are those of the table of Dewaele, Fiquet, Andrault and Hausermann, "P-V-T equation of state of periclase
from synchrotron radiation measurements", J. Geophys. Res. 105, 2869-2877 (2000), doi:10.1029/1999JB900364.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.io import write_netcdf

#: Temperature and its error (K), pressure and its error (GPa), volume of the cell and its error (angstrom**3).
TABLE = """
2015 181.5 20.5 1.2 70.816 0.007
2227 202.7 19.7 1.3 71.287 0.01
2474 227.4 21.3 1.5 71.765 0.007
2188 198.8 22.5 1.4 70.607 0.004
2000 180 23.9 1.4 70.061 0.008
2349 214.9 24.5 1.6 70.709 0.008
1900 170 31.3 1.6 67.626 0.005
2008 180.8 31.7 1.6 67.913 0.006
2097 189.7 31.4 1.7 67.412 0.004
1964 176.4 53 2.2 62.39 0.004
1750 155 25.5 1.3 68.441 0.002
2000 180 25 1.4 68.921 0.004
1934 173.4 24 1.4 69.183 0.003
2110 191 23.7 1.4 69.593 0.004
2160 196 24 1.4 69.592 0.004
1750 155 15.5 1 71.649 0.006
1927 172.7 16.2 1.1 71.923 0.005
1865 166.5 13.6 1 72.433 0.004
1870 167 51.86 2.2 62.362 0.003
1928 172.8 52.6 2.2 62.05 0.006
1900 170 52.1 2.2 62.368 0.006
2223 202.3 44.5 2.1 64.301 0.004
2050 185 42.6 2 64.369 0.004
2064 186.4 42.2 2 64.481 0.006
1950 175 41.5 1.9 64.394 0.007
1908 170.8 48 2.1 63.146 0.004
2066 186.6 48.4 2.2 62.866 0.006
2067 186.7 48.2 2.2 63.004 0.01
2050 185 48.2 2.2 63.151 0.006
1966 176.6 52.5 2.3 62.306 0.003
1849 164.9 51.6 2.3 62.204 0.003
1980 178 29.3 1.6 67.894 0.004
1950 175 28.3 1.5 68.242 0.006
2040 184 35 1.8 66.246 0.01
1975 177.5 35 1.8 66.025 0.008
2250 205 37 1.8 66.303 0.007
2210 201 34.8 1.7 66.468 0.005
2320 212 34.7 1.8 66.606 0.007
2374 217.4 34.2 1.8 66.782 0.011
2315 211.5 31.4 1.8 67.515 0.012
2200 200 43.6 2.1 64.274 0.005
300 10 36.2 1.1 63.687 0.004
300 10 39.2 1.2 62.663 0.003
300 10 44.7 1.4 61.778 0.003
300 10 24.3 0.7 66.118 0.004
300 10 19.5 0.6 67.608 0.002
300 10 15.7 0.5 68.798 0.002
300 10 12.9 0.4 69.696 0.004
300 10 0.8 0 74.13 0.004
300 10 11.5 0.4 70.139 0.002
300 10 0 0 74.744 0.01
300 10 15.1 0.5 69.182 0.008
300 10 17.9 0.5 68.392 0.003
300 10 22.6 0.7 66.874 0.006
300 10 29.1 0.9 65.168 0.003
300 10 33.5 1 63.786 0.003
300 10 34.3 1.1 63.891 0.008
300 10 20 0.6 67.226 0.003
300 10 21 0.7 67.332 0.005
300 10 26.6 0.8 65.637 0.002
300 10 27.1 0.8 65.544 0.006
"""
#: Pressures are printed to 0.1 GPa: an error printed as 0 is less than this.
ROUNDING = 0.05


def make() -> xr.Dataset:
    """Give the table as it is stored."""
    rows = np.array([[float(x) for x in line.split()] for line in TABLE.strip().splitlines()])
    units = {"temperature": "K", "pressure": "GPa", "volume": "angstrom**3"}
    out = xr.Dataset(coords={"point": ("point", np.arange(len(rows)), {"units": "1", "long_name": "point"})})
    for i, (name, unit) in enumerate(units.items()):
        error = rows[:, 2 * i + 1]
        error = np.maximum(error, ROUNDING) if name == "pressure" else error
        out[name] = ("point", rows[:, 2 * i], {"units": unit, "long_name": name})
        attrs = {"units": unit, "long_name": f"standard deviation of the {name}"}
        out[f"{name}_stderr"] = ("point", error, attrs)
    out.attrs = {
        "title": "MgO to 53 GPa and 2474 K",
        "source": "Dewaele, Fiquet, Andrault, Hausermann, J. Geophys. Res. 105, 2869 (2000)",
        "doi": "10.1029/1999JB900364",
        "n_atoms": 8.0,
        "molar_mass": 4 * 40.304,
    }
    return out


if __name__ == "__main__":
    write_netcdf(make(), Path(__file__).parents[1] / "mgo_dewaele_2000.nc", overwrite=True)
