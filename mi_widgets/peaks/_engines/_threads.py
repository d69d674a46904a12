"""Threads of a fit: shares of a block side by side, with BLAS kept to one thread while they run."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import TracebackType
from typing import Any, TypeVar

import threadpoolctl

T = TypeVar("T")


@cache
def n_threads() -> int:
    """Threads used by a fit: those this process may run on, or the environment variable MI_WIDGETS_THREADS."""
    given = os.environ.get("MI_WIDGETS_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=n_threads(), thread_name_prefix="mi_widgets-fit")


class _SerialBlas:
    """Keeps BLAS to one thread while any fit runs: its own threads would wait, busily, for cores that are taken."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._limit: Any = None
        self._controller: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._controller = self._controller or threadpoolctl.ThreadpoolController()
                self._limit = self._controller.limit(limits=1, user_api="blas")
                self._limit.__enter__()
            self._users += 1

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limit.__exit__(kind, value, trace)


serial_blas = _SerialBlas()


def side_by_side(work: Callable[[T], Any], shares: Sequence[T]) -> None:
    """Call `work` on every share, in as many threads as there are cores; a single share stays in this thread."""
    with serial_blas:
        if len(shares) == 1 or n_threads() == 1:
            for share in shares:
                work(share)
        else:
            list(_pool().map(work, shares))
