"""Where trials come from: known outcomes, runs that ask and tell by themselves, journals."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.runs import Part
from mi_widgets.widgets._bo_steps import Step

if TYPE_CHECKING:
    from mi_widgets.widgets._bo_base import SearchBase

__all__ = ["iter_trials", "known_values", "open_campaign"]

#: Which explorer holds a journal: a cell that is run again takes it over.
_HOLDERS: WeakValueDictionary[str, Any] = WeakValueDictionary()


def known_values(values: Any, labels: Sequence[Any]) -> tuple[pd.Series | None, Callable[[Any], Any] | None]:
    """Known outcomes by label, and what gives the outcome of a label."""
    if values is None or callable(values):
        return None, values
    if isinstance(values, xr.DataArray):
        values = values.to_series() if values.ndim == 1 and "candidate" in values.coords else values.values
    if isinstance(values, pd.Series):
        series = values.reindex(labels)
    else:
        found = np.asarray(values)
        if found.shape != (len(labels),):
            raise DataError(
                f"SearchExplorer: values needs one number for each of {len(labels):,} candidates; got {found.shape}. "
                "Give an array in the order of the pool, a Series by label, or a function of the label."
            )
        series = pd.Series(found, index=list(labels))
    if series.dtype.kind not in "biuf" or not np.isfinite(series.to_numpy(dtype=float)).any():
        raise DataError("SearchExplorer: none of the values belongs to a candidate of the pool. Check their labels.")
    series = series.astype(float)
    return series, lambda label: float(series[label])


def iter_trials(
    app: "SearchBase", params: Mapping[str, Any], stop: threading.Event, labels: Sequence[Any] | None
) -> Iterator[Part]:
    """Ask, measure and tell, or measure and tell some; the lock is held but for measuring, which may be slow."""
    n = params["n_trials"] if labels is None else len(labels)
    search, rule = app.search, params["acquisition"]
    options = {} if rule is None else {"acquisition": rule}
    for k in range(n):
        with app.lock:
            if stop.is_set():
                return
            try:
                [label] = search.ask(**options) if labels is None else [labels[k]]
            except DataError:
                if k:
                    yield Part(k, k, k, message="all candidates are told")
                    return
                raise
        value = app.measure(label)  # type: ignore[misc]
        with app.lock:
            if stop.is_set():
                return
            if np.isfinite(np.asarray(value, dtype=float)).all():
                step = Step(f"{label} = {value}", (("tell", (label, value), {}),), (("retract", (label,), {}),))
            else:  # nothing is known of it
                step = Step(f"exclude {label}", (("exclude", ([label],), {}),), (("include", ([label],), {}),))
            app.steps.do(search, step)
        yield Part(k + 1, n, k + 1)


def open_campaign(app: "SearchBase", path: Any, data: Any, options: Mapping[str, Any]) -> Any:
    """Open a journal; an explorer of this process that holds it lets it go: its cell was run again."""
    from mi_widgets import bo

    key = os.path.realpath(os.fspath(path))
    before = _HOLDERS.get(key)
    if before is not None:
        with before.lock:
            before.cancel()
            before.branches["campaign"].close()
            before.show_message("This campaign was opened again in another cell; go on there.", "warning")
    search = bo.Search.open(path, data, **options)
    _HOLDERS[key] = app
    return search
