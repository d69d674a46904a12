"""QPIExplorer in a real page: run, slider, click, rectangle, wrong input, cancel, reload."""

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Page, expect

OPEN = """
    from mi_widgets import datasets
    from mi_widgets.widgets.qpi import QPIExplorer
    da = datasets.make_interference_map((90, 180), width=50.0, noise=1.0).conductance
    explorer = QPIExplorer(da, params={"n_q": 64, "n_folds": 4, "n_penalties": 5})
    explorer
"""


def test_the_whole_story(page: Page, lab: Server) -> None:
    run_notebook(page, lab, "qpi", OPEN)
    chip = page.locator(".mi-explorer .mi-title ~ .mi-chip").first
    planes = page.locator(".mi-qpi-planes .mi-view-host").first
    expect(planes).to_be_visible()
    expect(chip).to_have_text("not run yet")
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")

    page.get_by_role("button", name="Find rings").click()
    expect(chip).to_contain_text("rings 1.")
    expect(page.locator(".mi-table tbody tr")).to_have_count(4)
    expect(page.get_by_text("with folds that share data")).to_be_visible()

    readout = page.locator(".widget-readout")
    expect(readout).to_contain_text("least error")
    before = page.locator(".mi-table").inner_text()
    page.locator(".mi-explorer .noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    expect(readout).not_to_contain_text("least error")
    expect(page.locator(".mi-table")).not_to_have_text(before)

    box = page.locator(".mi-map .mi-view-host").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 110, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 160, steps=5)
    page.mouse.up()
    expect(page.get_by_text("result of other parameters")).to_be_visible()
    expect(page.locator(".mi-table tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Clear region").click()
    expect(page.get_by_text("result of other parameters")).to_have_count(0)
    expect(page.locator(".mi-table tbody tr")).to_have_count(4)

    q_points = page.locator(".mi-field", has_text="q points").locator("input")
    q_points.fill("33")
    q_points.press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_contain_text("n_q must be even")
    expect(q_points).to_have_value("64")

    folds = page.locator(".mi-field", has_text="folds").first.locator("input")
    folds.fill("40")
    folds.press("Enter")
    page.get_by_role("button", name="Find rings").dblclick()
    page.get_by_role("button", name="Cancel").click()
    expect(chip).to_have_text("cancelled")

    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-qpi-planes canvas").first).to_be_visible(timeout=60_000)
    expect(chip).to_have_text("cancelled")
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")
    page.get_by_role("button", name="Undo").click()
    expect(chip).to_contain_text("rings 1.")
