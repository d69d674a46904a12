"""Bayesian optimisation over pools of candidates: ask, tell, and see what the model believes."""

__all__: list[str] = []
