"""Arrhenius' law."""

import numpy as np
import xarray as xr
from scipy import stats

from mi_widgets.errors import DataError, LabelError
from mi_widgets.structure._check import finish

__all__ = ["fit_arrhenius"]

#: Boltzmann's constant (eV/K), CODATA 2018 (exact)
BOLTZMANN = 8.617333262e-5


def fit_arrhenius(rate: xr.DataArray, stderr: xr.DataArray | None = None, *, dim: str = "temperature") -> xr.Dataset:
    r"""Fit Arrhenius' law to rates or diffusion coefficients at several temperatures.

    .. math:: D(T) = D_0 \exp\left(-\frac{E_a}{k_B T}\right)

    by weighted least squares of ln D against 1 / T; with standard errors given, those of the result are not made
    smaller where points happen to lie close to the line, and larger where they scatter by more than their errors.

    Parameters
    ----------
    rate : xarray.DataArray
        Values above zero with the dimension `dim`, whose coordinate is in K; other dims are kept.
    stderr : xarray.DataArray, optional
        Standard error of each value; without it all ln D weigh the same, and errors come from the scatter.
    dim : str
        Dimension of the temperature.

    Returns
    -------
    xarray.Dataset
        - ``activation_energy``, ``activation_energy_stderr``, eV
        - ``prefactor`` in the unit of `rate`, and ``log_prefactor``, ``log_prefactor_stderr`` (natural logarithm)
        - ``reduced_chi_squared``, 1: with `stderr` about 1 where the law holds; else NaN
        - ``activation_energy_low``, ``activation_energy_high``, eV: 95 % interval

    Raises
    ------
    LabelError
        There is no such dimension or coordinate.
    DataError
        Fewer than three temperatures have a value above zero, or a temperature is not above zero.

    Examples
    --------
    >>> temperature = np.array([1000.0, 1500.0, 2000.0, 3000.0])
    >>> rate = xr.DataArray(
    ...     5.0 * np.exp(-0.8 / (8.617333262e-5 * temperature)), dims="temperature", coords={"temperature": temperature}
    ... )
    >>> round(float(fit_arrhenius(rate).activation_energy), 6)
    0.8
    """
    if dim not in rate.dims or dim not in rate.coords:
        raise LabelError(
            f"fit_arrhenius needs dimension {dim!r} with its temperatures (K); this array has {rate.dims}."
        )
    temperature = np.asarray(rate[dim].values, dtype=float)
    if not (np.isfinite(temperature) & (temperature > 0)).all():
        raise DataError(f"fit_arrhenius: temperatures must be above zero kelvin; got {temperature.tolist()}.")
    error = xr.full_like(rate, np.nan, dtype=float) if stderr is None else stderr
    outputs = ("activation_energy", "activation_energy_stderr", "log_prefactor", "log_prefactor_stderr",
               "reduced_chi_squared", "activation_energy_low", "activation_energy_high")  # fmt: skip
    found = xr.apply_ufunc(
        _arrhenius, rate.astype(float), error, input_core_dims=[[dim], [dim]], output_core_dims=[["output"]],
        vectorize=True, kwargs={"temperature": temperature, "given": stderr is not None},
    )  # fmt: skip
    ds = xr.Dataset({name: found.isel(output=k) for k, name in enumerate(outputs)})
    ds["prefactor"] = np.exp(ds["log_prefactor"])
    for name in ds:
        text = str(name).replace("_", " ").replace("log", "logarithm of the").replace(" stderr", ", standard error")
        units = "eV" if "energy" in str(name) else str(rate.attrs.get("units", "1")) if name == "prefactor" else "1"
        ds[name].attrs = {"units": units, "long_name": text}
    return finish(ds, "fit_arrhenius", "Arrhenius' law", {"dim": dim})


def _arrhenius(rate: np.ndarray, error: np.ndarray, *, temperature: np.ndarray, given: bool) -> np.ndarray:
    use = np.isfinite(rate) & (rate > 0)
    if given:
        use &= np.isfinite(error) & (error > 0)
    n = int(use.sum())
    if n < 3:
        raise DataError(f"fit_arrhenius: {n} temperatures have a value (and error) above zero; three are needed.")
    x = 1 / (BOLTZMANN * temperature[use])
    weight = rate[use] / error[use] if given else np.ones(n)
    matrix = np.stack([-x, np.ones(n)], axis=1) * weight[:, None]
    target = np.log(rate[use]) * weight
    inverse = np.linalg.inv(matrix.T @ matrix)
    energy, log_prefactor = inverse @ (matrix.T @ target)
    chi = float(np.square(target - matrix @ [energy, log_prefactor]).sum() / (n - 2))
    scale = max(chi, 1.0) if given else chi
    errors = np.sqrt(np.diag(inverse) * scale)
    reach = errors[0] * (stats.norm.ppf(0.975) if given and chi <= 1 else stats.t.ppf(0.975, n - 2))
    return np.array(
        [energy, errors[0], log_prefactor, errors[1], chi if given else np.nan, energy - reach, energy + reach]
    )
