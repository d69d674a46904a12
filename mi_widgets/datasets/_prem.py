"""The Preliminary Reference Earth Model: density, velocities, gravity and pressure against depth."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["load_prem"]

_RADIUS = 6371.0  # km
#: Outer radius (km) of each layer, and polynomials in r / 6371 km of density (g/cm**3), v_P and v_S (km/s): Table I of
#: the paper, its ocean left in; the two layers below the Moho with the isotropic velocities printed there.
_LAYERS: tuple[tuple[str, float, tuple[float, ...], tuple[float, ...], tuple[float, ...]], ...] = (
    ("inner core", 1221.5, (13.0885, 0.0, -8.8381), (11.2622, 0.0, -6.3640), (3.6678, 0.0, -4.4475)),
    ("outer core", 3480.0, (12.5815, -1.2638, -3.6426, -5.5281), (11.0487, -4.0362, 4.8023, -13.5732), (0.0,)),
    ("D''", 3630.0, (7.9565, -6.4761, 5.5283, -3.0807), (15.3891, -5.3181, 5.5242, -2.5514),
     (6.9254, 1.4672, -2.0834, 0.9783)),
    ("lower mantle", 5600.0, (7.9565, -6.4761, 5.5283, -3.0807), (24.9520, -40.4673, 51.4832, -26.6419),
     (11.1671, -13.7818, 17.4575, -9.2777)),
    ("top of the lower mantle", 5701.0, (7.9565, -6.4761, 5.5283, -3.0807), (29.2766, -23.6027, 5.5242, -2.5514),
     (22.3459, -17.2473, -2.0834, 0.9783)),
    ("transition zone", 5771.0, (5.3197, -1.4836), (19.0957, -9.8672), (9.9839, -4.9324)),
    ("transition zone", 5971.0, (11.2494, -8.0298), (39.7027, -32.6166), (22.3512, -18.5856)),
    ("transition zone", 6151.0, (7.1089, -3.8045), (20.3926, -12.2569), (8.9496, -4.4597)),
    ("low velocity zone", 6291.0, (2.6910, 0.6924), (4.1875, 3.9382), (2.1519, 2.3481)),
    ("lid", 6346.6, (2.6910, 0.6924), (4.1875, 3.9382), (2.1519, 2.3481)),
    ("crust", 6356.0, (2.900,), (6.800,), (3.900,)),
    ("crust", 6368.0, (2.600,), (5.800,), (3.200,)),
    ("ocean", 6371.0, (1.020,), (1.450,), (0.0,)),
)  # fmt: skip
_GRAVITY = 6.6743e-11


def load_prem(*, region: str | None = None, step: float = 50.0) -> xr.Dataset:
    r"""Load the Preliminary Reference Earth Model: what seismology finds against depth.

    Parameters
    ----------
    region : str, optional
        ``"lower_mantle"`` (771 to 2741 km) or ``"outer_core"`` (2891 to 5149.5 km); by default the whole Earth, with
        each layer's upper and lower end.
    step : float
        Distance of the depths (km), at least 1.

    Returns
    -------
    xarray.Dataset
        Dim ``depth`` (km), downwards: ``radius`` (km), ``density`` (g/cm**3), ``velocity_p``, ``velocity_s`` (km/s),
        ``sound_velocity`` (km/s): of the bulk, ``adiabatic_bulk_modulus`` (GPa), ``gravity`` (m/s**2), ``pressure``
        (GPa); coordinate ``layer``. Gravity and pressure are integrated from the density.

    Raises
    ------
    ParameterError
        There is no such region, or the step is out of range.

    Notes
    -----
    :math:`v_\phi^2 = v_P^2 - \tfrac43 v_S^2 = K_S/\rho`. At a period of 1 s; anisotropy above 220 km is left out.
    Gravity and pressure are 0.1 % above the paper's table, which was made with the constant of gravitation of its time.

    References
    ----------
    Dziewonski, Anderson, Phys. Earth Planet. Inter. 25, 297 (1981), doi:10.1016/0031-9201(81)90046-7.

    Examples
    --------
    >>> core = load_prem(region="outer_core")
    >>> round(float(core.density[0]), 2), round(float(core.pressure[0]), 1)
    (9.9, 135.8)
    """
    regions = {None: (0, len(_LAYERS)), "outer_core": (1, 2), "lower_mantle": (3, 4)}
    if region not in regions:
        raise ParameterError(f"load_prem: there is no region {region!r}; there are lower_mantle and outer_core.")
    if isinstance(step, bool) or not isinstance(step, int | float | np.number) or not 1 <= step <= 3000:
        raise ParameterError(f"load_prem: step must be 1 to 3000 km; got {step!r}.")
    first, last = regions[region]
    bottoms = [0.0, *(layer[1] for layer in _LAYERS)]
    radius, number = [], []
    for i in reversed(range(first, last)):
        inside = bottoms[i + 1] - np.arange(0.0, bottoms[i + 1] - bottoms[i], float(step))
        radius.append(np.append(inside, bottoms[i]))
        number.append(np.full(radius[-1].size, i))
    r, layer = np.concatenate(radius), np.concatenate(number)
    density, v_p, v_s = (_polynomials(r, layer, column) for column in (2, 3, 4))
    gravity, pressure = _hydrostatic(r)
    bulk = np.sqrt(v_p**2 - 4 / 3 * v_s**2)
    columns: dict[str, tuple[np.ndarray, str, str]] = {
        "radius": (r, "km", "distance from the centre"),
        "density": (density, "g/cm**3", "density"),
        "velocity_p": (v_p, "km/s", "velocity of compressional waves"),
        "velocity_s": (v_s, "km/s", "velocity of shear waves"),
        "sound_velocity": (bulk, "km/s", "bulk sound velocity"),
        "adiabatic_bulk_modulus": (density * bulk**2, "GPa", "adiabatic bulk modulus"),
        "gravity": (gravity, "m/s**2", "gravity"),
        "pressure": (pressure, "GPa", "pressure"),
    }
    coords: dict[str, Any] = {
        "depth": ("depth", _RADIUS - r, {"units": "km", "long_name": "depth"}),
        "layer": ("depth", np.array([_LAYERS[i][0] for i in layer]), {"long_name": "layer"}),
    }
    data = {name: ("depth", values, {"units": u, "long_name": text}) for name, (values, u, text) in columns.items()}
    attrs = origin(
        "datasets.load_prem", "Preliminary Reference Earth Model", {"region": region, "step": float(step)},
        source="Dziewonski and Anderson 1981, doi:10.1016/0031-9201(81)90046-7",
    )  # fmt: skip
    return xr.Dataset(data, coords=coords, attrs=attrs)


def _polynomials(r: np.ndarray, layer: np.ndarray, column: int) -> np.ndarray:
    out = np.zeros_like(r)
    for i in np.unique(layer):
        out[layer == i] = np.polynomial.polynomial.polyval(r[layer == i] / _RADIUS, _LAYERS[i][column])
    return out


def _hydrostatic(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gravity (m/s**2) and pressure (GPa) at radii (km): exact mass, pressure by Simpson's rule on each layer."""
    knots, mass, below = [0.0], [0.0], 0.0
    grid, weight = [], []
    for _, top, density, _, _ in _LAYERS:
        fine = np.linspace(knots[-1], top, 401)
        inside = below + _shell(density, fine) - _shell(density, np.array([knots[-1]]))[0]
        rho = np.polynomial.polynomial.polyval(fine / _RADIUS, density)
        with np.errstate(divide="ignore", invalid="ignore"):
            g = np.where(fine > 0, _GRAVITY * inside / (fine * 1e3) ** 2, 0.0)
        grid.append(fine)
        weight.append(np.stack([g, rho * g]))  # g/cm**3 m/s**2 over km is 1e6 Pa
        below = float(inside[-1])
        knots.append(top)
        mass.append(below)
    pressure = np.zeros_like(r)
    gravity = np.zeros_like(r)
    above = 0.0
    for fine, (g, force) in zip(reversed(grid), reversed(weight), strict=True):
        steps = 0.5 * (force[1:] + force[:-1]) * np.diff(fine) * 1e-3
        downward = above + np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
        here = (r >= fine[0]) & (r <= fine[-1])
        pressure[here] = np.interp(r[here], fine, downward)
        gravity[here] = np.interp(r[here], fine, g)
        above = float(downward[0])
    return gravity, pressure


def _shell(density: tuple[float, ...], r: np.ndarray) -> np.ndarray:
    """Mass within r (km) if this density held down to the centre (kg)."""
    total = np.zeros_like(r)
    for power, coefficient in enumerate(density):
        total += coefficient * 1e3 * (r / _RADIUS) ** power * (r * 1e3) ** 3 / (power + 3)
    return 4 * np.pi * total
