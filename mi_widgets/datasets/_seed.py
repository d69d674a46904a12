"""The one door for random numbers of the data sets that are made."""

from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError

__all__ = ["generator"]


def generator(seed: Any, *, who: str) -> np.random.Generator:
    """Generator of a seed, or `ParameterError`."""
    try:
        if isinstance(seed, bool):
            raise TypeError
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{who}: seed must be a whole number from 0, a numpy Generator or None; got {seed!r}. Write seed=0."
        ) from None
