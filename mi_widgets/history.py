"""Where a result comes from: the global attributes of every Dataset that is made here."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mi_widgets import __version__

__all__ = ["origin"]


def origin(
    function: str,
    title: str,
    parameters: Mapping[str, Any],
    *,
    of: Any = None,
    source: str | None = None,
    references: Sequence[str] = (),
    default: Callable[[Any], Any] = str,
) -> dict[str, str]:
    """Global attributes of a result: title, source, history and references.

    Parameters
    ----------
    function : str
        Public name with its topic, such as ``"eos.fit_equation"``.
    title : str
        What the result is.
    parameters : mapping
        How the function was called.
    of : xarray.Dataset or xarray.DataArray, optional
        What the result was made of, whose ``source`` is kept.
    source : str, optional
        Where the data come from; by default that of `of`.
    references : sequence of str
        DOIs.
    default : callable
        Makes text of a parameter that JSON cannot write.

    Returns
    -------
    dict
        ``title``, ``history`` (JSON: function, version, parameters) and, where known, ``source``, ``references``.

    Examples
    --------
    >>> origin("eos.fit_equation", "fit", {"form": "vinet"}, source="synthetic")["source"]
    'synthetic'
    """
    history = {"function": f"mi_widgets.{function}", "version": __version__, "parameters": dict(parameters)}
    if source is None and of is not None:
        source = of.attrs.get("source")
    attrs = {"title": title, "history": json.dumps(history, default=default)}
    if source is not None:
        attrs["source"] = str(source)
    if references:
        attrs["references"] = "; ".join(references)
    return attrs
