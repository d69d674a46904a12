"""Vibrations: spectra of the velocities of a trajectory."""

from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy import fft, signal

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.structure._check import check_structure, finish, group_atoms, positive
from mi_widgets.structure._motion import mass_of, spacing_of, unwrapped_position

__all__ = ["vdos"]

_SECONDS = {"fs": 1e-15, "ps": 1e-12, "ns": 1e-9, "us": 1e-6, "s": 1.0}
#: 1 THz in each unit
_UNITS = {"THz": 1.0, "1/cm": 33.35640951981521}
_SPELLINGS = {"cm-1": "1/cm", "cm^-1": "1/cm"}
#: Fewest frames of a part
_LEAST = 8
#: Full width at half maximum of a line seen through a Hann window, times the window's length
_HANN = 1.4406


def vdos(
    trajectory: xr.Dataset,
    *,
    by: str = "element",
    units: Literal["THz", "1/cm", "cm-1"] = "THz",
    resolution: float | None = None,
) -> xr.Dataset:
    r"""Find the vibrational density of states from the velocities of a trajectory, in all and for each species.

    .. math:: g(\nu) \propto \sum_i m_i \left| \int v_i(t)\, w(t)\, e^{-2 \pi i \nu t}\, dt \right|^2

    which is the Fourier transform of the mass-weighted velocity autocorrelation [1]_. In a harmonic solid whose modes
    all have the energy kT, it is the density of normal modes.

    Parameters
    ----------
    trajectory : xarray.Dataset
        Trajectory with ``time``. Its ``velocity`` is used; without one, central differences of the unwrapped positions,
        whose damping of high frequencies is divided out (frames must be closer than a quarter of the shortest period).
        A lazy trajectory gives a lazy result.
    by : str
        Per-atom array by which atoms are grouped.
    units : {"THz", "1/cm"}
        Unit of the frequency; ``"cm-1"`` is ``"1/cm"``.
    resolution : float, optional
        Width (in `units`) below which lines are not resolved: the run is cut into overlapping parts of a length that
        gives it, and their spectra are averaged. By default that of the whole run.

    Returns
    -------
    xarray.Dataset
        Coordinates ``species`` (``"all"`` first) and ``frequency``, and ``vdos`` (species, frequency) in the inverse
        unit: the integral of ``"all"`` is 1, that of a species its share. Its attribute ``resolution`` is the full
        width at half maximum (in `units`) that a single line has in it.

    Raises
    ------
    LabelError
        Frames have no time, or there is no array `by`.
    DataError
        There are fewer than eight frames or two atoms, nothing moves, frames are not equally spaced, or the mass of a
        species is not known (give ``mass`` (atom) then).
    ParameterError
        The unit is unknown, or the resolution is not above zero, finer than the run allows, or so coarse
        that a part would have fewer than eight frames.

    Notes
    -----
    The centre of mass is held at rest. A Hann window is used: in a run (or part) of length T, a line at nu_0 is seen
    as

    .. math:: R(\nu) \propto \left[\frac{\operatorname{sinc}(x)}{1 - x^2}\right]^2, \qquad x = (\nu - \nu_0) T

    which is 1.44 / T wide. Another spectrum is compared with this one after it was broadened by R: of a harmonic
    crystal whose modes all have the energy kT, the normal modes are then found to 1 part in 1,000. In a run at a
    temperature the energy of each mode is random: it keeps it for as long as it lives, and the heights of single lines
    say little unless several runs, or one much longer than that, are averaged.

    References
    ----------
    .. [1] J. M. Dickey and A. Paskin, Phys. Rev. 188, 1407 (1969), doi:10.1103/PhysRev.188.1407

    Examples
    --------
    >>> from mi_widgets.datasets import make_harmonic_crystal
    >>> found = vdos(make_harmonic_crystal(n_frames=256))
    >>> round(float(found.vdos.sel(species="all").integrate("frequency")), 2)
    1.0
    """
    who = "vdos"
    units = _SPELLINGS.get(units, units)  # type: ignore[assignment]
    if units not in _UNITS:
        raise ParameterError(f"{who}: units must be 'THz' or '1/cm'; got {units!r}.")
    check_structure(trajectory, who=who)
    if "frame" not in trajectory["position"].dims or trajectory.sizes["frame"] < 8:
        raise DataError(f"{who} needs a trajectory of eight frames or more.")
    if trajectory.sizes["atom"] < 2:
        raise DataError(f"{who} needs two atoms or more: motion is counted from the centre of mass.")
    names, group = group_atoms(trajectory, by, who=who)
    spacing, unit = spacing_of(trajectory, who)
    if unit not in _SECONDS:
        raise LabelError(f"{who}: frames have no time; write read_trajectory(path, timestep=1.0).")
    step = spacing * _SECONDS[unit] * 1e12 / _UNITS[units]  # so that 1 / step is a frequency in the wanted unit
    velocity, derived = _velocities(trajectory)
    length = _length(resolution, velocity.sizes["frame"], step, units)
    weight = xr.DataArray(mass_of(trajectory, who=who), dims="atom")
    inside = velocity - (velocity * weight).sum("atom") / weight.sum()
    if not hasattr(velocity.data, "dask") and not float(np.abs(inside).max()) > 1e-12 * float(np.abs(velocity).max()):
        raise DataError(f"{who}: nothing moves against the centre of mass; the spectrum is not defined.")
    power = xr.apply_ufunc(
        _power, inside, input_core_dims=[["frame", "axis"]], output_core_dims=[["frequency"]], dask="parallelized",
        kwargs={"length": length}, output_dtypes=[float],
        dask_gufunc_kwargs={"output_sizes": {"frequency": length // 2 + 1}},
    )  # fmt: skip
    power = power * weight
    rows = [power.isel(atom=np.flatnonzero(group == k)).sum("atom") for k in range(len(names))]
    table = xr.concat([power.sum("atom"), *rows], dim="species").transpose("species", "frequency")
    frequency = fft.rfftfreq(length, step)
    if derived:
        table = table * _undamped(frequency * step)
    total = table.isel(species=0).sum("frequency") * (frequency[1] - frequency[0])
    labelled = (table / total).assign_coords(
        species=("species", ["all", *map(str, names)], {"long_name": by}),
        frequency=("frequency", frequency, {"units": units, "long_name": "frequency"}),
    )
    inverse = "1/THz" if units == "THz" else "cm"
    labelled.attrs = {
        "units": inverse, "long_name": "vibrational density of states", "resolution": _HANN / (length * step),
    }  # fmt: skip
    parameters = {"by": by, "units": units, "resolution": resolution}
    return finish(xr.Dataset({"vdos": labelled}), who, "Vibrational density of states", parameters, of=trajectory)


def _length(resolution: float | None, n: int, step: float, units: str) -> int:
    """Number of frames of a part that has the wanted resolution."""
    if resolution is None:
        return n
    wanted = _HANN / (step * positive("resolution", resolution, who="vdos"))
    if wanted > n * 1.001:
        raise ParameterError(f"vdos: this run resolves {_HANN / (n * step):.3g} {units}; {resolution} is finer.")
    if wanted < min(_LEAST, n):
        raise ParameterError(
            f"vdos: resolution={resolution} {units} leaves parts of {wanted:.2g} frames; write "
            f"{_HANN / (_LEAST * step):.3g} or less."
        )
    return min(n, int(np.ceil(wanted)))


def _velocities(trajectory: xr.Dataset) -> tuple[xr.DataArray, bool]:
    """Velocities in any unit, and whether they come from positions."""
    derived = "velocity" not in trajectory
    if derived:
        position = (
            unwrapped_position(trajectory, who="vdos").reset_coords(drop=True).drop_vars("frame", errors="ignore")
        )
        velocity = position.shift(frame=-1) - position.shift(frame=1)
        velocity = velocity.isel(frame=slice(1, -1))
    else:
        velocity = trajectory["velocity"].reset_coords(drop=True).drop_vars("frame", errors="ignore")
    if hasattr(velocity.data, "dask"):
        velocity = velocity.chunk({"frame": -1, "axis": -1, "atom": "auto"})
    return xr.apply_ufunc(_checked, velocity, dask="parallelized", output_dtypes=[float]), derived


def _checked(velocity: np.ndarray) -> np.ndarray:
    if not np.isfinite(velocity).all():
        raise DataError("vdos: velocities (or positions) are not finite; leave those atoms out with isel(atom=...).")
    return velocity


def _undamped(phase: np.ndarray) -> np.ndarray:
    """What central differences took from each frequency; nothing is given back near the Nyquist frequency."""
    factor = np.sinc(2 * phase) ** 2  # sin(2 pi nu dt) / (2 pi nu dt)
    return np.asarray(np.where(phase < 0.4, 1 / np.maximum(factor, 0.02), 0.0))


def _power(velocity: np.ndarray, *, length: int) -> np.ndarray:
    """Power spectrum of (..., n_frames, 3), summed over axes, averaged over half-overlapping parts."""
    n = velocity.shape[-2]
    window = signal.windows.hann(length, sym=False)[:, None]
    starts = np.linspace(0, n - length, max(round(2 * n / length) - 1, 1)).astype(int)
    total: Any = 0.0
    for start in starts:
        part = velocity[..., start : start + length, :] * window
        total = total + np.square(np.abs(fft.rfft(part, axis=-2))).sum(axis=-1)
    return np.asarray(total / starts.size)
