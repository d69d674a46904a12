"""Seconds that an import adds to a bare Python, median of some fresh interpreters."""

import statistics
import subprocess
import sys
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


def main() -> None:
    """Print one line for each import."""
    bare = seconds(LINES[0])
    for line in LINES[1:]:
        print(f"{seconds(line) - bare:6.3f} s  {line}")


if __name__ == "__main__":
    main()
