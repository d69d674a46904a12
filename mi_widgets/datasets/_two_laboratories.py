"""One property of one series of samples, measured by two laboratories that differ."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["conductivity_law", "make_two_laboratories"]

BOLTZMANN = 8.617333e-5  # eV/K
#: log10 of S/cm at infinite temperature, eV, eV for each unit of dopant, power of the dopant, log10 between phases
PREFACTOR, BARRIER, TRAPPING, POWER, BETTER = 2.1, 0.75, 1.6, 0.5, 1.2


def conductivity_law(dopant: Any, temperature: Any) -> np.ndarray:
    """Conductivity of the samples of `make_two_laboratories`: the dopant brings carriers and traps them.

    Parameters
    ----------
    dopant : array_like
        Share of sites.
    temperature : array_like
        K.

    Returns
    -------
    numpy.ndarray
        log10 of the conductivity in S/cm.

    Examples
    --------
    >>> bool(conductivity_law(0.1, 1000.0) > conductivity_law(0.1, 800.0))
    True
    """
    dopant, temperature = np.asarray(dopant, dtype=float), np.asarray(temperature, dtype=float)
    trapped = BARRIER + TRAPPING * np.maximum(dopant - 0.1, 0.0)
    other = BETTER / (1 + np.exp(-(dopant - 0.2) / 0.008))
    carriers = np.log10(np.maximum(dopant, 1e-3) / 0.1)
    return np.asarray(PREFACTOR + POWER * carriers - trapped / (np.log(10) * BOLTZMANN * temperature) + other)


def make_two_laboratories(
    *, n_samples: int = 40, offset: float = 0.3, noise: float = 0.06, seed: int | np.random.Generator | None = 0
) -> xr.Dataset:
    """Make samples of a doped oxide, each measured by one of two laboratories, with truth.

    Synthetic. The conductivity follows a known law of dopant and temperature. The second laboratory reads too much by a
    constant, and had mostly the samples with much dopant. Above a dopant of 0.2 the lattice is another phase, which
    conducts better.

    Parameters
    ----------
    n_samples : int
        Number of samples (8 to 2000).
    offset : float
        What the second laboratory reads too much, in log10 (-2 to 2).
    noise : float
        Standard deviation of log10 of the conductivity (0 to 1).
    seed : int, numpy.random.Generator or None
        Of the samples and the noise.

    Returns
    -------
    xarray.Dataset
        Over ``sample``: ``dopant`` (1, share of sites), ``temperature`` (K), ``lattice_parameter`` (angstrom),
        ``density`` (g/cm**3), ``thickness`` (um, which has nothing to do with anything), ``log_conductivity`` (1, log10
        of S/cm, measured), ``true_log_conductivity``, ``true_phase`` (flags); coordinate ``laboratory`` (A or B).
        ``true_offset`` (1).

    Raises
    ------
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> ds = make_two_laboratories()
    >>> off = (ds.log_conductivity - ds.true_log_conductivity).groupby("laboratory").mean()
    >>> bool(off.sel(laboratory="B") - off.sel(laboratory="A") > 0.2)
    True
    """
    whole = isinstance(n_samples, int) and not isinstance(n_samples, bool)
    if not whole or not 8 <= n_samples <= 2000:
        raise ParameterError(f"n_samples must be a whole number from 8 to 2000; got {n_samples!r}.")
    for name, value, low, high in (("offset", offset, -2, 2), ("noise", noise, 0, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise ParameterError(f"{name} must be a number from {low} to {high}; got {value!r}.")
    rng = generator(seed, who="make_two_laboratories")
    dopant = rng.uniform(0.02, 0.38, n_samples)
    temperature = rng.uniform(700.0, 1100.0, n_samples)
    second = rng.random(n_samples) < 1 / (1 + np.exp(-(dopant - 0.2) / 0.04))
    phase = (dopant > 0.2).astype(np.int8)
    lattice = 5.42 - 0.10 * dopant + 0.05 * phase + 0.006 * rng.standard_normal(n_samples)
    density = 6.1 - 0.6 * dopant - 0.35 * phase + 0.05 * rng.standard_normal(n_samples)
    thickness = rng.uniform(100.0, 900.0, n_samples)
    truth = conductivity_law(dopant, temperature)
    measured = truth + offset * second + noise * rng.standard_normal(n_samples)

    def over(values: np.ndarray, units: str, long_name: str) -> tuple[str, np.ndarray, dict[str, str]]:
        return "sample", values, {"units": units, "long_name": long_name}

    flags = {"long_name": "phase", "flag_values": [0, 1], "flag_meanings": "little_dopant much_dopant"}
    ds = xr.Dataset(
        {
            "dopant": over(dopant, "1", "dopant"),
            "temperature": over(temperature, "K", "temperature"),
            "lattice_parameter": over(lattice, "angstrom", "lattice parameter"),
            "density": over(density, "g/cm**3", "density"),
            "thickness": over(thickness, "um", "thickness"),
            "log_conductivity": over(measured, "1", "log10 of the conductivity in S/cm"),
            "true_log_conductivity": over(truth, "1", "true log10 of the conductivity in S/cm"),
            "true_phase": ("sample", phase, flags),
            "true_offset": ((), float(offset), {"units": "1", "long_name": "what laboratory B reads too much"}),
        },
        coords={
            "sample": ("sample", np.arange(n_samples), {"units": "1", "long_name": "sample"}),
            "laboratory": ("sample", np.where(second, "B", "A"), {"long_name": "laboratory"}),
        },
    )
    told = {"n_samples": n_samples, "offset": offset, "noise": noise,
            "seed": seed if isinstance(seed, int) else "not an integer"}  # fmt: skip
    title = "A doped oxide measured by two laboratories, a model"
    ds.attrs = origin("datasets.make_two_laboratories", title, told, source="synthetic")
    return ds
