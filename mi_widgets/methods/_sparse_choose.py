"""Which penalty to take from a curve of errors."""

import numpy as np

__all__ = ["RULES", "choose"]

#: How a penalty can be chosen.
RULES = ("one_stderr", "sparsest_minimum", "lowest")


def choose(error: np.ndarray, stderr: np.ndarray, density: np.ndarray, trusted: np.ndarray, rule: str) -> int:
    """Number of the penalty, of falling ones; -1 where no error can be trusted."""
    value = np.where(trusted & np.isfinite(error), error, np.inf)
    if not np.isfinite(value).any():
        return -1
    best = int(value.argmin())
    if rule == "lowest":
        return best
    enough = value <= value[best] + stderr[best]
    if rule == "sparsest_minimum":
        padded = np.concatenate([[np.inf], value, [np.inf]])
        enough &= (value <= padded[:-2]) & (value <= padded[2:])
    places = np.flatnonzero(enough)
    return int(places[np.lexsort((places, density[places]))[0]])
