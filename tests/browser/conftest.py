"""Fixtures for tests in a real page: `lab`, `notebook7`, `voila` (servers), `page`, `screenshot`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import chromium as browser_finder
import pytest
from harness import CHROMIUM_ARGS, PROBE, Server, end_kernels, jupyter_server
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

expect.set_options(timeout=20_000)  # a page beside other tests is slow; what has to be quick says so itself

SCREENSHOTS = Path(__file__).parents[1] / "_screenshots"
DOCS = Path(__file__).parents[2] / "docs"

# What the doors themselves complain of on a page without any widget of ours; everything else fails the test.
NOISE = {
    # Notebook 7.6: settings and commands of extensions that its single-document page does not load
    "notebook7": ("reading 'schema'", "'filebrowser:open-path' not registered"),
    "voila": (
        "labextensions/@pyviz/",  # Lab extensions that Voila offers a page it cannot serve
        "labextensions/@jupyter-notebook/",
        "cdn.jsdelivr.net/npm/@fortawesome/",  # Voila's template asks CDNs for icons and formulas
        "cdnjs.cloudflare.com/ajax/libs/mathjax/",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, warm_kernels: Path) -> Iterator[Server]:
    """JupyterLab on loopback with its own root and configuration; `lab.root` is where notebooks are put."""
    root, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home")
    with jupyter_server(root, home, warm_kernels) as server:
        yield server


@pytest.fixture(scope="session")
def notebook7(lab: Server) -> Server:
    """The same server through Notebook 7."""
    return lab.through("notebook7")


@pytest.fixture(scope="session")
def voila(lab: Server) -> Server:
    """The same server through Voila."""
    return lab.through("voila")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's browser, headless, unable to reach any host but this one."""
    path = browser_finder.find()
    if path is None:
        pytest.fail(browser_finder.ADVICE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page_errors() -> list[str]:
    """What went wrong in the page so far; a test that provokes an error on purpose removes it from here."""
    return []


@pytest.fixture
def page(chromium: Browser, page_errors: list[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A new page. Console errors, uncaught exceptions and requests to other hosts fail the test at its end."""

    def complain(text: str) -> None:
        door = "voila" if "/voila/" in shown.url else "notebook7" if "/notebooks/" in shown.url else "lab"
        if not any(known in text for known in NOISE.get(door, ())):
            page_errors.append(text)

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complain(f"console: {message.text} ({message.location.get('url', '')})")

    def on_request(asked: Request) -> None:
        if not asked.url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:")):
            complain(f"request to another host: {asked.url}")

    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    shown = context.new_page()
    shown.set_default_timeout(60_000)
    shown.add_init_script(PROBE)
    shown.on("pageerror", lambda error: complain(f"uncaught: {error.stack or error}"))
    shown.on("console", on_console)
    shown.on("request", on_request)
    yield shown
    SCREENSHOTS.mkdir(exist_ok=True)
    shown.screenshot(path=SCREENSHOTS / f"{request.node.name}.png")
    context.close()
    if "lab" in request.fixturenames:  # every door is its server
        end_kernels(request.getfixturevalue("lab"))
    assert not page_errors, "the page complained:\n" + "\n".join(page_errors)


@pytest.fixture
def screenshot(page: Page, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """``screenshot(name, locator=None)`` keeps a picture: in docs/ with ``pytest --docs``, else with the tests."""

    def keep(name: str, locator: str | None = None) -> Path:
        folder = DOCS if request.config.getoption("--docs") else SCREENSHOTS
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.png"
        if locator is None:
            page.screenshot(path=path)
        else:
            page.locator(locator).first.screenshot(path=path)
        return path

    return keep
