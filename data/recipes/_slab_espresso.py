"""Run pw.x and projwfc.x of Quantum ESPRESSO on a slab; the output folder is what ``mi_widgets.io.read_pdos`` reads."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PSEUDO = Path("/usr/share/espresso/pseudo")
MASS = {"H": 1.008, "B": 10.81, "C": 12.011, "N": 14.007, "O": 15.999, "Mg": 24.305, "Al": 26.982, "Si": 28.086}
MASS |= {"Ti": 47.867, "Cu": 63.546}

SCF = """&control
  calculation='scf', prefix='slab', outdir='./tmp', pseudo_dir='{pseudo}', verbosity='high', disk_io='low'
/
&system
  ibrav=0, nat={n_atoms}, ntyp={n_kinds}, ecutwfc={cutoff}, ecutrho={density_cutoff}, nbnd={n_bands}, nosym=.true.
  occupations='smearing', smearing='gauss', degauss={smearing}
/
&electrons
  conv_thr={convergence}, mixing_beta={mixing}, mixing_mode='plain', electron_maxstep=120
/
ATOMIC_SPECIES
{species}
CELL_PARAMETERS angstrom
{cell}
ATOMIC_POSITIONS angstrom
{atoms}
K_POINTS {k_points}
"""
PROJECT = """&projwfc
  prefix='slab', outdir='./tmp', filpdos='slab', ngauss=0, degauss=0.0147, DeltaE=0.1, Emin={low}, Emax={high}
/
"""  # degauss 0.0147 Ry = 0.2 eV, that is a Gaussian of standard deviation 0.14 eV


def run(slab: dict[str, Any], folder: Path, settings: dict[str, Any]) -> Path:
    """Give the folder with scf.out and slab.pdos_*; a run that has ended there before is taken as it is."""
    for program in ("pw.x", "projwfc.x"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed. Write: apt-get install quantum-espresso")
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "slab.pdos_tot").exists():
        return folder
    (folder / "scf.in").write_text(_scf(slab, settings))
    (folder / "projwfc.in").write_text(PROJECT.format(low=settings["low"], high=settings["high"]))
    for program, name in (("pw.x", "scf"), ("projwfc.x", "projwfc")):
        _call(program, name, folder)
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    return folder


def _scf(slab: dict[str, Any], settings: dict[str, Any]) -> str:
    kinds = sorted(set(slab["element"]))
    electrons = sum(settings["pseudo"][e][1] for e in slab["element"])
    rows = zip(slab["element"], slab["position"], strict=True)
    return SCF.format(
        pseudo=PSEUDO,
        n_atoms=len(slab["element"]),
        n_kinds=len(kinds),
        cutoff=settings["cutoff"],
        density_cutoff=settings["density_cutoff"],
        n_bands=int(electrons / 2 * (1 + settings.get("empty", 0.12))) + 4,
        smearing=settings.get("smearing", 0.01),
        convergence=settings.get("convergence", 1e-5),
        mixing=settings.get("mixing", 0.3),
        species="\n".join(f"{e} {MASS[e]} {settings['pseudo'][e][0]}" for e in kinds),
        cell="\n".join(" ".join(f"{x:.8f}" for x in row) for row in slab["cell"]),
        atoms="\n".join(f"{e} {p[0]:.6f} {p[1]:.6f} {p[2]:.6f}" for e, p in rows),
        k_points=settings.get("k_points", "gamma"),
    )


def _call(program: str, name: str, folder: Path) -> None:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / f"{name}.in").open() as given, (folder / f"{name}.out").open("w") as log:
        ended = subprocess.run(["nice", "-n", "10", program], stdin=given, stdout=log, cwd=folder, env=env, check=False)
    if ended.returncode or "JOB DONE" not in (folder / f"{name}.out").read_text():
        raise SystemExit(f"{program} did not end well in {folder}; its words are in {name}.out.")
