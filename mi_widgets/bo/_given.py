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
    "check_pool",
    "describe",
    "describe_objects",
    "of_labels",
    "plain_options",
    "recall_arrays",
    "recall_objects",
    "sums_of_features",
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


def sums_of_features(frame: pd.DataFrame) -> dict[str, Any]:
    """Two sums of each column, by which a pool is known that is too long for a journal."""
    weight = np.cos(np.arange(len(frame)))
    found: dict[str, Any] = {}
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column):
            x = column.to_numpy(dtype=float)
            scale = float(np.abs(x).max()) or 1.0  # the sums of the largest numbers too are numbers
            found[str(name)] = [scale, float((x / scale).sum()), float((x / scale) @ weight)]
        else:
            found[str(name)] = hashlib.sha256("\n".join(map(str, column)).encode()).hexdigest()
    return found


def check_pool(header: Mapping[str, Any], frame: pd.DataFrame, labels: list[Any], path: str) -> None:
    """Raise where a pool is not the one that the campaign was begun with: it may be longer, and nothing else."""
    remedy = "Give the X of that campaign, which may have more candidates, or begin another journal."
    if "labels" not in header:
        kept = header.get("sums")
        if kept is not None and len(frame) == header["n_candidates"]:
            now = sums_of_features(frame)
            other = [k for k in kept if k not in now or not _same_sums(kept[k], now[k], len(frame))]
            if other or len(now) != len(kept):
                raise DataError(f"{path}: the pool was changed between runs, in {', '.join(other or now)}. {remedy}")
        return
    place = {label: k for k, label in enumerate(labels)}
    gone = [label for label in header["labels"] if label not in place]
    if gone:
        raise DataError(
            f"{path}: the pool was changed between runs: {len(gone)} of its {header['n_candidates']} candidates are "
            f"not in X, the first {gone[0]!r}. {remedy}"
        )
    if list(header["features"]) != list(frame.columns):
        raise DataError(
            f"{path}: the pool was changed between runs: its features were {', '.join(header['features'])}; in X they "
            f"are {', '.join(frame.columns)}. {remedy}"
        )
    known = frame.iloc[[place[label] for label in header["labels"]]]
    for name, before in header["features"].items():
        column = known[name]
        if pd.api.types.is_numeric_dtype(column) and not any(isinstance(v, str) for v in before):
            same = np.isclose(column.to_numpy(dtype=float), np.asarray(before, dtype=float), rtol=1e-9, atol=0)
        else:
            same = np.array([a == b for a, b in zip(column.tolist(), before, strict=True)])
        if not same.all():
            k = int(np.argmin(same))
            raise DataError(
                f"{path}: the pool was changed between runs: candidate {header['labels'][k]!r} had {name} = "
                f"{before[k]!r} and has {column.tolist()[k]!r} in X. {remedy}"
            )


def _same_sums(before: Any, now: Any, n: int) -> bool:
    if isinstance(before, str) or isinstance(now, str):
        return bool(before == now)
    return bool(np.allclose(before[0], now[0], rtol=1e-9, atol=0) and np.allclose(before[1:], now[1:], atol=1e-9 * n))


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
