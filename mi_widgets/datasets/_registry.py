"""What data there are: ``registry.toml`` beside the bundled files."""

import tomllib
from functools import cache
from typing import Any

import pandas as pd

from mi_widgets._share import share_path

__all__ = ["entry", "list_datasets", "registry"]


@cache
def registry() -> dict[str, dict[str, Any]]:
    """Entries by name: file, kind, sha256, size, units, source, licence, recipe, date; ``url`` for remote ones."""
    with (share_path("data") / "registry.toml").open("rb") as stream:
        return {item["name"]: item for item in tomllib.load(stream)["dataset"]}


def entry(name: str) -> dict[str, Any]:
    """One entry of the registry."""
    return registry()[name]


def list_datasets() -> pd.DataFrame:
    """List the data sets that come with the package or can be fetched.

    Returns
    -------
    pandas.DataFrame
        One row per data set: ``name``, ``kind`` (bundled or remote), ``call`` (the function that gives it),
        ``title``, ``size`` in bytes, ``units``, ``licence``, ``source``.

    Examples
    --------
    >>> "graphene_transistor" in set(list_datasets()["name"])
    True
    """
    columns = ["name", "kind", "call", "title", "size", "units", "licence", "source"]
    return pd.DataFrame([[item[c] for c in columns] for item in registry().values()], columns=columns)
