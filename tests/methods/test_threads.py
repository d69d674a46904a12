"""One BLAS thread in whichever thread the work is done."""

import threading

import numpy as np
import threadpoolctl

from mi_widgets.methods.threads import one_thread


def _blas() -> list[int]:
    return [info["num_threads"] for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"]


@one_thread
def _inside() -> list[int]:
    np.ones((4, 4)) @ np.ones((4, 4))
    return _blas()


def _in_a_thread() -> list[int]:
    found: list[list[int]] = []
    thread = threading.Thread(target=lambda: found.append(_inside()))
    thread.start()
    thread.join()
    return found[0]


def test_every_thread_is_limited_and_the_number_comes_back() -> None:
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        pass  # whoever limits first must not keep the others from it
    before = _blas()
    assert set(_inside()) == {1}
    assert _blas() == before
    assert set(_in_a_thread()) == {1}, "after this thread has limited"
    assert _blas() == before


def test_threads_may_overlap() -> None:
    before, entered, leave = _blas(), threading.Event(), threading.Event()

    @one_thread
    def stay() -> None:
        entered.set()
        leave.wait(10)

    thread = threading.Thread(target=stay)
    thread.start()
    entered.wait(10)
    assert set(_inside()) == {1}
    assert set(_blas()) == {1}, "the other one is still inside"
    leave.set()
    thread.join()
    assert _blas() == before
