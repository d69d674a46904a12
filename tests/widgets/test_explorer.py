"""Traits, runs, messages and links of the base, with a computation that the test controls."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import traitlets
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.runs import Part
from mi_widgets.widgets import Explorer, link
from mi_widgets.widgets._explorer import snap
from mi_widgets.widgets._run import duration


class Counter(Explorer):
    """Counts to ``n``; every step waits until the test lets it go on."""

    def __init__(self, data: Any = None, *, gate: threading.Semaphore | None = None, **kwargs: Any) -> None:
        self.gate, self.fail_at, self.drawn, self.finished = gate, None, [], threading.Event()
        super().__init__(data, **kwargs)

    def _default_params(self) -> dict[str, Any]:
        return {"n": 4}

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        if params["n"] < 1:
            raise ParameterError("n must be at least 1")
        return params

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        for i in range(params["n"]):
            if self.gate is not None:
                self.gate.acquire()
            if i == self.fail_at:
                raise ParameterError("<b>no</b> further")
            yield Part(i + 1, params["n"], xr.Dataset({"count": i + 1}))
        self.finished.set()

    def _make_code(self) -> str:
        return f"result = count({self.params['n']})"

    def _draw_result(self) -> None:
        self.drawn.append(int(self.result["count"]) if self.result is not None else None)


def wait_for(condition: Any, seconds: float = 5.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "did not happen in time"
        time.sleep(0.005)


def test_run_in_the_caller() -> None:
    w = Counter(threaded=False)
    states = []
    w.observe(lambda c: states.append(c["new"]), "state")
    w.run()
    assert states == ["running", "done"]
    assert int(w.result["count"]) == 4
    assert w.code == "result = count(4)"
    assert "4 parts" in w.run_bar.text.value


@pytest.mark.parametrize("threaded", [True, False])
def test_run_and_wait(threaded: bool) -> None:
    w = Counter(threaded=threaded)
    w.run(wait=True)
    assert (w.state, int(w.result["count"])) == ("done", 4)


def test_result_is_noticed_although_datasets_compare_equal() -> None:
    w, seen = Counter(threaded=False), []
    w.observe(lambda c: seen.append(c["new"]), "result")
    w.result = xr.Dataset({"a": 1})
    w.result = xr.Dataset({"a": 1})
    assert len(seen) == 2


def test_cancel_answers_at_once_and_keeps_what_is_finished() -> None:
    gate = threading.Semaphore(2)
    w = Counter(gate=gate)
    w.run()
    wait_for(lambda: w.worker._job is not None and w.worker._job.part is not None and w.worker._job.part.done == 2)
    began = time.perf_counter()
    w.cancel()
    assert time.perf_counter() - began < 0.2
    assert (w.state, int(w.result["count"])) == ("cancelled", 2)
    assert "kept 2 of 4" in w.run_bar.text.value
    gate.release(10)
    w.worker.wait()
    assert (w.state, int(w.result["count"])) == ("cancelled", 2)


def test_second_click_does_no_harm() -> None:
    gate = threading.Semaphore(0)
    w = Counter(gate=gate)
    w.run()
    first = w.worker._job
    w.run()
    w.run_bar.run_button.click()
    assert w.worker._job is first
    gate.release(4)
    w.worker.wait()
    assert w.state == "done"
    w.cancel()
    assert w.state == "done"


def test_run_again_after_cancel_waits_for_the_old_thread() -> None:
    gate, others = threading.Semaphore(0), threading.active_count()
    w = Counter(gate=gate)
    w.run()
    w.run_bar.cancel_button.click()
    assert w.state == "cancelled"
    assert w.result is None
    assert "nothing" in w.run_bar.text.value
    w.run()
    assert w.state == "running"
    gate.release(20)
    w.worker.wait()
    assert (w.state, int(w.result["count"])) == ("done", 4)
    assert threading.active_count() <= others + 1


def test_failure_shows_its_message_escaped_and_keeps_the_part() -> None:
    w = Counter(threaded=False)
    w.fail_at = 2
    w.run()
    assert (w.state, int(w.result["count"])) == ("failed", 2)
    assert "&lt;b&gt;no&lt;/b&gt; further" in w.message.value
    assert "<b>" not in w.message.value
    assert not w.run_bar.run_button.disabled
    with pytest.raises(ParameterError, match="no"):
        w.run(wait=True)
    w.fail_at = None
    w.run()
    assert (w.state, w.message.value) == ("done", "")


def test_error_of_a_drawing_callback_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    w = Counter(threaded=False)
    w._draw_result = lambda: 1 / 0  # type: ignore[method-assign]
    w.run()
    assert w.state == "done"
    assert "ZeroDivisionError" in w.message.value
    assert "unexpected error" in caplog.text


def test_code_stays_with_the_old_result_until_the_first_part() -> None:
    gate = threading.Semaphore(4)
    w = Counter(gate=gate)
    w.run(wait=True)
    w.set_params(n=2)
    w.run()
    assert (w.state, w.code) == ("running", "result = count(4)")
    w.cancel()
    assert (w.state, w.code, int(w.result["count"])) == ("cancelled", "result = count(4)", 4)
    gate.release(10)
    w.worker.wait()
    w.fail_at = 0
    with pytest.raises(ParameterError, match="no"):
        w.run(wait=True)
    assert (w.state, w.code, int(w.result["count"])) == ("failed", "result = count(4)", 4)
    w.fail_at, seen = None, []
    w.observe(lambda c: seen.append((w.code, int(c["new"]["count"]))), "result")
    w.run(wait=True)
    assert set(seen) <= {("result = count(2)", 1), ("result = count(2)", 2)}
    assert (w.code, int(w.result["count"])) == ("result = count(2)", 2)


@pytest.mark.parametrize("trait", ["result", "code", "state"])
@pytest.mark.parametrize("threaded", [True, False])
def test_observer_that_raises_does_not_end_the_run(
    trait: str, threaded: bool, caplog: pytest.LogCaptureFixture
) -> None:
    w = Counter(threaded=threaded)
    w.code = ""

    def broken(_change: Any) -> None:
        raise RuntimeError("<b>mine</b>")

    w.observe(broken, trait)
    w.run(wait=True)
    assert (w.state, int(w.result["count"]), w.code) == ("done", 4, "result = count(4)")
    assert "RuntimeError: &lt;b&gt;mine" in w.message.value
    assert not w.run_bar.run_button.disabled
    assert "unexpected error" in caplog.text
    w.run(wait=True)
    assert w.state == "done"


def test_params_are_checked_and_json() -> None:
    w = Counter(threaded=False, params={"n": 3})
    assert w.params == {"n": 3}
    w.set_params(n=2)
    assert w.code == "result = count(2)"
    w.run()
    assert int(w.result["count"]) == 2
    w.set_params(n=3)
    assert w.code == "result = count(2)", "code belongs to the result that is there"
    with pytest.raises(ParameterError, match="unknown parameter 'm'; there are n"):
        w.set_params(m=1)
    with pytest.raises(ParameterError, match="at least 1"):
        w.set_params(n=0)
    with pytest.raises(ParameterError, match="JSON"):
        w.params = {"n": {1, 2}}
    assert w.params == {"n": 3}
    with pytest.raises(ParameterError):
        Counter(params={"x": 1})


def test_state_has_only_known_values() -> None:
    with pytest.raises(traitlets.TraitError):
        Counter().state = "asleep"


def test_close_stops_the_run_and_leaves_no_thread() -> None:
    before = threading.active_count()
    for _ in range(10):
        gate = threading.Semaphore(0)
        w = Counter(gate=gate)
        w.run()
        w.close()
        gate.release(10)
        w.worker.wait(5)
    assert threading.active_count() <= before


DATA = xr.DataArray(np.zeros((3, 4)), dims=("y", "x"), coords={"y": [0.0, 0.5, 1.0], "x": [3, 2, 1, 0]}).assign_coords(
    name=("x", list("abcd"))
)


def test_snap_takes_the_nearest_label() -> None:
    assert snap({"y": 0.6, "x": 2.2}, DATA, ("y", "x")) == {"y": 0.5, "x": 2}
    assert snap({"y": [0.1, 0.9]}, DATA, ("y", "x")) == {"y": [0.0, 1.0]}
    assert snap({"z": 2}, xr.DataArray(np.zeros(3), dims="z"), ("z",)) == {"z": 2}


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"y": 9.0}, "outside"),
        ({"q": 1}, "cannot be pointed at"),
        ({"y": "here"}, "numbers"),
        ({"y": np.nan}, "outside"),
    ],
)
def test_snap_says_what_is_wrong(wanted: dict[str, Any], match: str) -> None:
    with pytest.raises(LabelError, match=match):
        snap(wanted, DATA, ("y", "x"))


def test_snap_with_text_labels() -> None:
    da = xr.DataArray(np.zeros(2), dims="site", coords={"site": ["Fe", "O"]})
    assert snap({"site": "O"}, da, ("site",)) == {"site": "O"}
    with pytest.raises(LabelError, match="no label"):
        snap({"site": "Cu"}, da, ("site",))


class Pointer(Explorer):
    def __init__(self, data: xr.DataArray, **start: Any) -> None:
        super().__init__(data)
        self.selection = start

    @traitlets.validate("selection")
    def _valid(self, proposal: Any) -> dict[str, Any]:
        return dict(self.selection) | snap(proposal["value"], self.data, tuple(self.data.dims))


def grid(n: int, names: tuple[str, str] = ("y", "x")) -> xr.DataArray:
    return xr.DataArray(np.zeros((n, n)), dims=names, coords={d: np.arange(n) * 1.0 for d in names})


def test_link_goes_both_ways_without_loops() -> None:
    a, b = Pointer(grid(5), y=1.0, x=2.0), Pointer(grid(5), y=0.0, x=0.0)
    calls = []
    b.observe(lambda c: calls.append(c["new"]), "selection")
    made = link(a, b)
    assert b.selection == {"y": 1.0, "x": 2.0}
    b.selection = {"y": 4.0}
    assert a.selection == {"y": 4.0, "x": 2.0}
    a.selection = {"x": 3.0}
    assert b.selection == {"y": 4.0, "x": 3.0}
    assert len(calls) == 3
    made.unlink()
    a.selection = {"x": 0.0}
    assert b.selection["x"] == 3.0


def test_link_on_other_names_and_chains() -> None:
    a, b, c = (
        Pointer(grid(5), y=1.0, x=2.0),
        Pointer(grid(5, ("row", "col")), row=0.0, col=0.0),
        Pointer(grid(5), y=0, x=0),
    )
    link(a, b, on={"y": "row"})
    link(b, c, on={"row": "y"})
    a.selection = {"y": 3.0}
    assert (b.selection["row"], c.selection["y"], c.selection["x"]) == (3.0, 3.0, 0)
    c.selection = {"y": 2.0}
    assert a.selection["y"] == 2.0


def test_link_to_a_smaller_map_says_so_and_does_not_break() -> None:
    a, b = Pointer(grid(9), y=1.0, x=1.0), Pointer(grid(3), y=0.0, x=0.0)
    link(a, b)
    a.selection = {"y": 8.0}
    assert b.selection["y"] == 1.0
    assert "outside" in b.message.value


def test_link_refuses_what_cannot_be_linked() -> None:
    a, b = Pointer(grid(3), y=0, x=0), Pointer(grid(3, ("r", "c")), r=0, c=0)
    with pytest.raises(ParameterError, match="two different"):
        link(a, a)
    with pytest.raises(ParameterError, match="name in the first"):
        link(a, b)
    with pytest.raises(ParameterError, match="cannot link on 'atom'"):
        link(a, b, on="atom")


def test_two_threads_on_linked_widgets_do_not_wait_for_each_other() -> None:
    a, b = Pointer(grid(50), y=1.0, x=1.0), Pointer(grid(50), y=1.0, x=1.0)
    link(a, b)

    def move(w: Pointer, dim: str) -> None:
        for i in range(50):
            with w.lock:
                w.selection = {dim: float(i)}

    threads = [threading.Thread(target=move, args=args, daemon=True) for args in ((a, "y"), (b, "x"))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
        assert not t.is_alive(), "deadlock"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.0, "9.0 s"), (42.4, "42 s"), (125, "2 min 05 s"), (7300, "2 h 01 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
