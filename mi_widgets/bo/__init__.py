"""Bayesian optimisation over pools of candidates: ask, tell, and see what the model believes."""

from mi_widgets.bo.explain import explain
from mi_widgets.bo.places import place_candidates
from mi_widgets.bo.replay import iter_replay, replay
from mi_widgets.bo.screening import virtual_screening
from mi_widgets.bo.script import search_script
from mi_widgets.bo.search import JournalError, Search

__all__ = [
    "JournalError",
    "Search",
    "explain",
    "iter_replay",
    "place_candidates",
    "replay",
    "search_script",
    "virtual_screening",
]
