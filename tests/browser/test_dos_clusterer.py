"""DOSClusterer in a real page: picking, the cut, changes by hand, reload and second display, cancel, no WebGL."""

from typing import Any

from harness import Server, run_notebook, settle, wait_for_kernel
from playwright.sync_api import Locator, Page, expect

OPEN = """
    from mi_widgets import DOSClusterer, datasets
    clusterer = DOSClusterer(datasets.load_pdos("mgo_step"))
    clusterer
"""


def chosen(page: Page, i: int = 0) -> Locator:
    return page.locator(".mi-dos-chosen .widget-html-content").nth(i)


def rows(page: Page, i: int = 0) -> Locator:
    return page.locator(".mi-rows").nth(i).locator("tbody tr")


def open_clusterer(page: Page, lab: Server, name: str, *cells: str) -> None:
    run_notebook(page, lab, name, *(cells or (OPEN,)))
    expect(page.locator(".mi-chip-done").first).to_be_visible()
    expect(page.locator(".mi-tree canvas").first).to_be_visible()
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")
    settle(page)


def click_in(page: Page, view: str, across: float, down: float, **more: Any) -> None:
    """Click into a view at pixels from its left and top edge; below 1 they are shares of it."""
    box = page.locator(view).first.bounding_box()
    assert box is not None
    x, y = (v * size if v < 1 else v for v, size in ((across, box["width"]), (down, box["height"])))
    page.mouse.click(box["x"] + x, box["y"] + y, **more)


def test_one_pick_is_seen_in_every_view(page: Page, lab: Server, screenshot: Any) -> None:
    open_clusterer(page, lab, "dos_pick")
    expect(chosen(page)).to_contain_text("Nothing chosen")
    click_in(page, ".mi-tree .mi-view-host", 0.5, 168)  # a box below the branches
    expect(chosen(page)).to_contain_text("of 113 sites")
    expect(page.locator(".mi-rows tr.mi-chosen")).to_have_count(1)
    first = chosen(page).inner_text()
    rows(page).first.click()
    expect(chosen(page)).not_to_have_text(first)
    n = page.locator(".mi-rows tr.mi-chosen").count()
    rows(page).nth(2).click(modifiers=["Shift"])
    expect(page.locator(".mi-rows tr.mi-chosen")).to_have_count(n + 1)
    settle(page)
    screenshot("dos_clusterer", ".mi-explorer")
    page.get_by_role("button", name="map (PCA)").click()
    expect(page.locator(".mi-embedding canvas").first).to_be_visible()
    expect(page.locator(".mi-chip-done")).to_be_visible()
    settle(page)
    box = page.locator(".mi-embedding .mi-view-host").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 75, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 60, box["y"] + 165, steps=6)
    page.mouse.up()
    expect(chosen(page)).to_contain_text("113 of 113 sites")
    page.get_by_role("button", name="unusual sites first").click()
    rows(page).first.click()
    expect(chosen(page)).to_contain_text("1 of 113 sites")


def test_the_cut_and_changes_by_hand(page: Page, lab: Server) -> None:
    open_clusterer(page, lab, "dos_edit")
    n = rows(page).count()
    readout = page.locator(".mi-cut .widget-readout")
    first = readout.inner_text()
    tree = page.locator(".mi-tree .mi-view-host").first.bounding_box()
    assert tree is not None
    page.mouse.dblclick(tree["x"] + 110, tree["y"] + 60)  # beside the branches, at the left edge, high
    expect(readout).not_to_have_text(first)
    page.wait_for_function("n => document.querySelectorAll('.mi-rows tbody tr').length < n", arg=n)
    page.get_by_role("button", name="Undo").click()
    expect(readout).to_have_text(first)
    expect(rows(page)).to_have_count(n)
    rows(page).nth(1).locator("th").dblclick()
    page.keyboard.type("<b>bulk</b>")
    page.keyboard.press("Enter")
    expect(rows(page).nth(1).locator("th")).to_have_text("<b>bulk</b>")
    rows(page).nth(1).click()
    page.get_by_role("button", name="Split").click()
    expect(rows(page)).to_have_count(n + 1)
    rows(page).nth(0).click()
    rows(page).nth(1).click(modifiers=["Shift"])
    page.get_by_role("button", name="Merge").click()
    expect(rows(page)).to_have_count(n)
    page.get_by_text("Export and code").click()
    expect(page.locator(".mi-code pre")).to_contain_text("dos.merge_clusters(result")
    wide = page.locator(".mi-controls .mi-field").nth(2).locator("input")
    wide.fill("wide")
    wide.press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_contain_text("is not a number")
    expect(wide).to_have_value("0.2")


def test_it_is_the_same_after_a_reload_and_in_a_second_display(page: Page, lab: Server) -> None:
    open_clusterer(page, lab, "dos_reload", OPEN, "clusterer")
    expect(page.locator(".mi-rows")).to_have_count(2)
    rows(page, 1).nth(1).click()
    expect(chosen(page, 0)).to_contain_text("of 113 sites")
    said = chosen(page, 0).inner_text()
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-tree canvas").first).to_be_visible()
    expect(chosen(page, 0)).to_have_text(said)
    page.locator(".mi-explorer").first.evaluate("e => e.scrollIntoView({block: 'start'})")
    settle(page)
    click_in(page, ".mi-tree .mi-view-host", 0.3, 168)
    expect(chosen(page, 0)).not_to_have_text(said)
    expect(page.locator(".mi-stage").first).to_be_visible()


def test_a_long_run_is_cancelled_and_the_page_stays_usable(page: Page, lab: Server) -> None:
    slow = """
        import time
        from mi_widgets import datasets, dos
        from mi_widgets.widgets.dos import DOSClusterer
        clusterer = DOSClusterer(datasets.load_pdos("mgo_step"), threaded=True)
        clusterer.worker.wait()
        real = dos.cluster
        def cluster(*args, **kwargs):
            time.sleep(4)
            return real(*args, **kwargs)
        dos.cluster = cluster
        clusterer
    """
    open_clusterer(page, lab, "dos_cancel", slow)
    n = rows(page).count()
    page.get_by_label("shift-free").uncheck()
    expect(page.locator(".mi-chip-running")).to_be_visible()
    rows(page).nth(1).click()
    expect(chosen(page)).to_contain_text("of 113 sites", timeout=2000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".mi-chip-cancelled")).to_be_visible(timeout=2000)
    expect(page.get_by_text("clusters of other parameters")).to_be_visible()
    expect(rows(page)).to_have_count(n)


def test_without_webgl_the_projection_is_shown(page: Page, lab: Server, page_errors: list[str]) -> None:
    page.add_init_script(
        "const ask = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        " return /webgl/.test(kind) ? null : ask.call(this, kind, ...more); };"
    )
    open_clusterer(page, lab, "dos_flat")
    flat = page.locator(".mi-flat canvas").first
    expect(flat).to_be_visible()
    flat.scroll_into_view_if_needed()
    settle(page)
    box = page.locator(".mi-flat .mi-view-host").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 70, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 200, steps=6)
    page.mouse.up()
    expect(chosen(page)).to_contain_text("of 113 sites")
    page_errors[:] = [text for text in page_errors if "WebGL" not in text]
