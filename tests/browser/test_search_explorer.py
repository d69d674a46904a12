"""SearchExplorer in a real page: run, cancel, click, what if, tell once, tabs, a region, reload, second display."""

from typing import Any

from harness import Server, run_notebook, settle, wait_for_kernel
from playwright.sync_api import Locator, Page, expect

OPEN = """
    import tempfile
    import time
    from mi_widgets import datasets
    from mi_widgets.widgets.bo import SearchExplorer
    boundary = datasets.load_grain_boundary()
    known = boundary.energy
    explorer = SearchExplorer(
        boundary.features, values=known, path=tempfile.mkdtemp() + "/campaign.jsonl",
        params={"seed": 1, "n_initial": 8, "n_trials": 12, "units": "J/m**2", "acquisition": "z_score"},
    )
    explorer
"""


def told(page: Page, n: int, i: int = 0) -> None:
    expect(page.locator(".mi-bo").nth(i).locator(".mi-chip").first).to_have_text(f"{n} told")


def button(page: Page, name: str, i: int = 0) -> Locator:
    exact = name not in ("Undo", "Redo")  # with an icon
    return page.locator(".mi-bo").nth(i).get_by_role("button", name=name, exact=exact)


def value(page: Page) -> Locator:
    return page.locator(".mi-bo-candidate input[type=text]").first


def test_a_campaign_from_the_first_trial_to_a_reload(page: Page, lab: Server, screenshot: Any) -> None:
    run_notebook(page, lab, "search_explorer", OPEN, "explorer")
    explorer = page.locator(".mi-bo").first
    expect(explorer).to_contain_text("nothing told yet")
    expect(explorer).to_contain_text("campaign.jsonl")
    explorer.evaluate("e => e.scrollIntoView({block: 'start'})")
    button(page, "Run trials").click()
    told(page, 12)
    expect(page.locator(".mi-bo-table tbody tr").first).to_be_visible()

    button(page, "Next suggestion").click()
    expect(explorer.locator(".mi-bo-title").first).to_contain_text("suggested")
    expect(page.locator(".mi-bo-why tbody tr").first).to_be_visible()
    value(page).click()
    page.keyboard.type("0,95")
    expect(page.locator(".mi-bo-preview").first).to_be_visible()
    expect(explorer.locator(".mi-chip-stale").first).to_have_text("preview")
    expect(explorer.locator(".mi-bo-features").first).to_contain_text("after what-if")
    page.set_viewport_size({"width": 1400, "height": 1280})  # all of it
    settle(page)
    explorer.evaluate("e => e.scrollIntoView({block: 'center'})")
    screenshot("search_explorer", ".mi-bo")
    page.set_viewport_size({"width": 1400, "height": 1000})
    told(page, 12)
    page.keyboard.press("Enter")
    told(page, 13)
    expect(page.locator(".mi-bo-preview")).to_have_count(0)
    expect(explorer.locator(".mi-message").first).to_contain_text("campaign.jsonl")
    button(page, "Undo").click()
    told(page, 12)
    button(page, "Redo").click()
    told(page, 13)

    box = page.locator(".mi-pool .mi-view-host").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 200, box["y"] + 150)
    expect(button(page, "Tell")).to_be_enabled()
    value(page).fill("wide")
    value(page).press("Enter")
    expect(explorer.locator(".mi-error").first).to_contain_text("not a number")
    value(page).fill("1.05")
    button(page, "Tell").dblclick()
    told(page, 14)
    expect(explorer.locator(".mi-error")).to_have_count(0)

    box = page.locator(".mi-pool .mi-view-host").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 120, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 180, steps=4)
    page.mouse.up()
    expect(explorer.locator(".mi-bo-title").first).to_contain_text("candidates chosen", timeout=15_000)
    button(page, "Exclude").click()
    expect(explorer.locator(".mi-bo-title").first).to_contain_text("Click a candidate")

    for tab, text in (("model", "speaks against"), ("past", "After 14 trials"), ("strategies", "has been run yet")):
        button(page, tab).click()
        expect(page.locator(".mi-bo-model").first).to_contain_text(text)
    expect(explorer.locator(".mi-error")).to_have_count(0)

    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-pool canvas").first).to_be_visible(timeout=30_000)  # BokehJS comes anew
    told(page, 14)
    told(page, 14, 1)  # the second display
    button(page, "Next suggestion", 1).click()
    expect(page.locator(".mi-bo-title").first).to_contain_text("suggested")


SLOW = OPEN.replace("values=known", "values=lambda k: time.sleep(0.2) or float(known[k])").replace(
    'path=tempfile.mkdtemp() + "/campaign.jsonl",', ""
)


def test_a_run_is_cancelled_and_the_page_stays_usable(page: Page, lab: Server) -> None:
    run_notebook(page, lab, "search_cancel", SLOW)
    expect(page.locator(".mi-bo").first).to_contain_text("not saved: in memory only")
    button(page, "Run trials").click()
    expect(page.locator(".mi-progress").first).to_contain_text("of 12 trials")
    page.locator(".mi-bo-table tbody tr").first.click()
    expect(page.locator(".mi-bo-title").first).to_contain_text("candidate")
    button(page, "Cancel").click()
    expect(page.locator(".mi-progress").first).to_contain_text("cancelled · kept")
    expect(button(page, "Undo")).to_be_enabled()
