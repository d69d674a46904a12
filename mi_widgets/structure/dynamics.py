"""What moves: unwrapped positions, mean squared displacement, diffusion, Arrhenius' law."""

import numpy as np
import xarray as xr
from scipy import fft, stats

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.structure._cells import complete_cell
from mi_widgets.structure._check import check_structure, finish, group_atoms
from mi_widgets.structure._elements import masses

__all__ = ["diffusion_coefficient", "fit_arrhenius", "msd", "unwrap"]

#: Boltzmann's constant (eV/K), CODATA 2018 (exact)
BOLTZMANN = 8.617333262e-5
_PICOSECONDS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "s": 1e12, "us": 1e6}


def unwrap(trajectory: xr.Dataset) -> xr.Dataset:
    """Follow each atom across the faces of the cell: positions without jumps.

    From frame to frame the shortest way is taken, and the displacements are added [1]_, which is right also where the
    cell changes; an atom must move by less than half the cell between frames.

    Parameters
    ----------
    trajectory : xarray.Dataset
        Trajectory; a lazy one stays lazy, atoms in chunks and all frames of them at once.

    Returns
    -------
    xarray.Dataset
        `trajectory` with ``position`` unwrapped; frame 0 is as it was.

    Raises
    ------
    LabelError
        There is no dimension ``frame``.

    References
    ----------
    .. [1] S. von Bülow et al., J. Chem. Phys. 153, 021101 (2020), doi:10.1063/5.0008316

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> run = label_structure([[[3.9, 0, 0]], [[0.1, 0, 0]]], ["Ar"], cell=np.eye(3) * 4)
    >>> unwrap(run).position.sel(axis="x").values.ravel().tolist()
    [3.9, 4.1]
    """
    frames = check_structure(trajectory, who="unwrap")
    if "frame" not in trajectory["position"].dims:
        raise LabelError("unwrap needs a trajectory with the dimension 'frame'; this is one structure.")
    position = trajectory["position"].transpose("frame", "atom", "axis")
    whole = trajectory["cell"].transpose(..., "cell_vector", "axis")
    cell = whole if "frame" in whole.dims else whole.expand_dims(frame=1)
    cell = cell.rename(frame="cell_frame") if cell.sizes["frame"] == 1 else cell
    lead = "cell_frame" if "cell_frame" in cell.dims else "frame"
    if frames.lazy:
        position = position.chunk({"frame": -1, "axis": -1, "atom": "auto"})
        cell = cell.chunk(dict.fromkeys(cell.dims, -1))
    out = xr.apply_ufunc(
        _unwrap,
        position,
        cell,
        input_core_dims=[["frame", "axis"], [lead, "cell_vector", "axis"]],
        output_core_dims=[["frame", "axis"]],
        kwargs={"pbc": frames.pbc},
        dask="parallelized",
        output_dtypes=[float],
    )
    out.attrs = dict(trajectory["position"].attrs)
    return trajectory.assign(position=out.transpose("frame", "atom", "axis"))


def _unwrap(position: np.ndarray, cell: np.ndarray, *, pbc: np.ndarray) -> np.ndarray:
    """Unwrapped positions (..., n_frames, 3)."""
    out = np.array(position, dtype=float)
    if not pbc.any() or out.shape[-2] < 2:
        return out
    cells = np.array([complete_cell(c) for c in cell])
    after = cells[1:] if len(cells) > 1 else cells
    step = np.diff(out, axis=-2)
    fraction = np.einsum("...fi,fij->...fj", step, np.broadcast_to(np.linalg.inv(after), (step.shape[-2], 3, 3)))
    turns = np.where(pbc, np.round(fraction), 0.0)
    step -= np.einsum("...fi,fij->...fj", turns, np.broadcast_to(after, (step.shape[-2], 3, 3)))
    out[..., 1:, :] = out[..., :1, :] + np.cumsum(step, axis=-2)
    return out


def msd(
    trajectory: xr.Dataset, *, by: str = "element", unwrapped: bool = False, remove_drift: bool = False
) -> xr.Dataset:
    r"""Find the mean squared displacement over all starting times, for each species.

    .. math:: \mathrm{MSD}(m) = \frac{1}{N (T - m)} \sum_{i, t} |x_i(t + m) - x_i(t)|^2

    by fast Fourier transforms [1]_, so that time grows as T log T.

    Parameters
    ----------
    trajectory : xarray.Dataset
        Trajectory with frames at equal times; a lazy one stays lazy.
    by : str
        Per-atom array by which atoms are grouped.
    unwrapped : bool
        Positions do not jump at the faces of the cell; else they are unwrapped first, as by `unwrap`.
    remove_drift : bool
        Subtract the motion of the centre of mass first.

    Returns
    -------
    xarray.Dataset
        ``msd`` (species, lag), angstrom**2; coordinates ``species``, and ``lag`` in the unit of ``time``, or in frames
        (unit 1) where there is no time.

    Raises
    ------
    LabelError
        There is no dimension ``frame``, or no array `by`.
    DataError
        Times are not equally spaced, or positions are not finite.

    References
    ----------
    .. [1] V. Calandrini et al., Collection SFN 12, 201 (2011), doi:10.1051/sfn/201112010

    Examples
    --------
    >>> from mi_widgets.datasets import make_diffusing_atoms
    >>> found = msd(make_diffusing_atoms(n_frames=200, n_atoms=20))
    >>> found.msd.dims
    ('species', 'lag')
    """
    names, group = group_atoms(trajectory, by, who="msd")
    position, lag = _paths(trajectory, unwrapped=unwrapped, remove_drift=remove_drift, who="msd")
    squares = xr.apply_ufunc(
        _msd, position, input_core_dims=[["frame", "axis"]], output_core_dims=[["lag"]], dask="parallelized",
        output_dtypes=[float], dask_gufunc_kwargs={"output_sizes": {"lag": position.sizes["frame"]}},
    )  # fmt: skip
    rows = [squares.isel(atom=np.flatnonzero(group == k)).mean("atom") for k in range(len(names))]
    values = xr.concat(rows, dim="species") if rows else squares.isel(atom=slice(0, 0)).rename(atom="species")
    values = values.drop_vars(list(values.coords), errors="ignore").assign_coords(
        species=("species", [str(n) for n in names], {"long_name": by}), lag=lag
    )
    values.attrs = {"units": "angstrom**2", "long_name": "mean squared displacement"}
    return finish(
        xr.Dataset({"msd": values.transpose("species", "lag")}), "msd", "Mean squared displacement",
        {"by": by, "unwrapped": unwrapped, "remove_drift": remove_drift},
    )  # fmt: skip


def _paths(
    trajectory: xr.Dataset, *, unwrapped: bool, remove_drift: bool, who: str
) -> tuple[xr.DataArray, xr.DataArray]:
    """Positions without jumps and, where asked for, without drift; and the lags."""
    run = trajectory if unwrapped else unwrap(trajectory)
    if "frame" not in run["position"].dims:
        raise LabelError(f"{who} needs a trajectory with the dimension 'frame'; this is one structure.")
    position = run["position"].reset_coords(drop=True)
    if not hasattr(position.data, "dask") and not np.isfinite(position.values).all():
        raise DataError(f"{who}: positions are not finite in some frames. Leave those atoms out with isel(atom=...).")
    if remove_drift and position.sizes["atom"]:
        weight = xr.DataArray(_mass(trajectory), dims="atom")
        centre = (position * weight).sum("atom") / weight.sum()
        position = position - centre
    if hasattr(position.data, "dask"):
        position = position.chunk({"frame": -1, "axis": -1, "atom": "auto"})
    spacing, units = spacing_of(trajectory, who)
    lag = np.arange(position.sizes["frame"]) * spacing
    return position, xr.DataArray(lag, dims="lag", attrs={"units": units, "long_name": "lag"})


def _mass(structure: xr.Dataset) -> np.ndarray:
    """Masses of the structure, or standard ones; equal where a species has none."""
    if "mass" in structure and structure["mass"].dims == ("atom",):
        return np.asarray(structure["mass"].values, dtype=float)
    try:
        return masses(structure["element"].values)
    except DataError:
        return np.ones(structure.sizes["atom"])


def spacing_of(trajectory: xr.Dataset, who: str) -> tuple[float, str]:
    """Time between frames and its unit; (1, "1") where frames have no time."""
    if "time" not in trajectory.coords or trajectory["time"].dims != ("frame",):
        return 1.0, "1"
    time = np.asarray(trajectory["time"].values, dtype=float)
    step = np.diff(time)
    if step.size and (
        not np.isfinite(step).all() or step[0] <= 0 or np.abs(step - step.mean()).max() > 1e-3 * step.mean()
    ):
        raise DataError(f"{who} needs frames at equal times that rise; select them with isel(frame=slice(0, None, n)).")
    return (float(step.mean()) if step.size else 1.0), str(trajectory["time"].attrs.get("units", "fs"))


def _msd(x: np.ndarray) -> np.ndarray:
    """Mean squared displacement of paths (..., n_frames, 3) at every lag."""
    x = x - x.mean(axis=-2, keepdims=True)  # small numbers: the difference of two sums is taken
    n = x.shape[-2]
    spectrum = fft.fft(x, n=2 * n, axis=-2)
    product = fft.ifft((spectrum * spectrum.conj()).real.sum(axis=-1), axis=-1).real[..., :n]
    square = np.square(x).sum(axis=-1)
    ahead = np.cumsum(square, axis=-1)
    total = ahead[..., -1:]
    lag = np.arange(n)
    # both sums of squares of the pairs (t, t + m), from cumulative sums
    early = ahead[..., ::-1]
    late = total - np.concatenate([np.zeros_like(total), ahead[..., :-1]], axis=-1)
    out = (early + late - 2 * product) / (n - lag)
    out[..., 0] = 0.0
    return np.asarray(np.maximum(out, 0.0))


def diffusion_coefficient(
    trajectory: xr.Dataset,
    *,
    by: str = "element",
    fit: tuple[float, float] | None = None,
    n_blocks: int = 10,
    n_dims: int = 3,
    unwrapped: bool = False,
    remove_drift: bool = False,
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

    Returns
    -------
    xarray.Dataset
        Over ``species``:

        - ``diffusion_coefficient``, ``diffusion_coefficient_stderr``, angstrom**2/ps
        - ``diffusion_coefficient_low``, ``diffusion_coefficient_high``: interval that holds the truth in 95 % of
          such runs, by Student's t
        - ``exponent``, 1: slope of log MSD against log t in the fitted range; well below 1 means that atoms are caged
          and the coefficient means little

    Raises
    ------
    LabelError
        Frames have no time.
    DataError
        The run is too short for so many blocks.
    ParameterError
        The range of lags is empty or outside a block.

    Notes
    -----
    E. Flyvbjerg and H. G. Petersen (1989), doi:10.1063/1.457480. The finite size of the cell is not corrected for.

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
    if units not in _PICOSECONDS:
        raise LabelError(
            f"{who}: frames have no time in {', '.join(_PICOSECONDS)}; write trajectory.assign_coords(time=...)."
        )
    if int(n_blocks) < 4 or n_dims not in (1, 2, 3):
        raise ParameterError(f"{who}: n_blocks must be 4 or more and n_dims 1 to 3; got {n_blocks} and {n_dims}.")
    position, _ = _paths(trajectory, unwrapped=unwrapped, remove_drift=remove_drift, who=who)
    x = np.asarray(position.transpose("atom", "frame", "axis").values, dtype=float)
    length = x.shape[1] // int(n_blocks)
    if length < 10:
        raise DataError(f"{who}: {x.shape[1]} frames make {n_blocks} blocks of {length}; 10 frames each are needed.")
    first, last = (0.1 * length, 0.5 * length) if fit is None else (f / spacing for f in fit)
    lags = np.arange(max(round(first), 1), round(last) + 1)
    if lags.size < 2 or lags[-1] >= length:
        raise ParameterError(
            f"{who}: lags from {first * spacing:g} to {last * spacing:g} {units} hold {lags.size} points, and a block "
            f"is {length * spacing:g} {units} long. Choose fit=(start, stop) inside a block, or fewer blocks."
        )
    time = lags * spacing * _PICOSECONDS[units]
    table = np.full((len(names), 5), np.nan)
    for k in range(len(names)):
        paths = x[group == k]
        blocks = [_msd(paths[:, b * length : (b + 1) * length]).mean(axis=0)[lags] for b in range(int(n_blocks))]
        slopes = np.array([_line(time, values)[0] for values in blocks]) / (2 * n_dims)
        mean, error = slopes.mean(), slopes.std(ddof=1) / np.sqrt(slopes.size)
        reach = stats.t.ppf(0.975, slopes.size - 1) * error
        whole = np.mean(blocks, axis=0)
        exponent = _line(np.log(time), np.log(np.maximum(whole, 1e-300)), power=0)[0]
        table[k] = mean, error, mean - reach, mean + reach, exponent
    return _diffusion_dataset(
        table, [str(n) for n in names], by, (lags[0] * spacing, lags[-1] * spacing), units, n_blocks
    )


def _line(t: np.ndarray, y: np.ndarray, power: int = 2) -> np.ndarray:
    """Slope and intercept with weights t^-power."""
    weight = 1.0 / t ** (power / 2) if power else np.ones_like(t)
    return np.asarray(
        np.linalg.lstsq(np.stack([t, np.ones_like(t)], axis=1) * weight[:, None], y * weight, rcond=None)[0]
    )


def _diffusion_dataset(
    table: np.ndarray, names: list[str], by: str, fit: tuple[float, float], units: str, n_blocks: int
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
    ds = xr.Dataset(data, coords={"species": ("species", names, {"long_name": by})})
    parameters = {"fit": [float(f) for f in fit], "fit_units": units, "n_blocks": int(n_blocks), "by": by}
    return finish(ds, "diffusion_coefficient", "Diffusion coefficients", parameters)


def fit_arrhenius(rate: xr.DataArray, stderr: xr.DataArray | None = None, *, dim: str = "temperature") -> xr.Dataset:
    r"""Fit Arrhenius' law to rates or diffusion coefficients at several temperatures.

    .. math:: D(T) = D_0 \exp\left(-\frac{E_a}{k_B T}\right)

    by weighted least squares of ln D against 1 / T; with standard errors given, those of the result are not made
    smaller where points happen to lie close to the line, and larger where they scatter by more than their errors.

    Parameters
    ----------
    rate : xarray.DataArray
        Values above zero with the dimension `dim`, whose coordinate is in K; other dims are kept.
    stderr : xarray.DataArray, optional
        Standard error of each value; without it all ln D weigh the same, and errors come from the scatter.
    dim : str
        Dimension of the temperature.

    Returns
    -------
    xarray.Dataset
        - ``activation_energy``, ``activation_energy_stderr``, eV
        - ``prefactor`` in the unit of `rate`, and ``log_prefactor``, ``log_prefactor_stderr`` (natural logarithm)
        - ``reduced_chi_squared``, 1: with `stderr` about 1 where the law holds; else NaN
        - ``activation_energy_low``, ``activation_energy_high``, eV: 95 % interval

    Raises
    ------
    LabelError
        There is no such dimension or coordinate.
    DataError
        Fewer than three temperatures have a value above zero, or a temperature is not above zero.

    Examples
    --------
    >>> temperature = np.array([1000.0, 1500.0, 2000.0, 3000.0])
    >>> rate = xr.DataArray(
    ...     5.0 * np.exp(-0.8 / (8.617333262e-5 * temperature)), dims="temperature", coords={"temperature": temperature}
    ... )
    >>> round(float(fit_arrhenius(rate).activation_energy), 6)
    0.8
    """
    if dim not in rate.dims or dim not in rate.coords:
        raise LabelError(
            f"fit_arrhenius needs dimension {dim!r} with its temperatures (K); this array has {rate.dims}."
        )
    temperature = np.asarray(rate[dim].values, dtype=float)
    if not (np.isfinite(temperature) & (temperature > 0)).all():
        raise DataError(f"fit_arrhenius: temperatures must be above zero kelvin; got {temperature.tolist()}.")
    error = xr.full_like(rate, np.nan, dtype=float) if stderr is None else stderr
    outputs = ("activation_energy", "activation_energy_stderr", "log_prefactor", "log_prefactor_stderr",
               "reduced_chi_squared", "activation_energy_low", "activation_energy_high")  # fmt: skip
    found = xr.apply_ufunc(
        _arrhenius, rate.astype(float), error, input_core_dims=[[dim], [dim]], output_core_dims=[["output"]],
        vectorize=True, kwargs={"temperature": temperature, "given": stderr is not None},
    )  # fmt: skip
    ds = xr.Dataset({name: found.isel(output=k) for k, name in enumerate(outputs)})
    ds["prefactor"] = np.exp(ds["log_prefactor"])
    for name in ds:
        text = str(name).replace("_", " ").replace("log", "logarithm of the").replace(" stderr", ", standard error")
        units = "eV" if "energy" in str(name) else str(rate.attrs.get("units", "1")) if name == "prefactor" else "1"
        ds[name].attrs = {"units": units, "long_name": text}
    return finish(ds, "fit_arrhenius", "Arrhenius' law", {"dim": dim})


def _arrhenius(rate: np.ndarray, error: np.ndarray, *, temperature: np.ndarray, given: bool) -> np.ndarray:
    use = np.isfinite(rate) & (rate > 0)
    if given:
        use &= np.isfinite(error) & (error > 0)
    n = int(use.sum())
    if n < 3:
        raise DataError(f"fit_arrhenius: {n} temperatures have a value (and error) above zero; three are needed.")
    x = 1 / (BOLTZMANN * temperature[use])
    weight = rate[use] / error[use] if given else np.ones(n)
    matrix = np.stack([-x, np.ones(n)], axis=1) * weight[:, None]
    target = np.log(rate[use]) * weight
    inverse = np.linalg.inv(matrix.T @ matrix)
    energy, log_prefactor = inverse @ (matrix.T @ target)
    chi = float(np.square(target - matrix @ [energy, log_prefactor]).sum() / (n - 2))
    scale = max(chi, 1.0) if given else chi
    errors = np.sqrt(np.diag(inverse) * scale)
    reach = errors[0] * (stats.norm.ppf(0.975) if given and chi <= 1 else stats.t.ppf(0.975, n - 2))
    return np.array(
        [energy, errors[0], log_prefactor, errors[1], chi if given else np.nan, energy - reach, energy + reach]
    )
