"""Diffusion coefficients with honest errors."""

from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.structure._check import check_structure, finish, group_atoms, positive, whole
from mi_widgets.structure._motion import PICOSECONDS, mean_squares, paths_of, spacing_of

__all__ = ["diffusion_coefficient"]

#: Boltzmann's constant (J/K), CODATA 2018 (exact)
_BOLTZMANN = 1.380649e-23
#: Potential of a charge in a cubic lattice of its images on a neutral background, times the edge
_WIGNER = 2.837297


def diffusion_coefficient(
    trajectory: xr.Dataset,
    *,
    by: str = "element",
    fit: tuple[float, float] | None = None,
    n_blocks: int = 10,
    n_dims: int = 3,
    unwrapped: bool = False,
    remove_drift: bool = False,
    viscosity: float | None = None,
    temperature: float | None = None,
) -> xr.Dataset:
    r"""Find the diffusion coefficient of each species, with a standard error from independent parts of the run.

    The slope of the mean squared displacement is fitted between two lags, MSD = 2 d D t + c, with the weights of a
    random walk, 1 / t². The run is cut into blocks; each block gives an estimate, their mean is the result, and its
    standard error their scatter over the square root of their number. Nothing is assumed about how atoms depend on
    each other; what is needed is that a block is longer than anything the atoms remember.

    Parameters
    ----------
    trajectory : xarray.Dataset
        Trajectory with ``time``.
    by : str
        Per-atom array by which atoms are grouped.
    fit : (float, float), optional
        Lags (in the unit of ``time``) between which the line is fitted; by default from a tenth to a half of a block.
    n_blocks : int
        Number of blocks, 4 at least.
    n_dims : int
        Number of directions in which atoms move (1 to 3): d.
    unwrapped, remove_drift : bool
        As in `msd`.
    viscosity, temperature : float, optional
        Shear viscosity of the liquid (Pa s) and temperature (K): both together correct for the finite size of a cubic
        cell [1]_ of edge L, in which an atom is slowed down by its own images,

        .. math:: D = D_\mathrm{cell} + \frac{2.837297\, k_B T}{6 \pi \eta L}

    Returns
    -------
    xarray.Dataset
        Over ``species``:

        - ``diffusion_coefficient``, ``diffusion_coefficient_stderr``, angstrom**2/ps
        - ``diffusion_coefficient_low``, ``diffusion_coefficient_high``: interval that holds the truth in 95 % of
          such runs, by Student's t
        - ``exponent``, 1: slope of log MSD against log t in the fitted range; well below 1 means that atoms are caged
          and the coefficient means little
        - ``finite_size_correction`` (no dims), angstrom**2/ps: what was added to each coefficient, where asked for; its
          own error, that of the viscosity, is not in theirs

    Raises
    ------
    LabelError
        Frames have no time.
    DataError
        The run is too short for so many blocks, or a finite size is to be corrected and the cell is not cubic.
    ParameterError
        The range of lags is empty or outside a block, or viscosity comes without temperature.

    Notes
    -----
    Errors from blocks: E. Flyvbjerg and H. G. Petersen (1989), doi:10.1063/1.457480.

    References
    ----------
    .. [1] I.-C. Yeh and G. Hummer, J. Phys. Chem. B 108, 15873 (2004), doi:10.1021/jp0477147

    Examples
    --------
    >>> from mi_widgets.datasets import make_diffusing_atoms
    >>> run = make_diffusing_atoms(n_frames=2000, n_atoms=30, seed=1)
    >>> found = diffusion_coefficient(run)
    >>> low, high = found.diffusion_coefficient_low, found.diffusion_coefficient_high
    >>> ((low < run.true_diffusion) & (run.true_diffusion < high)).values
    array([ True,  True])
    """
    who = "diffusion_coefficient"
    names, group = group_atoms(trajectory, by, who=who)
    spacing, units = spacing_of(trajectory, who)
    if units not in PICOSECONDS:
        raise LabelError(
            f"{who}: frames have no time in {', '.join(PICOSECONDS)}; write trajectory.assign_coords(time=...)."
        )
    n_blocks, n_dims = whole("n_blocks", n_blocks, who=who, least=4), whole("n_dims", n_dims, who=who, most=3)
    added = _finite_size(trajectory, viscosity, temperature, n_dims, who)
    position, _ = paths_of(trajectory, unwrapped=unwrapped, remove_drift=remove_drift, who=who)
    x = np.asarray(position.transpose("atom", "frame", "axis").values, dtype=float)
    length = x.shape[1] // n_blocks
    if length < 10:
        raise DataError(f"{who}: {x.shape[1]} frames make {n_blocks} blocks of {length}; 10 frames each are needed.")
    first, last = (0.1 * length, 0.5 * length) if fit is None else (f / spacing for f in _between(fit, who))
    lags = np.arange(max(round(first), 1), round(last) + 1)
    if lags.size < 2 or lags[-1] >= length:
        raise ParameterError(
            f"{who}: lags from {first * spacing:g} to {last * spacing:g} {units} hold {lags.size} points, and a block "
            f"is {length * spacing:g} {units} long. Choose fit=(start, stop) inside a block, or fewer blocks."
        )
    time = lags * spacing * PICOSECONDS[units]
    table = np.full((len(names), 5), np.nan)
    for k in range(len(names)):
        paths = x[group == k]
        blocks = [mean_squares(paths[:, b * length : (b + 1) * length]).mean(axis=0)[lags] for b in range(n_blocks)]
        slopes = np.array([_line(time, values)[0] for values in blocks]) / (2 * n_dims)
        mean, error = slopes.mean() + (added or 0.0), slopes.std(ddof=1) / np.sqrt(slopes.size)
        reach = stats.t.ppf(0.975, slopes.size - 1) * error
        curve = np.mean(blocks, axis=0)
        exponent = _line(np.log(time), np.log(np.maximum(curve, 1e-300)), power=0)[0]
        table[k] = mean, error, mean - reach, mean + reach, exponent
    parameters = {
        "fit": [float(lags[0] * spacing), float(lags[-1] * spacing)], "fit_units": units, "n_blocks": n_blocks,
        "by": by, "n_dims": n_dims, "unwrapped": unwrapped, "remove_drift": remove_drift, "viscosity": viscosity,
        "temperature": temperature,
    }  # fmt: skip
    return _dataset(table, [str(n) for n in names], added, parameters, trajectory)


def _between(fit: Any, who: str) -> tuple[float, float]:
    """The two lags of a range."""
    try:
        first, last = (float(lag) for lag in fit)
    except (TypeError, ValueError):
        first, last = np.nan, np.nan
    if not (np.isfinite(first) and np.isfinite(last)):
        raise ParameterError(f"{who}: fit must be two lags, such as fit=(10.0, 50.0); got {fit!r}.")
    return first, last


def _finite_size(
    trajectory: xr.Dataset, viscosity: float | None, temperature: float | None, n_dims: int, who: str
) -> float | None:
    """What the images of a cubic cell take from a coefficient (angstrom**2/ps)."""
    if viscosity is None and temperature is None:
        return None
    if viscosity is None or temperature is None:
        raise ParameterError(f"{who}: viscosity= (Pa s) and temperature= (K) are needed together.")
    eta, kelvin = (
        positive(name, value, who=who) for name, value in (("viscosity", viscosity), ("temperature", temperature))
    )
    frames = check_structure(trajectory, who=who)
    cells = np.asarray(frames.cell, dtype=float)
    length = np.linalg.norm(cells, axis=-1)
    metric = np.einsum("fik,fjk->fij", cells, cells)
    cubic = np.abs(metric - np.eye(3) * metric[:, :1, :1]).max() <= 1e-3 * np.square(length).max(initial=0.0)
    if not frames.pbc.all() or n_dims != 3 or not cubic:
        raise DataError(
            f"{who}: the correction for a finite size is known for a cubic cell that repeats in three directions, and "
            "n_dims=3. Leave viscosity= out."
        )
    edge = float(length.mean()) * 1e-10
    return _WIGNER * _BOLTZMANN * kelvin / (6 * np.pi * eta * edge) * 1e8  # m**2/s to angstrom**2/ps


def _line(t: np.ndarray, y: np.ndarray, power: int = 2) -> np.ndarray:
    """Slope and intercept with weights t^-power."""
    weight = 1.0 / t ** (power / 2) if power else np.ones_like(t)
    return np.asarray(
        np.linalg.lstsq(np.stack([t, np.ones_like(t)], axis=1) * weight[:, None], y * weight, rcond=None)[0]
    )


def _dataset(
    table: np.ndarray, names: list[str], added: float | None, parameters: dict[str, Any], trajectory: xr.Dataset
) -> xr.Dataset:
    unit, name = "angstrom**2/ps", "diffusion coefficient"
    labels = {
        "diffusion_coefficient": (unit, name),
        "diffusion_coefficient_stderr": (unit, f"standard error of the {name}"),
        "diffusion_coefficient_low": (unit, f"lower end of the 95 % interval of the {name}"),
        "diffusion_coefficient_high": (unit, f"upper end of the 95 % interval of the {name}"),
        "exponent": ("1", "exponent of the mean squared displacement"),
    }
    data = {
        key: ("species", table[:, k], {"units": u, "long_name": text})
        for k, (key, (u, text)) in enumerate(labels.items())
    }
    ds = xr.Dataset(data, coords={"species": ("species", names, {"long_name": parameters["by"]})})
    if added is None:
        return finish(ds, "diffusion_coefficient", "Diffusion coefficients", parameters, of=trajectory)
    ds["finite_size_correction"] = (
        (),
        added,
        {"units": unit, "long_name": f"correction of the {name} for finite size"},
    )
    references = ["Yeh and Hummer (2004), 10.1021/jp0477147"]
    return finish(ds, "diffusion_coefficient", "Diffusion coefficients", parameters, references, of=trajectory)
