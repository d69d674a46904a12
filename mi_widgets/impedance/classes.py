"""Classes of circuits that the data cannot separate, as lists."""

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError

__all__ = ["equivalence_classes"]


def equivalence_classes(comparison: xr.Dataset) -> list[list[str]]:
    """Circuits of one spectrum grouped into classes that the data cannot separate, the best first.

    Parameters
    ----------
    comparison : xarray.Dataset
        Result of `compare_circuits`; of a series select one spectrum, ``comparison.isel(spectrum=0)``.

    Returns
    -------
    list of list of str
        Classes by rank, in each its circuits by rank; circuits without a fit are left out.

    Raises
    ------
    LabelError
        It is no such result, or holds several spectra.

    Examples
    --------
    >>> from mi_widgets import datasets, impedance
    >>> circuits = ["R-p(R,C)-p(R,C)", "R-p(C,R-p(R,C))", "R-p(R,C)"]
    >>> data = datasets.make_impedance("R-p(R,C)-p(R,C)")
    >>> [sorted(names) for names in equivalence_classes(impedance.compare_circuits(data, circuits))]
    [['R-p(C,R-p(R,C))', 'R-p(R,C)-p(R,C)'], ['R-p(R,C)']]
    """
    if not isinstance(comparison, xr.Dataset) or "equivalence_class" not in comparison:
        raise LabelError("equivalence_classes needs a result of compare_circuits.")
    if comparison["equivalence_class"].dims != ("candidate",):
        other = [str(d) for d in comparison["equivalence_class"].dims if d != "candidate"]
        raise LabelError(
            f"equivalence_classes takes one spectrum; this is over {other}. Write comparison.isel({other[0]}=0)."
        )
    number = comparison["equivalence_class"].values
    order = np.argsort(comparison["rank"].values, kind="stable")
    names = comparison["candidate"].values
    return [[str(names[k]) for k in order if number[k] == one] for one in range(number.max(initial=-1) + 1)]
