"""Screening by what is quickly computed: substrates, the few variables that decide, descriptors of perovskites."""

from mi_widgets.screening.compare import YIELD_MODELS, compare_yield_models, iter_compare_yield_models
from mi_widgets.screening.exhaustive import exhaustive_search, iter_exhaustive_search, predict_subset
from mi_widgets.screening.expressions import iter_search_expressions, search_expressions
from mi_widgets.screening.nested import nested_error
from mi_widgets.screening.perovskite_fit import fit_descriptor, predict_perovskites
from mi_widgets.screening.perovskites import compare_descriptors, label_compounds, tolerance_factors
from mi_widgets.screening.screen import iter_screen_substrates, screen_substrates
from mi_widgets.screening.substrates import build_stack, match_lattices, rank_substrates
from mi_widgets.screening.table import check_substrates, edit_substrates
from mi_widgets.screening.volcano import evaluate_volcano, fit_volcano, log_odds

__all__ = [
    "YIELD_MODELS",
    "build_stack",
    "check_substrates",
    "compare_descriptors",
    "compare_yield_models",
    "edit_substrates",
    "evaluate_volcano",
    "exhaustive_search",
    "fit_descriptor",
    "fit_volcano",
    "iter_compare_yield_models",
    "iter_exhaustive_search",
    "iter_screen_substrates",
    "iter_search_expressions",
    "label_compounds",
    "log_odds",
    "match_lattices",
    "nested_error",
    "predict_perovskites",
    "predict_subset",
    "rank_substrates",
    "screen_substrates",
    "search_expressions",
    "tolerance_factors",
]
