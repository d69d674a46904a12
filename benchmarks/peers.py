"""The same map by ours and by its peers: time for a spectrum, distance from the Cramer-Rao bound, failed pixels.

Two overlapped pseudo-Voigts on a line, 32 x 32 spectra of 400 channels, 1,000 counts at the peak; one thread, CPU time
without imports and compilation. Peers start from the true mean of the map, which is more than a user has; ours gets no
start. Slow peers fit every `--stride`-th spectrum only. A pixel has failed if a position is off by more than a quarter
of the width; the bound is that of a single spectrum.

The peers are optional and some are under the GPL, so they go into an environment of their own:

    python -m venv build/peers
    build/peers/bin/pip install -e . -r benchmarks/requirements-peers.txt

and then ``build/peers/bin/python benchmarks/peers.py``. What cannot be imported, or fails, has its line all the same.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core each, before NumPy is loaded
os.environ["RAYON_NUM_THREADS"] = "1"

import argparse
import contextlib
import importlib.metadata
import io
import math
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import xarray as xr

from mi_widgets import datasets, peaks

NAMES = ("amplitude", "center", "sigma", "fraction")
Found = tuple[np.ndarray, float]  # positions (n, 2), CPU seconds


def means(ds: xr.Dataset) -> tuple[np.ndarray, float, float]:
    """True means over the map: peaks (2, 4) and the ends of the background."""
    rows = [[float(ds[f"true_{name}"].mean(("y", "x"))[k]) for name in NAMES] for k in range(2)]
    return np.array(rows), float(ds.true_background_left.mean()), float(ds.true_background_right.mean())


def line(ds: xr.Dataset) -> tuple[float, float]:
    """Slope and intercept of the mean background."""
    _, left, right = means(ds)
    low, high = float(ds.energy[0]), float(ds.energy[-1])
    slope = (right - left) / (high - low)
    return slope, left - slope * low


def spectra(ds: xr.Dataset, rows: np.ndarray) -> np.ndarray:
    return ds.spectra.values.reshape(-1, ds.sizes["energy"])[rows].astype(float)


def timed(work: Callable[[], np.ndarray]) -> Found:
    began = time.process_time()
    found = work()
    return np.sort(found, axis=1), time.process_time() - began


def ours(ds: xr.Dataset, rows: np.ndarray, engine: str = "numba") -> Found:
    da = xr.DataArray(spectra(ds, rows), dims=("x", "energy"), coords={"energy": ds.energy})
    da.attrs["units"] = "count"
    peaks.fit_peaks(da[:4], n_peaks=2, engine=engine)  # compiled before
    return timed(lambda: peaks.fit_peaks(da, n_peaks=2, engine=engine).center.values)


def ours_numpy(ds: xr.Dataset, rows: np.ndarray) -> Found:
    return ours(ds, rows, "numpy")


def lmfit_model(ds: xr.Dataset):
    import lmfit

    model = lmfit.models.PseudoVoigtModel(prefix="p0_") + lmfit.models.PseudoVoigtModel(prefix="p1_")
    model = model + lmfit.models.LinearModel(prefix="b_")
    slope, intercept = line(ds)
    params = model.make_params(b_slope=slope, b_intercept=intercept)
    for k, row in enumerate(means(ds)[0]):
        for name, value in zip(NAMES, row, strict=True):
            params[f"p{k}_{name}"].set(value=value)
        params[f"p{k}_amplitude"].set(min=0)
    return model, params


def by_lmfit(ds: xr.Dataset, rows: np.ndarray) -> Found:
    model, params = lmfit_model(ds)
    x, y = ds.energy.values, spectra(ds, rows)

    def work() -> np.ndarray:
        out = []
        for one in y:
            result = model.fit(one, params, x=x, weights=1 / np.sqrt(np.maximum(one, 1)), scale_covar=False)
            out.append([result.params[f"p{k}_center"].value for k in range(2)])
        return np.array(out)

    return timed(work)


def by_xarray_lmfit(ds: xr.Dataset, rows: np.ndarray) -> Found:
    import xarray_lmfit  # noqa: F401 - it registers da.xlm

    model, params = lmfit_model(ds)
    da = xr.DataArray(spectra(ds, rows), dims=("x", "energy"), coords={"energy": ds.energy.values})
    weights = 1 / np.sqrt(np.maximum(da, 1))

    def work() -> np.ndarray:
        result = da.xlm.modelfit("energy", model=model, params=params, weights=weights, scale_covar=False)
        best = result.modelfit_coefficients
        return np.stack([best.sel(param=f"p{k}_center").values for k in range(2)], axis=1)

    return timed(work)


def by_hyperspy(ds: xr.Dataset, rows: np.ndarray, **fit: object) -> Found:
    import hyperspy.api as hs

    hs.preferences.General.show_progressbar = False
    x = ds.energy.values
    axes = [{"size": rows.size, "name": "x", "navigate": True},
            {"size": x.size, "scale": x[1] - x[0], "offset": x[0], "name": "E", "navigate": False}]  # fmt: skip
    signal = hs.signals.Signal1D(spectra(ds, rows), axes=axes)
    signal.metadata.Signal.set_item(
        "Noise_properties.variance", hs.signals.Signal1D(np.maximum(signal.data, 1), axes=axes)
    )
    model = signal.create_model()
    shape = ("A * ((1 - eta) * sqrt(log(2) / pi) / g * exp(-log(2) * ((x - mu) / g)**2)"
             " + eta / pi * g / ((x - mu)**2 + g**2))")  # fmt: skip
    parts = []
    for k, (area, center, half, share) in enumerate(means(ds)[0]):
        part = hs.model.components1D.Expression(
            shape, name=f"p{k}", module="numpy", A=area, mu=center, g=half, eta=share
        )
        part.A.bmin, part.eta.bmin, part.eta.bmax, part.g.bmin = 0, 0, 1, 1e-3
        parts.append(part)
    ground = hs.model.components1D.Polynomial(order=1)
    ground.a1.value, ground.a0.value = line(ds)
    model.extend([*parts, ground])
    model.assign_current_values_to_all()

    def work() -> np.ndarray:
        model.multifit(show_progressbar=False, **fit)
        return np.stack([part.mu.map["values"] for part in parts], axis=1)

    return timed(work)


def by_hyperspy_lm(ds: xr.Dataset, rows: np.ndarray) -> Found:
    return by_hyperspy(ds, rows)


def by_hyperspy_trf(ds: xr.Dataset, rows: np.ndarray) -> Found:
    return by_hyperspy(ds, rows, optimizer="trf", grad="analytical", bounded=True)


def by_empeaks(ds: xr.Dataset, rows: np.ndarray) -> Found:
    from EMPeaks import PseudoVoigtMixture

    x, y = ds.energy.values, spectra(ds, rows)
    table = means(ds)[0]

    def work() -> np.ndarray:
        out = []
        for one in y:
            model = PseudoVoigtMixture.PseudoVoigtMixtureModel(
                K=2, x_min=x[0], x_max=x[-1], gamma_min=0.05, gamma_max=5.0, background="linear"
            )
            # its gamma is the full width; its eta, set after, the Gaussian's share
            model.set_param(x0=list(table[:, 1]), gamma=list(2 * table[:, 2]), pi=list(table[:, 0]))
            for part, share in zip(model.model, table[:, 3], strict=False):
                part.eta = 1 - share
            model.fit(x, one, r_eps=1e-7, stdout=False)
            out.append([model.model[k].x0 for k in range(2)])
        return np.array(out)

    return timed(work)


def by_lumafit(ds: xr.Dataset, rows: np.ndarray) -> Found:
    import lumafit
    import numba

    gaussian, lorentzian = math.sqrt(math.log(2) / math.pi), 1 / math.pi

    @numba.njit(fastmath=True, error_model="numpy")
    def model(p, x):
        out = p[8] + p[9] * (x - 285.0)
        for k in range(2):
            area, g, share = p[4 * k], p[4 * k + 2], p[4 * k + 3]
            d = (x - p[4 * k + 1]) / g
            out = out + area / g * (
                (1 - share) * gaussian * np.exp(-math.log(2.0) * d * d) + share * lorentzian / (1 + d * d)
            )
        return out

    slope, intercept = line(ds)
    start = np.r_[means(ds)[0].ravel(), intercept + slope * 285.0, slope]
    cube, x = spectra(ds, rows)[:, None], ds.energy.values
    weights = 1 / np.maximum(cube.mean(axis=(0, 1)), 1)  # it takes one set of weights for all spectra

    def fit(block: np.ndarray) -> np.ndarray:
        return lumafit.levenberg_marquardt_pixelwise(model, start, block, weights, args_for_each_pixel=(x,))[0]

    fit(cube[:1])  # compiled before
    return timed(lambda: fit(cube)[:, 0][:, [1, 5]])


PEERS: dict[str, tuple[str, Callable[[xr.Dataset, np.ndarray], Found], bool]] = {
    "ours, numba": ("mi-widgets", ours, True),
    "ours, NumPy": ("mi-widgets", ours_numpy, True),
    "lmfit": ("lmfit", by_lmfit, False),
    "xarray-lmfit": ("xarray-lmfit", by_xarray_lmfit, False),
    "HyperSpy, lm": ("hyperspy", by_hyperspy_lm, False),
    "HyperSpy, trf": ("hyperspy", by_hyperspy_trf, False),
    "EMPeaks": ("EMPeaks", by_empeaks, False),
    "lumafit": ("lumafit", by_lumafit, True),
}


def accuracy(found: np.ndarray, ds: xr.Dataset, rows: np.ndarray) -> tuple[float, float]:
    """RMSE of the positions over the Cramer-Rao bound where the fit did not fail, and the share that did (%)."""
    error = found - ds.true_center.values.reshape(-1, 2)[rows]
    bound = datasets.cramer_rao_bound(ds).center_stderr.values.reshape(-1, 2)[rows]
    fail = ~(np.abs(error) <= 0.225).all(axis=1)
    ratio = np.sqrt(np.mean((error[~fail] / bound[~fail]) ** 2)) if (~fail).any() else np.nan
    return float(ratio), float(100 * fail.mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=32, help="pixels along each side of the map")
    parser.add_argument("--stride", type=int, default=32, help="slow peers take one spectrum of so many")
    parser.add_argument("--counts", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3, help="runs of the quick ones; the median counts")
    parser.add_argument("--preset", default="overlap", choices=("overlap", "separated"))
    parser.add_argument("--only", nargs="*", default=list(PEERS), help="names of rows")
    options = parser.parse_args()
    size = options.size
    ds = datasets.make_spectral_map(preset=options.preset, shape=(size, size), counts=options.counts, seed=1)
    every, some = np.arange(size**2), np.arange(options.stride // 2, size**2, options.stride)
    print(f"{options.preset}, {options.counts} counts")
    print("program            version  spectra  ms/spectrum   ratio  RMSE/CRB  fail %")
    first = None
    for title in options.only:
        package, work, quick = PEERS[title]
        rows = every if quick else some
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                runs = [work(ds, rows) for _ in range(options.repeats if quick else 1)]
        except Exception as error:  # noqa: BLE001 - the line says what failed
            reason = " ".join(str(error).split())[:70]
            print(f"{title:18s} could not be run: {type(error).__name__}: {reason}", flush=True)
            continue
        found, each = runs[0][0], 1e3 * statistics.median(seconds for _, seconds in runs) / rows.size
        first = first or each
        ratio, fail = accuracy(found, ds, rows)
        version = importlib.metadata.version(package)
        numbers = f"{rows.size:8d} {each:12.3f} {each / first:7.1f} {ratio:9.3f} {fail:7.2f}"
        print(f"{title:18s} {version:7s} {numbers}", flush=True)


if __name__ == "__main__":
    main()
