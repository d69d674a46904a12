"""Long work in one thread beside the page, and the row of buttons that starts, shows and stops it."""

import html
import logging
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import ipywidgets as ipw
import xarray as xr

from mi_widgets.runs import Part
from mi_widgets.widgets._lock import AppLock

__all__ = ["RunBar", "Worker", "duration", "status_counts"]

_log = logging.getLogger("mi_widgets")
_DRAW_EVERY = 0.1  # seconds; a page cannot use more


class _Job:
    def __init__(self, make: Callable[[], Iterator[Part]]) -> None:
        self.make = make
        self.cancelled = threading.Event()
        self.thread: threading.Thread | None = None
        self.error: Exception | None = None
        self.part: Part | None = None


class Worker:
    """Runs one job at a time, part by part, and can be told to stop between two parts.

    Parameters
    ----------
    lock : AppLock
        Held whenever one of the callbacks runs.
    on_part : callable
        Called with finished parts, at most ten times a second; `on_end` gets the last one.
    on_end : callable
        Called once for each job with ``"done"``, ``"cancelled"`` or ``"failed"``, the last part or None, and the
        exception or None.
    threaded : bool, default True
        False runs the job in the calling thread, for tests.
    """

    def __init__(
        self,
        lock: AppLock,
        on_part: Callable[[Part], None],
        on_end: Callable[[str, Part | None, Exception | None], None],
        *,
        threaded: bool = True,
    ) -> None:
        self._lock, self._on_part, self._on_end, self.threaded = lock, on_part, on_end, threaded
        self._job: _Job | None = None
        self._last_thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """True between the start of a job and its end or cancellation."""
        return self._job is not None

    def start(self, make: Callable[[], Iterator[Part]]) -> bool:
        """Start ``make()`` and go through its parts; False, and nothing happens, while another job runs."""
        with self._lock:
            if self._job is not None:
                return False
            job = self._job = _Job(make)
            if self.threaded:
                before = self._last_thread
                job.thread = threading.Thread(target=self._work, args=(job, before), name="mi_widgets", daemon=True)
                self._last_thread = job.thread
                job.thread.start()
        if not self.threaded:
            self._work(job, None)
        return True

    def cancel(self) -> bool:
        """End the running job now; the part that is being computed is dropped, what was finished is kept."""
        job = self._job
        if job is None:
            return False
        job.cancelled.set()  # before the lock: the worker may hold it to draw
        with self._lock:
            if self._job is not job:
                return False
            self._job = None
            self._on_end("cancelled", job.part, None)
            return True

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the running job has ended. Do not call it while holding the lock."""
        thread = self._last_thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _work(self, job: _Job, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # a cancelled job may still be busy with its last part: one job computes at a time
        state, drawn = "done", 0.0
        try:
            for part in job.make() if not job.cancelled.is_set() else ():
                with self._lock:
                    if job.cancelled.is_set():
                        return
                    job.part = part
                    if monotonic() - drawn >= _DRAW_EVERY:  # the last one is drawn when the job ends
                        self._on_part(part)
                        drawn = monotonic()
        except Exception as error:  # noqa: BLE001 - the text goes to the page; a thread has nobody else to tell
            _log.debug("a run failed", exc_info=True)
            job.error, state = error, "failed"
        with self._lock:
            if self._job is not job:
                return
            self._job = None
            self._on_end(state, job.part, job.error)


class RunBar(ipw.HBox):
    """Run and Cancel buttons with progress, rate and remaining time.

    Parameters
    ----------
    label : str
        Text of the button that starts the run.
    unit : str
        What is counted, such as ``"pixels"``.
    on_run, on_cancel : callable
        Called without arguments by the buttons.
    tooltip : str
        What the run does, in one sentence.
    """

    def __init__(
        self, label: str, unit: str, on_run: Callable[[], Any], on_cancel: Callable[[], Any], tooltip: str = ""
    ) -> None:
        self.unit = unit
        self._began = monotonic()
        self.run_button = ipw.Button(description=label, button_style="primary", tooltip=tooltip)
        self.cancel_button = ipw.Button(
            description="Cancel", disabled=True, tooltip="Stop now and keep what is finished"
        )
        self.bar = ipw.FloatProgress(min=0, max=1, value=0, layout={"width": "160px", "visibility": "hidden"})
        self.text = ipw.HTML("", placeholder="")
        self.run_button.on_click(lambda _: on_run())
        self.cancel_button.on_click(lambda _: on_cancel())
        self.run_button.add_class("mi-run")
        self.cancel_button.add_class("mi-cancel")
        self.text.add_class("mi-progress")
        super().__init__([self.run_button, self.cancel_button, self.bar, self.text])
        self.add_class("mi-runbar")

    def started(self) -> None:
        """Show that the work has begun."""
        self._began = monotonic()
        self.run_button.disabled, self.cancel_button.disabled = True, False
        self.bar.value, self.bar.bar_style, self.bar.layout.visibility = 0.0, "", "visible"
        self.text.value = "starting …"

    def show(self, part: Part) -> None:
        """Show how far the work is."""
        seconds = max(monotonic() - self._began, 1e-6)
        rate = part.done / seconds
        self.bar.value = part.done / part.total if part.total else 1.0
        left = f" · {duration((part.total - part.done) / rate)} left" if rate > 0 and part.done < part.total else ""
        self.text.value = f"{part.done:,} of {part.total:,} {self.unit} · {_rate(rate)}/s{left}"

    def ended(self, state: str, part: Part | None) -> None:
        """Show how it ended: ``"done"``, ``"cancelled"`` or ``"failed"``."""
        self.run_button.disabled, self.cancel_button.disabled = False, True
        if state == "done":
            self.bar.value = 1.0  # parts that came quickly one after the other are not all shown
        self.bar.bar_style = {"done": "success", "cancelled": "warning", "failed": "danger"}[state]
        seconds = monotonic() - self._began
        done, total = (part.done, part.total) if part else (0, 0)
        self.text.value = {
            "done": f"{done:,} {self.unit} in {duration(seconds)} · {_rate(done / max(seconds, 1e-6))}/s",
            "cancelled": f"cancelled · kept {done:,} of {total:,} {self.unit}" if part else "cancelled · nothing yet",
            "failed": f"failed after {done:,} {self.unit}",
        }[state] + (status_counts(part.result) if part else "")

    def restore(self, text: str) -> None:
        """Say what was said of an earlier run; there is no progress to show."""
        self.bar.value, self.bar.bar_style, self.bar.layout.visibility = 0.0, "", "hidden"
        self.text.value = text


def status_counts(result: Any) -> str:
    """What became of the points of a result: ``" · 3,901 ok, 195 at bound"``; empty without a flagged ``status``."""
    flags = result["status"] if isinstance(result, xr.Dataset) and "status" in result else None
    if flags is None or "flag_meanings" not in flags.attrs:
        return ""
    names = str(flags.attrs["flag_meanings"]).split()
    counts = {name: int((flags == value).sum()) for value, name in zip(flags.attrs["flag_values"], names, strict=True)}
    shown = [f"{n:,} {html.escape(name.replace('_', ' '))}" for name, n in counts.items() if n and name != "not_run"]
    return f" · {', '.join(shown)}" if shown else ""


def duration(seconds: float) -> str:
    """Short text of a time: ``"0.4 s"``, ``"12 s"``, ``"3 min 05 s"``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
