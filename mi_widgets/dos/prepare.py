"""Densities of states on the axis they are compared on: aligned, broadened, resampled, normalised."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from mi_widgets.dos._align import core_level, valence_top
from mi_widgets.dos._check import as_window, check_pdos, element_names, finish, number, one_of, warn
from mi_widgets.dos._kernels import broaden as broaden_rows
from mi_widgets.dos._kernels import resample as resample_rows
from mi_widgets.errors import DataError, ParameterError

__all__ = ["align", "broaden", "normalise", "resample"]

Labelled = TypeVar("Labelled", xr.Dataset, xr.DataArray)
_REFERENCES = ("fermi", "vbm", "vacuum", "core")


def align(
    ds: xr.Dataset,
    reference: str = "fermi",
    *,
    vacuum_level: float | None = None,
    element: str | None = None,
    orbital: str | None = None,
    window: tuple[float, float] | None = None,
    threshold: float = 0.01,
) -> xr.Dataset:
    """Shift the energies so that a reference is at zero.

    Parameters
    ----------
    ds : xarray.Dataset
        ``pdos`` (atom, orbital[, spin], energy) and ``fermi_energy``.
    reference : {"fermi", "vbm", "vacuum", "core"}
        The Fermi energy of the file; the top of the valence band, found from the density of states as the lower edge
        of the gap that is nearest to the Fermi energy; `vacuum_level`; or the mean energy of the states of `orbital`
        of `element` in `window`, such as O 2s, which does not depend on the filling.
    vacuum_level : float, optional
        Energy of the vacuum (eV) on the axis of `ds`, from the electrostatic potential.
    element, orbital : str, optional
        Site and orbital (``"s"`` or a name out of ``orbital``) of the core level.
    window : (float, float), optional
        Energies (eV, on the axis of `ds`) where the core level, or the gap, is looked for.
    threshold : float
        A gap is where there are fewer states than this share of the mean of the filled ones.

    Returns
    -------
    xarray.Dataset
        As `ds`, with ``energy`` and ``fermi_energy`` shifted, ``energy_zero`` (eV: where zero was), and
        ``energy.attrs["reference"]``.

    Raises
    ------
    DataError
        The Fermi energy is not known, there is no gap, or there are no states of the core level in the window.
    ParameterError
        An option is unknown or missing.
    LabelError
        `ds` has no ``pdos``.

    Examples
    --------
    >>> import numpy as np
    >>> pdos = xr.DataArray(np.ones((1, 3)), dims=("atom", "energy"), coords={"energy": [3.0, 4.0, 5.0]}, name="pdos")
    >>> pdos["energy"].attrs["units"] = "eV"
    >>> align(pdos.to_dataset().assign(fermi_energy=4.0)).energy.values
    array([-1.,  0.,  1.])
    """
    who = "align"
    one_of("reference", reference, _REFERENCES, who=who)
    pdos = check_pdos(ds, who=who)
    axis = np.asarray(pdos["energy"].values, dtype=float)
    fermi = float(ds["fermi_energy"]) if isinstance(ds, xr.Dataset) and "fermi_energy" in ds else np.nan
    name = reference
    if reference == "fermi":
        if not np.isfinite(fermi):
            raise DataError(
                f"{who}: the Fermi energy is not known. Write ds.assign(fermi_energy=value), or reference='core'."
            )
        zero = fermi
    elif reference == "vacuum":
        if vacuum_level is None:
            raise ParameterError(f"{who}: reference='vacuum' needs vacuum_level (eV), from the potential.")
        zero = number("vacuum_level", vacuum_level, who=who, least=-np.inf)
    elif reference == "core":
        if element is None or orbital is None:
            raise ParameterError(
                f"{who}: reference='core' needs element and orbital, such as element='O', orbital='s'."
            )
        inside = as_window(window, axis, who=who)
        zero = core_level(pdos, axis, element_names(ds) == element, orbital, inside, who=who)
        name = f"{element} {orbital}"
    else:
        inside = as_window(window, axis, who=who)
        zero = valence_top(pdos, axis, fermi, inside, number("threshold", threshold, who=who, above=True), who=who)
    out = ds.assign_coords(energy=("energy", ds["energy"].values - zero, dict(ds["energy"].attrs)))
    out["energy"].attrs = {**ds["energy"].attrs, "reference": name}
    if isinstance(ds, xr.Dataset):
        attrs = dict(ds["fermi_energy"].attrs) if "fermi_energy" in ds else {}
        out["fermi_energy"] = ((), fermi - zero, {"units": "eV", "long_name": "Fermi energy", **attrs})
        out["energy_zero"] = ((), float(zero), {"units": "eV", "long_name": "energy of the reference"})
    parameters = {"reference": name, "zero": float(zero)}
    return _finished(out, ds, who, f"aligned at {name}", parameters)


def broaden(ds: Labelled, width: float, *, shape: str = "gaussian") -> Labelled:
    """Broaden densities of states; the integral of each stays what it was.

    What would be carried over an end of the axis is given back inside, so that no states are lost. The energies
    need not be evenly spaced. Broadenings add: Gaussians in squares, Lorentzians as they are.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (…, energy), and ``dos``, which is broadened alike.
    width : float
        Standard deviation of the Gaussian, or half width at half maximum of the Lorentzian (eV). 0 leaves all as it is.
    shape : {"gaussian", "lorentzian"}
        Of the kernel.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        As `ds`.

    Raises
    ------
    ParameterError
        The width is below zero, or the shape unknown.
    LabelError, DataError
        There is no ``pdos``, or its energies are not usable.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-2, 2, 41), dims="energy", attrs={"units": "eV"})
    >>> peak = xr.DataArray(1.0 * (abs(e) < 0.01), dims="energy", coords={"energy": e}).expand_dims(atom=1)
    >>> round(float(broaden(peak, 0.2).max() / peak.max()), 3)
    0.199
    """
    who = "broaden"
    sigma = number("width", width, who=who)
    one_of("shape", shape, ("gaussian", "lorentzian"), who=who)
    axis = np.asarray(check_pdos(ds, who=who)["energy"].values, dtype=float)
    if sigma == 0:
        return ds.copy(deep=False)
    return _each(ds, lambda v, _: broaden_rows(v, axis, sigma, shape), axis, who, {"width": sigma, "shape": shape})


def resample(ds: Labelled, energy: Any) -> Labelled:
    """Bring densities of states to other energies; integrals are kept.

    Each new value is the mean over the cell around its energy, so that the trapezoid integral over the new axis is that
    of the old one between the same ends.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (…, energy), and ``dos``.
    energy : array_like or xarray.DataArray
        New energies (eV), monotonic, within the old ones, or their number for an even spacing over all.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        As `ds` on the new energies, which rise.

    Raises
    ------
    ParameterError
        The new energies are not monotonic, or reach beyond the old ones, where nothing is known.
    LabelError, DataError
        There is no ``pdos``, or its energies are not usable.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-2, 2, 41), dims="energy", attrs={"units": "eV"})
    >>> resample((0 * e + 1).assign_coords(energy=e).expand_dims(atom=1), [-1, 0.5, 2]).values
    array([[1., 1., 1.]])
    """
    who = "resample"
    axis = np.asarray(check_pdos(ds, who=who)["energy"].values, dtype=float)
    if isinstance(energy, int | np.integer) and not isinstance(energy, bool):
        energy = np.linspace(axis[0], axis[-1], max(int(energy), 2))
    new = np.sort(np.asarray(energy, dtype=float).reshape(-1))
    slack = 1e-9 * (axis[-1] - axis[0])
    if new.size < 2 or not np.isfinite(new).all() or not (np.diff(new) > 0).all():
        raise ParameterError(f"{who}: energy must be two or more different numbers (eV); got {energy!r}.")
    if new[0] < axis[0] - slack or new[-1] > axis[-1] + slack:
        raise ParameterError(
            f"{who}: the new energies {new[0]:.6g} to {new[-1]:.6g} eV reach beyond those of the data, {axis[0]:.6g} "
            f"to {axis[-1]:.6g} eV, where nothing is known. Stay within them."
        )
    return _each(ds, lambda v, _: resample_rows(v, axis, new), new, who, {"n_energies": int(new.size)})


def normalise(ds: Labelled, by: str = "site", *, window: tuple[float, float] | None = None) -> Labelled:
    """Divide densities of states by a number of states.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (atom, …, energy).
    by : {"site", "element", "total"}
        ``"site"``: each site has one state in all; ``"element"``: the sites of an element have one on the mean, so
        that how they share the charge is kept; ``"total"``: all sites together have one.
    window : (float, float), optional
        Energies (eV) whose states are counted; by default all.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        As `ds`; ``dos`` is kept, divided alike, for ``"total"`` alone. Sites without states stay as they are.

    Raises
    ------
    ParameterError
        `by` is unknown, or the window empty.
    LabelError, DataError
        There is no ``pdos``, or its energies are not usable.

    Warns
    -----
    MIWidgetsWarning
        Some sites have no states in the window.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-2, 2, 41), dims="energy", attrs={"units": "eV"})
    >>> flat = (0 * e + 3).assign_coords(energy=e).expand_dims(atom=2)
    >>> float(normalise(flat).isel(atom=0).integrate("energy").round(12))
    1.0
    """
    who = "normalise"
    one_of("by", by, ("site", "element", "total"), who=who)
    pdos = check_pdos(ds, who=who)
    axis = np.asarray(pdos["energy"].values, dtype=float)
    low, high = as_window(window, axis, who=who)
    edges = np.array([low, high])
    from mi_widgets.dos._kernels import rebin

    rows = np.asarray(pdos.values, dtype=float).reshape(pdos.sizes["atom"], -1, axis.size)
    states = (
        np.concatenate([rebin(part.sum(axis=0)[None], axis, edges)[0] for part in rows]) if len(rows) else edges[:0]
    )
    counted = np.isfinite(states) & (states > 0)
    if by == "total":
        divisor = np.full(states.size, states[counted].sum())
    elif by == "element":
        divisor = np.ones(states.size)
        names = element_names(ds)
        for name in np.unique(names):
            own = (names == name) & counted
            divisor[names == name] = states[own].mean() if own.any() else 1.0
    else:
        divisor = np.where(counted, states, 1.0)
    if not counted.all():
        warn(f"{who}: {int((~counted).sum())} of {states.size} sites have no states there; they stay as they are.")
        divisor = np.where(counted, divisor, 1.0)
    factor = xr.DataArray(1 / divisor, dims="atom")
    if isinstance(ds, xr.DataArray):
        out: Any = (ds * factor).transpose(*ds.dims).assign_attrs(ds.attrs)
        return out
    out = ds.assign(pdos=(ds["pdos"] * factor).transpose(*ds["pdos"].dims).assign_attrs(ds["pdos"].attrs))
    if "dos" in out:
        out = (
            out.assign(dos=(ds["dos"] / divisor[0]).assign_attrs(ds["dos"].attrs))
            if by == "total"
            else out.drop_vars("dos")
        )
    return _finished(out, ds, who, f"normalised by {by}", {"by": by, "window": window})


Rows = Callable[[np.ndarray, int], np.ndarray]


def _each(ds: Any, rows: Rows, axis: np.ndarray, who: str, parameters: dict[str, Any]) -> Any:
    """Apply a function of rows to every variable along energy; energies rise afterwards."""
    names: Sequence[str] = (
        [str(k) for k in ds.data_vars if "energy" in ds[k].dims] if isinstance(ds, xr.Dataset) else []
    )

    def one(da: xr.DataArray) -> tuple[tuple[Any, ...], np.ndarray, dict[Any, Any]]:
        moved = da.transpose(..., "energy")
        if float(moved["energy"][0]) > float(moved["energy"][-1]):
            moved = moved.isel(energy=slice(None, None, -1))
        values = np.asarray(moved.values)
        values = rows(values if values.dtype.kind == "f" else values.astype(float), 0)
        order = [moved.dims.index(d) for d in da.dims]
        return da.dims, np.transpose(values, order), dict(da.attrs)

    energy = ("energy", axis.copy(), dict(ds["energy"].attrs))
    if isinstance(ds, xr.DataArray):
        dims, values, attrs = one(ds)
        coords: dict[Any, Any] = {k: v for k, v in ds.coords.items() if "energy" not in v.dims}
        return xr.DataArray(values, dims=dims, coords={**coords, "energy": energy}, name=ds.name, attrs=attrs)
    new = {k: one(ds[k]) for k in names}
    out = ds.drop_dims("energy").assign_coords(energy=energy).assign(new)
    return _finished(out, ds, who, who, parameters)


def _finished(out: Any, ds: xr.Dataset, who: str, what: str, parameters: dict[str, Any]) -> Any:
    title = f"{ds.attrs.get('title', 'Densities of states')}, {what}"
    return finish(out, who, title, parameters, ds.attrs.get("source", ""))
