"""Screening of candidates by what is quickly computed: substrates that carry a film without straining it."""

from mi_widgets.screening.substrates import build_stack, match_lattices, rank_substrates

__all__ = ["build_stack", "match_lattices", "rank_substrates"]
