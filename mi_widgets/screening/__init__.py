"""Screening by what is quickly computed: substrates that fit a film, and the few variables that decide."""

from mi_widgets.screening.exhaustive import exhaustive_search, iter_exhaustive_search, predict_subset
from mi_widgets.screening.nested import nested_error
from mi_widgets.screening.screen import iter_screen_substrates, screen_substrates
from mi_widgets.screening.substrates import build_stack, match_lattices, rank_substrates
from mi_widgets.screening.table import check_substrates, edit_substrates

__all__ = [
    "build_stack",
    "check_substrates",
    "edit_substrates",
    "exhaustive_search",
    "iter_exhaustive_search",
    "iter_screen_substrates",
    "match_lattices",
    "nested_error",
    "predict_subset",
    "rank_substrates",
    "screen_substrates",
]
