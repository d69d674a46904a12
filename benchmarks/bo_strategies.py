"""Strategies of search beside each other on 17,982 candidates: time, cancelling, going on; and the grain boundary.

python benchmarks/bo_strategies.py              # six strategies x 24 seeds x 80 trials
python benchmarks/bo_strategies.py --landscape  # 74 searches of each rule for the lowest grain boundary
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from mi_widgets import bo, datasets

STRATEGIES = ("random", "default", "ei", "z_score", "max_variance", "thompson")


def table_of_18k() -> pd.DataFrame:
    """81 x 37 x 6 translations with the energy of the nearest one that was computed."""
    pool = datasets.load_grain_boundary()
    x, y, z = pool.features.values.T
    levels = [np.unique(v) for v in (x, y, z)]
    energy = pool.energy.values.reshape([v.size for v in levels])
    new = [np.linspace(v[0], v[-1], n) for v, n in zip(levels, (81, 37, 6), strict=True)]
    near = [np.abs(v[:, None] - w).argmin(0) for v, w in zip(levels, new, strict=True)]
    grid = np.stack(np.meshgrid(*new, indexing="ij"), axis=-1).reshape(-1, 3)
    return pd.DataFrame(grid, columns=list("xyz")).assign(energy=energy[np.ix_(*near)].ravel())


def used(began: os.times_result) -> tuple[float, float]:
    """Seconds of processor and of the clock."""
    now = os.times()
    return now.user + now.system - began.user - began.system, now.elapsed - began.elapsed


def many(n_repeats: int, n_steps: int) -> None:
    """Six strategies, stopped after a third and gone on with."""
    table = table_of_18k()
    call = {"target": "energy", "strategies": STRATEGIES, "n_initial": 20, "n_steps": n_steps, "n_repeats": n_repeats,
            "seed": 0}  # fmt: skip
    print(f"{len(table):,} candidates x 3, {len(STRATEGIES)} strategies x {n_repeats} seeds x {n_steps} trials")
    print(f"load average before: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    began = os.times()
    parts, part, slowest, last = bo.iter_replay(table, **call), None, 0.0, time.perf_counter()
    for part in parts:
        slowest, last = max(slowest, time.perf_counter() - last), time.perf_counter()
        if part.done >= part.total / 3:
            break
    first = part.result
    stop = time.perf_counter()
    parts.close()
    print(
        f"stopped at {part.done} of {part.total} in {time.perf_counter() - stop:.2f} s; "
        f"parts {slowest:.1f} s apart at most"
    )
    result = bo.replay(table, resume=first, **call)
    processor, clock = used(began)
    kept = first.status.values == 0
    same = np.array_equal(first.candidate.values[kept], result.candidate.values[kept])
    print(f"{processor:.0f} s of processor, {clock:.0f} s by the clock, load average after: {os.getloadavg()[0]:.1f}")
    print(f"what was finished before the stop is the same: {same}; all ran: {bool((result.status == 0).all())}")
    best = result.best.isel(step=-1) - table.energy.min()
    for name in result.strategy.values:
        print(
            f"  {name:13s} median distance from the lowest {1000 * float(best.sel(strategy=name).median()):6.2f} mJ/m2"
        )


def landscape(n_repeats: int) -> None:
    """Trials to the lowest grain boundary, within 0.1 mJ/m2."""
    pool = datasets.load_grain_boundary()
    period = {str(k): float(v) for k, v in zip(pool.feature.values, pool.period.values, strict=True) if np.isfinite(v)}
    edge = float(pool.energy.min()) + pool.attrs["tolerance"]
    strategies = {
        "Z, periodic": {"acquisition": "z_score", "periodic": period},
        "default, periodic": {"periodic": period},
        "Z": {"acquisition": "z_score"},
    }
    began = os.times()
    result = bo.replay(pool.features, target=pool.energy, strategies=strategies, n_initial=20, n_repeats=n_repeats,
                       n_steps=150, threshold=edge, stop=True, seed=2)  # fmt: skip
    processor, clock = used(began)
    print(result[["mean_trials", "mean_trials_stderr", "share_found"]].to_dataframe().round(2))
    print(f"{processor:.0f} s of processor, {clock:.0f} s by the clock, load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--landscape", action="store_true")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--steps", type=int, default=80)
    given = parser.parse_args()
    landscape(given.repeats or 74) if given.landscape else many(given.repeats or 24, given.steps)
