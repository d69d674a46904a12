"""Pressures, volumes and temperatures of a crystal: published ones of MgO, and generated ones with their truth."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets._share import share_path
from mi_widgets.datasets._registry import entry
from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.io import read_netcdf

__all__ = ["load_mgo", "make_eos"]

#: MgO of Tange et al. 2009: angstrom**3, GPa, K and pure numbers.
TANGE = {"v0": 74.698, "k0": 160.63, "k0_prime": 4.367, "gamma0": 1.442, "a": 0.138, "b": 5.4, "theta0": 761.0}
N_ATOMS, MOLAR_MASS, ROOM = 8.0, 4 * 40.304, 300.0
#: Boltzmann's constant in GPa angstrom**3 / K.
_K = 1.380649e-2


def load_mgo() -> xr.Dataset:
    """Load published points of MgO: 61 pressures, volumes and temperatures, 0 to 53 GPa, 300 to 2474 K.

    Returns
    -------
    xarray.Dataset
        ``pressure`` (GPa), ``volume`` (angstrom**3, of the cell of 8 atoms) and ``temperature`` (K), dims ``(point,)``,
        each with ``<name>_stderr``; attributes ``n_atoms``, ``molar_mass`` (g/mol of the cell), ``doi``.

    Raises
    ------
    MIWidgetsError
        The bundled data are missing: the installation is incomplete.
    FileFormatError
        The bundled file is damaged.

    Notes
    -----
    Errors of two pressures are printed as 0, to one decimal: they are given as 0.05 GPa, which is where rounding
    begins. Pressures were measured against platinum, so that they share the error of its scale.

    References
    ----------
    Dewaele, Fiquet, Andrault, Hausermann, J. Geophys. Res. 105, 2869 (2000), doi:10.1029/1999JB900364.

    Examples
    --------
    >>> load_mgo().sizes["point"]
    61
    """
    return read_netcdf(share_path("data") / entry("mgo_dewaele_2000")["file"])


def make_eos(
    *,
    n_points: int = 61,
    n_cold: int = 20,
    top_pressure: float = 53.0,
    pressure_error: tuple[float, float] = (0.02, 0.04),
    temperature_error: float = 0.09,
    volume_error: float = 1e-4,
    scale_error: float = 0.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make points of MgO as a diamond cell with a laser gives them, with their truth.

    The equation of state of Tange et al. 2009 (Vinet, Mie-Grueneisen-Debye with Tange's gamma) is drawn from at
    300 K and between 1700 and 2450 K, and pressure, volume and temperature get errors like those of the table that
    `load_mgo` gives.

    Parameters
    ----------
    n_points, n_cold : int
        Number of points, and how many of them are at 300 K (known to 10 K).
    top_pressure : float
        Highest pressure (GPa, above 0 to 150).
    pressure_error : (float, float)
        Relative standard deviation of a pressure, drawn between these (1), and at least 0.05 GPa.
    temperature_error, volume_error : float
        Relative standard deviation of hot temperatures and of volumes (1).
    scale_error : float
        Relative error that all pressures share (1): drawn once.
    seed : int, numpy.random.Generator or None
        Of everything that is drawn.

    Returns
    -------
    xarray.Dataset
        ``pressure`` (GPa), ``volume`` (angstrom**3) and ``temperature`` (K), dims ``(point,)``, each with
        ``<name>_stderr`` and ``true_<name>``; ``true_v0`` (angstrom**3), ``true_k0`` (GPa), ``true_k0_prime``,
        ``true_gamma0``, ``true_a``, ``true_b`` (1), ``true_theta0`` (K), ``true_pressure_scale`` (1).

    Raises
    ------
    ParameterError
        A number is out of range.

    References
    ----------
    Tange, Nishihara, Tsuchiya 2009, doi:10.1029/2008JB005813.

    Examples
    --------
    >>> ds = make_eos(seed=1)
    >>> int((ds.temperature < 400).sum()), float(ds.true_k0)
    (20, 160.63)
    """
    low, high = _check(n_points, n_cold, top_pressure, pressure_error, temperature_error, volume_error, scale_error)
    rng = generator(seed, who="make_eos")
    t = np.concatenate([np.full(n_cold, ROOM), rng.uniform(1700.0, 2450.0, n_points - n_cold)])
    wanted = rng.uniform(0.0, top_pressure, n_points)
    wanted[n_cold:] = np.maximum(wanted[n_cold:], 0.25 * top_pressure)
    v = _volumes(wanted, t)
    p = _pressures(v, t)
    sigma_p = np.maximum(rng.uniform(low, high, n_points) * p, 0.05)
    sigma_t = np.where(t == ROOM, 10.0, temperature_error * t)
    sigma_v = volume_error * v
    scale = scale_error * rng.standard_normal()
    columns = {
        "pressure": (p * (1 + scale) + sigma_p * rng.standard_normal(n_points), sigma_p, p, "GPa"),
        "volume": (v + sigma_v * rng.standard_normal(n_points), sigma_v, v, "angstrom**3"),
        "temperature": (np.maximum(t + sigma_t * rng.standard_normal(n_points), 50.0), sigma_t, t, "K"),
    }
    out: dict[str, Any] = {}
    for name, (measured, sigma, true, units) in columns.items():
        out[name] = ("point", measured, {"units": units, "long_name": name})
        text = f"standard deviation of the {name}"
        out[f"{name}_stderr"] = ("point", sigma, {"units": units, "long_name": text})
        out[f"true_{name}"] = ("point", true, {"units": units, "long_name": f"true {name}"})
    units_of = {"v0": "angstrom**3", "k0": "GPa", "theta0": "K"}
    for name, value in {**TANGE, "pressure_scale": scale}.items():
        out[f"true_{name}"] = ((), value, {"units": units_of.get(name, "1"), "long_name": f"true {name}"})
    parameters = {
        "n_points": n_points, "n_cold": n_cold, "top_pressure": top_pressure, "pressure_error": [low, high],
        "temperature_error": temperature_error, "volume_error": volume_error, "scale_error": scale_error,
        "seed": seed if isinstance(seed, int) else "not an integer",
    }  # fmt: skip
    title = "MgO at pressure and temperature, a model"
    attrs = origin("datasets.make_eos", title, parameters, source="synthetic")
    point = ("point", np.arange(n_points), {"units": "1", "long_name": "point"})
    return xr.Dataset(out, coords={"point": point}, attrs={**attrs, "n_atoms": N_ATOMS, "molar_mass": MOLAR_MASS})


def _check(
    n_points: int, n_cold: int, top: float, errors: tuple[float, float], t_error: float, v_error: float, scale: float
) -> tuple[float, float]:
    for name, value in (("n_points", n_points), ("n_cold", n_cold)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value <= 100_000:
            raise ParameterError(f"make_eos: {name} must be a whole number of 0 to 100,000; got {value!r}.")
    if not max(n_cold, 1) <= n_points:
        raise ParameterError(f"make_eos: n_points must be 1 or more and at least n_cold; got {n_points} and {n_cold}.")
    try:
        low, high = (float(x) for x in errors)
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 <= low <= high <= 1:
        raise ParameterError(
            f"make_eos: pressure_error is (low, high) between 0 and 1; got {errors!r}. Write (0.02, 0.04)."
        )
    if not (0 < top <= 150 and 0 <= t_error <= 0.3 and 0 <= v_error <= 0.05 and 0 <= scale <= 0.3):
        raise ParameterError(
            "make_eos: top_pressure is above 0 to 150 GPa, temperature_error 0 to 0.3, volume_error 0 to 0.05, "
            f"scale_error 0 to 0.3; got {top!r}, {t_error!r}, {v_error!r}, {scale!r}."
        )
    return low, high


def _pressures(v: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The true equation (GPa), written apart from the engine that is tested with it: the integral is Simpson's."""
    ratio = v / TANGE["v0"]
    x, eta = np.cbrt(ratio), 1.5 * (TANGE["k0_prime"] - 1)
    cold = 3 * TANGE["k0"] * (1 - x) / x**2 * np.exp(eta * (1 - x))
    a, b, gamma0 = TANGE["a"], TANGE["b"], TANGE["gamma0"]
    gamma = gamma0 * (1 + a * (ratio**b - 1))
    theta = TANGE["theta0"] * ratio ** (-(1 - a) * gamma0) * np.exp((gamma0 - gamma) / b)
    return np.asarray(cold + gamma / v * (_debye_energy(theta, t) - _debye_energy(theta, np.full_like(t, ROOM))))


def _debye_energy(theta: np.ndarray, t: np.ndarray) -> np.ndarray:
    """9 n k T (T/theta)**3 times Debye's integral (GPa angstrom**3)."""
    from scipy.integrate import simpson

    top = theta / t
    s = np.linspace(1e-6, 1.0, 401)
    z = s * top[:, None]
    return np.asarray(9 * N_ATOMS * _K * t / top**3 * simpson(z**3 / np.expm1(z), x=s, axis=1) * top)


def _volumes(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Volumes at pressures, by bisection."""
    low, high = np.full(p.shape, 40.0), np.full(p.shape, 84.0)
    for _ in range(50):
        middle = 0.5 * (low + high)
        too_large = _pressures(middle, t) < p
        low, high = np.where(too_large, low, middle), np.where(too_large, middle, high)
    return 0.5 * (low + high)
