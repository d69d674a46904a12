"""TransmissionExplorer in a real page: run, click on the map, the variable on the junction, reload, cancel."""

from typing import Any

from harness import Server, run_notebook, settle, wait_for_kernel
from playwright.sync_api import Page, expect

OPEN = """
    from mi_widgets.datasets import make_molecular_junctions
    from mi_widgets.widgets.transmission import TransmissionExplorer
    explorer = TransmissionExplorer(make_molecular_junctions(n_junctions=90, n_energies=41))
    explorer
"""


def test_the_whole_story(page: Page, lab: Server, screenshot: Any) -> None:
    run_notebook(page, lab, "transmission", OPEN)
    first = page.locator(".mi-explorer").first
    expect(page.locator(".mi-chip-idle")).to_have_text("not run yet")
    expect(page.locator(".mi-spectra canvas").first).to_be_visible()
    rows = page.locator(".mi-rows").nth(0).locator("tbody tr")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Find what drives them").dblclick()  # the second click must do nothing
    expect(page.locator(".mi-chip-done")).to_have_text("3 clusters", timeout=60_000)
    expect(rows.first).to_contain_text("%")
    rows.nth(2).click()
    expect(rows.nth(2)).to_have_class("mi-chosen")
    expect(first).to_contain_text("What drives cluster 2")
    strongest = page.locator(".mi-rows").nth(1).locator("tbody tr")
    name = strongest.first.locator("th").inner_text()
    strongest.first.click()
    expect(strongest.first).to_have_class("mi-chosen")
    expect(first).to_contain_text(f"{name} = ")  # its value on the junction
    heat = page.locator(".mi-heat .mi-view-host")
    heat.evaluate("e => e.scrollIntoView({block: 'center'})")
    settle(page)
    box = heat.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.33 * box["height"])
    expect(strongest.first).not_to_have_class("mi-chosen")
    page.get_by_role("button", name="Compare with folds and one by one").click()
    expect(page.locator(".mi-chip-running")).to_have_count(0, timeout=60_000)
    settle(page)
    screenshot("transmission_explorer", ".mi-explorer")
    said = first.locator(".mi-hint").inner_text()
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-heat canvas").first).to_be_visible()
    expect(first.locator(".mi-hint")).to_have_text(said)
    every = page.locator(".mi-controls .mi-field").nth(3).locator("input")
    every.fill("none")
    every.press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_contain_text("is not a number")
    every.fill("1")
    every.press("Enter")
    page.locator(".mi-controls select").nth(2).select_option("one by one (slow)")
    expect(page.get_by_text("result of other parameters")).to_be_visible()
    page.get_by_role("button", name="Find what drives them").click()
    expect(page.locator(".mi-chip-running")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".mi-chip-cancelled")).to_be_visible(timeout=20_000)
