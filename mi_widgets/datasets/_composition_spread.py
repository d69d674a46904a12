"""A wafer whose composition changes from place to place: diffraction patterns and thermoelectric properties."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.datasets._pools import label_pool
from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError

__all__ = ["make_composition_spread"]

#: Of each phase, angles (degree) and heights of its lines, and how far its share reaches from its corner.
PHASES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "calcium-rich": ((16.6, 25.1, 33.7, 42.6), (1.0, 0.5, 0.3, 0.4)),
    "strontium-rich": ((16.2, 28.4, 37.1), (0.9, 0.7, 0.3)),
    "lanthanum-rich": ((17.3, 23.0, 32.6, 47.5), (0.8, 0.4, 1.0, 0.5)),
}
#: Edge of the triangle (mm), width of a line (degree), counts of background.
EDGE, WIDTH, GROUND = 60.0, 0.25, 10.0


def make_composition_spread(
    *,
    n_steps: int = 30,
    counts: float = 400.0,
    noise: float = 0.005,
    shift: float = 1.0,
    gridded: bool = False,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make a wafer of (Ca1-x-y Srx Lay)3Co4O9 whose composition changes from place to place, with its truth.

    At each of 496 compositions, 0 <= x, y and x + y <= 1/3: a diffraction pattern, the Seebeck coefficient, the
    electrical conductivity and the power factor. It is shaped like the composition spreads of M. L. Green et al. [1]_
    and M. Otani et al. [2]_ and is a model: three phases mix smoothly, their lines move with the composition, and
    donors take carriers away, raise the Seebeck coefficient and hinder motion, so that the power factor is highest
    within the triangle.

    Parameters
    ----------
    n_steps : int
        Steps along each edge (2 to 200); there are ``(n_steps + 1) * (n_steps + 2) / 2`` compositions.
    counts : float
        Counts of the highest line of a pure phase.
    noise : float
        Standard deviation of the measured properties, relative (1).
    shift : float
        How far lines move, relative to -0.6 % along strontium and 0.4 % along lanthanum (1).
    gridded : bool
        Put compositions on a grid ``(y, x)`` of lanthanum and strontium, NaN where there is none, as maps of spectra
        need them; else they are candidates to search.
    seed : int, numpy.random.Generator or None
        Of counts and noise.

    Returns
    -------
    xarray.Dataset
        - ``features`` (candidate, feature): ``strontium`` and ``lanthanum``, x and y in the formula; not if gridded
        - ``spectra`` (candidate, two_theta), count
        - ``seebeck`` (candidate), uV/K; ``conductivity`` (candidate), S/cm; ``power_factor`` (candidate),
          uW/(m K**2): as measured
        - ``true_fraction`` (candidate, phase), 1; ``true_pattern`` (phase, two_theta), count: of the pure phases with
          lines at their places in its corner; ``true_power_factor`` (candidate)

        Coordinates ``wafer_x``, ``wafer_y`` (candidate), mm: place on the triangle. Attributes ``target`` and ``goal``
        say what is searched for: the highest ``power_factor``.

    Raises
    ------
    ParameterError
        A number is out of range.

    References
    ----------
    .. [1] Appl. Phys. Rev. 4, 011105 (2017), doi:10.1063/1.4977487
    .. [2] Appl. Phys. Lett. 91, 132102 (2007), doi:10.1063/1.2789289

    Examples
    --------
    >>> dict(make_composition_spread().spectra.sizes)
    {'candidate': 496, 'two_theta': 501}
    >>> dict(make_composition_spread(n_steps=4, gridded=True).spectra.sizes)
    {'y': 5, 'x': 5, 'two_theta': 501}
    """
    _check(n_steps, counts, noise, shift)
    rng = generator(seed, who="make_composition_spread")
    steps = np.array([(i, j) for i in range(n_steps + 1) for j in range(n_steps + 1 - i)])
    u, v = steps.T / n_steps
    angle = np.linspace(10.0, 60.0, 501)
    fraction = _fractions(u, v)
    stretch = 1 + shift * (-0.006 * u + 0.004 * v)
    expected = GROUND + counts * sum(fraction[:, [k]] * _pattern(angle, k, stretch) for k in range(len(PHASES)))
    parameters = {
        "n_steps": n_steps, "counts": counts, "noise": noise, "shift": shift, "gridded": int(gridded),
        "seed": seed if isinstance(seed, int) else "not an integer",
    }  # fmt: skip
    ds = label_pool(
        steps / n_steps / 3,
        ["strontium", "lanthanum"],
        ["1", "1"],
        attrs={
            "title": "Ternary wafer of a layered cobaltate, a model", "source": "synthetic", "target": "power_factor",
            "goal": "max",
        },
        call="make_composition_spread",
        parameters=parameters,
    )  # fmt: skip
    length = {"units": "mm"}
    ds = ds.assign_coords(
        two_theta=("two_theta", angle, {"units": "degree", "long_name": "diffraction angle"}),
        phase=("phase", list(PHASES), {"long_name": "phase"}),
        wafer_x=("candidate", EDGE * (u + v / 2), length | {"long_name": "place along the edge"}),
        wafer_y=("candidate", EDGE * v * 0.75**0.5, length | {"long_name": "place across the edge"}),
    )
    spectra = rng.poisson(expected).astype(float)
    ds["spectra"] = (("candidate", "two_theta"), spectra, {"units": "count", "long_name": "counts"})
    ds["true_fraction"] = (("candidate", "phase"), fraction, {"units": "1", "long_name": "true share of the phase"})
    pure = np.concatenate([counts * _pattern(angle, k, np.ones(1)) for k in range(len(PHASES))])
    ds["true_pattern"] = (("phase", "two_theta"), pure, {"units": "count", "long_name": "true pattern of the phase"})
    ds = ds.assign(_properties(u, v, noise, rng))
    return _to_grid(ds) if gridded else ds


def _check(n_steps: int, counts: float, noise: float, shift: float) -> None:
    if isinstance(n_steps, bool) or not isinstance(n_steps, int | np.integer) or not 2 <= n_steps <= 200:
        raise ParameterError(f"make_composition_spread: n_steps is a whole number of 2 to 200; got {n_steps!r}.")
    if not (np.isfinite([counts, noise, shift]).all() and counts > 0 and noise >= 0 and abs(shift) <= 10):
        raise ParameterError(
            "make_composition_spread: counts must be above zero, noise not negative and shift between -10 and 10; got "
            f"{counts!r}, {noise!r}, {shift!r}."
        )


def _fractions(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Shares of the phases, each highest in its corner."""
    corners = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    near = np.stack([np.exp(-6 * ((u - a) ** 2 + (v - b) ** 2)) for a, b in corners], axis=1)
    return np.asarray(near / near.sum(axis=1, keepdims=True))


def _pattern(angle: np.ndarray, phase: int, stretch: np.ndarray) -> np.ndarray:
    """Lines of a phase (composition, angle), moved by a factor for each composition; 1 is the highest of all."""
    centres, heights = list(PHASES.values())[phase]
    out = np.zeros((stretch.size, angle.size))
    for centre, height in zip(centres, heights, strict=True):
        out += height * np.exp(-0.5 * ((angle - centre * stretch[:, None]) / WIDTH) ** 2)
    return out


def _properties(u: np.ndarray, v: np.ndarray, noise: float, rng: np.random.Generator) -> dict[str, Any]:
    """Seebeck coefficient, conductivity and power factor, measured and true."""
    carriers = 1 - 0.75 * v + 0.05 * u
    mobility = np.exp(-((u - 0.35) ** 2) / 0.6 - 1.2 * v**2 - 0.8 * u * v)
    conductivity = 220 * carriers * mobility
    seebeck = 125 + 100 * v + 18 * u
    measured_seebeck = seebeck * (1 + noise * rng.standard_normal(u.size))
    measured_conductivity = conductivity * (1 + noise * rng.standard_normal(u.size))
    unit = "uW/(m*K**2)"
    return {
        # (uV/K)**2 S/cm is 1e-4 uW/(m K**2)
        "seebeck": ("candidate", measured_seebeck, {"units": "uV/K", "long_name": "Seebeck coefficient"}),
        "conductivity": (
            "candidate",
            measured_conductivity,
            {"units": "S/cm", "long_name": "electrical conductivity"},
        ),
        "power_factor": (
            "candidate",
            measured_seebeck**2 * measured_conductivity * 1e-4,
            {"units": unit, "long_name": "power factor"},
        ),
        "true_power_factor": (
            "candidate",
            seebeck**2 * conductivity * 1e-4,
            {"units": unit, "long_name": "true power factor"},
        ),
    }


def _to_grid(ds: xr.Dataset) -> xr.Dataset:
    place = ds["features"].values
    out = ds.drop_dims("feature").drop_vars("candidate")
    out = out.assign_coords(y=("candidate", place[:, 1]), x=("candidate", place[:, 0]))
    out = out.set_index(candidate=["y", "x"]).unstack("candidate")
    order = ("y", "x", "phase", "two_theta")
    out = out.transpose(*order, missing_dims="ignore")
    out["y"].attrs = {"units": "1", "long_name": "lanthanum"}
    out["x"].attrs = {"units": "1", "long_name": "strontium"}
    out.attrs = {k: v for k, v in ds.attrs.items() if k not in ("target", "goal")}
    return out
