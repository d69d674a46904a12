"""A map fitted by lmfit itself, one spectrum after the other."""

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.labels import product_unit
from mi_widgets.peaks._checks import STATISTICS, likelihood_of, prepare
from mi_widgets.peaks._dataset import LONG_NAMES, attributes
from mi_widgets.peaks._map_fit import AT_BOUND, NO_DATA, NOT_CONVERGED, NOT_RUN, OK, STATUS
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._noise import lay_out_noise
from mi_widgets.peaks._spikes import find_spikes
from mi_widgets.runs import Part

PART_SECONDS, READ_ROWS = 0.3, 64
TINY = 1e-12  # a model of counts is taken at least as large


class PixelFits:
    """Fits of all spectra by lmfit, as far as they have come."""

    def __init__(
        self,
        da: xr.DataArray,
        dim: str,
        model: Any,
        params: Any,
        *,
        likelihood: str,
        noise: float | str | Mapping[str, float] | xr.DataArray | None,
        mask: xr.DataArray | None,
        robust: bool,
    ) -> None:
        # labels are checked as for the smallest of our models; what this one needs is checked here
        least = Model(("gaussian",), "none")
        self.prepared = p = prepare(da, dim, least, mask=mask, spikes=find_spikes if robust else None)
        self.model, self.params = model, params
        self.poisson = likelihood_of(likelihood, noise, p)
        self.noise = lay_out_noise(noise, p, poisson=self.poisson)
        self.n_free = sum(1 for q in params.values() if q.vary and not q.expr)
        self._check_names(da, dim)
        if p.axis.size <= self.n_free:
            raise DataError(
                f"fit_by_lmfit: {self.n_free} free parameters need at least {self.n_free + 1} channels; dimension "
                f"{dim!r} has {p.axis.size}. Take a wider window or hold parameters: params['name'].vary = False."
            )
        self.variable = _variable(model)
        n, names = self.n_spectra, list(params)
        self.values, self.stderr = (np.full((n, len(names)), np.nan) for _ in range(2))
        self.deviance, self.dof, self.n_iter = np.full(n, np.nan), np.zeros(n, dtype=int), np.zeros(n, dtype=int)
        self.status = np.full(n, NOT_RUN, dtype=np.int8)
        self.attrs = self._attributes(da, dim, noise=noise, mask=mask, robust=robust)

    @property
    def n_spectra(self) -> int:
        """Number of spectra."""
        return int(np.prod(self.prepared.shape, dtype=np.int64))

    def _check_names(self, da: xr.DataArray, dim: str) -> None:
        taken = {*(str(c) for c in (*da.dims, *da.coords) if c != dim), *STATISTICS}
        names = {f"{name}{end}" for name in self.params for end in ("", "_stderr")}
        if taken & names:
            name = min(taken & names)
            raise ParameterError(
                f"fit_by_lmfit: parameter {name!r} has the name of a dim, coordinate or variable of the result. "
                "Give the model a prefix: GaussianModel(prefix='g_')."
            )

    def run(self) -> Iterator[Part]:
        """Fit in parts of about `PART_SECONDS`."""
        n, new, began = self.n_spectra, [], perf_counter()
        for at in range(0, n, READ_ROWS):
            rows = np.arange(at, min(at + READ_ROWS, n))
            y = self.prepared.read(rows)
            weights = np.broadcast_to(self.noise.weights(rows, y), y.shape)
            for i, row in enumerate(rows):
                self._fit(int(row), y[i], weights[i])
                new.append(int(row))
                if perf_counter() - began > PART_SECONDS and row < n - 1:
                    yield Part(int(row) + 1, n, self.result(), np.array(new), "fit")
                    new, began = [], perf_counter()
        yield Part(n, n, self.result(), np.array(new, dtype=int), "done")

    def _fit(self, row: int, y: np.ndarray, weights: np.ndarray) -> None:
        import lmfit

        keep = np.isfinite(y)
        if keep.sum() <= self.n_free or not y[keep].any():
            self.status[row] = NO_DATA
            return
        x, y, root = self.prepared.axis[keep], y[keep], np.sqrt(weights[keep])

        def residual(params: Any) -> np.ndarray:
            f = np.broadcast_to(np.asarray(self.model.eval(params=params, **{self.variable: x})), y.shape)
            if not self.poisson:
                return np.asarray((f - y) * (1.0 if self.noise.unknown else root))
            f = np.maximum(f, TINY)
            part = f - y + np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / f), 0.0)
            return np.asarray(np.sign(f - y) * np.sqrt(np.maximum(2 * part, 0.0)))

        scale = self.noise.unknown and not self.poisson
        try:
            with np.errstate(all="ignore"):
                found = lmfit.Minimizer(residual, self.params, scale_covar=scale, nan_policy="raise").leastsq()
        except (ValueError, ArithmeticError, TypeError, np.linalg.LinAlgError):  # one spectrum never stops a map
            self.status[row] = NOT_CONVERGED
            return
        self._store(row, found, keep.sum())

    def _store(self, row: int, found: Any, n_channels: int) -> None:
        gain = self.noise.gain
        values = np.array([p.value for p in found.params.values()], dtype=float)
        if not found.success or not np.isfinite(found.chisqr) or not np.isfinite(values).all():
            self.status[row] = NOT_CONVERGED
            if not np.isfinite(values).all():
                return
        else:
            self.status[row] = AT_BOUND if any(_at_bound(p) for p in found.params.values()) else OK
        self.values[row] = values
        errors = [0.0 if not (p.vary or p.expr) else p.stderr for p in found.params.values()]
        self.stderr[row] = np.sqrt(gain) * np.array([np.nan if e is None else e for e in errors], dtype=float)
        self.deviance[row] = found.chisqr / gain
        self.dof[row], self.n_iter[row] = n_channels - self.n_free, found.nfev

    def result(self) -> xr.Dataset:
        """All that is finished."""
        p = self.prepared
        dims, shape = p.dims, p.shape
        out: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]] = {}
        for i, name in enumerate(self.params):
            units, long_name = self._label(name)
            attrs = {"units": units} if units else {}
            out[name] = (dims, self.values[:, i].reshape(shape).copy(), {**attrs, "long_name": long_name})
            error = {**attrs, "long_name": f"standard error of {long_name}"}
            out[f"{name}_stderr"] = (dims, self.stderr[:, i].reshape(shape).copy(), error)
        scaled = self.noise.unknown and not self.poisson
        name = "residual sum of squares" if scaled else "deviance"
        unit = product_unit(p.value_units, p.value_units) if scaled else "1"
        n, k = (self.dof + self.n_free).astype(float), self.n_free + int(scaled)
        with np.errstate(divide="ignore", invalid="ignore"):
            reduced = self.deviance / np.where(self.dof > 0, self.dof, np.nan)
            bic = (n * np.log(self.deviance / n) if scaled else self.deviance) + k * np.log(n)
        statistics: list[tuple[str, np.ndarray, str, str]] = [
            ("deviance", self.deviance.copy(), unit, name),
            ("reduced_deviance", reduced, unit, f"{name} per degree of freedom"),
            ("dof", self.dof.copy(), "1", "degrees of freedom"),
            ("bic", np.where(np.isfinite(self.deviance), bic, np.nan), "1", "Bayesian information criterion"),
            ("n_iter", self.n_iter.copy(), "1", "evaluations"),
        ]
        for variable, values, units, long_name in statistics:
            out[variable] = (dims, values.reshape(shape), {"units": units, "long_name": long_name})
        flags = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
        out["status"] = (
            dims,
            self.status.copy().reshape(shape),
            {"units": "1", "long_name": "status of the fit", **flags},
        )
        return xr.Dataset(out, coords=p.coords, attrs=dict(self.attrs))

    def _label(self, name: str) -> tuple[str | None, str]:
        """Unit, where lmfit's own name says it, and readable name."""
        p = self.prepared
        for part in self.model.components:
            root = name.removeprefix(part.prefix)
            peak = {f"{part.prefix}{r}" for r in ("amplitude", "center", "sigma")} <= set(part.param_names)
            if peak and name.startswith(part.prefix) and type(part).__module__ == "lmfit.models":
                units: dict[str, str] = {
                    "amplitude": product_unit(p.value_units, p.axis_units),
                    "center": p.axis_units,
                    "sigma": p.axis_units,
                    "fwhm": p.axis_units,
                    "height": p.value_units,
                    "fraction": "1",
                }
                if part.func.__name__ in ("step", "rectangle"):
                    units["amplitude"] = p.value_units
                if part.func.__name__ == "voigt":
                    units["gamma"] = p.axis_units
                if root in units:
                    before = f"{part.prefix.rstrip('_')}: " if part.prefix else ""
                    return units[root], f"{before}{LONG_NAMES.get(root, root)}"
        return None, name

    def _attributes(self, da: xr.DataArray, dim: str, **options: Any) -> dict[str, Any]:
        likelihood = "poisson" if self.poisson else "gaussian"
        given = {k: "given" if isinstance(v, xr.DataArray) else v for k, v in options.items() if v is not None}
        parameters = {
            name: {"value": q.value, "vary": q.vary, "min": q.min, "max": q.max, "expr": q.expr}
            for name, q in self.params.items()
        }
        what = {"dim": dim, "model": self.model.name, "params": _finite(parameters), "likelihood": likelihood, **given}
        return {
            **attributes(
                "fit_by_lmfit",
                "peak fit by lmfit",
                what,
                references="https://doi.org/10.5281/zenodo.598352",
                source=str(da.attrs.get("source", da.name or "")),
            ),
            "spectral_dim": dim,
            "likelihood": likelihood,
            "axis_range": [float(self.prepared.axis[0]), float(self.prepared.axis[-1])],
            "axis_units": self.prepared.axis_units,
            **(self.noise.attrs or {}),
        }


def _variable(model: Any) -> str:
    """The one independent variable that has no value yet: options such as the form of a step have theirs."""
    parts = model.components
    open_ = {
        str(v) for p in parts for v in p.independent_vars if v not in p.opts and v not in p.independent_vars_defvals
    }
    if len(open_) != 1:
        raise ParameterError(f"the model has the independent variables {sorted(open_)}; it must have one only.")
    return open_.pop()


def _finite(parameters: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without infinite bounds, which JSON has not."""
    return {
        name: {k: v for k, v in q.items() if not (isinstance(v, float) and not np.isfinite(v))}
        for name, q in parameters.items()
    }


def _at_bound(parameter: Any) -> bool:
    """Whether a free parameter has come to its bound: lmfit's transformation never lets it reach it."""
    if not parameter.vary or parameter.expr:
        return False
    low, high, value = parameter.min, parameter.max, parameter.value
    room = 1e-6 * max(min(abs(high - low), 1e300) if np.isfinite(high - low) else abs(value), 1e-12)
    return bool(value - low <= room or high - value <= room)
