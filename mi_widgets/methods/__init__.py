"""Mathematics that two or more topics share, on labelled arrays; scikit-learn's estimators are passed as instances."""

from mi_widgets.methods.cluster import cluster
from mi_widgets.methods.decompose import decompose
from mi_widgets.methods.expression import match
from mi_widgets.methods.radial import radial_average
from mi_widgets.methods.selection import criterion_weights, information_criteria
from mi_widgets.methods.sparse import compare_validations, fit_lasso, iter_lasso

__all__ = [
    "cluster",
    "compare_validations",
    "criterion_weights",
    "decompose",
    "fit_lasso",
    "information_criteria",
    "iter_lasso",
    "match",
    "radial_average",
]
