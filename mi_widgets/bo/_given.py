"""What a campaign was begun with, so that it goes on as the same search or is refused.

Plain options and, of pools that stand in the journal, cost and mask are written as JSON. A regressor and a function
cannot be (nothing is pickled, nothing in a file is ever run): a description of them is written, and they are asked for
and compared with it when the campaign is opened again.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mi_widgets.bo._pool import plain_label
from mi_widgets.errors import DataError, ParameterError

__all__ = [
    "check_arrays",
    "describe",
    "describe_objects",
    "of_labels",
    "plain_options",
    "recall_arrays",
    "recall_objects",
    "written_arrays",
]

#: One value for each candidate.
ARRAYS = ("cost", "mask")
#: Objects of Python.
OBJECTS = ("regressor", "acquisition")


def plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON holds them, without arrays and objects."""
    kept = {k: v for k, v in options.items() if k not in (*ARRAYS, "regressor") and not callable(v) and v is not None}
    try:
        return dict(json.loads(json.dumps(kept, default=lambda v: v.item() if hasattr(v, "item") else list(v))))
    except TypeError as error:
        raise ParameterError(f"an option cannot be written into a journal: {error}.") from None


def describe(value: Any) -> str:
    """A text that is the same for objects that do the same, as far as their parameters say."""
    if isinstance(value, np.ndarray):
        return f"array {value.shape} {_digest(value)}"
    if hasattr(value, "get_params") and not isinstance(value, type):  # before functions: kernels can be called as well
        inner = value.get_params(deep=False)
        named = ", ".join(f"{k}={describe(v)}" for k, v in sorted(inner.items()))
        return f"{type(value).__qualname__}({named})"
    if callable(value):
        return f"function {getattr(value, '__qualname__', type(value).__qualname__)}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def describe_objects(options: Mapping[str, Any]) -> dict[str, str]:
    """Of the options that are objects."""
    return {k: describe(options[k]) for k in OBJECTS if options.get(k) is not None and not isinstance(options[k], str)}


def recall_objects(written: Mapping[str, str] | None, options: Mapping[str, Any], path: str) -> None:
    """Raise where the objects of a campaign are not given again, or are others."""
    if written is None:  # an early journal, which says nothing of them
        return
    given = describe_objects(options)
    for name in OBJECTS:
        before, now = written.get(name), given.get(name)
        if before == now:
            continue
        if before is None:
            raise ParameterError(
                f"{path}: the campaign was begun without an own {name}. Leave {name}= out, or begin another journal."
            )
        if now is None:
            raise ParameterError(
                f"{path}: the campaign was begun with {name}={_short(before)}, which a journal cannot hold. Give it "
                f"again: Search.open(path, X, {name}=...)."
            )
        raise ParameterError(
            f"{path}: the campaign was begun with {name}={_short(before)}, not {_short(now)}. Give the one it was "
            "begun with, or begin another journal."
        )


def written_arrays(arrays: Mapping[str, np.ndarray | None], given: np.ndarray | None) -> dict[str, Any]:
    """Cost and mask, which come in the order of the labels, as a header holds them.

    `given` puts them into the order of a pool that stands in the header; without it, only a hash is kept.
    """
    return {
        name: {"sha256": _digest(values)} if given is None else {"values": values[given].tolist()}
        for name, values in arrays.items()
        if values is not None
    }


def recall_arrays(header: Mapping[str, Any], options: dict[str, Any], path: str) -> dict[str, Any]:
    """Options with the cost and mask of a journal, where they are not given."""
    options = dict(options)
    for name, kept in header.get("arrays", {}).items():
        if options.get(name) is not None:
            continue
        if "values" not in kept:
            raise ParameterError(
                f"{path}: the campaign was begun with {name}= for {header['n_candidates']} candidates, too many to "
                f"stand in the journal. Give it again: Search.open(path, X, {name}=...)."
            )
        options[name] = pd.Series(kept["values"], index=pd.Index(header["labels"], dtype=object))
    return options


def check_arrays(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray | None], labels: list[Any], path: str
) -> None:
    """Raise where cost or mask, in the order of the labels, are not those that the campaign was begun with."""
    if "arrays" not in header:  # an early journal
        return
    for name, values in arrays.items():
        kept = header["arrays"].get(name)
        if kept is None and values is None:
            continue
        if kept is None or values is None:
            raise ParameterError(
                f"{path}: the campaign was begun without {name}. Leave it out, or begin another journal."
            )
        if "values" in kept:
            now = dict(zip(labels, values.tolist(), strict=True))
            same = all(now.get(k, v) == v for k, v in zip(header["labels"], kept["values"], strict=True))
        else:  # of a longer pool it cannot be said
            same = len(labels) != header["n_candidates"] or _digest(values) == kept["sha256"]
        if not same:
            raise ParameterError(
                f"{path}: the campaign was begun with another {name}. Leave {name}= out if the pool stands in the "
                "journal, else give the same; to bar candidates from now on write search.exclude(candidates)."
            )


def of_labels(values: pd.Series, labels: list[Any], name: str) -> np.ndarray:
    """Values of a Series in the order of the labels."""
    values = values.set_axis(pd.Index([plain_label(label) for label in values.index], dtype=object))
    if values.index.has_duplicates:
        twice = values.index[values.index.duplicated()][0]
        raise DataError(f"Search: {name} has more than one value for candidate {twice!r}. Give one for each.")
    found = values.reindex(labels)
    known = pd.Index(labels).isin(values.index)
    if not known.all():
        first = labels[int(np.argmin(known))]
        raise DataError(
            f"Search: {name} has no value for {int((~known).sum())} of {len(labels)} candidates, the first {first!r}. "
            f"Give {name}=pd.Series(values, index=labels) with one for every candidate."
        )
    return np.asarray(found.to_numpy())


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _short(text: str) -> str:
    return text if len(text) < 300 else f"{text[:300]}…"
