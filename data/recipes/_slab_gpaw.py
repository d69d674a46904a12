"""The same slab by GPAW: run by the system's Python, which has GPAW, as ``python3 _slab_gpaw.py in.npz out.npz``.

PBE in a basis of atomic orbitals (szp), the Gamma point alone. Orbitals are made orthogonal by Loewdin's way, so that
the weights of a state add up to one over all of them.
"""

import sys
from pathlib import Path


def compute(given: Path, result: Path) -> None:
    """Write eigenvalues (eV), the Fermi level, and weights (state, atom, l)."""
    import numpy as np
    from ase import Atoms
    from gpaw import GPAW, FermiDirac, Mixer

    slab = np.load(given)
    atoms = Atoms([str(e) for e in slab["element"]], positions=slab["position"], cell=slab["cell"], pbc=True)
    calc = GPAW(
        mode="lcao", basis="szp(dzp)", xc="PBE", h=0.25, kpts={"gamma": True}, symmetry="off",
        occupations=FermiDirac(0.1), mixer=Mixer(0.2, 5, 50), maxiter=200,
        convergence={"energy": 5e-4, "density": 5e-4}, txt=str(result.with_suffix(".txt")),
    )  # fmt: skip
    atoms.calc = calc
    atoms.get_potential_energy()
    waves = calc.wfs
    overlap, states = waves.kpt_u[0].S_MM, waves.kpt_u[0].C_nM
    value, vector = np.linalg.eigh(overlap)
    weight = ((vector * np.sqrt(value)) @ vector.T @ states.T) ** 2  # (orbital, state)
    out = np.zeros((states.shape[0], len(atoms), 4))
    row = 0
    for a, setup in enumerate(waves.setups):
        for function in setup.basis_functions_J if hasattr(setup, "basis_functions_J") else setup.phit_j:
            l = function.get_angular_momentum_number()
            out[:, a, l] += weight[row : row + 2 * l + 1].sum(axis=0)
            row += 2 * l + 1
    if row != overlap.shape[0] or abs(out.sum(axis=(1, 2)) - 1).max() > 1e-6:
        raise SystemExit("the weights of the states do not add up to one")
    np.savez(result, energy=calc.get_eigenvalues(), fermi=calc.get_fermi_level(), weight=out)


if __name__ == "__main__":
    compute(Path(sys.argv[1]), Path(sys.argv[2]))
