"""Sites: layers of a slab, sites equivalent by symmetry, repeated cells."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.spatial import KDTree

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.structure._cells import complete_cell
from mi_widgets.structure._check import check_structure, finish, finish_array, one_frame, positive
from mi_widgets.structure._motion import counts_images, unwrapped_position
from mi_widgets.structure._optional import need
from mi_widgets.structure._point_group import symmetry_of_molecule

__all__ = ["equivalent_sites", "replicate", "slab_layers"]


def slab_layers(structure: xr.Dataset, *, tolerance: float = 0.5, normal: str = "c") -> xr.DataArray:
    """Number the atomic layers of a slab from bottom to top.

    Heights along the normal of the surface are sorted; a new layer begins where the next atom is higher by more than
    the tolerance. Where the slab repeats along its normal, it is cut open at its largest gap.

    Parameters
    ----------
    structure : xarray.Dataset
        One structure.
    tolerance : float
        Least distance of layers (angstrom).
    normal : {"a", "b", "c"}
        Cell vector that leads out of the surface; heights are measured at right angles to the other two. Where it is
        zero, up is along x, y or z, in which it stands.

    Returns
    -------
    xarray.DataArray
        ``layer`` (atom), 1: 0 is the bottom layer.

    Raises
    ------
    LabelError, DataError
        `structure` has several frames, lacks an array, or holds positions that are not finite.
    ParameterError
        The normal is unknown, or the tolerance not above zero.

    Examples
    --------
    >>> from mi_widgets.datasets import make_slab
    >>> slab = make_slab(step=False)
    >>> bool((slab_layers(slab) == slab.true_layer).all())
    True
    """
    who = "slab_layers"
    tolerance = positive("tolerance", tolerance, who=who)
    if normal not in ("a", "b", "c"):
        raise ParameterError(f"{who}: normal must be 'a', 'b' or 'c'; got {normal!r}.")
    position, cell, pbc = one_frame(structure, who=who)
    k = "abc".index(normal)
    across = np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])
    across = across / np.linalg.norm(across)
    period = float(cell[k] @ across)
    if np.linalg.norm(np.asarray(structure["cell"].transpose(..., "cell_vector", "axis").values)[..., k, :]) < 1e-10:
        period = across[k] if abs(across[k]) > 1e-6 else across[np.argmax(np.abs(across))]  # up along x, y or z then
    if period < 0:  # left-handed: up is where the cell vector points
        across, period = -across, -period
    height = position @ across
    if pbc[k] and len(height):
        height = np.mod(height, period)
        order = np.sort(height)
        gap = np.diff(np.append(order, order[0] + period))
        start = order[(int(np.argmax(gap)) + 1) % len(order)]
        height = np.mod(height - start + 1e-9 * period, period)
    order = np.argsort(height, kind="stable")
    layer = np.zeros(len(height), dtype=np.int64)
    layer[order[1:]] = np.cumsum(np.diff(height[order]) > tolerance)
    attrs = {"units": "1", "long_name": "layer from the bottom"}
    found = _per_atom(structure, layer, "layer", attrs)
    return finish_array(found, who, "Layers of a slab", {"tolerance": tolerance, "normal": normal}, of=structure)


def equivalent_sites(
    structure: xr.Dataset, *, tolerance: float = 1e-3, by: str | Sequence[str] | None = None
) -> xr.DataArray:
    """Find which atoms are equivalent by symmetry.

    Operations of a crystal are found by spglib [1]_; a direction in which a slab or wire does not repeat is given
    vacuum. A molecule (nothing repeats) has those of its point group, however it is turned: every map that takes two of
    its atoms to others of their kind and distance is tried, and kept where all atoms find one of theirs.

    Parameters
    ----------
    structure : xarray.Dataset
        One structure.
    tolerance : float
        Distance (angstrom) within which an atom may miss its image.
    by : str or sequence of str, optional
        Per-atom arrays, such as ``"magmom"``, in which equivalent atoms must agree too, numbers to one hundredth of the
        largest.

    Returns
    -------
    xarray.DataArray
        ``site`` (atom), 1: atoms of one number are equivalent; numbers run from 0 in order of appearance. Attributes
        ``space_group`` and ``space_group_number`` are those of the cell with its vacuum; a molecule has
        ``point_group`` (Schoenflies; ``*`` is infinity) instead.

    Raises
    ------
    MissingDependencyError
        spglib is not installed; molecules do not need it.
    DataError
        No symmetry can be found: atoms overlap, or positions are not finite.
    LabelError
        `structure` has several frames, or lacks an array.

    Notes
    -----
    Of a wire that lies askew to its cell, operations that turn it about its axis may be missed.

    References
    ----------
    .. [1] A. Togo, K. Shinohara and I. Tanaka (2024), doi:10.1080/27660400.2024.2384822

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> salt = label_structure([[0, 0, 0], [2, 2, 2], [2, 0, 0]], ["Cs", "Cl", "X"], cell=np.eye(3) * 4)
    >>> equivalent_sites(salt).values
    array([0, 1, 2])
    """
    who = "equivalent_sites"
    tolerance = positive("tolerance", tolerance, who=who)
    position, cell, pbc = one_frame(structure, who=who)
    names = [] if by is None else [by] if isinstance(by, str) else list(by)
    kinds = _kinds(structure, ["element", *names], who)
    attrs: dict[str, Any] = {"units": "1", "long_name": "site"}
    if not len(position):
        orbit = np.zeros(0, dtype=np.int64)
    elif not pbc.any():
        orbit, group = _molecule(position, kinds, tolerance, who)
        attrs["point_group"] = group
    else:
        found = _operations(position, cell, pbc, kinds, tolerance, who)
        orbit = found.equivalent_atoms
        attrs |= {"space_group": found.international, "space_group_number": int(found.number)}
    _, first, index = np.unique(orbit, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    site = _per_atom(structure, rank[index].astype(np.int64), "site", attrs)
    return finish_array(site, who, "Equivalent sites", {"tolerance": tolerance, "by": names}, of=structure)


def _kinds(structure: xr.Dataset, names: list[str], who: str) -> np.ndarray:
    """Number of each atom's kind, from 1: atoms of one number agree in all arrays."""
    rows = []
    for name in names:
        if name not in structure or structure[name].dims != ("atom",):
            raise LabelError(f"{who}: by={name!r} is no array over atom alone.")
        values = np.asarray(structure[name].values)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(f"{who}: {name} has values that are not finite; leave those atoms out.")
        if values.dtype.kind == "f":
            order = np.argsort(values)
            step = np.diff(values[order]) > 1e-2 * np.abs(values).max(initial=0.0)
            number = np.zeros(values.size, dtype=np.int64)
            number[order[1:]] = np.cumsum(step)
            rows.append(number)
        else:
            rows.append(np.unique(values.astype(str), return_inverse=True)[1])
    return np.asarray(np.unique(np.array(rows), axis=1, return_inverse=True)[1]).reshape(-1) + 1


def _molecule(position: np.ndarray, kinds: np.ndarray, tolerance: float, who: str) -> tuple[np.ndarray, str]:
    if len(KDTree(position).query_pairs(tolerance, output_type="ndarray")):
        raise DataError(f"{who}: no symmetry found: atoms overlap, or lie nearer than tolerance={tolerance} angstrom.")
    found = symmetry_of_molecule(position, kinds, tolerance)
    return found.orbit, found.name


def _operations(
    position: np.ndarray, cell: np.ndarray, pbc: np.ndarray, kinds: np.ndarray, tolerance: float, who: str
) -> Any:
    """What spglib says of a crystal."""
    spglib: Any = need("spglib", who)
    cell = complete_cell(cell)
    for k in np.flatnonzero(~pbc):
        across = np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])
        across /= np.linalg.norm(across)
        extent = float(np.ptp(position @ across))
        cell[k] = across * (extent + 17.3 + k)  # unlike lengths, so that no symmetry is made up
    if np.linalg.det(cell) < 0:
        cell, position = -cell, -position  # inverted as a whole: the same orbits
    fraction = position @ np.linalg.inv(cell)
    found, reason = None, "spglib found nothing"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # about how spglib 2.7 will report errors
            found = spglib.get_symmetry_dataset((cell, fraction, kinds), symprec=tolerance)
    except Exception as error:  # noqa: BLE001 - spglib's own errors, which differ between its versions
        reason = str(error)
    if found is None:
        raise DataError(
            f"{who}: no symmetry found ({reason}). Do atoms overlap, or lie nearer to each other than "
            f"tolerance={tolerance} angstrom?"
        )
    return found


def _per_atom(structure: xr.Dataset, values: np.ndarray, name: str, attrs: dict[str, Any]) -> xr.DataArray:
    coords = {k: v for k, v in structure.coords.items() if v.dims == ("atom",)}
    return xr.DataArray(values, dims="atom", coords=coords, name=name, attrs=attrs)


def replicate(structure: xr.Dataset, n: int | tuple[int, int, int]) -> xr.Dataset:
    """Repeat a structure along its cell vectors, with a map back to the atoms it was made of.

    Parameters
    ----------
    structure : xarray.Dataset
        Structure or trajectory; a lazy one stays lazy.
    n : int or (int, int, int)
        How often, along a, b and c.

    Returns
    -------
    xarray.Dataset
        Atoms cell by cell, in the order of ASE's ``Atoms.repeat``; every per-atom array is repeated, and

        - ``parent`` (atom), 1: the value of ``atom`` in `structure`
        - ``image`` (atom, cell_vector), 1: the cell that the copy is in

        ``energy`` is that of all copies. An ``image`` (frame, atom, cell_vector) that `structure` has, cells passed
        since the first frame, is added to the positions, which are marked ``unwrapped`` = 1.

    Raises
    ------
    ParameterError
        A number is not one or more, or the cell vector is zero along which there should be several.
    LabelError
        An array is missing.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> chain = label_structure([[0, 0, 0], [1, 0, 0]], ["C", "O"], cell=np.diag([2.5, 0, 0]), pbc=[True, False, False])
    >>> replicate(chain, (3, 1, 1)).parent.values
    array([0, 1, 0, 1, 0, 1])
    """
    who = "replicate"
    check_structure(structure, who=who)
    given = np.broadcast_to(np.asarray(n), 3) if np.size(n) in (1, 3) else np.zeros(3)
    if given.dtype.kind not in "iu" or (given < 1).any():
        raise ParameterError(f"{who}: n must be one or three whole numbers above zero; got {n!r}.")
    cell = structure["cell"].transpose(..., "cell_vector", "axis")
    length = np.linalg.norm(np.asarray(cell.values, dtype=float), axis=-1).reshape(-1, 3).min(axis=0)
    flat = (given > 1) & (length < 1e-10)
    if flat.any():
        k = int(np.argmax(flat))
        raise ParameterError(f"{who}: the cell vector {'abc'[k]} is zero; n must be 1 there, not {int(given[k])}.")
    source = structure
    if counts_images(structure):
        structure = structure.drop_vars("image").assign(position=unwrapped_position(structure, who=who))
    image = np.stack(np.meshgrid(*(np.arange(k) for k in given), indexing="ij"), axis=-1).reshape(-1, 3)
    n_atoms = structure.sizes["atom"]
    names = structure["atom"].values if "atom" in structure.coords else np.arange(n_atoms)
    out = structure.isel(atom=np.tile(np.arange(n_atoms), len(image)))
    out = out.assign_coords(atom=("atom", np.arange(out.sizes["atom"]), {"units": "1", "long_name": "atom"}))
    cells = xr.DataArray(np.repeat(image, n_atoms, axis=0), dims=("atom", "cell_vector"))
    moved = out["position"] + xr.dot(cells, cell.drop_vars("cell_vector", errors="ignore"), dim="cell_vector")
    out["position"] = moved.transpose(*structure["position"].dims).assign_attrs(structure["position"].attrs)
    factor = xr.DataArray(given, dims="cell_vector")
    out["cell"] = (structure["cell"] * factor).transpose(*structure["cell"].dims).assign_attrs(structure["cell"].attrs)
    out["parent"] = ("atom", np.tile(names, len(image)), {"units": "1", "long_name": "atom of the repeated structure"})
    out["image"] = (("atom", "cell_vector"), cells.values, {"units": "1", "long_name": "cell of the copy"})
    if "energy" in out:
        out["energy"] = (out["energy"] * len(image)).assign_attrs(structure["energy"].attrs)
    title = f"{structure.attrs.get('title', 'structure')}, repeated"
    return finish(out, who, title, {"n": given.tolist()}, of=source)
