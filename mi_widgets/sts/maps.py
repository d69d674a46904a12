"""Maps straight from the spectra, without a fit, and what a gap says of the pairing."""

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label
from mi_widgets.sts._check import check_spectra, number
from mi_widgets.sts._dynes import BOLTZMANN

__all__ = ["gap_ratio", "normalize", "zero_bias_map"]

_FEWEST = 4  # channels of a normal state


def normalize(
    da: xr.DataArray, dim: str | None = None, *, beyond: float | None = None, normal: xr.DataArray | None = None
) -> xr.DataArray:
    """Divide spectra by the normal state, so that maps do not show how far the tip was.

    Parameters
    ----------
    da : xarray.DataArray
        dI/dV spectra over any other dims.
    dim : str, optional
        The dimension of energy or bias (meV, eV, mV or V from the Fermi level).
    beyond : float, optional
        The normal state is the straight line through the channels farther than this from the Fermi level (meV); by
        default two thirds of the largest distance. There the conductance of a superconductor is still too high by
        about half the square of gap over energy.
    normal : xarray.DataArray, optional
        Instead of that, spectra of the normal state, measured in a field or above the critical temperature; dims any
        of those of `da`.

    Returns
    -------
    xarray.DataArray
        The spectra, 1, in the dims of `da`. Channels that are not finite are left out of the line; a spectrum with
        fewer than four beyond, or on one side only, is NaN.

    Raises
    ------
    LabelError
        No such dimension, its unit is no energy and no bias, or `normal` does not fit.
    ParameterError
        Fewer than four channels lie beyond, or not on both sides.
    DataError
        The normal state has a value that is not above zero.

    Examples
    --------
    >>> from mi_widgets.datasets import make_gap_cube
    >>> spectra = normalize(make_gap_cube((4, 4), noise=0.0).conductance)
    >>> bool(abs(spectra.isel(energy=[0, -1]) - 1).max() < 0.06)
    True
    """
    who = "normalize"
    spectra, _, axis = check_spectra(da, dim, who=who)
    if normal is not None:
        if not isinstance(normal, xr.DataArray) or not set(normal.dims) <= set(da.dims):
            raise LabelError(f"{who}: normal must be a DataArray over some of {tuple(da.dims)}; got {normal!r:.80}.")
        below = normal
    else:
        limit = number("beyond", beyond, who=who) if beyond is not None else 2 / 3 * float(np.abs(axis).max())
        far = np.abs(axis) >= limit
        if far.sum() < _FEWEST or not (axis[far] > 0).any() or not (axis[far] < 0).any():
            raise ParameterError(
                f"{who}: {int(far.sum())} channels lie beyond {limit:g} meV; four are needed, on both sides. The axis "
                f"reaches {axis.min():.4g} to {axis.max():.4g} meV."
            )
        matrix = np.stack([np.ones(int(far.sum())), axis[far]], axis=1)
        line = _lines(matrix, np.asarray(spectra.values, dtype=float)[..., far])
        below = spectra.copy(data=line[..., :1] + line[..., 1:] * axis)
    if bool((below <= 0).any()):
        raise DataError(
            f"{who}: the conductance of the normal state must be above zero; the least is {float(below.min()):.3g}. "
            "Leave such pixels out: da.where(da.mean(dim) > 0)."
        )
    out = (spectra / below).transpose(*da.dims)
    if out.shape != da.shape:
        raise LabelError(f"{who}: normal has other positions than the spectra; write normal.reindex_like(da).")
    return label(out, "1", "normalised conductance").rename("normalized")


def _lines(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Level and slope (…, 2) of straight lines through values (…, channel); those that are not finite are left out."""
    line = np.einsum("kc,...c->...k", np.linalg.pinv(matrix), values)
    good = np.isfinite(values)
    for at in map(tuple, np.argwhere(~good.all(axis=-1))):
        use = good[at]
        both = use.sum() >= _FEWEST and matrix[use, 1].min() < 0 < matrix[use, 1].max()
        line[at] = np.linalg.lstsq(matrix[use], values[at][use], rcond=None)[0] if both else np.nan
    return line


def zero_bias_map(da: xr.DataArray, dim: str | None = None, *, width: float | None = None) -> xr.DataArray:
    """Conductance at the Fermi level: high where the gap is closed, as in a vortex.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra over any other dims, better those of `normalize`.
    dim : str, optional
        The dimension of energy or bias (meV, eV, mV or V from the Fermi level).
    width : float, optional
        The mean is taken of channels that lie within half of this of zero (meV); by default the value is interpolated
        between the two channels about zero.

    Returns
    -------
    xarray.DataArray
        ``zero_bias`` over the other dims, in the unit of `da`.

    Raises
    ------
    LabelError
        No such dimension, or its unit is no energy and no bias.
    DataError
        The axis does not reach zero.
    ParameterError
        No channel lies within `width`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_gap_cube
    >>> ds = make_gap_cube((24, 24))
    >>> core = zero_bias_map(ds.conductance).where(ds.true_gap < 0.4).mean()
    >>> bool(core > 3 * zero_bias_map(ds.conductance).median())
    True
    """
    who = "zero_bias_map"
    spectra, name, axis = check_spectra(da, dim, who=who)
    if not axis.min() <= 0 <= axis.max():
        raise DataError(f"{who}: {name!r} runs from {axis.min():.4g} to {axis.max():.4g} meV and does not reach zero.")
    values = np.asarray(spectra.values, dtype=float)
    if width is None:
        order = np.argsort(axis)
        right = int(np.clip(np.searchsorted(axis[order], 0.0), 1, axis.size - 1))
        i, j = order[right - 1], order[right]
        share = -axis[i] / (axis[j] - axis[i])
        found = values[..., i] if share == 0 else values[..., j] if share == 1 else (
            (1 - share) * values[..., i] + share * values[..., j]
        )  # fmt: skip
    else:
        near = np.abs(axis) <= number("width", width, who=who) / 2
        if not near.any():
            raise ParameterError(f"{who}: no channel lies within {width:g} meV; they are {abs(axis).min():.3g} away.")
        part = values[..., near]
        n = np.isfinite(part).sum(axis=-1)
        found = np.where(n > 0, np.where(np.isfinite(part), part, 0.0).sum(axis=-1) / np.maximum(n, 1), np.nan)
    coords = {str(k): v for k, v in spectra.coords.items() if name not in v.dims}
    out = xr.DataArray(found, coords, spectra.dims[:-1], name="zero_bias")
    return label(out, str(da.attrs.get("units", "1")), "conductance at zero bias")


def gap_ratio(gap: xr.DataArray, critical_temperature: float, *, gap_stderr: xr.DataArray | None = None) -> xr.Dataset:
    r"""Gap in units of the critical temperature, :math:`2 \Delta / k T_c`: 3.53 for weak coupling, as of BCS.

    Parameters
    ----------
    gap : xarray.DataArray
        Gap (meV, or another unit of energy), of `gap_map` or ``gap_far`` of `fit_vortex`.
    critical_temperature : float
        :math:`T_c` (K).
    gap_stderr : xarray.DataArray, optional
        Its standard error.

    Returns
    -------
    xarray.Dataset
        ``gap_ratio`` and, with `gap_stderr`, ``gap_ratio_stderr``, 1, in the dims of `gap`.

    Raises
    ------
    LabelError
        `gap` has no unit of energy.
    ParameterError
        The temperature is not above zero.

    Notes
    -----
    The gap must be that of a temperature far below the critical one, and the broadening small against it.

    Examples
    --------
    >>> gap = xr.DataArray(1.2, attrs={"units": "meV"})
    >>> float(gap_ratio(gap, 7.2).gap_ratio.round(2))
    3.87
    """
    from mi_widgets.sts._check import MILLI_EV

    kelvin = number("critical_temperature", critical_temperature, who="gap_ratio")
    units = str(gap.attrs.get("units", ""))
    if units not in MILLI_EV:
        raise LabelError(f"gap_ratio: the gap is in {units!r}; write gap.attrs['units'] = 'meV', or convert it.")
    factor = 2 * MILLI_EV[units] / (BOLTZMANN * kelvin)
    ds = xr.Dataset({"gap_ratio": label(gap * factor, "1", "2Δ / kTc")})
    if gap_stderr is not None:
        ds["gap_ratio_stderr"] = label(gap_stderr * factor, "1", "standard error of 2Δ / kTc")
    return ds
