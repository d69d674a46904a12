"""Diffusion coefficients from velocities, beside those from displacements."""

import numpy as np
import xarray as xr
from scipy import fft, stats

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.structure._check import check_structure, finish, group_atoms, whole
from mi_widgets.structure._motion import PICOSECONDS, spacing_of

__all__ = ["green_kubo_diffusion"]


def green_kubo_diffusion(
    trajectory: xr.Dataset,
    *,
    by: str = "element",
    reach: float | None = None,
    n_blocks: int = 10,
    n_dims: int = 3,
) -> xr.Dataset:
    r"""Find diffusion coefficients from the velocity autocorrelation, with errors from independent parts of the run.

    .. math:: D = \frac{1}{d} \int_0^{t_\mathrm{max}} \langle v(0) \cdot v(t) \rangle \, dt

    the relation of Green and Kubo [1]_. The integral is taken by the trapezoidal rule up to `reach`: too early cuts the
    slow part off, too late adds noise, so look at ``running`` for a plateau. In molten silica at 3,900 K atoms rebound
    in their cages: the integral to 0.5 ps is 40 % too large, that to 2 ps right. The same run gives
    `diffusion_coefficient` by Einstein's relation; where the two disagree by more than their errors the run is too
    short for either.

    Parameters
    ----------
    trajectory : xarray.Dataset
        Trajectory with ``time`` and ``velocity`` (frame, atom, axis), angstrom/fs; frames closer than the fastest
        vibration needs (5 fs and less), since nothing between frames is seen.
    by : str
        Per-atom array by which atoms are grouped.
    reach : float, optional
        Where the integral ends, in the unit of ``time``; by default a quarter of a block.
    n_blocks : int
        Number of parts of the run, 4 at least.
    n_dims : int
        Number of directions in which atoms move, 1 to 3.

    Returns
    -------
    xarray.Dataset
        Over ``species``: ``diffusion_coefficient``, ``diffusion_coefficient_stderr``, and the ends of the 95 % interval
        ``diffusion_coefficient_low``, ``diffusion_coefficient_high``, angstrom**2/ps; over (species, lag):
        ``autocorrelation``, angstrom**2/ps**2, and ``running`` and ``running_stderr``, the integral up to each lag,
        angstrom**2/ps.

    Raises
    ------
    LabelError
        Frames have no time, or there is no velocity in angstrom/fs.
    DataError
        The run is too short for so many blocks, or velocities are not finite.
    ParameterError
        `reach` is not inside a block.

    References
    ----------
    .. [1] R. Kubo, J. Phys. Soc. Jpn. 12, 570 (1957), doi:10.1143/JPSJ.12.570

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> rng = np.random.default_rng(0)
    >>> v = 0.01 * rng.standard_normal((400, 8, 3))
    >>> run = label_structure(np.zeros((400, 8, 3)), ["Ar"] * 8, time=np.arange(400.0))
    >>> run["velocity"] = (("frame", "atom", "axis"), v, {"units": "angstrom/fs"})
    >>> green_kubo_diffusion(run, reach=5.0).sizes["lag"]
    6
    """
    who = "green_kubo_diffusion"
    check_structure(trajectory, who=who)
    names, group = group_atoms(trajectory, by, who=who)
    spacing, units = spacing_of(trajectory, who)
    if units not in PICOSECONDS:
        raise LabelError(f"{who}: frames have no time in {', '.join(PICOSECONDS)}.")
    n_blocks, n_dims = whole("n_blocks", n_blocks, who=who, least=4), whole("n_dims", n_dims, who=who, most=3)
    velocity = _velocity(trajectory, who)
    length = velocity.shape[1] // n_blocks
    if length < 10:
        raise DataError(f"{who}: {velocity.shape[1]} frames make {n_blocks} blocks of {length}; 10 each are needed.")
    last = length // 4 if reach is None else round(reach / spacing)
    if not 2 <= last < length:
        raise ParameterError(
            f"{who}: reach={reach} {units} must hold two frames and lie inside a block of {length * spacing:g} {units}."
        )
    step = spacing * PICOSECONDS[units]
    lag = np.arange(last + 1)
    curves, running = np.empty((len(names), n_blocks, last + 1)), np.zeros((len(names), n_blocks, last + 1))
    for k in range(len(names)):
        for b in range(n_blocks):
            curves[k, b] = _autocorrelation(velocity[group == k, b * length : (b + 1) * length])[: last + 1]
    running[..., 1:] = np.cumsum(0.5 * (curves[..., 1:] + curves[..., :-1]), axis=-1) * step / n_dims
    mean, error = running.mean(axis=1), running.std(axis=1, ddof=1) / np.sqrt(n_blocks)
    margin = stats.t.ppf(0.975, n_blocks - 1) * error[:, -1]
    unit, name = "angstrom**2/ps", "diffusion coefficient"
    one = {
        "diffusion_coefficient": (mean[:, -1], name),
        "diffusion_coefficient_stderr": (error[:, -1], f"standard error of the {name}"),
        "diffusion_coefficient_low": (mean[:, -1] - margin, f"lower end of the 95 % interval of the {name}"),
        "diffusion_coefficient_high": (mean[:, -1] + margin, f"upper end of the 95 % interval of the {name}"),
    }
    over = {
        "autocorrelation": (curves.mean(axis=1), "angstrom**2/ps**2", "velocity autocorrelation"),
        "running": (mean, unit, f"{name}, integrated up to the lag"),
        "running_stderr": (error, unit, "standard error of the integral"),
    }
    ds = xr.Dataset(
        {key: ("species", v, {"units": unit, "long_name": text}) for key, (v, text) in one.items()}
        | {key: (("species", "lag"), v, {"units": u, "long_name": text}) for key, (v, u, text) in over.items()},
        {
            "species": ("species", [str(n) for n in names], {"long_name": by}),
            "lag": ("lag", lag * spacing, {"units": units, "long_name": "lag"}),
        },
    )
    parameters = {"by": by, "reach": float(last * spacing), "n_blocks": n_blocks, "n_dims": n_dims}
    return finish(ds, who, "Diffusion coefficients from velocities", parameters, of=trajectory)


def _velocity(trajectory: xr.Dataset, who: str) -> np.ndarray:
    """Velocities (atom, frame, axis) in angstrom/ps."""
    if "velocity" not in trajectory or set(trajectory["velocity"].dims) != {"frame", "atom", "axis"}:
        raise LabelError(f"{who} needs velocity (frame, atom, axis); without it use diffusion_coefficient(trajectory).")
    given = trajectory["velocity"].attrs.get("units")
    if given != "angstrom/fs":
        raise LabelError(f"{who}: velocity must be in angstrom/fs; it is in {given!r}.")
    velocity = np.asarray(trajectory["velocity"].transpose("atom", "frame", "axis").values, dtype=float) * 1e3
    if not np.isfinite(velocity).all():
        raise DataError(f"{who}: velocities are not finite.")
    return velocity


def _autocorrelation(velocity: np.ndarray) -> np.ndarray:
    """Mean over atoms of the product of velocities (atom, frame, axis) at every lag."""
    n = velocity.shape[1]
    power = np.square(np.abs(fft.rfft(velocity, n=2 * n, axis=1))).sum(axis=(0, 2))
    return np.asarray(fft.irfft(power)[:n] / (n - np.arange(n)) / max(len(velocity), 1))
