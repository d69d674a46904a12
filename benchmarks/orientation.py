"""Mixtures of orientations: right model, coverage, free energy against quadrature, speed beside peers.

    python benchmarks/orientation.py [--sets 40] [--energies]

Sets: a model drawn among uniform, 1, 1+u, 2 and, harder, among these and 2+u, 3; always six candidates; mean axes at
least 30 degree apart (60 of the doubled angle), concentrations from 2 to 12, weights of at least 0.2, angles rounded
to 1 degree. Peers: there are no mixtures of von Mises densities in SciPy or scikit-learn, so beside ours stand
expectation maximisation written as a plain loop (as in R's movMF, one start and five) and scikit-learn's Gaussian
mixture on the angles cut open at 0. Seconds are of the processor.
"""

import argparse
import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import time
import warnings
from typing import Any

import numpy as np
from scipy import special
from sklearn.mixture import GaussianMixture

from mi_widgets import orientation
from mi_widgets.datasets import make_orientations

ALL = ["uniform", "1", "1+u", "2", "2+u", "3"]


def drawn(rng: np.random.Generator, truths: list[str]) -> tuple[str, tuple[tuple[float, float, float], ...]]:
    name = str(rng.choice(truths))
    if name == "uniform":
        return name, ()
    k, parts = int(name[0]), int(name[0]) + name.endswith("u")
    while True:
        weight, mean = rng.dirichlet(np.ones(parts) * 3), rng.uniform(0, 180, k)
        apart = np.abs((mean[:, None] - mean + 90) % 180 - 90)[np.triu_indices(k, 1)]
        if weight.min() >= 0.2 and (apart >= 30).all():
            kappa = np.exp(rng.uniform(np.log(2), np.log(12), k))
            return name, tuple(zip(weight[:k], mean, kappa, strict=True))


def choices(n_sets: int, n_grains: int, truths: list[str], energies: bool) -> None:
    right = dict.fromkeys(("bic", "aic", "aicc", "free_energy", "F within 1"), 0)
    wrong = []
    sampling = orientation.Sampling() if energies else None
    seconds = 0.0
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        name, components = drawn(rng, truths)
        grains = make_orientations(n_grains, components=components, seed=rng)
        start = time.process_time()
        found = orientation.select_orientation(grains.angle, candidates=ALL, sampling=sampling, seed=seed)
        seconds += time.process_time() - start
        for criterion in ("bic", "aic", "aicc", *(["free_energy"] if energies else [])):
            best = str(found.candidate.values[int(np.nanargmin(found[criterion].values))])
            right[criterion] += best == name
            if criterion == "bic" and best != name:
                wrong.append(f"{name} -> {best}")
        right["F within 1"] += found.attrs.get("chosen_free_energy") == name
    print(f"\nright model in {n_sets} sets of {n_grains} grains, {', '.join(truths)} ({seconds / n_sets:.2f} s a set)")
    for criterion, count in right.items():
        if energies or criterion in ("bic", "aic", "aicc"):
            print(f"  {criterion:12s} {count} of {n_sets}")
    print(f"  wrong by BIC: {', '.join(wrong) or 'none'}")


def coverage(n_sets: int = 100) -> None:
    z = []
    for seed in range(n_sets):
        grains = make_orientations(1000, components=((0.5, 60.0, 5.0), (0.3, 125.0, 4.0)), seed=seed)
        fit = orientation.fit_orientation(grains.angle, n_components=2, uniform=True, n_starts=8, seed=seed)
        for name in ("mean_axis", "concentration", "weight"):
            z += ((fit[name] - grains[f"true_{name}"]) / fit[f"{name}_stderr"]).values.tolist()
    z = np.abs(z)
    print(
        f"\ntruth within 1 / 2 / 3 standard errors: {(z < 1).mean():.3f} / {(z < 2).mean():.3f} / {(z < 3).mean():.3f}"
    )


def quadrature(degrees: np.ndarray) -> float:
    n, length = len(degrees), abs(np.exp(2j * np.radians(degrees)).sum())
    t = np.linspace(np.log(3.0) - 9.6, np.log(3.0) + 7.2, 4001)
    k = np.exp(t)
    over_mean = np.log(special.i0e(k * length)) + k * length
    norm = np.log(2 * np.pi) + np.log(special.i0e(k)) + k
    prior = -0.5 * ((t - np.log(3.0)) / 1.2) ** 2 - np.log(1.2 * np.sqrt(2 * np.pi))
    return -float(special.logsumexp(over_mean - n * norm + prior) + np.log(t[1] - t[0]))


def free_energies(n_sets: int = 10) -> None:
    off, rate = [], []
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        components = ((float(rng.uniform(0.5, 1.0)), float(rng.uniform(0, 180)), float(rng.uniform(2, 10))),)
        angle = make_orientations(int(rng.choice([1577, 3136])), components=components, seed=rng).angle
        found = orientation.free_energy(angle, candidates=["1"], seed=seed)
        off += (found.free_energy_of_run.values.ravel() - quadrature(angle.values)).tolist()
        rate.append(float(found.exchange_rate.min()))
    print(f"\nfree energy of one component less quadrature, {len(off)} runs: mean {np.mean(off):.3f}, deviation")
    print(f"  {np.std(off):.3f}, greatest {np.abs(off).max():.3f}; least exchange rate {min(rate):.2f}")


def naive(phi: np.ndarray, k: int, rng: np.random.Generator, starts: int) -> tuple[float, np.ndarray]:
    """Expectation maximisation as it stands in books, grain by grain, no uniform part."""
    best, where = -np.inf, np.empty(0)
    for _ in range(starts):
        mean, kappa, weight, old = rng.uniform(0, 2 * np.pi, k), np.full(k, 2.0), np.full(k, 1 / k), -np.inf
        for _ in range(1000):
            logs = np.log(weight)[:, None] + kappa[:, None] * np.cos(phi - mean[:, None])
            logs -= np.log(2 * np.pi * special.i0e(kappa))[:, None] + kappa[:, None]
            every = special.logsumexp(logs, axis=0)
            share = np.exp(logs - every)
            if every.sum() - old < 1e-7 * phi.size:
                break
            old, weight = every.sum(), share.mean(axis=1)
            c, s = share @ np.cos(phi), share @ np.sin(phi)
            mean, r = np.arctan2(s, c), np.minimum(np.hypot(c, s) / share.sum(axis=1), 0.9999)
            kappa = r * (2 - r * r) / (1 - r * r)
        if old > best:
            best, where = old, np.sort(np.degrees(mean) / 2 % 180)
    return float(best), where


def timed(call: Any, repeat: int = 3) -> tuple[float, Any]:
    best, out = np.inf, None
    for _ in range(repeat):
        start = time.process_time()  # one thread: what others do on the machine does not count
        out = call()
        best = min(best, time.process_time() - start)
    return best, out


def peers() -> None:
    print("\ntwo components, one of them across 0 degree: s, log-likelihood, mean axes (true 5 and 70)")
    for rounding in (1.0, 0.0):
        grains = make_orientations(3136, components=((0.6, 5.0, 6.0), (0.4, 70.0, 4.0)), rounding=rounding, seed=0)
        beside(grains.angle, rounding)
    for n, rounding in ((1577, 1.0), (1577, 0.0), (3136, 1.0), (3136, 0.0)):
        two = make_orientations(n, components=((0.65, 60.0, 5.0), (0.35, 120.0, 3.0)), rounding=rounding, seed=0)
        seconds, _ = timed(lambda t=two: orientation.select_orientation(t.angle))
        print(f"  all six candidates, {n} grains, rounded to {rounding:g}: {seconds:.2f} s")
    for rounding in (1.0, 0.0):
        two = make_orientations(1577, components=((0.65, 60.0, 5.0), (0.35, 120.0, 3.0)), rounding=rounding, seed=0)
        for engine in ("numpy", "numba"):
            one = orientation.Sampling(n_runs=1, engine=engine)
            seconds = [
                timed(lambda n=name, t=two, s=one: orientation.free_energy(t.angle, candidates=[n], sampling=s), 2)[0]
                for name in ("1", "2", "3")
            ]
            print(f"  a run of 2500 sweeps, 24 replicas, rounded to {rounding:g}, {engine}: "
                  f"{' / '.join(f'{s:.2f}' for s in seconds)} s for 1 / 2 / 3 components")  # fmt: skip


def beside(angles: Any, rounding: float) -> None:
    phi, column = 2 * np.radians(angles.values), angles.values[:, None]
    ours, fit = timed(lambda: orientation.fit_orientation(angles, n_components=2))
    mean = np.sort(fit.mean_axis.values).round(1)
    print(f"  rounded to {rounding:g}, ours, 24 starts, errors: {ours:.3f} s, {float(fit.log_likelihood):.2f}, {mean}")
    for starts in (1, 5):
        seconds, (best, mean) = timed(lambda n=starts: naive(phi, 2, np.random.default_rng(0), n))
        print(f"    plain loop, {starts} starts: {seconds:.3f} s ({seconds / ours:.1f}x), {best:.2f}, {mean.round(1)}")
    seconds, model = timed(lambda: GaussianMixture(2, n_init=5, random_state=0).fit(column))
    bics = [GaussianMixture(k, n_init=5, random_state=0).fit(column).bic(column) for k in range(1, 6)]
    print(f"    Gaussian mixture of the cut angles, 5 starts: {seconds:.3f} s ({seconds / ours:.1f}x),")
    print(f"      means {np.sort(model.means_.ravel()).round(1)}; its BIC takes {int(np.argmin(bics)) + 1} components")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=40)
    parser.add_argument("--energies", action="store_true", help="free energies of all sets too, some 12 s each")
    chosen = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for truths in (ALL[:4], ALL):
            for n_grains in (1577, 3136):
                choices(chosen.sets, n_grains, truths, chosen.energies)
        coverage()
        free_energies()
        peers()


if __name__ == "__main__":
    main()
