"""Fits as variables: names, units, standard errors, status."""

from typing import Any

import numpy as np

from mi_widgets.impedance._check import Spectra
from mi_widgets.impedance._fit import STATUS, Fits
from mi_widgets.impedance._grammar import Circuit
from mi_widgets.methods.selection import information_criteria

__all__ = [
    "Variable",
    "ambiguous_attrs",
    "curve_variables",
    "log_likelihood",
    "parameter_attrs",
    "spectral",
    "status_attrs",
]

#: Dims, values, attributes.
Variable = tuple[tuple[str, ...], np.ndarray, dict[str, Any]]

_TITLES = {
    "resistance": "resistance", "capacitance": "capacitance", "inductance": "inductance",
    "cpe": "coefficient of the constant phase element", "exponent": "exponent of the constant phase element",
    "warburg": "Warburg coefficient", "time": "diffusion time",
}  # fmt: skip


def parameter_attrs(circuit: Circuit, ohm: str) -> dict[str, dict[str, Any]]:
    """Unit and readable name of each parameter, for an impedance in `ohm`."""
    plain = ohm == "ohm"
    per = f"({ohm})" if "*" in ohm or "/" in ohm else ohm
    units = {
        "resistance": ohm, "capacitance": "F" if plain else f"s/{per}", "inductance": "H" if plain else f"{ohm}*s",
        "cpe": f"s**n/{per}", "exponent": "1", "warburg": f"{ohm}/s**0.5", "time": "s",
    }  # fmt: skip
    return {
        name: {"units": units[q.kind], "long_name": f"{_TITLES[q.kind]} {name}"}
        for name, q in zip(circuit.names, circuit.quantities, strict=True)
    }


def status_attrs() -> dict[str, Any]:
    """Attributes of a status."""
    flags = np.arange(len(STATUS), dtype=np.int8)
    return {
        "units": "1", "long_name": "status of the fit", "flag_values": flags, "flag_meanings": " ".join(STATUS)
    }  # fmt: skip


def ambiguous_attrs() -> dict[str, Any]:
    """Attributes of a flag."""
    flags = {"flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "one_minimum several_minima"}
    return {"units": "1", "long_name": "other values fit nearly as well", **flags}


def spectral(spectra: Spectra) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Dims and sizes of an array over the spectra and frequencies."""
    return (*spectra.dims, "frequency"), (*spectra.shape, spectra.omega.size)


def curve_variables(fitted: np.ndarray, spectra: Spectra) -> dict[str, Variable]:
    """Fitted impedance and its residuals relative to the modulus, over the spectra and frequencies."""
    dims, shape = spectral(spectra)
    with np.errstate(all="ignore"):
        residual = np.where(spectra.usable, (spectra.z - fitted) / np.abs(spectra.z), np.nan)
    out: dict[str, Variable] = {}
    for name, part in (("real", np.real), ("imag", np.imag)):
        text = "real part" if name == "real" else "imaginary part"
        out[f"fitted_{name}"] = (
            dims, part(fitted).reshape(shape).copy(),
            {"units": spectra.units, "long_name": f"fitted impedance, {text}"},
        )  # fmt: skip
        out[f"residual_{name}"] = (
            dims, part(residual).reshape(shape).copy(),
            {"units": "1", "long_name": f"residual over modulus, {text}"},
        )  # fmt: skip
    return out


def log_likelihood(fits: Fits, weight: np.ndarray, *, known_noise: bool) -> tuple[np.ndarray, int]:
    """Largest log-likelihood of each row, and the number of parameters with that of the noise."""
    with np.errstate(all="ignore"):
        logs = 2 * np.where(weight > 0, np.log(weight), 0.0).sum(axis=1)
        n, chi = fits.n_data, np.maximum(fits.chi_squared, 1e-300)
        if known_noise:
            return -0.5 * (chi + n * np.log(2 * np.pi)) + logs, fits.n_free
        return -0.5 * n * (np.log(2 * np.pi * chi / n) + 1) + logs, fits.n_free + 1


def statistics(fits: Fits, weight: np.ndarray, spectra: Spectra, *, known_noise: bool) -> dict[str, Variable]:
    """Quality of the fits, over the spectra."""
    likelihood, k = log_likelihood(fits, weight, known_noise=known_noise)
    criteria = information_criteria(likelihood, k, np.maximum(fits.n_data, 1))
    with np.errstate(all="ignore"):
        relative = np.abs(np.where(weight > 0, (spectra.z - fits.fitted) / np.abs(spectra.z), 0.0)) ** 2
        rms = np.sqrt(relative.sum(axis=1) / fits.n_data)
        reduced = fits.chi_squared / (fits.n_data - fits.n_free)
    rms[np.isnan(fits.chi_squared)] = np.nan
    table = {
        "relative_rms": (rms, "root mean square of residual over modulus"),
        "reduced_chi_squared": (reduced, "weighted residual sum of squares per degree of freedom"),
        "log_likelihood": (likelihood, "logarithm of the likelihood"),
        "aic": (criteria.aic, "Akaike information criterion"),
        "aicc": (criteria.aicc, "Akaike information criterion for few data"),
        "bic": (criteria.bic, "Bayesian information criterion"),
        "start_share": (fits.share, "share of starts that reached the minimum"),
    }
    return {
        name: (spectra.dims, values.reshape(spectra.shape).copy(), {"units": "1", "long_name": text})
        for name, (values, text) in table.items()
    }
