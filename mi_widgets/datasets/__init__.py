"""Data to learn and test with: bundled (``load_*``), synthetic with the truth (``make_*``), public (``fetch_*``)."""

from mi_widgets.datasets._bounds import cramer_rao_bound
from mi_widgets.datasets._spectral_map import make_spectral_map

__all__ = ["cramer_rao_bound", "make_spectral_map"]
