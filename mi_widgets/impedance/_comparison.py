"""State of a comparison: fits so far, classes, and both as a Dataset."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.impedance._check import Spectra, finish
from mi_widgets.impedance._classes import Classes, classify, distance_steps, noise_level
from mi_widgets.impedance._dataset import ambiguous_attrs, curve_variables, parameter_attrs, statistics, status_attrs
from mi_widgets.impedance._fit import NOT_RUN, Fits, Settings, fit_steps
from mi_widgets.impedance._grammar import Circuit
from mi_widgets.methods.selection import criterion_weights

__all__ = ["Comparison"]

REFERENCES = "Burnham and Anderson (2004), doi:10.1177/0049124104268644; S. Fletcher (1994), doi:10.1149/1.2055007"
_STATISTICS = ("relative_rms", "reduced_chi_squared", "log_likelihood", "aic", "aicc", "bic", "start_share")


class Comparison:
    """Fits of several circuits to the same spectra."""

    def __init__(
        self, circuits: list[Circuit], spectra: Spectra, weight: np.ndarray, settings: Settings, criterion: str,
        called: dict[str, Any],
    ) -> None:  # fmt: skip
        self.circuits, self.spectra, self.weight = circuits, spectra, weight
        self.settings, self.criterion, self.called = settings, criterion, called
        self.fits = [_nothing(c, spectra) for c in circuits]
        self.statistics: list[dict[str, Any]] = [self._statistics(f) for f in self.fits]
        shape = (len(spectra.z), len(circuits))
        self.distance = np.full((*shape, len(circuits)), np.nan)
        self.classes = Classes(np.full(shape, -1), np.zeros(shape, dtype=bool), np.full(shape, -1))

    def fit(self, k: int) -> Iterator[None]:
        """Fit circuit number `k`, with a pause after each block of spectra."""
        spectra = self.spectra
        self.fits[k] = yield from fit_steps(self.circuits[k], spectra.omega, spectra.z, self.weight, self.settings)
        self.statistics[k] = self._statistics(self.fits[k])

    def group(self) -> Iterator[None]:
        """Find the classes, with a pause after each fit."""
        criterion = self._table(self.criterion)
        noise = noise_level(self.fits, criterion)
        # a weighted rms over the modulus, where the weights are something else
        with np.errstate(all="ignore"):
            scale = 1 / np.where(self.weight > 0, self.weight * np.abs(self.spectra.z), np.nan)
        scale = np.nanmax(np.where(np.isfinite(scale), scale, 0.0), axis=1)
        self.distance = yield from distance_steps(
            self.circuits, self.fits, self.spectra.omega, self.weight, noise, self.settings
        )
        self.classes = classify(self.circuits, self.distance, noise, criterion, scale)

    def _statistics(self, fits: Fits) -> dict[str, Any]:
        return statistics(fits, self.weight, self.spectra, known_noise=self.settings.known_noise)

    def _table(self, name: str) -> np.ndarray:
        """A statistic of all circuits (rows, candidate)."""
        return np.stack([s[name][1].reshape(-1) for s in self.statistics], axis=1)

    def dataset(self) -> xr.Dataset:
        """All that is known so far."""
        spectra, shape = self.spectra, (*self.spectra.shape, len(self.circuits))
        dims = (*spectra.dims, "candidate")
        out: dict[str, Any] = {
            name: (dims, self._table(name).reshape(shape), self.statistics[0][name][2]) for name in _STATISTICS
        }
        out["status"] = (dims, np.stack([f.status for f in self.fits], axis=1).reshape(shape), status_attrs())
        ambiguous = np.stack([f.ambiguous for f in self.fits], axis=1).reshape(shape)
        out["ambiguous"] = (dims, ambiguous.astype(np.int8), ambiguous_attrs())
        out |= self._ranks(dims, shape)
        size = np.array([c.n_parameters for c in self.circuits])
        out["n_parameters"] = ("candidate", size, {"units": "1", "long_name": "number of parameters"})
        out["distance"] = (
            (*dims, "candidate_2"), self.distance.reshape(*shape, shape[-1]).copy(),
            {"units": "1", "long_name": "weighted rms between the curve of one and the fit of the other to it"},
        )  # fmt: skip
        out["noise"] = (
            spectra.dims, noise_level(self.fits, self._table(self.criterion)).reshape(spectra.shape),
            {"units": "1", "long_name": "rms of the weighted residuals of the best circuit"},
        )  # fmt: skip
        out |= self._curves(dims) | self._parameters(dims, shape)
        texts = [c.text for c in self.circuits]
        coords = {
            **spectra.coords, "frequency": spectra.frequency,
            "candidate": ("candidate", texts, {"long_name": "circuit"}),
            "candidate_2": ("candidate_2", texts, {"long_name": "circuit that is fitted to the curve"}),
        }  # fmt: skip
        ds = xr.Dataset(out, coords)
        ds = finish(ds, "compare_circuits", "comparison of circuits", self.called, spectra, REFERENCES)
        ds.attrs["criterion"] = self.criterion
        return ds

    def _ranks(self, dims: tuple[str, ...], shape: tuple[int, ...]) -> dict[str, Any]:
        criterion, classes = self._table(self.criterion), self.classes
        finite = np.isfinite(criterion)
        order = np.argsort(np.where(finite, criterion, np.inf), axis=1, kind="stable").argsort(axis=1)
        heads = np.where(np.isfinite(criterion), criterion, np.nan).copy()
        for row, number in enumerate(classes.number):
            for one in range(number.max(initial=-1) + 1):
                members = np.flatnonzero(number == one)
                heads[row, members[members != members[np.argmin(heads[row, members])]]] = np.nan
        alone = criterion_weights(heads)
        shared = np.zeros_like(alone)
        for row, number in enumerate(classes.number):
            for one in range(number.max(initial=-1) + 1):
                shared[row, number == one] = alone[row, number == one].max()
        flags = {"units": "1"}
        table = {
            "rank": (np.where(finite, order + 1, 0), f"rank by {self.criterion.upper()}"),
            "weight": (criterion_weights(criterion), f"weight by {self.criterion.upper()}"),
            "equivalence_class": (classes.number, "equivalence class, 0 that of the best circuit, -1 for none"),
            "class_weight": (np.where(classes.number >= 0, shared, 0.0), "weight of the equivalence class"),
            "exactly_equivalent": (classes.exact.astype(np.int8), "mathematically the same as the best of its class"),
            "simpler": (classes.simpler, "number of a simpler circuit with the same curve, -1 for none"),
        }
        return {name: (dims, v.reshape(shape), {**flags, "long_name": text}) for name, (v, text) in table.items()}

    def _curves(self, dims: tuple[str, ...]) -> dict[str, Any]:
        each = [curve_variables(f.fitted, self.spectra) for f in self.fits]
        return {
            name: ((*dims, "frequency"), np.stack([e[name][1] for e in each], axis=-2), each[0][name][2])
            for name in each[0]
        }

    def _parameters(self, dims: tuple[str, ...], shape: tuple[int, ...]) -> dict[str, Any]:
        """Every parameter that a circuit has, NaN for circuits without it."""
        attrs: dict[str, dict[str, Any]] = {}
        for circuit in self.circuits:
            attrs |= parameter_attrs(circuit, self.spectra.units)
        names = sorted(attrs)
        rows, n = self.spectra.z.shape[0], len(self.circuits)
        bound = np.zeros((rows, n, len(names)), dtype=np.int8)
        out: dict[str, Any] = {}
        for j, name in enumerate(names):
            values, errors = np.full((rows, n), np.nan), np.full((rows, n), np.nan)
            for k, (circuit, fits) in enumerate(zip(self.circuits, self.fits, strict=True)):
                if name in circuit.names:
                    i = circuit.names.index(name)
                    values[:, k], errors[:, k] = fits.values[:, i], fits.stderr[:, i]
                    bound[:, k, j] = fits.at_bound[:, i]
            error = {**attrs[name], "long_name": f"standard error of {attrs[name]['long_name']}"}
            out[name] = (dims, values.reshape(shape), attrs[name])
            out[f"{name}_stderr"] = (dims, errors.reshape(shape), error)
        out["at_bound"] = (
            (*dims, "parameter"), bound.reshape(*shape, len(names)),
            {"units": "1", "long_name": "at its lower (-1) or upper (1) limit"},
        )  # fmt: skip
        return out | {"parameter": ("parameter", names, {"long_name": "parameter"})}


def _nothing(circuit: Circuit, spectra: Spectra) -> Fits:
    """A fit that has not been run."""
    rows, k = len(spectra.z), circuit.n_parameters
    nan = np.full((rows, k), np.nan)
    return Fits(
        nan, nan, nan, np.full((rows, k, k), np.nan), np.zeros((rows, k), dtype=np.int8), np.full(rows, np.nan),
        2 * spectra.usable.sum(axis=1), k, np.full(rows, np.nan), np.zeros(rows, dtype=bool),
        np.full(rows, NOT_RUN, dtype=np.int8),
        np.full(spectra.z.shape, np.nan, dtype=complex),
    )  # fmt: skip
