"""Structures beside freud, MDAnalysis, matscipy and ASE: distances, neighbours, rings; trajectories, VDOS.

One thread each, the same data in the same process. Positions of the radial distribution lie on multiples of 1/64
angstrom in a cube of 16: distances are then exact in the single precision of freud and MDAnalysis, and counts can be
compared one by one; MDAnalysis counts r = r_max into its last shell, which is left out of the comparison. MDAnalysis
(LGPL, with GPL parts) is passed over where it is not installed; requirements-peers.txt has it.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import freud
import numpy as np
from ase.build import bulk
from ase.neighborlist import neighbor_list as ase_neighbors
from matscipy.neighbours import neighbour_list
from matscipy.rings import ring_statistics

from mi_widgets import structure
from mi_widgets.datasets import make_harmonic_crystal, make_silica
from mi_widgets.labels import label_structure

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import MDAnalysis
        from MDAnalysis.analysis.rdf import InterRDF
        from MDAnalysis.coordinates.memory import MemoryReader
except ImportError:
    MDAnalysis = None


def timed(work: Callable) -> tuple[float, object]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def by_freud(position: np.ndarray, r_max: float, n_bins: int) -> np.ndarray:
    peer = freud.density.RDF(bins=n_bins, r_max=r_max, normalization_mode="exact")
    for frame in position:
        peer.compute((freud.box.Box.cube(16), frame), reset=False)
    return np.array(peer.bin_counts, dtype=float)


def by_mdanalysis(position: np.ndarray, r_max: float, n_bins: int) -> np.ndarray:
    universe = MDAnalysis.Universe.empty(position.shape[1], trajectory=False)
    box = np.array([16, 16, 16, 90, 90, 90], dtype=np.float32)
    universe.trajectory = MemoryReader(position, dimensions=box, order="fac")
    same = (1, 1)  # an atom with itself is left out
    peer = InterRDF(
        universe.atoms, universe.atoms, nbins=n_bins, range=(0.0, r_max), norm="none", exclusion_block=same
    ).run()
    return np.asarray(peer.results.count, dtype=float)


def distribution(n_frames: int) -> None:
    freud.parallel.set_num_threads(1)
    position = np.random.default_rng(0).integers(-512, 512, (n_frames, 1000, 3)) / 64.0
    single = position.astype(np.float32)
    run = label_structure(position, ["Ar"] * 1000, cell=np.eye(3) * 16)
    peers = {"freud": by_freud} | ({"MDAnalysis": by_mdanalysis} if MDAnalysis else {})
    print(f"RDF, 1,000 atoms x {n_frames} frames; largest difference of g(r) after the same normalisation")
    structure.rdf(run.isel(frame=slice(2)), 4.0, n_bins=64)  # compiled
    for r_max in (4.0, 6.0, 7.75):
        n_bins = int(16 * r_max)
        took, ours = timed(lambda: structure.rdf(run, r_max, n_bins=n_bins, pairs=[]))  # noqa: B023
        line = f"  r_max {r_max:4.2f}: ours {took:5.2f} s"
        shell = 4 / 3 * np.pi * np.diff(np.linspace(0, r_max, n_bins + 1) ** 3)
        for name, work in peers.items():
            theirs, counts = timed(lambda: work(single, r_max, n_bins))  # noqa: B023
            g = counts * 16**3 / (n_frames * 1000**2 * shell)
            difference = np.abs(ours.rdf.sel(pair="all").values - g)[:-1].max()
            line += f" | {name} {theirs:6.2f} s, {theirs / took:5.1f}x, {difference:.0e}"
        print(line, flush=True)


def neighbors(largest: int) -> None:
    rng = np.random.default_rng(0)
    print("neighbour list, 5 angstrom, 11 angstrom**3 an atom (47.6 neighbours), random order: microseconds an atom")
    structure.neighbor_list(label_structure(rng.random((50, 3)) * 9, ["Ar"] * 50, cell=np.eye(3) * 9), 5.0)  # compiled
    for n in (10**k for k in range(3, 8)):
        if n > largest:
            break
        edge = (n * 11.0) ** (1 / 3)
        gas = label_structure(rng.random((n, 3)) * edge, ["Ar"] * n, cell=np.eye(3) * edge)
        atoms = structure.to_ase(gas)
        works = {
            "ours": lambda: structure.neighbor_list(gas, 5.0).sizes["pair"],  # noqa: B023
            "matscipy": lambda: len(neighbour_list("ijSDd", atoms, 5.0)[0]),  # noqa: B023
            "ASE": lambda: len(ase_neighbors("ijSDd", atoms, 5.0)[0]),  # noqa: B023
        }
        if n > 100_000:
            del works["ASE"]  # memory
        repeats = max(1, min(9, 30_000 // n))
        best: dict[str, float] = {}
        for _ in range(max(repeats, 2)):
            for name, work in works.items():
                if name != "ASE" or name not in best or n < 10_000:
                    best[name] = min(best.get(name, np.inf), 1e6 / n * timed(work)[0])
        ratios = (f" | {name} {t:7.2f}, {t / best['ours']:6.2f}x" for name, t in best.items() if name != "ours")
        print(f"  {n:8d} atoms: ours {best['ours']:6.2f}{''.join(ratios)}", flush=True)


def rings() -> None:
    print("King's rings: silica (nodes Si, bridges O, up to 12), and diamond (up to 8) beside matscipy")
    glass = make_silica(n_cells=3)
    structure.king_rings(glass, 2.2, nodes="Si", bridges="O", max_size=4)  # compiled
    for n in (1, 2, (3, 2, 2), (3, 3, 2)):
        silica = structure.replicate(glass, n)
        cutoff = {("Si", "O"): 2.2}
        took, found = timed(lambda: structure.king_rings(silica, cutoff, nodes="Si", bridges="O", max_size=12))  # noqa: B023
        print(
            f"  {silica.sizes['atom']:6d} atoms, {int(found.n_nodes)} Si: {1e3 * took:8.1f} ms, "
            f"{int(found.n_rings.sum())} rings",
            flush=True,
        )
    base = structure.from_ase(bulk("C", "diamond", a=3.567, cubic=True))
    for n in (3, 5, 10):
        carbon = structure.replicate(base, n)
        atoms = structure.to_ase(carbon)
        took, found = timed(lambda: structure.king_rings(carbon, 1.7, max_size=8))  # noqa: B023
        theirs, peer = timed(lambda: ring_statistics(atoms, 1.7, maxlength=8))  # noqa: B023
        same = int(peer[6]) == int(found.n_rings.sel(ring_size=6))
        print(
            f"  {len(atoms):6d} C: {1e3 * took:8.1f} ms | matscipy (shortest-path rings) {1e3 * theirs:8.1f} ms, "
            f"{theirs / took:.2f}x, {'same number' if same else 'other number'} of rings",
            flush=True,
        )


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
    took, found = timed(lambda: structure.vdos(crystal).vdos.sel(species="all"))
    print(f"VDOS, 216 atoms x 4,096 frames: {took:.2f} s")
    # overlap: integral of the lower of two spectra of area 1, channel by channel; the exact lines as a Hann window of
    # the run's length shows any line, nothing else broadened
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
    parser.add_argument("--only", nargs="*", default=[], help="distribution neighbors rings opening vibrations")
    parser.add_argument("--frames", type=int, default=1000, help="frames of the radial distribution")
    parser.add_argument("--atoms", type=int, default=10**6, help="most atoms of the neighbour list (10^6: 7 GB)")
    parser.add_argument("--long", type=int, default=100_000, help="frames of the opened trajectory (writes 2 GB)")
    options = parser.parse_args()
    parts = {
        "distribution": lambda: distribution(options.frames),
        "neighbors": lambda: neighbors(options.atoms),
        "rings": rings,
        "opening": lambda: opening(options.long),
        "vibrations": vibrations,
    }
    for name in options.only or parts:
        parts[name]()


if __name__ == "__main__":
    main()
