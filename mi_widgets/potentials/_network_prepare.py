"""From snapshots to what a training starts with, anew or from where another ended."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.potentials._network_course import Course, loss_of
from mi_widgets.potentials._network_layers import Adam, Weights
from mi_widgets.potentials._network_model import Model, add_up
from mi_widgets.potentials._network_training import LearningData, Trainer, rmse
from mi_widgets.potentials._snapshot_checks import require_snapshots
from mi_widgets.potentials._snapshot_frames import take_frames
from mi_widgets.potentials.potential import to_geometries

__all__ = ["Start", "prepare", "restore_state", "split", "state_arrays"]

_FEWEST = 4


@dataclass
class Start:
    """Where a training begins."""

    model: Model
    best: Model
    adam: Adam
    epoch: int
    course: Course


def split(
    settings: Any, snapshots: xr.Dataset, validation: xr.Dataset | None, seed: int
) -> tuple[xr.Dataset, xr.Dataset]:
    """Frames to learn from and frames to judge by, checked."""
    for ds in (snapshots, validation):
        if ds is not None:
            _check(settings, ds)
    n = snapshots.sizes["frame"]
    if n < _FEWEST:
        raise DataError(f"a network needs at least {_FEWEST} frames; got {n}.")
    if validation is not None:
        return snapshots, validation
    held = max(1, round(settings.validation_fraction * n))
    if n - held < 2:
        raise DataError(f"of {n} frames {n - held} would be left to learn from; write a smaller validation_fraction.")
    order = np.random.default_rng([int(seed), n]).permutation(n)
    return take_frames(snapshots, order[held:]), take_frames(snapshots, order[:held])


def _check(settings: Any, snapshots: xr.Dataset) -> None:
    require_snapshots(snapshots, "Network.fit")
    if not np.isfinite(snapshots["energy"].values).all():
        raise DataError(
            "Network.fit: an energy is no number. label_snapshots, read_snapshots and snapshots_from_ase leave such "
            "frames out."
        )
    if settings.force_weight > 0:
        if "force" not in snapshots:
            raise DataError(
                "Network.fit: the snapshots have no forces. Add them, or write force_weight=0 to learn from energies "
                "alone, which takes about ten times as many frames."
            )
        if not np.isfinite(snapshots["force"].values).all():
            raise DataError("Network.fit: a force is no number; leave that frame out.")
    unknown = sorted(set(map(str, snapshots["element"].values)) - set(settings.descriptor.elements))
    if unknown:
        raise DataError(
            f"Network.fit: the descriptor knows {', '.join(settings.descriptor.elements)}, the snapshots hold "
            f"{', '.join(unknown)} too. Make the descriptor with elements=(...) that names all of them."
        )


def prepare(
    settings: Any, learn: xr.Dataset, held: xr.Dataset, seed: int, resume: Any
) -> tuple[LearningData, LearningData, Start]:
    """Learning data, validation data and the state to begin with."""
    features = settings.descriptor.features(to_geometries(learn))
    if resume is None:
        reference = _references(features.numbers, features.offsets, learn["energy"].values)
        model = Model.start(features.values, features.numbers, reference, settings.hidden, int(seed))
        start = Start(model, model.copy(), Adam.of(model.flat), 0, Course())
    else:
        start = _go_on(settings, resume)
    training = _data(features, learn, start.model)
    kept = _data(settings.descriptor.features(to_geometries(held)), held, start.model)
    if resume is not None:
        _judge_again(settings, start, kept)
    return training, kept, start


def _judge_again(settings: Any, start: Start, kept: LearningData) -> None:
    """Judge the best weights so far by the frames that judge from now on: what others said of them cannot be compared.

    With the same frames as before everything stays as it was.
    """
    loss = loss_of(rmse(start.best, kept), (settings.energy_weight, settings.force_weight))
    if not np.isclose(loss, start.course.best, rtol=1e-4):
        start.course.best, start.course.best_epoch = loss, start.epoch
    elif start.course.stalled(settings.patience):
        raise ParameterError(
            f"resume ended early: nothing got better in {settings.patience} epochs with these data. Write a larger "
            "patience, dataclasses.replace(potential.settings, patience=..., epochs=...), or give other data."
        )


def _references(numbers: np.ndarray, offsets: np.ndarray, energy: np.ndarray) -> dict[int, float]:
    """Energies of atoms of each element whose sums are nearest to the energies; the shortest vector of these."""
    kinds = np.unique(numbers)
    counts = np.stack([add_up((numbers == k).astype(float), offsets) for k in kinds], axis=1)
    found = np.linalg.lstsq(counts, energy, rcond=1e-8)[0]
    return {int(k): float(e) for k, e in zip(kinds, found, strict=True)}


def _data(features: Any, snapshots: xr.Dataset, model: Model) -> LearningData:
    strange = sorted(set(features.numbers.tolist()) - set(model.numbers.tolist()))
    if strange:
        raise DataError(
            f"Network.fit: atomic numbers {strange} are in these frames and not in those that the network was begun "
            "with: training frames, or those of the potential given as resume. Begin with frames of all elements."
        )
    energy = snapshots["energy"].values - add_up(
        model.reference[np.searchsorted(model.numbers, features.numbers)], features.offsets
    )
    force = snapshots["force"].transpose("environment", "axis").values if "force" in snapshots else None
    return LearningData(features, energy, force)


def _go_on(settings: Any, resume: Any) -> Start:
    other = getattr(resume, "settings", None)
    if other is None or not hasattr(resume, "_state"):
        raise ParameterError(f"resume must be a potential that Network.fit gave; got {type(resume).__name__}.")
    if other.hidden != settings.hidden or other.descriptor.to_dict() != settings.descriptor.to_dict():
        raise ParameterError(
            f"resume has hidden={other.hidden} and its own descriptor, these settings hidden={settings.hidden} and "
            "theirs: they must agree. Write "
            "dataclasses.replace(potential.settings, epochs=...).fit(..., resume=potential)."
        )
    start = restore_state(settings, resume._state)  # noqa: SLF001
    if start.epoch >= settings.epochs:
        raise ParameterError(
            f"resume has had {start.epoch} epochs already and epochs is {settings.epochs}. Write "
            f"dataclasses.replace(potential.settings, epochs={start.epoch + 100}).fit(..., resume=potential)."
        )
    start.course = Course.of(resume.training)
    return start


def state_arrays(trainer: Trainer, best: Model) -> dict[str, np.ndarray]:
    """Everything from which `restore_state` makes the same start."""
    model, adam = trainer.model, trainer.adam
    return {
        "numbers": model.numbers,
        "mean": model.mean,
        "scale": model.scale,
        "reference": model.reference,
        "weights": _joined(best.flat),
        "last_weights": _joined(model.flat),
        "first_moments": _joined(adam.first),
        "second_moments": _joined(adam.second),
        "counts": np.array([adam.n_steps, trainer.epoch]),
    }


def restore_state(settings: Any, arrays: Any) -> Start:
    """The start that `state_arrays` wrote."""
    numbers = np.asarray(arrays["numbers"])
    n_features = arrays["mean"].shape[1]
    shapes: list[tuple[int, ...]] = []
    sizes = (n_features, *settings.hidden)
    for a, b in pairwise(sizes):
        shapes += [(a, b), (b,)]
    shapes += [(sizes[-1],), (1,)]

    def model(name: str) -> Model:
        flat = _cut(arrays[name], shapes * len(numbers))
        weights = [flat[k : k + len(shapes)] for k in range(0, len(flat), len(shapes))]
        return Model(
            numbers, np.array(arrays["mean"]), np.array(arrays["scale"]), np.array(arrays["reference"]), weights
        )

    n_steps, epoch = (int(v) for v in arrays["counts"])
    moments = [_cut(arrays[f"{name}_moments"], shapes * len(numbers)) for name in ("first", "second")]
    return Start(model("last_weights"), model("weights"), Adam(moments[0], moments[1], n_steps), epoch, Course())


def _joined(arrays: Weights) -> np.ndarray:
    return np.concatenate([a.ravel() for a in arrays])


def _cut(values: np.ndarray, shapes: list[tuple[int, ...]]) -> Weights:
    ends = np.cumsum([int(np.prod(s)) for s in shapes])
    if values.shape != (ends[-1],):
        raise ValueError(f"{values.size} weights where {ends[-1]} belong")
    return [v.reshape(s).copy() for v, s in zip(np.split(values, ends[:-1]), shapes, strict=True)]
