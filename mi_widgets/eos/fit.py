"""Fit an equation of state to pressures, volumes and temperatures, or to energies of a static lattice."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._build import build_problem
from mi_widgets.eos._data import as_points
from mi_widgets.eos._result import finish, to_dataset
from mi_widgets.eos._scoring import maximise, start

__all__ = ["fit_eos"]


def fit_eos(
    ds: xr.Dataset,
    *,
    form: str = "bm3",
    thermal: str = "none",
    hold: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, tuple[float, float]] | None = None,
    pressure_scale: float = 0.0,
    n_atoms: float | None = None,
    reference_temperature: float | None = None,
) -> xr.Dataset:
    r"""Fit an equation of state, with errors in pressure, volume and temperature.

    Parameters
    ----------
    ds : xarray.Dataset
        ``volume``, ``pressure`` and, if it varies, ``temperature``, or ``volume`` and ``energy``, dims ``(point,)``,
        each with its unit; ``<name>_stderr`` where errors are known. `label_points` makes it. Points with NaN are
        left out.
    form : str
        ``"bm2"``, ``"bm3"`` (default), ``"bm4"``, ``"vinet"`` or ``"murnaghan"``.
    thermal : str
        ``"none"`` (default): one isotherm, or energies; ``"debye"``: Mie-Grueneisen-Debye with
        :math:`\gamma = \gamma_0 (V/V_0)^q`; ``"tange"``: with :math:`\gamma = \gamma_0 [1 + a ((V/V_0)^b - 1)]`.
    hold : mapping of str to float, optional
        Parameters that are known, with their values; needed with a thermal part, as pressures hardly tell ``theta0``.
    bounds : mapping of str to (float, float), optional
        Where a parameter may be.
    priors : mapping of str to (float, float), optional
        Normal priors: mean and standard deviation, both finite.
    pressure_scale : float
        Relative standard deviation of an error that all pressures share, as that of a pressure standard (1); 0 for
        none.
    n_atoms : float, optional
        Atoms in the volume; by default ``ds.attrs["n_atoms"]``.
    reference_temperature : float, optional
        Temperature of the isothermal form (K); by default 300 K, without a thermal part the mean temperature.

    Returns
    -------
    xarray.Dataset
        - ``v0`` (unit of the volume), ``k0`` (GPa), ``k0_prime`` (1), ``k0_double_prime`` (1/GPa), ``gamma0``, ``q``,
          ``a``, ``b`` (1), ``theta0`` (K), ``e0`` (eV), ``pressure_scale`` (1), as far as the model has them, each
          with ``<name>_stderr``, NaN for what is held or stands on a bound
        - ``correlation`` (parameter, parameter_2): of the free parameters
        - ``expected``, ``residual``, ``sigma`` (point), GPa or eV, and ``residual_normalized``; the data, in the
          same units
        - ``chi2``, ``dof``, ``reduced_chi2``, ``log_likelihood``, ``n_parameters``, ``aic``, ``aicc``, ``bic``
        - ``status``: ok, not_converged, at_bound, not_identified; coordinates ``form``, ``thermal``, and ``remarks``:
          what must not be trusted, in words

    Raises
    ------
    LabelError
        A variable or its unit is missing or not known.
    DataError
        A volume is not above zero, there are fewer points than parameters, or these points say nothing of a free
        parameter, as those of one temperature say nothing of gamma; errors that are given do not act on the pressure.
    ParameterError
        An option is unknown or out of range.

    Notes
    -----
    The likelihood is that of everything measured, at the most likely true volumes and temperatures. To first order
    this leaves :math:`\chi^2 = \sum_i (P_i - P(V_i, T_i))^2 / s_i^2` with
    :math:`s_i^2 = \sigma_P^2 + (\partial P/\partial V\,\sigma_V)^2 + (\partial P/\partial T\,\sigma_T)^2`, which
    depends on the parameters, and constants that are the same for every form, so that criteria can be compared. (A
    flat prior of the true values would add :math:`\ln s_i`; it biases gamma0.) Without errors, one for all is found
    from the residuals.

    References
    ----------
    Birch 1947, doi:10.1103/PhysRev.71.809; Vinet et al. 1987, doi:10.1029/JB092iB09p09319; Murnaghan 1944,
    doi:10.1073/pnas.30.9.244; Tange et al. 2009, doi:10.1029/2008JB005813.

    Examples
    --------
    >>> from mi_widgets.datasets import load_mgo
    >>> fit = fit_eos(load_mgo(), form="bm2", thermal="debye", hold={"theta0": 773.0, "q": 1.0})
    >>> round(float(fit.k0)), round(float(fit.gamma0), 1)
    (162, 1.5)
    """
    data = as_points(ds, who="fit_eos")
    problem = build_problem(
        data, form=form, thermal=thermal, hold=hold, bounds=bounds, priors=priors, pressure_scale=pressure_scale,
        n_atoms=n_atoms, reference_temperature=reference_temperature, who="fit_eos",
    )  # fmt: skip
    found = maximise(problem, start(problem))
    out = to_dataset(ds, data, problem, found)
    options = call_options(
        form=form, thermal=thermal, hold=hold, bounds=bounds, priors=priors, pressure_scale=pressure_scale,
        n_atoms=n_atoms, reference_temperature=reference_temperature,
    )  # fmt: skip
    return finish(out, "fit_eos", f"Equation of state, {form}", options, of=ds.attrs)


def call_options(**options: Any) -> dict[str, Any]:
    """Options for ``history``: those that were given, as JSON has them."""
    out: dict[str, Any] = {}
    for name, value in options.items():
        if value is not None:
            out[name] = {k: np.asarray(v).tolist() for k, v in value.items()} if isinstance(value, Mapping) else value
    return out
