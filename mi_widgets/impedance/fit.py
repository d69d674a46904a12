"""One circuit fitted to one spectrum or many."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.impedance._check import Spectra, check_spectra, check_weights, finish, require_points, whole
from mi_widgets.impedance._dataset import ambiguous_attrs, curve_variables, parameter_attrs, statistics, status_attrs
from mi_widgets.impedance._fit import Fits, Settings, fit_rows
from mi_widgets.impedance._grammar import Circuit, read_circuit

__all__ = ["fit_circuit"]

REFERENCES = "B. A. Boukamp (1986), doi:10.1016/0167-2738(86)90031-7"


def fit_circuit(
    data: xr.Dataset | xr.DataArray,
    circuit: str | Circuit,
    *,
    weights: str | xr.DataArray = "modulus",
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    fixed: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    n_starts: int = 16,
    seed: int = 0,
) -> xr.Dataset:
    r"""Fit an equivalent circuit to impedance spectra, from many starts.

    The least :math:`\sum_k w_k^2 |Z(\omega_k) - Z_k|^2` over real and imaginary parts, by Levenberg and Marquardt's
    method within limits, with exact derivatives and logarithms of all parameters but exponents. Starts are random
    within what the data span; the best of them is kept, and in a series also what its neighbours found is tried. Parts
    that could change places are put in the order of their time constants, the fastest first.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        ``impedance_real`` and ``impedance_imag`` (..., frequency), or one complex array, in ohm (or ohm*cm**2);
        frequencies in Hz. Other dims are a map or a series: each spectrum is fitted. Points that are NaN are left
        out.
    circuit : str or Circuit
        As in `parse_circuit`, such as ``"R-p(R,C)-p(R-W,Q)"``.
    weights : {"modulus", "unit"} or xarray.DataArray
        ``"modulus"``: noise in proportion to the modulus of each point; ``"unit"``: the same noise at all; or standard
        deviations in the unit of the data, which are then believed as they are.
    bounds : mapping of str to (float or None, float or None), optional
        Limits of parameters by name; by default four decades below what the data can show to three above, and 0.4 to 1
        for exponents. Where one is given beyond the other, None, that goes along.
    fixed : mapping of str to float, optional
        Parameters that are held.
    start : mapping of str to float, optional
        A further start; parameters that it does not name are drawn.
    n_starts : int
        Number of random starts (1 to 500).
    seed : int
        Of the starts.

    Returns
    -------
    xarray.Dataset
        Over the other dims of `data`:

        - a variable and ``<name>_stderr`` for each parameter: ``R0``, ``R1`` (ohm), ``C1`` (F), ``Q1`` (s**n/ohm),
          ``Q1_n`` (1), ``W1`` (ohm/s**0.5), ``Ws1_R`` (ohm), ``Ws1_tau`` (s) …; the error of one at its limit is NaN
        - ``at_bound`` (..., parameter): -1 or 1 for one that stands at its lower or upper limit
        - ``correlation`` (..., parameter, parameter_2), 1: of the logarithms
        - ``fitted_real``, ``fitted_imag`` (..., frequency) in the unit of the data; ``residual_real``,
          ``residual_imag`` (..., frequency), 1: over the modulus
        - ``relative_rms``, 1; ``reduced_chi_squared``, 1; ``log_likelihood``, ``aic``, ``aicc``, ``bic``
        - ``start_share``, 1: share of starts that came to this minimum; one that is small asks for more starts
        - ``ambiguous``: 1 where another start came to other values, far outside the errors, that fit nearly as well (-2
          ln L larger by less than 6): parts of the circuit can stand in for each other
        - ``status``: ok, not_converged, at_bound, no_data

    Raises
    ------
    ParameterError
        It is no circuit; a name is none of its parameters; an option is out of range.
    LabelError
        No dimension ``frequency`` in Hz, impedance not in ohm.
    DataError
        Real instead of complex data; frequencies not above zero, not monotonic; too few points in all spectra;
        imaginary parts with the wrong sign.

    Notes
    -----
    Standard errors are those of the linearised model, :math:`s^2 (J^T J)^{-1}` with :math:`s^2` the reduced
    :math:`\chi^2` (1 for given standard deviations), and say nothing of whether the circuit is right. A parameter at
    its limit is not determined by the data, or its element is not needed: a constant phase element whose exponent is 1
    is a capacitor.

    References
    ----------
    B. A. Boukamp (1986), doi:10.1016/0167-2738(86)90031-7; J. J. Moré (1978), doi:10.1007/BFb0067700.

    Examples
    --------
    >>> from mi_widgets import impedance
    >>> z = impedance.evaluate("R-p(R,C)", {"R0": 20.0, "R1": 100.0, "C1": 1e-5}, np.geomspace(1e-1, 1e5, 31))
    >>> fit = fit_circuit(z, "R-p(R,C)")
    >>> round(float(fit.R1), 6), str(fit.C1.units)
    (100.0, 'F')
    """
    made = read_circuit(circuit, who="fit_circuit")
    spectra = check_spectra(data, who="fit_circuit")
    refuse_wrong_sign(spectra, [made], who="fit_circuit")
    require_points(spectra, made.n_parameters, who="fit_circuit", what=made.text)
    weight, known = check_weights(weights, spectra, who="fit_circuit")
    settings = Settings(
        whole("n_starts", n_starts, who="fit_circuit", least=1, most=500),
        whole("seed", seed, who="fit_circuit", least=0, most=2**63), known_noise=known,
        bounds=_bounds(bounds, made), fixed=_numbers(fixed, made, "fixed"), start=_numbers(start, made, "start"),
    )  # fmt: skip
    fits = fit_rows(made, spectra.omega, spectra.z, weight, settings)
    return _dataset(made, spectra, fits, weight, settings, weights)


def refuse_wrong_sign(spectra: Spectra, circuits: list[Circuit], *, who: str) -> None:
    """Raise where nearly all imaginary parts are positive, and no circuit has a coil or the modulus is not that of one.

    The phase is about pi/2 times the slope of ln |Z| against ln f: of a coil the modulus rises.
    """
    clear = spectra.usable & (np.abs(spectra.z.imag) > 0.05 * np.abs(spectra.z))
    share = (clear & (spectra.z.imag > 0)).sum() / max(1, int(clear.sum()))
    coil = any(e.kind == "L" for c in circuits for e in c.root.elements())
    if clear.sum() >= 3 and share > 0.95 and (not coil or _modulus_falls(spectra)):
        raise DataError(
            f"{who}: {100 * share:.0f} % of the imaginary parts are positive, where capacitors and diffusion make them "
            "negative. The data are probably -Im Z: write data['impedance_imag'] = -data['impedance_imag'] (or "
            "np.conj(da)). For an inductive sample add L to the circuit."
        )


def _modulus_falls(spectra: Spectra) -> bool:
    """Whether the modulus falls with the frequency, over all spectra."""
    n = np.maximum(spectra.usable.sum(axis=1, keepdims=True), 1)
    log = np.where(spectra.usable, np.log(np.where(spectra.usable, np.abs(spectra.z), 1.0)), 0.0)
    place = np.where(spectra.usable, np.log(spectra.omega), 0.0)
    place = np.where(spectra.usable, place - place.sum(axis=1, keepdims=True) / n, 0.0)
    return bool((place * log).sum() < 0)


def _bounds(bounds: Any, circuit: Circuit) -> dict[str, tuple[float | None, float | None]] | None:
    if bounds is None:
        return None
    out = {}
    for name, pair in _named(bounds, circuit, "bounds").items():
        try:
            low, high = (None if v is None else float(v) for v in pair)
        except (TypeError, ValueError):
            raise ParameterError(
                f"fit_circuit: bounds of {name} must be two numbers or None, such as (1.0, 50.0); got {pair!r}."
            ) from None
        logarithmic = circuit.quantities[circuit.names.index(name)].logarithmic
        if (logarithmic and any(v is not None and not v > 0 for v in (low, high))) or not (
            low is None or high is None or low < high
        ):
            raise ParameterError(
                f"fit_circuit: bounds of {name} must rise and be above zero; got {pair!r}. To hold it write "
                f"fixed={{{name!r}: value}}."
            )
        if not logarithmic and not ((low is None or 0 <= low < 1) and (high is None or 0 < high <= 1)):
            raise ParameterError(f"fit_circuit: bounds of the exponent {name} must lie within 0 to 1; got {pair!r}.")
        out[name] = (low, high)
    return out


def _numbers(values: Any, circuit: Circuit, what: str) -> dict[str, float] | None:
    if values is None:
        return None
    for name, value in _named(values, circuit, what).items():
        logarithmic = circuit.quantities[circuit.names.index(name)].logarithmic
        most = np.inf if logarithmic else 1.0 + 1e-9
        good = isinstance(value, numbers.Real) and np.isfinite(float(value)) and 0 < float(value) <= most
        if not good or isinstance(value, bool):
            least = "above zero" if logarithmic else "above zero and at most 1"
            raise ParameterError(f"fit_circuit: {what} of {name} must be a number {least}; got {value!r}.")
    return {str(k): float(v) for k, v in values.items()}


def _named(values: Any, circuit: Circuit, what: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise ParameterError(f"fit_circuit: {what} is a mapping of names, such as {{'R0': …}}; got {values!r}.")
    unknown = [n for n in values if n not in circuit.names]
    if unknown:
        raise ParameterError(
            f"fit_circuit: {circuit.text} has no parameter {unknown[0]!r}; it has {', '.join(circuit.names)}."
        )
    return values


def _dataset(
    circuit: Circuit, spectra: Spectra, fits: Fits, weight: np.ndarray, settings: Settings, weights: Any
) -> xr.Dataset:
    out: dict[str, Any] = {}
    for k, (name, attrs) in enumerate(parameter_attrs(circuit, spectra.units).items()):
        out[name] = (spectra.dims, fits.values[:, k].reshape(spectra.shape).copy(), attrs)
        error = {**attrs, "long_name": f"standard error of {attrs['long_name']}"}
        out[f"{name}_stderr"] = (spectra.dims, fits.stderr[:, k].reshape(spectra.shape).copy(), error)
    n = circuit.n_parameters
    out["at_bound"] = (
        (*spectra.dims, "parameter"), fits.at_bound.reshape(*spectra.shape, n).copy(),
        {"units": "1", "long_name": "at its lower (-1) or upper (1) limit"},
    )  # fmt: skip
    out["correlation"] = (
        (*spectra.dims, "parameter", "parameter_2"), fits.correlation.reshape(*spectra.shape, n, n).copy(),
        {"units": "1", "long_name": "correlation of the parameters"},
    )  # fmt: skip
    out |= curve_variables(fits.fitted, spectra)
    out |= statistics(fits, weight, spectra, known_noise=settings.known_noise)
    flag = fits.ambiguous.astype(np.int8).reshape(spectra.shape).copy()
    out["ambiguous"] = (spectra.dims, flag, ambiguous_attrs())
    out["status"] = (spectra.dims, fits.status.reshape(spectra.shape).copy(), status_attrs())
    names = list(circuit.names)
    ds = xr.Dataset(out, {**spectra.coords, "frequency": spectra.frequency, "parameter": names, "parameter_2": names})
    called = {
        "circuit": circuit.text, "weights": weights if isinstance(weights, str) else "given", "seed": settings.seed,
        "n_starts": settings.n_starts, "bounds": settings.bounds, "fixed": settings.fixed, "start": settings.start,
    }  # fmt: skip
    ds = finish(ds, "fit_circuit", f"fit of {circuit.text}", called, spectra, REFERENCES)
    ds.attrs["circuit"] = circuit.text
    return ds
