"""CircuitExplorer in a real page: compare, choose, drag, type, cancel, reload."""

from typing import Any

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Page, expect

OPEN = """
    from mi_widgets import CircuitExplorer, datasets
    app = CircuitExplorer(datasets.make_impedance("R-p(R,C)", {"R0": 20.0, "R1": [100.0, 140.0], "C1": 1e-5}),
                          params={"circuits": ["R-p(R,C)", "R-p(R,Q)", "R-p(R,C)-p(R,C)", "R-p(C,R-p(R,C))"]})
    app
"""
LONG = """
    from mi_widgets import CircuitExplorer, datasets
    app = CircuitExplorer(datasets.make_impedance("R-p(R,C)", {"R1": list(range(100, 300)), "C1": 1e-5}))
    app
"""


def test_circuits_are_compared_dragged_typed_and_kept(page: Page, lab: Server, screenshot: Any) -> None:
    run_notebook(page, lab, "circuits", OPEN)
    rows = page.locator(".mi-rows tbody tr")
    expect(rows).to_have_count(4)
    expect(page.locator(".mi-chip-done").first).to_contain_text("Kramers-Kronig: consistent")
    compare = page.get_by_role("button", name="Compare circuits")
    compare.dblclick()  # the second click finds a run and does nothing
    expect(page.locator(".mi-chip-done").first).to_contain_text("4 circuits", timeout=60_000)
    expect(rows.first).to_contain_text("R-p(R,C)")
    expect(rows.first.locator("td").first).to_have_text("A")
    expect(page.locator(".mi-rows tr.mi-chosen")).to_have_count(1)
    rows.nth(1).click()
    handles = page.locator(".mi-sliders .noUi-handle")
    expect(handles).to_have_count(4)  # R0, R1, Q1, Q1_n
    rows.nth(0).click()
    expect(handles).to_have_count(3)
    handles.nth(1).scroll_into_view_if_needed()
    box = handles.nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(page.locator(".mi-sliders")).to_contain_text("→")
    expect(page.locator(".mi-explorer")).to_contain_text("rms")
    screenshot("circuit_explorer", ".mi-explorer")
    page.get_by_role("button", name="Back to the fit").click()
    expect(page.locator(".mi-sliders")).not_to_contain_text("→")
    typed = page.get_by_placeholder("R-p(R,C)-p(R-W,Q)")
    typed.fill("R-p(R,<i>")
    typed.press("Enter")
    expect(page.locator(".mi-said-error")).to_contain_text("'<i>' is no element")
    typed.fill("R-p(R,Q)-W")
    typed.press("Enter")
    expect(page.locator(".mi-said-error")).to_have_count(0)
    expect(rows).to_have_count(5)
    expect(page.locator(".mi-chip-done").first).to_contain_text("5 circuits", timeout=60_000)
    expect(page.locator(".mi-rows tr.mi-chosen")).to_contain_text("R-p(R,Q)-W")
    said = rows.first.inner_text()
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(rows).to_have_count(5)
    expect(rows.first).to_have_text(said, use_inner_text=True)
    expect(page.locator(".mi-explorer canvas").first).to_be_visible()
    rows.first.click()
    expect(handles).to_have_count(3)


def test_a_run_is_cancelled(page: Page, lab: Server) -> None:
    run_notebook(page, lab, "circuits_long", LONG)
    page.get_by_role("button", name="Compare circuits").click()
    expect(page.locator(".mi-chip-running")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".mi-chip-cancelled").first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Compare circuits")).to_be_enabled()
