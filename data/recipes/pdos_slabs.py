"""Make data/pdos_*.nc: run ``python data/recipes/pdos_slabs.py`` at the top of the checkout, or with the names wanted.

Each is one run of pw.x and one of projwfc.x on an ideal, unrelaxed slab (minutes on one core). Debian has
what it takes: ``apt-get install quantum-espresso libopenblas0``; without OpenBLAS it takes seven times as long. Folders
of outputs go below $PDOS_SCRATCH (default: /tmp/pdos_slabs), and one that is complete is not computed again.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import _slab_espresso
import _slab_sites
import _slab_structures
import numpy as np
import xarray as xr

from mi_widgets import __version__
from mi_widgets.io import write_netcdf
from mi_widgets.io._pdos import read_pdos

LDA = {
    "Mg": ("Mg.pz-n-vbc.UPF", 2),
    "O": ("O.pz-rrkjus.UPF", 6),
    "C": ("C.pz-rrkjus.UPF", 4),
    "Ti": ("Ti.pz-sp-van_ak.UPF", 12),
    "H": ("H.pz-vbc.UPF", 1),
    "Cu": ("Cu.pz-d-rrkjus.UPF", 11),
}
PBE = {
    "C": ("C.pbe-rrkjus.UPF", 4),
    "O": ("O.pbe-rrkjus.UPF", 6),
    "H": ("H.pbe-kjpaw.UPF", 1),
    "N": ("N.pbe-n-rrkjus_psl.1.0.0.UPF", 5),
}
METAL = {"smearing": 0.02, "empty": 0.2, "k_points": "automatic\n2 2 1 1 1 0"}
# cutoffs in Ry; energies in eV; at the Gamma point unless k_points says else
SLABS: dict[str, dict[str, Any]] = {
    "mgo_step": {"pseudo": LDA, "cutoff": 25, "density_cutoff": 150, "low": -40, "high": 10, "convergence": 1e-6},
    "tio2_rutile": {"pseudo": LDA, "cutoff": 25, "density_cutoff": 180, "low": -50, "high": 10},
    "graphene_ribbon": {"pseudo": PBE, "cutoff": 27, "density_cutoff": 200, "low": -30, "high": 8},
    "cu_adatom": {"pseudo": LDA, "cutoff": 25, "density_cutoff": 200, "low": -12, "high": 15, **METAL},
}
_EDGE = 1.0  # eV at the upper end, where the bands that were computed run out


def make(name: str, folder: Path) -> xr.Dataset:
    """Give one data set as it is stored."""
    settings, slab = SLABS[name], getattr(_slab_structures, name)()
    ds = read_pdos(_slab_espresso.run(slab, folder, settings))
    functional = "LDA" if settings["pseudo"] is LDA else "PBE"
    about = getattr(_slab_structures, name).__doc__.strip().rstrip(".")
    return pack(ds, slab, about, f"{ds.attrs['source'].split(',')[0]}, {functional}", settings)


def pack(ds: xr.Dataset, slab: dict[str, Any], about: str, source: str, settings: dict[str, Any]) -> xr.Dataset:
    """Sum over m, keep what is asked for, in 32 bits, and say what each site is."""
    ds = ds.sel(energy=ds["energy"] <= float(ds["energy"].max()) - _EDGE)
    shells = np.array([str(o).split("_")[0] for o in ds["orbital"].values])
    order = [l for l in ("s", "p", "d", "f") if l in shells]
    sites = _slab_sites.label_sites(slab)
    out = ds[["position", "cell", "pbc", "dos", "fermi_energy", "spilling", "status"]].drop_vars("site_label")
    out = out.assign_coords(orbital=("orbital", order, {"long_name": "orbital"}))
    dims = ("atom", "orbital", "energy")
    values = np.stack([ds["pdos"].values[:, shells == l].sum(axis=1) for l in order], axis=1)
    out["pdos"] = (dims, values.astype(np.float32), ds["pdos"].attrs)
    known = np.stack([ds["projected"].values[:, shells == l].any(axis=1) for l in order], axis=1)
    out["projected"] = (dims[:2], known, ds["projected"].attrs)
    out = out.assign_coords({k: sites[k] for k in ("site_label", "coordination", "adsorbate")})
    kept = {k: v for k, v in settings.items() if k != "pseudo"}
    kept["pseudo"] = [settings["pseudo"][e][0] for e in sorted(set(slab["element"]))] if "pseudo" in settings else []
    history = {"function": "data/recipes/pdos_slabs.py", "version": __version__, "parameters": kept}
    title = f"Projected density of states: {about}"
    out.attrs = {"title": title, "source": source, "reference": "absolute", "history": json.dumps(history)}
    out.attrs["comment"] = "Ideal, unrelaxed positions. site_label: data/recipes/_slab_sites.py, from geometry alone."
    return out


if __name__ == "__main__":
    scratch = Path(os.environ.get("PDOS_SCRATCH", "/tmp/pdos_slabs"))
    for wanted in sys.argv[1:] or SLABS:
        target = Path(__file__).parents[1] / f"pdos_{wanted}.nc"
        write_netcdf(make(wanted, scratch / wanted), target, overwrite=True)
