"""The browser tests' own tools: each of the three doors shows a live widget, and a broken page is noticed."""

import re

import pytest
from harness import (
    Server,
    canvas_hash,
    click_canvas,
    outputs,
    run_notebook,
    timed_click,
    wait_for_canvases,
    wait_for_kernel,
)
from playwright.sync_api import Page

SLIDER = """
    import ipywidgets as w
    slider = w.IntSlider(value=3, description="n")
    shown = w.HTML("3")
    shown.add_class("mi-shown")
    slider.observe(lambda change: setattr(shown, "value", str(2 * change["new"])), "value")
    w.VBox([slider, shown])
"""
CANVAS = """
    import anywidget, traitlets
    class Square(anywidget.AnyWidget):
        _esm = '''export default { render({ model, el }) {
            const c = Object.assign(document.createElement("canvas"), { width: 200, height: 100 });
            const cx = c.getContext("2d");
            const draw = () => { cx.fillStyle = model.get("colour"); cx.fillRect(0, 0, 200, 100); };
            model.on("change:colour", draw); draw(); el.append(c);
            c.addEventListener("pointerup", () => model.send({}));
        } };'''
        colour = traitlets.Unicode("rgb(200, 0, 0)").tag(sync=True)
    square = Square()
    square.on_msg(lambda *_: setattr(square, "colour", "rgb(0, 0, 200)"))
    square
"""


@pytest.mark.parametrize("door", ["lab", "notebook7", "voila"])
def test_widget_answers(page: Page, lab: Server, door: str) -> None:
    server = lab.through(door)  # type: ignore[arg-type]
    run_notebook(page, server, f"slider_{door}", SLIDER)
    page.locator(".noUi-handle").first.click()  # a click, not focus(): Notebook 7 takes the focus back after a run
    page.keyboard.press("End")  # not an arrow: Notebook 7 keeps the arrow keys for moving between cells
    page.locator(".mi-shown", has_text=re.compile(r"^\s*200\s*$")).wait_for()


def test_timed_click_sees_the_kernel_answer(page: Page, lab: Server) -> None:
    run_notebook(page, lab, "canvas", CANVAS)
    wait_for_canvases(page, 1)
    before = canvas_hash(page, 0)
    assert 0 < timed_click(page, 0, (0.5, 0.5), watch=0) < 5000
    assert canvas_hash(page, 0) != before
    click_canvas(page, 0, (0.1, 0.1))  # same colour again: nothing changes
    page.reload()
    wait_for_kernel(page)


def test_failing_cell_is_reported(page: Page, lab: Server) -> None:
    with pytest.raises(AssertionError, match="no such thing"):
        run_notebook(page, lab, "failing", "1 + 1", "raise ValueError('no such thing')", "2 + 2")
    assert outputs(page)[0][0]["data"]["text/plain"] == "2"


def test_console_errors_are_collected(page: Page, page_errors: list[str]) -> None:
    page.evaluate("() => { console.error('spilled'); setTimeout(() => { throw new Error('uncaught one') }) }")
    page.wait_for_timeout(200)
    assert [e for e in page_errors if "spilled" in e]
    assert [e for e in page_errors if "uncaught one" in e]
    page_errors.clear()


def test_another_host_cannot_be_reached(page: Page, page_errors: list[str]) -> None:
    assert page.evaluate("() => fetch('https://example.org/x.js').then(() => 'reached', () => 'refused')") == "refused"
    assert [e for e in page_errors if "another host" in e]
    page_errors.clear()
