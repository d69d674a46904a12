"""Line shapes and backgrounds in lmfit's vocabulary: plain arrays in, arrays out, spectral axis last.

Written for the truth and not for speed, and on purpose by other equations than the engines of `peaks`.
"""

from collections.abc import Callable, Mapping

import numpy as np

__all__ = [
    "BACKGROUNDS",
    "LINESHAPES",
    "expected_counts",
    "fwhm",
    "height",
    "line",
    "line_derivatives",
]

#: Line shape -> names of its parameters per peak, in the order of `line_derivatives`.
LINESHAPES: dict[str, tuple[str, ...]] = {
    "pseudo-voigt": ("amplitude", "center", "sigma", "fraction"),
    "gaussian": ("amplitude", "center", "sigma"),
    "lorentzian": ("amplitude", "center", "sigma"),
    "asymmetric-pseudo-voigt": ("amplitude", "center", "sigma", "fraction", "asymmetry"),
    "doniach": ("amplitude", "center", "sigma", "gamma", "gaussian_sigma"),
}
#: Background -> names of its parameters; those of Tougaard's cross section from the third on are usually known.
BACKGROUNDS: dict[str, tuple[str, ...]] = {
    "linear": ("background_left", "background_right"),
    "shirley": ("background_level", "background_step"),
    "tougaard": ("background_level", "background_b", "background_c"),
    "tougaard-u3": ("background_level", "background_b", "background_c", "background_d"),
}

_SQRT_2LN2 = np.sqrt(2 * np.log(2))


def _gaussian(d: np.ndarray, std: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (d / std) ** 2) / (std * np.sqrt(2 * np.pi))


def _lorentzian(d: np.ndarray, hwhm: np.ndarray) -> np.ndarray:
    return hwhm / (np.pi * (d * d + hwhm * hwhm))


def _doniach(d: np.ndarray, sigma: np.ndarray, gamma: np.ndarray, gaussian_sigma: np.ndarray) -> np.ndarray:
    """The profile of Doniach and Sunjic summed up over a Gaussian; gamma below zero has the tail at high energy."""
    power, d = 1 - np.abs(gamma), np.where(gamma < 0, -d, d)
    out = np.zeros(np.broadcast_shapes(d.shape, sigma.shape))
    steps = np.linspace(-6.6, 6.6, 67)
    weights = np.exp(-0.5 * steps**2) / np.exp(-0.5 * steps**2).sum()
    for step, weight in zip(steps, weights, strict=True):
        t = (d - step * gaussian_sigma) / sigma
        phase = 0.5 * np.pi * np.abs(gamma) + power * np.arctan(t)
        out += weight * np.cos(phase) * (1 + t * t) ** (-0.5 * power)
    return out / sigma**power


def line(axis: np.ndarray, lineshape: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """One peak; its parameters are broadcast against the last axis."""
    d, amplitude, sigma = axis - values["center"], values["amplitude"], values["sigma"]
    if lineshape == "gaussian":
        return amplitude * _gaussian(d, sigma)
    if lineshape == "lorentzian":
        return amplitude * _lorentzian(d, sigma)
    if lineshape == "doniach":
        return amplitude * _doniach(d, sigma, values["gamma"], values["gaussian_sigma"])
    if lineshape == "asymmetric-pseudo-voigt":
        d = np.where(d < 0, d / (1 - values["asymmetry"]), d / (1 + values["asymmetry"]))
    # sigma is the half width at half maximum of both parts, so that fraction leaves the width alone
    fraction = values["fraction"]
    return amplitude * ((1 - fraction) * _gaussian(d, sigma / _SQRT_2LN2) + fraction * _lorentzian(d, sigma))


def expected_counts(axis: np.ndarray, truth: Mapping[str, np.ndarray], lineshape: str, background: str) -> np.ndarray:
    """Peaks (last axis of the parameters) on a background, over an even axis that is put last."""
    peaks = np.zeros((*truth["center"].shape[:-1], axis.size))
    for k in range(truth["center"].shape[-1]):
        peaks = peaks + line(axis, lineshape, {name: truth[name][..., k, None] for name in LINESHAPES[lineshape]})
    b = [truth[name][..., None] for name in BACKGROUNDS[background]]
    step = axis[1] - axis[0]
    if background == "linear":
        return b[0] + (b[1] - b[0]) * (axis - axis[0]) / (axis[-1] - axis[0]) + peaks
    if background == "shirley":
        return b[0] + b[1] * step * np.cumsum(peaks, axis=-1) + peaks
    whole = np.empty_like(peaks)  # each channel scatters into those of higher binding energy
    for i in range(axis.size):
        loss = axis[i] - axis[:i]
        d = 4 * b[2] if background == "tougaard" else b[3]
        chance = b[1] * loss / ((b[2] - loss**2) ** 2 + d * loss**2)
        whole[..., i] = peaks[..., i] + step * (chance * whole[..., :i]).sum(axis=-1)
    return b[0] + whole


def line_derivatives(axis: np.ndarray, lineshape: str, values: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Give the derivatives of `line` by its parameters, in the order of `LINESHAPES`; for the symmetric shapes."""
    amplitude, sigma, d = values["amplitude"], values["sigma"], axis - values["center"]
    std = sigma / _SQRT_2LN2 if lineshape == "pseudo-voigt" else sigma
    gauss, lorentz = _gaussian(d, std), _lorentzian(d, sigma)
    share = values["fraction"] if "fraction" in values else {"gaussian": 0.0, "lorentzian": 1.0}[lineshape]
    denominator = d * d + sigma * sigma
    by_center = (1 - share) * gauss * d / std**2 + share * lorentz * 2 * d / denominator
    by_sigma = (1 - share) * gauss * ((d / std) ** 2 - 1) / sigma
    by_sigma = by_sigma + share * lorentz * (1 / sigma - 2 * sigma / denominator)
    out = [(1 - share) * gauss + share * lorentz, amplitude * by_center, amplitude * by_sigma]
    if lineshape == "pseudo-voigt":
        out.append(amplitude * (lorentz - gauss))
    return out


def height(lineshape: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Height at the center from parameters of any shape."""
    if lineshape == "doniach":
        p = {name: value[..., None] for name, value in values.items()}
        return line(p["center"], lineshape, p)[..., 0]
    if lineshape == "gaussian":
        factor = np.array(1 / np.sqrt(2 * np.pi))
    elif lineshape == "lorentzian":
        factor = np.array(1 / np.pi)
    else:
        factor = (1 - values["fraction"]) * np.sqrt(np.log(2) / np.pi) + values["fraction"] / np.pi
    return values["amplitude"] * (factor / values["sigma"])


def fwhm(lineshape: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Full width at half maximum from parameters of any shape."""
    if lineshape != "doniach":
        return (2 * _SQRT_2LN2 if lineshape == "gaussian" else 2.0) * values["sigma"]
    p = {name: value[..., None] for name, value in values.items()}
    p |= {"center": np.zeros_like(p["center"]), "gamma": np.abs(p["gamma"])}
    reach = p["sigma"] + p["gaussian_sigma"]

    def bisect(low: np.ndarray, high: np.ndarray, is_low: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        for _ in range(30):
            middle = 0.5 * (low + high)
            here = is_low(middle)
            low, high = np.where(here, middle, low), np.where(here, high, middle)
        return 0.5 * (low + high)

    near = 1e-4 * reach
    top = bisect(-reach, reach, lambda x: line(x + near, lineshape, p) > line(x - near, lineshape, p))
    half = 0.5 * line(top, lineshape, p)
    left = bisect(-40 * reach, top, lambda x: line(x, lineshape, p) < half)
    right = bisect(top, 10 * reach, lambda x: line(x, lineshape, p) > half)
    return (right - left)[..., 0]
