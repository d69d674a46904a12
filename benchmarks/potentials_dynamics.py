"""Molten silica by TTAM: Einstein beside Green-Kubo, with errors, and what Arrhenius' law makes of runs this short.

    python benchmarks/potentials_dynamics.py [--atoms 72] [--picoseconds 20]

Prints, for each temperature, both coefficients with standard errors (angstrom**2/ps), their ratio, and the exponent of
the mean squared displacement; then the activation energy with its 95 % interval.
"""

import argparse
import time

import numpy as np
import xarray as xr

from mi_widgets import structure
from mi_widgets.datasets import load_silica_snapshots
from mi_widgets.potentials import TTAM, one_structure, run_md

TEMPERATURES = (3400.0, 3900.0, 4600.0, 6000.0)


def measure(kelvin, picoseconds):
    """Both coefficients of one run at constant energy after 4 ps at a temperature."""
    snapshots = load_silica_snapshots()
    hot = int(np.argmax(snapshots.temperature.values))
    melt = one_structure(snapshots, int(snapshots.frame[hot]))
    warm = run_md(melt, TTAM(), temperature=kelvin, n_steps=6000, every=6000, seed=int(kelvin))
    run = run_md(warm.isel(frame=-1), TTAM(), n_steps=int(1000 * picoseconds), every=5, ensemble="nve")
    einstein = structure.diffusion_coefficient(run, unwrapped=True, n_blocks=5, remove_drift=True)
    kubo = structure.green_kubo_diffusion(run, reach=2000.0, n_blocks=5)
    return float(run.temperature.mean()), einstein, kubo


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picoseconds", type=float, default=20.0)
    picoseconds = parser.parse_args().picoseconds
    rows, start = [], time.process_time()
    for kelvin in TEMPERATURES:
        true, einstein, kubo = measure(kelvin, picoseconds)
        for name in ("Si", "O"):
            e, k = einstein.sel(species=name), kubo.sel(species=name)
            de, dk = float(e.diffusion_coefficient), float(k.diffusion_coefficient)
            print(
                f"{true:6.0f} K {name:2}  Einstein {de:.3f} ± {float(e.diffusion_coefficient_stderr):.3f}  Green-Kubo "
                f"{dk:.3f} ± {float(k.diffusion_coefficient_stderr):.3f}  ratio {dk / de:.2f}  exponent "
                f"{float(e.exponent):.2f}  CPU {time.process_time() - start:.0f} s",
                flush=True,
            )
        rows.append((true, einstein))
    rate = xr.concat(
        [e.diffusion_coefficient for _, e in rows], dim=xr.DataArray([t for t, _ in rows], dims="temperature")
    )
    error = xr.concat([e.diffusion_coefficient_stderr for _, e in rows], dim=rate.temperature)
    fit = structure.fit_arrhenius(rate, error)
    for name in ("Si", "O"):
        one = fit.sel(species=name)
        print(
            f"{name:2} activation energy {float(one.activation_energy):.2f} eV, 95 % from "
            f"{float(one.activation_energy_low):.2f} to {float(one.activation_energy_high):.2f}"
        )


if __name__ == "__main__":
    main()
