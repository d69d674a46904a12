"""The first thing a user sees: the start notebook, opened as ``mi-widgets lab`` opens it, run top to bottom."""

from collections.abc import Callable

from harness import Server, outputs, run_notebook
from playwright.sync_api import Page

from mi_widgets.__main__ import copy_notebooks


def test_start_notebook_runs_in_jupyterlab(page: Page, lab: Server, screenshot: Callable[..., object]) -> None:
    copy_notebooks(lab.root)
    run_notebook(page, lab, "00_start_here")
    assert any(cell for cell in outputs(page))
    page.wait_for_timeout(500)  # the last output is drawn
    screenshot("start_here")
