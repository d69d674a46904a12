"""Screening: planted variables of a volcano, models on catalysts they have not seen, a film on substrates.

*found* is the share of seeds in which the best of the subsets of up to three of thirteen variables is the planted one,
exactly; *inside folds* the share of folds in which the subset chosen without the fold is. LASSO is scikit-learn's
``LassoCV`` here and ours in *models*; *with the distance* gives it the distance from the top of the volcano as one more
variable. Times are processor time of one core.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import time

import numpy as np
import xarray as xr
from sklearn.linear_model import LassoCV

from mi_widgets import screening
from mi_widgets.datasets import make_catalyst_yields
from mi_widgets.datasets._substrates import load_films, load_substrates

PLANTED = ["d_band_center", "work_function", "metal_charge"]
SEARCHES = {"lines": {"degree": 1}, "squares and products": {"degree": 2}, "kernel": {"model": "kernel"}}


def found_variables(n_seeds: int) -> None:
    print(
        f"planted variables found, {n_seeds} seeds (catalysts, noise): "
        + ", ".join(SEARCHES)
        + "; LASSO's three largest"
    )
    for n, noise in ((60, 0.05), (60, 0.2), (30, 0.05), (30, 0.2)):
        hits = dict.fromkeys([*SEARCHES, "lasso"], 0)
        for seed in range(100, 100 + n_seeds):
            ds = make_catalyst_yields(n_catalysts=n, noise=noise, seed=seed)
            for kind, options in SEARCHES.items():
                best = screening.exhaustive_search(ds.features, ds.logit_yield, max_features=3, **options)
                hits[kind] += best.feature.values[best.member.values[0] == 1].tolist() == PLANTED
            x = (ds.features.values - ds.features.values.mean(axis=0)) / ds.features.values.std(axis=0)
            beta = np.abs(LassoCV(cv=5).fit(x, ds.logit_yield.values).coef_)
            three = np.sort(np.argsort(-beta)[:3])
            hits["lasso"] += bool((beta[three] > 0).all()) and ds.feature.values[three].tolist() == PLANTED
        print(f"  {n} catalysts, noise {noise:.0%}: " + ", ".join(f"{k} {v / n_seeds:.0%}" for k, v in hits.items()))


def models(n_seeds: int) -> None:
    print(f"nested r squared, median of {n_seeds} seeds, and share within two standard errors:")
    for n, noise in ((60, 0.05), (30, 0.2)):
        r2, inside, with_distance, right = [], [], [], []
        for seed in range(n_seeds):
            ds = make_catalyst_yields(n_catalysts=n, noise=noise, seed=seed)
            one = screening.compare_yield_models(ds.features, ds.logit_yield, n_folds=10)
            r2.append(one.r_squared.values)
            inside.append(one.coverage.values)
            here = one.chosen.sel(model="kernel").values
            right.append((here == np.isin(ds.feature.values, PLANTED)).all(axis=1).mean())
            distance = np.abs(ds.true_adsorption_energy.values + 0.55)[:, None]
            labels = {"candidate": ds.candidate, "feature": [*ds.feature.values, "distance"]}
            more = xr.DataArray(np.hstack([ds.features.values, distance]), labels, ("candidate", "feature"))
            lasso = screening.compare_yield_models(more, ds.logit_yield, ["lasso"], n_folds=10)
            with_distance.append(float(lasso.r_squared[0]))
        each = zip(one.model.values, np.median(r2, axis=0), np.mean(inside, axis=0), strict=True)
        told = ", ".join(f"{m} {r:.2f} ({c:.0%})" for m, r, c in each)
        print(f"  {n} catalysts, noise {noise:.0%}: {told}")
        print(f"    LASSO with the distance {np.median(with_distance):.2f}; inside folds {np.mean(right):.0%}")


def energies(n_seeds: int) -> None:
    inside, off = [], []
    for seed in range(n_seeds):
        ds = make_catalyst_yields(seed=seed)
        fit = screening.fit_volcano(ds.features.sel(feature=PLANTED), ds.logit_yield)
        true = ds.true_adsorption_energy.values + 0.55
        sign = np.sign(np.corrcoef(true, fit.energy)[0, 1])
        inside.append((np.abs(sign * fit.energy.values - true) < 2 * fit.energy_stderr.values).mean())
        off.append(np.abs(sign * fit.energy.values - true).mean())
    print(f"volcano, {n_seeds} seeds: {np.mean(inside):.0%} of the energies within two standard errors, "
          f"mean error {1e3 * np.mean(off):.1f} meV")  # fmt: skip


def times() -> None:
    ds = make_catalyst_yields()
    for kind, options in SEARCHES.items():
        most = 3 if kind == "squares and products" else 13
        began = time.process_time()
        found = screening.exhaustive_search(ds.features, ds.logit_yield, max_features=most, **options)
        print(f"{kind}: {found.sizes['subset']:,} subsets of 60 catalysts in {time.process_time() - began:.1f} s")
    for area in (100.0, 220.0):
        began = time.process_time()
        ranked = screening.screen_substrates(float(load_films().a["germanene"]), load_substrates(), max_area=area)
        took = time.process_time() - began
        print(f"21 substrates up to {area:.0f} square angstrom: {took:.1f} s; {ranked.attrs['conclusion']}")
    for name in ("GaTe", "InSe", "Bi2Se3"):
        print(f"  germanene on {name}: {100 * float(ranked.strain.sel(coincidence=f'{name} 1')):+.1f} %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    seeds = parser.parse_args().seeds
    times()
    energies(seeds)
    found_variables(seeds)
    models(max(3, seeds // 6))
