"""Active learning: which snapshots are worth computing, and how errors fall with their number."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.history import origin
from mi_widgets.potentials._potential_results import frame_sizes
from mi_widgets.potentials._snapshot_checks import require_snapshots
from mi_widgets.potentials._snapshot_frames import take_frames
from mi_widgets.runs import Part, Progress, collect

__all__ = ["choose_snapshots", "iter_learning_curve", "learning_curve"]

_CRITERIA = ("force", "energy", "outside")
_STATUS = ["not_run", "ok"]


def choose_snapshots(
    potential: Any, pool: xr.Dataset, n: int, *, criterion: str = "force", diverse: float = 0.5
) -> xr.Dataset:
    """Choose the snapshots of a pool of which a potential knows least: those to compute and to learn from next.

    One frame after the other is taken: that of the largest uncertainty times its distance from those taken already, so
    that neighbours in time are not all chosen. Energies and forces of the pool are not looked at.

    Parameters
    ----------
    potential : Potential
        Fitted to what is known already; it must know standard errors unless `criterion` is ``"outside"``.
    pool : xarray.Dataset
        As `label_snapshots` makes it.
    n : int
        How many frames.
    criterion : {"force", "energy", "outside"}
        Root mean square of the standard errors of the frame's forces (eV/angstrom), standard error of its energy per
        atom (eV), or the number of its atoms outside the training domain.
    diverse : float
        Power of the distance; 0 takes the most uncertain whatever they are.

    Returns
    -------
    xarray.Dataset
        The chosen frames, with the coordinate ``score`` (frame): the uncertainty, in the unit of the criterion.

    Raises
    ------
    ParameterError
        `n` is not between 1 and the number of frames, or an option is unknown.
    DataError
        The potential knows no standard errors.
    LabelError
        These are no snapshots.

    Examples
    --------
    >>> from mi_widgets import datasets, potentials  # doctest: +SKIP
    >>> choose_snapshots(potential, datasets.load_silica_snapshots(), 20).frame.values  # doctest: +SKIP
    """
    require_snapshots(pool, "choose_snapshots")
    n_frames = pool.sizes["frame"]
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= n_frames:
        raise ParameterError(f"n must be a whole number from 1 to the {n_frames} frames of the pool; got {n!r}.")
    if criterion not in _CRITERIA or not diverse >= 0:
        raise ParameterError(
            f"criterion must be one of {', '.join(map(repr, _CRITERIA))} and diverse zero or more; got {criterion!r}, "
            f"{diverse!r}."
        )
    score, units = _score(potential, pool, criterion)
    chosen = _spread(score, _fingerprints(potential, pool) if diverse > 0 else None, int(n), diverse)
    out = take_frames(pool, chosen)
    places = np.sort(chosen)
    text = {"units": units, "long_name": f"uncertainty ({criterion})"}
    out = out.assign_coords(score=("frame", score[places], text))
    given = {"n": int(n), "criterion": criterion, "diverse": float(diverse)}
    out.attrs = origin("potentials.choose_snapshots", "chosen snapshots", given, of=pool)
    return out


def _score(potential: Any, pool: xr.Dataset, criterion: str) -> tuple[np.ndarray, str]:
    found = potential.predict(pool, forces=criterion == "force", uncertainty=criterion != "outside")
    sizes = frame_sizes(pool)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    if criterion == "outside":
        return np.add.reduceat(found["outside"].values.astype(float), starts), "1"
    name = f"{criterion}_stderr"
    if name not in found:
        raise DataError(
            f"choose_snapshots: this potential gives no {name}; fit one that does, or write criterion='outside'."
        )
    if criterion == "energy":
        return found[name].values / sizes, "eV"
    return np.sqrt(np.add.reduceat((found[name].values ** 2).mean(axis=1), starts) / sizes), "eV/angstrom"


def _fingerprints(potential: Any, pool: xr.Dataset) -> np.ndarray:
    """Mean and spread of the features of each element in each frame, standardised."""
    from mi_widgets.potentials.potential import to_geometries

    features = potential.descriptor.features(to_geometries(pool), derivatives=False)
    columns = []
    for kind in np.unique(features.numbers):
        of_kind = features.numbers == kind
        for a, b in zip(features.offsets[:-1], features.offsets[1:], strict=True):
            rows = features.values[a:b][of_kind[a:b]]
            columns.append(np.concatenate([rows.mean(axis=0), rows.std(axis=0)]) if len(rows) else None)
    n = len(features.offsets) - 1
    width = 2 * features.values.shape[1]
    table = np.array([np.zeros(width) if c is None else c for c in columns]).reshape(-1, n, width)
    flat = table.transpose(1, 0, 2).reshape(n, -1)
    return np.asarray((flat - flat.mean(axis=0)) / np.maximum(flat.std(axis=0), 1e-12))


def _spread(score: np.ndarray, points: np.ndarray | None, n: int, power: float) -> np.ndarray:
    if points is None:
        return np.argsort(-score, kind="stable")[:n]
    chosen = [int(score.argmax())]
    nearest = np.full(len(score), np.inf)
    while len(chosen) < n:
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
        value = (score + 1e-12) * nearest**power
        value[chosen] = -1.0
        chosen.append(int(value.argmax()))
    return np.array(chosen)


def learning_curve(
    estimator: Any,
    snapshots: xr.Dataset,
    sizes: Sequence[int],
    *,
    test: xr.Dataset,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Errors on a test set for training sets of several sizes, each holding the one before.

    Parameters
    ----------
    estimator : Network, SparseGaussianProcess or LinearPotential
        What is fitted, once for each size.
    snapshots : xarray.Dataset
        From which training sets are drawn by chance.
    sizes : sequence of int
        Numbers of frames, rising.
    test : xarray.Dataset
        Frames that are not learnt from, best of another run of molecular dynamics.
    seed : int
        Of the draw and of the fits.
    progress : callable, optional
        Called with each part.

    Returns
    -------
    xarray.Dataset
        Over ``n_frames``: ``energy_rmse`` (eV per atom), ``force_rmse`` (eV/angstrom), ``seconds`` (s; time of the
        processor that a fit took) and ``status`` (not_run, ok).

    Raises
    ------
    ParameterError
        Sizes do not rise or exceed the number of frames.
    LabelError
        These are no snapshots.

    Examples
    --------
    >>> learning_curve(Network(descriptor), train, [25, 50, 100], test=test)  # doctest: +SKIP
    """
    found: xr.Dataset = collect(iter_learning_curve(estimator, snapshots, sizes, test=test, seed=seed), progress)
    return found


def iter_learning_curve(
    estimator: Any, snapshots: xr.Dataset, sizes: Sequence[int], *, test: xr.Dataset, seed: int = 0
) -> Iterator[Part]:
    """Learning curve in parts: one size after the other.

    Parameters
    ----------
    estimator, snapshots, sizes, test, seed
        As in `learning_curve`.

    Yields
    ------
    Part
        ``result`` as `learning_curve` gives it, NaN where not run.

    Raises
    ------
    ParameterError
        Sizes do not rise or exceed the number of frames.
    LabelError
        These are no snapshots.

    Examples
    --------
    >>> next(iter_learning_curve(Network(descriptor), train, [25, 50], test=test))  # doctest: +SKIP
    """
    import time

    for ds in (snapshots, test):
        require_snapshots(ds, "learning_curve")
    wanted = np.asarray(sizes)
    n = snapshots.sizes["frame"]
    if wanted.ndim != 1 or wanted.dtype.kind not in "iu" or not wanted.size or wanted.min() < 1 or wanted.max() > n:
        raise ParameterError(f"sizes must be whole numbers from 1 to the {n} frames there are; got {sizes!r}.")
    if (np.diff(wanted) <= 0).any():
        raise ParameterError(f"sizes must rise; got {list(sizes)}.")
    order = np.random.default_rng([int(seed), n]).permutation(n)
    table = np.full((3, wanted.size), np.nan)
    status = np.zeros(wanted.size, dtype=np.int8)
    for k, size in enumerate(wanted):
        start = time.process_time()
        potential = estimator.fit(take_frames(snapshots, order[:size]), seed=seed)
        seconds = time.process_time() - start
        errors = potential.errors(test)
        table[:, k] = float(errors["energy_rmse"]), float(errors.get("force_rmse", np.nan)), seconds
        status[k] = 1
        ds = _curve(wanted, table, status)
        given = {"estimator": type(estimator).__name__, "sizes": [int(s) for s in wanted], "seed": int(seed)}
        ds.attrs = origin("potentials.learning_curve", "learning curve", given, of=snapshots)
        yield Part(k + 1, wanted.size, ds, index=int(size), message=f"{size} frames")


def _curve(sizes: np.ndarray, table: np.ndarray, status: np.ndarray) -> xr.Dataset:
    texts = [
        ("energy_rmse", "eV", "RMSE of energies per atom"),
        ("force_rmse", "eV/angstrom", "RMSE of force components"),
        ("seconds", "s", "time of the fit"),
    ]
    ds = xr.Dataset(
        {
            name: ("n_frames", row.copy(), {"units": units, "long_name": text})
            for (name, units, text), row in zip(texts, table, strict=True)
        },
        {"n_frames": ("n_frames", sizes, {"units": "1", "long_name": "training frames"})},
    )
    flags = {"flag_values": np.arange(2, dtype=np.int8), "flag_meanings": " ".join(_STATUS), "long_name": "status"}
    ds["status"] = ("n_frames", status.copy(), flags)
    return ds
