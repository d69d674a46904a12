"""Link any two explorers by label, both ways."""

from collections.abc import Iterable, Mapping
from typing import Any

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.widgets._explorer import Explorer

__all__ = ["Link", "link"]


class Link:
    """What `link` gives; `unlink` ends it.

    Attributes
    ----------
    dims : dict of str to str
        Dimensions of the first explorer and what they are called in the second.
    """

    def __init__(self, a: Explorer, b: Explorer, dims: Mapping[str, str]) -> None:
        self.a, self.b, self.dims = a, b, dict(dims)
        self._back = {there: here for here, there in self.dims.items()}
        self._busy = False
        a.observe(self._from_a, "selection")
        b.observe(self._from_b, "selection")

    def unlink(self) -> None:
        """End the link; both explorers keep what they point at."""
        self.a.unobserve(self._from_a, "selection")
        self.b.unobserve(self._from_b, "selection")

    def _from_a(self, _change: Any) -> None:
        self._copy(self.a, self.b, self.dims)

    def _from_b(self, _change: Any) -> None:
        self._copy(self.b, self.a, self._back)

    def _copy(self, source: Explorer, target: Explorer, names: Mapping[str, str]) -> None:
        if self._busy:
            return
        wanted = {
            names[dim]: _alike(value, target.selection.get(names[dim]))
            for dim, value in source.selection.items()
            if dim in names and (value != [] or isinstance(target.selection.get(names[dim]), list))
        }
        if not wanted or all(target.selection.get(dim) == value for dim, value in wanted.items()):
            return
        self._busy = True
        try:
            with target.lock:
                target.selection = dict(target.selection) | wanted
        except LabelError as error:  # one map may be larger than the other
            target.show_message(f"The linked view points outside: {error}", "warning")
        finally:
            self._busy = False


def _alike(value: Any, now: Any) -> Any:
    """A label in place of a list of one, for an explorer that points at one thing at a time."""
    return value[0] if isinstance(value, list) and len(value) == 1 and not isinstance(now, list) else value


def link(a: Explorer, b: Explorer, on: str | Iterable[str] | Mapping[str, str] = "pixel") -> Link:
    """Make two explorers point at the same thing: what is pointed at in one is pointed at in the other.

    Parameters
    ----------
    a, b : Explorer
        Any two; the second takes over what the first points at.
    on : str, iterable of str, or mapping
        Dimensions that are shared: ``"atom"``, ``("y", "x")``, or ``{"y": "row", "x": "column"}`` where names
        differ; ``"pixel"`` means all dimensions that both can point at.

    Returns
    -------
    Link
        Keep it to call ``unlink()``.

    Raises
    ------
    ParameterError
        The two share no such dimension, or are one and the same.

    Notes
    -----
    Labels are matched, not positions; where the second has no such label, its nearest one within one step is taken,
    and further away a message is shown there.

    Examples
    --------
    >>> from mi_widgets.widgets import PeakMapper, link  # doctest: +SKIP
    >>> link(PeakMapper(before), PeakMapper(after))  # doctest: +SKIP
    """
    if a is b:
        raise ParameterError("link needs two different widgets; got the same one twice.")
    can_a, can_b = tuple(a.selection), tuple(b.selection)
    if on == "pixel":
        dims = {d: d for d in can_a if d in can_b}
    elif isinstance(on, Mapping):
        dims = dict(on)
    else:
        dims = {d: d for d in ((on,) if isinstance(on, str) else on)}
    if not dims or not all(here in can_a and there in can_b for here, there in dims.items()):
        raise ParameterError(
            f"cannot link on {on!r}: the first widget points at {can_a or 'nothing'}, the second at "
            f"{can_b or 'nothing'}. Write on={{'name in the first': 'name in the second'}}."
        )
    a.lock.share(b.lock)
    made = Link(a, b, dims)
    made._from_a(None)
    return made
