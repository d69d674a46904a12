"""EnvironmentExplorer in a real page: tap, pick, frame, wrong input, reload; without WebGL; training and its cancel."""

from pathlib import Path
from typing import Any

from harness import Server, run_notebook, wait_for_kernel
from playwright.sync_api import Page, expect

MODELS = str(Path(__file__).parents[1] / "widgets")
START = f"""
    import sys
    sys.path.insert(0, {MODELS!r})
    from environment_models import Model, Springs, make_snapshots
    from mi_widgets.widgets.potentials import EnvironmentExplorer
"""
OPEN = START + "    EnvironmentExplorer(make_snapshots(40), Springs())\n"
REAL = """
    from mi_widgets import datasets, potentials
    from mi_widgets.widgets.potentials import EnvironmentExplorer
    potential = potentials.load_potential(datasets.load_silica_network())
    EnvironmentExplorer(datasets.load_silica_snapshots(), potential)
"""
SETTLE = 700  # ms, for animations of the page
NO_WEBGL = (
    "const ask = HTMLCanvasElement.prototype.getContext;"
    " HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
    " return /webgl/.test(kind) ? null : ask.call(this, kind, ...more); };"
)


def field(page: Page, i: int) -> Any:
    """Fields of the frame (0) and the atom (1)."""
    return page.locator(".mi-go input[type=text]").nth(i)


def click_in(page: Page, selector: str, at: tuple[float, float]) -> None:
    place = page.locator(selector).first
    place.evaluate("e => e.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(SETTLE)
    box = place.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"])


def test_the_whole_story(page: Page, lab: Server, screenshot: Any, request: Any) -> None:
    run_notebook(page, lab, "environments", REAL if request.config.getoption("--docs") else OPEN)
    first = page.locator(".mi-explorer").first
    expect(page.locator(".mi-chip-done").first).to_contain_text("outside the training domain", timeout=60_000)
    expect(page.locator(".mi-cloud canvas").first).to_be_visible()
    expect(first).to_contain_text("Atomic energies are not unique")
    page.wait_for_timeout(2 * SETTLE)
    if request.config.getoption("--docs"):
        page.set_viewport_size({"width": 1400, "height": 1280})  # all of it
        page.wait_for_timeout(2 * SETTLE)
        screenshot("environment_explorer", ".mi-explorer")
        return
    first.evaluate("e => e.scrollIntoView({block: 'start'})")
    page.get_by_title("First frame").click()  # the player of the structure
    expect(field(page, 0)).to_have_value("0")
    page.get_by_title("One frame forth").click()
    expect(field(page, 0)).to_have_value("1")
    click_in(page, ".mi-energies .mi-view-host", (0.5, 0.48))  # the middle of a cloud of 40 points along the diagonal
    expect(field(page, 0)).not_to_have_value("1")
    field(page, 0).fill("77")
    field(page, 0).press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_contain_text("no frame 77")
    field(page, 0).fill("12")
    field(page, 0).press("Enter")
    field(page, 1).fill("3")
    field(page, 1).press("Enter")
    expect(page.locator(".mi-message.mi-error")).to_have_count(0)
    expect(page.locator(".mi-environment-about")).to_contain_text("Si3 of frame 12")
    page.get_by_role("button", name="Least certain").dblclick()  # twice is the same
    expect(page.locator(".mi-environment-about")).not_to_contain_text("frame 12")
    page.locator(".mi-controls select").nth(1).select_option("uncertainty")
    page.get_by_label("errors instead of values").check()
    page.wait_for_timeout(SETTLE)
    said = page.locator(".mi-environment-about").inner_text()
    screenshot("environment_explorer_test", ".mi-explorer")
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    expect(page.locator(".mi-cloud canvas").first).to_be_visible()
    expect(page.locator(".mi-environment-about")).to_have_text(said, use_inner_text=True)
    field(page, 0).fill("5")
    field(page, 0).press("Enter")
    expect(first).to_contain_text("Frame 5 ·")


def test_without_webgl_atoms_are_picked_in_the_projection(page: Page, lab: Server, page_errors: list[str]) -> None:
    page.add_init_script(NO_WEBGL)
    run_notebook(page, lab, "environments_flat", OPEN)
    expect(page.locator(".mi-view-note", has_text="WebGL").first).to_be_visible()
    expect(page.locator(".mi-flat canvas").first).to_be_visible()
    page.get_by_role("button", name="›").click()
    before = page.locator(".mi-environment-about").inner_text()
    field(page, 1).fill("")
    field(page, 1).press("Enter")
    expect(page.locator(".mi-environment-about")).to_contain_text("Click on an atom")
    for at in ((0.3, 0.3), (0.3, 0.5), (0.5, 0.3), (0.5, 0.5)):  # some of them hit an atom
        click_in(page, ".mi-flat .mi-view-host", at)
        if field(page, 1).input_value():
            break
    expect(page.locator(".mi-environment-about")).to_contain_text("atomic energy")
    assert page.locator(".mi-environment-about").inner_text() != before
    page_errors[:] = [text for text in page_errors if "WebGL" not in text]


def test_a_training_is_watched_and_cancelled(page: Page, lab: Server) -> None:
    slow = START + "    EnvironmentExplorer(make_snapshots(40), Model(n_epochs=40, seconds=0.4))\n"
    run_notebook(page, lab, "environments_train", slow)
    expect(page.locator(".mi-chip-idle")).to_have_text("not run yet")
    page.get_by_role("button", name="Train", exact=True).dblclick()  # the second click must do nothing
    expect(page.locator(".mi-progress").first).to_contain_text("of 80 steps")
    expect(page.locator(".mi-training canvas").first).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".mi-chip-cancelled")).to_be_visible()
    expect(page.locator(".mi-message").first).to_contain_text("what has been learnt so far")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".mi-chip-done").first).to_contain_text("outside the training domain")
    expect(page.locator(".mi-environment-about")).to_contain_text("Atomic energies are not unique")
