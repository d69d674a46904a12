"""Map, search, cluster and view materials data in JupyterLab, from xarray computations a script can call as well."""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public names and where they live; a module is imported when its name is first used.
_LAZY = {
    "CircuitExplorer": "mi_widgets.widgets",
    "DOSClusterer": "mi_widgets.widgets",
    "EOSExplorer": "mi_widgets.widgets",
    "EnvironmentExplorer": "mi_widgets.widgets",
    "FieldExplorer": "mi_widgets.widgets",
    "OrientationExplorer": "mi_widgets.widgets",
    "PeakMapper": "mi_widgets.widgets",
    "PerovskiteExplorer": "mi_widgets.widgets",
    "QPIExplorer": "mi_widgets.widgets",
    "SearchExplorer": "mi_widgets.widgets",
    "StructureViewer": "mi_widgets.widgets",
    "SubstrateExplorer": "mi_widgets.widgets",
    "TransmissionExplorer": "mi_widgets.widgets",
    "YieldExplorer": "mi_widgets.widgets",
    "bo": "mi_widgets.bo",
    "datasets": "mi_widgets.datasets",
    "dos": "mi_widgets.dos",
    "eos": "mi_widgets.eos",
    "impedance": "mi_widgets.impedance",
    "io": "mi_widgets.io",
    "link": "mi_widgets.widgets",
    "methods": "mi_widgets.methods",
    "orientation": "mi_widgets.orientation",
    "peaks": "mi_widgets.peaks",
    "plots": "mi_widgets.plots",
    "potentials": "mi_widgets.potentials",
    "qpi": "mi_widgets.qpi",
    "screening": "mi_widgets.screening",
    "structure": "mi_widgets.structure",
    "sts": "mi_widgets.sts",
    "transmission": "mi_widgets.transmission",
    "widgets": "mi_widgets.widgets",
}

__all__ = [
    "CircuitExplorer",
    "DOSClusterer",
    "EOSExplorer",
    "EnvironmentExplorer",
    "FieldExplorer",
    "OrientationExplorer",
    "PeakMapper",
    "PerovskiteExplorer",
    "QPIExplorer",
    "SearchExplorer",
    "StructureViewer",
    "SubstrateExplorer",
    "TransmissionExplorer",
    "YieldExplorer",
    "__version__",
    "bo",
    "datasets",
    "dos",
    "eos",
    "impedance",
    "io",
    "link",
    "methods",
    "orientation",
    "peaks",
    "plots",
    "potentials",
    "qpi",
    "screening",
    "structure",
    "sts",
    "transmission",
    "widgets",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mi_widgets' has no attribute {name!r}")
    module = importlib.import_module(_LAZY[name])
    return module if module.__name__.rpartition(".")[2] == name else getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
