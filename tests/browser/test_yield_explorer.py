"""YieldExplorer in a real page: search, click a bar, a subset and a candidate, compare, the volcano, cancel, reload."""

from typing import Any

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Locator, Page, expect

OPEN = """
    from mi_widgets.datasets import make_catalyst_yields
    from mi_widgets.widgets.yields import YieldExplorer
    explorer = YieldExplorer(make_catalyst_yields(), params={"max_features": 3, "n_folds": 4})
    explorer
"""


def click_until(page: Page, view: Locator, across: list[float], down: list[float], hint: Locator, said: str) -> None:
    """Click into a picture until what is said changes: it may still be drawing."""
    for _ in range(10):
        view.evaluate("e => e.scrollIntoView({block: 'center'})")
        box = view.bounding_box()
        assert box is not None
        for x in across:
            for y in down:
                if box["height"] > 150:
                    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        try:
            expect(hint).not_to_have_text(said, timeout=1500)
        except AssertionError:
            continue
        return
    raise AssertionError("the picture does not answer to a click")


def test_the_whole_story(page: Page, lab: Server, screenshot: Any) -> None:
    run_notebook(page, lab, "yields", OPEN)
    page.get_by_role("button", name="Search all subsets").dblclick()  # the second click does nothing
    expect(page.locator(".mi-chip-done")).to_have_text("377 subsets", timeout=60_000)
    expect(page.locator(".mi-density canvas").first).to_be_visible()
    subsets = page.locator(".mi-rows").nth(0).locator("tbody tr")
    expect(subsets.first).to_contain_text("d band center, work function, metal charge")
    expect(subsets.first).to_have_class("mi-chosen")
    heading = page.locator(".mi-heading", has_text="Predicted without the candidate")
    said = heading.inner_text()
    click_until(page, page.locator(".mi-density .mi-view-host").first, [0.88], [0.5], heading, said)
    expect(page.locator(".mi-rows .mi-table-note").first).to_contain_text("in this bar")
    said = heading.inner_text()
    expect(subsets.nth(1)).to_be_visible()
    subsets.last.click()
    expect(heading).not_to_have_text(said)
    click_until(page, page.locator(".mi-density .mi-view-host").first, [0.12], [0.7], heading, heading.inner_text())
    expect(heading).to_contain_text("d band center, work function, metal charge")

    page.get_by_role("button", name="Compare models").click()
    models = page.locator(".mi-rows").nth(1).locator("tbody tr")
    expect(models).to_have_count(6, timeout=60_000)
    expect(page.locator(".mi-chip-running")).to_have_count(0, timeout=60_000)
    expect(models.last).to_contain_text("best")
    models.nth(1).click()
    expect(models.nth(1)).to_have_class("mi-chosen")
    expect(page.locator(".mi-model canvas").first).to_be_visible()
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(700)
    screenshot("yield_explorer", ".mi-explorer")

    page.get_by_role("button", name="volcano", exact=True).click()
    expect(page.locator(".mi-volcano canvas").first).to_be_visible()
    hint = page.locator(".mi-hint", has_text="Click on a point")
    expect(hint).to_have_count(1)
    candidate = page.locator(".mi-hint", has_text="andidate").first
    expect(candidate).to_be_visible()

    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-density canvas").first).to_be_visible(timeout=30_000)
    expect(heading).to_contain_text("d band center, work function, metal charge")
    most = page.locator(".mi-controls .mi-field").nth(1).locator("input")
    most.fill("none")
    most.press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_contain_text("is not a number")
    most.fill("")
    most.press("Enter")
    expect(page.get_by_text("result of other parameters")).to_be_visible()
    page.get_by_role("button", name="Search all subsets").click()
    expect(page.locator(".mi-chip-running")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".mi-chip-cancelled")).to_be_visible(timeout=20_000)
