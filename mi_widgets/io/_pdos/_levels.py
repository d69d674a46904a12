"""Energies and weights of single states, which become curves when each is broadened."""

from typing import Any

import numpy as np

from mi_widgets.errors import DataError, ParameterError

__all__ = ["check_width", "gaussians", "level_axis"]

_REACH = 5.0  # standard deviations beyond the outermost state
_MOST = 20_000


def check_width(width: Any, who: str) -> None:
    """Raise unless a width is a positive number."""
    if isinstance(width, bool) or not isinstance(width, int | float | np.number) or not 0 < float(width) < 1e3:
        raise ParameterError(
            f"{who}: width must be a standard deviation in eV, above 0; got {width!r}. Write width=0.2."
        )


def level_axis(energies: np.ndarray, width: float) -> np.ndarray:
    """An even axis over all states, four points to a standard deviation."""
    low, high = float(energies.min()) - _REACH * width, float(energies.max()) + _REACH * width
    n = int(np.ceil((high - low) / (width / 4))) + 1 if np.isfinite([low, high]).all() else _MOST + 1
    if n > _MOST:
        raise DataError(
            f"states from {energies.min():.4g} to {energies.max():.4g} eV need {n} energies at width={width:g} eV. "
            "Write a larger width."
        )
    step = width / 4
    start = np.floor(low / step) * step
    return np.asarray(start + step * np.arange(n + 1))


def gaussians(axis: np.ndarray, energies: np.ndarray, width: float) -> np.ndarray:
    """A Gaussian of unit area and standard deviation `width` for each state, (n_energies, n_states)."""
    x = (axis[:, None] - energies[None, :]) / width
    return np.asarray(np.exp(-0.5 * x * x) / (width * np.sqrt(2 * np.pi)))
