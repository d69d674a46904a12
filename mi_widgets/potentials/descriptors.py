"""Descriptors: numbers that say how the surroundings of an atom look, the same however they are turned or named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.methods._elements import SYMBOLS
from mi_widgets.potentials._acsf import Tables, make_features
from mi_widgets.potentials._features import Features, Geometry
from mi_widgets.potentials._neighbors import resolve_engine
from mi_widgets.potentials._snapshot_checks import ordered, require_units

__all__ = ["SmoothOverlap", "SymmetryFunctions", "describe", "descriptor_from_dict"]

_RADIAL = (*((4.0, 1.0 + 0.5 * k) for k in range(8)), (1.0, 5.0), (1.0, 5.5))
_ANGULAR = tuple((e, z, s) for e in (0.005, 0.06) for z in (1.0, 4.0, 16.0) for s in (1.0, -1.0))


@dataclass(frozen=True)
class SymmetryFunctions:
    """Atom-centred symmetry functions G2, G4 and G5 with analytic derivatives.

    Each is the same for an atom however the structure is moved, turned, or its atoms are numbered, and goes smoothly to
    zero where a neighbour leaves the cutoff, f_c(r) = (cos(pi r / r_c) + 1) / 2.

    Parameters
    ----------
    elements : tuple of str
        Chemical symbols that can occur.
    cutoff, angular_cutoff : float
        Reach of the radial and of the angular functions (angstrom); they may be larger than the cell.
    radial : tuple of (eta, R_s)
        G2 = sum_j exp(-eta (r_ij - R_s)^2) f_c(r_ij), for each element of j; eta in 1/angstrom^2, R_s in angstrom.
    angular : tuple of (eta, zeta, lambda)
        G4 = 2^(1-zeta) sum_jk (1 + lambda cos theta_jik)^zeta exp(-eta (r_ij^2 + r_ik^2 + r_jk^2)) f_c(r_ij) f_c(r_ik)
        f_c(r_jk), each pair of neighbours once, for each pair of elements; zeta >= 1, lambda 1 or -1.
    wide : tuple of (eta, zeta, lambda)
        G5: the same without r_jk, so that neighbours on opposite sides count.
    engine : {"auto", "numba", "numpy"}
        Both give the same numbers; ``"auto"`` is numba where it is installed.

    Raises
    ------
    ParameterError
        An element is unknown or named twice, or a parameter is out of range.

    References
    ----------
    J. Behler, J. Chem. Phys. 134, 074106 (2011), doi:10.1063/1.3553717.

    Examples
    --------
    >>> descriptor = SymmetryFunctions(("Si", "O"))
    >>> descriptor.n_features, descriptor.names[0]
    (56, 'G2 Si eta=4 R=1')
    """

    elements: tuple[str, ...] = ("Si", "O")
    cutoff: float = 6.0
    angular_cutoff: float = 4.5
    radial: tuple[tuple[float, float], ...] = _RADIAL
    angular: tuple[tuple[float, float, float], ...] = _ANGULAR
    wide: tuple[tuple[float, float, float], ...] = ()
    engine: str = "auto"

    def __post_init__(self) -> None:
        for name in ("elements", "radial", "angular", "wide"):
            object.__setattr__(self, name, _tuples(getattr(self, name)))
        _check_elements(self.elements)
        if not 0 < self.angular_cutoff <= self.cutoff:
            raise ParameterError(
                f"cutoffs must be positive, the angular one no larger than the other; got cutoff={self.cutoff!r} and "
                f"angular_cutoff={self.angular_cutoff!r} (angstrom)."
            )
        if any(len(f) != 2 or f[0] < 0 for f in self.radial):
            raise ParameterError(f"radial functions are pairs (eta >= 0, R_s); got {self.radial!r}.")
        for f in (*self.angular, *self.wide):
            if len(f) != 3 or f[0] < 0 or f[1] < 1 or abs(f[2]) != 1:
                raise ParameterError(
                    f"angular functions are triples (eta >= 0, zeta >= 1, lambda 1 or -1); got {f!r}. Write for "
                    "example (0.005, 4.0, -1.0)."
                )
        if not (self.radial or self.angular or self.wide):
            raise ParameterError("there is no function at all: give radial=((eta, R_s), ...).")
        resolve_engine(self.engine)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Readable name of each feature."""
        names = [f"G2 {e} eta={eta:g} R={r:g}" for e in self.elements for eta, r in self.radial]
        for k, a in enumerate(self.elements):
            for b in self.elements[k:]:
                for kind, functions in (("G4", self.angular), ("G5", self.wide)):
                    names += [f"{kind} {a}-{b} eta={e:g} zeta={z:g} lambda={s:+g}" for e, z, s in functions]
        return tuple(names)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.names)

    def features(self, structures: Sequence[Geometry], derivatives: bool = True) -> Features:
        """Features of the environments of some structures.

        Parameters
        ----------
        structures : sequence of Geometry
            Plain arrays of each structure.
        derivatives : bool
            Whether products with derivatives are wanted: 0.75 MB for each structure of 72 atoms.

        Returns
        -------
        Features
            ``values`` (n_env, n_features), ``offsets``, ``numbers``; `pull` and `push`.
        """
        return make_features(
            structures,
            self._numbers,
            self._tables,
            self.n_features,
            derivatives=derivatives,
            engine=resolve_engine(self.engine),
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON can write them."""
        return {
            "kind": "SymmetryFunctions",
            "elements": list(self.elements),
            "cutoff": self.cutoff,
            "angular_cutoff": self.angular_cutoff,
            "radial": [list(f) for f in self.radial],
            "angular": [list(f) for f in self.angular],
            "wide": [list(f) for f in self.wide],
        }

    @cached_property
    def _numbers(self) -> np.ndarray:
        return np.array([SYMBOLS.index(e) for e in self.elements], dtype=np.int64)

    @cached_property
    def _tables(self) -> Tables:
        functions = np.array([*self.angular, *self.wide], dtype=float).reshape(-1, 3)
        etas, eta_of = np.unique(functions[:, 0], return_inverse=True)
        kinds, zeta_of = np.unique(functions[:, 1:], axis=0, return_inverse=True)
        n, n4 = len(self.elements), len(functions)
        block, at = np.zeros((n, n), dtype=np.int64), n * len(self.radial)
        for a in range(n):
            for b in range(a, n):
                block[a, b] = block[b, a] = at
                at += n4
        return Tables(
            float(self.cutoff),
            float(self.angular_cutoff),
            np.array(self.radial, dtype=float).reshape(-1, 2),
            etas,
            kinds[:, 0].copy(),
            kinds[:, 1].copy(),
            eta_of.reshape(-1).astype(np.int64),
            zeta_of.reshape(-1).astype(np.int64),
            len(self.angular),
            block,
        )


@dataclass(frozen=True)
class SmoothOverlap:
    """Smooth overlap of atomic positions (SOAP): the power spectrum of the density of neighbours, by featomic.

    Parameters
    ----------
    elements : tuple of str
        Chemical symbols that can occur.
    cutoff : float
        Reach (angstrom).
    smoothing : float
        Width over which neighbours fade at the cutoff (angstrom).
    width : float
        Of the Gaussian that stands for an atom (angstrom).
    n_radial, n_angular : int
        Number of radial functions, and the highest angular momentum.

    Raises
    ------
    ParameterError
        An element is unknown or named twice, or a parameter is out of range.
    MissingDependencyError
        featomic is not installed (said by `features`).

    References
    ----------
    A. P. Bartok, R. Kondor, G. Csanyi, Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115.

    Examples
    --------
    >>> SmoothOverlap(("Si", "O"), n_radial=4, n_angular=4).n_features
    180
    """

    elements: tuple[str, ...] = ("Si", "O")
    cutoff: float = 5.0
    smoothing: float = 0.5
    width: float = 0.4
    n_radial: int = 5
    n_angular: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))
        _check_elements(self.elements)
        if not 0 < self.smoothing <= self.cutoff or not self.width > 0:
            raise ParameterError(
                f"need 0 < smoothing <= cutoff and width > 0 (angstrom); got smoothing={self.smoothing!r}, "
                f"cutoff={self.cutoff!r}, width={self.width!r}."
            )
        if self.n_radial < 1 or self.n_angular < 0:
            raise ParameterError(
                f"need n_radial >= 1 and n_angular >= 0; got n_radial={self.n_radial!r}, n_angular={self.n_angular!r}."
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Readable name of each feature."""
        e = self.elements
        return tuple(f"SOAP {e[a]}-{e[b]} l={l} n={n1},{n2}" for a, b, l, n1, n2 in self._kind.order)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.names)

    def features(self, structures: Sequence[Geometry], derivatives: bool = True) -> Features:
        """Features of the environments of some structures.

        Parameters
        ----------
        structures : sequence of Geometry
            Plain arrays of each structure.
        derivatives : bool
            Whether products with derivatives are wanted. They are dense, some 10 MB for 72 atoms: up to 1 GB is kept,
            the rest is computed again when it is needed.

        Returns
        -------
        Features
            ``values`` (n_env, n_features), ``offsets``, ``numbers``; `pull` and `push`.

        Raises
        ------
        MissingDependencyError
            featomic is not installed.
        """
        from mi_widgets.potentials._soap import make_soap

        return make_soap(structures, self._kind, derivatives=derivatives)

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON can write them."""
        return {
            "kind": "SmoothOverlap",
            "elements": list(self.elements),
            "cutoff": self.cutoff,
            "smoothing": self.smoothing,
            "width": self.width,
            "n_radial": self.n_radial,
            "n_angular": self.n_angular,
        }

    @cached_property
    def _kind(self) -> Any:
        from mi_widgets.potentials._soap import SoapKind

        numbers = np.array([SYMBOLS.index(e) for e in self.elements], dtype=np.int64)
        return SoapKind(numbers, self.cutoff, self.smoothing, self.width, self.n_radial, self.n_angular)


Descriptor = SymmetryFunctions | SmoothOverlap


def descriptor_from_dict(settings: Mapping[str, Any]) -> Descriptor:
    """A descriptor from what its `to_dict` wrote.

    Parameters
    ----------
    settings : mapping
        With ``kind`` and the parameters.

    Returns
    -------
    SymmetryFunctions or SmoothOverlap
        The same descriptor.

    Raises
    ------
    ParameterError
        The kind or a parameter is not known.

    Examples
    --------
    >>> descriptor_from_dict(SymmetryFunctions(("Cu",)).to_dict()) == SymmetryFunctions(("Cu",))
    True
    """
    kinds: dict[Any, type[Descriptor]] = {"SymmetryFunctions": SymmetryFunctions, "SmoothOverlap": SmoothOverlap}
    given = {str(key): value for key, value in settings.items() if key != "kind"}
    kind = kinds.get(settings.get("kind"))
    if kind is None or set(given) - set(kind.__dataclass_fields__):
        raise ParameterError(
            f"settings of a descriptor name its kind ({', '.join(kinds)}) and its parameters; got {dict(settings)!r}."
        )
    return kind(**given)


def describe(structure: xr.Dataset, descriptor: Descriptor) -> xr.DataArray:
    """Compute the features of every atom.

    Parameters
    ----------
    structure : xarray.Dataset
        A structure or trajectory (``position`` ((frame,) atom, axis), ``cell``, ``pbc``, ``element``), or snapshots
        (``position`` (environment, axis), ``cell`` (frame, cell_vector, axis), ``frame_of``, ``atom_of``).
    descriptor : SymmetryFunctions or SmoothOverlap
        What is computed; its elements must hold all that occur.

    Returns
    -------
    xarray.DataArray
        ``features`` (environment, feature), unit 1: all atoms of all frames, one after another, with the coordinates
        ``element``, ``frame_of`` (label of the frame), ``atom_of`` (number in the frame) and ``feature`` (its name).

    Raises
    ------
    LabelError
        A variable is missing.
    DataError
        An element is not known to the descriptor, atoms are in one place, or positions are not finite.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> water = label_structure([[0.0, 0.0, 0.0], [0.0, 0.0, 0.96], [0.93, 0.0, -0.24]], ["O", "H", "H"])
    >>> describe(water, SymmetryFunctions(("H", "O"))).shape
    (3, 56)
    """
    geometries, frame_of, atom_of, element = _geometries(structure)
    found = descriptor.features(geometries, derivatives=False)
    one = {"units": "1"}
    return xr.DataArray(
        found.values,
        dims=("environment", "feature"),
        coords={
            "feature": ("feature", list(descriptor.names), {"long_name": "feature"}),
            "element": ("environment", element, {"long_name": "chemical element"}),
            "frame_of": ("environment", frame_of, {**one, "long_name": "frame of the atom"}),
            "atom_of": ("environment", atom_of, {**one, "long_name": "number of the atom in its frame"}),
        },
        name="features",
        attrs={
            **one,
            "long_name": "feature of the environment",
            **origin("potentials.describe", "features of environments", descriptor.to_dict(), of=structure),
        },
    )


def _geometries(structure: xr.Dataset) -> tuple[list[Geometry], np.ndarray, np.ndarray, np.ndarray]:
    """Plain arrays of all frames of a structure, a trajectory or snapshots; frame, atom and element of each row."""
    missing = [name for name in ("position", "cell", "pbc", "element") if name not in structure.variables]
    if missing:
        raise LabelError(f"describe needs {missing[0]!r}: make a structure with mi_widgets.labels.label_structure.")
    require_units(structure, "describe")
    structure = ordered(structure)
    position = structure["position"]
    if "environment" in position.dims:
        rows = structure["frame_of"].values
        frames = structure["frame"].values
        groups = [np.flatnonzero(rows == f) for f in frames]
        places = [position.transpose("environment", "axis").values[g] for g in groups]
        names = [structure["element"].values[g] for g in groups]
        cells, repeats = structure["cell"].values, structure["pbc"].values
    else:
        moving = "frame" in position.dims
        order = ("frame", "atom", "axis") if moving else ("atom", "axis")
        places = list(position.transpose(*order).values.reshape(-1, position.sizes["atom"], 3))
        frames = structure["frame"].values if moving else np.zeros(1, np.int64)
        names = [structure["element"].values] * len(places)
        cells = np.broadcast_to(structure["cell"].values, (len(places), 3, 3))
        repeats = np.broadcast_to(structure["pbc"].values, (len(places), 3))
    if not places:
        raise DataError("there is no frame to describe.")
    known = {symbol: z for z, symbol in enumerate(SYMBOLS)}
    strange = sorted({str(e) for n in names for e in n} - set(known))
    if strange:
        raise DataError(f"no chemical symbols: {strange[:5]}. Rename them in the coordinate 'element'.")
    geometries = [
        Geometry(np.array([known[str(e)] for e in n]), np.asarray(p, dtype=float), np.asarray(c), np.asarray(r))
        for n, p, c, r in zip(names, places, cells, repeats, strict=True)
    ]
    sizes = [len(p) for p in places]
    atom_of = np.concatenate([np.arange(s) for s in sizes])
    return geometries, np.repeat(frames, sizes), atom_of, np.concatenate(names)


def _check_elements(elements: tuple[str, ...]) -> None:
    if not elements or any(e not in SYMBOLS[1:] for e in elements) or len(set(elements)) < len(elements):
        raise ParameterError(f'elements are different chemical symbols, such as ("Si", "O"); got {elements!r}.')


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list | tuple) else value
