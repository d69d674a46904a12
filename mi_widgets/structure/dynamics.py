"""What moves: positions without jumps, mean squared displacement."""

import numpy as np
import xarray as xr

from mi_widgets.structure._check import check_structure, finish, group_atoms
from mi_widgets.structure._motion import counts_images, mean_squares, paths_of, unwrapped_position

__all__ = ["msd", "unwrap"]


def unwrap(trajectory: xr.Dataset) -> xr.Dataset:
    """Follow each atom across the faces of the cell: positions without jumps.

    From frame to frame the shortest way is taken, however skewed the cell, and the displacements are added [1]_, which
    is right also where the cell changes; an atom must move by less than half the cell between frames. Where the file
    knew better, nothing is guessed: ``image`` (frame, atom, cell_vector), whole numbers, says in which cell an atom is,
    and positions whose attribute ``unwrapped`` is 1 do not jump.

    Parameters
    ----------
    trajectory : xarray.Dataset
        Trajectory; a lazy one stays lazy, atoms in chunks and all frames of them at once.

    Returns
    -------
    xarray.Dataset
        `trajectory` with ``position`` unwrapped and marked ``unwrapped`` = 1, without the ``image`` that was used;
        frame 0 is as it was unless ``image`` moves it.

    Raises
    ------
    LabelError
        There is no dimension ``frame``.
    DataError
        A cell is flat, or zero where the structure repeats.

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
    position = unwrapped_position(trajectory, who="unwrap")
    kept = trajectory.drop_vars("image") if counts_images(trajectory) else trajectory
    title = f"{trajectory.attrs.get('title', 'trajectory')}, unwrapped"
    return finish(kept.assign(position=position), "unwrap", title, {}, of=trajectory)


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
        There is no dimension ``frame``, no array `by`, or times without a unit of time.
    DataError
        Times are not equally spaced, positions are not finite, or a drift is to be removed and a mass is not known.

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
    check_structure(trajectory, who="msd")
    names, group = group_atoms(trajectory, by, who="msd")
    position, lag = paths_of(trajectory, unwrapped=unwrapped, remove_drift=remove_drift, who="msd")
    squares = xr.apply_ufunc(
        mean_squares, position, input_core_dims=[["frame", "axis"]], output_core_dims=[["lag"]], dask="parallelized",
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
        {"by": by, "unwrapped": unwrapped, "remove_drift": remove_drift}, of=trajectory,
    )  # fmt: skip
