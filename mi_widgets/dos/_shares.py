"""The shares of a site's states in bins of energy and channels: what all distances are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mi_widgets.dos._channels import channels
from mi_widgets.dos._check import (
    NO_STATES,
    STATUS,
    as_window,
    check_pdos,
    element_names,
    number,
    one_of,
    site_status,
    warn,
)
from mi_widgets.dos._kernels import rebin
from mi_widgets.errors import ParameterError

__all__ = ["Shares", "Window", "make_shares"]

#: Two energies (eV), "all", or None: the filled states.
Window = tuple[float | None, float | None] | str | None

_FINE = 6  # bins in one broadening
_REACH = 4  # broadenings to which a state reaches
_MANY = 2000  # sites from which single precision is used
_EMPTY = 1e-12


@dataclass(frozen=True)
class Shares:
    """Shares of states; every row sums to 1.

    Attributes
    ----------
    values : (n_sites, n_channels, n_bins)
        Sites that can be used, float32 for many.
    site : (n_sites,) int
        Their positions among the atoms.
    status : (n_atoms,) int8
    element : (n_atoms,) str
    edges : (n_bins + 1,)
        eV.
    channel : list of str
    states : (n_atoms,)
        Number of states of each site in the window.
    """

    values: np.ndarray
    site: np.ndarray
    status: np.ndarray
    element: np.ndarray
    edges: np.ndarray
    channel: list[str]
    states: np.ndarray

    @property
    def step(self) -> float:
        """Width of a bin (eV)."""
        return float(self.edges[1] - self.edges[0])


def make_shares(
    ds: xr.Dataset | xr.DataArray,
    *,
    window: Window,
    broadening: float,
    orbitals: str | Sequence[str],
    spin: str,
    who: str,
) -> Shares:
    """Sum to channels, bin the states of the window, broaden, divide by their number; sites that fail are left out.

    States are cut off before they are broadened, so that the edge of the window is as soft as the states: a rigid shift
    then moves it with them.
    """
    from scipy.ndimage import gaussian_filter1d

    width = number("broadening", broadening, who=who)
    pdos = check_pdos(ds, who=who)
    axis = np.asarray(pdos["energy"].values, dtype=float)
    span = float(axis[-1] - axis[0])
    if width > span:
        raise ParameterError(
            f"{who}: broadening must not be wider than the energies reach, {span:.6g} eV; got {width:g} eV. Write 0.2."
        )
    low, high = filled_or_given(ds, window, axis, who=who)
    status = site_status(ds, pdos)
    values, names = channels(pdos, orbitals, spin, who=who)
    native = float(np.median(np.diff(axis)))
    n_bins = max(1, round((high - low) / max(native, width / _FINE)))
    inner = np.linspace(low, high, n_bins + 1)
    step = (high - low) / n_bins
    pad = int(np.ceil(_REACH * width / step))
    edges = low + step * np.arange(-pad, n_bins + pad + 1)
    dtype = np.float32 if len(values) > _MANY else np.float64
    out = np.zeros((len(values), len(names), edges.size - 1), dtype=dtype)
    block = max(1, 4_000_000 // max(1, len(names) * axis.size))
    good = np.flatnonzero(status == 0)
    states, negative = np.zeros(len(values)), 0.0
    for start in range(0, good.size, block):
        rows = good[start : start + block]
        bins = rebin(np.asarray(values[rows], dtype=float), axis, inner)
        if width > 0:
            bins = np.pad(bins, [(0, 0), (0, 0), (pad, pad)])
            bins = gaussian_filter1d(bins, width / step, axis=-1, mode="constant", radius=pad)
        negative = max(negative, float(-bins.min(initial=0.0)) / max(float(bins.max(initial=0.0)), 1e-300))
        np.maximum(bins, 0, out=bins)
        total = bins.sum(axis=(1, 2))
        states[rows] = total
        out[rows] = bins / np.where(total > _EMPTY, total, 1.0)[:, None, None]
    if negative > 1e-3:
        warn(f"{who}: some densities of states are below zero (to {negative:.2g} of the highest); they are taken as 0.")
    empty = good[states[good] <= _EMPTY]
    status[empty] = NO_STATES
    _say(status, who)
    site = np.flatnonzero(status == 0)
    return Shares(out[site] if site.size < len(out) else out, site, status, element_names(ds), edges, names, states)


def filled_or_given(
    ds: xr.Dataset | xr.DataArray, window: object, axis: np.ndarray, *, who: str
) -> tuple[float, float]:
    """The window; by default the filled states, or all where the Fermi energy is not known or not on the axis."""
    if isinstance(window, str):
        one_of("window", window, ("all",), who=who)
        return as_window(None, axis, who=who)
    if window is None and isinstance(ds, xr.Dataset) and "fermi_energy" in ds and ds["fermi_energy"].ndim == 0:
        fermi = float(ds["fermi_energy"])
        if axis[0] < fermi < axis[-1]:
            return float(axis[0]), fermi
    return as_window(window, axis, who=who)


def _say(status: np.ndarray, who: str) -> None:
    bad = np.flatnonzero(status)
    if bad.size:
        kinds = ", ".join(f"{int((status == k).sum())} {STATUS[k]}" for k in np.unique(status[bad]))
        some = ", ".join(map(str, bad[:6])) + (" …" if bad.size > 6 else "")
        warn(f"{who}: {bad.size} of {status.size} sites cannot be compared ({kinds}): {some}. See status.")
