"""The base of every widget: data in, parameters, one public call, a result, and the code that gives it again."""

import html
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

import ipywidgets as ipw
import traitlets

from mi_widgets.errors import MIWidgetsError, ParameterError
from mi_widgets.runs import Part
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._run import RunBar, Worker
from mi_widgets.widgets._snap import snap
from mi_widgets.widgets._warned import warned

__all__ = ["STATES", "Explorer", "snap"]

STATES = ("idle", "running", "done", "cancelled", "failed")
_log = logging.getLogger("mi_widgets")


class ByIdentity(traitlets.Any):
    """A trait whose change is seen by identity: two Datasets compare to a Dataset, which is no answer."""

    allow_none = False  # else None would pass without the checks of the widget

    def set(self, obj: Any, value: Any) -> None:
        value = self._validate(obj, value)
        old = obj._trait_values.get(self.name, self.default_value)
        obj._trait_values[self.name] = value
        if old is not value:
            obj._notify_trait(self.name, old, value)


class Explorer(ipw.VBox):
    """A widget over one computation; it can be displayed, nested, linked and driven by a script.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        What is explored; it is not modified.
    params : mapping, optional
        Parameters that differ from the defaults; JSON-able values.
    threaded : bool, default True
        Run long work in a thread beside the page; False runs it in the caller, for tests.

    Attributes
    ----------
    data : xarray.DataArray or xarray.Dataset
        What is explored; another array needs another widget.
    params : dict
        Parameters of the computation, JSON-able; set it whole, or with `set_params`.
    selection : dict
        What is pointed at, by label: ``{"y": 1.2, "x": 0.4}``; a list of labels stands for several.
    result : xarray.Dataset or None
        Identical to what the headless call gives; while a run goes on, what is finished of it.
    state : str
        ``idle``, ``running``, ``done``, ``cancelled`` or ``failed``.
    code : str
        Lines that give the result again without a widget, with the data under the name `data_name`; it changes
        together with the result, and without one it is the code of the present parameters.

    Notes
    -----
    A subclass gives `_parts` (the work), `_make_code`, `_check_params`, and draws in `_draw_result`.
    """

    data = ByIdentity(None)
    params: Any = traitlets.Dict()
    selection: Any = traitlets.Dict()
    result = ByIdentity(None, allow_none=True)
    state = traitlets.Enum(STATES, "idle")
    code = traitlets.Unicode("")

    #: Name of the data in `code`.
    data_name = "da"
    #: What a run counts, and the text of its button.
    unit, run_label, run_tooltip = "parts", "Run", "Start the computation"

    def __init__(self, data: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        self.lock = AppLock()
        self.worker = Worker(self.lock, self._part_arrived, self._run_ended, threaded=threaded)
        super().__init__()
        self.run_bar = RunBar(self.run_label, self.unit, self.run, self.cancel, self.run_tooltip)
        self.message = ipw.HTML("", placeholder="")
        self.message.add_class("mi-message-area")
        self.add_class("mi-explorer")
        self._error: Exception | None = None
        self._next_code = ""  # of the result that the run will give
        self._taking: Callable[[Part], None] = self._take
        self.data = data
        self.params = self._default_params() | dict(params or {})
        self.code = self._make_code()
        self.observe(self._params_trait_changed, "params")

    # ---- what a subclass gives -------------------------------------------------------------------------

    def _default_params(self) -> dict[str, Any]:
        return {}

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return checked parameters, or raise `ParameterError`."""
        return params

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        """The work, part by part, from a public ``iter_*`` function."""
        raise NotImplementedError

    def _make_code(self) -> str:
        """Lines that give the result from the data without a widget."""
        return ""

    def _draw_result(self) -> None:
        """Draw what is finished; called with the lock held."""

    # ---- running ---------------------------------------------------------------------------------------

    def run(self, wait: bool = False) -> None:
        """Start the computation with the present parameters; while one runs, do nothing.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        self._launch(self._parts, self._take, wait)

    def _launch(
        self, work: Callable[[dict[str, Any]], Iterator[Part]], take: Callable[[Part], None], wait: bool
    ) -> None:
        """Start any work with the present parameters in the one worker; `take` gets its parts."""
        with self.lock:
            if not self.worker.running:
                params = json.loads(json.dumps(self.params))
                self._error, self._taking = None, take
                self.clear_message()
                self._next_code = self._make_code()
                self.guard(setattr)(self, "state", "running")
                self.run_bar.started()
                self.worker.start(lambda: self._begin(work, params))
        if wait:
            self.worker.wait()
            if self._error is not None:
                raise self._error

    def _begin(self, work: Callable[[dict[str, Any]], Iterator[Part]], params: dict[str, Any]) -> Iterator[Part]:
        """Go through the parts and show what they warn of as it comes: what is found at the end as well."""
        parts: Iterator[Part] | None = None
        shown: list[str] = []
        while True:
            with warned() as texts:  # not around a yield: the filters belong to the process
                parts = iter(work(params)) if parts is None else parts
                part = next(parts, None)
            if texts:
                shown += texts
                self.show_warnings(shown)
            if part is None:
                return
            yield part

    def cancel(self) -> None:
        """Stop the running computation now and keep what is finished; without one, do nothing."""
        self.worker.cancel()

    def _part_arrived(self, part: Part) -> None:
        self.run_bar.show(part)
        self.guard(self._taking)(part)
        self.guard(self._draw_result)()

    def _run_ended(self, state: str, part: Part | None, error: Exception | None) -> None:
        self._error = error
        if part is not None:
            self.guard(self._taking)(part)
        self.run_bar.ended(state, part)
        self.guard(setattr)(self, "state", state)
        self.guard(self._draw_result)()
        if error is not None:
            self.show_error(error)

    def _take(self, part: Part) -> None:
        """Take over what is finished, and the code that gives it; observers of the user may raise."""
        try:
            self.code = self._next_code
        finally:
            self.result = part.result

    # ---- messages --------------------------------------------------------------------------------------

    def guard(self, callback: Callable[..., Any]) -> Callable[..., None]:
        """The same callback under the lock of the application, its errors shown in the widget."""

        @wraps(callback)
        def guarded(*args: Any, **kwargs: Any) -> None:
            try:
                with self.lock:
                    callback(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - an exception of a callback is seen nowhere else in JupyterLab
                self.show_error(error)

        return guarded

    def show_error(self, error: Exception) -> None:
        """Show the text of an error in the widget, escaped, and log it."""
        if isinstance(error, MIWidgetsError):
            _log.info("%s: %s", type(error).__name__, error)
            self.show_message(str(error), "error")
        else:
            _log.error("unexpected error in a widget", exc_info=error)
            self.show_message(f"{type(error).__name__}: {error}", "error")

    def show_message(self, text: str, kind: str = "info") -> None:
        """Show one line of text, escaped; `kind` is ``info``, ``warning`` or ``error``."""
        role = "alert" if kind == "error" else "status"
        self.message.value = f'<div class="mi-message mi-{html.escape(kind)}" role="{role}">{html.escape(text)}</div>'

    def show_warnings(self, texts: list[str]) -> None:
        """Show the texts of warnings, escaped; nothing happens where there are none."""
        if texts:
            self.guard(self.show_message)("\n".join(dict.fromkeys(texts)), "warning")

    def clear_message(self) -> None:
        """Remove the line of text."""
        self.message.value = ""

    def clear_error(self) -> None:
        """Remove the line of text if it is an error: what was refused has been put right."""
        if self.message.value.startswith('<div class="mi-message mi-error"'):
            self.clear_message()

    # ---- data, parameters and selection ----------------------------------------------------------------

    @traitlets.validate("data")
    def _data_valid(self, proposal: Any) -> Any:
        new = proposal["value"]
        if self.data is not None and new is not self.data:  # labels, figures and fields are made for these data
            name = type(self).__name__
            raise ParameterError(f"the data of a {name} cannot be replaced. Make a new one: {name}(other_data).")
        return new

    def set_params(self, **changes: Any) -> None:
        """Change some parameters and leave the others.

        Raises
        ------
        ParameterError
            A name is unknown or a value is out of range.
        """
        self.params = self.params | changes

    @traitlets.validate("params")
    def _params_valid(self, proposal: Any) -> dict[str, Any]:
        params = dict(proposal["value"])
        known = self._default_params()
        unknown = [name for name in params if name not in known]
        if unknown and known:
            raise ParameterError(f"unknown parameter {unknown[0]!r}; there are {', '.join(known)}.")
        try:
            params = json.loads(json.dumps(known | params))
        except (TypeError, ValueError) as error:
            raise ParameterError(f"params must hold numbers, text, lists and None only (JSON): {error}.") from None
        return self._check_params(params)

    def _params_trait_changed(self, _change: Any) -> None:
        if self.result is None:
            self.code = self._make_code()

    def close(self) -> None:
        """Stop what runs and remove the widget and all its parts from every page."""
        worker = getattr(self, "worker", None)  # close is also called for a widget whose making failed
        if worker is not None:
            worker.cancel()
        spare = [part for part in (getattr(self, "run_bar", None), getattr(self, "message", None)) if part is not None]
        for widget in {w: None for part in (self, *spare) for w in _tree(part)}:  # a subclass may not show these two
            for part in (getattr(widget, "layout", None), getattr(widget, "style", None)):
                if isinstance(part, ipw.Widget):
                    part.close()
            if widget is not self:
                widget.close()
        super().close()


def _tree(widget: ipw.Widget) -> Iterator[ipw.Widget]:
    for child in getattr(widget, "children", ()):
        yield from _tree(child)
    yield widget
