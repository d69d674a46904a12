"""Gap maps: accuracy against the truth at several noises, and time beside lmfit with the same model.

``.venv/bin/python benchmarks/sts.py``; on one core.
"""

import time

import lmfit
import numpy as np

from mi_widgets import datasets, sts
from mi_widgets.sts._dynes import BOLTZMANN, dynes_values, n_terms

N_PEER = 20  # spectra that lmfit fits
THERMAL = BOLTZMANN * 1.5


def curve(x, gap, broadening, normal, slope):
    """The model for one spectrum."""
    terms = n_terms(THERMAL, max(float(gap), 0.0))
    g = dynes_values(x, np.array([[gap]]), np.array([[broadening]]), THERMAL, terms, derivatives=False)[0][0]
    return (normal + slope * x) * g


def main() -> None:
    for noise in (0.02, 0.04, 0.1, 0.2):
        ds = datasets.make_gap_cube(noise=noise)
        began = time.perf_counter()
        gaps = sts.gap_map(ds.conductance, temperature=1.5)
        seconds = time.perf_counter() - began
        off = (gaps.gap / ds.true_gap - 1).where(ds.true_gap > 0.5)
        pull = ((gaps.gap - ds.true_gap) / gaps.gap_stderr).std()
        vortex = sts.fit_vortex(gaps)
        xi = float(vortex.coherence_length / ds.attrs["true_coherence_length"] - 1)
        far = float(vortex.gap_far / ds.attrs["true_gap_far"] - 1)
        print(f"noise {noise:4.2f}: {gaps.gap.size} spectra in {seconds:.2f} s, not ok "
              f"{int((gaps.status != 0).sum())}, gap off "
              f"{100 * float(np.sqrt((off**2).mean())):.2f} % rms (pull {float(pull):.2f}), far {100 * far:+.3f} %, "
              f"coherence length {100 * xi:+.2f} %", flush=True)  # fmt: skip
    ds = datasets.make_gap_cube()
    rows = ds.conductance.values.reshape(-1, ds.energy.size)[:: ds.true_gap.size // N_PEER][:N_PEER]
    model, began = lmfit.Model(curve), time.perf_counter()
    theirs = [model.fit(row, x=ds.energy.values, gap=1.0, broadening=0.1, normal=1.0, slope=0.0) for row in rows]
    peer = (time.perf_counter() - began) / len(rows)
    began = time.perf_counter()
    gaps = sts.gap_map(ds.conductance, temperature=1.5)
    ours = (time.perf_counter() - began) / gaps.gap.size
    mine = gaps.gap.values.ravel()[:: ds.true_gap.size // N_PEER][:N_PEER]
    apart = max(abs(r.params["gap"].value - g) for r, g in zip(theirs, mine, strict=True))
    print(
        f"a spectrum: ours {1e3 * ours:.2f} ms, lmfit {1e3 * peer:.0f} ms ({peer / ours:.0f} x); gaps "
        f"{apart:.1e} meV apart"
    )


if __name__ == "__main__":
    main()
