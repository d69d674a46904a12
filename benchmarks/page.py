"""What a user waits for: PeakMapper to open, a preview, a map fitted again, and in the page a click, median of 20.

JupyterLab on loopback in headless Chromium, as in the browser tests; milliseconds from the event to the first frame
that differs. Run it on an idle machine.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import xarray as xr
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

import chromium
from harness import CHROMIUM_ARGS, PROBE, jupyter_server, run_notebook, timed_click, wait_for_canvases

MAP, SPECTRUM, CANVASES = 0, 4, 8  # canvases in page order, and their number
CELL = """
from mi_widgets import PeakMapper, datasets
mapper = PeakMapper(datasets.load_spectral_map().spectra, params={"n_peaks": 2})
mapper
"""


def clicks(page: Page, n: int = 20) -> list[float]:
    """Milliseconds from clicks all over the map to the changed spectrum."""
    spots = [(0.2 + 0.021 * i, 0.3 + 0.017 * ((7 * i) % 20)) for i in range(n)]
    return sorted(timed_click(page, MAP, spot, watch=SPECTRUM) for spot in spots)


def timed(step: Callable[[], object], n: int = 20) -> str:
    """Median and 90th percentile of some calls as text."""
    seconds = []
    for _ in range(n):
        began = perf_counter()
        step()
        seconds.append(perf_counter() - began)
    return f"median {1e3 * statistics.median(seconds):5.0f} ms   90 % {1e3 * sorted(seconds)[int(0.9 * n)]:5.0f} ms"


def in_the_kernel() -> None:
    """Print what the kernel alone takes."""
    from mi_widgets import PeakMapper, datasets

    small = datasets.load_spectral_map().spectra
    mapper = PeakMapper(small, params={"n_peaks": 2}, threaded=False)
    mapper.run()
    limits, seen = mapper.controls.limits["sigma"][1], iter(np.linspace(3.0, 4.0, 100))
    pixels = iter([{"y": float(y), "x": float(x)} for y in small.y.values[:5] for x in small.x.values[::4]])

    def another() -> None:
        limits.value = f"{next(seen):.4f}"

    print("kernel: preview of one spectrum after a change ", timed(another))
    print("kernel: another pixel, its preview             ", timed(lambda: setattr(mapper, "selection", next(pixels))))
    mapper.run()
    print("kernel: another pixel, its fit in the map      ", timed(lambda: setattr(mapper, "selection", next(pixels))))
    mapper.preview, mapper.auto_run = False, True
    print("kernel: 64 x 64 map fitted again after a change", timed(another, 8))
    row = small.isel(y=0).values.astype("uint16")
    row = np.tile(row, (8, 8))[:512, :1000]
    axis = ("energy", np.linspace(281.0, 289.0, 1000), {"units": "eV"})
    cube = xr.DataArray(np.tile(row, (512, 1, 1)), dims=("y", "x", "energy"), coords={"energy": axis}, name="spectra")
    cube.attrs["units"] = "count"
    made: list[PeakMapper] = []
    print("kernel: 512 x 512 x 1000 opened                ", timed(lambda: made.append(PeakMapper(cube)), 3))
    for one in made:
        one.close()


def main() -> None:
    """Print one line for each case."""
    in_the_kernel()
    path = chromium.find()
    if path is None:
        sys.exit(chromium.ADVICE)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, home = Path(folder) / "root", Path(folder) / "home"
        root.mkdir()
        home.mkdir()
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_ARGS)
        with jupyter_server(root, home) as server:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.add_init_script(PROBE)
            run_notebook(page, server, "page", CELL)
            wait_for_canvases(page, CANVASES)
            page.wait_for_timeout(1500)
            clicks(page, 5)  # warm
            for name in ("data alone", "data and fit"):
                ms = clicks(page)
                print(f"click -> spectrum, {name:13s} median {statistics.median(ms):5.0f} ms   90 % {ms[17]:5.0f} ms")
                page.get_by_role("button", name="Fit map", exact=True).first.click()
                page.locator(".mi-chip-done").first.wait_for()
                page.wait_for_timeout(1000)
        browser.close()


if __name__ == "__main__":
    main()
