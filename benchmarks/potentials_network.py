"""The bundled network of silica: errors, coverage, dynamics beside TTAM; a fit; active learning beside chance.

    python benchmarks/potentials_network.py [--parts errors md fit active]

Errors and coverage are those of melt 4, which neither training nor settings have seen. The overlap of two radial
distribution functions is 1 - sum|g - h| / sum(g + h) up to 5 angstrom in bins of 0.02. Times are those of the
processor, one thread.
"""

import argparse
import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import resource
import time

import numpy as np
import xarray as xr

from mi_widgets.datasets import load_silica_glass, load_silica_network, load_silica_snapshots
from mi_widgets.potentials import TTAM, Network, choose_snapshots, load_potential, one_structure, run_md
from mi_widgets.potentials._snapshot_frames import take_frames
from mi_widgets.potentials.descriptors import SymmetryFunctions
from mi_widgets.structure import rdf


def show(name: str, ds: xr.Dataset) -> None:
    print(name, {str(k): round(float(v), 5) for k, v in ds.data_vars.items() if v.ndim == 0}, int(ds.n_outside.sum()))


def errors() -> None:
    snapshots, potential = load_silica_snapshots(), load_potential(load_silica_network())
    test = take_frames(snapshots, np.flatnonzero(snapshots.melt.values == 4))
    show("melt 4", potential.errors(test))
    hot = test.temperature.values
    for low, high in ((0, 1500), (1500, 3000), (3000, 5000)):
        show(f"{low}-{high} K", potential.errors(take_frames(test, np.flatnonzero((hot >= low) & (hot < high)))))
    glass = load_silica_glass()
    found = potential.predict(glass)
    energy = (float(found.energy[0]) - float(glass.energy)) / glass.sizes["atom"]
    force = np.sqrt(((found.force.values - glass.force.values) ** 2).mean())
    print(f"glass of 216 atoms: {1000 * energy:.2f} meV/atom, {force:.4f} eV/angstrom")


def overlap(a: xr.Dataset, b: xr.Dataset) -> dict[str, float]:
    out = {}
    for pair in (("Si", "O"), ("O", "O"), ("Si", "Si")):
        g, h = (rdf(run.isel(frame=slice(100, None)), 5.0, n_bins=250, pairs=[pair]).rdf for run in (a, b))
        g, h = (c.isel(pair=-1).values if "pair" in c.dims else c.values for c in (g, h))
        out["-".join(pair)] = round(float(1 - np.abs(g - h).sum() / (g + h).sum()), 4)
    return out


def md() -> None:
    potential = load_potential(load_silica_network())
    snapshots = load_silica_snapshots()
    melt = take_frames(snapshots, np.flatnonzero(snapshots.melt.values == 4)[15:16])
    start = one_structure(melt, int(melt.frame[0]))
    given = {"temperature": 3500.0, "n_steps": 4000, "every": 10}
    first = run_md(start, TTAM(), seed=0, **given)
    other = run_md(start, TTAM(), seed=7, **given)
    began = time.process_time()
    learnt = run_md(start, potential, seed=1, **given)
    print(f"network: {(time.process_time() - began) / 4:.2f} ms/step; outside {float(learnt.outside.mean()):.2g}")
    print(
        "RDF, TTAM and TTAM", overlap(first, other), "network and TTAM", overlap(first, learnt), overlap(other, learnt)
    )
    end = learnt.isel(frame=-1, drop=True)[["position", "cell", "pbc", "velocity"]]
    free = run_md(end, potential, ensemble="nve", n_steps=3000, every=10)
    total = (free.energy + free.kinetic_energy).values / 72 * 1000
    slope = np.polyfit(free.time.values / 1000, total, 1)[0]
    print(f"NVE 3 ps: {slope:+.4f} meV/atom/ps, standard deviation {total.std():.4f} meV/atom")


def fit() -> None:
    snapshots = load_silica_snapshots()
    melts = take_frames(snapshots, np.flatnonzero(snapshots.melt.values < 4))
    test = take_frames(snapshots, np.flatnonzero(snapshots.melt.values == 4))
    began = time.process_time()
    potential = Network(SymmetryFunctions(("Si", "O"))).fit(melts, seed=0)
    seconds = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    show(f"288 of 320 frames learnt in {seconds:.0f} s, peak {memory:.2f} GB:", potential.errors(test))


def active(repeats: int = 3) -> None:
    snapshots = load_silica_snapshots()
    pool = take_frames(snapshots, np.flatnonzero(snapshots.melt.values < 3))
    judge = take_frames(snapshots, np.flatnonzero(snapshots.melt.values == 3)[::2])
    settings = Network(SymmetryFunctions(("Si", "O")), epochs=200, batch=4)
    for seed in range(repeats):
        order = np.random.default_rng(seed).permutation(240)
        first = settings.fit(take_frames(pool, order[:30]), validation=judge, seed=seed)
        rest = take_frames(pool, order[30:])
        by_chance = take_frames(pool, order[:60])
        chosen = choose_snapshots(first, rest, 30).frame.values
        asked = take_frames(pool, np.concatenate([order[:30], np.flatnonzero(np.isin(pool.frame.values, chosen))]))
        row = []
        for learn in (by_chance, asked):
            found = settings.fit(learn, validation=judge, seed=seed).errors(judge)
            row.append(f"{1000 * float(found.energy_rmse):.2f} meV/atom {float(found.force_rmse):.4f} eV/angstrom")
        print(f"seed {seed}: 30 and 30 by chance {row[0]}; 30 and the 30 least certain {row[1]}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", default=["errors", "md", "fit", "active"])
    for part in parser.parse_args().parts:
        {"errors": errors, "md": md, "fit": fit, "active": active}[part]()
