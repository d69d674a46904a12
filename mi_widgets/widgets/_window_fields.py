"""Fields for the window on the spectral axis: its intensity is mapped, it becomes the fit range, or is left out."""

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from mi_widgets.errors import ParameterError
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._fields import Quiet, field, fill, pair, read

__all__ = ["WindowFields"]


class WindowFields(ipw.HBox):
    """Two fields and some buttons for the window whose intensity the map shows.

    Parameters
    ----------
    units : str
        Unit of the spectral axis.
    on_window : callable
        Called with ``(low, high)`` or None for the whole axis.
    on_use : callable
        Called without arguments to take the window as fit range.
    on_leave_out : callable
        Called with True to leave the window out of the fit, with False to take all channels again.
    on_error : callable
        Called with a `ParameterError` when a field holds no number.
    """

    def __init__(
        self,
        units: str,
        *,
        on_window: Callable[[tuple[float, float] | None], None],
        on_use: Callable[[], None],
        on_leave_out: Callable[[bool], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._on_window, self._on_error, self._quiet = on_window, on_error, Quiet()
        self._shown: tuple[float, float] | None = None
        self.ends = pair(f"Window on the spectrum ({units}): drag it on the spectrum or type it; the map shows "
                         "its intensity", "64px")  # fmt: skip
        self.whole = _button("whole", "Intensity of the whole axis")
        self.use = _button("fit here", "Take this window as the range that is fitted")
        self.leave = _button("leave out", "Leave the channels in this window out of the fit; several windows add up")
        self.all = _button("clear", "Fit all channels again: nothing is left out")
        self.whole.on_click(lambda _: on_window(None))
        self.use.on_click(lambda _: on_use())
        self.leave.on_click(lambda _: on_leave_out(True))
        self.all.on_click(lambda _: on_leave_out(False))
        for end in self.ends:
            end.observe(self._changed, "value")
        caption = f"window ({html.escape(nice_unit(units))})"
        super().__init__([field(caption, *self.ends, self.whole, self.use, self.leave, self.all)])
        self.show(None)
        self.show_mask(None)

    def show(self, window: tuple[float, float] | None) -> None:
        """Show a window, or the whole axis."""
        self._shown = window
        with self._quiet:
            fill(self.ends, window)
            self.use.disabled = self.whole.disabled = self.leave.disabled = window is None

    def show_mask(self, mask: list[list[float]] | None) -> None:
        """Say how many windows are left out."""
        self.all.disabled = not mask
        self.all.description = f"clear {len(mask)}" if mask else "clear"

    def _changed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            low, high = read(self.ends, "window")
            if low is None or high is None:
                return  # the other end is still to be typed
            self._on_window((min(low, high), max(low, high)))
        except ParameterError as error:
            self._on_error(error)
        self.show(self._shown)  # also where what was typed is refused


def _button(text: str, tip: str) -> ipw.Button:
    return ipw.Button(description=text, tooltip=tip, layout={"width": "auto"})
