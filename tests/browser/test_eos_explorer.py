"""EOSExplorer in a real page: fitted at once, rows, points, sliders, a run that is cancelled, reload."""

from typing import Any

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Page, expect

OPEN = """
    from mi_widgets import datasets
    from mi_widgets.widgets.eos import EOSExplorer
    explorer = EOSExplorer(datasets.load_mgo(), params={"theta0": 773.0, "n_steps": 2000})
    explorer
"""


def test_forms_points_sliders_a_cancelled_run_and_a_reload(page: Page, lab: Server, screenshot: Any) -> None:
    run_notebook(page, lab, "eos_story", OPEN)
    expect(page.locator(".mi-chip-done")).to_contain_text("4 forms fitted", timeout=30_000)
    rows = page.locator(".mi-rows tbody tr")
    expect(rows).to_have_count(4)
    expect(page.get_by_text("These data cannot separate").first).to_be_visible()
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")
    expect(page.locator(".mi-explorer canvas").first).to_be_visible()

    # double clicks do no harm
    rows.nth(2).dblclick()
    expect(page.locator(".mi-rows tr.mi-chosen th")).to_have_text(rows.nth(2).locator("th").inner_text())

    slider = page.get_by_role("slider").nth(1)  # K0
    slider.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Dashed curves: χ² =").first).to_be_visible()
    page.get_by_role("button", name="Back to the fit").click()
    expect(page.get_by_text("Move a slider").first).to_be_visible()

    figure = page.locator(".mi-explorer .mi-view-host").first.bounding_box()
    assert figure is not None
    told = page.get_by_text("; residual")
    for step in range(40):  # along the cold points, until one is near enough
        if told.count():
            break
        page.mouse.click(figure["x"] + (0.2 + 0.015 * step) * figure["width"],
                         figure["y"] + (0.32 + 0.007 * step) * figure["height"])  # fmt: skip
        page.wait_for_timeout(80)
    expect(told.first).to_be_visible()

    page.get_by_role("button", name="posterior").click()
    page.get_by_role("button", name="Sample").click()
    expect(page.locator(".mi-chip-running")).to_be_visible()
    page.wait_for_function("document.querySelector('.mi-progress').innerText.includes('of 2,000 steps')")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".mi-chip-cancelled")).to_be_visible()
    expect(page.get_by_text("independent draws").first).to_be_visible()
    page.get_by_role("button", name="depth profile").click()
    expect(page.get_by_text("Beside the reference Earth").first).to_be_visible()
    screenshot("eos_explorer", ".mi-explorer")

    field = page.locator(".mi-controls input[type=text]").first  # theta0
    field.fill("-5")
    field.press("Enter")
    expect(page.locator(".mi-error")).to_contain_text("θ₀ must be a number from 20 up to 5000")
    field.fill("800")
    field.press("Enter")
    expect(page.locator(".mi-error")).to_have_count(0)
    expect(page.locator(".mi-chip-done")).to_contain_text("4 forms fitted", timeout=30_000)

    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-rows tbody tr")).to_have_count(4)
    expect(page.locator(".mi-explorer canvas").first).to_be_visible()
    page.locator(".mi-rows tbody tr").nth(1).click()
    expect(page.locator(".mi-rows tr.mi-chosen")).to_have_count(1)
