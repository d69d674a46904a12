"""Snapshots: structures with their energies and forces, from which a potential is learnt."""

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import label_structure
from mi_widgets.potentials._snapshot_checks import (
    RESERVED,
    check_elements,
    check_shapes,
    faults,
    ordered,
    require_snapshots,
    require_units,
)

__all__ = [
    "label_snapshots",
    "one_structure",
    "read_snapshots",
    "snapshots_from_ase",
    "snapshots_from_trajectory",
    "snapshots_to_ase",
]

_AXIS = ["x", "y", "z"]


def label_snapshots(
    position: Any,
    element: Any,
    energy: Any,
    *,
    cell: Any,
    force: Any = None,
    stress: Any = None,
    pbc: Any = True,
    info: Mapping[str, Any] | None = None,
    source: str | None = None,
) -> xr.Dataset:
    """Make snapshots, which may differ in their atoms, of plain arrays.

    Frames that cannot be learnt from (an energy or a force that is not a number, two atoms in one place) are left out,
    with a warning that counts them; ``frame`` keeps the numbers of the others.

    Parameters
    ----------
    position : array_like, shape (n_frames, n_atoms, 3), or sequence of (n_atoms, 3)
        Cartesian positions (angstrom), inside the cell or not.
    element : sequence of str, or one such sequence for each frame
        Chemical symbols.
    energy : array_like, shape (n_frames,)
        Total energy of each frame (eV).
    cell : array_like, shape (3, 3) or (n_frames, 3, 3)
        Cell vectors as rows (angstrom); zero rows where there is none.
    force : as `position`, optional
        Forces (eV/angstrom).
    stress : array_like, shape (n_frames, 3, 3), optional
        Stress (eV/angstrom^3), positive under tension; NaN where it is not known.
    pbc : bool, (bool, bool, bool) or array_like, shape (n_frames, 3)
        Whether a frame repeats along each cell vector.
    info : mapping, optional
        Further values for each frame, such as a temperature: name to array, or to (array, unit).
    source : str, optional
        Where the data come from.

    Returns
    -------
    xarray.Dataset
        Over ``frame``: ``energy`` (eV), ``n_atoms``, ``cell`` (frame, cell_vector, axis; angstrom), ``pbc`` (frame,
        cell_vector) and, where given, ``stress`` (frame, axis, axis_2; eV/angstrom^3) and `info` as coordinates. Over
        ``environment``, all atoms of all frames one after another: ``position`` (environment, axis; angstrom) and
        ``force`` (environment, axis; eV/angstrom), with the coordinates ``element``, ``frame_of`` (label of the frame)
        and ``atom_of`` (number in the frame).

    Raises
    ------
    DataError
        Shapes do not fit together, a symbol is no element, or no frame is left.
    ParameterError
        A name in `info` is that of a variable.

    Warns
    -----
    MIWidgetsWarning
        Frames are left out.

    Examples
    --------
    >>> position = [[[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.80]]]
    >>> snapshots = label_snapshots(position, ["H", "H"], [-31.7, -31.6], cell=np.zeros((3, 3)), pbc=False)
    >>> dict(snapshots.sizes)
    {'frame': 2, 'cell_vector': 3, 'axis': 3, 'environment': 4}
    """
    who = "label_snapshots"
    positions = [np.asarray(p, dtype=float) for p in position]
    n = len(positions)
    if n == 0:
        raise DataError(f"{who}: there is no frame.")
    alike = len(element) > 0 and isinstance(element[0], str)
    elements = [np.asarray(e, dtype=np.str_).reshape(-1) for e in ([element] * n if alike else element)]
    forces = None if force is None else [np.asarray(f, dtype=float) for f in force]
    energies = np.asarray(energy, dtype=float)
    cells, repeats = np.asarray(cell, dtype=float), np.asarray(pbc, dtype=bool)
    if len(elements) != n or energies.shape != (n,) or (forces is not None and len(forces) != n):
        raise DataError(
            f"{who}: {n} frames of positions need as many energies (got {energies.shape}), lists of elements (got "
            f"{len(elements)}) and arrays of forces."
        )
    if cells.shape not in {(3, 3), (n, 3, 3)} or repeats.shape not in {(), (3,), (n, 3)}:
        raise DataError(
            f"{who}: cell must have shape (3, 3) or ({n}, 3, 3) and pbc one value, three, or ({n}, 3); got "
            f"{cells.shape} and {repeats.shape}. Write cell=np.diag([a, b, c])."
        )
    check_shapes(positions, elements, forces, who)
    check_elements(elements, who)
    cells, repeats = np.broadcast_to(cells, (n, 3, 3)), np.broadcast_to(repeats, (n, 3))
    wrong = faults(positions, cells, repeats, energies, forces, need_force=True)
    keep = _kept(n, wrong, who)
    per_frame = {name: (value if isinstance(value, tuple) else (value, "1")) for name, value in (info or {}).items()}
    ds = _dataset(
        [positions[i] for i in keep],
        [elements[i] for i in keep],
        energies[keep],
        cells[keep],
        repeats[keep],
        None if forces is None else [forces[i] for i in keep],
        None if stress is None else np.broadcast_to(np.asarray(stress, dtype=float), (n, 3, 3))[keep],
        keep,
    )
    for name, (value, units) in per_frame.items():
        if name in RESERVED:
            raise ParameterError(f"{who}: info cannot hold {name!r}, which is a name of its own here. Rename it.")
        values = np.asarray(value)
        if values.shape != (n,):
            raise DataError(f"{who}: {name!r} must have one value for each of {n} frames; got shape {values.shape}.")
        text = {} if values.dtype.kind in "UO" else {"units": units}
        ds = ds.assign_coords({name: ("frame", values[keep], {**text, "long_name": name.replace("_", " ")})})
    ds.attrs = origin(
        "potentials.label_snapshots", "snapshots", {"n_frames": n, "left_out": sorted(wrong)}, source=source
    )
    return ds


def _kept(n: int, wrong: Mapping[int, str], who: str) -> np.ndarray:
    if wrong:
        reasons: dict[str, list[int]] = {}
        for i, why in wrong.items():
            reasons.setdefault(why, []).append(i)
        text = "; ".join(f"{why}: {len(i)} (frame {', '.join(map(str, i[:5]))})" for why, i in reasons.items())
        if len(wrong) == n:
            raise DataError(f"{who}: none of {n} frames can be learnt from: {text}.")
        warnings.warn(f"{who}: {len(wrong)} of {n} frames are left out: {text}.", MIWidgetsWarning, stacklevel=4)
    return np.array([i for i in range(n) if i not in wrong])


def _dataset(
    positions: Sequence[np.ndarray],
    elements: Sequence[np.ndarray],
    energy: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    forces: Sequence[np.ndarray] | None,
    stress: np.ndarray | None,
    labels: np.ndarray,
) -> xr.Dataset:
    sizes = [len(p) for p in positions]
    length = {"units": "angstrom"}
    ds = xr.Dataset(
        {
            "energy": ("frame", energy, {"units": "eV", "long_name": "energy"}),
            "n_atoms": ("frame", np.array(sizes), {"units": "1", "long_name": "number of atoms"}),
            "cell": (("frame", "cell_vector", "axis"), cell.copy(), {**length, "long_name": "cell"}),
            "pbc": (("frame", "cell_vector"), pbc.copy(), {"long_name": "periodic along the cell vector"}),
            "position": (("environment", "axis"), np.concatenate(positions), {**length, "long_name": "position"}),
        },
        {
            "frame": ("frame", np.asarray(labels), {"units": "1", "long_name": "frame"}),
            "axis": ("axis", _AXIS, {"long_name": "Cartesian axis"}),
            "cell_vector": ("cell_vector", ["a", "b", "c"], {"long_name": "cell vector"}),
            "element": ("environment", np.concatenate(elements), {"long_name": "chemical element"}),
            "frame_of": ("environment", np.repeat(labels, sizes), {"units": "1", "long_name": "frame of the atom"}),
            "atom_of": (
                "environment",
                np.concatenate([np.arange(k) for k in sizes]),
                {"units": "1", "long_name": "number of the atom in its frame"},
            ),
        },
    )
    if forces is not None:
        ds["force"] = (("environment", "axis"), np.concatenate(forces), {"units": "eV/angstrom", "long_name": "force"})
    if stress is not None and np.isfinite(stress).any():
        ds["stress"] = (("frame", "axis", "axis_2"), stress, {"units": "eV/angstrom^3", "long_name": "stress"})
        ds = ds.assign_coords(axis_2=("axis_2", _AXIS, {"long_name": "second Cartesian axis"}))
    return ds


def read_snapshots(path: str | os.PathLike[str]) -> xr.Dataset:
    r"""Read snapshots from extended XYZ, whichever code computed the energies and forces.

    Energies, forces and stress are found under the names that codes and collections use (``energy``, ``REF_energy``,
    ``dft_energy``, ``forces``, ``REF_forces``, ``stress``, ``virial`` …). Numbers and texts of the comment line that
    every frame has become coordinates.

    Parameters
    ----------
    path : path-like
        A file of extended XYZ; frames may differ in their atoms.

    Returns
    -------
    xarray.Dataset
        As `label_snapshots` makes it; no ``force`` or ``stress`` where no frame has one.

    Raises
    ------
    FileFormatError
        The file is missing, empty, damaged, or not extended XYZ.
    DataError
        No frame has an energy, or none can be learnt from.
    MissingDependencyError
        ASE is not installed.

    Warns
    -----
    MIWidgetsWarning
        Frames are left out: no energy, forces in other frames only, numbers that are none, atoms on each other.

    Examples
    --------
    >>> head = '2\nProperties=species:S:1:pos:R:3:forces:R:3 energy={} pbc="F F F"\n'
    >>> atoms = "H 0 0 0 0 0 -0.1\nH 0 0 {} 0 0 0.1\n"
    >>> with open("h2.xyz", "w") as file:
    ...     _ = file.write(head.format(-31.7) + atoms.format(0.7) + head.format(-31.6) + atoms.format(0.8))
    >>> read_snapshots("h2.xyz").energy.values
    array([-31.7, -31.6])
    """
    from mi_widgets.potentials._snapshot_ase import read_images

    images, name = read_images(path)
    ds = snapshots_from_ase(images)
    ds.attrs = origin("potentials.read_snapshots", "snapshots", {"path": name}, source=name)
    return ds


def snapshots_from_ase(images: Any) -> xr.Dataset:
    """Make snapshots of ASE's Atoms that have energies, and forces, computed already.

    Parameters
    ----------
    images : ase.Atoms or sequence of ase.Atoms
        With results of a calculator, or energies in ``info`` and forces in ``arrays``. Nothing is computed here.

    Returns
    -------
    xarray.Dataset
        As `label_snapshots` makes it, with the numbers and texts of ``info`` that every image has.

    Raises
    ------
    DataError
        No image has an energy, or none can be learnt from.
    MissingDependencyError
        ASE is not installed.

    Warns
    -----
    MIWidgetsWarning
        Frames are left out.

    Examples
    --------
    >>> from ase import Atoms
    >>> from ase.calculators.singlepoint import SinglePointCalculator
    >>> atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])
    >>> atoms.calc = SinglePointCalculator(atoms, energy=-31.7, forces=[[0, 0, -0.1], [0, 0, 0.1]])
    >>> snapshots_from_ase([atoms]).energy.item()
    -31.7
    """
    from mi_widgets.potentials._snapshot_ase import arrays_of

    return label_snapshots(**arrays_of(images))


def snapshots_to_ase(snapshots: xr.Dataset) -> list[Any]:
    """Make ASE's Atoms of snapshots, with energies, forces and stress as results.

    Parameters
    ----------
    snapshots : xarray.Dataset
        As `label_snapshots` makes it.

    Returns
    -------
    list of ase.Atoms
        One for each frame; coordinates over ``frame`` are in ``info``.

    Raises
    ------
    LabelError
        These are no snapshots.
    MissingDependencyError
        ASE is not installed.

    Examples
    --------
    >>> position = [[[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]]
    >>> atoms = snapshots_to_ase(label_snapshots(position, ["H", "H"], [-31.7], cell=np.zeros((3, 3)), pbc=False))
    >>> atoms[0].get_potential_energy()
    -31.7
    """
    from mi_widgets.potentials._snapshot_ase import atoms_of

    require_snapshots(snapshots, "snapshots_to_ase")
    return [atoms_of(snapshots, i) for i in range(snapshots.sizes["frame"])]


def one_structure(snapshots: xr.Dataset, frame: int) -> xr.Dataset:
    """Take one frame out of snapshots, as a structure.

    Parameters
    ----------
    snapshots : xarray.Dataset
        As `label_snapshots` makes it.
    frame : int
        Label of the frame.

    Returns
    -------
    xarray.Dataset
        As `mi_widgets.labels.label_structure` makes it: ``position`` (atom, axis), ``cell``, ``pbc``, with ``energy``
        (eV) and, where known, ``force`` (atom, axis; eV/angstrom) and ``stress`` (axis, axis_2).

    Raises
    ------
    LabelError
        These are no snapshots, or there is no such frame.

    Examples
    --------
    >>> position = [[[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]]
    >>> snapshots = label_snapshots(position, ["H", "H"], [-31.7], cell=np.zeros((3, 3)), pbc=False)
    >>> one_structure(snapshots, 0).element.values.tolist()
    ['H', 'H']
    """
    require_snapshots(snapshots, "one_structure")
    if frame not in snapshots["frame"].values:
        labels = snapshots["frame"].values
        raise LabelError(f"there is no frame {frame!r}; frames are {labels[0]} … {labels[-1]}.")
    here = ordered(snapshots).isel(environment=np.flatnonzero(snapshots["frame_of"].values == frame)).sel(frame=frame)
    ds = label_structure(
        here["position"].values, here["element"].values, cell=here["cell"].values, pbc=here["pbc"].values
    )
    ds["atom"] = ("atom", here["atom_of"].values, dict(ds["atom"].attrs))
    ds["energy"] = ((), float(here["energy"]), dict(snapshots["energy"].attrs))
    if "force" in here:
        ds["force"] = (("atom", "axis"), here["force"].values, dict(snapshots["force"].attrs))
    if "stress" in here:
        ds["stress"] = (("axis", "axis_2"), here["stress"].values, dict(snapshots["stress"].attrs))
        ds = ds.assign_coords(axis_2=snapshots["axis_2"])
    for name, coord in snapshots.coords.items():
        if coord.dims == ("frame",) and name != "frame":
            ds = ds.assign_coords({name: ((), coord.sel(frame=frame).values, dict(coord.attrs))})
    ds.attrs = origin("potentials.one_structure", f"frame {frame}", {"frame": np.asarray(frame).item()}, of=snapshots)
    return ds


def snapshots_from_trajectory(trajectory: xr.Dataset) -> xr.Dataset:
    """Make snapshots of a trajectory, or of one structure, that has energies.

    Parameters
    ----------
    trajectory : xarray.Dataset
        ``position`` ((frame,) atom, axis), ``cell``, ``pbc``, ``energy`` ((frame)) and, where known, ``force``
        ((frame,) atom, axis) and ``stress`` ((frame,) axis, axis_2).

    Returns
    -------
    xarray.Dataset
        As `label_snapshots` makes it, with the labels of the frames and the coordinates over ``frame``.

    Raises
    ------
    LabelError
        A variable is missing, or in other units.

    Warns
    -----
    MIWidgetsWarning
        Frames are left out.

    Examples
    --------
    >>> structure = label_structure([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]], ["H", "H"])
    >>> structure["energy"] = -31.7
    >>> snapshots_from_trajectory(structure).energy.values
    array([-31.7])
    """
    missing = [name for name in ("position", "cell", "pbc", "element", "energy") if name not in trajectory.variables]
    if missing:
        raise LabelError(
            f"snapshots_from_trajectory: the trajectory has no {missing[0]!r}. It needs position, cell, pbc, element "
            "and energy (eV), and force (eV/angstrom) if forces are to be learnt."
        )
    require_units(trajectory, "snapshots_from_trajectory")
    ds = ordered(trajectory if "frame" in trajectory.dims else trajectory.expand_dims("frame"))
    over = {
        str(name): (c.values, str(c.attrs.get("units", "1")))
        for name, c in ds.coords.items()
        if c.dims == ("frame",) and name != "frame"
    }
    out = label_snapshots(
        ds["position"].transpose("frame", "atom", "axis").values,
        [str(e) for e in ds["element"].values],
        np.broadcast_to(ds["energy"].values, ds.sizes["frame"]),
        cell=ds["cell"].values,
        force=ds["force"].transpose("frame", "atom", "axis").values if "force" in ds else None,
        stress=ds["stress"].values if "stress" in ds else None,
        pbc=ds["pbc"].values,
        info=over,
    )
    if "frame" in ds.coords:
        labels = ds["frame"].values[out["frame"].values]
        out = out.assign_coords(
            frame=("frame", labels, dict(out["frame"].attrs)),
            frame_of=("environment", np.repeat(labels, ds.sizes["atom"]), dict(out["frame_of"].attrs)),
        )
    out.attrs = origin("potentials.snapshots_from_trajectory", "snapshots", {}, of=trajectory)
    return out
