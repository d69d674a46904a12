"""Options of a search, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mi_widgets.bo._kernels import KERNELS
from mi_widgets.errors import ParameterError

__all__ = ["DEFAULT_ACQUISITION", "Settings", "check_settings", "default_acquisition", "read_goals"]

#: What is used for one objective where nothing is said.
DEFAULT_ACQUISITION = "ucb"


@dataclass(frozen=True)
class Settings:
    """Options of a search; see `Search`."""

    goals: tuple[str, ...]
    objectives: tuple[str, ...]
    acquisition: Any
    kernel: str
    noise: float | None
    transform: str
    refit: int | str
    seed: int
    beta: float
    target: float | None
    n_initial: int
    repeats: bool
    learn_feasibility: bool
    units: str


def read_goals(goal: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(goal, Mapping):
        names, goals = tuple(map(str, goal)), tuple(goal.values())
    else:
        goals = (goal,) if isinstance(goal, str) else tuple(goal)
        names = ("value",) if len(goals) == 1 else tuple(f"value_{k}" for k in range(len(goals)))
    if not goals or any(g not in ("min", "max") for g in goals):
        raise ParameterError(f"goal must be 'min' or 'max', or several of them; got {goal!r}.")
    return goals, names


def default_acquisition(acquisition: Any, n_objectives: int) -> Any:
    if acquisition is not None:
        return acquisition
    return DEFAULT_ACQUISITION if n_objectives == 1 else "ehvi" if n_objectives == 2 else "scalarised"


def check_settings(settings: Settings) -> None:
    if settings.kernel not in KERNELS:
        raise ParameterError(f"kernel must be one of {', '.join(KERNELS)}; got {settings.kernel!r}.")
    if settings.noise is not None and not (np.isfinite(settings.noise) and settings.noise >= 0):
        raise ParameterError(f"noise is a standard deviation, zero or more; got {settings.noise}.")
    if not (np.isfinite(settings.beta) and settings.beta >= 0):
        raise ParameterError(f"beta must be zero or more; got {settings.beta}.")
    refit = settings.refit
    if refit != "auto" and (isinstance(refit, bool) or not isinstance(refit, int) or refit < 1):
        raise ParameterError(f"refit must be a whole number of at least 1, or 'auto'; got {refit!r}.")
    n = settings.n_initial
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ParameterError(f"n_initial must be a whole number of at least 1; got {n!r}.")
    if settings.seed < 0:
        raise ParameterError(f"seed must be zero or more; got {settings.seed}.")
