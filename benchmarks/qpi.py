"""Quasi-particle interference: accuracy beside the published figures, time of a fit, sufficiency, both solvers.

``.venv/bin/python benchmarks/qpi.py [number of maps]``; on one core. The conventional transform stands for the peer.
"""

import sys
import time

import numpy as np

from mi_widgets import datasets, qpi

SIZES = (16200, 7200, 4050, 2000)


def timed(function, *args, **options):
    began = time.perf_counter()
    return function(*args, **options), time.perf_counter() - began


def main(n_maps: int) -> None:
    print("published, 7,200 of 64,800 pixels: transform a/c 0.92 / 0.96, LASSO 14 / 18, rings 1.2 and 3.2 1/nm")
    for seed in range(n_maps):
        ds = datasets.make_interference_map(seed=seed)
        for n in SIZES:
            sampled = qpi.sample_pixels(ds.conductance, n_pixels=n, seed=seed)
            found, seconds = timed(qpi.analyze, ds.conductance, sampled, solver="amp")
            row = [f"map {seed} M {n:5d}: {seconds:5.1f} s"]
            for image in ("transform", "lasso"):
                one = found.sel(image=image)
                row.append(f"{image} {one.ring_position.values.round(2)} a/c {one.ring_ratio.values.round(1)}"
                           f"{' (limit)' if one.ring_ratio_is_limit.any() else ''}")  # fmt: skip
            row.append(f"p {float(found.p_value):.1e}, folds share data {float(found.p_value_corrected):.1e}")
            print(" | ".join(row), flush=True)
            if n == 7200:
                compare(ds, sampled, float(found.chosen_penalty))


def compare(ds, sampled, penalty: float) -> None:
    """Both solvers at the same penalty: time of one fit, and how far apart their pictures are."""
    runs = {name: timed(qpi.fit_lasso, ds.conductance, sampled, penalty=penalty, solver=name)
            for name in ("fista", "amp")}  # fmt: skip
    fista, amp = (runs[name][0] for name in ("fista", "amp"))
    apart = float(np.sqrt(((fista.cosine - amp.cosine) ** 2 + (fista.sine - amp.sine) ** 2).sum()
                          / (fista.cosine**2 + fista.sine**2).sum()))  # fmt: skip
    times = ", ".join(f"{name} {seconds:.2f} s ({int(found.n_iter[0])} it)" for name, (found, seconds) in runs.items())
    print(f"    one fit with all set-up: {times}; {100 * apart:.2f} % apart")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
