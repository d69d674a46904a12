"""Sparse Gaussian process and linear potential beside gap_fit: the same snapshots, the same process, one thread.

gap_fit and quippy come with ``pip install quippy-ase`` into an environment of their own; give where they are:

    OMP_NUM_THREADS=1 python benchmarks/potentials_gap.py --gap-fit PATH/bin/gap_fit

Without ``--gap-fit`` ours alone are run. CPU seconds, features and everything else included; --frames and --seed choose
the training snapshots among four melt-quenches, the fifth is the test.
"""

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import numpy as np

from mi_widgets.datasets import load_silica_snapshots
from mi_widgets.potentials import (
    LinearPotential,
    SmoothOverlap,
    SparseGaussianProcess,
    SymmetryFunctions,
    snapshots_to_ase,
)
from mi_widgets.potentials._snapshot_frames import take_frames

GAP = (
    "{distance_2b cutoff=6.0 covariance_type=ard_se delta=2.0 theta_uniform=1.0 n_sparse=50 sparse_method=uniform "
    "add_species=T : soap l_max=4 n_max=6 cutoff=5.0 atom_sigma=0.4 delta=0.5 zeta=4 n_sparse=300 "
    "sparse_method=cur_points covariance_type=dot_product add_species=T}"
)
SOAP = SmoothOverlap(("Si", "O"), cutoff=5.0, width=0.4, n_radial=6, n_angular=4)
OURS = {
    "2-body + SOAP, 600 points, cosine^4": SparseGaussianProcess(SOAP, n_points=600, kernel="cosine"),
    "2-body + SOAP, 600 points, Gaussian": SparseGaussianProcess(SOAP, n_points=600),
    "2-body + G2 G4, 600 points": SparseGaussianProcess(SymmetryFunctions(), n_points=600),
    "2-body + G2 G4, 900 points (default)": SparseGaussianProcess(),
    "linear": LinearPotential(),
    "quadratic": LinearPotential(degree=2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gap-fit", type=Path)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    snapshots = load_silica_snapshots()
    melt = snapshots.melt.values
    chosen = np.random.default_rng(given.seed).permutation(np.flatnonzero(melt < 4))[: given.frames]
    train, test = take_frames(snapshots, chosen), take_frames(snapshots, np.flatnonzero(melt == 4))
    SparseGaussianProcess(n_points=20).fit(take_frames(train, np.arange(4)))  # compiled before it is timed
    seconds = {}
    print(f"{given.frames} training snapshots, {test.sizes['frame']} of the fifth melt as test")
    for name, settings in OURS.items():
        begun = time.process_time()
        fit = settings.fit(train)
        seconds[name] = time.process_time() - begun
        e = fit.errors(test)
        report(name, seconds[name], float(e.energy_rmse), float(e.force_rmse))
        print(f"    coverage at 90 %: forces {float(e.force_coverage):.3f}, energies {float(e.energy_coverage):.3f}")
    if given.gap_fit:
        peer = gap(given.gap_fit, train, test)
        report("gap_fit, 2-body + SOAP, 600 points", *peer)
        for name, own in seconds.items():
            print(f"    gap_fit takes {peer[0] / own:.1f} times as long as {name}")


def report(name: str, seconds: float, energy: float, force: float) -> None:
    print(f"{name:42s} fit {seconds:6.1f} CPU s, {1000 * energy:5.2f} meV/atom, {force:.4f} eV/angstrom", flush=True)


def gap(program: Path, train, test) -> tuple[float, float, float]:
    from ase.io import write

    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/train.xyz", snapshots_to_ase(train), format="extxyz")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [
                program, "at_file=train.xyz", f"gap={GAP}", "default_sigma={0.002 0.1 0.05 0.0}", "e0_method=average",
                "energy_parameter_name=energy", "force_parameter_name=forces", "virial_parameter_name=none",
                "sparse_jitter=1e-8", "do_copy_at_file=F", "sparse_separate_file=F", "gp_file=gap.xml",
            ],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        from quippy.potential import Potential

        calculator = Potential("", param_filename=f"{folder}/gap.xml")
        energy, force = [], []
        for atoms in snapshots_to_ase(test):
            given = atoms.get_potential_energy(), atoms.get_forces()
            atoms.calc = calculator
            energy.append((atoms.get_potential_energy() - given[0]) / len(atoms))
            force.append(atoms.get_forces() - given[1])
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, float(np.sqrt(np.mean(np.square(energy)))), float(np.sqrt(np.mean(np.square(force))))


if __name__ == "__main__":
    main()
