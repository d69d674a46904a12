"""One BLAS thread for small matrices: on a busy machine, threads that wait for each other cost more than they gain."""

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["one_thread"]

Function = TypeVar("Function", bound=Callable[..., Any])


class _Limit:
    """Held as long as anyone is inside; the former numbers come back with the last to leave."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._controller: Any = None
        self._held: Any = None

    def __enter__(self) -> None:
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                if self._controller is None:
                    import threadpoolctl

                    self._controller = threadpoolctl.ThreadpoolController().select(user_api="blas")
                _let_any_thread_limit()
                self._held = self._controller.limit(limits=1)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                _let_any_thread_limit()  # who leaves last need not be who came first
                self._held.restore_original_limits()
                _let_any_thread_limit()


def _let_any_thread_limit() -> None:
    """From 3.8 on threadpoolctl obeys only the thread that limited first, silently: that of a page, not its worker."""
    import threadpoolctl

    controller = getattr(threadpoolctl, "OpenBLASController", None)
    clear = getattr(controller, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


_LIMIT = _Limit()


def one_thread(function: Function) -> Function:
    """Have a function run with one BLAS thread.

    Parameters
    ----------
    function : callable
        Any function; it may be used as a decorator.

    Returns
    -------
    callable
        The same function, during whose calls BLAS uses one thread; the former number comes back afterwards.

    Examples
    --------
    >>> import numpy as np
    >>> product = one_thread(np.dot)
    >>> float(product(np.ones(3), np.ones(3)))
    3.0
    """

    @functools.wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:
        with _LIMIT:
            return function(*args, **kwargs)

    return limited  # type: ignore[return-value]
