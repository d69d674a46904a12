"""Number of peaks by `select_n_peaks`: how often it is right, where the best fits there are would end, time.

Spectra of 400 channels over 10 widths and more: pseudo-Voigts 0.9 wide (85 to 115 %), of 40 to 100 % of the given
counts, neighbours `separation` to 1.3 times `separation` widths apart (``=``: exactly), on a background of 10 %: a
line, or a Shirley step that makes 15 % of the area. Candidates are 0 to 5 peaks on {line, Shirley}.

*truth* is the share of spectra in which the fit started from the true parameters has a lower criterion than every other
number of peaks: more than that no search can reach.

The wrong-family part makes data of one family and offers another, or offers the right one among others; *suspect* is
the flag of the map, *pixels* the share of spectra flagged.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import time
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import wofz

from mi_widgets import peaks
from mi_widgets.labels import label_spectra

X = np.linspace(0.0, 10.0, 400)
HALF, STEP = 0.45, 0.15


def profile(kind: str, t: np.ndarray, half: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Lines of height 1 at distance `t` from their center; `share` is the Lorentzian's part of the area."""
    if kind == "gaussian":
        share = share * 0
    elif kind == "lorentzian":
        share = share * 0 + 1
    elif kind == "voigt":
        gamma = half * share
        sigma = np.sqrt((2 * half - 0.5346 * 2 * gamma) ** 2 - 0.2166 * 4 * gamma**2) / 2.3548
        scale = sigma * np.sqrt(2)
        return np.asarray(wofz((t + 1j * gamma) / scale).real / wofz(1j * gamma / scale).real)
    elif kind == "asymmetric":  # one side 15 % wider, the other narrower
        half = np.where(t > 0, 1.15, 0.85) * half
    elif kind == "smooth":  # the same, growing with the distance from the center
        half = 2 * half / (1 + np.exp(-0.15 * t / half))
    gauss, lorentz = np.sqrt(np.log(2) / np.pi) / half, 1 / (np.pi * half)
    u = (t / half) ** 2
    top = (1 - share) * gauss + share * lorentz
    return np.asarray(((1 - share) * gauss * np.exp(-np.log(2) * u) + share * lorentz / (1 + u)) / top)


def make(
    k: int, counts: float, n: int, *, separation: float = 1.5, exact: bool = False, kind: str = "pseudo-voigt",
    ground: str = "linear", seed: int = 0,
) -> tuple[xr.DataArray, dict[str, np.ndarray]]:  # fmt: skip
    """Spectra and what they are made of."""
    rng = np.random.default_rng([seed, k, int(100 * separation), int(counts)])
    gaps = separation * 2 * HALF * rng.uniform(1, 1.0 if exact else 1.3, (n, max(k - 1, 0)))
    first = 1.5 + rng.uniform(0, 1, (n, 1)) * np.maximum(7 - gaps.sum(axis=1, keepdims=True), 0.01)
    center = np.concatenate([first, first + np.cumsum(gaps, axis=1)], axis=1)[:, :k]
    half, share = HALF * rng.uniform(0.85, 1.15, (n, k)), rng.uniform(0.1, 0.5, (n, k))
    height = counts * rng.uniform(0.4, 1, (n, k))
    lines = np.zeros((n, X.size))
    for i in range(k):
        one = [values[:, i, None] for values in (height, center, half, share)]
        lines += one[0] * profile(kind, X - one[1], one[2], one[3])
    if ground == "shirley":
        under = 0.1 * counts + STEP * np.cumsum(lines, axis=1) * (X[1] - X[0])
    else:
        under = np.broadcast_to(0.1 * counts * (1 + 0.05 * (X - 5)), lines.shape)
    truth = {"height": height, "center": center, "sigma": half, "fraction": share, "under": under}
    return label_spectra(rng.poisson(lines + under), X), truth


def truth_started(da: xr.DataArray, truth: dict[str, np.ndarray], ground: str) -> np.ndarray:
    """BIC of fits that are started from the truth."""
    sigma, share = truth["sigma"], truth["fraction"]
    top = (1 - share) * np.sqrt(np.log(2) / np.pi) / sigma + share / (np.pi * sigma)
    parameters = {"amplitude": truth["height"] / top, "center": truth["center"], "sigma": sigma, "fraction": share}
    start: dict[str, Any] = {k: xr.DataArray(v, dims=("spectrum", "peak")) for k, v in parameters.items()}
    under = truth["under"]
    if ground == "shirley":
        start |= {"background_level": xr.DataArray(under[:, 0], dims="spectrum"), "background_step": STEP}
    else:
        start |= {"background_left": float(under[0, 0]), "background_right": float(under[0, -1])}
    da = da.rename({da.dims[0]: "spectrum"})
    fit = peaks.fit_peaks(da, n_peaks=sigma.shape[1], background=ground, start=start, engine="numba")
    return np.asarray(fit.bic.values)


def recovery(n: int) -> None:
    """Right family among the candidates."""
    print("ground    separation  counts  K   right %  truth %   over %  suspect  pixels %")
    for ground in ("linear", "shirley"):
        for separation, exact in ((1.0, True), (1.0, False), (1.5, False), (2.0, False)):
            for counts in (100, 250, 1000) if exact else (100, 1000, 10000):
                for k in (1, 2, 3):
                    if k == 1 and separation != 1.5:
                        continue
                    da, truth = make(k, counts, n, separation=separation, exact=exact, ground=ground)
                    chosen = peaks.select_n_peaks(da, engine="numba")
                    number, evidence = chosen.n_peaks.values, chosen.evidence.values
                    best = truth_started(da, truth, ground) < np.nanmin(np.delete(evidence, k, axis=1), axis=1)
                    print(
                        f"{ground:9s} {'=' if exact else ' '}{separation:9.1f} {counts:7d} {k:2d} "
                        f"{100 * (number == k).mean():9.1f} {100 * best.mean():8.1f} {100 * (number > k).mean():8.1f} "
                        f"{chosen.attrs['family_suspect']:8d} {100 * float(chosen.family_suspect.mean()):9.1f}",
                        flush=True,
                    )


LOPSIDED: dict[str, Any] = {"lineshapes": ["pseudo-voigt", "asymmetric-pseudo-voigt"]}
THREE: dict[str, Any] = {"lineshapes": ["gaussian", "lorentzian", "pseudo-voigt"]}
WRONG: list[tuple[str, str, str, dict[str, Any]]] = [
    ("Shirley, both offered", "pseudo-voigt", "shirley", {}),
    ("Shirley, line alone offered", "pseudo-voigt", "shirley", {"backgrounds": ["linear"]}),
    ("Voigt, pseudo-Voigt offered", "voigt", "linear", {}),
    ("Voigt, both offered", "voigt", "linear", {"lineshapes": ["pseudo-voigt", "voigt"]}),
    ("Gaussian, three offered", "gaussian", "linear", THREE),
    ("Lorentzian, three offered", "lorentzian", "linear", THREE),
    ("Lorentzian, Gaussian alone offered", "lorentzian", "linear", {"lineshapes": ["gaussian"]}),
    ("asymmetric, pseudo-Voigt offered", "asymmetric", "linear", {}),
    ("asymmetric, both offered", "asymmetric", "linear", LOPSIDED),
    (
        "smoothly asymmetric, both offered",
        "smooth",
        "linear",
        {"lineshapes": ["pseudo-voigt", "asymmetric-pseudo-voigt"]},
    ),
]


def wrong_families(n: int) -> None:
    """Families that are wrong, or offered among others; peaks 1.5 to 2 widths apart."""
    print("\ndata, candidates                     counts   K right %: 1, 2, 3    suspect  pixels %  chosen (better)")
    for title, kind, ground, options in WRONG:
        for counts in (100, 1000, 10000):
            right, suspect, pixels, names = [], [], [], []
            for k in (1, 2, 3):
                da, _truth = make(k, counts, n, kind=kind, ground=ground)
                chosen = peaks.select_n_peaks(da, engine="numba", **options)
                right.append(f"{100 * float((chosen.n_peaks == k).mean()):6.1f}")
                suspect.append(str(chosen.attrs["family_suspect"]))
                pixels.append(100 * float(chosen.family_suspect.mean()))
                better = chosen.attrs["better_family"]
                names.append(
                    f"{chosen.attrs['lineshape']}, {chosen.attrs['background']}{f' ({better})' if better else ''}"
                )
            print(
                f"{title:36s} {counts:6d} {' '.join(right)}  {','.join(suspect):>8s} {np.mean(pixels):8.1f}   "
                f"{' | '.join(dict.fromkeys(names))}",
                flush=True,
            )


def speed(n: int) -> None:
    """CPU time of a map, what is done on some spectra beforehand included."""
    print(f"\nms/spectrum of {n}                        all numbers   without the hopeless")
    for ground, counts, k in (("linear", 100, 1), ("linear", 1000, 2), ("shirley", 1000, 3)):
        da, _truth = make(k, counts, n, ground=ground, separation=1.2)
        took = []
        for complete in (True, False):
            began = time.process_time()
            peaks.select_n_peaks(da, complete=complete, engine="numba")
            took.append(1e3 * (time.process_time() - began) / n)
        print(f"{k} on {ground}, {counts} counts".ljust(40) + f"{took[0]:11.2f} {took[1]:22.2f}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spectra", type=int, default=24, help="spectra in each row of the tables")
    options = parser.parse_args()
    peaks.select_n_peaks(make(1, 100, 4)[0], n_peaks=range(3), engine="numba")  # compiled before
    recovery(options.spectra)
    wrong_families(options.spectra)
    speed(20 * options.spectra)


if __name__ == "__main__":
    main()
