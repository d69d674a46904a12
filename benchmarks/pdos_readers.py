"""vasprun.xml read beside pymatgen: seconds, ratio and largest difference, for generated files of several sizes.

Both read in turn in one process with one thread; the median of the repeats counts, the first (which imports) does not.
pymatgen reads more than densities of states; ``parse_eigen=False``, the second column, is as little as it can be asked
for. The files are made by the generator of the tests.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import gzip
import importlib.util
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.io.vasp import Vasprun

from mi_widgets.io import read_pdos

SPEC = importlib.util.spec_from_file_location(
    "pdos_files", Path(__file__).parents[1] / "tests" / "io" / "pdos_files.py"
)
files = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(files)

# Atoms, spins, energies, k points, compressed
SIZES = [
    (2, 1, 301, 4, False), (8, 1, 301, 8, False), (8, 2, 1001, 8, False), (40, 1, 1001, 8, False),
    (40, 2, 3001, 8, False), (100, 2, 1001, 4, False), (100, 2, 1001, 4, True), (200, 2, 2001, 1, False),
]  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def difference(ours: Any, theirs: Vasprun) -> float:
    """Largest difference of energies, totals, projections and positions."""
    dos = theirs.complete_dos
    spins = sorted(dos.densities, key=lambda s: -s.value)
    total = np.array([dos.densities[s] for s in spins]).reshape(ours.dos.shape)
    worst = [np.abs(ours.energy.values - dos.energies).max(), np.abs(ours.dos.values - total).max()]
    worst.append(np.abs(ours.position.values - theirs.final_structure.cart_coords).max())
    for k, site in enumerate(theirs.pdos):
        curves = np.array([[densities[s] for s in spins] for densities in site.values()])
        worst.append(np.abs(ours.pdos.values[k].reshape(curves.shape) - curves).max())
    return float(max(worst))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--largest", type=float, default=1e3, help="no file above so many MB")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("atoms spins energies      MB  ours (s)  pymatgen (s)  ratio  without eigenvalues  ratio  largest difference")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for n_atoms, n_spins, n_energies, n_k, packed in SIZES:
            energy, values = files.curves(n_atoms, 9, n_spins, n_energies)
            path = Path(folder) / "vasprun.xml"
            elements = ["Mg", "O"] * (n_atoms // 2)
            files.vasprun(path, elements, energy, values, n_bands=max(8, 5 * n_atoms), n_k=n_k)
            if packed:
                path = Path(folder) / "vasprun.xml.gz"
                path.write_bytes(gzip.compress((Path(folder) / "vasprun.xml").read_bytes()))
            if path.stat().st_size > 1e6 * options.largest:
                continue
            times: list[list[float]] = [[], [], []]
            for _ in range(options.repeats + 1):
                ours, took = timed(lambda: read_pdos(path))  # noqa: B023
                times[0].append(took)
                theirs, took = timed(lambda: Vasprun(path, parse_potcar_file=False))  # noqa: B023
                times[1].append(took)
                times[2].append(timed(lambda: Vasprun(path, parse_potcar_file=False, parse_eigen=False))[1])  # noqa: B023
            a, b, c = (statistics.median(t[1:]) for t in times)
            ratios.append(b / a)
            size = f"{path.stat().st_size / 1e6:.1f}{' gz' if packed else ''}"
            shape = f"{n_atoms:5d} {n_spins:5d} {n_energies:8d} {size:>7s}"
            seconds = f"{a:9.4f} {b:13.4f} {b / a:6.1f} {c:20.4f} {c / a:6.1f}"
            print(f"{shape} {seconds} {difference(ours, theirs):19.1e}", flush=True)
    print(f"median ratio {statistics.median(ratios):.1f}, smallest {min(ratios):.1f}")


if __name__ == "__main__":
    main()
