"""A synthetic map of standing waves about defects of a surface, with its truth."""

import numpy as np
import xarray as xr

from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["make_interference_map"]


def make_interference_map(
    shape: tuple[int, int] = (180, 360),
    *,
    width: float = 100.0,
    rings: tuple[float, ...] = (1.2, 3.2),
    amplitudes: tuple[float, ...] = (0.35, 1.0),
    n_scatterers: int = 60,
    decay: float = 25.0,
    noise: float = 2.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Make a map of the differential conductance of a surface whose electrons are scattered by defects.

    Every defect is the centre of standing waves, the Friedel oscillations of the local density of states:

    .. math:: s(r) = \sum_j \sum_k a_k \frac{\cos(q_k |r - r_j| - \pi/2)}{\sqrt{q_k |r - r_j|}} e^{-|r - r_j|/\ell}

    scaled to a standard deviation of 1, with white noise added. Transformed, the map shows rings with the radii
    :math:`q_k`, which are twice the wave numbers of the electrons. With the defaults it is shaped like a map of Ag(111)
    whose rings were found by sparse modelling [1]_ at 1.2 and 3.2 nm\ :sup:`-1`; those measured data are not public.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns; pixels are square.
    width : float
        Of the map along x (nm).
    rings : tuple of float
        Radii q = 2k of the rings (1/nm).
    amplitudes : tuple of float
        Relative amplitude of each ring's wave.
    n_scatterers : int
        Number of defects, placed at random over the map and a little beyond it.
    decay : float
        Length over which waves fade (nm).
    noise : float
        Standard deviation of the noise, that of the waves being 1. The default was chosen so that, with the
        default seed, `mi_widgets.qpi.cross_validate` finds 7,200 pixels sufficient and 4,050 not, as published; with
        other seeds its limit lies elsewhere, for some between 2,000 and 4,050.
    seed : int, Generator or None
        Of defects and noise.

    Returns
    -------
    xarray.Dataset
        ``conductance`` (y, x), nS; ``true_signal`` (y, x), nS: without noise; ``true_ring`` and ``true_amplitude``
        (ring), 1/nm and 1; ``scatterer_y`` and ``scatterer_x`` (scatterer), nm. Coordinates y and x in nm.

    Raises
    ------
    ParameterError
        A number is out of range, a ring lies beyond what the pixels resolve, or there are not as many `amplitudes`.

    References
    ----------
    .. [1] Y. Nakanishi-Ohno, M. Haze, Y. Yoshida, K. Hukushima, Y. Hasegawa, M. Okada, J. Phys. Soc. Jpn. 85
       (2016), doi:10.48550/arXiv.1607.07189

    Examples
    --------
    >>> ds = make_interference_map((60, 120), width=33.0)
    >>> dict(ds.conductance.sizes), ds.true_ring.values.tolist()
    ({'y': 60, 'x': 120}, [1.2, 3.2])
    """
    _check(shape, width, rings, amplitudes, n_scatterers, decay, noise)
    rng = generator(seed, who="make_interference_map")
    step = width / shape[1]
    y, x = (np.arange(n) * step for n in shape)
    places = rng.uniform(-0.05, 1.05, (n_scatterers, 2)) * [shape[0] * step, width]
    signal = np.zeros(shape)
    for at_y, at_x in places:
        r = np.hypot(y[:, None] - at_y, x - at_x) + 0.3  # the wave ends where the defect begins
        fade = np.exp(-r / decay)
        for q, a in zip(rings, amplitudes, strict=True):
            signal += a * np.sin(q * r) / np.sqrt(q * r) * fade
    signal /= signal.std()
    noisy = signal + noise * rng.standard_normal(shape)
    parameters = {
        "shape": list(shape), "width": width, "rings": list(rings), "amplitudes": list(amplitudes),
        "n_scatterers": n_scatterers, "decay": decay, "noise": noise,
        "seed": seed if isinstance(seed, int) else "not an integer",
    }  # fmt: skip
    length, value = {"units": "nm"}, {"units": "nS"}
    return xr.Dataset(
        {
            "conductance": (("y", "x"), noisy, {**value, "long_name": "differential conductance"}),
            "true_signal": (("y", "x"), signal, {**value, "long_name": "true standing waves"}),
            "true_ring": ("ring", np.array(rings, dtype=float), {"units": "1/nm", "long_name": "true radius q = 2k"}),
            "true_amplitude": ("ring", np.array(amplitudes, float), {"units": "1", "long_name": "relative amplitude"}),
            "scatterer_y": ("scatterer", places[:, 0], {**length, "long_name": "y of the defect"}),
            "scatterer_x": ("scatterer", places[:, 1], {**length, "long_name": "x of the defect"}),
        },
        coords={
            "y": ("y", y, {**length, "long_name": "y"}),
            "x": ("x", x, {**length, "long_name": "x"}),
            "ring": ("ring", np.arange(len(rings)), {"units": "1", "long_name": "ring"}),
        },
        attrs=origin(
            "datasets.make_interference_map",
            "Standing waves on a surface with defects (synthetic)",
            parameters,
            source="synthetic; shaped like a map of Ag(111) that is not public",
        ),
    )


def _check(
    shape: tuple[int, int],
    width: float,
    rings: tuple[float, ...],
    amplitudes: tuple[float, ...],
    n_scatterers: int,
    decay: float,
    noise: float,
) -> None:
    who = "make_interference_map"
    if len(shape) != 2 or min(shape) < 8:
        raise ParameterError(f"{who}: shape must be two numbers of at least 8; got {shape!r}.")
    for name, value in (("width", width), ("decay", decay), ("n_scatterers", n_scatterers)):
        if not value > 0:
            raise ParameterError(f"{who}: {name} must be above zero; got {value!r}.")
    if not noise >= 0:
        raise ParameterError(f"{who}: noise must be zero or more; got {noise!r}.")
    if len(rings) != len(amplitudes) or not rings:
        raise ParameterError(f"{who}: give one amplitude for each ring; got {len(rings)} and {len(amplitudes)}.")
    limit = np.pi * shape[1] / width
    if not all(0 < q < limit for q in rings):
        raise ParameterError(
            f"{who}: rings must lie between 0 and {limit:.3g} 1/nm, which the pixels resolve; got {rings}."
        )
