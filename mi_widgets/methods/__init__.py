"""Mathematics that two or more topics share, on labelled arrays; scikit-learn's estimators are passed as instances."""

from mi_widgets.methods.cluster import cluster
from mi_widgets.methods.decompose import decompose
from mi_widgets.methods.expression import match

__all__ = ["cluster", "decompose", "match"]
