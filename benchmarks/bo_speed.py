"""Time of one suggestion over a large pool, ours beside peers on the same sequence of trials, one thread.

A suggestion is: take a value, fit the hyperparameters again, mean and standard deviation of every candidate, expected
improvement, the best of it. Everyone is fed the same 20 random and 80 further trials; slow peers are timed at some of
them. CPU seconds are counted, so that other work on the machine matters less. Peers as in `bo_search.py`.
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before NumPy is loaded

import argparse
import contextlib
import io
import time
import warnings

import numpy as np
import xarray as xr

from mi_widgets import bo

N_INITIAL, N_TRIALS = 20, 100


def pools():
    """A grid of translations like that of a grain boundary, and a library with 36 descriptors."""
    axes = np.meshgrid(np.linspace(0, 8, 81), np.linspace(0, 1, 6), np.linspace(0, 3.6, 37), indexing="ij")
    X = np.stack([a.reshape(-1) for a in axes], axis=1)
    wave = np.cos(2 * np.pi * X[:, 0] / 4) * np.cos(2 * np.pi * X[:, 2] / 1.8)
    yield "17982 x 3", X, 1.2 - 0.2 * wave + 0.3 * (X[:, 1] - 0.4) ** 2 + 0.05 * np.sin(3 * X[:, 0] + X[:, 2])
    rng = np.random.default_rng(0)
    X = rng.random((54_779, 36)) ** 3
    yield "54779 x 36", X, np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] + X[:, 3:].mean(axis=1)


def ours(X, y, order, **options):
    """Mean milliseconds of a suggestion and of a what-if after each, and how often W was made anew."""
    search = bo.Search(xr.DataArray(X, dims=("candidate", "feature")), seed=0, acquisition="ei", **options)
    search.tell(order[:N_INITIAL].tolist(), y[order[:N_INITIAL]])
    search.ask()
    took, what = [], []
    for k, other in zip(order[N_INITIAL:N_TRIALS].tolist(), order[N_TRIALS:].tolist(), strict=False):
        began = time.process_time()
        search.tell(k, y[k])
        search.ask()
        took.append(time.process_time() - began)
        gp = search._model.gps[0]  # noqa: SLF001
        began = time.process_time()
        gp.what_if(other, y[other])
        what.append(time.process_time() - began)
    return 1e3 * np.mean(took), 1e3 * np.mean(what), gp.n_rebuilds


def sklearn_step(X, y, told, state):
    from scipy.stats import norm
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel(1.0) * Matern(np.ones(X.shape[1]), nu=2.5) + WhiteKernel(1e-3)
    began = time.process_time()
    model = GaussianProcessRegressor(state.get("kernel", kernel), normalize_y=True).fit(X[told], y[told])
    mean, std = model.predict(X, return_std=True)
    z = (y[told].min() - mean) / np.maximum(std, 1e-12)
    (std * (norm.pdf(z) + z * norm.cdf(z))).argmax()
    took = time.process_time() - began
    state["kernel"] = model.kernel_
    return took


def botorch_step(X, y, told, state):
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf_discrete
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.set_num_threads(1)
    if "X" not in state:
        state["X"] = torch.as_tensor(X, dtype=torch.float64)
    began = time.process_time()
    z = torch.as_tensor(-y[told], dtype=torch.float64)[:, None]
    z = (z - z.mean()) / z.std()
    model = SingleTaskGP(state["X"][told], z)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    acquisition = LogExpectedImprovement(model, best_f=z.max())
    optimize_acqf_discrete(acquisition, q=1, choices=state["X"], max_batch_size=2048)
    return time.process_time() - began


def physbo_steps(X, y, order):
    """Without learning again: hyperparameters of the first 20 trials, rank-1 updates."""
    import physbo

    took = []
    with contextlib.redirect_stdout(io.StringIO()):
        policy = physbo.search.discrete.Policy(test_X=physbo.misc.centering(X))
        policy.set_seed(0)
        policy.write(order[:N_INITIAL], -y[order[:N_INITIAL]])
        call = {"max_num_probes": 1, "num_search_each_probe": 1, "simulator": None, "score": "EI", "num_rand_basis": 0}
        policy.bayes_search(interval=0, **call)
        for k in order[N_INITIAL:N_TRIALS]:
            began = time.process_time()
            policy.write(np.array([k]), -y[[k]])
            policy.bayes_search(interval=-1, **call)
            took.append(time.process_time() - began)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", nargs="*", default=[], choices=["sklearn", "botorch", "physbo"])
    parser.add_argument("--every", type=int, default=10, help="slow peers are timed at each so many trials")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for title, X, y in pools():
        order = np.random.default_rng(1).permutation(len(X))
        print(f"{title}: CPU ms of a suggestion, {N_INITIAL} initial + {N_TRIALS - N_INITIAL} trials", flush=True)
        ard, what, rebuilds = ours(X, y, order, ard=True)
        print(f"  ours, ARD Matern 5/2        {ard:8.1f}   ({rebuilds} times anew)", flush=True)
        print(f"  what-if of the whole pool   {what:8.2f}   1/{ard / what:.1f} of a suggestion", flush=True)
        if X.shape[1] > 12:
            default, _, _ = ours(X, y, order)
            print(f"  ours, default (one length)  {default:8.1f}", flush=True)
        unit = (X - X.min(axis=0)) / np.ptp(X, axis=0)
        for name in options.peers:
            if name == "physbo":
                took = physbo_steps(X, y, order)
            else:
                step, state = (sklearn_step, {}) if name == "sklearn" else (botorch_step, {})
                at = range(N_INITIAL + 5, N_TRIALS + 1, options.every)
                took = [step(unit, y, order[:n].tolist(), state) for n in at]
            peer = 1e3 * np.mean(took)
            words = "PHYSBO, no learning" if name == "physbo" else name
            print(f"  {words:27s} {peer:8.1f}   ours is 1/{peer / ard:.1f} of it", flush=True)


if __name__ == "__main__":
    main()
