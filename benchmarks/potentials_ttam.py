"""TTAM and its molecular dynamics: accuracy, speed, a glass, the density of states. CPU seconds of one thread.

Run ``OMP_NUM_THREADS=1 python benchmarks/potentials_ttam.py`` (about two minutes); ``--quick`` leaves the quench out.
"""

import sys
import time

import numpy as np

from mi_widgets.datasets import load_silica_glass, load_silica_snapshots
from mi_widgets.datasets._silica_crystals import make_silica_crystal
from mi_widgets.potentials import (
    TTAM,
    fit_pair_potential,
    make_cluster_energies,
    melt_quench,
    mode_density,
    normal_modes,
    one_structure,
    relax_structure,
    run_md,
)
from mi_widgets.structure import adf, coordination, rdf, replicate, vdos


def timed(work):
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def accuracy():
    snapshots = load_silica_snapshots()
    squares, offsets = [], []
    for frame in range(0, 400, 20):
        ds = one_structure(snapshots, frame)
        fast, tight = TTAM().evaluate(ds), TTAM(cutoff=15.0).evaluate(ds)
        squares.append(float(((fast.force - tight.force) ** 2).mean()))
        offsets.append(1e3 * float(fast.energy - tight.energy) / 72)
    print(
        f"cutoff 8 against 15 angstrom, 20 snapshots: forces {np.sqrt(np.mean(squares)):.5f} eV/angstrom (goal 0.002)"
    )
    print(f"energies {np.mean(offsets):.3f} ± {np.std(offsets):.3f} meV/atom")
    ds, worst, h = one_structure(snapshots, 10), 0.0, 1e-4
    force = TTAM().evaluate(ds).force.values
    for i in range(0, 72, 12):
        for a in range(3):
            ends = []
            for sign in (1, -1):
                x = ds.position.values.copy()
                x[i, a] += sign * h
                ends.append(float(TTAM().evaluate(ds.assign(position=ds.position.copy(data=x))).energy))
            worst = max(worst, abs((ends[1] - ends[0]) / (2 * h) - force[i, a]))
    print(f"forces against finite differences of 1e-4 angstrom: {worst:.1e} eV/angstrom (goal 1e-6)")


def crystals():
    for options in ({}, {"cutoff": 11.0, "dispersion": "cut"}):
        for phase, n in (("quartz", 3), ("stishovite", 2), ("cristobalite", 4)):
            found = relax_structure(make_silica_crystal(phase), TTAM(**options), cell=True)
            a, _, c = np.linalg.norm(found.cell.values, axis=1)
            print(f"{phase} {options or 'all images'}: a {a:.3f}, c {c:.3f} angstrom, {float(found.energy) / n:.4f} eV")


def speed():
    glass = load_silica_glass()
    small = one_structure(load_silica_snapshots(), 399)
    for name, ds in (("72", small), ("216", glass), ("648", replicate(glass, (3, 1, 1)))):
        for temperature in (300, 3500):
            warm = run_md(ds, TTAM(), temperature=temperature, ensemble="langevin", n_steps=300, every=300)
            last = warm.isel(frame=-1)
            _, seconds = timed(lambda s=last: run_md(s, TTAM(), ensemble="nve", n_steps=500, every=500))
            print(f"{name} atoms at {temperature} K: {2 * seconds:.2f} ms/step (goal for 216: 1.5)")


def glasses():
    for seed in (0, 1):
        run, seconds = timed(lambda seed=seed: melt_quench(n_atoms=216, rate=100.0, seed=seed))
        last = run.isel(frame=-1)
        on = run_md(last, TTAM(), ensemble="nve", n_steps=8000, every=40)
        total = 1e3 * (on.energy + on.kinetic_energy).values / 216
        number = coordination(on, 2.2).values[:, last.element == "Si"].mean()
        angle = adf(on, 2.2, triplet=("O", "Si", "O"))
        mean = float((angle.adf * angle.angle).sum() / angle.adf.sum())
        peak = rdf(on).rdf.sel(pair="Si-O")
        first, drift = float(peak.r[int(np.argmax(peak.values))]), total[-20:].mean() - total[:20].mean()
        print(
            f"glass {seed}: {seconds:.0f} s (goal 60), Si-O {number:.3f}, O-Si-O {mean:.2f}, peak {first:.2f} angstrom"
        )
        print(f"  drift over 8 ps {drift:.4f} meV/atom, {float(on.energy.mean()) / 72:.3f} eV for each SiO2")


def vibrations():
    glass = load_silica_glass()
    still, first = timed(lambda: relax_structure(glass, TTAM(), max_force=1e-3))
    modes, second = timed(lambda: normal_modes(still, TTAM()))
    run, third = timed(lambda: run_md(glass, TTAM(), ensemble="nve", n_steps=16_000, every=4))
    edges = np.arange(0.0, 46.0)
    found = vdos(run).vdos.sel(species="all")
    moving = np.histogram(found.frequency, edges, weights=found.values)[0]
    harmonic = np.histogram(modes.frequency[3:], edges)[0]
    overlap = np.minimum(moving / moving.sum(), harmonic / harmonic.sum()).sum()
    imaginary = mode_density(modes).n_imaginary.item()
    print(f"relaxed {first:.1f} s, {modes.sizes['mode']} modes {second:.1f} s, {imaginary} of them imaginary")
    print(f"16 ps {third:.1f} s: overlap of the two densities {overlap:.3f} (goal 0.9)")


def lesson():
    fit, seconds = timed(lambda: fit_pair_potential(make_cluster_energies()))
    for k in range(fit.sizes["optimum"]):
        one = fit.isel(optimum=k)
        print(f"transfer {one.transfer.item():.2f}: misfit {one.misfit.item():.4f} eV, quartz {one.cell_a.item():.3f} "
              f"{one.cell_c.item():.3f}, off by {one.cell_misfit.item():.3f}")  # fmt: skip
    print(f"fit and quartz: {seconds:.1f} s")


if __name__ == "__main__":
    run_md(load_silica_glass(), TTAM(), n_steps=2)  # compiles
    for part in (accuracy, crystals, speed, vibrations, lesson) + (() if "--quick" in sys.argv else (glasses,)):
        part()
