"""Sparse Gaussian process: an energy learnt by linear algebra, with its uncertainty."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.methods._elements import SYMBOLS
from mi_widgets.potentials._pair_part import pair_descriptor, pair_terms
from mi_widgets.potentials._sparse_points import choose_points
from mi_widgets.potentials._sum_fit import Data, Noise, base_energies, iter_sum_fit, learnable
from mi_widgets.potentials._sum_model import SumModel
from mi_widgets.potentials._sum_potential import SumPotential
from mi_widgets.potentials._terms import KernelTerms, PolynomialTerms
from mi_widgets.potentials.descriptors import SmoothOverlap, SymmetryFunctions, descriptor_from_dict
from mi_widgets.potentials.domain import Domain
from mi_widgets.runs import Part, Progress, collect

__all__ = ["GaussianProcessPotential", "SparseGaussianProcess"]

_MOST = 4000  # environments of an element that sparse points are chosen from
_FLOOR = 0.1
_PAIR_SIZE = 10.0
_AMPLITUDE = 30.0


class GaussianProcessPotential(SumPotential):
    """What `SparseGaussianProcess.fit` gives; see `Potential`."""

    kind = "sparse_gaussian_process"
    terms = (PolynomialTerms, KernelTerms)

    @classmethod
    def _settings(cls, settings: Mapping[str, Any]) -> "SparseGaussianProcess":
        given = dict(settings)
        return SparseGaussianProcess(descriptor_from_dict(given.pop("descriptor")), **given)


@dataclass(frozen=True)
class SparseGaussianProcess:
    """Energies of pairs and of environments, by Gaussian-process regression on sparse points.

    The energy is a sum over atoms of a constant for each element, functions of the distances to the neighbours, and a
    kernel between the features of the environment and those of some environments of the training data (sparse points):
    E = sum_i [e_i + sum_j v(r_ij) / 2 + sum_s a_s k(G_i, G_s)]. Coefficients follow from energies, forces and stress
    at once, by linear algebra; the noise of forces and the size of both parts from their evidence.

    Parameters
    ----------
    descriptor : SymmetryFunctions or SmoothOverlap
        Features of an environment.
    n_points : int
        Sparse points, shared among the elements by their numbers of atoms.
    pairs : bool
        Whether the part of pairs is there; without it the kernel alone has to learn the repulsion.
    pair_cutoff : float, optional
        Reach of the part of pairs (angstrom); by default that of the descriptor.
    kernel : {"gaussian", "cosine"}
        exp(-d^2 / 2 l^2) of scaled features, or (cosine of the angle between them)^zeta, as is usual with SOAP.
    length_scale : float
        l in units of the root-mean-square distance of environments of an element from their mean.
    zeta : float
        Exponent of the cosine.
    points : {"farthest", "cur"}
        How sparse points are chosen: each the farthest from those before, or drawn by leverage.
    energy_noise, force_noise, virial_noise : float, optional
        Standard deviation of energies (eV per atom), forces (eV/angstrom) and virials (eV per atom): that of forces is
        found by default, and the others are 0.02 and 0.1 angstrom times that.

    Raises
    ------
    ParameterError
        A setting is out of range.

    References
    ----------
    A. P. Bartok, M. C. Payne, R. Kondor, G. Csanyi, Phys. Rev. Lett. 104, 136403 (2010),
    doi:10.1103/PhysRevLett.104.136403; V. L. Deringer et al., Chem. Rev. 121, 10073 (2021),
    doi:10.1021/acs.chemrev.1c00022.

    Examples
    --------
    >>> SparseGaussianProcess(SymmetryFunctions(("Si", "O")), n_points=300).length_scale
    6.0
    """

    descriptor: SymmetryFunctions | SmoothOverlap = field(default_factory=SymmetryFunctions)
    n_points: int = 900
    pairs: bool = True
    pair_cutoff: float | None = None
    kernel: Literal["gaussian", "cosine"] = "gaussian"
    length_scale: float = 6.0
    zeta: float = 4.0
    points: Literal["farthest", "cur"] = "farthest"
    energy_noise: float | None = None
    force_noise: float | None = None
    virial_noise: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.n_points, bool) or not isinstance(self.n_points, int | np.integer) or self.n_points < 1:
            raise ParameterError(f"n_points must be a whole number of at least 1; got {self.n_points!r}.")
        if self.kernel not in ("gaussian", "cosine"):
            raise ParameterError(f"unknown kernel {self.kernel!r}; write 'gaussian' or 'cosine'.")
        if self.points not in ("farthest", "cur"):
            raise ParameterError(f"unknown choice of points {self.points!r}; write 'farthest' or 'cur'.")
        positive = ("length_scale", "zeta", "pair_cutoff", "energy_noise", "force_noise", "virial_noise")
        for name in positive:
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ParameterError(f"{name} must be a positive number; got {value!r}.")
        if self.zeta < 1:
            raise ParameterError(f"zeta must be at least 1; got {self.zeta!r}.")

    def fit(
        self,
        snapshots: xr.Dataset,
        *,
        validation: xr.Dataset | None = None,
        progress: Progress | None = None,
        seed: int | np.random.Generator | None = 0,
        resume: Any = None,
    ) -> GaussianProcessPotential:
        """Learn from snapshots.

        Parameters
        ----------
        snapshots : xarray.Dataset
            As `label_snapshots` makes it; forces and stress are used where they are known.
        validation : xarray.Dataset, optional
            Snapshots from which the size of errors is learnt, and nothing else; by default a fifth of the others
            (40 at most), which is learnt from in the end. From a run of molecular dynamics of their own they are worth
            more: frames of the same run resemble each other.
        progress : callable, optional
            Called with each `mi_widgets.runs.Part`.
        seed : int or numpy.random.Generator or None
            Order of the frames.
        resume : None
            There is nothing to continue: fit to all snapshots at once.

        Returns
        -------
        GaussianProcessPotential
            Its ``training`` has the errors over the number of frames learnt from.

        Raises
        ------
        LabelError
            These are no snapshots.
        DataError
            No energy is finite, atoms are in one place, or an element is not known to the descriptor.
        ParameterError
            `resume` is given.

        Warns
        -----
        MIWidgetsWarning
            Forces or energies are missing.
        """
        return collect(self.iter_fit(snapshots, validation=validation, seed=seed, resume=resume), progress)

    def iter_fit(
        self,
        snapshots: xr.Dataset,
        *,
        validation: xr.Dataset | None = None,
        seed: int | np.random.Generator | None = 0,
        resume: Any = None,
    ) -> Iterator[Part]:
        """Learn in parts; the result of each is the potential of the frames so far.

        Parameters
        ----------
        snapshots, validation, seed, resume
            As in `fit`.

        Yields
        ------
        mi_widgets.runs.Part
        """
        if resume is not None:
            raise ParameterError("a fit by linear algebra has nothing to continue; fit to all snapshots at once.")
        data = learnable(snapshots, "SparseGaussianProcess.fit")
        held = None if validation is None else learnable(validation, "SparseGaussianProcess.fit", warn=False)
        rng = np.random.default_rng(seed)
        model, domain = self._model(data, rng)
        attrs = origin("potentials.SparseGaussianProcess.fit", "course of the fit", self.to_dict(), of=snapshots)
        noise = Noise(self.energy_noise, self.force_noise, self.virial_noise)
        yield from iter_sum_fit(
            model, data, held, noise,
            lambda posterior, calibration, course: GaussianProcessPotential(
                self, course, model, posterior, calibration, domain
            ),
            seed=rng, attrs=attrs,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON can write them."""
        names = [name for name in self.__dataclass_fields__ if name != "descriptor"]
        return {"descriptor": self.descriptor.to_dict(), **{name: getattr(self, name) for name in names}}

    def descriptors(self) -> list[Any]:
        """Descriptor of each part, that of environments last."""
        cutoff = self.pair_cutoff or self.descriptor.cutoff
        pairs = [pair_descriptor(self.descriptor.elements, cutoff)] if self.pairs else []
        return [*pairs, self.descriptor]

    def _model(self, data: Data, rng: np.random.Generator) -> tuple[SumModel, Domain]:
        features = self.descriptor.features(data.geometries, derivatives=False)
        own = np.unique(features.numbers)
        kernel = self._kernel(features.values, features.numbers, own, rng)
        terms: list[Any] = [kernel]
        descriptors = self.descriptors()
        if self.pairs:
            numbers = np.array([SYMBOLS.index(e) for e in self.descriptor.elements])
            terms.insert(0, pair_terms(descriptors[0], numbers, own, _PAIR_SIZE))
        model = SumModel(tuple(zip(descriptors, terms, strict=True)), own, base_energies(data, own))
        return model, Domain.of(features.values, features.numbers, data.geometries)

    def _kernel(
        self, values: np.ndarray, numbers: np.ndarray, own: np.ndarray, rng: np.random.Generator
    ) -> KernelTerms:
        """Scaling, sparse points and size of the kernel."""
        gaussian = self.kernel == "gaussian"
        rows = [values[numbers == z] for z in own]
        center, scale = np.zeros((len(own), values.shape[1])), np.ones((len(own), values.shape[1]))
        if gaussian:
            spread = np.array([r.std(axis=0) for r in rows])
            # features that hardly change do not count as much as others; all-zero ones get a scale of one
            scale = np.maximum(spread, _FLOOR * np.maximum(spread.max(axis=1, keepdims=True), 1e-8))
            center = np.array([r.mean(axis=0) for r in rows])
            # environments of every element lie at a distance of about one
            scale = scale * np.maximum(np.sqrt(((spread / scale) ** 2).sum(axis=1, keepdims=True)), 1e-8)
        shape, size = (self.length_scale, _AMPLITUDE * self.length_scale) if gaussian else (self.zeta, _AMPLITUDE)
        terms = KernelTerms(own, (), center, scale, shape, size, gaussian)
        points = []
        for k, r in enumerate(rows):
            some = r if len(r) <= _MOST else r[rng.choice(len(r), _MOST, replace=False)]
            u = terms.scaled(k, some)
            n = max(round(self.n_points * len(r) / len(values)), 1)
            points.append(u[choose_points(u, n, self.points, rng)])
        return KernelTerms(own, tuple(points), center, scale, shape, size, gaussian)
