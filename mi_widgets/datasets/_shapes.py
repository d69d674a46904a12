"""Line shapes and their derivatives in lmfit's vocabulary: plain arrays in, arrays out, spectral axis last."""

import numpy as np

__all__ = ["LINESHAPES", "fwhm_factor", "height_factor", "line", "line_derivatives"]

#: Line shape -> names of its parameters per peak, in the order of `line_derivatives`.
LINESHAPES: dict[str, tuple[str, ...]] = {
    "pseudo-voigt": ("amplitude", "center", "sigma", "fraction"),
    "gaussian": ("amplitude", "center", "sigma"),
    "lorentzian": ("amplitude", "center", "sigma"),
}

_SQRT_2LN2 = np.sqrt(2 * np.log(2))


def _gaussian(d: np.ndarray, std: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (d / std) ** 2) / (std * np.sqrt(2 * np.pi))


def _lorentzian(d: np.ndarray, hwhm: np.ndarray) -> np.ndarray:
    return hwhm / (np.pi * (d * d + hwhm * hwhm))


def line(
    axis: np.ndarray, lineshape: str, amplitude: np.ndarray, center: np.ndarray, sigma: np.ndarray, fraction: np.ndarray
) -> np.ndarray:
    """One peak; parameters are broadcast against the last axis. `fraction` counts for the pseudo-Voigt alone."""
    d = axis - center
    if lineshape == "gaussian":
        return amplitude * _gaussian(d, sigma)
    if lineshape == "lorentzian":
        return amplitude * _lorentzian(d, sigma)
    # sigma is the half width at half maximum of both parts, so that fraction leaves the width alone
    return amplitude * ((1 - fraction) * _gaussian(d, sigma / _SQRT_2LN2) + fraction * _lorentzian(d, sigma))


def line_derivatives(
    axis: np.ndarray, lineshape: str, amplitude: np.ndarray, center: np.ndarray, sigma: np.ndarray, fraction: np.ndarray
) -> list[np.ndarray]:
    """Give the derivatives of `line` by its parameters, in the order of `LINESHAPES`."""
    d = axis - center
    std = sigma / _SQRT_2LN2 if lineshape == "pseudo-voigt" else sigma
    gauss, lorentz = _gaussian(d, std), _lorentzian(d, sigma)
    share = {"gaussian": 0.0, "lorentzian": 1.0}.get(lineshape, fraction)
    denominator = d * d + sigma * sigma
    by_center = (1 - share) * gauss * d / std**2 + share * lorentz * 2 * d / denominator
    by_sigma = (1 - share) * gauss * ((d / std) ** 2 - 1) / sigma
    by_sigma = by_sigma + share * lorentz * (1 / sigma - 2 * sigma / denominator)
    out = [(1 - share) * gauss + share * lorentz, amplitude * by_center, amplitude * by_sigma]
    if lineshape == "pseudo-voigt":
        out.append(amplitude * (lorentz - gauss))
    return out


def height_factor(lineshape: str, fraction: np.ndarray) -> np.ndarray:
    """Height of a peak = this factor x amplitude / sigma."""
    if lineshape == "gaussian":
        return np.full_like(fraction, 1 / np.sqrt(2 * np.pi))
    if lineshape == "lorentzian":
        return np.full_like(fraction, 1 / np.pi)
    return (1 - fraction) * np.sqrt(np.log(2) / np.pi) + fraction / np.pi


def fwhm_factor(lineshape: str) -> float:
    """Full width at half maximum = this factor x sigma."""
    return float(2 * _SQRT_2LN2) if lineshape == "gaussian" else 2.0
