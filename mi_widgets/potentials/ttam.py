"""The pair potential of silica by Tsuneyuki, Tsukada, Aoki and Matsui."""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import MIWidgetsWarning, ParameterError
from mi_widgets.history import origin
from mi_widgets.potentials._atoms import Atoms, atoms_of
from mi_widgets.potentials._neighbors import resolve_engine
from mi_widgets.potentials._snapshot_ase import need_ase
from mi_widgets.potentials._ttam_engine import VOIGT, Engine, Settings
from mi_widgets.potentials._ttam_input import check_geometry, kinds_of
from mi_widgets.potentials._ttam_pairs import ELEMENTS, Parameters, check_parameters

__all__ = ["TTAM"]

DOI = "10.1103/PhysRevLett.61.869"
_SCREENING, _WAVES = 3.36, 2 * 3.36 * 14**0.5  # of the cutoff: both sums are cut where terms are 1e-5 of the first


class TTAM:
    """Energy, forces and stress of silica: charges, a repulsion and a dispersion between all pairs of atoms.

    U(r) = Q_i Q_j / r + f_0 (b_i + b_j) exp((a_i + a_j - r) / (b_i + b_j)) - c_i c_j / r**6 with f_0 = 1 kcal/(angstrom
    mol), fitted to energies of a cluster SiO4 with four charges [1]_. Charges and dispersion are summed over all images
    by Ewald's sums, so that nothing is cut off. Where atoms overlap the dispersion would win: inside the radius of the
    strongest repulsion (1.17 angstrom for Si-O, 1.73 for O-O; 100 eV/angstrom for Si-Si) a wall takes its place, and
    the atoms are told to be ``crowded``.

    Parameters
    ----------
    parameters : mapping, optional
        ``{"Si": {"charge": 2.4, "a": 0.8688, "b": 0.03285, "c": 23.18}, "O": {…}}``: charge (e), a and b (angstrom), c
        (kcal**0.5 angstrom**3 mol**-0.5); by default those of Table I.
    cutoff : float
        Distance (angstrom, 5 to 20) beyond which pairs are summed in reciprocal space. It changes the speed: energies
        differ by 0.1 meV and forces by 0.0002 eV/angstrom from sums without end.
    dispersion : {"ewald", "cut"}
        Whether the dispersion is summed over all images or, as in many codes, over pairs within the cutoff alone: then
        crystals are larger, the more so the shorter it is (quartz by 0.2 % with 11 angstrom).
    engine : {"auto", "numba", "numpy"}
        Compiled, or NumPy (some fifty times slower) where numba is missing.

    Raises
    ------
    ParameterError
        A parameter is missing or out of range, or the cutoff is.
    MissingDependencyError
        ``engine="numba"`` and numba is not installed.

    References
    ----------
    .. [1] Phys. Rev. Lett. 61, 869 (1988), doi:10.1103/PhysRevLett.61.869; sums of the dispersion: N. Karasawa, W. A.
       Goddard, J. Phys. Chem. 93, 7320 (1989), doi:10.1021/j100358a012

    Examples
    --------
    >>> from mi_widgets.datasets import make_silica
    >>> found = TTAM().evaluate(make_silica(n_cells=2, disorder=0))
    >>> round(float(found.energy) / 64, 1)
    -52.8
    """

    def __init__(
        self,
        parameters: Parameters | None = None,
        *,
        cutoff: float = 8.0,
        dispersion: str = "ewald",
        engine: str = "auto",
    ) -> None:
        self.parameters = check_parameters(parameters, who="TTAM")
        if not 5.0 <= cutoff <= 20.0:
            raise ParameterError(f"TTAM: cutoff must be 5 to 20 angstrom; got {cutoff!r}.")
        if dispersion not in ("ewald", "cut"):
            raise ParameterError(f"TTAM: dispersion must be 'ewald' or 'cut'; got {dispersion!r}.")
        self.cutoff, self.dispersion = float(cutoff), dispersion
        self.engine = resolve_engine(engine)
        settings = Settings(
            cutoff=self.cutoff, alpha=_SCREENING / cutoff, longest=_WAVES / cutoff, cut=dispersion == "cut"
        )
        self._engine = Engine(self.parameters, settings, self.engine)

    def __repr__(self) -> str:
        values = ", ".join(f"{e}: {', '.join(f'{k}={v:g}' for k, v in self.parameters[e].items())}" for e in ELEMENTS)
        return f"TTAM({values}; cutoff={self.cutoff:g}, dispersion={self.dispersion!r}, engine={self.engine!r})"

    def evaluate(self, structure: xr.Dataset) -> xr.Dataset:
        """Find energies, forces and stress of a structure, or of each frame of a trajectory.

        Parameters
        ----------
        structure : xarray.Dataset
            See `mi_widgets.labels.label_structure`: Si and O that repeat along all three cell vectors.

        Returns
        -------
        xarray.Dataset
            ``energy`` ((frame)), eV; ``force`` ((frame,) atom, axis), eV/angstrom; ``stress`` ((frame,) axis, axis_2),
            eV/angstrom^3, positive under tension; ``atomic_energy`` ((frame,) atom), eV: half of what each pair has;
            ``crowded`` ((frame,) atom): 1 where a neighbour is nearer than the guard.

        Raises
        ------
        LabelError, DataError
            No structure; other elements; positions that are no numbers; a cell without repeats, without volume, in
            other units; two atoms in one place.

        Warns
        -----
        MIWidgetsWarning
            The cell is charged, and a uniform background makes it neutral; atoms are crowded.
        """
        who = "TTAM.evaluate"
        atoms = atoms_of(structure, who=who, frames=True)
        kind = kinds_of(atoms.element, who=who)
        many = atoms.position.ndim == 3
        positions = atoms.position if many else atoms.position[None]
        cells = np.broadcast_to(atoms.cell, (len(positions), 3, 3))
        engine, found = self._engine.fresh(), []
        for position, cell in zip(positions, cells, strict=True):
            check_geometry(position, cell, atoms.pbc, who=who)
            found.append(engine.evaluate(position, cell, kind, who=who))
        energy = np.array([f.energy for f in found])
        volume = np.abs(np.linalg.det(cells))
        stress = np.array([f.virial for f in found])[:, VOIGT] / volume[:, None, None]
        values = {
            "energy": (("frame",), energy.sum(axis=1), "eV", "energy"),
            "force": (("frame", "atom", "axis"), np.array([f.force for f in found]), "eV/angstrom", "force"),
            "stress": (("frame", "axis", "axis_2"), stress, "eV/angstrom^3", "stress"),
            "atomic_energy": (("frame", "atom"), energy, "eV", "energy of the atom"),
            "crowded": (("frame", "atom"), np.array([f.near for f in found]), "1", "nearer than the guard"),
        }
        out = xr.Dataset(coords={k: v for k, v in structure.coords.items() if k != "cell_vector"})
        out = out.assign_coords(axis_2=("axis_2", ["x", "y", "z"], {"long_name": "second Cartesian axis"}))
        for name, (dims, array, units, text) in values.items():
            data = (dims, array) if many else (dims[1:], array[0])
            out[name] = (*data, {"units": units, "long_name": text})
        self._warn(kind, out)
        settings = {"parameters": self.parameters, "cutoff": self.cutoff, "dispersion": self.dispersion}
        out.attrs = origin("potentials.TTAM.evaluate", "energy and forces by TTAM", settings, of=structure,
                           references=[DOI])  # fmt: skip
        return out

    def _warn(self, kind: np.ndarray, out: xr.Dataset) -> None:
        charge = float(self._engine.strengths[kind, 0].sum())
        if abs(charge) > 1e-3:
            warnings.warn(
                f"TTAM.evaluate: the cell has the charge {charge:+.3g} e, which a uniform background makes up for: "
                "energies of cells with different charges or sizes cannot be compared.",
                MIWidgetsWarning,
                stacklevel=3,
            )
        crowded = int((out["crowded"] > 0).sum())
        if crowded:
            warnings.warn(
                f"TTAM.evaluate: {crowded} atoms have a neighbour inside the guard, where the potential is a wall "
                "that was not fitted to anything.",
                MIWidgetsWarning,
                stacklevel=3,
            )

    def evaluate_arrays(
        self, position: Any, element: Any, cell: Any
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Find energy (eV), forces (eV/angstrom), stress (3, 3; eV/angstrom^3) and energies of atoms, of plain arrays.

        Parameters
        ----------
        position : array_like, shape (n_atoms, 3)
            Angstrom, inside the cell or not.
        element : sequence of str
            ``"Si"`` and ``"O"``.
        cell : array_like, shape (3, 3)
            Vectors as rows (angstrom).

        Returns
        -------
        energy : float
        force : numpy.ndarray, shape (n_atoms, 3)
        stress : numpy.ndarray, shape (3, 3)
        atomic_energy : numpy.ndarray, shape (n_atoms,)

        Raises
        ------
        DataError
            As `evaluate`.
        """
        who = "TTAM.evaluate_arrays"
        kind = kinds_of(element, who=who)
        x, vectors = np.asarray(position, dtype=float), np.asarray(cell, dtype=float)
        check_geometry(x, vectors, np.ones(3, dtype=bool), who=who)
        found = self._engine.fresh().evaluate(x, vectors, kind, who=who)
        volume = abs(float(np.linalg.det(vectors)))
        return float(found.energy.sum()), found.force, found.virial[VOIGT] / volume, found.energy

    def calculator(self) -> Any:
        """Make a calculator of ASE: energy, forces, stress, energies of atoms, and which are ``crowded``.

        Returns
        -------
        ase.calculators.calculator.Calculator
            With a list of pairs of its own, that is kept while atoms move little.

        Raises
        ------
        MissingDependencyError
            ASE is not installed.
        """
        need_ase("TTAM.calculator")
        from mi_widgets.potentials._ttam_ase import TTAMCalculator

        return TTAMCalculator(self._engine.fresh())

    def pair_terms(self, distance: Any) -> xr.Dataset:
        """Find energy and force of a pair of atoms alone, with the guard and without it.

        Parameters
        ----------
        distance : array_like, shape (n_distances,)
            Angstrom, above 0.

        Returns
        -------
        xarray.Dataset
            Over ``pair`` (Si-Si, Si-O, O-O) and ``distance``: ``energy``, ``energy_without_guard`` (eV), ``force``
            (eV/angstrom, positive where it repels); ``guard`` (pair), angstrom.

        Raises
        ------
        ParameterError
            A distance is not above 0.
        """
        r = np.atleast_1d(np.asarray(distance, dtype=float))
        if not (r > 0).all():
            raise ParameterError("TTAM.pair_terms: distances must be above 0 (angstrom).")
        terms = self._engine.terms
        guarded, bare = [t.guarded(r) for t in terms], [t.bare(r)[0] for t in terms]
        over, length = ("pair", "distance"), {"units": "angstrom"}
        ds = xr.Dataset(
            {
                "energy": (over, np.array([g[0] for g in guarded]), {"units": "eV", "long_name": "energy"}),
                "energy_without_guard": (over, np.array(bare), {"units": "eV", "long_name": "energy without guard"}),
                "force": (over, -np.array([g[1] for g in guarded]), {"units": "eV/angstrom", "long_name": "force"}),
                "guard": ("pair", [t.guard for t in terms], {**length, "long_name": "radius of the guard"}),
            },
            {
                "pair": ("pair", ["Si-Si", "Si-O", "O-O"], {"long_name": "pair of elements"}),
                "distance": ("distance", r, {**length, "long_name": "distance"}),
            },
        )
        ds.attrs = origin("potentials.TTAM.pair_terms", "terms of TTAM", {"parameters": self.parameters},
                          references=[DOI])  # fmt: skip
        return ds

    def _loop_engine(self, atoms: Atoms, *, who: str) -> tuple[Engine, np.ndarray]:
        """Engine and kinds for the compiled loop of molecular dynamics."""
        kind = kinds_of(atoms.element, who=who)
        check_geometry(atoms.position, atoms.cell, atoms.pbc, who=who)
        return self._engine.fresh(), kind
