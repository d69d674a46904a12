"""Structures beside freud and matscipy: radial distribution, neighbours, opening a long trajectory, VDOS overlap.

One thread each, the same data in the same process. Positions lie on multiples of 1/64 angstrom in a cube of 32 (or 16)
angstrom: distances are then exact in freud's single precision, and counts can be compared one by one.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import tempfile
import time
from pathlib import Path

import freud
import numpy as np
from matscipy.neighbours import neighbour_list

from mi_widgets import structure
from mi_widgets.datasets import make_harmonic_crystal
from mi_widgets.labels import label_structure


def distribution(n_frames: int) -> None:
    freud.parallel.set_num_threads(1)
    rng = np.random.default_rng(0)
    box = freud.box.Box.cube(16)
    position = rng.integers(-512, 512, (n_frames, 1000, 3)) / 64.0
    run = label_structure(position, ["Ar"] * 1000, cell=np.eye(3) * 16)
    print(f"RDF, 1,000 atoms x {n_frames} frames   r_max  ours (s)  freud (s)  ratio  largest difference")
    structure.rdf(run.isel(frame=slice(2)), 4.0, n_bins=64)  # compiled
    for r_max in (4.0, 6.0, 7.75):
        n_bins = int(16 * r_max)
        began = time.perf_counter()
        ours = structure.rdf(run, r_max, n_bins=n_bins, pairs=[])
        middle = time.perf_counter()
        peer = freud.density.RDF(bins=n_bins, r_max=r_max, normalization_mode="exact")
        for frame in position.astype(np.float32):
            peer.compute((box, frame), reset=False)
        end = time.perf_counter()
        shell = 4 / 3 * np.pi * np.diff(np.linspace(0, r_max, n_bins + 1) ** 3)
        expected = np.array(peer.bin_counts, dtype=float) * 16**3 / (n_frames * 1000**2 * shell)
        difference = np.abs(ours.rdf.sel(pair="all").values - expected).max()
        took, theirs = middle - began, end - middle
        print(f"{'':36s} {r_max:5.1f} {took:9.2f} {theirs:10.2f} {theirs / took:6.1f}  {difference:.1e}", flush=True)


def neighbors() -> None:
    rng = np.random.default_rng(0)
    print("neighbour list, 5 angstrom            atoms  ours (ms)  matscipy (ms)  ratio")
    for n in (1000, 10_000, 100_000):
        edge = (n * 11.0) ** (1 / 3)
        gas = label_structure(rng.random((n, 3)) * edge, ["Ar"] * n, cell=np.eye(3) * edge)
        atoms = structure.to_ase(gas)
        times = []
        for work in (lambda: structure.neighbor_list(gas, 5.0), lambda: neighbour_list("ijSDd", atoms, 5.0)):  # noqa: B023
            began = time.perf_counter()
            work()
            times.append(1e3 * (time.perf_counter() - began))
        print(f"{'':36s} {n:6d} {times[0]:10.0f} {times[1]:14.0f} {times[1] / times[0]:6.2f}", flush=True)


def opening(n_frames: int) -> None:
    rng = np.random.default_rng(0)
    print(f"trajectory of 1,000 atoms x {n_frames} frames     GB  open (s)  frames/s")
    with tempfile.TemporaryDirectory() as folder:
        for kind, spec in (("frames of one length", ".2f"), ("frames of any length", ".3g")):
            frames = []
            for _ in range(10):
                rows = (f"Ar {x:{spec}} {y:{spec}} {z:{spec}}" for x, y, z in rng.uniform(1, 9, (1000, 3)))
                head = '1000\nLattice="10 0 0 0 10 0 0 0 10" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
                frames.append(head + "\n".join(rows) + "\n")
            path = Path(folder) / "run.xyz"
            with path.open("w") as stream:
                for _ in range(n_frames // 10):
                    stream.writelines(frames)
            structure.read_trajectory(path)  # dask and the file are in memory
            began = time.perf_counter()
            run = structure.read_trajectory(path)
            took = time.perf_counter() - began
            began = time.perf_counter()
            for k in rng.integers(n_frames, size=50):
                run.position.isel(frame=int(k)).load()
            rate = 50 / (time.perf_counter() - began)
            print(f"{kind:40s} {path.stat().st_size / 1e9:6.2f} {took:9.3f} {rate:9.0f}", flush=True)


def vibrations() -> None:
    crystal = make_harmonic_crystal(n_cells=3, n_frames=4096)
    began = time.perf_counter()
    found = structure.vdos(crystal).vdos.sel(species="all")
    took = time.perf_counter() - began
    # overlap: integral of the lower of two spectra of area 1, channel by channel; the exact lines as a Hann window of the
    # run's length shows any line, nothing else broadened
    x = (found.frequency.values[:, None] - crystal.true_frequency.values) * 4096 * 0.01
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = np.where(np.abs(np.abs(x) - 1) < 1e-7, 0.5, np.sinc(x) / (1 - x**2)) ** 2
    exact = (seen / seen.sum(axis=0)).sum(axis=1)
    overlap = np.minimum(found.values / found.values.sum(), exact / exact.sum()).sum()
    print(
        f"overlap with the exact spectrum at the run's resolution, {found.attrs['resolution']:.3f} THz: {overlap:.5f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000, help="frames of the radial distribution")
    parser.add_argument("--long", type=int, default=100_000, help="frames of the opened trajectory (writes 2 GB)")
    options = parser.parse_args()
    distribution(options.frames)
    neighbors()
    opening(options.long)
    vibrations()


if __name__ == "__main__":
    main()
