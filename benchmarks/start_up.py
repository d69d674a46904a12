"""Seconds that an import adds to a bare Python, and to the first result where numba has nothing compiled yet."""

import statistics
import subprocess
import sys
import tempfile
import time

LINES = (
    "pass",
    "import mi_widgets",
    "import mi_widgets; mi_widgets.peaks.fit_peaks",
    "import mi_widgets; mi_widgets.datasets.load_spectral_map",
    "import mi_widgets; mi_widgets.PeakMapper",
)


def seconds(line: str, repeats: int = 7) -> float:
    """Median wall time of ``python -c line``."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", line], check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


COLD = """
import os, time
os.environ["NUMBA_CACHE_DIR"] = {folder!r}
from mi_widgets import datasets, peaks
spectra = datasets.make_spectral_map(preset="overlap", shape=(64, 64), seed=1).spectra
began = time.perf_counter()
parts = peaks.iter_fit_peaks(spectra, n_peaks=2)
first = next(part for part in parts if part.done)
shown = time.perf_counter() - began
last = [first, *parts][-1]
print(shown, first.done, time.perf_counter() - began)
"""


def cold_start() -> str:
    """First part of a 64x64x400 map, and all of it, with an empty cache of compiled code."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-c", COLD.format(folder=folder)], check=True, capture_output=True, text=True
        )
    shown, done, whole = run.stdout.split()
    return f"{float(shown):6.3f} s  first {done} spectra of 64x64x400, nothing compiled; all after {float(whole):.1f} s"


def main() -> None:
    """Print one line for each import."""
    bare = seconds(LINES[0])
    for line in LINES[1:]:
        print(f"{seconds(line) - bare:6.3f} s  {line}")
    print(cold_start())


if __name__ == "__main__":
    main()
