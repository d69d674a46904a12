"""Whether spectra can be those of a cell that did not change while it was measured."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.impedance._check import Spectra, check_spectra, finish, require_points
from mi_widgets.impedance._dataset import curve_variables
from mi_widgets.impedance._linear import elements_by_mu, examine_row

__all__ = ["kramers_kronig"]

STATUS = ("consistent", "inconsistent", "no_data")
#: Correlation of neighbouring residuals, in standard deviations, that noise hardly ever gives.
SCORE_LIMIT = 3.5
#: Residuals over the modulus that no instrument's own errors stay below for sure.
TOLERANCE = 2e-3
MU_LIMIT = 0.85
PER_POINT, MOST, LEAST_POINTS = 0.7, 70, 10
REFERENCES = (
    "B. A. Boukamp (1995), doi:10.1149/1.2044210; M. Schönleber, D. Klotz, E. Ivers-Tiffée (2014), "
    "doi:10.1016/j.electacta.2014.01.034"
)


def kramers_kronig(
    data: xr.Dataset | xr.DataArray,
    *,
    n_elements: int | str = "auto",
    score_limit: float = SCORE_LIMIT,
    tolerance: float = TOLERANCE,
) -> xr.Dataset:
    r"""Test spectra by the relations of Kramers and Kronig (linear test).

    A chain of a resistor, an inductor, a capacitor and RC elements with given time constants,

    .. math:: Z = R_0 + i\omega L + \frac{1}{i\omega C} + \sum_{k=1}^{M} \frac{R_k}{1 + i\omega\tau_k},

    fulfils the relations whatever its resistances, which follow by linear least squares. Of data that fulfil them it
    leaves noise. A cell that drifts leaves residuals that hang together from point to point: `score` is their
    correlation in standard deviations of what noise alone gives, so that the size of the noise need not be known.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        As in `fit_circuit`. Ten points are needed.
    n_elements : int, "auto" or "mu"
        Number M of RC elements: ``"auto"`` 0.7 for each point (at most 70); ``"mu"`` the least at which mu falls below
        0.85, as Schönleber has it: fewer, so that sharp spectra may be called inconsistent.
    score_limit : float
        Score above which a spectrum is called inconsistent.
    tolerance : float
        Residuals over the modulus (root mean square) below which it is called consistent whatever the score: errors of
        calibration hang together as well.

    Returns
    -------
    xarray.Dataset
        Over the other dims of `data`:

        - ``status``: consistent, inconsistent, no_data
        - ``score``, 1; ``relative_rms``, 1: of the residuals over the modulus, per degree of freedom: the noise, where
          the spectrum is consistent
        - ``n_elements``; ``mu``, 1: 1 minus the ratio of negative to positive resistances
        - ``fitted_real``, ``fitted_imag`` (..., frequency) in the unit of the data; ``residual_real``,
          ``residual_imag`` (..., frequency), 1: over the modulus

    Raises
    ------
    ParameterError
        `n_elements` is no number from 3 on nor ``"auto"`` or ``"mu"``; `score_limit` is not above zero, `tolerance`
        negative.
    LabelError, DataError
        As in `fit_circuit`.

    Notes
    -----
    It finds what changes during the sweep, and nonlinearity; a cell that changes between sweeps, a wrong scale or a
    wrong circuit it does not see. A slow drift at frequencies where the spectrum is flat may pass.

    References
    ----------
    B. A. Boukamp (1995), doi:10.1149/1.2044210; M. Schönleber, D. Klotz, E. Ivers-Tiffée (2014),
    doi:10.1016/j.electacta.2014.01.034.

    Examples
    --------
    >>> from mi_widgets import datasets
    >>> clean = datasets.make_impedance(seed=1)
    >>> drifting = datasets.make_impedance(drift=0.4, seed=1)
    >>> [int(kramers_kronig(ds).status) for ds in (clean, drifting)]
    [0, 1]
    """
    who = "kramers_kronig"
    number = isinstance(n_elements, int | np.integer) and not isinstance(n_elements, bool)
    if not (n_elements in ("auto", "mu") or (number and 3 <= int(n_elements) <= 500)):
        raise ParameterError(f"{who}: n_elements must be 'auto', 'mu' or a number from 3 to 500; got {n_elements!r}.")
    if not (isinstance(score_limit, int | float) and np.isfinite(score_limit) and score_limit > 0):
        raise ParameterError(f"{who}: score_limit must be a number above zero; got {score_limit!r}.")
    if not (isinstance(tolerance, int | float) and np.isfinite(tolerance) and tolerance >= 0):
        raise ParameterError(f"{who}: tolerance must be zero or more, such as 0.002; got {tolerance!r}.")
    spectra = check_spectra(data, who=who)
    require_points(spectra, 2 * LEAST_POINTS - 3, who=who, what="the test")
    return _dataset(spectra, n_elements, float(score_limit), float(tolerance))


def _dataset(spectra: Spectra, n_elements: int | str, limit: float, tolerance: float) -> xr.Dataset:
    rows = len(spectra.z)
    fitted = np.full(spectra.z.shape, np.nan, dtype=complex)
    score, rms, mu = (np.full(rows, np.nan) for _ in range(3))
    number, status = np.zeros(rows, dtype=np.int64), np.full(rows, 2, dtype=np.int8)
    for row, usable in enumerate(spectra.usable):
        at = np.flatnonzero(usable)
        if at.size < LEAST_POINTS:
            continue
        omega, z = spectra.omega[at], spectra.z[row, at]
        number[row] = _elements(n_elements, omega, z)
        found = examine_row(omega, z, int(number[row]))
        fitted[row, at], score[row], rms[row], mu[row] = found.fitted, found.score, found.residual_rms, found.mu
        status[row] = int(found.score > limit and found.residual_rms > tolerance)
    table: dict[str, tuple[np.ndarray, str]] = {
        "score": (score, "correlation of neighbouring residuals (standard deviations)"),
        "relative_rms": (rms, "rms of residual over modulus, per degree of freedom"),
        "mu": (mu, "1 - negative / positive resistances"), "n_elements": (number, "number of RC elements"),
    }  # fmt: skip
    out: dict[str, Any] = {
        name: (spectra.dims, v.reshape(spectra.shape).copy(), {"units": "1", "long_name": text})
        for name, (v, text) in table.items()
    }
    out["status"] = (spectra.dims, status.reshape(spectra.shape), {
        "units": "1", "long_name": "Kramers-Kronig test", "flag_values": np.arange(3, dtype=np.int8),
        "flag_meanings": " ".join(STATUS),
    })  # fmt: skip
    out |= curve_variables(fitted, spectra)
    ds = xr.Dataset(out, {**spectra.coords, "frequency": spectra.frequency})
    called = {"n_elements": n_elements, "score_limit": limit, "tolerance": tolerance}
    return finish(ds, "kramers_kronig", "Kramers-Kronig test", called, spectra, REFERENCES)


def _elements(n_elements: int | str, omega: np.ndarray, z: np.ndarray) -> int:
    if n_elements == "mu":
        return elements_by_mu(omega, z, MU_LIMIT)
    return min(max(3, round(PER_POINT * omega.size)), MOST) if n_elements == "auto" else int(n_elements)
