"""What plain nglview does in the same page: the reasons why StructureViewer draws by itself."""

import io

import numpy as np
from harness import Server, outputs, run_notebook, wait_for_kernel
from PIL import Image
from playwright.sync_api import Page
from test_structure_viewer import CONTEXTS, coloured, run_in_kernel, what_is_left

PLAIN = """
    import numpy as np, warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nglview
    import threading
    from ase.build import bulk
    atoms = bulk("Si") * (2, 2, 2)
    trajectory = nglview.ASETrajectory([atoms])
    lines = [l for l in trajectory.get_structure_string().splitlines() if l.startswith("ATOM")]
    shown = np.array([[float(l[30:38]), float(l[38:46]), float(l[46:54])] for l in lines])
    before = threading.active_count()
    views = [nglview.NGLWidget() for _ in range(3)]
    for view in views:
        view.close()
    many = bulk("Ar", cubic=True) * (30, 30, 29)
    many = many[:101_000]
    text = nglview.ASEStructure(many).get_structure_string().splitlines()
    serials = {line[6:11] for line in text if line.startswith("ATOM")}
    print(float(abs(shown - trajectory.get_coordinates(0)).max()), threading.active_count() - before, len(serials))
"""


def test_what_plain_nglview_does_not_do(page: Page, lab: Server) -> None:
    """The reasons for the cures: the moment this fails, nglview has learnt it, and a cure may go."""
    run_notebook(page, lab, "viewer_plain", PLAIN)
    text = "".join("".join(o["text"]) for o in outputs(page)[0] if o["output_type"] == "stream")
    jump, threads, serials = text.split()
    assert float(jump) > 1
    assert int(threads) >= 3, "one or two for each widget that was opened and closed"
    assert int(serials) < 101_000, "numbers of atoms are not their own above 99,999"


PLAIN_COLOURS = """
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nglview
    from ase.build import bulk
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    even = ",".join(str(i) for i in range(0, len(atoms), 2))
    nglview.color.ColormakerRegistry.add_selection_scheme("mine", [["#ff0000", "@" + even], ["#0000ff", "*"]])
"""
PLAIN_SHOW = """
    view = nglview.show_ase(atoms)
    view.clear_representations()
    view.add_representation("spacefill", color_scheme="mine")
    view
"""
PLAIN_FAILS = """
    view._js("throw new Error('planted')")
"""


def test_plain_nglview_loses_colours_in_a_reload_and_says_nothing_of_a_failure(
    page: Page, lab: Server, page_errors: list[str]
) -> None:
    """Ours: test_colours_clicks_and_camera_survive_a_reload_and_a_second_display, test_a_failure_in_the_page_..."""

    def coloured_pixels() -> int:
        return coloured(np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int))

    page.add_init_script(CONTEXTS)
    run_notebook(page, lab, "viewer_plain_colours", PLAIN_COLOURS, PLAIN_SHOW, PLAIN_FAILS)
    page.wait_for_function("() => __mi.canvases().length >= 1")
    page.wait_for_timeout(2500)
    before = coloured_pixels()
    assert before > 15_000
    shown = page.locator(".jp-Notebook").inner_text().replace(PLAIN_FAILS.strip(), "")
    assert "planted" not in shown, "the failure is in the console at best"
    run_in_kernel(page, "view.close()")
    page.wait_for_timeout(500)
    assert what_is_left(page)[0] > 0, "the context of a closed view stays"
    page.reload()
    wait_for_kernel(page)
    page.evaluate("""() => { const w = window.jupyterapp.shell.currentWidget;
        w.content.activeCellIndex = 1; window.jupyterapp.commands.execute('notebook:run-cell'); }""")
    page.wait_for_function("() => __mi.canvases().length >= 1")
    page.wait_for_timeout(2500)
    assert coloured_pixels() < 0.5 * before, "the same kernel and the same cell, and the colours are gone"
    page_errors.clear()
