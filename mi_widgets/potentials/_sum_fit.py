"""Fit of a sum of terms to snapshots, frame by frame, with the errors on frames that were held out."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, MIWidgetsWarning
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._regression import Posterior, Sums, solve
from mi_widgets.potentials._snapshot_checks import ordered
from mi_widgets.potentials._sum_model import Calibration, SumModel
from mi_widgets.potentials._terms import Rows3
from mi_widgets.potentials.potential import to_geometries
from mi_widgets.runs import Part

__all__ = ["Data", "Noise", "iter_sum_fit", "learnable"]

_SECONDS = 0.3
_Z90 = 1.6448536
_TIES = 0.02, 0.1  # noise of energies and virials per atom over that of forces (angstrom)
_BACK = 5
_FEW = 4
_MOST_BACK = 40


@dataclass(frozen=True)
class Noise:
    """Standard deviations of the data; None is found from them.

    Without it that of forces is what the fit leaves over; energies and virials have a hundredth of the numbers that
    forces have, so theirs is tied to it: otherwise a flexible model takes them for exact.

    Attributes
    ----------
    energy : float or None
        Per atom (eV).
    force : float or None
        eV/angstrom.
    virial : float or None
        Per atom (eV).
    """

    energy: float | None
    force: float | None
    virial: float | None

    def start(self) -> dict[str, float]:
        """Values to begin with."""
        force = self.force or 0.1
        return {"energy": self.energy or _TIES[0] * force, "force": force, "virial": self.virial or _TIES[1] * force}

    def tied(self) -> dict[str, float]:
        """Noise over that of forces, for those that are searched for."""
        ties = {"energy": _TIES[0], "force": 1.0, "virial": _TIES[1]}
        return {name: tie for name, tie in ties.items() if getattr(self, name) is None and self.force is None}


@dataclass(frozen=True)
class Data:
    """Snapshots as plain arrays; forces and virials are NaN where they are not known.

    Attributes
    ----------
    geometries : list of Geometry
    energy : (n_frames,)
    force : one (n_atoms, 3) for each frame
    virial : (n_frames, 3, 3)
    """

    geometries: list[Geometry]
    energy: np.ndarray
    force: list[np.ndarray]
    virial: np.ndarray

    def take(self, frames: np.ndarray) -> "Data":
        """Some of the frames."""
        geometries, force = [self.geometries[k] for k in frames], [self.force[k] for k in frames]
        return Data(geometries, self.energy[frames], force, self.virial[frames])


def learnable(snapshots: xr.Dataset, who: str, *, warn: bool = True) -> Data:
    """Plain arrays of what can be learnt from; says what is missing."""
    geometries, snapshots = to_geometries(snapshots), ordered(snapshots)
    energy = np.asarray(snapshots["energy"].values, dtype=float)
    sizes = [len(g.numbers) for g in geometries]
    ends = np.cumsum([0, *sizes])
    if "force" in snapshots:
        force = np.asarray(snapshots["force"].transpose("environment", "axis").values, dtype=float)
    else:
        force = np.full((ends[-1], 3), np.nan)
    cells = np.array([g.cell for g in geometries])
    periodic = np.array([np.all(g.pbc) for g in geometries])
    volume = np.where(periodic, np.abs(np.linalg.det(cells)), np.nan)
    stress = snapshots["stress"].values if "stress" in snapshots else np.full((len(sizes), 3, 3), np.nan)
    bad = ~np.isfinite(energy)
    if bad.all():
        raise DataError(f"{who}: no snapshot has an energy that is a number.")
    if warn:
        said = []
        if bad.any():
            said.append(f"{int(bad.sum())} of {len(bad)} frames have no finite energy")
        known = np.isfinite(force).all(axis=1).mean()
        if known < 1:
            said.append(f"forces of {1 - known:.0%} of the atoms are missing" if known else "there are no forces")
        if said:
            few = "" if known else ". From energies alone a fit is poor: give forces where the code computes them"
            warnings.warn(f"{who}: {'; '.join(said)}; what there is is used{few}.", MIWidgetsWarning, stacklevel=5)
    virial = -np.asarray(stress, dtype=float) * volume[:, None, None]
    return Data(geometries, energy, [force[a:b] for a, b in pairwise(ends)], virial)


def base_energies(data: Data, numbers: np.ndarray) -> np.ndarray:
    """Energy of an atom of each element that fits best; the smallest numbers where composition tells nothing."""
    counts = np.array([[(np.asarray(g.numbers) == z).sum() for z in numbers] for g in data.geometries], dtype=float)
    known = np.isfinite(data.energy)
    size = counts[known].sum(axis=1, keepdims=True)
    return np.asarray(np.linalg.lstsq(counts[known] / size, data.energy[known] / size[:, 0], rcond=1e-6)[0])


class _Totals:
    def __init__(self, n_terms: int) -> None:
        self.sums = {name: Sums(n_terms) for name in ("energy", "force", "virial")}

    def add(self, model: SumModel, data: Data, k: int, rows: Rows3) -> None:
        """Add one frame."""
        g = data.geometries[k]
        n = len(g.numbers)
        energy = data.energy[k] - model.base[model.species(np.asarray(g.numbers))].sum()
        self.sums["energy"].add(rows.energy.sum(axis=0)[None] / n, np.array([energy / n]))
        self.sums["force"].add(rows.force.reshape(3 * n, -1), data.force[k].reshape(-1))
        self.sums["virial"].add(rows.virial.reshape(9, -1) / n, data.virial[k].reshape(-1) / n)

    def rmse(self, mean: np.ndarray) -> dict[str, float]:
        """Root-mean-square residuals."""
        s = self.sums
        return {k: float(np.sqrt(s[k].residual(mean) / s[k].count)) if s[k].count else np.nan for k in s}


def iter_sum_fit(
    model: SumModel,
    data: Data,
    held: Data | None,
    noise: Noise,
    build: Callable[[Posterior, Calibration, xr.Dataset], Any],
    *,
    seed: int | np.random.Generator | None,
    attrs: dict[str, str],
) -> Iterator[Part]:
    """Learn frame by frame; each part holds the potential of the frames so far.

    A fifth of the frames (40 at most), or `held`, is kept back to learn how large errors are, and then learnt from too.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data.energy))
    back = np.empty(0, int) if held is not None else order[: min(len(order) // _BACK, _MOST_BACK)]
    judge = held.take(np.arange(min(len(held.energy), _MOST_BACK))) if held is not None else data.take(back)
    first, total = order[len(back) :], len(order)
    totals, course, found, due = _Totals(model.n_terms), _Course(attrs), None, min(_FEW, len(first))
    values = noise.start()
    judged = [model.rows(g) for g in judge.geometries[:_FEW]]
    begun = perf_counter()
    for done, k in enumerate(first, 1):
        totals.add(model, data, int(k), model.rows(data.geometries[k]))
        last = done == len(first)
        if done == due or last:
            due *= 3
            if last:
                judged += [model.rows(g) for g in judge.geometries[_FEW:]]
            posterior = solve(totals.sums, model.groups, values, tied=noise.tied(), rounds=6 if last else 2)
            values, calibration = posterior.noise, calibrate(model, posterior, judge, judged)
            course.add(done, totals.rmse(posterior.mean), errors(model, posterior, judge, judged), posterior)
            found = build(posterior, calibration, course.dataset())
        if found is not None and (done == due or last or perf_counter() - begun > _SECONDS):
            begun = perf_counter()
            yield Part(done, total, found, message=f"{done} of {total} frames learnt")
    if len(back):
        for k, rows in zip(back, judged, strict=True):
            totals.add(model, data, int(k), rows)
        posterior = solve(totals.sums, model.groups, values, tied=noise.tied(), rounds=1)
        yield Part(total, total, build(posterior, calibration, course.dataset()), message="all frames learnt")


class _Course:
    """Errors after so many frames."""

    def __init__(self, attrs: dict[str, str]) -> None:
        self.attrs, self.rows = attrs, []  # type: ignore[var-annotated]

    def add(self, n: int, own: dict[str, float], judged: dict[str, float], posterior: Posterior) -> None:
        """One more line."""
        self.rows.append((n, own["energy"], own["force"], judged["energy"], judged["force"], posterior.noise["force"]))

    def dataset(self) -> xr.Dataset:
        """The course so far."""
        names = ("energy_rmse", "force_rmse", "validation_energy_rmse", "validation_force_rmse", "force_noise")
        units = ("eV", "eV/angstrom", "eV", "eV/angstrom", "eV/angstrom")
        words = ("energy per atom", "force", "energy per atom, held out", "force, held out", "noise of forces")
        table = np.array(self.rows, dtype=float)
        ds = xr.Dataset(
            {
                name: ("epoch", table[:, k + 1].copy(), {"units": u, "long_name": w})
                for k, (name, u, w) in enumerate(zip(names, units, words, strict=True))
            },
            {"epoch": ("epoch", table[:, 0].astype(int), {"units": "1", "long_name": "frames learnt from"})},
        )
        ds.attrs = dict(self.attrs)
        return ds


def errors(model: SumModel, posterior: Posterior, data: Data, rows: list[Rows3]) -> dict[str, float]:
    """RMSE of energies per atom and forces, given the design of the frames."""
    e, _, f, _, _ = _residuals(model, posterior, data, rows)
    return {"energy": _rms(e), "force": _rms(f)}


def _rms(x: np.ndarray) -> float:
    x = x[np.isfinite(x)]
    return float(np.sqrt((x**2).mean())) if x.size else np.nan


def _residuals(
    model: SumModel, posterior: Posterior, data: Data, rows: list[Rows3]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Errors and variances of energies per atom; errors, variances and species of forces."""
    e, ve, f, vf, kind = [], [], [np.empty(0)], [np.empty(0)], [np.empty(0, int)]
    for g, energy, force, r in zip(data.geometries, data.energy, data.force, rows, strict=False):
        n, species = len(g.numbers), model.species(np.asarray(g.numbers))
        total = r.energy.sum(axis=0)
        e.append((total @ posterior.mean + model.base[species].sum() - energy) / n)
        ve.append(posterior.variance(total) / n**2)
        f.append((r.force @ posterior.mean - force).reshape(-1))
        vf.append(posterior.variance(r.force).reshape(-1))
        kind.append(np.repeat(species, 3))
    return np.array(e), np.array(ve), np.concatenate(f), np.concatenate(vf), np.concatenate(kind)


def calibrate(model: SumModel, posterior: Posterior, data: Data, rows: list[Rows3]) -> Calibration:
    """Stretch and ground of variances: most likely errors, then widened until 90 % lie in the 90 % interval."""
    e, ve, f, vf, kind = _residuals(model, posterior, data, rows)
    n = len(model.numbers)
    stretch, ground = np.ones(n), np.full(n, posterior.noise["force"] ** 2)
    for k in range(n):
        use = np.isfinite(f) & (kind == k)
        if use.sum() >= 30:
            stretch[k], ground[k] = _two_scales(f[use], vf[use])
    use = np.isfinite(e)
    energy = 1.0, posterior.noise["energy"] ** 2
    if use.sum() >= 3:
        energy = _one_scale(e[use], ve[use] + posterior.noise["energy"] ** 2, posterior.noise["energy"] ** 2)
    return Calibration(stretch, ground, *energy)


def _two_scales(error: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    from scipy.optimize import minimize

    square = error**2
    size = float(square.mean())
    unit = max(float(variance.mean()), 1e-300)

    def loss(p: np.ndarray) -> float:
        v = np.exp(p[0]) * size * variance / unit + np.exp(p[1]) * size
        return float((np.log(v) + square / v).mean())

    best = minimize(loss, np.log([0.5, 0.5]), method="Nelder-Mead", options={"xatol": 0.01, "fatol": 1e-5}).x
    stretch, ground = np.exp(best[0]) * size / unit, np.exp(best[1]) * size
    ratio = np.quantile(np.abs(error) / np.sqrt(stretch * variance + ground), 0.9) / _Z90
    return float(stretch * ratio**2), float(ground * ratio**2)


def _one_scale(error: np.ndarray, variance: np.ndarray, ground: float) -> tuple[float, float]:
    ratio = float((error**2 / variance).mean())
    return ratio, ratio * ground
