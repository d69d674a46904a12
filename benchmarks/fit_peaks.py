"""Fit maps beside lmfit: time for a spectrum, and how near the positions come to the Cramer-Rao bound.

Data: `datasets.make_spectral_map`, two pseudo-Voigts on a linear background, 400 channels. Ours gets no starting
values and gives standard errors; lmfit is started from the true mean parameters of the map, which is more than a user
has, and fits every `--stride`-th spectrum with weights 1/sqrt(counts).
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core each, before NumPy is loaded

import argparse
import statistics
import time
from collections.abc import Callable

import lmfit
import numpy as np
import xarray as xr

from mi_widgets import datasets, peaks

NAMES = ("amplitude", "center", "sigma", "fraction")


def cpu_seconds(work: Callable[[], object], repeats: int) -> tuple[float, object]:
    """Median CPU time of `work`, and its last result."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        result = work()
        times.append(time.process_time() - began)
    return statistics.median(times), result


def by_lmfit(ds: xr.Dataset, rows: np.ndarray) -> np.ndarray:
    """Positions that lmfit finds, shape (n_rows, 2)."""
    model = lmfit.models.PseudoVoigtModel(prefix="p0_") + lmfit.models.PseudoVoigtModel(prefix="p1_")
    model = model + lmfit.models.LinearModel(prefix="b_")
    left, right = float(ds.true_background_left.mean()), float(ds.true_background_right.mean())
    low, high = float(ds.energy[0]), float(ds.energy[-1])
    slope = (right - left) / (high - low)
    params = model.make_params(b_slope=slope, b_intercept=left - slope * low)
    for k in range(2):
        for name in NAMES:
            params[f"p{k}_{name}"].set(value=float(ds[f"true_{name}"].mean(("y", "x"))[k]))
        params[f"p{k}_amplitude"].set(min=0)
    x, y = ds.energy.values, ds.spectra.values.reshape(-1, ds.sizes["energy"])
    out = np.empty((rows.size, 2))
    for i, row in enumerate(rows):
        result = model.fit(y[row], params, x=x, weights=1 / np.sqrt(np.maximum(y[row], 1)), scale_covar=False)
        out[i] = sorted(result.params[f"p{k}_center"].value for k in range(2))
    return out


def accuracy(found: np.ndarray, ds: xr.Dataset, rows: np.ndarray) -> str:
    """RMSE over the Cramer-Rao bound of the pixels that did not fail, and the share that did."""
    error = found - ds.true_center.values.reshape(-1, 2)[rows]
    bound = datasets.cramer_rao_bound(ds).center_stderr.values.reshape(-1, 2)[rows]
    fail = (np.abs(error) > 0.225).any(axis=1)  # a quarter of the width
    ratio = np.sqrt(np.mean((error[~fail] / bound[~fail]) ** 2)) if (~fail).any() else np.nan
    return f"{ratio:8.3f} {100 * fail.mean():8.2f}"


def worse_than_from_truth(fit: xr.Dataset, ds: xr.Dataset) -> float:
    """Share of spectra whose likelihood is lower than that of a fit started from the truth, by more than 0.05."""
    truth = {name: ds[f"true_{name}"] for name in (*NAMES, "background_left", "background_right")}
    return float((fit.deviance > peaks.fit_peaks(ds.spectra, n_peaks=2, start=truth).deviance + 0.1).mean())


def on_shirley(size: int, repeats: int, row_above: float) -> str:
    """Three lines on an active Shirley step at 10,000 counts: time, and how good the areas are."""
    ds = datasets.make_spectral_map(
        preset="separated", n_peaks=3, background="shirley", shape=(size, size), counts=10000, seed=1
    )
    options = {"n_peaks": 3, "background": "shirley", "engine": "numba"}
    seconds, fit = cpu_seconds(lambda: peaks.fit_peaks(ds.spectra, **options), repeats)
    off = (fit.amplitude / ds.true_amplitude - 1).values
    each = seconds / size**2
    return (f"three lines on Shirley, 10,000 counts: {1e6 * each:.1f} us/spectrum, {each / row_above:.1f} times two on "
            f"a line; areas: bias {100 * off.mean():.2f} %, RMS {100 * np.sqrt((off**2).mean()):.2f} %")  # fmt: skip


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64, help="pixels along each side of the map")
    parser.add_argument("--stride", type=int, default=64, help="lmfit takes one spectrum of so many")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    peaks.fit_peaks(datasets.make_spectral_map(shape=(4, 4)).spectra, n_peaks=2, engine="numba")  # compiled before
    print("map               counts engine      us/spectrum   x lmfit  RMSE/CRB   fail %  worse than from truth %")
    two_lines = 0.0
    for preset, drift in (("separated", 0.0), ("overlap", 0.0), ("separated", 2.0), ("overlap", 2.0)):
        for counts in (100, 1000, 10000):
            shape = (options.size, options.size)
            ds = datasets.make_spectral_map(preset=preset, shape=shape, counts=counts, drift=drift, seed=1)
            rows = np.arange(0, options.size**2, options.stride) + options.stride // 2
            peer, found = cpu_seconds(lambda ds=ds, rows=rows: by_lmfit(ds, rows), 1)
            peer /= rows.size
            title = f"{preset + (' drift' if drift else ''):17s} {counts:6d}"
            print(f"{title} lmfit      {1e6 * peer:12.1f} {1.0:9.1f} {accuracy(found, ds, rows)}", flush=True)
            for engine in ("numba", "numpy"):
                repeats = options.repeats if engine == "numba" else 1
                ours, fit = cpu_seconds(
                    lambda ds=ds, engine=engine: peaks.fit_peaks(ds.spectra, n_peaks=2, engine=engine), repeats
                )
                ours /= options.size**2
                if engine == "numba" and preset == "overlap" and counts == 1000 and not drift:
                    two_lines = ours
                every = np.arange(options.size**2)
                line = accuracy(fit.center.values.reshape(-1, 2), ds, every)
                worse = f"{100 * worse_than_from_truth(fit, ds):25.3f}" if engine == "numba" else ""
                print(f"{title} {engine:10s} {1e6 * ours:12.1f} {peer / ours:9.1f} {line}{worse}", flush=True)
    print(on_shirley(options.size, options.repeats, two_lines))


if __name__ == "__main__":
    main()
