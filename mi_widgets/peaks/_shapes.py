"""Line shapes and backgrounds by name: their parameters, as lmfit has them, and what follows from these.

To add one: an entry here, its curve and derivatives in both `_numpy` and `_numba`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np
from scipy.special import erfcx

from mi_widgets.peaks._engines import _numpy_doniach

GAUSSIAN, LORENTZIAN, PSEUDO_VOIGT, VOIGT, ASYMMETRIC_PSEUDO_VOIGT, DONIACH = range(6)
NONE, CONSTANT, LINEAR, QUADRATIC, EXPONENTIAL, SHIRLEY, TOUGAARD, TOUGAARD_U3 = range(8)
FWHM_GAUSSIAN = 2 * sqrt(2 * log(2))


@dataclass(frozen=True)
class Shape:
    """A line shape.

    Attributes
    ----------
    code : int
        As the engines know it.
    parameters : tuple of str
        Names; the first three are amplitude (area, where it is finite), center, sigma.
    fwhm : callable
        Full width at half maximum from the parameters, their axis last.
    height : callable
        Height at the center from the parameters.
    guess : callable
        ``guess(half width)``: sigma and what follows it, for a peak of that half width at half maximum.
    lmfit : str
        Name of lmfit's model; empty where it has none.
    area : float
        Area over amplitude, roughly where it is infinite.
    """

    code: int
    parameters: tuple[str, ...]
    fwhm: Callable[[np.ndarray], np.ndarray]
    height: Callable[[np.ndarray], np.ndarray]
    guess: Callable[[float], tuple[float, ...]]
    lmfit: str = ""
    area: float = 1.0


@dataclass(frozen=True)
class Background:
    """A background.

    Attributes
    ----------
    code : int
        As the engines know it.
    parameters : tuple of str
        Names of its parameters.
    free : tuple of bool
        Which of them may be negative where the data may be.
    active : bool
        It is made from the fitted peaks, and so has a side on which it is higher.
    held : tuple of (float or None)
        Where a parameter is held unless bounds free it, in powers of eV; empty for none of them.
    """

    code: int
    parameters: tuple[str, ...]
    free: tuple[bool, ...]
    active: bool = False
    held: tuple[float | None, ...] = ()

    def bounds(self, positive: bool) -> list[tuple[float, float]]:
        """Default bounds of the parameters."""
        usual = [(-np.inf if free and not positive else 0.0, np.inf) for free in self.free]
        held = self.held or (None,) * len(usual)
        return [pair if at is None else (at, at) for pair, at in zip(usual, held, strict=True)]


def _voigt_fwhm(p: np.ndarray) -> np.ndarray:
    # J. J. Olivero, R. L. Longbothum (1977), doi:10.1016/0022-4073(77)90161-3; as in lmfit, right to 0.02 %
    gaussian, lorentzian = FWHM_GAUSSIAN * p[..., 2], 2 * p[..., 3]
    return np.asarray(0.5346 * lorentzian + np.sqrt(0.2166 * lorentzian**2 + gaussian**2))


def _voigt_height(p: np.ndarray) -> np.ndarray:
    return np.asarray(p[..., 0] / (p[..., 2] * sqrt(2 * pi)) * erfcx(p[..., 3] / (p[..., 2] * sqrt(2))))


def _pseudo_voigt_height(p: np.ndarray) -> np.ndarray:
    return np.asarray(p[..., 0] / p[..., 2] * ((1 - p[..., 3]) * sqrt(log(2) / pi) + p[..., 3] / pi))


PEAK = ("amplitude", "center", "sigma")
SHAPES = {
    "gaussian": Shape(
        GAUSSIAN,
        PEAK,
        lambda p: FWHM_GAUSSIAN * p[..., 2],
        lambda p: p[..., 0] / (p[..., 2] * sqrt(2 * pi)),
        lambda half: (2 * half / FWHM_GAUSSIAN,),
        "GaussianModel",
    ),
    "lorentzian": Shape(
        LORENTZIAN,
        PEAK,
        lambda p: 2 * p[..., 2],
        lambda p: p[..., 0] / (pi * p[..., 2]),
        lambda half: (half,),
        "LorentzianModel",
    ),
    "pseudo-voigt": Shape(
        PSEUDO_VOIGT,
        (*PEAK, "fraction"),
        lambda p: 2 * p[..., 2],
        _pseudo_voigt_height,
        lambda half: (half, 0.3),
        "PseudoVoigtModel",
    ),
    "voigt": Shape(
        VOIGT,
        (*PEAK, "gamma"),
        _voigt_fwhm,
        _voigt_height,
        lambda half: (0.7 * half, 0.3 * half),
        "VoigtModel",
    ),
    "asymmetric-pseudo-voigt": Shape(
        ASYMMETRIC_PSEUDO_VOIGT,
        (*PEAK, "fraction", "asymmetry"),
        lambda p: 2 * p[..., 2],
        _pseudo_voigt_height,
        lambda half: (half, 0.3, 0.0),
    ),
    "doniach": Shape(
        DONIACH,
        (*PEAK, "gamma", "gaussian_sigma"),
        _numpy_doniach.fwhm,
        _numpy_doniach.height,
        lambda half: (0.4 * half, 0.05, 0.6 * half),
        area=pi,
    ),
}
BACKGROUNDS = {
    "none": Background(NONE, (), ()),
    "constant": Background(CONSTANT, ("background_level",), (True,)),
    "linear": Background(LINEAR, ("background_left", "background_right"), (True, True)),
    "quadratic": Background(
        QUADRATIC, ("background_left", "background_middle", "background_right"), (True, True, True)
    ),
    "exponential": Background(EXPONENTIAL, ("background_left", "background_right"), (False, False)),
    "shirley": Background(SHIRLEY, ("background_level", "background_step"), (True, False), active=True),
    # C of most metals and oxides, C and D of polymers (Tougaard 1997): a window of some 10 eV cannot tell them
    "tougaard": Background(
        TOUGAARD,
        ("background_level", "background_b", "background_c"),
        (True, False, False),
        active=True,
        held=(None, None, 1643.0),
    ),
    "tougaard-u3": Background(
        TOUGAARD_U3,
        ("background_level", "background_b", "background_c", "background_d"),
        (True, False, False, False),
        active=True,
        held=(None, None, 551.0, 436.0),
    ),
}
