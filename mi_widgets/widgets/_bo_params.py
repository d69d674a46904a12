"""Parameters of a SearchExplorer: options of the search that is made, and how its suggestions are ranked."""

from collections.abc import Mapping
from typing import Any

from mi_widgets.errors import ParameterError

__all__ = ["BATCHES", "LIVE", "OPTIONS", "acquisitions", "check_params", "options_of"]

#: Options of `Search` that can be written down, with their defaults.
OPTIONS: Mapping[str, Any] = {
    "goal": "min", "kernel": "matern52", "noise": None, "seed": None, "transform": "none", "ard": "auto", "blocks": [],
    "periodic": None, "categorical": [], "learn_feasibility": False, "repeats": False, "n_initial": 5, "refit": "auto",
    "beta": 1.0, "target": None, "units": "1",
}  # fmt: skip
#: What can be changed at any time.
LIVE: Mapping[str, Any] = {"acquisition": None, "batch": "believer", "n_suggestions": 5, "n_trials": 20}
BATCHES: Mapping[str, str] = {
    "believer": "kriging believer", "local_penalty": "local penalty", "thompson": "Thompson samples"}  # fmt: skip
MOST_SUGGESTIONS, MOST_TRIALS = 96, 10_000


def check_params(params: dict[str, Any], search: Any) -> dict[str, Any]:
    """Return the parameters, or raise `ParameterError`."""
    if params["acquisition"] is not None and search is not None:
        search._rule(params["acquisition"])
    if params["batch"] not in BATCHES:
        raise ParameterError(f"batch must be one of {', '.join(BATCHES)}; got {params['batch']!r}.")
    for name, most in (("n_suggestions", MOST_SUGGESTIONS), ("n_trials", MOST_TRIALS)):
        n = params[name]
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= most:
            raise ParameterError(f"{name} must be a whole number from 1 to {most:,}; got {n!r}.")
    return params


def options_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of `Search` that are no defaults."""
    out = {n: params[n] for n, default in OPTIONS.items() if params.get(n, default) != default}
    if params.get("acquisition") is not None:
        out["acquisition"] = params["acquisition"]
    return out


def acquisitions(settings: Any) -> list[tuple[str, str]]:
    """Ways to rank suggestions with their words; nothing stands for that of the search."""
    from mi_widgets.bo._acquisition import ACQUISITIONS

    own, k = settings.acquisition, len(settings.goals)
    known = dict(ACQUISITIONS)
    if k > 1:
        known = {"scalarised": "scalarised"} | ({"ehvi": "hypervolume improvement"} if k == 2 else {})
    if settings.target is None:
        known.pop("target", None)
    name = known.get(own, own) if isinstance(own, str) else getattr(own, "__name__", "own function")
    return [(f"{name} (default)", ""), *((text, n) for n, text in known.items() if n != own)]
