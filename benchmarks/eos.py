"""Equations of state: coverage of intervals, bias of four ways to treat errors, choice of the form, time beside peers.

Data: `datasets.make_eos`, MgO of Tange et al. with errors like those of the table of Dewaele et al. The peer for
pressures is lmfit with the same model, its errors fixed; for energies it is `ase.eos`.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import time
from functools import partial

import lmfit
import numpy as np
from ase.eos import EquationOfState
from scipy.optimize import minimize

from mi_widgets import datasets, eos
from mi_widgets.eos._build import build_problem
from mi_widgets.eos._data import as_points
from mi_widgets.eos._scoring import start

NAMES = ("v0", "k0", "k0_prime", "gamma0")
TRUE = {"thermal": "tange", "hold": {"theta0": 761.0, "a": 0.138, "b": 5.4}}


def problem_of(ds):
    options = {"bounds": None, "priors": None, "pressure_scale": 0.0, "n_atoms": None, "reference_temperature": None}
    return build_problem(as_points(ds, who="benchmark"), form="vinet", who="benchmark", **TRUE, **options)


def by_lmfit(ds, sigma):
    """lmfit with errors that do not depend on the parameters."""
    problem = problem_of(ds)
    parameters = lmfit.Parameters()
    for name, value in zip(problem.free, start(problem), strict=True):
        parameters.add(name, value=value)

    def residual(p):
        return (problem.points.value - problem.predict(np.array([p[n].value for n in problem.free]))[0]) / sigma

    found = lmfit.minimize(residual, parameters, scale_covar=False)
    return np.array([found.params[n].value for n in NAMES]), np.array([found.params[n].stderr for n in NAMES])


def with_log(ds, fit):
    """The flat prior of the true values: ln s_i added; errors as in ours."""
    problem = problem_of(ds)
    scale = np.array([float(fit[f"{n}_stderr"]) for n in problem.free])
    centre = np.array([float(fit[n]) for n in problem.free])

    def value(x):
        mean, variance = problem.predict(centre + scale * x)
        return float(((problem.points.value - mean) ** 2 / variance + np.log(variance)).sum())

    found = minimize(value, np.zeros(len(centre)), method="BFGS")
    return centre + scale * found.x, scale


def intervals(n_sets):
    z = {"ours": [], "ln s added": [], "lmfit, all errors, fixed": [], "lmfit, error of P alone": []}
    apart, right, seconds = [], 0, {"ours": 0.0, "lmfit": 0.0}
    for seed in range(n_sets):
        ds = datasets.make_eos(seed=seed)
        truth = np.array([float(ds[f"true_{n}"]) for n in NAMES])
        began = time.process_time()
        fit = eos.fit_eos(ds, form="vinet", **TRUE)
        seconds["ours"] += time.process_time() - began
        both = np.array([float(fit[n]) for n in NAMES]), np.array([float(fit[f"{n}_stderr"]) for n in NAMES])
        z["ours"].append((both[0] - truth) / both[1])
        value, error = with_log(ds, fit)
        z["ln s added"].append((value - truth) / error)
        problem = problem_of(ds)
        fixed = np.sqrt(problem.predict(start(problem))[1])
        began = time.process_time()
        value, error = by_lmfit(ds, fixed)
        seconds["lmfit"] += time.process_time() - began
        z["lmfit, all errors, fixed"].append((value - truth) / error)
        value, error = by_lmfit(ds, ds["pressure_stderr"].values)
        z["lmfit, error of P alone"].append((value - truth) / error)
        other = eos.fit_eos(ds, form="bm3", **TRUE)
        apart.append(float(fit.aic - other.aic))
        right += float(fit.aic) < float(other.aic)
    print(
        f"{n_sets} sets; 95 % intervals of {', '.join(NAMES)}: share that holds the truth, mean of (found - true)/error"
    )
    for name, found in z.items():
        rows = np.array(found)
        cover, bias = 100 * (np.abs(rows) < 1.96).mean(axis=0), rows.mean(axis=0)
        print(f"{name:26s}" + "".join(f"{c:6.0f} %" for c in cover) + "   " + "".join(f"{b:+6.2f}" for b in bias))
    print(
        f"AIC of Vinet (true) and BM3 differs by {np.abs(apart).max():.2f} at most; Vinet lower in {right} of {n_sets}"
    )
    ours, peer = (1000 * seconds[n] / n_sets for n in ("ours", "lmfit"))
    print(f"a fit: ours {ours:.1f} ms, lmfit {peer:.1f} ms (one set of errors), ratio {peer / ours:.1f}")


def energies():
    volumes = np.linspace(60.0, 80.0, 11)
    truth = eos.Equation("bm4", {"v0": 70.0, "k0": 150.0, "k0_prime": 4.5, "k0_double_prime": -0.04})
    values = eos.evaluate(truth, volume=volumes).energy.values.ravel()
    ds = eos.label_points(volumes, energy=values)
    for form, name in {"bm3": "birchmurnaghan", "vinet": "vinet", "murnaghan": "murnaghan"}.items():
        times = []
        for call in (partial(eos.fit_eos, ds, form=form), EquationOfState(volumes, values, eos=name).fit):
            began = time.process_time()
            for _ in range(20):
                result = call()
            times.append(50 * (time.process_time() - began))
        ours = eos.fit_eos(ds, form=form)
        apart = abs(float(ours.k0) / (result[2] * 160.21766) - 1)
        print(f"energies, {form:10s} ours {times[0]:.1f} ms, ase {times[1]:.1f} ms; K0 differs by {apart:.1e}")


def sampling():
    ds = datasets.load_mgo()
    for n_steps in (400, 1000):
        began = time.process_time()
        draws = eos.sample_eos(ds, form="vinet", thermal="debye", hold={"theta0": 773.0}, n_steps=n_steps)
        took = time.process_time() - began
        few = float(draws.effective_draws.min())
        print(
            f"sampling, 5 parameters, {n_steps} steps: {took:.1f} s, R-hat {float(draws.r_hat.max()):.3f}, "
            f"autocorrelation time {float(draws.autocorrelation_time.max()):.0f}, {few:.0f} independent draws"
        )


def mgo():
    ds, power = datasets.load_mgo(), {"thermal": "debye", "hold": {"theta0": 773.0, "q": 1.0}}
    for form in ("bm2", "bm3", "vinet", "murnaghan"):
        f = eos.fit_eos(ds, form=form, **power)
        print(
            f"MgO, {form:10s} K0 {float(f.k0):.1f} ± {float(f.k0_stderr):.1f} GPa, gamma0 {float(f.gamma0):.3f} ± "
            f"{float(f.gamma0_stderr):.3f}, chi2 per degree of freedom {float(f.reduced_chi2):.2f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=100)
    n = parser.parse_args().sets
    mgo()
    intervals(n)
    energies()
    sampling()
