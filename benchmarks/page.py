"""What a user waits for in the page: from a click on the map to the drawn spectrum, median of 20.

JupyterLab on loopback in headless Chromium, as in the browser tests; milliseconds from the event to the first frame
that differs. Run it on an idle machine.
"""

import statistics
import sys
import tempfile
from pathlib import Path

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


def main() -> None:
    """Print one line for each case."""
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
