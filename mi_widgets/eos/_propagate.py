"""An equation and small changes of its parameters, by which errors of anything that follows are propagated."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos.equation import Equation
from mi_widgets.errors import LabelError

__all__ = ["Source", "source_of"]

Parameters = dict[str, np.ndarray]


class Source:
    """An equation of state, with the covariance of its parameters where it was fitted.

    Parameters
    ----------
    equation : Equation
        The equation.
    fit : xarray.Dataset, optional
        The fit it comes from.
    """

    def __init__(self, equation: Equation, fit: xr.Dataset | None = None) -> None:
        self.equation, self.fit = equation, fit
        self.names: list[str] = []
        self.covariance = np.zeros((0, 0))
        if fit is not None:
            has_error = [n for n in equation.parameters if np.isfinite(float(fit[f"{n}_stderr"]))]
            listed = [str(n) for n in fit["parameter"].values]
            self.names = [n for n in has_error if n in listed]
            at = [listed.index(n) for n in self.names]
            stderr = np.array([float(fit[f"{n}_stderr"]) for n in self.names])
            correlation = np.asarray(fit["correlation"].values, dtype=float)[np.ix_(at, at)]
            self.covariance = correlation * np.outer(stderr, stderr)

    def apply(self, compute: Callable[[Parameters], dict[str, np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Values, and standard errors by linear propagation, of everything that `compute` gives.

        `compute` gets parameters of shape (1,), volumes in angstrom**3.
        """
        base = {name: np.array([value]) for name, value in self.equation.parameters.items()}
        factor = self.equation.volume_factor
        base["v0"] = base["v0"] * factor
        values = compute(base)
        variance = {name: np.zeros(np.shape(v)) for name, v in values.items()}
        slopes: dict[str, list[np.ndarray]] = {name: [] for name in values}
        for i, name in enumerate(self.names):
            h = 1e-2 * np.sqrt(self.covariance[i, i])  # small beside the error, and so beside any curvature that counts
            unit = factor if name == "v0" else 1.0
            up, down = (compute(base | {name: base[name] + sign * h * unit}) for sign in (1, -1))
            for key in values:
                slopes[key].append((up[key] - down[key]) / (2 * h))
        for key, parts in slopes.items():
            if parts:
                slope = np.stack(parts)
                variance[key] = np.einsum("i...,ij,j...->...", slope, self.covariance, slope)
        return {name: (values[name], np.sqrt(np.maximum(variance[name], 0))) for name in values}


def source_of(eos: Any, *, who: str) -> Source:
    """What a user gives: an equation, a result of `fit_eos`, or one candidate of `compare_eos`."""
    if isinstance(eos, Equation):
        return Source(eos)
    if isinstance(eos, xr.Dataset) and "form" in eos.coords and "correlation" in eos:
        if eos["form"].ndim:
            some = [str(name) for name in eos["candidate"].values[:6]]
            raise LabelError(
                f"{who} needs one equation, these are several: {', '.join(some)}. "
                f"Write compared.sel(candidate={some[0]!r})."
            )
        return Source(Equation.from_fit(eos), eos)
    raise LabelError(
        f"{who} needs an eos.Equation or a result of eos.fit_eos; got {type(eos).__name__}. "
        'Write eos.Equation("bm3", {"v0": 74.7, "k0": 160.0, "k0_prime": 4.0}).'
    )
