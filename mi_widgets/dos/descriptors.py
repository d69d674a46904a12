"""Numbers and curves read off densities of states: band centres, layers."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mi_widgets.dos._channels import channels
from mi_widgets.dos._check import as_window, check_pdos, finish, kept_structure, number, site_status
from mi_widgets.dos._kernels import rebin
from mi_widgets.dos._layers import heights, split_layers
from mi_widgets.errors import LabelError

__all__ = ["band_center", "layer_dos"]


def band_center(
    ds: xr.Dataset | xr.DataArray,
    *,
    orbitals: str | Sequence[str] = "sum",
    window: tuple[float, float] | None = None,
    spin: str = "sum",
) -> xr.Dataset:
    """Compute the mean energy, the width and the number of the states of each site.

    The d-band centre of a surface is ``band_center(ds, orbitals=["d"])`` on energies from the Fermi energy.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (atom, orbital[, spin], energy), 1/eV.
    orbitals : str or sequence of str
        ``"sum"`` of all, ``"l"``, ``"resolved"``, or names.
    window : (float, float), optional
        Energies (eV) that count; by default all, filled and empty.
    spin : {"sum", "resolved"}
        Whether the two spins are added.

    Returns
    -------
    xarray.Dataset
        - ``band_center`` (atom, orbital), eV: first moment over the zeroth
        - ``band_width`` (atom, orbital), eV: root of the second central moment
        - ``states`` (atom, orbital), 1: zeroth moment

        NaN where there are no states.

    Raises
    ------
    ParameterError
        The window is empty, or an orbital unknown.
    LabelError
        There is no ``pdos``.

    References
    ----------
    .. [1] B. Hammer, J. K. Norskov, Surf. Sci. 343, 211 (1995), doi:10.1016/0039-6028(96)80007-0

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-6, 2, 161), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e + 2) ** 2) / 2 / 0.5**2).assign_coords(energy=e).expand_dims(atom=1)
    >>> band_center(pdos).band_width.values.round(2)
    array([[0.5]])
    """
    who = "band_center"
    pdos = check_pdos(ds, who=who)
    axis = np.asarray(pdos["energy"].values, dtype=float)
    low, high = as_window(window, axis, who=who)
    values, names = channels(pdos, orbitals, spin, who=who)
    inside = np.unique(np.concatenate([[low], axis[(axis > low) & (axis < high)], [high]]))
    states = rebin(np.asarray(values, dtype=float), axis, inside)
    middle = 0.5 * (inside[1:] + inside[:-1])
    total = states.sum(axis=-1)
    with np.errstate(all="ignore"):
        total = np.where(total > 0, total, np.nan)
        centre = states @ middle / total
        # Spread inside a cell: that of states that are even over it.
        second = states @ (middle**2 + np.diff(inside) ** 2 / 12) / total
        width = np.sqrt(np.clip(second - centre**2, 0, None))
    eV = {"units": "eV"}
    data = {
        "band_center": (("atom", "orbital"), centre, {**eV, "long_name": "band centre"}),
        "band_width": (("atom", "orbital"), width, {**eV, "long_name": "band width"}),
        "states": (("atom", "orbital"), total, {"units": "1", "long_name": "number of states"}),
    }
    coords = {k: v for k, v in ds.coords.items() if v.dims == ("atom",)}
    out = xr.Dataset(data, coords={**coords, "orbital": ("orbital", names, {"long_name": "orbital"})})
    parameters = {"orbitals": orbitals, "window": [low, high], "spin": spin}
    return finish(out, who, "Band centres", parameters, ds.attrs.get("source", ""))


def layer_dos(
    ds: xr.Dataset,
    *,
    axis: str = "z",
    gap: float = 0.6,
    orbitals: str | Sequence[str] = "l",
    spin: str = "sum",
) -> xr.Dataset:
    """Add up the densities of states of the atoms of each layer of a slab.

    Parameters
    ----------
    ds : xarray.Dataset
        ``pdos`` (atom, orbital[, spin], energy), ``position`` and ``cell``.
    axis : {"x", "y", "z", "a", "b", "c"}
        Cartesian axis, or normal of the cell's face across a cell vector. A slab that is cut by the cell's face along
        it is put together at its widest gap.
    gap : float
        Heights (angstrom) further apart than this belong to different layers.
    orbitals, spin
        As in `band_center`.

    Returns
    -------
    xarray.Dataset
        - ``dos`` (layer_label, orbital, energy), 1/eV: sum over the atoms of the layer, the lowest first
        - ``height`` (layer_label), angstrom: mean height of its atoms
        - ``n_atoms`` (layer_label), 1
        - ``layer`` (atom): number of the layer, and the structure

    Raises
    ------
    LabelError
        There is no ``pdos`` or ``position``, or no such axis.
    ParameterError
        The gap is not above zero.

    Warns
    -----
    MIWidgetsWarning
        Some sites are damaged; they are left out of the sums.

    Examples
    --------
    >>> import numpy as np
    >>> from mi_widgets.labels import label_structure
    >>> ds = label_structure([[0, 0, 1.0], [0, 0, 3.0]], ["Mg", "O"], cell=np.diag([3.0, 3.0, 20.0]))
    >>> e = xr.DataArray(np.linspace(-1, 1, 5), dims="energy", attrs={"units": "eV"})
    >>> layer_dos(ds.assign(pdos=(0 * e + 1).assign_coords(energy=e).expand_dims(atom=2))).height.values
    array([1., 3.])
    """
    from mi_widgets.dos._check import warn

    who = "layer_dos"
    pdos = check_pdos(ds, who=who)
    step = number("gap", gap, who=who, above=True)
    if "position" not in ds or "cell" not in ds:
        raise LabelError(f"{who} needs the structure: 'position' and 'cell', as labels.label_structure makes them.")
    height = heights(ds, axis, who=who)
    layer = split_layers(height, step)
    values, names = channels(pdos, orbitals, spin, who=who)
    bad = site_status(ds, pdos) > 0
    if bad.any():
        warn(f"{who}: {int(bad.sum())} of {bad.size} sites have no whole density of states; they are left out.")
        values = np.where(bad[:, None, None], 0.0, values)
    n = int(layer.max(initial=-1)) + 1
    dos = np.zeros((n, *values.shape[1:]))
    np.add.at(dos, layer, values)
    size = np.bincount(layer, minlength=n)
    data = {
        "dos": (
            ("layer_label", "orbital", "energy"),
            dos,
            {"units": "1/eV", "long_name": "density of states of a layer"},
        ),
        "height": (
            "layer_label",
            np.bincount(layer, height, minlength=n) / size,
            {"units": "angstrom", "long_name": "height of the layer"},
        ),
        "n_atoms": ("layer_label", size, {"units": "1", "long_name": "atoms of the layer"}),
        "layer": ("atom", layer, {"units": "1", "long_name": "layer"}),
    }
    kept = kept_structure(ds)
    out = xr.Dataset({**data, **{k: v for k, v in kept.items() if k not in ds.coords}})
    out = out.assign_coords({k: v for k, v in kept.items() if k in ds.coords})
    out = out.assign_coords(
        layer_label=("layer_label", np.arange(n), {"units": "1", "long_name": "layer"}),
        orbital=("orbital", names, {"long_name": "orbital"}),
        energy=pdos["energy"].variable,
    )
    return finish(out, who, "Densities of states of layers", {"axis": axis, "gap": step}, ds.attrs.get("source", ""))
