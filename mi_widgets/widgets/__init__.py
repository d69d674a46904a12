"""Widgets: thin faces over calls that a script can make as well."""

import importlib
from typing import Any

_LAZY = {
    "CircuitExplorer": "mi_widgets.widgets.impedance",
    "DOSClusterer": "mi_widgets.widgets.dos",
    "EOSExplorer": "mi_widgets.widgets.eos",
    "EnvironmentExplorer": "mi_widgets.widgets.potentials",
    "Explorer": "mi_widgets.widgets._explorer",
    "FieldExplorer": "mi_widgets.widgets.potentials_field",
    "OrientationExplorer": "mi_widgets.widgets.orientation",
    "PeakMapper": "mi_widgets.widgets.peaks",
    "PerovskiteExplorer": "mi_widgets.widgets.perovskites",
    "QPIExplorer": "mi_widgets.widgets.qpi",
    "SearchExplorer": "mi_widgets.widgets.bo",
    "StructureViewer": "mi_widgets.widgets.structure",
    "SubstrateExplorer": "mi_widgets.widgets.substrates",
    "TransmissionExplorer": "mi_widgets.widgets.transmission",
    "View": "mi_widgets.widgets._view",
    "YieldExplorer": "mi_widgets.widgets.yields",
    "link": "mi_widgets.widgets._select",
}

__all__ = [
    "CircuitExplorer",
    "DOSClusterer",
    "EOSExplorer",
    "EnvironmentExplorer",
    "Explorer",
    "FieldExplorer",
    "OrientationExplorer",
    "PeakMapper",
    "PerovskiteExplorer",
    "QPIExplorer",
    "SearchExplorer",
    "StructureViewer",
    "SubstrateExplorer",
    "TransmissionExplorer",
    "View",
    "YieldExplorer",
    "link",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mi_widgets.widgets' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
