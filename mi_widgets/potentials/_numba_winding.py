"""`_winding`, compiled."""

import numba

from mi_widgets.potentials import _winding

__all__ = ["find_path", "find_thresholds"]

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}

find_thresholds = numba.njit(**OPTIONS)(_winding.find_thresholds)
find_path = numba.njit(**OPTIONS)(_winding.find_path)
