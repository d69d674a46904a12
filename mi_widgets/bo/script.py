"""The lines that make a search again."""

import inspect
from collections import Counter
from typing import Any

from mi_widgets.bo.search import Search

__all__ = ["search_script"]

_TOO_LARGE = ("cost", "mask", "regressor")


def search_script(search: Search, data: str = "X") -> str:
    """Lines of Python that make a search again, with all that was told.

    Parameters
    ----------
    search : Search
        Any; of one that is kept in a journal the lines read that.
    data : str
        Name of the candidates in the lines.

    Returns
    -------
    str
        They begin with imports, and call the search ``search``. Costs, a mask, a regressor and functions do not fit
        into a line: they stand there by their names.

    Examples
    --------
    >>> print(search_script(Search({"x": [0, 1, 2]}, seed=1).tell(0, 0.5).tell(2, 0.25)))
    from mi_widgets import bo
    <BLANKLINE>
    # X = ...   <- put your candidates here
    search = bo.Search(X, seed=1)
    for candidate, value in [
        (0, 0.5),
        (2, 0.25),
    ]:
        search.tell(candidate, value)
    """
    head = ["from mi_widgets import bo", "", f"# {data} = ...   <- put your candidates here"]
    if search.journal is not None:
        more = "".join(f", {name}={name}" for name in _TOO_LARGE if search._given.get(name) is not None)  # noqa: SLF001
        note = "  # bo.Search.open to go on with it"
        return "\n".join([*head, f"search = bo.Search.read({str(search.journal)!r}, {data}{more}){note}"])
    return "\n".join([*head, f"search = bo.Search({data}{_options(search)})", *_told(search)])


def _options(search: Search) -> str:
    out = ""
    parameters = inspect.signature(Search.__init__).parameters
    given = search._given | {"seed": search.seed}  # noqa: SLF001
    for name, parameter in parameters.items():
        if name not in given or _same(given[name], parameter.default):
            continue
        value = given[name]
        out += f", {name}={name if name in _TOO_LARGE or callable(value) else repr(_plain(value))}"
    return out


def _same(value: Any, default: Any) -> bool:
    try:
        return bool(value == default) or (default == () and len(value) == 0)
    except (TypeError, ValueError):  # arrays
        return False


def _plain(value: Any) -> Any:
    """The same value out of Python's own types, as it is written in a line."""
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _told(search: Search) -> list[str]:
    lines: list[str] = []
    pairs: list[str] = []
    told: Counter[Any] = Counter()
    pending: set[Any] = set()

    def flush() -> None:
        if pairs:
            lines.extend(["for candidate, value in [", *(f"    {pair}," for pair in pairs), "]:"])
            lines.append("    search.tell(candidate, value)")
            pairs.clear()

    for event in search._events:  # noqa: SLF001
        rows = event.get("rows", [])
        if event["event"] == "tell" and len(rows) == 1 and rows[0][1] is not None and rows[0][2] is None:
            label, values, _ = rows[0]
            if not told[label]:
                pairs.append(repr((label, values[0] if len(values) == 1 else values)))
                told[label] += 1
                pending.discard(label)
                continue
        flush()
        lines.append(_line(event, {label for label, n in told.items() if n}))
        _follow(event, told, pending)
    flush()
    return lines


def _follow(event: dict[str, Any], told: Counter[Any], pending: set[Any]) -> None:
    """Count what was told, as a search does: what is pending is retracted first."""
    kind = event["event"]
    if kind == "tell":
        labels = [row[0] for row in event["rows"]]
        told.update(labels)
        pending.difference_update(labels)
    elif kind == "pending":
        pending.update(event["labels"])
    elif kind == "retract":
        label = event["label"]
        if label in pending:
            pending.discard(label)
        else:
            told[label] -= 1


def _line(event: dict[str, Any], told: set[Any]) -> str:
    kind, rows = event["event"], event.get("rows", [])
    if kind == "retract":
        return f"search.retract({event['label']!r})"
    if kind in ("exclude", "include", "pending"):
        return f"search.{'tell_pending' if kind == 'pending' else kind}({event['labels']!r})"
    labels, values = [row[0] for row in rows], [row[1] for row in rows]
    several = values[0] is not None and len(values[0]) > 1
    plain = [v if several or v is None else v[0] for v in values]
    noise = [row[2] for row in rows]
    if kind == "correct":
        more = f", noise={noise[0]!r}" if noise[0] is not None else ""
        return f"search.correct({labels[0]!r}, {plain[0]!r}{more})"
    more = f", noise={noise!r}" if noise[0] is not None else ""
    more += ", repeat=True" if told & set(labels) or len(set(labels)) < len(labels) else ""
    if values[0] is None:
        return f"search.tell({labels!r}, None, feasible=False{more})"
    return f"search.tell({labels!r}, {plain!r}{more})"
