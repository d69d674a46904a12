"""Make data/pdos_*.nc: run ``python data/recipes/pdos_slabs.py`` at the top of the checkout, or with the names wanted.

Each is one run of pw.x and projwfc.x on an ideal, unrelaxed slab (minutes on one core), or one of GPAW. Debian has
what it takes: ``apt-get install quantum-espresso gpaw gpaw-data libopenblas0``; without OpenBLAS that is eight times
as long. Outputs go below $PDOS_SCRATCH (default: /tmp/pdos_slabs); one that is complete is not computed again.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import _slab_espresso
import _slab_sites
import _slab_structures
import numpy as np
import xarray as xr

from mi_widgets import __version__
from mi_widgets.datasets._pdos_dataset import broadened
from mi_widgets.io import read_pdos, write_netcdf
from mi_widgets.labels import label_structure

LDA = {
    "Mg": ("Mg.pz-n-vbc.UPF", 2),
    "O": ("O.pz-rrkjus.UPF", 6),
    "C": ("C.pz-rrkjus.UPF", 4),
    "Ti": ("Ti.pz-sp-van_ak.UPF", 12),
    "H": ("H.pz-vbc.UPF", 1),
    "Cu": ("Cu.pz-d-rrkjus.UPF", 11),
    "Al": ("Al.pz-vbc.UPF", 3),
    "Si": ("Si.pz-vbc.UPF", 4),
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
    "tio2_rutile": {"pseudo": LDA, "cutoff": 25, "density_cutoff": 180, "low": -40, "high": 10, "empty": 0.3},
    "graphene_ribbon": {"pseudo": PBE, "cutoff": 27, "density_cutoff": 200, "low": -30, "high": 8},
    "cu_adatom": {"pseudo": LDA, "cutoff": 25, "density_cutoff": 200, "low": -12, "high": 15, **METAL},
    "mgo_island": {"pseudo": LDA, "cutoff": 25, "density_cutoff": 150, "low": -40, "high": 10},
    "si_dimers": {"pseudo": LDA, "cutoff": 14, "density_cutoff": 56, "low": -20, "high": 12},
    "al_oxygen": {"pseudo": LDA, "cutoff": 25, "density_cutoff": 150, "low": -25, "high": 15, **METAL},
}
# computed a second time, by another code
GPAW = {"mgo_step_gpaw": "mgo_step"}
_EDGE = 1.0  # eV at the upper end, where the bands that were computed run out


def make(name: str, folder: Path) -> xr.Dataset:
    """Give one data set as it is stored."""
    if name in GPAW:
        slab = getattr(_slab_structures, GPAW[name])()
        settings = {"mode": "lcao", "basis": "szp(dzp)", "h": 0.25, "k_points": "gamma"}
        return pack(_by_gpaw(slab, folder), slab, _about(GPAW[name]), "GPAW 22.8, PBE", settings)
    settings, slab = SLABS[name], getattr(_slab_structures, name)()
    ds = read_pdos(_slab_espresso.run(slab, folder, settings))
    functional = "LDA" if settings["pseudo"] is LDA else "PBE"
    return pack(ds, slab, _about(name), f"{ds.attrs['source'].split(',')[0]}, {functional}", settings)


def _about(name: str) -> str:
    return str(getattr(_slab_structures, name).__doc__).strip().rstrip(".")


def _by_gpaw(slab: dict[str, Any], folder: Path) -> xr.Dataset:
    """States of a slab by GPAW, broadened as projwfc.x does it here: Gaussians of 0.14 eV every 0.1 eV."""
    found = folder / "states.npz"
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "slab.npz", **{k: slab[k] for k in ("element", "position", "cell")})
        script = Path(__file__).with_name("_slab_gpaw.py")
        run = subprocess.run(["/usr/bin/python3", str(script), str(folder / "slab.npz"), str(found)], check=False)
        if run.returncode or not found.exists():
            raise SystemExit("GPAW did not end well. Write: apt-get install gpaw gpaw-data libopenblas0")
    states = np.load(found)
    ds = label_structure(slab["position"], slab["element"], cell=slab["cell"])
    return broadened(ds, states["energy"], states["weight"], float(states["fermi"]), (-30.0, 7.0))


def pack(ds: xr.Dataset, slab: dict[str, Any], about: str, source: str, settings: dict[str, Any]) -> xr.Dataset:
    """Sum over m, keep what is asked for, in 32 bits, and say what each site is."""
    ds = ds.sel(energy=ds["energy"] <= float(ds["energy"].max()) - _EDGE)
    shells = np.array([str(o).split("_")[0] for o in ds["orbital"].values])
    order = [l for l in ("s", "p", "d", "f") if l in shells]
    sites = _slab_sites.label_sites(slab)
    out = ds[["position", "cell", "pbc", "dos", "fermi_energy", "spilling", "status"]].drop_vars(
        "site_label", errors="ignore"
    )
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
    for wanted in sys.argv[1:] or [*SLABS, *GPAW]:
        target = Path(__file__).parents[1] / f"pdos_{wanted}.nc"
        write_netcdf(make(wanted, scratch / wanted), target, overwrite=True)
