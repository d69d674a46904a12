"""Mathematics that two or more topics share, on labelled arrays; scikit-learn's estimators are passed as instances."""

from mi_widgets.methods.cluster import cluster
from mi_widgets.methods.decompose import decompose
from mi_widgets.methods.expression import match
from mi_widgets.methods.selection import criterion_weights, information_criteria

__all__ = ["cluster", "criterion_weights", "decompose", "information_criteria", "match"]
