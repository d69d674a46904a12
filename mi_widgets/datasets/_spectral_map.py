"""Synthetic spectral maps that come with the truth."""

import operator
from typing import Any, Literal

import numpy as np
import xarray as xr

from mi_widgets.datasets._fields import PRESETS, Preset, peak_fields, smooth_field
from mi_widgets.datasets._seed import generator
from mi_widgets.datasets._shapes import BACKGROUNDS, LINESHAPES, expected_counts, fwhm, height
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["make_spectral_map"]

_MAX_PEAKS = 8


def make_spectral_map(
    *,
    shape: tuple[int, int] = (64, 64),
    n_channels: int | None = None,
    counts: float = 1000.0,
    preset: Literal["transistor", "separated", "overlap"] = "transistor",
    n_peaks: int = 2,
    separation: float | None = None,
    drift: float = 0.0,
    lineshape: Literal["pseudo-voigt", "gaussian", "lorentzian", "asymmetric-pseudo-voigt", "doniach"] = "pseudo-voigt",
    asymmetry: float | None = None,
    background: Literal["linear", "shirley", "tougaard", "tougaard-u3"] = "linear",
    pixel_size: float = 0.1,
    noise: bool = True,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Make a map of photoelectron spectra with Poisson noise, and keep every true parameter beside it.

    Each pixel holds peaks on a background, by default a linear one,
    :math:`\lambda_i = b_l + (b_r - b_l) t_i + \sum_k A_k\, s(E_i; c_k, \sigma_k, \eta_k)` with :math:`t` running from
    0 at the low to 1 at the high end of the axis, and counts are drawn from :math:`\mathrm{Poisson}(\lambda_i)`.
    Positions, widths, heights and Lorentz fractions vary smoothly over the map.

    Parameters
    ----------
    shape : (int, int)
        Pixels along y and x.
    n_channels : int, optional
        Energy channels; by default 161 for ``"transistor"`` (8 eV) and 400 for the other two (10 eV).
    counts : float
        Typical height of the strongest peak, in counts per channel.
    preset : {"transistor", "separated", "overlap"}
        ``"transistor"``: the C 1s line of a graphene field-effect transistor seen in a photoelectron microscope [1]_:
        two metal contacts, a channel between them, and charge-transfer regions of 0.5 um in which the line moves from
        its position at the contact to that in the channel; graphene near 284.4 eV, resist residue near 286.3 eV. The
        shift (0.3 eV) is larger than that of real devices (0.06 eV in [1]_), so that it shows at few counts.
        ``"separated"`` and ``"overlap"``: benchmark maps, two peaks of 0.9 eV width, 3.0 eV and 0.9 eV apart.
    n_peaks : int
        Number of peaks, 1 to 8.
    separation : float, optional
        Distance between neighbouring peaks in eV before any shift, in place of the preset's.
    drift : float
        Largest common shift of all peaks in eV, a smooth field over the map: 2.0 moves them by over two widths.
    lineshape : {"pseudo-voigt", "gaussian", "lorentzian", "asymmetric-pseudo-voigt", "doniach"}
        Shape of every peak; parameters as lmfit's PseudoVoigtModel, GaussianModel and LorentzianModel have them.
        ``"asymmetric-pseudo-voigt"`` has half widths sigma (1 - asymmetry) below and sigma (1 + asymmetry) above its
        center. ``"doniach"`` is lmfit's DoniachModel convolved with a Gaussian; as it has no finite area, so has
        ``true_amplitude`` only the meaning it has in lmfit.
    asymmetry : float, optional
        For the two asymmetric shapes, 0.15 by default, between -0.45 and 0.45: above zero the peaks are broader
        towards high binding energy, as in photoemission of metals. For ``"doniach"`` it is -gamma.
    background : {"linear", "shirley", "tougaard", "tougaard-u3"}
        The last three are made from the peaks and rise towards high binding energy: by 0.1 of a peak's area per eV
        (Shirley), or by Tougaard's cross sections of two (B about 2866 eV², C 1643 eV²) and three parameters (B about
        434 eV², C 551 eV², D 436 eV²).
    pixel_size : float
        Distance of neighbouring pixels in um.
    noise : bool
        False leaves `spectra` equal to `expected`.
    seed : int, numpy.random.Generator or None
        The same integer gives the same map; the fields do not change with `counts` or `n_channels`.

    Returns
    -------
    xarray.Dataset
        Coordinates ``y``, ``x`` (um), ``energy`` (binding energy, eV) and ``peak``, and

        - ``spectra`` (y, x, energy), count: the measured map
        - ``expected`` (y, x, energy), count: its mean, without noise
        - ``true_amplitude`` (y, x, peak), count * eV: area, counts per channel integrated over energy
        - ``true_center``, ``true_sigma``, ``true_fwhm`` (y, x, peak), eV; sigma is the half width at half maximum,
          for ``"gaussian"`` the standard deviation
        - ``true_height`` (y, x, peak), count
        - ``true_fraction`` (y, x, peak), 1: Lorentz share of the area, for both pseudo-Voigts
        - ``true_asymmetry``, or ``true_gamma`` (1) and ``true_gaussian_sigma`` (eV) (y, x, peak)
        - ``true_background_left``, ``true_background_right`` (y, x), count: background at the low and high end, or
          ``true_background_level`` (count) with ``true_background_step`` (1/eV), or with ``true_background_b``,
          ``true_background_c`` and ``true_background_d`` (eV²)

    Raises
    ------
    ParameterError
        An option is unknown or out of range, or the peaks do not fit into the energy window.

    References
    ----------
    .. [1] N. Nagamura et al., Appl. Phys. Lett. 102, 241604 (2013), doi:10.1063/1.4808083

    Examples
    --------
    >>> ds = make_spectral_map(shape=(8, 16), counts=500)
    >>> ds.spectra.dims, ds.true_center.sizes["peak"]
    (('y', 'x', 'energy'), 2)
    >>> hard = make_spectral_map(preset="overlap", counts=1000, drift=2.0, shape=(32, 32), n_channels=400)
    """
    parameters = dict(locals())
    known: Preset = _choose("preset", preset, PRESETS)
    _choose("lineshape", lineshape, LINESHAPES)
    _choose("background", background, BACKGROUNDS)
    skew = _asymmetry(asymmetry, lineshape)
    ny, nx = _shape(shape)
    n = _integer("n_channels", known.n_channels if n_channels is None else n_channels, 8)
    if _integer("n_peaks", n_peaks, 1) > _MAX_PEAKS:
        raise ParameterError(f"make_spectral_map: n_peaks must be 1 to {_MAX_PEAKS}; got {n_peaks}.")
    counts = _positive("counts", counts)
    _positive("pixel_size", pixel_size)
    _positive("drift", drift, zero=True)
    if separation is not None:
        _positive("separation", separation)

    # one stream for each purpose: more counts or channels must not change the fields
    streams = [np.random.default_rng(int(s)) for s in generator(seed, who="make_spectral_map").integers(2**62, size=3)]
    fields = peak_fields(preset, (ny, nx), pixel_size, known.peak_centers(n_peaks, separation), streams[0])
    if drift:
        fields["center"] = fields["center"] + smooth_field((ny, nx), streams[1], drift)[..., None]
    _check_window(fields["center"], known)

    axis = np.linspace(*known.window, n)
    truth = _truth(fields, counts, lineshape, skew) | _ground_truth(fields, counts, background, known)
    expected = expected_counts(axis, truth, lineshape, background)
    spectra = streams[2].poisson(expected).astype(float) if noise else expected.copy()
    for name, usual in (("asymmetry", None), ("background", "linear")):
        if parameters[name] == usual:  # histories of older maps know neither
            del parameters[name]
    parameters["seed"] = seed if seed is None or isinstance(seed, int | np.integer) else type(seed).__name__
    return _dataset(axis, spectra, expected, truth, known, pixel_size, parameters)


def _truth(fields: dict[str, np.ndarray], counts: float, lineshape: str, skew: float) -> dict[str, np.ndarray]:
    half, fraction = fields["hwhm"], fields["fraction"]
    truth = {"amplitude": np.ones_like(half), "center": fields["center"], "sigma": half}
    if lineshape == "gaussian":
        truth["sigma"] = half / np.sqrt(2 * np.log(2))
    elif lineshape == "doniach":
        truth |= {"sigma": 0.55 * half, "gamma": np.full_like(half, -skew), "gaussian_sigma": 0.5 * half}
    elif lineshape != "lorentzian":
        truth["fraction"] = fraction
    if lineshape == "asymmetric-pseudo-voigt":
        truth["asymmetry"] = np.full_like(half, skew)
    truth["height"] = counts * fields["height"]
    truth["amplitude"] = truth["height"] / height(lineshape, truth)
    truth["fwhm"] = fwhm(lineshape, truth)
    return truth


def _ground_truth(
    fields: dict[str, np.ndarray], counts: float, background: str, preset: Preset
) -> dict[str, np.ndarray]:
    left, right = counts * fields["background_left"], counts * fields["background_right"]
    if background == "linear":
        return {"background_left": left, "background_right": right}
    varying, truth = fields["background_right"] / preset.background[1], {"background_level": left}
    if background == "shirley":
        return truth | {"background_step": 0.1 * varying}
    for name, value in _CROSS_SECTIONS[background].items():
        truth[f"background_{name}"] = value * (varying if name == "b" else np.ones_like(varying))
    return truth


# S. Tougaard (1997), doi:10.1002/(SICI)1096-9918(199703)25:3<137::AID-SIA230>3.0.CO;2-L, in eV^2
_CROSS_SECTIONS = {"tougaard": {"b": 2866.0, "c": 1643.0}, "tougaard-u3": {"b": 434.0, "c": 551.0, "d": 436.0}}
_LABELS = {
    "amplitude": ("count * eV", "peak area"),
    "center": ("eV", "peak position"),
    "sigma": ("eV", "peak sigma"),
    "fwhm": ("eV", "full width at half maximum"),
    "height": ("count", "peak height"),
    "fraction": ("1", "Lorentz fraction"),
    "asymmetry": ("1", "asymmetry"),
    "gamma": ("1", "Doniach-Sunjic asymmetry"),
    "gaussian_sigma": ("eV", "standard deviation of the Gaussian"),
    "background_level": ("count", "background before any step"),
    "background_step": ("1/eV", "Shirley step"),
    "background_b": ("eV * eV", "Tougaard's B"),
    "background_c": ("eV * eV", "Tougaard's C"),
    "background_d": ("eV * eV", "Tougaard's D"),
    "background_left": ("count", "background at the low end of the axis"),
    "background_right": ("count", "background at the high end of the axis"),
}


def _dataset(
    axis: np.ndarray,
    spectra: np.ndarray,
    expected: np.ndarray,
    truth: dict[str, np.ndarray],
    preset: Preset,
    pixel_size: float,
    parameters: dict[str, Any],
) -> xr.Dataset:
    ny, nx = spectra.shape[:2]
    coords = {
        "y": ("y", np.round(np.arange(ny) * pixel_size, 9), {"units": "um", "long_name": "y"}),
        "x": ("x", np.round(np.arange(nx) * pixel_size, 9), {"units": "um", "long_name": "x"}),
        "energy": ("energy", axis, {"units": "eV", "long_name": "binding energy"}),
        "peak": ("peak", np.arange(truth["center"].shape[-1]), {"units": "1", "long_name": "peak"}),
    }
    cube = ("y", "x", "energy")
    data: dict[str, Any] = {
        "spectra": (cube, spectra, {"units": "count", "long_name": "photoelectrons"}),
        "expected": (cube, expected, {"units": "count", "long_name": "expected photoelectrons"}),
    }
    for name, values in truth.items():
        units, text = _LABELS[name]
        dims = ("y", "x", "peak")[: values.ndim]
        data[f"true_{name}"] = (dims, values, {"units": units, "long_name": f"true {text}"})
    attrs = {
        **origin(
            "datasets.make_spectral_map",
            preset.title,
            parameters,
            source="synthetic, mi_widgets",
            references=["doi:10.1063/1.4808083"],
            default=_plain,
        ),
        "spectral_dim": "energy",
        "lineshape": parameters["lineshape"],
    }
    if "background" in parameters:
        attrs["background"] = parameters["background"]
    return xr.Dataset(data, coords, attrs)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _choose(option: str, value: str, table: dict[str, Any]) -> Any:
    if value not in table:
        names = ", ".join(map(repr, table))
        raise ParameterError(f"make_spectral_map: {option} must be one of {names}; got {value!r}.")
    return table[value]


def _integer(option: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ParameterError(f"make_spectral_map: {option} must be a whole number of at least {least}; got {value!r}.")
    return number


def _shape(shape: Any) -> tuple[int, int]:
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise ParameterError(f"make_spectral_map: shape must be (pixels along y, pixels along x); got {shape!r}.")
    return _integer("shape[0]", shape[0], 1), _integer("shape[1]", shape[1], 1)


def _positive(option: str, value: Any, *, zero: bool = False) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not (0 < number < 1e12 or (zero and number == 0)):
        least = "zero or a positive number" if zero else "a positive number"
        raise ParameterError(f"make_spectral_map: {option} must be {least} below 1e12; got {value!r}.")
    return number


def _asymmetry(value: float | None, lineshape: str) -> float:
    if value is None:
        return 0.15
    if lineshape not in ("asymmetric-pseudo-voigt", "doniach"):
        raise ParameterError(
            f"make_spectral_map: {lineshape} peaks have no asymmetry; write lineshape='asymmetric-pseudo-voigt' or "
            "'doniach', or leave it out."
        )
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not -0.45 <= number <= 0.45:
        raise ParameterError(f"make_spectral_map: asymmetry must be between -0.45 and 0.45; got {value!r}.")
    return number


def _check_window(center: np.ndarray, preset: Preset) -> None:
    low, high = preset.window
    if center.min() < low or center.max() > high:
        raise ParameterError(
            f"make_spectral_map: peaks lie from {center.min():.2f} to {center.max():.2f} eV, outside the window of "
            f"{low:g} to {high:g} eV. Lower drift, separation or n_peaks."
        )
