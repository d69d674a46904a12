"""Packages that are imported when they are needed."""

import importlib
from typing import Any

from mi_widgets.errors import MissingDependencyError

__all__ = ["need"]


def need(module: str, who: str) -> Any:
    """Import a module of an optional package, or say how to install it."""
    package = module.partition(".")[0]
    install = "pymatgen" if package == "pymatgen" else '"mi-widgets[structure]"'
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(f"{who} needs the package {package}: pip install {install}") from error
