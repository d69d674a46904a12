"""OrientationExplorer in a real page: run, click a sector, a model and a component, wrong number, cancel, reload."""

from typing import Any

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Locator, Page, expect

OPEN = """
    from mi_widgets.datasets import make_orientations
    from mi_widgets import OrientationExplorer
    explorer = OrientationExplorer(make_orientations(1577, layered=0.8))
    explorer
"""


def rows(page: Page, table: int) -> Locator:
    return page.locator(".mi-rows").nth(table).locator("tbody tr")


def click_sector(page: Page, across: float, down: float, hint: Locator, said: str) -> None:
    """Click into the circle, at the left of its box, until the page has heard it: it may still be drawing."""
    view = page.locator(".mi-rose .mi-view-host").first
    for _ in range(20):
        box = view.bounding_box()
        if box is not None and box["height"] > 200:
            page.mouse.click(box["x"] + across * box["height"], box["y"] + down * box["height"])
        try:
            expect(hint).not_to_have_text(said, timeout=1500)
        except AssertionError:
            continue
        return
    raise AssertionError("the rose does not answer to a click")


def test_the_whole_story(page: Page, lab: Server, screenshot: Any) -> None:
    run_notebook(page, lab, "orientation", OPEN)
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")
    expect(page.locator(".mi-rose canvas").first).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".mi-chip-done")).to_have_text("2+u chosen by BIC")
    expect(rows(page, 0)).to_have_count(6)
    expect(rows(page, 1)).to_have_count(3)

    hint = page.locator(".mi-rose-text")
    click_sector(page, 0.64, 0.43, hint, hint.inner_text())  # about 63 degree, on the side of the east
    expect(hint).to_contain_text("of 1,577 grains chosen")
    said = hint.inner_text()
    rows(page, 1).nth(1).click()
    expect(hint).not_to_have_text(said)
    expect(rows(page, 1).nth(1)).to_have_class("mi-chosen")
    screenshot("orientation_explorer", ".mi-explorer")
    rows(page, 0).nth(1).click()
    expect(rows(page, 1)).to_have_count(1)

    number = page.locator(".mi-controls input[type=text]").first
    number.fill("twenty")
    number.press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_contain_text("is not a number")
    expect(number).to_have_value("3")

    page.get_by_label("free energies").check()
    page.get_by_role("button", name="exchange").click()
    page.get_by_role("button", name="Compare").dblclick()  # the second click does nothing
    expect(page.locator(".mi-chip-running")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".mi-chip-cancelled")).to_be_visible()

    said = hint.inner_text()
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-rose canvas").first).to_be_visible()
    expect(hint).to_have_text(said)
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")
    page.wait_for_function(
        "() => document.querySelector('.mi-rose .mi-view-host').getBoundingClientRect().height > 200"
    )
    click_sector(page, 0.4, 0.3, hint, said)
    expect(hint).not_to_have_text(said)
