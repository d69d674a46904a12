"""Trials until the best candidate of small known tables is told: ours with its one default beside peers, same seeds.

Tables are those of `bo_landscapes.py`, or with ``--heldout`` of `bo_heldout.py`, by which no default was chosen; each
repeat begins with the same five candidates for everyone. Peers: PHYSBO (exact Gaussian process, Thompson sampling or
expected improvement, learning every 10 trials), BoTorch (SingleTaskGP, LogExpectedImprovement over the pool) and a
scikit-learn loop (ARD Matern 5/2 with white noise, expected improvement).
They are installed beside, in an environment of their own:

    python -m venv peers && peers/bin/pip install physbo botorch numpy scipy scikit-learn pandas xarray threadpoolctl
    PYTHONPATH=. peers/bin/python benchmarks/bo_search.py --peers physbo_ts physbo_ei sklearn botorch
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before NumPy is loaded

import argparse
import contextlib
import io
import time
import warnings

import bo_heldout
import bo_landscapes
import numpy as np
from scipy.stats import norm

from mi_widgets import bo


def scaled(X):
    X = X.to_numpy()
    return (X - X.min(axis=0)) / np.ptp(X, axis=0)


def improvement(mean, std, best):
    std = np.maximum(std, 1e-12)
    z = (best - mean) / std
    return std * (norm.pdf(z) + z * norm.cdf(z))


def sklearn_loop(X, y, told, n_steps, seed):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rng = np.random.default_rng(seed)
    kernel = ConstantKernel(1.0) * Matern(np.ones(X.shape[1]), nu=2.5) + WhiteKernel(1e-3)
    while y[told].min() > y.min() and len(told) < n_steps:
        model = GaussianProcessRegressor(kernel, normalize_y=True).fit(X[told], y[told])
        kernel = model.kernel_
        mean, std = model.predict(X, return_std=True)
        value = improvement(mean, std, y[told].min())
        value[told] = -np.inf
        told.append(int(rng.choice(np.flatnonzero(value >= value.max()))))
    return told


def botorch_loop(X, y, told, n_steps, seed):
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    T = torch.as_tensor(X, dtype=torch.float64)
    while y[told].min() > y.min() and len(told) < n_steps:
        z = torch.as_tensor(-y[told], dtype=torch.float64)[:, None]
        z = (z - z.mean()) / z.std()
        model = SingleTaskGP(T[told], z)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        with torch.no_grad():
            value = LogExpectedImprovement(model, best_f=z.max())(T[:, None, :]).numpy()
        value[told] = -np.inf
        told.append(int(value.argmax()))
    return told


def physbo_loop(X, y, told, n_steps, seed, score):
    import physbo

    with contextlib.redirect_stdout(io.StringIO()):
        policy = physbo.search.discrete.Policy(test_X=physbo.misc.centering(X))
        policy.set_seed(seed)
        policy.write(np.array(told), -y[told])
        while y[told].min() > y.min() and len(told) < n_steps:
            learn = (len(told) - 5) % 10 == 0
            [k] = policy.bayes_search(
                max_num_probes=1,
                num_search_each_probe=1,
                simulator=None,
                score=score,
                interval=0 if learn else -1,
                num_rand_basis=0,
            )
            policy.write(np.array([k]), -y[[k]])
            told.append(int(k))
    return told


PEERS = {
    "physbo_ts": lambda *a: physbo_loop(*a, "TS"),
    "physbo_ei": lambda *a: physbo_loop(*a, "EI"),
    "sklearn": sklearn_loop,
    "botorch": botorch_loop,
}


def peer_trials(name, frame, n_repeats, seed):
    """Trials of each repeat; candidates are shuffled for each, so that the order of the file is worth nothing."""
    found = []
    for repeat in range(n_repeats):
        rng = np.random.default_rng([seed, repeat])
        first = rng.permutation(len(frame))[:5]
        order = np.random.default_rng([seed, repeat, 1]).permutation(len(frame))
        X, y = scaled(frame.drop(columns="y"))[order], frame.y.to_numpy()[order]
        told = np.argsort(order)[first].tolist()
        hit = y[told] == y.min()
        if hit.any():
            found.append(int(np.argmax(hit)) + 1)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(len(PEERS[name](X, y, told, len(frame), repeat)))
    return np.array(found, dtype=float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--draws", type=int, nargs="*", default=[1], help="0: what defaults were chosen by; 1: others")
    parser.add_argument("--heldout", action="store_true", help="tables of bo_heldout.py, draw 0")
    parser.add_argument("--save", help="file for the trials of each repeat, .npz")
    parser.add_argument("--ours", nargs="*", default=["default"], help="names of acquisitions")
    parser.add_argument("--peers", nargs="*", default=[], choices=sorted(PEERS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    names = [*options.ours, *options.peers]
    print(f"{'table':14s} {'n x d':>8s} random " + " ".join(f"{name:>14s}" for name in names))
    total: dict[str, list[np.ndarray]] = {name: [] for name in names}
    took = dict.fromkeys(names, 0.0)
    chance = 0.0
    source = bo_heldout if options.heldout else bo_landscapes
    for draw in [0] if options.heldout else options.draws:
        for landscape in source.NAMES:
            frame = source.table(landscape, draw)
            n, d = len(frame), frame.shape[1] - 1
            chance += (n + 1) / 2
            cells = []
            for name in names:
                began = time.process_time()
                if name in options.peers:
                    trials = peer_trials(name, frame, options.repeats, options.seed)
                else:
                    found = bo.replay(
                        frame, target="y", strategies=[name], n_repeats=options.repeats, n_steps=n, seed=options.seed,
                        stop=True, n_workers=1,
                    )  # fmt: skip
                    trials = found.trials.values[0]
                took[name] += time.process_time() - began
                total[name].append(trials)
                cells.append(f"{trials.mean():7.1f} +-{trials.std(ddof=1) / np.sqrt(len(trials)):4.1f} ")
            print(f"{landscape + ' ' + str(draw):14s} {n:4d} x {d} {(n + 1) / 2:6.1f} " + " ".join(cells), flush=True)
    print(f"{'sum':23s} {chance:6.1f}", end=" ")
    for name in names:
        error = np.sqrt(sum(t.var(ddof=1) / len(t) for t in total[name]))
        print(f"{sum(t.mean() for t in total[name]):7.1f} +-{error:4.1f} ", end=" ")
    if options.save:
        np.savez(options.save, **{name: np.array(trials) for name, trials in total.items()})
    print("\nseconds " + ", ".join(f"{name} {took[name]:.0f}" for name in names))
    ours = total[names[0]]
    for name in options.peers:
        worst = max(
            (a.mean() - b.mean()) / np.hypot(a.std(ddof=1), b.std(ddof=1)) * np.sqrt(len(a))
            for a, b in zip(ours, total[name], strict=True)
        )
        print(f"{names[0]} beside {name}: worst table {worst:+.1f} standard errors (above 2 would be worse)")


if __name__ == "__main__":
    main()
