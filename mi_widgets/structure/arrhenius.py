"""Arrhenius' law."""

import numpy as np
import xarray as xr
from scipy import stats

from mi_widgets.errors import DataError, LabelError
from mi_widgets.labels import require_numeric
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
        Values above zero with the dimension `dim`, whose coordinate is in K; other dims are kept. A lazy array stays
        lazy.
    stderr : xarray.DataArray, optional
        Standard error of each value, in any order; without it all ln D weigh the same, and errors come from the
        scatter.
    dim : str
        Dimension of the temperature.

    Returns
    -------
    xarray.Dataset
        - ``activation_energy``, ``activation_energy_stderr``, eV
        - ``prefactor``, ``prefactor_stderr`` in the unit of `rate`, and ``log_prefactor``, ``log_prefactor_stderr``
          (natural logarithm, whose error holds also where it is large: that of the prefactor is it times the prefactor)
        - ``reduced_chi_squared``, 1: with `stderr` about 1 where the law holds; else NaN
        - ``activation_energy_low``, ``activation_energy_high``, eV: 95 % interval
        - ``status``, 1: ok, or no_data (1) where fewer than three temperatures have a value above zero; all is NaN then

    Raises
    ------
    LabelError
        There is no such dimension or coordinate, temperatures are not in K, or `stderr` does not fit `rate`.
    DataError
        A series without other dims has fewer than three values above zero; a temperature is not above zero; or all are
        equal.

    Examples
    --------
    >>> temperature = np.array([1000.0, 1500.0, 2000.0, 3000.0])
    >>> rate = xr.DataArray(
    ...     5.0 * np.exp(-0.8 / (8.617333262e-5 * temperature)), dims="temperature", coords={"temperature": temperature}
    ... )
    >>> round(float(fit_arrhenius(rate).activation_energy), 6)
    0.8
    """
    temperature = _temperature(rate, dim)
    error = xr.full_like(rate, np.nan, dtype=float) if stderr is None else _beside(stderr, rate, dim)
    if hasattr(rate.data, "dask") or hasattr(error.data, "dask"):
        rate, error = rate.chunk({dim: -1}), error.chunk({dim: -1})
    outputs = ("activation_energy", "activation_energy_stderr", "log_prefactor", "log_prefactor_stderr",
               "reduced_chi_squared", "activation_energy_low", "activation_energy_high", "status")  # fmt: skip
    found = xr.apply_ufunc(
        _arrhenius, rate.astype(float), error.astype(float), input_core_dims=[[dim], [dim]],
        output_core_dims=[["output"]], vectorize=True, dask="parallelized", output_dtypes=[float],
        dask_gufunc_kwargs={"output_sizes": {"output": len(outputs)}},
        kwargs={"temperature": temperature, "given": stderr is not None, "alone": rate.ndim == 1},
    )  # fmt: skip
    ds = xr.Dataset({name: found.isel(output=k) for k, name in enumerate(outputs)})
    ds["prefactor"] = np.exp(ds["log_prefactor"])
    ds["prefactor_stderr"] = ds["prefactor"] * ds["log_prefactor_stderr"]
    for name in map(str, ds):
        text = name.replace("_", " ").replace("log", "logarithm of the").replace(" stderr", ", standard error")
        own = name in ("prefactor", "prefactor_stderr")
        units = "eV" if "energy" in name else str(rate.attrs.get("units", "1")) if own else "1"
        ds[name].attrs = {"units": units, "long_name": text}
    ds["status"] = ds["status"].astype(np.int8).assign_attrs(
        flag_values=np.array([0, 1], dtype=np.int8), flag_meanings="ok no_data", long_name="status of the fit"
    )  # fmt: skip
    return finish(ds, "fit_arrhenius", "Arrhenius' law", {"dim": dim, "stderr": stderr is not None}, of=rate)


def _temperature(rate: xr.DataArray, dim: str) -> np.ndarray:
    """Temperatures (K) of the rates, checked."""
    if not isinstance(rate, xr.DataArray) or dim not in rate.dims or dim not in rate.coords:
        came = f"this array has {rate.dims}" if isinstance(rate, xr.DataArray) else f"got {type(rate).__name__}"
        raise LabelError(
            f"fit_arrhenius needs a DataArray with dimension {dim!r} and its temperatures (K); {came}. Write "
            f"xr.DataArray(rate, dims={dim!r}, coords={{{dim!r}: kelvin}})."
        )
    for array in (rate, rate[dim]):
        require_numeric(array, who="fit_arrhenius")
    units = rate[dim].attrs.get("units", "K")
    if units not in ("K", "kelvin"):
        raise LabelError(f"fit_arrhenius: temperatures are in {units!r}; convert them to kelvin, units 'K'.")
    temperature = np.asarray(rate[dim].values, dtype=float)
    if not (np.isfinite(temperature) & (temperature > 0)).all():
        raise DataError(f"fit_arrhenius: temperatures must be above zero kelvin; got {temperature.tolist()}.")
    if np.unique(temperature).size < 2:
        raise DataError(f"fit_arrhenius: two different temperatures are needed at least; got {temperature.tolist()}.")
    return temperature


def _beside(stderr: xr.DataArray, rate: xr.DataArray, dim: str) -> xr.DataArray:
    """Standard errors in the order of the rates."""
    if not isinstance(stderr, xr.DataArray):
        raise LabelError(f"fit_arrhenius: stderr must be a DataArray as rate is; got {type(stderr).__name__}.")
    require_numeric(stderr, who="fit_arrhenius")
    shared = [d for d in stderr.dims if d in rate.dims and d in stderr.indexes and d in rate.indexes]
    for d in shared:
        here, there = rate.indexes[d], stderr.indexes[d]
        if here.equals(there):
            continue
        if not there.is_unique or set(here) != set(there):
            raise LabelError(
                f"fit_arrhenius: stderr has other values of {str(d)!r} than rate; select the same of both."
            )
        stderr = stderr.reindex({d: rate[d]})
    if dim not in stderr.dims or any(stderr.sizes[d] != rate.sizes.get(d) for d in stderr.dims):
        raise LabelError(
            f"fit_arrhenius: stderr has {dict(stderr.sizes)}, rate {dict(rate.sizes)}; both need {dim!r}, and stderr "
            "no other dimensions than rate has."
        )
    return stderr


def _arrhenius(rate: np.ndarray, error: np.ndarray, *, temperature: np.ndarray, given: bool, alone: bool) -> np.ndarray:
    use = np.isfinite(rate) & (rate > 0)
    if given:
        use &= np.isfinite(error) & (error > 0)
    n = int(use.sum())
    if n < 3 or np.unique(temperature[use]).size < 2:
        if alone:
            raise DataError(
                f"fit_arrhenius: {n} temperatures have a value (and error) above zero; three are needed, two of them "
                "different."
            )
        return np.array([np.nan] * 7 + [1.0])
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
        [energy, errors[0], log_prefactor, errors[1], chi if given else np.nan, energy - reach, energy + reach, 0.0]
    )
