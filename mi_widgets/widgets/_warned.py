"""Warnings of one thread as texts, so that they can be shown in the page instead of the log."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mi_widgets.errors import MIWidgetsWarning

__all__ = ["warned"]


@contextmanager
def warned() -> Iterator[list[str]]:
    """Collect the texts of what this thread warns of within the block.

    Yields
    ------
    list of str
        Filled as the warnings come.

    Notes
    -----
    Filters of warnings belong to the process. Another thread that saves and restores them meanwhile may leave ours in
    place; so what is installed here hands on whatever it does not collect, and everything after the block.
    """
    texts: list[str] = []
    here, collecting, before = threading.get_ident(), True, warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *args: Any, **kwargs: Any) -> None:
        if collecting and threading.get_ident() == here:
            texts.append(str(message))
        else:
            before(message, category, *args, **kwargs)

    with warnings.catch_warnings():
        warnings.simplefilter("always", MIWidgetsWarning)
        warnings.showwarning = show
        try:
            yield texts
        finally:
            collecting = False
