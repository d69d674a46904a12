"""Whether the model is to be believed."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.bo._gp import PoolGP
from mi_widgets.bo._look import Look, finish
from mi_widgets.bo._sparse import SparseGP, exact_at
from mi_widgets.bo._threads import one_thread
from mi_widgets.errors import DataError

__all__ = ["Diagnose"]


class Diagnose(Look):
    """The part of `Search` that judges the models."""

    @one_thread
    def diagnose(self, *, objective: int = 0) -> xr.Dataset:
        """Compare each told value with what the model would have said without it, and list what speaks against it.

        Parameters
        ----------
        objective : int
            Which objective, from 0.

        Returns
        -------
        xarray.Dataset
            Over ``trial``, in the unit that the model sees (after the transform; not turned):

            - ``value``, ``predicted``, ``predicted_stderr``: told, and expected from all other values with the same
              hyperparameters, with the noise of a measurement
            - ``residual``, 1: (value - predicted) / predicted_stderr

            and without dims: ``rmse``; ``q2``, 1: 1 - squared error over variance (1 is perfect, 0 is no better than
            the mean); ``coverage_68``, ``coverage_95``, 1: shares of values within 1 and 1.96 standard errors;
            ``noise`` and ``signal``: standard deviations that the model uses; ``approximation``, 1: largest distance of
            the mean from the exact one at 200 candidates, in standard errors: 0 up to 2,000 values and 10^6 candidates,
            NaN beyond 5,000 values, where the exact one takes too long. ``candidate`` (trial) is a coordinate.
            Attribute ``warnings``: a list of sentences, empty where nothing speaks against the model.

        Raises
        ------
        DataError
            Fewer than three values were told.
        """
        self._require_told("diagnose")
        model, pool = self._model, self._pool
        if model.n < 3:
            raise DataError(f"diagnose needs three told values; there are {model.n}.")
        gp = model.gps[objective]
        sign = model.signs[objective]
        value = sign * np.asarray(gp.values)
        mean, std = gp.leave_one_out()
        mean = sign * mean
        residual = (value - mean) / std
        rmse = float(np.sqrt(np.mean((value - mean) ** 2)))
        spread = float(np.var(value))
        q2 = 1 - rmse**2 / spread if spread > 0 else float("nan")
        cover = [float(np.mean(np.abs(residual) <= z)) for z in (1.0, 1.96)]
        noise, signal = (np.sqrt(gp.noise), np.sqrt(gp.signal)) if isinstance(gp, PoolGP) else (np.nan, np.nan)
        off = _approximation(gp)
        said = _warnings(gp, self._pool, value, q2, residual)
        units = self._settings.units if self._settings.transform == "none" else "1"
        unit = {"units": units}
        labels = pool.coordinate().values[pool.order[gp.index]]
        one = {"units": "1"}
        ds = xr.Dataset(
            {
                "value": ("trial", value, {**unit, "long_name": "told value"}),
                "predicted": ("trial", mean, {**unit, "long_name": "predicted from the others"}),
                "predicted_stderr": ("trial", std, {**unit, "long_name": "standard error of the prediction"}),
                "residual": ("trial", residual, {**one, "long_name": "standardised residual"}),
                "rmse": ((), rmse, {**unit, "long_name": "root mean square error"}),
                "q2": ((), q2, {**one, "long_name": "share of the variance that is predicted"}),
                "coverage_68": ((), cover[0], {**one, "long_name": "share within one standard error"}),
                "coverage_95": ((), cover[1], {**one, "long_name": "share within 1.96 standard errors"}),
                "noise": ((), float(noise), {**unit, "long_name": "noise in use"}),
                "approximation": ((), off, {**one, "long_name": "distance from the exact mean in standard errors"}),
                "signal": ((), float(signal), {**unit, "long_name": "signal in use"}),
            },
            coords={
                "trial": ("trial", np.arange(len(value)), {"units": "1", "long_name": "trial"}),
                "candidate": ("trial", labels, {"long_name": "candidate"}),
            },
        )
        finish(ds, "Search.diagnose", "leave-one-out check of the model", {"objective": objective})
        ds.attrs["warnings"] = said
        return ds


def _warnings(gp: Any, pool: Any, value: np.ndarray, q2: float, residual: np.ndarray) -> list[str]:
    """Sentences on what speaks against the model."""
    said = []
    n = len(value)
    if n < 2 * len(pool.feature_group):
        said.append(f"Only {n} values for {len(pool.feature_group)} features: length scales are mostly the prior's.")
    if np.ptp(value) == 0:
        said.append("All told values are the same: nothing can be learnt from them yet.")
    elif q2 < 0.1:
        said.append(
            f"Values are not predicted from the others (q2 = {q2:.2f}): the features may not hold what matters, or too "
            "little was told."
        )
    inside = float(np.mean(np.abs(residual) <= 1.96))
    if n >= 10 and inside < 0.85:
        said.append(f"Error bars are too small: {100 * inside:.0f} % of the values lie within 1.96 standard errors.")
    far = np.flatnonzero(np.abs(residual) > 5)
    if far.size:
        names = ", ".join(repr(pool.labels[gp.index[k]]) for k in far[:5])
        said.append(f"More than five standard errors off: {names}. Measure again or correct them, if they are wrong.")
    if isinstance(gp, PoolGP):
        bounds = gp.prior_now().bounds
        if gp.noise_std is None and gp.theta[-1] > bounds[-1, 1] - 0.01:
            said.append("The noise is as large as allowed: the model sees no more than scatter.")
        low = [f for f, g in pool.feature_group.items() if gp.theta[g] < bounds[g, 0] + 0.05]
        if low:
            said.append(
                f"The length scale of {', '.join(low[:5])} is as short as allowed: the value looks rough there."
            )
    copies = _n_copies(pool.points)
    if copies:
        said.append(f"{copies} candidates have the same features as another: the model cannot tell them apart.")
    if pool.constant:
        said.append(f"Features that never change were left out: {', '.join(pool.constant[:10])}.")
    return said


def _approximation(gp: Any) -> float:
    """Largest distance of the mean from the exact one, in standard errors."""
    if not isinstance(gp, PoolGP) or (not isinstance(gp, SparseGP) and gp.dtype == np.float64):
        return 0.0
    if gp.n > 5000:
        return float("nan")
    some = np.random.default_rng(0).permutation(len(gp.points))[:200]
    mean, std = exact_at(gp, some)
    return float(np.max(np.abs(gp.posterior()[0][some] - mean) / std))


def _n_copies(points: np.ndarray) -> int:
    """Number of candidates that repeat another's features."""
    key = points @ np.random.default_rng(0).standard_normal(points.shape[1])
    key.sort()
    return int(np.sum(np.diff(key) == 0))
