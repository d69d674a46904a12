"""Bayesian optimisation over pools of candidates: ask, tell, and see what the model believes."""

from mi_widgets.bo.search import JournalError, Search

__all__ = ["JournalError", "Search"]
