"""One BLAS thread for small matrices, as other topics have it."""

from mi_widgets.methods.threads import one_thread

__all__ = ["one_thread"]
