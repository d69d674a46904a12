"""Small vibrations about a minimum: force constants, normal modes, density of states."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.potentials._atoms import Atoms, atoms_of
from mi_widgets.potentials._md_forces import forces_of
from mi_widgets.potentials._md_loop import MASS_UNIT
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_normal_modes", "mode_density", "normal_modes"]

_THZ = 1e3 / (2 * np.pi)  # from radians per femtosecond


def normal_modes(
    structure: xr.Dataset, forces: Any, *, displacement: float = 0.01, progress: Progress | None = None
) -> xr.Dataset:
    """Find the harmonic vibrations of a structure at a minimum: force constants by differences of forces, and modes.

    Parameters
    ----------
    structure : xarray.Dataset
        See `mi_widgets.labels.label_structure`; relaxed with the same forces (`relax_structure`). ``mass`` (atom), u,
        takes the place of the elements' masses.
    forces : TTAM, fitted potential, calculator of ASE, or callable
        See `run_md`. Forces are computed 6 times for each atom.
    displacement : float
        How far atoms are moved either way (angstrom, 1e-4 to 0.2).
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        ``frequency`` (mode), THz, rising, negative for modes along which the energy falls (imaginary frequencies): the
        three lowest in size are the whole that moves; ``eigenvector`` (mode, atom, axis), of masses times
        displacements, each normed to 1; ``participation`` (mode): the share of atoms that take part; ``force_constant``
        (atom, axis, other_atom, other_axis), eV/angstrom^2; ``largest_force`` (eV/angstrom) at the structure itself;
        ``mass`` (atom), u.

    Raises
    ------
    ParameterError
        `displacement` is out of range, or `forces` gives none.
    LabelError, DataError
        No structure, or one that the potential cannot compute.

    Examples
    --------
    >>> from mi_widgets.datasets._silica_crystals import make_silica_crystal
    >>> from mi_widgets.potentials import TTAM
    >>> from mi_widgets.potentials.relax import relax_structure
    >>> modes = normal_modes(relax_structure(make_silica_crystal(), TTAM()), TTAM())
    >>> modes.sizes["mode"]
    27
    """
    result: xr.Dataset = collect(iter_normal_modes(structure, forces, displacement=displacement), progress)
    return result


def iter_normal_modes(structure: xr.Dataset, forces: Any, *, displacement: float = 0.01) -> Iterator[Part]:
    """Find the harmonic vibrations of a structure, atom by atom.

    Parameters
    ----------
    structure, forces, displacement
        See `normal_modes`.

    Returns
    -------
    iterator of mi_widgets.runs.Part
        ``result`` is None until all atoms have been moved: parts of the force constants have no modes.

    Raises
    ------
    ParameterError, LabelError, DataError
        See `normal_modes`.

    Examples
    --------
    >>> from mi_widgets.datasets._silica_crystals import make_silica_crystal
    >>> from mi_widgets.potentials import TTAM
    >>> [part.done for part in iter_normal_modes(make_silica_crystal(), TTAM())][-1]
    9
    """
    who = "normal_modes"
    if not 1e-4 <= displacement <= 0.2:
        raise ParameterError(f"{who}: displacement must be 1e-4 to 0.2 angstrom; got {displacement!r}.")
    atoms = atoms_of(structure, who=who)
    evaluate = forces_of(forces, atoms, who=who)
    parameters = {"forces": repr(forces), "displacement": displacement}
    attrs = origin("potentials.normal_modes", "normal modes", parameters, of=structure)
    return _parts(structure, atoms, evaluate, displacement, attrs)


def _parts(structure: xr.Dataset, atoms: Atoms, evaluate: Any, step: float, attrs: dict[str, str]) -> Iterator[Part]:
    n = len(atoms.position)
    matrix = np.empty((3 * n, 3 * n))
    largest = float(np.abs(evaluate(atoms.position.copy())[1]).max())
    for i in range(n):
        for a in range(3):
            ends = []
            for sign in (1, -1):
                moved = atoms.position.copy()
                moved[i, a] += sign * step
                ends.append(evaluate(moved)[1].ravel())
            matrix[3 * i + a] = (ends[1] - ends[0]) / (2 * step)
        if i < n - 1:
            yield Part(i + 1, n, None, i, f"atom {i + 1} of {n}")
    if not np.isfinite(matrix).all():
        raise DataError("normal_modes: forces are NaN or infinite when an atom is moved a little.")
    ds = _dataset(structure, atoms, 0.5 * (matrix + matrix.T))
    ds["largest_force"] = ((), largest, {"units": "eV/angstrom", "long_name": "largest force at the structure"})
    ds.attrs = attrs
    yield Part(n, n, ds, n - 1, "modes")


def _dataset(structure: xr.Dataset, atoms: Atoms, matrix: np.ndarray) -> xr.Dataset:
    n = len(atoms.position)
    root = np.sqrt(np.repeat(atoms.mass * MASS_UNIT, 3))
    square, vectors = np.linalg.eigh(matrix / root[:, None] / root)
    frequency = np.sign(square) * np.sqrt(np.abs(square)) * _THZ
    modes = vectors.T.reshape(-1, n, 3)
    weight = np.square(modes).sum(axis=-1)
    ds = xr.Dataset(
        {
            "frequency": ("mode", frequency, {"units": "THz", "long_name": "frequency"}),
            "eigenvector": (("mode", "atom", "axis"), modes, {"units": "1", "long_name": "eigenvector"}),
            "participation": (
                "mode",
                1 / (n * np.square(weight).sum(axis=1)),
                {"units": "1", "long_name": "share of the atoms that take part"},
            ),
            "force_constant": (
                ("atom", "axis", "other_atom", "other_axis"),
                matrix.reshape(n, 3, n, 3),
                {"units": "eV/angstrom^2", "long_name": "force constant"},
            ),
            "mass": ("atom", atoms.mass, {"units": "u", "long_name": "mass"}),
        },
        {name: structure[name] for name in ("atom", "element", "axis") if name in structure.coords},
    )
    labels = ds["atom"].values if "atom" in ds.coords else np.arange(n)
    return ds.assign_coords(
        mode=("mode", np.arange(3 * n), {"units": "1", "long_name": "mode"}),
        other_atom=("other_atom", labels, {"units": "1", "long_name": "other atom"}),
        other_axis=("other_axis", ["x", "y", "z"], {"long_name": "other Cartesian axis"}),
    )


def mode_density(modes: xr.Dataset, *, width: float = 0.5, frequency: Any = None, by: str = "element") -> xr.Dataset:
    """Find the density of the normal modes, in all and for each species, each mode a Gaussian.

    Parameters
    ----------
    modes : xarray.Dataset
        What `normal_modes` gives.
    width : float
        Standard deviation of the Gaussians (THz).
    frequency : array_like, optional
        Where the density is wanted (THz); by default to 10 % beyond the highest mode, in steps of a third of `width`.
    by : str
        Per-atom coordinate by which atoms are grouped.

    Returns
    -------
    xarray.Dataset
        ``vdos`` (species, frequency), 1/THz, ``"all"`` first: its integral is 1, that of a species its share, as
        `mi_widgets.structure.vdos` gives it for a trajectory. The three modes of the whole that moves are left out.
        ``n_imaginary``: modes along which the energy falls, which are left out as well.

    Raises
    ------
    LabelError
        These are no modes, or there is no coordinate `by`.
    ParameterError
        `width` is not above 0.

    Examples
    --------
    >>> from mi_widgets.datasets._silica_crystals import make_silica_crystal
    >>> from mi_widgets.potentials import TTAM
    >>> density = mode_density(normal_modes(make_silica_crystal("stishovite"), TTAM()))
    >>> float(density.vdos.sel(species="all").integrate("frequency").round(2))
    1.0
    """
    if not isinstance(modes, xr.Dataset) or not {"frequency", "eigenvector"} <= set(modes.variables):
        raise LabelError("mode_density needs what normal_modes gives: frequency and eigenvector.")
    if by not in modes.coords or modes[by].dims != ("atom",):
        raise LabelError(f"mode_density: there is no coordinate {by!r} over atom. Write by='element'.")
    if not width > 0:
        raise ParameterError(f"mode_density: width must be above 0 (THz); got {width!r}.")
    found = modes["frequency"].values
    keep = np.ones(found.size, dtype=bool)
    keep[np.argsort(np.abs(found))[:3]] = False
    imaginary = int((found[keep] < 0).sum())
    keep &= found > 0
    top = 1.1 * found.max() + 4 * width
    grid = np.arange(0.0, top, width / 3) if frequency is None else np.asarray(frequency, dtype=float)
    lines = np.exp(-0.5 * ((grid - found[keep, None]) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    share = np.square(modes["eigenvector"].transpose("mode", "atom", "axis").values[keep]).sum(axis=-1)
    group = modes[by].values
    names = list(dict.fromkeys(group.tolist()))
    weights = np.stack([share.sum(axis=1), *[share[:, group == name].sum(axis=1) for name in names]])
    values = weights @ lines / max(1, keep.sum())
    ds = xr.Dataset(
        {
            "vdos": (("species", "frequency"), values, {"units": "1/THz", "long_name": "density of modes"}),
            "n_imaginary": ((), imaginary, {"units": "1", "long_name": "modes along which the energy falls"}),
        },
        {
            "species": ("species", ["all", *map(str, names)], {"long_name": by}),
            "frequency": ("frequency", grid, {"units": "THz", "long_name": "frequency"}),
        },
    )
    ds.attrs = origin("potentials.mode_density", "density of normal modes", {"width": width, "by": by}, of=modes)
    return ds
