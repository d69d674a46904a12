"""Densities of states as rows of numbers, and as points on a map."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.dos._check import element_names, finish, number, one_of
from mi_widgets.dos._embed import classical_mds, principal
from mi_widgets.dos._shares import Window, make_shares
from mi_widgets.dos.distance import distance
from mi_widgets.errors import DataError, LabelError, ParameterError

__all__ = ["embed", "features"]


def features(
    ds: xr.Dataset | xr.DataArray,
    *,
    window: Window = None,
    orbitals: str | Sequence[str] = "l",
    spin: str = "sum",
    broadening: float = 0.2,
    n_windows: int | None = None,
    normalised: bool = True,
) -> xr.DataArray:
    """Compute the number of states of each site in windows of energy, orbital by orbital.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (atom, orbital[, spin], energy), 1/eV.
    window, orbitals, spin, broadening
        As in `distance`.
    n_windows : int, optional
        Number of equal windows; by default as fine as the broadening asks for.
    normalised : bool
        Whether the states of a site add up to 1, or to their number.

    Returns
    -------
    xarray.DataArray
        ``features`` (atom, feature), 1, with coordinates ``feature_orbital`` and ``feature_energy`` (feature), eV:
        the middle of the window; NaN for sites that cannot be compared.

    Raises
    ------
    ParameterError
        An option is unknown or out of range.
    LabelError, DataError
        As in `distance`.

    Warns
    -----
    MIWidgetsWarning
        Some sites cannot be compared.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> features(pdos, n_windows=2).values.round(1)
    array([[1., 0.],
           [0., 1.]])
    """
    who = "features"
    shares = make_shares(ds, window=window, broadening=broadening, orbitals=orbitals, spin=spin, who=who)
    values, edges = shares.values, shares.edges
    if n_windows is not None:
        if isinstance(n_windows, bool) or not isinstance(n_windows, int | np.integer) or n_windows < 1:
            raise ParameterError(f"{who}: n_windows must be a whole number of at least 1; got {n_windows!r}.")
        sums = np.concatenate([np.zeros((*values.shape[:2], 1)), np.cumsum(values, axis=-1)], axis=-1)
        new = np.linspace(edges[0], edges[-1], int(n_windows) + 1)
        place = np.clip((new - edges[0]) / shares.step, 0, edges.size - 1)
        k = np.minimum(place.astype(int), edges.size - 2)
        at = sums[..., k] + (place - k) * (sums[..., k + 1] - sums[..., k])
        values, edges = np.diff(at, axis=-1), new
    if not normalised:
        values = values * shares.states[shares.site][:, None, None]
    n, middle = shares.status.size, 0.5 * (edges[1:] + edges[:-1])
    out = np.full((n, len(shares.channel) * middle.size), np.nan)
    out[shares.site] = values.reshape(len(values), -1)
    atom = ds["atom"].values if "atom" in ds.coords else np.arange(n)
    return xr.DataArray(
        out,
        dims=("atom", "feature"),
        coords={
            "atom": ("atom", atom, {"units": "1", "long_name": "atom"}),
            "element": ("atom", element_names(ds), {"long_name": "chemical element"}),
            "feature": ("feature", np.arange(out.shape[1]), {"units": "1", "long_name": "feature"}),
            "feature_orbital": ("feature", np.repeat(shares.channel, middle.size), {"long_name": "orbital"}),
            "feature_energy": ("feature", np.tile(middle, len(shares.channel)), {"units": "eV", "long_name": "energy"}),
        },
        name="features",
        attrs={"units": "1", "long_name": "share of states" if normalised else "number of states"},
    )


def embed(data: xr.Dataset | xr.DataArray, method: str = "mds", *, n: int = 2, **options: Any) -> xr.Dataset:
    """Place sites on a plane, near to each other where their states are alike.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        ``pdos`` as in `distance`; or a result of `distance` or, for ``"pca"``, of `features`.
    method : {"mds", "pca"}
        Classical scaling of the distances (Torgerson), above 2,000 sites from that many spread over all; or
        principal components of the roots of the shares of states.
    n : int
        Number of coordinates.
    **options
        Of `distance` (``"mds"``) or `features` (``"pca"``), where `data` holds densities of states.

    Returns
    -------
    xarray.Dataset
        ``embedding`` (atom, component), in the unit of the distance; ``explained`` (component), 1: share of the
        squared distances that each component shows. NaN for sites that cannot be compared.

    Raises
    ------
    ParameterError, LabelError, DataError
        An option is unknown, or the data are not as above.

    References
    ----------
    .. [1] W. S. Torgerson, Psychometrika 17, 401 (1952), doi:10.1007/BF02288916

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> dict(embed(pdos, shift=0).embedding.sizes)
    {'atom': 3, 'component': 2}
    """
    who = "embed"
    one_of("method", method, ("mds", "pca"), who=who)
    size = int(number("n", n, who=who, least=1))
    if isinstance(data, xr.DataArray) and "other_atom" in data.dims:
        if method == "pca":
            raise ParameterError(f"{who}: 'pca' needs features or densities of states, not distances; write 'mds'.")
        table = data
    elif isinstance(data, xr.DataArray) and "feature" in data.dims:
        if method == "mds":
            raise ParameterError(f"{who}: 'mds' needs distances or densities of states, not features; write 'pca'.")
        table = data
    elif isinstance(data, xr.Dataset | xr.DataArray):
        table = distance(data, **options) if method == "mds" else features(data, **options)
    else:
        raise LabelError(f"{who} needs densities of states, distances or features; got {type(data).__name__}.")
    values = np.asarray(table.values, dtype=float)
    good = np.isfinite(np.diag(values) if method == "mds" else values.sum(axis=1))
    if good.sum() < 2:
        raise DataError(f"{who} needs at least two sites that can be compared; got {int(good.sum())}.")
    if method == "mds":
        found, share = classical_mds(values[np.ix_(good, good)], size)
    else:
        found, share = principal(np.sqrt(np.clip(values[good], 0, None)), size)
    out = np.full((good.size, size), np.nan)
    out[good] = found
    units = str(table.attrs.get("units", "1")) if method == "mds" else "1"
    one = {"units": "1"}
    ds = xr.Dataset(
        {
            "embedding": (("atom", "component"), out, {"units": units, "long_name": "place on the map"}),
            "explained": ("component", share, {**one, "long_name": "share of squared distances"}),
        },
        coords={
            "atom": table["atom"],
            "component": ("component", np.arange(size), {**one, "long_name": "component"}),
            **({"element": table["element"]} if "element" in table.coords else {}),
        },
    )
    return finish(ds, who, "Map of sites by their densities of states", {"method": method, **options})
