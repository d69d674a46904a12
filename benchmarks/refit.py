"""What a user waits for in the kernel: a 64x64 map fitted again after a change, and one pixel."""

import statistics
import time
from collections.abc import Callable

from mi_widgets import datasets, peaks


def wall(work: Callable[[], object], repeats: int = 7) -> str:
    """Median and range of the wall time of `work` in milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - began))
    return f"{statistics.median(times):8.1f} ms   ({min(times):.1f} … {max(times):.1f})"


def main() -> None:
    """Print one line for each case."""
    ds = datasets.make_spectral_map(preset="overlap", shape=(64, 64), counts=1000, seed=1)
    small = datasets.make_spectral_map(shape=(64, 64), seed=1)
    peaks.fit_peaks(ds.spectra[:4, :4], n_peaks=2, engine="numba")
    print("64x64x400, two pseudo-Voigts ", wall(lambda: peaks.fit_peaks(ds.spectra, n_peaks=2)))
    print("64x64x400, two Gaussians     ", wall(lambda: peaks.fit_peaks(ds.spectra, n_peaks=2, lineshape="gaussian")))
    print("64x64x161, two pseudo-Voigts ", wall(lambda: peaks.fit_peaks(small.spectra, n_peaks=2)))
    print("one pixel, 400 channels      ", wall(lambda: peaks.fit_peaks(ds.spectra[3, 4], n_peaks=2), 21))
    fit = peaks.fit_peaks(ds.spectra[:4, :4], n_peaks=2)
    print("curves of one pixel          ", wall(lambda: peaks.evaluate(fit[{"y": 3, "x": 3}], ds.spectra[3, 3]), 21))


if __name__ == "__main__":
    main()
