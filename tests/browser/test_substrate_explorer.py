"""SubstrateExplorer in a real page: screen, click a row, a point and a length, add a substrate, cancel, reload."""

from typing import Any

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Page, expect

OPEN = """
    from mi_widgets.widgets.substrates import SubstrateExplorer
    explorer = SubstrateExplorer(params={"max_area": 110.0})
    explorer
"""


def test_the_whole_story(page: Page, lab: Server, screenshot: Any) -> None:
    run_notebook(page, lab, "substrates", OPEN)
    first = page.locator(".mi-explorer").first
    expect(page.locator(".mi-chip-done")).to_have_text("21 substrates screened", timeout=60_000)
    expect(page.locator(".mi-coincidences canvas").first).to_be_visible(timeout=30_000)
    rows = page.locator(".mi-rows").nth(0).locator("tbody tr")
    expect(rows).to_have_count(21)
    gate = rows.filter(has_text="GaTe")
    expect(gate).to_contain_text("+0.74")
    gate.locator("th").click()
    expect(gate).to_have_class("mi-chosen")
    expect(first).to_contain_text("germanene on GaTe")
    expect(page.locator(".mi-structure-stage, .mi-stage").first).to_be_attached()
    screenshot("substrate_explorer", ".mi-explorer")

    view = page.locator(".mi-ranking .mi-view-host").first
    view.evaluate("e => e.scrollIntoView({block: 'center'})")
    page.wait_for_function(
        "() => document.querySelector('.mi-ranking .mi-view-host').getBoundingClientRect().height > 200"
    )
    for down in (14, 18, 22, 26) * 5:  # the first of the ranks, until the page has drawn it
        box = view.bounding_box()
        assert box is not None
        for across in (0.19, 0.21, 0.23, 0.25, 0.27, 0.29):
            page.mouse.click(box["x"] + across * box["width"], box["y"] + down)
        if gate.get_attribute("class") != "mi-chosen":
            break
        page.wait_for_timeout(100)
    expect(gate).not_to_have_class("mi-chosen")

    length = rows.filter(has_text="InSe").locator("td").first
    length.dblclick()
    page.keyboard.type("4.06")
    page.keyboard.press("Enter")
    expect(rows.first).to_contain_text("InSe", timeout=30_000)
    expect(rows.first).to_contain_text("+0.00")
    expect(page.locator(".mi-chip-done")).to_be_visible()
    rows.first.locator("td").first.dblclick()
    page.keyboard.type("-1")
    page.keyboard.press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_contain_text("must be a number from 0.5 to 100 angstrom")

    new = page.get_by_placeholder("= a").locator("xpath=ancestor::*[contains(@class, 'mi-row')][1]").locator("input")
    new.nth(0).fill("mine")
    new.nth(1).fill("8.13")
    page.get_by_role("button", name="Add substrate").click()
    expect(rows).to_have_count(22)
    expect(page.locator(".mi-chip-done")).to_have_text("22 substrates screened", timeout=60_000)

    said = first.locator(".mi-hint").last.text_content() or ""
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-coincidences canvas").first).to_be_visible(timeout=30_000)
    expect(first.locator(".mi-hint").last).to_have_text(said)
    expect(rows).to_have_count(22)
    area = page.locator(".mi-controls .mi-field").nth(2).locator("input")
    area.fill("400")
    area.press("Enter")
    expect(page.locator(".mi-chip-running")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".mi-chip-cancelled")).to_be_visible(timeout=20_000)
