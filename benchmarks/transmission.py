"""Sparse regression of transmission: approximate leave-one-out beside the literal one and beside ten folds.

The first part is on random variables that are alike (N = 180, correlated 0.6), 60 penalties over two decades; times are
of the same solver, in processor time of one core: the literal ways fit again, each path from its start. scikit-learn's
``lasso_path`` is timed beside. The second is on the 600 junctions, all clusters: *same penalty* is the share of
energies, among those with a density below half of M / N, at which the formula and ten folds choose penalties at most
one step apart; *other folds* the same for ten folds and ten others, more than which nothing can agree with them.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import time
import warnings

import numpy as np
import xarray as xr
from sklearn.linear_model import lasso_path
from sklearn.metrics import adjusted_rand_score

from mi_widgets import transmission
from mi_widgets.datasets import make_molecular_junctions
from mi_widgets.methods.sparse import compare_validations, fit_lasso

RULES = ("one_stderr", "sparsest_minimum", "lowest")


def random_design(m: int, n: int, n_true: int, seed: int) -> tuple[xr.DataArray, xr.DataArray]:
    rng = np.random.default_rng(seed)
    x, common = rng.normal(size=(m, n)), rng.normal(size=(m, max(3, n // 12)))
    mix = rng.normal(size=(common.shape[1], n)) / common.shape[1] ** 0.5
    x = 0.4**0.5 * x + 0.6**0.5 * common @ mix
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    beta = np.zeros(n)
    beta[rng.choice(n, n_true, replace=False)] = rng.normal(size=n_true)
    y = x @ beta + 0.5 * n_true**0.5 * rng.normal(size=m)
    return xr.DataArray(x, dims=("sample", "variable")), xr.DataArray((y - y.mean()) / y.std(), dims="sample")


def seconds(work, *given, **options) -> float:
    began = time.process_time()
    work(*given, **options)
    return time.process_time() - began


def on_random_variables() -> None:
    print("M, formula / leave-one-out - 1 at its minimum, density there, times as long: one by one, ten folds, sklearn")
    for m, n_true, seed in ((60, 8, 2), (100, 15, 1), (200, 15, 3), (400, 20, 5), (600, 20, 4)):
        x, y = random_design(m, 180, n_true, seed)
        found = compare_validations(x, y, "sample", n_penalties=60)
        error = found.error
        place = int(error.sel(validation="leave_one_out").argmin("penalty"))
        ratio = float(error.sel(validation="approximate")[place] / error.sel(validation="leave_one_out")[place]) - 1
        took = {}
        for way, times in (("approximate", 3), ("k_fold", 1), ("leave_one_out", 1)):
            options = {"validation": way, "n_penalties": 60}
            took[way] = min(seconds(fit_lasso, x, y, "sample", **options) for _ in range(times))
        alphas = float(found.penalty_limit) * found.penalty.values
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = seconds(lasso_path, x.values, y.values, alphas=alphas, tol=1e-9, max_iter=100_000)
        own = took["approximate"]
        print(
            f"{m:4d}  {ratio:+.2%}  {float(found.density[place]):.3f}  {took['leave_one_out'] / own:6.0f}x  "
            f"{took['k_fold'] / own:5.1f}x  {peer / own:5.2f}x  ({own * 1e3:.1f} ms)"
        )


def on_junctions(n_energies: int) -> None:
    for seed in (0, 1):
        ds = make_molecular_junctions(n_energies=n_energies, seed=seed)
        clusters = transmission.cluster_spectra(ds)
        index = adjusted_rand_score(ds.true_site, clusters.cluster)
        best = transmission.choose_n_clusters(ds, n_max=6).best.to_series().to_dict()
        print(f"seed {seed}: adjusted Rand index {index:.3f}; numbers of clusters {best}")
    ds = make_molecular_junctions(n_energies=n_energies)
    clusters = transmission.cluster_spectra(ds)
    for n_penalties in (8, 10, 12, 20):
        for rule in RULES:
            options = {"rule": rule, "n_penalties": n_penalties}
            ours = transmission.sparse_regression(ds, clusters, **options)
            folds = [
                transmission.sparse_regression(ds, clusters, validation="k_fold", seed=k, **options) for k in (0, 1)
            ]
            step = float(np.log(ours.penalty[0] / ours.penalty[1]))
            density = ours.density.where(ours.penalty == ours.chosen_penalty).max("penalty")
            holds = (density < 0.5).values & np.isfinite(ours.chosen_penalty.values)

            def same(a: xr.Dataset, b: xr.Dataset, step: float = step, holds: np.ndarray = holds) -> float:
                apart = np.abs(np.log(a.chosen_penalty / b.chosen_penalty)).values[holds]
                return float((apart < 1.5 * step).mean())

            print(
                f"{n_penalties:3d} penalties, {rule:16s}: same penalty {same(ours, folds[0]):.1%}, other folds "
                f"{same(folds[1], folds[0]):.1%}, of {holds.sum()} of {holds.size}; "
                f"predicted {float(ours.r2.median()):.0%}, density {float(density.median()):.2f}"
            )


def formula_on_junctions(ds: xr.Dataset, energies: np.ndarray) -> None:
    clusters = transmission.cluster_spectra(ds)
    off = []
    for cluster in range(3):
        for energy in energies:
            found = transmission.compare_validations(ds, clusters, cluster=cluster, energy=float(energy))
            error = found.error
            place = int(error.sel(validation="leave_one_out").argmin("penalty"))
            ratio = error.sel(validation="approximate")[place] / error.sel(validation="leave_one_out")[place]
            off.append(abs(float(ratio) - 1))
    values = np.array(off)
    flagged = np.isnan(values)
    print(
        f"formula over leave-one-out at its minimum, {values.size} cases of 200 junctions: median "
        f"{np.nanmedian(values):.1%}, at most 3 % in {(values[~flagged] <= 0.03).mean():.0%}, largest "
        f"{np.nanmax(values):.1%}; {flagged.sum()} flagged as not to be trusted"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--energies", type=int, default=41, help="energies of the junctions")
    given = parser.parse_args()
    fit_lasso(*random_design(30, 10, 3, 0), "sample")  # compile
    on_random_variables()
    on_junctions(given.energies)
    formula_on_junctions(make_molecular_junctions(n_energies=13), np.linspace(-3, 3, 13))
