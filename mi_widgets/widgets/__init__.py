"""Widgets: thin faces over calls that a script can make as well."""

import importlib
from typing import Any

_LAZY = {
    "DOSClusterer": "mi_widgets.widgets.dos",
    "Explorer": "mi_widgets.widgets._explorer",
    "PeakMapper": "mi_widgets.widgets.peaks",
    "SearchExplorer": "mi_widgets.widgets.bo",
    "StructureViewer": "mi_widgets.widgets.structure",
    "View": "mi_widgets.widgets._view",
    "link": "mi_widgets.widgets._select",
}

__all__ = [
    "DOSClusterer",
    "Explorer",
    "PeakMapper",
    "SearchExplorer",
    "StructureViewer",
    "View",
    "link",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mi_widgets.widgets' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
