"""Long work as a generator of finished parts, so that it can be shown, stopped and kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Part", "Progress", "block_size", "collect"]

#: What `collect` and every ``progress=`` argument accept: called with each part.
Progress = Callable[["Part"], None]


@dataclass(frozen=True)
class Part:
    """One finished part of a long run.

    Attributes
    ----------
    done, total : int
        Units of work finished so far and in all (pixels, steps, frames).
    result : object
        Everything finished so far; what is missing is NaN with status ``not_run``. The last part holds the whole.
    index : object
        What is new in this part: flat pixel numbers, a step, a frame.
    message : str
        What is being done, for a progress bar.
    """

    done: int
    total: int
    result: Any
    index: Any = None
    message: str = ""


def collect(parts: Iterable[Part], progress: Progress | None = None) -> Any:
    """Run a generator of parts to its end and return the result of the last one.

    Parameters
    ----------
    parts : iterable of Part
        What an ``iter_*`` function gives.
    progress : callable, optional
        Called with each part as it arrives.

    Returns
    -------
    object
        ``result`` of the last part; None if there was none.

    Examples
    --------
    >>> collect(Part(i + 1, 3, result=i**2) for i in range(3))
    4
    """
    result = None
    for part in parts:
        result = part.result
        if progress is not None:
            progress(part)
    return result


def block_size(seconds_per_item: float, n_items: int, *, target: float = 0.3, least: int = 1) -> int:
    """Number of items that take about a given time: the length of one part.

    Parameters
    ----------
    seconds_per_item : float
        Measured time of one item; 0 or less means that all go into one part.
    n_items : int
        Number of items in all: the most that is returned.
    target : float
        Time that a part should take (s).
    least : int
        The least that is returned.

    Returns
    -------
    int
        Number of items.

    Examples
    --------
    >>> block_size(0.01, 4096)
    30
    """
    if seconds_per_item <= 0:
        return max(least, n_items)
    return int(min(max(least, target / seconds_per_item), max(least, n_items)))
