"""Environments of atoms: what a potential says of each, how alike they are, what is usual, who is near."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.methods._elements import SYMBOLS, covalent_radii
from mi_widgets.potentials._environments import frame_starts, group_quantiles, nearest_images, principal
from mi_widgets.potentials._features import Geometry
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_map_environments", "map_environments", "neighbors_of", "split_snapshots"]

_BLOCK = 2000  # environments that are predicted at a time: parts of about 0.3 s
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BOND_FACTOR = 1.2


def map_environments(
    snapshots: xr.Dataset,
    potential: Any = None,
    *,
    descriptor: Any = None,
    n_components: int = 2,
    quantiles: Sequence[float] = _QUANTILES,
    held_out: Any = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Predict all atoms of some snapshots and map their environments by principal components of their features.

    Parameters
    ----------
    snapshots : xarray.Dataset
        Frames of atoms as `label_snapshots` gives them; known energies and forces are kept as references.
    potential : Potential, optional
        Fitted; without one nothing is predicted.
    descriptor : object with ``features`` and ``names``, optional
        By default that of the potential.
    n_components : int, default 2
        Number of principal components.
    quantiles : sequence of float
        Levels of the distribution of each feature, 0 to 1, rising.
    held_out : sequence of labels of frames, optional
        Frames that were not learnt from; they get a flag.
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        All that ``potential.predict(snapshots)`` gives, and

        - ``reference_energy`` (frame), eV; ``reference_force`` (environment, axis), eV/angstrom, where they are known;
          ``n_atoms`` (frame)
        - ``feature_value`` (environment, feature), 1
        - ``feature_quantile`` (species, feature, quantile), ``feature_mean``, ``feature_std`` (species, feature), 1:
          what is usual for an element
        - ``atomic_energy_quantile`` (species, quantile), eV
        - ``score`` (environment, component), 1, and ``explained`` (component): principal components of the standardised
          features of all environments, and their shares of the variance
        - ``species_score`` (environment, component), ``species_explained`` (species, component): the same within each
          element
        - ``held_out`` (frame), 1 where a frame is one of `held_out`, where that is given
        - ``energy_rmse`` (eV per atom), ``force_rmse`` (eV/angstrom): root mean square errors, NaN without a reference
        - coordinates ``element``, ``frame_of``, ``atom_of`` (environment), ``species``, ``feature``, ``quantile``

    Raises
    ------
    LabelError
        These are no snapshots.
    DataError
        There is no frame, or the environments do not stand frame after frame.
    ParameterError
        There is no descriptor, or a number is out of range.

    Notes
    -----
    Only the sum of the atomic energies of a frame is fixed by the reference: any other potential as good as this one
    may divide it otherwise. Compare atoms within one potential, and not energies of atoms between two.

    References
    ----------
    J. Behler, M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007), doi:10.1103/PhysRevLett.98.146401

    Examples
    --------
    >>> from mi_widgets import datasets, potentials  # doctest: +SKIP
    >>> potentials.map_environments(datasets.load_silica_snapshots(), potential).explained  # doctest: +SKIP
    """
    given: dict[str, Any] = {"descriptor": descriptor, "n_components": n_components, "quantiles": quantiles}
    out: xr.Dataset = collect(iter_map_environments(snapshots, potential, held_out=held_out, **given), progress)
    return out


def iter_map_environments(
    snapshots: xr.Dataset,
    potential: Any = None,
    *,
    descriptor: Any = None,
    n_components: int = 2,
    quantiles: Sequence[float] = _QUANTILES,
    held_out: Any = None,
) -> Iterator[Part]:
    """Do what `map_environments` does, part by part: frames that come later are NaN, the map comes with the last part.

    Parameters
    ----------
    snapshots, potential, descriptor, n_components, quantiles, held_out
        As for `map_environments`.

    Yields
    ------
    mi_widgets.runs.Part
        Counts frames.

    Raises
    ------
    LabelError, DataError, ParameterError
        As for `map_environments`.

    Examples
    --------
    >>> from mi_widgets.potentials.descriptors import SymmetryFunctions
    >>> from mi_widgets.potentials.snapshots import label_snapshots
    >>> position = [[[0.0, 0.0, 0.0], [0.0, 0.0, 1.6]]]
    >>> one = label_snapshots(position, ["Si", "O"], [-1.0], cell=np.zeros((3, 3)), pbc=False)
    >>> [part.done for part in iter_map_environments(one, descriptor=SymmetryFunctions())]
    [1]
    """
    starts, levels = _checked(snapshots, n_components, quantiles)
    descriptor = descriptor if descriptor is not None else getattr(potential, "descriptor", None)
    if not hasattr(descriptor, "features"):
        raise ParameterError(
            f"map_environments needs a descriptor; {type(potential).__name__} has none. "
            "Write descriptor=SymmetryFunctions()."
        )
    parameters = {"potential": type(potential).__name__, "n_components": n_components, "quantiles": levels.tolist()}
    n_frames = len(starts) - 1
    base = _references(snapshots)
    if held_out is not None:
        flags = _held(snapshots["frame"].values, held_out)
        attrs = {"flag_values": [0, 1], "flag_meanings": "learnt_from held_out", "long_name": "held out"}
        base["held_out"] = ("frame", flags, attrs)
    base.attrs = origin("potentials.map_environments", "Environments of atoms", parameters, of=snapshots)
    values = np.full((int(starts[-1]), int(descriptor.n_features)), np.nan, dtype=np.float32)
    found: dict[str, Any] = {}
    for frames in _blocks(starts):
        inside = slice(int(starts[frames.start]), int(starts[frames.stop]))
        some = snapshots.isel(frame=frames, environment=inside)
        values[inside] = descriptor.features(_geometries(some), derivatives=False).values
        if potential is not None:
            _fill(found, potential.predict(some), snapshots, frames, inside)
        if frames.stop < n_frames:
            now = {name: (dims, array.copy(), attrs) for name, (dims, array, attrs) in found.items()}
            yield Part(frames.stop, n_frames, _with_errors(base.assign(now)), message="predicting")
    ds = _with_errors(base.assign(found))
    yield Part(n_frames, n_frames, _with_map(ds, values, descriptor, n_components, levels))


def split_snapshots(snapshots: xr.Dataset, every: int = 5) -> tuple[xr.Dataset, xr.Dataset]:
    """Hold out every n-th frame.

    Frames of one run of molecular dynamics resemble those before and after: what is found on them is better than it
    will be on a run of its own. Choose frames of another run for a test.

    Parameters
    ----------
    snapshots : xarray.Dataset
        As `label_snapshots` makes them.
    every : int, default 5
        The last of each so many frames is held out.

    Returns
    -------
    (xarray.Dataset, xarray.Dataset)
        Snapshots to learn from, and those held out.

    Raises
    ------
    LabelError, DataError
        These are no snapshots, or fewer frames than `every`.
    ParameterError
        `every` is no whole number of at least 2.

    Examples
    --------
    >>> training, held = split_snapshots(snapshots, 5)  # doctest: +SKIP
    """
    if isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 2:
        raise ParameterError(f"every must be a whole number of at least 2; got {every!r}.")
    _checked(snapshots, 1, (0.5,))
    n = snapshots.sizes["frame"]
    if n < every:
        raise DataError(f"of {n} frames none is held out at every={every}; write a smaller number.")
    held = np.arange(n) % every == every - 1
    return _some_frames(snapshots, ~held), _some_frames(snapshots, held)


def neighbors_of(structure: xr.Dataset, atom: Any, cutoff: float | None = None) -> xr.Dataset:
    """Find the neighbours of one atom, images included, near ones first.

    Parameters
    ----------
    structure : xarray.Dataset
        One structure: ``position`` (atom, axis), angstrom, ``cell``, ``pbc``, ``element``.
    atom : label of an atom
    cutoff : float, optional
        Distance (angstrom); by default those to which a bond is drawn: nearer than 1.2 times the sum of the covalent
        radii.

    Returns
    -------
    xarray.Dataset
        Over ``neighbor``: ``distance`` and ``vector`` (neighbor, axis), angstrom; ``atom`` and ``element`` of each.

    Raises
    ------
    LabelError
        It is no structure, or has no such atom.
    DataError
        A position is not finite, or the cell is flat where it repeats.
    ParameterError
        The cutoff is no number above zero.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> chain = label_structure([[0.0, 0.0, 0.0], [1.6, 0.0, 0.0]], ["Si", "O"])
    >>> neighbors_of(chain, 0).distance.values
    array([1.6])
    """
    there = set(structure.variables) | set(structure.dims) if isinstance(structure, xr.Dataset) else set()
    if {"position", "element", "atom"} - there:
        raise LabelError("neighbors_of needs a structure; write potentials.one_structure(snapshots, frame).")
    if cutoff is not None and (isinstance(cutoff, bool) or not np.isfinite(cutoff) or cutoff <= 0):
        raise ParameterError(f"cutoff must be a distance above zero (angstrom), or None for bonds; got {cutoff!r}.")
    n = structure.sizes["atom"]
    labels = structure["atom"].values if "atom" in structure.coords else np.arange(n)
    same = np.flatnonzero(labels == atom)
    if same.size != 1:
        raise LabelError(f"there is no atom {atom!r}; the {n} atoms are called {labels[0]} to {labels[-1]}.")
    position = structure["position"].transpose("atom", "axis").values.astype(float)
    cell = structure["cell"].values.astype(float) if "cell" in structure else np.zeros((3, 3))
    pbc = structure["pbc"].values.astype(bool) if "pbc" in structure else np.zeros(3, dtype=bool)
    elements = structure["element"].values.astype(str)
    if (
        not np.isfinite(position).all()
        or np.linalg.matrix_rank(cell[pbc]) < (np.linalg.norm(cell[pbc], axis=1) > 0).sum()
    ):
        raise DataError("neighbors_of: a position is not finite, or the cell is flat where it repeats.")
    at = int(same[0])
    radii = covalent_radii(elements)
    bonds = _BOND_FACTOR * (radii + radii[at])
    who, vectors = nearest_images(position, at, cell, pbc, float(bonds.max()) if cutoff is None else float(cutoff))
    length = np.linalg.norm(vectors, axis=-1)
    if cutoff is None:
        near = length < bonds[who]
        who, vectors, length = who[near], vectors[near], length[near]
    unit = {"units": "angstrom"}
    ds = xr.Dataset(
        {
            "distance": ("neighbor", length, {**unit, "long_name": "distance"}),
            "vector": (("neighbor", "axis"), vectors, {**unit, "long_name": "vector to the neighbour"}),
        },
        coords={
            "atom": ("neighbor", labels[who], {"units": "1", "long_name": "atom"}),
            "element": ("neighbor", elements[who], {"long_name": "element"}),
            "axis": ["x", "y", "z"],
        },
    )
    text = "bonds" if cutoff is None else float(cutoff)
    ds.attrs = origin("potentials.neighbors_of", "Neighbours of an atom", {"atom": at, "cutoff": text}, of=structure)
    return ds


# ---- inside ------------------------------------------------------------------------------------------------------


def _checked(snapshots: Any, n_components: int, quantiles: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Where frames begin, and levels; raises where they are not usable."""
    needed = ("position", "element", "cell", "pbc", "frame_of", "atom_of")
    missing = [n for n in needed if not isinstance(snapshots, xr.Dataset) or n not in snapshots.variables]
    if missing:
        kind = type(snapshots).__name__
        raise LabelError(
            f"map_environments needs snapshots over 'frame' and 'environment'; got a {kind} without {missing[0]!r}. "
            "Write potentials.snapshots_from_ase(images) or read_snapshots(path)."
        )
    if not snapshots.sizes["frame"] or not snapshots.sizes["environment"]:
        raise DataError("there is no frame, or no atom in any: nothing to map.")
    if isinstance(n_components, bool) or not isinstance(n_components, int | np.integer) or n_components < 1:
        raise ParameterError(f"n_components must be a whole number of at least 1; got {n_components!r}.")
    levels = np.asarray(quantiles, dtype=float)
    if levels.ndim != 1 or not levels.size or not ((levels >= 0) & (levels <= 1)).all() or (np.diff(levels) <= 0).any():
        raise ParameterError(f"quantiles must be numbers from 0 to 1 that rise; got {quantiles!r}.")
    starts = frame_starts(snapshots["frame_of"].values, snapshots["frame"].values)
    if starts is None:
        raise DataError("the environments must stand frame after frame; write snapshots.sortby('frame_of').")
    return starts, levels


def _some_frames(snapshots: xr.Dataset, chosen: np.ndarray) -> xr.Dataset:
    """Frames at which a mask is true, with their environments."""
    inside = np.isin(snapshots["frame_of"].values, snapshots["frame"].values[chosen])
    return snapshots.isel(frame=np.flatnonzero(chosen), environment=np.flatnonzero(inside))


def _held(frames: np.ndarray, held_out: Any) -> np.ndarray:
    """Flags of the frames that were held out."""
    labels = np.asarray(held_out).ravel()
    unknown = labels[~np.isin(labels, frames)]
    if unknown.size:
        raise LabelError(f"held_out: there is no frame {unknown[0]}; frames are {frames[0]} to {frames[-1]}.")
    return np.isin(frames, labels).astype(np.int8)


def _blocks(starts: np.ndarray) -> Iterator[slice]:
    """Frames with about `_BLOCK` environments; the same whoever asks, so that results do not depend on time."""
    first, last = 0, len(starts) - 1
    while first < last:
        stop = int(np.searchsorted(starts, starts[first] + _BLOCK, side="right")) - 1
        stop = min(max(stop, first + 1), last)
        yield slice(first, stop)
        first = stop


def _geometries(snapshots: xr.Dataset) -> list[Geometry]:
    """Frames as plain arrays."""
    table = {symbol: i for i, symbol in enumerate(SYMBOLS)}
    numbers = np.array([table.get(e, 0) for e in snapshots["element"].values.astype(str).tolist()])
    starts = frame_starts(snapshots["frame_of"].values, snapshots["frame"].values)
    position = snapshots["position"].transpose("environment", "axis").values.astype(float)
    cell = snapshots["cell"].transpose("frame", "cell_vector", "axis").values.astype(float)
    pbc = snapshots["pbc"].values.astype(bool)
    pbc = np.broadcast_to(pbc, (len(cell), 3))
    ends = [] if starts is None else list(pairwise(starts.tolist()))
    return [Geometry(numbers[a:b], position[a:b], cell[i], pbc[i]) for i, (a, b) in enumerate(ends)]


def _references(snapshots: xr.Dataset) -> xr.Dataset:
    """What the snapshots say of themselves."""
    along = (("frame",), ("environment",))
    keep = [n for n, v in snapshots.variables.items() if v.dims in along and n not in ("energy", *snapshots.dims)]
    ds = snapshots[keep].set_coords([n for n in ("element", "frame_of", "atom_of") if n in keep])
    for name, units in (("energy", "eV"), ("force", "eV/angstrom")):
        if name in snapshots:
            values = snapshots[name].values.astype(float)
            ds[f"reference_{name}"] = (
                snapshots[name].dims,
                values,
                {"units": units, "long_name": f"{name}, reference"},
            )
    starts = frame_starts(snapshots["frame_of"].values, snapshots["frame"].values)
    attrs = {"units": "1", "long_name": "number of atoms"}
    ds["n_atoms"] = ("frame", np.diff(starts) if starts is not None else [], attrs)
    return ds


def _fill(found: dict[str, Any], new: xr.Dataset, snapshots: xr.Dataset, frames: slice, inside: slice) -> None:
    """Put what is predicted for some frames into arrays for all of them."""
    for name in new.data_vars:
        da = new[name]
        shape = tuple(snapshots.sizes[d] if d in ("frame", "environment") else da.sizes[d] for d in da.dims)
        if name not in found:
            whole = np.full(shape, np.nan, dtype=da.dtype) if da.dtype.kind == "f" else np.zeros(shape, dtype=da.dtype)
            found[str(name)] = (da.dims, whole, dict(da.attrs))
        place = {"frame": frames, "environment": inside}
        found[str(name)][1][tuple(place.get(str(d), slice(None)) for d in da.dims)] = da.values


def _with_errors(ds: xr.Dataset) -> xr.Dataset:
    """The same with root mean square errors of what is there."""
    energy = force = np.nan
    if "energy" in ds and "reference_energy" in ds:
        energy = _rms((ds["energy"].values - ds["reference_energy"].values) / ds["n_atoms"].values)
    if "force" in ds and "reference_force" in ds:
        force = _rms(ds["force"].values - ds["reference_force"].transpose(*ds["force"].dims).values)
    return ds.assign(
        energy_rmse=((), energy, {"units": "eV", "long_name": "error of energies, per atom"}),
        force_rmse=((), force, {"units": "eV/angstrom", "long_name": "error of components of forces"}),
    )


def _rms(values: np.ndarray) -> float:
    there = values[np.isfinite(values)]
    return float(np.sqrt((there**2).mean())) if there.size else float("nan")


def _with_map(ds: xr.Dataset, values: np.ndarray, descriptor: Any, n_components: int, levels: np.ndarray) -> xr.Dataset:
    """The same with features, their distributions and principal components."""
    elements = ds["element"].values.astype(str)
    species, codes = np.unique(elements, return_inverse=True)
    wide = values.astype(float)
    score, share = principal(wide, n_components)
    own_score, own_share = np.full_like(score, np.nan), np.zeros((species.size, n_components))
    mean, std = (np.full((species.size, values.shape[1]), np.nan) for _ in range(2))
    for k in range(species.size):
        rows = codes == k
        own_score[rows], own_share[k] = principal(wide[rows], n_components)
        there = wide[rows][np.isfinite(wide[rows]).all(axis=1)]
        if len(there):
            mean[k], std[k] = there.mean(axis=0), there.std(axis=0)
    names = [str(n) for n in getattr(descriptor, "names", range(values.shape[1]))]
    one = {"units": "1"}
    ds = ds.assign_coords(
        species=("species", species, {"long_name": "element"}),
        feature=("feature", names, {"long_name": "feature"}),
        quantile=("quantile", levels, {"units": "1", "long_name": "level of the quantile"}),
        component=("component", np.arange(n_components), {"units": "1", "long_name": "component"}),
    ).assign(
        feature_value=(("environment", "feature"), values, {**one, "long_name": "feature"}),
        feature_quantile=(("species", "feature", "quantile"), group_quantiles(wide, codes, species.size, levels),
                          {**one, "long_name": "quantile of the feature"}),
        feature_mean=(("species", "feature"), mean, {**one, "long_name": "mean of the feature"}),
        feature_std=(("species", "feature"), std, {**one, "long_name": "standard deviation of the feature"}),
        score=(("environment", "component"), score, {**one, "long_name": "principal component"}),
        explained=("component", share, {**one, "long_name": "share of the variance"}),
        species_score=(("environment", "component"), own_score,
                       {**one, "long_name": "principal component within the element"}),
        species_explained=(("species", "component"), own_share,
                           {**one, "long_name": "share of the variance within the element"}),
    )  # fmt: skip
    if "atomic_energy" in ds:
        energy = group_quantiles(ds["atomic_energy"].values[:, None].astype(float), codes, species.size, levels)
        attrs = {"units": "eV", "long_name": "quantile of the atomic energy"}
        ds["atomic_energy_quantile"] = (("species", "quantile"), energy[:, 0], attrs)
    return ds
