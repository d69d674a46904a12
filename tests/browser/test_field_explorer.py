"""FieldExplorer in a real page: run, heights, a click, wrong input, cancel, reload."""

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Page, expect

OPEN = """
    from mi_widgets import datasets
    from mi_widgets.widgets.potentials_field import FieldExplorer
    explorer = FieldExplorer(
        datasets.load_silica_glass(), params={"spacing": 1.0, "n_references": 40, "n_rounds": 0, "height": 7.4}
    )
    explorer
"""


def test_the_whole_story(page: Page, lab: Server) -> None:
    run_notebook(page, lab, "field", OPEN)
    chip = page.locator(".mi-explorer .mi-title ~ .mi-chip").first
    expect(chip).to_have_text("not run yet")
    picture = page.locator(".mi-field-slice .mi-view-host")
    expect(picture).to_be_visible()
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")

    page.get_by_role("button", name="Find the field").click()
    expect(chip).to_contain_text("meV on blocks left out", timeout=60_000)
    expect(page.locator(".mi-table tbody tr")).to_have_count(3)

    box = picture.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 200, box["y"] + 200)
    place = page.locator(".mi-hint[role=status]")
    expect(place).to_contain_text("at ")
    before = place.inner_text()
    page.mouse.click(box["x"] + 300, box["y"] + 260)
    expect(place).not_to_have_text(before)

    step = page.locator(".mi-field", has_text="grid step").locator("input")
    step.fill("4")
    step.press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_contain_text("grid step must be a number from 0.15 up to 1")
    expect(step).to_have_value("1")

    references = page.locator(".mi-field", has_text="references").first.locator("input")
    references.fill("4000")
    references.press("Enter")
    expect(page.get_by_text("result of other parameters")).to_be_visible()
    page.get_by_role("button", name="Find the field").click()
    expect(chip).to_have_text("running")
    page.get_by_role("button", name="Cancel").click()
    expect(chip).to_have_text("cancelled", timeout=30_000)

    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-field-slice .mi-view-host canvas").first).to_be_visible(timeout=60_000)
    expect(page.locator(".mi-table tbody tr")).to_have_count(3)
