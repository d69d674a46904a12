"""A campaign step by step: what the search believed then, what it suggested, and what was told in fact."""

import html
import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as ipw
import numpy as np
import traitlets
import xarray as xr

from mi_widgets.bo import Search
from mi_widgets.errors import ParameterError
from mi_widgets.plots._bo_marks import choose_axes
from mi_widgets.plots._bo_overlay import belief_picture
from mi_widgets.plots._style import color_limits, nice_unit
from mi_widgets.runs import Part
from mi_widgets.widgets._bo_past import Moment, Past
from mi_widgets.widgets._bo_pictures import SteadyView
from mi_widgets.widgets._fields import Quiet
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._run import Worker

__all__ = ["ReplayPlayer"]

_FIELDS = {"expected value": "mean", "standard deviation": "stderr", "acquisition": "acquisition"}
_NARROW = {"width": "auto"}


class ReplayPlayer(ipw.VBox):
    """Step through the trials of a search; it can be displayed alone, or be a part of an explorer.

    The slider, the buttons and, with the focus on the slider, the arrow keys choose the step. *Play* goes through the
    steps; *Branch from here* hands the search as it was then to `on_branch`.

    Parameters
    ----------
    search : mi_widgets.bo.Search
        It is only looked at.
    lock : AppLock, optional
        Lock of the application.
    x, y : str, optional
        Features on the axes; by default the first two that differ; curves where there is one.
    on_branch : callable, optional
        Called with a copy of the search at the step that is shown.
    on_error : callable, optional
        Called with what a callback raised.
    threaded : bool, default True
        Compute in a thread beside the page.

    Attributes
    ----------
    step : int
        0 before anything was told, then one more for each time something was told; setting it draws.
    field : str
        ``"mean"``, ``"stderr"`` or ``"acquisition"``.
    moment : Moment or None
        What is shown: ``belief``, ``suggested``, ``next`` (labels and values told then), ``best``, ``n_told``.

    Examples
    --------
    >>> search = Search({"x": range(30)}, seed=0).tell(3, 1.0).tell(20, 0.2).tell(8, 0.6)
    >>> player = ReplayPlayer(search, threaded=False)
    >>> player.step = 2
    >>> player.moment.next
    [(8, 0.6)]
    """

    step = traitlets.Int(0)
    field = traitlets.Enum(tuple(_FIELDS.values()), "mean")

    def __init__(
        self,
        search: Search,
        *,
        lock: AppLock | None = None,
        x: str | None = None,
        y: str | None = None,
        on_branch: Callable[[Search], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        threaded: bool = True,
    ) -> None:
        self.lock = lock or AppLock()
        self.worker = Worker(self.lock, self._part_arrived, self._ended, threaded=threaded)
        self._on_branch, self._on_error, self._quiet = on_branch, on_error, Quiet()
        self.moment: Moment | None = None
        self.search: Search
        self.past: Past
        self.slider: ipw.IntSlider
        self.play_button: ipw.Button
        self._told = (0.0, 0.0)
        super().__init__()
        self.message = ipw.HTML("", placeholder="")
        self._take(search, x, y)
        self._told = self._span()
        self.step = self.past.n_steps
        self._build()
        self.observe(self._moved_to, "step")
        self.observe(lambda _: self._draw(), "field")
        self._seek()

    # ---- what the application calls ------------------------------------------------------------------------------

    def renew(self) -> None:
        """Take over what was told since; the step stays, or follows where it was the last."""
        self.set_search(self.search)

    def set_search(self, search: Search) -> None:
        """Look at another search, such as a branch."""
        with self.lock:
            self.pause()
            last = self.step == self.past.n_steps
            if search is self.search or search._pool is self.search._pool:
                self.search = search
                self.past.renew(search)
            else:
                self._take(search, None, None)
            self._told = self._span()
            step = self.past.n_steps if last else min(self.step, self.past.n_steps)
            with self._quiet:
                self.slider.max = self.past.n_steps
                self.step = step
            self._seek()

    def axes(self, x: str | None, y: str | None = None) -> None:
        """Draw over other features; without `y` curves over `x`."""
        with self.lock:
            self._x, self._y = x, y
            self._draw()

    def play(self) -> None:
        """Go through the steps, from the beginning where the last one is shown."""
        with self.lock:
            self.pause()
            first = 0 if self.step >= self.past.n_steps else self.step
            self._playing = True
            self.play_button.description, self.play_button.icon = "Pause", "pause"
            self.worker.start(lambda: self._walk(first, self.past.n_steps, True))

    def pause(self) -> None:
        """Stay at the step that is shown."""
        if self.worker.running:
            self.worker.cancel()

    def go(self, by: int) -> None:
        """So many steps further, or back."""
        self.pause()
        self.step = min(max(self.step + by, 0), self.past.n_steps)

    def close(self) -> None:
        """Stop what runs and remove the parts."""
        worker = getattr(self, "worker", None)  # close is also called for one whose making failed
        if worker is not None:
            worker.cancel()
        for part in self.children:
            part.close()
        super().close()

    # ---- the parts -------------------------------------------------------------------------------------------------

    def _take(self, search: Search, x: str | None, y: str | None) -> None:
        self.search, self.past, self.pool = search, Past(search), search.pool
        first, second = choose_axes(self.pool, x, y)
        self._x, self._y = first, second
        self._goal = search._settings.goals[0]
        self._units = nice_unit(search._settings.units)

    def _build(self) -> None:
        self._playing = False
        self.slider = ipw.IntSlider(value=self.step, min=0, max=self.past.n_steps, description="step",
                                    layout={"width": "320px"}, tooltip="How many trials had been told")  # fmt: skip
        self.slider.observe(self._slider_moved, "value")
        self.play_button = self._button("Play", "Go through all trials", self._play_clicked, icon="play")
        self.back_button = self._button("", "One step back", lambda: self.go(-1), icon="step-backward")
        self.next_button = self._button("", "One step further", lambda: self.go(1), icon="step-forward")
        self.branch_button = self._button("Branch from here", "Go on from this step in another way: a copy, nothing "
                                          "is lost", self._branch, icon="code-fork")  # fmt: skip
        self.branch_button.layout.display = None if self._on_branch is not None else "none"
        self.speed = ipw.Dropdown(options=[("slow", 1.2), ("medium", 0.5), ("fast", 0.15)], value=0.5,
                                  layout={"width": "90px"}, tooltip="How long each step is shown")  # fmt: skip
        tips = ["What was expected of each candidate", "How unsure that was", "What suggestions were ranked by"]
        self.fields = ipw.ToggleButtons(options=list(_FIELDS), tooltips=tips)
        self.fields.add_class("mi-tabs")
        self.fields.observe(lambda c: setattr(self, "field", _FIELDS[c["new"]]), "value")
        self.text = ipw.HTML("", placeholder="")
        self.moment = self._empty_moment()
        self.view = SteadyView(self._picture(self.moment), lock=self.lock, on_error=self._on_error)
        above = ipw.HBox([self.back_button, self.play_button, self.next_button, self.slider, self.speed,
                          self.branch_button])  # fmt: skip
        above.add_class("mi-row")
        self.children = [above, self.fields, self.text, self.message, self.view]
        self.add_class("mi-explorer")

    def _button(self, text: str, tip: str, action: Callable[[], None], icon: str = "") -> ipw.Button:
        out = ipw.Button(description=text, tooltip=tip, icon=icon, layout=_NARROW)
        out.on_click(lambda _: self._guarded(action))
        return out

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            with self.lock:
                action()
        except Exception as error:  # noqa: BLE001 - an exception of a callback is seen nowhere else in JupyterLab
            self._say(error)

    def _say(self, error: Exception) -> None:
        if self._on_error is not None:
            self._on_error(error)
        else:
            text = html.escape(f"{type(error).__name__}: {error}")
            self.message.value = f'<div class="mi-message mi-error" role="alert">{text}</div>'

    # ---- steps -----------------------------------------------------------------------------------------------------

    @traitlets.validate("step")
    def _step_known(self, proposal: Any) -> int:
        step = int(proposal["value"])
        if not 0 <= step <= self.past.n_steps:
            raise ParameterError(f"there are steps 0 to {self.past.n_steps}; got {step}.")
        return step

    def _slider_moved(self, change: Any) -> None:
        if not self._quiet:
            self._guarded(lambda: setattr(self, "step", change["new"]))

    def _moved_to(self, _change: Any) -> None:
        if not self._quiet:
            self.pause()
            self._seek()

    def _seek(self) -> None:
        """Show the step: at once where it is kept, else as soon as the worker has come there."""
        with self._quiet:
            self.slider.value = self.step
        known = self.past.known(self.step)
        if known is not None:
            self._show(known)
            return
        self.text.value = '<span class="mi-progress" role="status">going back there …</span>'
        step = self.step
        self.pause()
        self.worker.start(lambda: self._walk(step, step, False))

    def _walk(self, first: int, last: int, slowly: bool) -> Iterator[Part]:
        """Steps from one to another; in the thread, without the lock."""
        for step in range(first, last + 1):
            began = time.monotonic()
            for passed in self.past.walk(step):
                if passed.step != step:
                    yield Part(passed.step, step, None, message="going back there")
            yield Part(step, last, passed.moment)
            if slowly and step < last:
                time.sleep(max(0.0, self.speed.value - (time.monotonic() - began)) if self.worker.threaded else 0.0)

    def _part_arrived(self, part: Part) -> None:
        if part.result is None:
            self.text.value = f'<span class="mi-progress" role="status">going back there: {part.done} …</span>'
            return
        with self._quiet:
            self.step = self.slider.value = part.done
        self._show(part.result)

    def _ended(self, _state: str, part: Part | None, error: Exception | None) -> None:
        self._playing = False
        self.play_button.description, self.play_button.icon = "Play", "play"
        if error is not None:
            self._say(error)
        elif part is not None and part.result is not None and _state == "done":
            self._part_arrived(part)

    def _play_clicked(self) -> None:
        if self._playing:
            self.pause()
        else:
            self.play()

    def _branch(self) -> None:
        if self._on_branch is not None:
            self.pause()
            last = self.step == self.past.n_steps  # with what was excluded since
            self._on_branch(self.search.branch(None if last else self.past.stops[self.step]))

    # ---- drawing ---------------------------------------------------------------------------------------------------

    def _show(self, moment: Moment) -> None:
        self.moment = moment
        self.text.value = f'<span role="status">{self._words(moment)}</span>'
        self.back_button.disabled, self.next_button.disabled = self.step == 0, self.step == self.past.n_steps
        self._draw()

    def _draw(self) -> None:
        if self.moment is not None:
            self.view.draw(self._picture(self.moment))

    def _picture(self, moment: Moment) -> Any:
        belief = _first(moment.belief)
        trials = None if moment.trials is None else _first(moment.trials)
        suggested = [] if moment.suggested is None else [moment.suggested]
        return belief_picture(self.pool, belief, trials=trials, x=self._x, y=self._y, field=self.field, goal=self._goal,
                              suggested=suggested, limits=self._colors(belief), every_mark=True)  # fmt: skip

    def _colors(self, belief: xr.Dataset) -> tuple[float, float] | None:
        """Expected values keep their colours over the campaign: from the lowest to the highest that was told in it."""
        if self.field == "stderr" and bool(belief["stderr"].notnull().any()):
            return 0.0, color_limits(belief["stderr"], (1.0, 99.0))[1]
        low, high = self._told
        return (low, high) if self.field == "mean" and high > low else None

    def _span(self) -> tuple[float, float]:
        """Lowest and highest value that was told."""
        if not self.search.n_told:
            return 0.0, 0.0
        value = _first(self.search.trials())["value"].values
        value = value[np.isfinite(value)]
        return (float(value.min()), float(value.max())) if value.size else (0.0, 0.0)

    def _empty_moment(self) -> Moment:
        n = self.pool.sizes["candidate"]
        names = {"mean": "expected value", "stderr": "standard deviation", "acquisition": "acquisition"}
        units = self.search._settings.units
        nothing = xr.full_like(self.pool["candidate"].reset_coords(drop=True), float("nan"), dtype=float)
        belief = xr.Dataset({k: nothing.assign_attrs(long_name=v, units=units) for k, v in names.items()})
        return Moment(0, 0, belief.assign(told=("candidate", [False] * n)), None, None, [], None)

    def _words(self, moment: Moment) -> str:
        unit = "" if self._units == "1" else f" {html.escape(self._units)}"
        belief = _first(moment.belief)
        said = [f"<b>After {moment.n_told} trial{'' if moment.n_told == 1 else 's'}</b>"]
        if moment.best is not None:
            said.append(f"best so far {_name(moment.best[0])}: {moment.best[1]:.5g}{unit}")
        if moment.suggested is not None:
            at = belief.sel(candidate=moment.suggested)
            mean, error = float(at["mean"]), float(at["stderr"])
            guess = f" (expected {mean:.4g} ± {error:.2g}{unit})" if mean == mean else " (at random)"
            said.append(f"suggested {_name(moment.suggested)}{guess}")
        if moment.next:
            told = ", ".join(f"{_name(label)} = {value:.5g}{unit}" for label, value in moment.next[:4])
            more = f" and {len(moment.next) - 4} more" if len(moment.next) > 4 else ""
            followed = any(label == moment.suggested for label, _ in moment.next)
            said.append(f"told then: {told}{more}{'' if followed or moment.suggested is None else ', another one'}")
        return " · ".join(said)


def _first(ds: xr.Dataset) -> xr.Dataset:
    return ds.isel(objective=0, drop=True) if "objective" in ds.dims else ds


def _name(label: Any) -> str:
    return html.escape(str(label))
