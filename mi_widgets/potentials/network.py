"""Behler-Parrinello networks: the energy of an atom is a network of its features, one network for each element."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._network_model import Model, add_up
from mi_widgets.potentials._network_prepare import prepare, restore_state, split, state_arrays
from mi_widgets.potentials._network_training import Schedule, Trainer, rmse
from mi_widgets.potentials._network_uncertainty import Laplace, fit_laplace, force_rows
from mi_widgets.potentials.descriptors import descriptor_from_dict
from mi_widgets.potentials.domain import Domain
from mi_widgets.potentials.potential import Evaluation, Potential, to_geometries
from mi_widgets.runs import Part, Progress, collect

__all__ = ["Network", "NetworkPotential"]

_PART = 0.3  # seconds between parts


@dataclass(frozen=True)
class Network:
    """Settings of a Behler-Parrinello network, which learns energies and forces.

    E = sum_i E_element(i)(G_i), where G_i are the features of atom i, shifted and scaled to the training data, and E a
    network of tanh layers. The loss w_E mean((E - E_ref)^2 / n_atoms^2) + w_F mean((F - F_ref)^2) is made small by Adam
    on minibatches of frames, with a rate that falls along half a cosine. The weights that did best on validation frames
    are kept. Charges and anything beyond the cutoff of the descriptor are not known to it.

    Standard errors are those of a Bayesian linear regression on the last layer (Laplace's approximation) plus a
    constant, both scaled on the validation frames. Frames drawn by chance from the runs that are learnt from make those
    of energies too small: give a run of its own as validation where they matter. Stress is not learnt from: data of one
    density say little of the pressure, and that of the prediction may be off by 0.01 eV/angstrom^3 (1.6 GPa).

    Parameters
    ----------
    descriptor : SymmetryFunctions or SmoothOverlap
        Describes the environment of an atom.
    hidden : tuple of int
        Units of each hidden layer.
    epochs : int
        How often all training frames are seen.
    batch : int
        Frames of a minibatch.
    learning_rate : float
        Of Adam, at the start.
    energy_weight, force_weight : float
        w_E (1/eV^2) and w_F (angstrom^2/eV^2); force_weight=0 learns from energies alone.
    validation_fraction : float
        Share of the frames, chosen by chance, that is not learnt from where no validation data are given.
    patience : int
        Epochs without a better validation error after which training ends early.

    Raises
    ------
    ParameterError
        A setting is out of range.

    References
    ----------
    J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007), doi:10.1103/PhysRevLett.98.146401.
    D. P. Kingma and J. Ba, Adam, arXiv:1412.6980 (2014).

    Examples
    --------
    >>> from mi_widgets.potentials.descriptors import SymmetryFunctions
    >>> Network(SymmetryFunctions(("Si", "O")), hidden=(10,)).epochs
    300
    """

    descriptor: Any
    hidden: tuple[int, ...] = (20, 20)
    epochs: int = 300
    batch: int = 8
    learning_rate: float = 5e-3
    energy_weight: float = 20.0
    force_weight: float = 1.0
    validation_fraction: float = 0.1
    patience: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        whole = {"epochs": self.epochs, "batch": self.batch, "patience": self.patience}
        for name, value in {**whole, **{f"hidden[{i}]": h for i, h in enumerate(self.hidden)}}.items():
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ParameterError(f"{name} must be a whole number above zero; got {value!r}.")
        if not self.hidden:
            raise ParameterError("hidden must name at least one layer, such as hidden=(20, 20).")
        weights = (self.energy_weight, self.force_weight)
        if not (np.isfinite(weights).all() and min(weights) >= 0 < max(weights) and self.learning_rate > 0):
            raise ParameterError(
                "energy_weight and force_weight must be zero or more, not both zero, and learning_rate above zero; got "
                f"{self.energy_weight!r}, {self.force_weight!r}, {self.learning_rate!r}."
            )
        if not 0 < self.validation_fraction < 1:
            raise ParameterError(f"validation_fraction must lie between 0 and 1; got {self.validation_fraction!r}.")

    def fit(
        self,
        snapshots: xr.Dataset,
        *,
        validation: xr.Dataset | None = None,
        progress: Progress | None = None,
        seed: int = 0,
        resume: "NetworkPotential | None" = None,
    ) -> "NetworkPotential":
        """Train the network.

        Parameters
        ----------
        snapshots : xarray.Dataset
            As `label_snapshots` makes it, with forces unless ``force_weight=0``.
        validation : xarray.Dataset, optional
            Frames that decide which weights are kept, when to stop, and how large standard errors are; by default a
            share of the snapshots. Frames of another run of molecular dynamics make the better judge.
        progress : callable, optional
            Called with each part.
        seed : int
            Of the first weights, the split and the order of the frames.
        resume : NetworkPotential, optional
            Goes on from here, up to ``epochs``; with the same data and seed as if there had been no break. Scales of
            features and energies of atoms stay its own, and the training domain becomes that of the snapshots given.

        Returns
        -------
        NetworkPotential
            With the errors over the epochs in ``training``.

        Raises
        ------
        DataError
            There are no forces, too few frames, or an element that the descriptor does not know.
        LabelError
            These are no snapshots.
        ParameterError
            `resume` is a network of another shape, has had its epochs, or had stopped getting better.
        """
        found: NetworkPotential = collect(
            self.iter_fit(snapshots, validation=validation, seed=seed, resume=resume), progress
        )
        return found

    def iter_fit(
        self,
        snapshots: xr.Dataset,
        *,
        validation: xr.Dataset | None = None,
        seed: int = 0,
        resume: "NetworkPotential | None" = None,
    ) -> Iterator[Part]:
        """Train the network in parts, each of which gives the best potential so far.

        Parameters
        ----------
        snapshots, validation, seed, resume
            As in `fit`.

        Yields
        ------
        Part
            ``done`` of ``total`` epochs; ``result`` is a NetworkPotential that can be used, saved and gone on with.

        Raises
        ------
        DataError, LabelError, ParameterError
            As in `fit`.
        """
        learn, held = split(self, snapshots, validation, seed)
        training, kept, start = prepare(self, learn, held, seed, resume)
        schedule = Schedule(
            self.epochs, self.batch, self.learning_rate, self.energy_weight, self.force_weight, int(seed)
        )
        trainer = Trainer(training, schedule, start.model, start.adam, start.epoch)
        course, best = start.course, start.best
        domain = Domain.of(training.features.values, training.features.numbers, to_geometries(learn))
        weights = (self.energy_weight, self.force_weight)

        def so_far() -> NetworkPotential:
            chosen = best.copy()
            return NetworkPotential(
                self, course.dataset(seed, snapshots), chosen, domain, state=state_arrays(trainer, best),
                laplace=lambda: fit_laplace(chosen, training, kept, weights),
            )  # fmt: skip

        since = time.perf_counter()
        while trainer.epoch < self.epochs and not course.stalled(self.patience):
            learnt = trainer.run_epoch()
            errors = rmse(trainer.model, kept)
            if course.add(trainer.epoch, learnt, errors, weights):
                best = trainer.model.copy()
            if time.perf_counter() - since > _PART and trainer.epoch < self.epochs:
                text = (
                    f"epoch {trainer.epoch}: {1000 * errors['energy']:.1f} meV/atom, {errors['force']:.3f} eV/angstrom"
                )
                yield Part(trainer.epoch, self.epochs, so_far(), index=trainer.epoch, message=text)
                since = time.perf_counter()
        yield Part(trainer.epoch, self.epochs, so_far().finished(), index=trainer.epoch, message="done")

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON can write them."""
        names = ("epochs", "batch", "learning_rate", "energy_weight", "force_weight", "validation_fraction", "patience")
        own = {name: getattr(self, name) for name in names}
        return {"descriptor": self.descriptor.to_dict(), "hidden": list(self.hidden), **own}


class NetworkPotential(Potential):
    """A trained network; made by `Network.fit` or `load_potential`.

    Parameters
    ----------
    settings : Network
        How it was trained.
    training : xarray.Dataset
        Over ``epoch``: ``energy_rmse`` (eV per atom) and ``force_rmse`` (eV/angstrom) of the validation frames,
        ``training_energy_rmse`` and ``training_force_rmse`` of the minibatches, ``learning_rate``.
    model : object
        The networks.
    domain : Domain
        Of the training data.
    state : mapping, optional
        What is needed to go on with the training.
    laplace : object or callable, optional
        How sure it is; a callable is asked when standard errors are first wanted.
    """

    kind: ClassVar[str] = "network"

    def __init__(
        self,
        settings: Network,
        training: xr.Dataset,
        model: Model,
        domain: Domain,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        laplace: Laplace | Callable[[], Laplace] | None = None,
    ) -> None:
        super().__init__(settings, training)
        self._model, self._domain, self._state, self._laplace = model.double(), domain, dict(state or {}), laplace
        self._quick: Any = None

    def finished(self) -> "NetworkPotential":
        """Find the standard errors now, so that the training data can be let go.

        Returns
        -------
        NetworkPotential
            Itself.
        """
        self._sure()
        return self

    def _sure(self) -> Laplace | None:
        if callable(self._laplace):
            self._laplace = self._laplace()
        return self._laplace

    def _evaluate(self, geometries: Sequence[Geometry], *, derivatives: bool, uncertainty: bool) -> Evaluation:
        features = self.descriptor.features(geometries, derivatives=derivatives)
        numbers, offsets = features.numbers, features.offsets
        atomic, slope, caches = self._model.predict(features.values, numbers)
        found = Evaluation(add_up(atomic, offsets), atomic, self._domain.outside(features.values, numbers))
        if derivatives:
            force, virial = features.pull(slope)
            found = found._replace(force=force, virial=virial)
        laplace = self._sure() if uncertainty else None
        if laplace is not None:
            of_frames, of_atoms = laplace.energies(self._model.hidden(numbers, caches), offsets)
            found = found._replace(energy_stderr=of_frames, atomic_energy_stderr=of_atoms)
            if derivatives:
                found = found._replace(force_stderr=laplace.forces(force_rows(self._model, features, caches)))
        return found

    def _evaluate_one(self, geometry: Geometry) -> Evaluation:
        if self._quick is None:
            from mi_widgets.potentials._quick_forces import make_quick

            self._quick = make_quick(self.descriptor, self._model, self._domain) or False
        if not self._quick:
            return super()._evaluate_one(geometry)
        return Evaluation(*self._quick(geometry))

    def _arrays(self) -> dict[str, np.ndarray]:
        laplace = self._sure()
        return {**self._state, **self._domain.to_arrays(), **(laplace.to_arrays() if laplace else {})}

    @classmethod
    def _restore(
        cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], training: xr.Dataset
    ) -> "NetworkPotential":
        own = Network(**{**settings, "descriptor": descriptor_from_dict(settings["descriptor"])})
        state = {k: v for k, v in arrays.items() if not k.startswith(("domain_", "laplace_"))}
        model = restore_state(own, state).best
        laplace = Laplace.from_arrays(arrays)
        return cls(own, training, model, Domain.from_arrays(arrays), state=state, laplace=laplace)
