"""Smoothed maps beside raw ones: distance from the Cramer-Rao bound of a single spectrum, coverage, time.

Data: `datasets.make_spectral_map`, fitted without starts and smoothed by `peaks.smooth.smooth_maps`; then positions
with a known error and an edge of 3 to 10 standard errors, or without any order in space.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import time

import numpy as np

from mi_widgets import datasets, peaks
from mi_widgets.datasets._fields import smooth_field as true_field
from mi_widgets.peaks._smooth import smooth_field
from mi_widgets.peaks.smooth import smooth_maps


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(np.square(values))))


def maps(size: int, seeds: int) -> None:
    """Fitted maps with their truth."""
    print("map            counts variable    raw/CRB  smooth/CRB  in 68 %  in 95 %  s/field")
    for preset, counts in (("overlap", 100), ("overlap", 1000), ("separated", 1000), ("transistor", 1000)):
        rows: dict[str, list[list[float]]] = {}
        for seed in range(seeds):
            ds = datasets.make_spectral_map(preset=preset, shape=(size, size), counts=counts, seed=seed + 1)
            fit = peaks.fit_peaks(ds.spectra, n_peaks=2)
            bound = datasets.cramer_rao_bound(ds)
            for name in ("center", "fwhm", "amplitude"):
                began = time.process_time()
                found = smooth_maps(fit, variables=[name])
                took = (time.process_time() - began) / 2
                truth, limit = ds[f"true_{name}"], bound[f"{name}_stderr"]
                error = found[f"{name}_smooth"] - truth
                z = np.abs(error / found[f"{name}_smooth_stderr"]).values
                ratios = [rms((fit[name] - truth) / limit), rms(error / limit)]
                rows.setdefault(name, []).append([*ratios, 100 * np.mean(z < 1), 100 * np.mean(z < 1.96), took])
        for name, values in rows.items():
            raw, smooth, in68, in95, took = np.mean(values, axis=0)
            print(
                f"{preset:13s} {counts:7d} {name:10s} {raw:8.3f} {smooth:11.3f} {in68:8.1f} {in95:8.1f} {took:8.2f}",
                flush=True,
            )


def edges(size: int, seeds: int) -> None:
    """Positions with unit error: edges, and no order at all."""
    print("truth                     raw  smooth  smooth at edge  in 68 % at edge  in 95 % at edge")
    y, x = np.mgrid[:size, :size]
    for title, slope, step, spread in (
        *((f"edge of {k}, straight", 0.0, k, 0.0) for k in (3, 5, 10)),
        *((f"edge of {k}, slanting", 0.4, k, 0.0) for k in (3, 5, 10)),
        *((f"white noise of {s}", 0.0, 0, s) for s in (1, 3, 10)),
    ):
        right = x + slope * (y - size / 2) >= size // 2
        edge = np.zeros_like(right)
        edge[:, 1:] |= right[:, 1:] != right[:, :-1]
        edge[:, :-1] |= right[:, 1:] != right[:, :-1]
        rows = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            truth = true_field((size, size), rng, 2.0) + step * right
            if spread:
                truth = spread * rng.standard_normal(truth.shape)
            raw = truth + rng.standard_normal(truth.shape)
            places = np.arange(float(size))
            found, deviation = smooth_field(raw, np.ones_like(raw), places, places)
            z = np.abs(found - truth)[edge] / deviation[edge]
            covered = [100 * np.mean(z < 1), 100 * np.mean(z < 1.96)]
            rows.append([rms(raw - truth), rms(found - truth), rms((found - truth)[edge]), *covered])
        raw_, smooth, at, in68, in95 = np.mean(rows, axis=0)
        print(f"{title:22s} {raw_:6.3f} {smooth:7.3f} {at:15.3f} {in68:16.1f} {in95:16.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=32, help="pixels along each side of the map")
    parser.add_argument("--seeds", type=int, default=3, help="maps for each row")
    options = parser.parse_args()
    maps(options.size, options.seeds)
    edges(options.size, options.seeds)
    size = 256
    truth = true_field((size, size), np.random.default_rng(0), 5.0)
    began = time.process_time()
    smooth_field(
        truth + np.random.default_rng(1).standard_normal(truth.shape), np.ones_like(truth), *[np.arange(256.0)] * 2
    )
    print(f"one field of 256 x 256: {time.process_time() - began:.1f} s")


if __name__ == "__main__":
    main()
