"""PerovskiteExplorer in a real page: a search, a row, a compound, a filter, reload."""

from typing import Any

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Page, expect

OPEN = """
    from mi_widgets.datasets import make_perovskites
    from mi_widgets.widgets.perovskites import PerovskiteExplorer
    explorer = PerovskiteExplorer(make_perovskites())
    explorer
"""


def test_search_rows_compounds_and_a_reload(page: Page, lab: Server, screenshot: Any) -> None:
    run_notebook(page, lab, "perovskite_story", OPEN)
    expect(page.get_by_text("Known factors only").first).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".mi-chip-done")).to_contain_text("descriptors tried", timeout=60_000)
    ranking = page.locator(".mi-rows").nth(1).locator("tbody tr")
    expect(ranking).to_have_count(25)
    expect(page.get_by_text("of the whole search").first).to_be_visible()
    ranking.nth(2).click()
    expect(page.locator(".mi-rows tr.mi-chosen th").first).to_have_text(ranking.nth(2).locator("th").inner_text())

    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")
    figure = page.locator(".mi-explorer .mi-view-host").first.bounding_box()
    assert figure is not None
    compounds = page.locator(".mi-rows").first.locator("tbody tr")
    for step in range(60):  # over the cloud, until a compound is near enough
        if compounds.count():
            break
        page.mouse.click(figure["x"] + (0.35 + 0.05 * (step % 10)) * figure["width"],
                         figure["y"] + (0.85 - 0.05 * (step // 10)) * figure["height"])  # fmt: skip
        page.wait_for_timeout(80)
    expect(compounds).to_have_count(1)
    expect(page.locator(".mi-error")).to_have_count(0)
    screenshot("perovskite_explorer", ".mi-explorer")

    page.locator(".mi-controls select").nth(4).select_option("O")
    expect(page.locator(".mi-error")).to_have_count(0)
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-rows").nth(1).locator("tbody tr")).to_have_count(25)
    expect(page.locator(".mi-explorer canvas").first).to_be_visible()
