"""Bayesian optimisation over pools of candidates: ask, tell, and see what the model believes."""

from mi_widgets.bo.replay import iter_replay, replay
from mi_widgets.bo.screening import virtual_screening
from mi_widgets.bo.search import JournalError, Search

__all__ = ["JournalError", "Search", "iter_replay", "replay", "virtual_screening"]
