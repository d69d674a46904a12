"""How far the densities of states of two sites are apart."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mi_widgets.dos._check import element_names, number, one_of
from mi_widgets.dos._metrics import METRICS, UNITS, condensed, to_square
from mi_widgets.dos._shares import Shares, Window, make_shares

__all__ = ["distance"]


def distance(
    ds: xr.Dataset | xr.DataArray,
    *,
    metric: str = "total_variation",
    window: Window = None,
    broadening: float = 0.2,
    shift: float = 1.2,
    orbitals: str | Sequence[str] = "l",
    spin: str = "sum",
    elements: str = "apart",
) -> xr.DataArray:
    """Compute the distances between the densities of states of all pairs of sites.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (atom, orbital[, spin], energy), 1/eV.
    metric : str
        With f and g the shares of states of two sites, each summing to 1 over energies and orbitals:
        ``"total_variation"`` half the sum of ``|f - g|``: the share of states that lie elsewhere, 0 to 1;
        ``"l1"`` twice that; ``"l2"``; ``"cosine"``; ``"tanimoto"`` ``1 - fg / (ff + gg - fg)``;
        ``"jensen_shannon"`` (root of the divergence in bits); ``"hellinger"``; ``"wasserstein"`` (eV), the mean
        way that states are moved within their orbital, 1 eV for each that is in another; ``"relative_wasserstein"``
        that way over the mean band width of the two sites (standard deviation within each orbital), 1 for each state in
        another orbital: narrow and broad bands are measured alike, and levels that few k points split hardly count.
    window : (float, float) or "all", optional
        Energies (eV, as on the axis) that count; either may be None. By default those below ``fermi_energy``, the
        filled states, and all where it is not known.
    broadening : float
        Standard deviation (eV) of a further Gaussian broadening.
    shift : float
        Least distance over rigid shifts of one site's states by up to this much (eV): shows bonding. With 0 the
        distance is that of the states where they lie: it also shows bent bands and the potential of a surface.
    orbitals : str or sequence of str
        ``"l"`` sums over m and j (s, p, d, f: does not depend on the orientation), ``"resolved"`` takes the orbitals
        as they are, ``"sum"`` adds them all, or names of the orbitals to take.
    spin : {"sum", "resolved"}
        Whether the two spins are added.
    elements : {"apart", "together"}
        Whether sites of different elements are at the greatest distance by definition.

    Returns
    -------
    xarray.DataArray
        ``distance`` (atom, other_atom): 1, or eV (``"wasserstein"``), or eV^-1/2 (``"l2"``); never below 0; NaN for
        sites without projection, without states in the window, or with NaN, of which a warning tells. Single
        precision from 2,000 sites on.

    Raises
    ------
    ParameterError
        An option is unknown or out of range.
    LabelError, DataError
        `ds` has no ``pdos``, or its dims or energies are not as above.

    Warns
    -----
    MIWidgetsWarning
        Some sites cannot be compared.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> distance(pdos, shift=0).values.round(2)[0]
    array([0. , 0. , 0.99])
    """
    who = "distance"
    shares = make_shares(ds, window=window, broadening=broadening, orbitals=orbitals, spin=spin, who=who)
    values = pair_distances(shares, metric, shift, elements, who=who)
    n = shares.status.size
    square = np.full((n, n), np.nan, dtype=values.dtype)
    square[np.ix_(shares.site, shares.site)] = to_square(values, shares.site.size)
    names = element_names(ds)
    atom = ds["atom"].values if "atom" in ds.coords else np.arange(n)
    attrs = {
        "units": UNITS[metric],
        "long_name": f"{metric.replace('_', ' ')} distance",
        "metric": metric,
        "broadening": float(broadening),
        "shift": float(shift),
    }
    return xr.DataArray(
        square,
        dims=("atom", "other_atom"),
        coords={
            "atom": ("atom", atom, {"units": "1", "long_name": "atom"}),
            "other_atom": ("other_atom", atom, {"units": "1", "long_name": "other atom"}),
            "element": ("atom", names, {"long_name": "chemical element"}),
        },
        name="distance",
        attrs=attrs,
    )


def pair_distances(shares: Shares, metric: str, shift: float, elements: str, *, who: str) -> np.ndarray:
    """Condensed distances of the sites that can be compared, options checked."""
    one_of("metric", metric, METRICS, who=who)
    one_of("elements", elements, ("apart", "together"), who=who)
    return condensed(shares, metric, number("shift", shift, who=who), elements == "apart")
