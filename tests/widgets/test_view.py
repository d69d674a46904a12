"""The bridge, with the page played by the test."""

import threading
from typing import Any

import holoviews as hv
import numpy as np
import pytest
from bokeh.events import Tap

from mi_widgets.errors import ParameterError
from mi_widgets.plots import plot_map
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._view import View


@pytest.fixture
def view() -> View:
    return View(hv.Curve(([0.0, 1.0], [2.0, 3.0]), label="line"))


def test_document_is_sent_to_each_display_anew(view: View, page_of: Any) -> None:
    page = page_of(view)
    assert page.open()["roots"]
    view.write("line", {"x": np.array([0.0, 1.0]), "y": np.array([9.0, 9.5])})
    page.clear()
    page.say("ready", vid="page-2")
    assert "9.5" in page.of("doc")[0]["doc"] or page.of("doc")[0]["vid"] == "page-2"
    assert len(view._displays) == 1 or set(view._displays) == {"page-1", "page-2"}


def test_document_bears_the_number_of_its_request(view: View, page_of: Any) -> None:
    page = page_of(view)
    page.say("ready", n=1)
    page.say("ready", n=2)
    assert [m["n"] for m in page.of("doc")] == [1, 2]


def test_bokehjs_comes_over_the_comm(view: View, page_of: Any) -> None:
    page = page_of(view)
    page.say("need-bokehjs")
    content, buffers = page.messages[0]
    assert content == {"k": "bokehjs"}
    assert len(buffers[0]) > 500_000


def test_changes_travel_in_one_patch_with_binary_buffers(view: View, page_of: Any) -> None:
    page = page_of(view)
    page.open()
    page.clear()
    with view.lock:
        view.write("line", {"x": np.arange(50.0), "y": np.arange(50.0)})
        view.figure("line").title.text = "new"
        view.figure("line").y_range.end = 7.0
        assert not page.messages
    assert len(page.messages) == 1
    content, buffers = page.messages[0]
    assert content["k"] == "patch"
    assert len(buffers) == 2
    assert len(buffers[0]) == 50 * 8


def test_an_axis_that_stays_is_not_sent_again(view: View, page_of: Any) -> None:
    page = page_of(view)
    page.open()
    x = np.arange(50.0)
    view.write("line", {"x": x, "y": x})
    page.clear()
    view.write("line", {"x": x.copy(), "y": 2 * x})
    assert len(page.messages[0][1]) == 1
    page.clear()
    view.write("line", {"x": x.copy(), "y": 2 * x})
    assert not page.messages


def test_what_the_page_did_is_acknowledged_and_not_echoed(view: View, page_of: Any) -> None:
    page = page_of(view)
    page.open()
    page.clear()
    page.set(view.figure("line").y_range, end=5.0)
    assert view.figure("line").y_range.end == 5.0
    assert page.of("ack") == [{"k": "ack", "ack": {"vid": "page-1", "seq": 1}}]
    assert not page.of("patch")


def test_second_display_hears_what_the_first_did(view: View, page_of: Any) -> None:
    page = page_of(view)
    page.open()
    page.say("ready", vid="page-2")
    page.clear()
    page.set(view.figure("line").y_range, end=5.0)
    assert [m["from"] for m in page.of("patch")] == ["page-1"]
    page.say("gone", vid="page-2")
    page.clear()
    page.set(view.figure("line").y_range, end=6.0)
    assert not page.of("patch")


def test_events_reach_python(page_of: Any) -> None:
    seen = []
    view = View(plot_map_of_ones(), wire=lambda v: v.figure("map").on_event(Tap, lambda e: seen.append((e.x, e.y))))
    page = page_of(view)
    page.open()
    page.event("tap", view.figure("map"), x=1.0, y=2.0, sx=10, sy=10, modifiers=None)
    assert seen == [(1.0, 2.0)]


def plot_map_of_ones() -> hv.Element:
    import xarray as xr

    return plot_map(xr.DataArray(np.ones((3, 4)), dims=("y", "x")))


def test_error_of_a_callback_is_shown_and_the_view_goes_on(page_of: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_event: Any) -> None:
        raise ValueError("no such pixel")

    view = View(plot_map_of_ones(), wire=lambda v: v.figure("map").on_event(Tap, fail))
    page = page_of(view)
    page.open()
    page.event("tap", view.figure("map"), x=1.0, y=2.0, sx=10, sy=10, modifiers=None)
    assert page.of("error") == [{"k": "error", "text": "ValueError: no such pixel"}]
    page.clear()
    view.figure("map").title.text = "still here"
    assert page.of("patch")


def test_show_replaces_the_document(view: View, page_of: Any) -> None:
    page = page_of(view)
    page.open()
    page.clear()
    view.show(hv.Scatter(([0.0], [1.0]), label="dots"))
    assert page.of("reset")
    assert page.open()["roots"]
    assert view.part("dots")
    with pytest.raises(ParameterError, match="'line'"):
        view.part("line")


def test_changes_of_figures_that_are_gone_are_passed_over(view: View, page_of: Any) -> None:
    page = page_of(view)
    page.open()
    old = view.figure("line").y_range
    view.show(hv.Scatter(([0.0], [1.0]), label="dots"))
    page.clear()
    page.set(old, end=5.0)  # the page has not asked for the new picture yet
    assert not page.of("error")
    assert [m["ack"]["seq"] for m in page.of("ack")] == [1]
    page.open()
    page.set(view.figure("dots").y_range, end=7.0)
    assert view.figure("dots").y_range.end == 7.0


def test_keys_figures_and_downloads(view: View, page_of: Any) -> None:
    page = page_of(view)
    assert not view.request_figure("png", print)
    assert not view.download("a.txt", b"", "text/plain")
    page.open()
    keys, pictures = [], []
    view.on_key(lambda key, shift: keys.append((key, shift)))
    page.say("key", key="ArrowLeft", shift=True)
    assert keys == [("ArrowLeft", True)]
    assert view.request_figure("png", pictures.append)
    page.say("figure", [b"PNG"], rid=page.of("figure")[0]["rid"])
    assert pictures == [b"PNG"]
    assert view.download("a.txt", b"text", "text/plain")
    assert page.messages[-1] == ({"k": "download", "name": "a.txt", "mime": "text/plain", "vid": "page-1"}, [b"text"])


def test_html_page_stands_alone(view: View) -> None:
    text = view.to_html("<b>title</b>")
    assert "cdn.bokeh.org" not in text
    assert "&lt;b&gt;title" in text
    assert len(text) > 500_000


def test_lock_is_shared_between_applications() -> None:
    a, b, c = AppLock(), AppLock(), AppLock()
    b.share(c)
    a.share(b)
    entered = threading.Event()

    def other() -> None:
        with c:
            entered.set()

    with a:
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.1)
    thread.join(2)
    assert entered.is_set()


def test_lock_merged_while_another_thread_waits() -> None:
    a, b = AppLock(), AppLock()
    done = threading.Event()

    def other() -> None:
        with b:
            done.set()

    with b:
        thread = threading.Thread(target=other)
        thread.start()
        a.share(b)
    thread.join(2)
    assert done.is_set()
    with a, b:
        pass


def test_many_threads_write_one_document(page_of: Any) -> None:
    view = View(hv.Curve(([0.0, 1.0], [2.0, 3.0]), label="line"))
    page = page_of(view)
    page.open()

    def write(k: int) -> None:
        for i in range(20):
            with view.lock:
                view.write("line", {"x": np.arange(5.0 + k), "y": np.full(5 + k, float(i))})

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert not page.of("error")
    assert len(page.of("patch")) <= 80
