"""Orientations of elongated grains: angles in a thin section, and axes in space, with their truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["make_orientation_axes", "make_orientations"]

#: Weight, mean axis (degree) and concentration of each component.
COMPONENTS = ((0.5, 60.0, 5.0), (0.3, 125.0, 4.0))
#: Weight, trend and plunge (degree) and concentration.
AXES = ((0.5, 30.0, 10.0, 12.0), (0.3, 130.0, 40.0, 8.0))


def make_orientations(
    n_grains: int = 1577,
    *,
    components: Sequence[tuple[float, float, float]] = COMPONENTS,
    noise: float = 0.0,
    rounding: float = 1.0,
    strain: float | None = None,
    aspect_ratio: float | None = None,
    layered: float = 0.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Make the angles of elongated grains in a thin section, with the truth.

    Each grain belongs to a component, in which twice its angle has a von Mises distribution, or to none. With `strain`
    they are instead what is left of a uniform distribution after stretching along the first mean axis:

    .. math:: \tan\theta = e^{-2B\varepsilon}\tan\theta_0,\qquad B = \frac{a^2-1}{a^2+1},

    with the aspect ratio :math:`a` for rigid grains (Jeffery), and B = 1 for lines that move with the matrix (March).
    That is no von Mises mixture: no number of components is right for it.

    Parameters
    ----------
    n_grains : int
        Number of grains, 1 to a million; published sets of tourmaline in metachert have 1577 and 3136.
    components : sequence of (weight, mean axis, concentration)
        Weights sum to at most 1, and what is left is uniform; mean axes in degree; concentrations of the doubled angle.
    noise : float
        Standard deviation of measuring (degree), before rounding.
    rounding : float
        Step (degree) to which angles are rounded; 0 for none.
    strain : float, optional
        Logarithmic strain :math:`\varepsilon` of a pure shear, 0 to 5; `components` then only gives the stretching
        axis, by the first mean axis.
    aspect_ratio : float, optional
        Length over width of rigid grains, at least 1; by default they move as lines of the matrix.
    layered : float
        0 to 1: how far components lie in layers of the section rather than mixed.
    seed : int, numpy.random.Generator or None
        Of everything that is drawn.

    Returns
    -------
    xarray.Dataset
        - ``angle`` (grain), degree, 0 to below 180, from north clockwise
        - ``true_angle`` (grain), degree: before noise and rounding; ``true_component`` (grain): from 1, 0 for uniform
        - ``true_mean_axis``, degree, ``true_concentration``, ``true_weight`` (component), ``true_uniform_weight``; with
          `strain`, ``true_strain`` and the mean axis alone
        - coordinates ``x``, ``y`` (grain), mm, ``length`` and ``width``, um

    Raises
    ------
    ParameterError
        An option is out of range.

    References
    ----------
    Jeffery 1922, doi:10.1098/rspa.1922.0078; March 1932, doi:10.1524/zkri.1932.81.1.285.

    Examples
    --------
    >>> grains = make_orientations(3136, seed=1)
    >>> dict(grains.sizes), float(grains.true_uniform_weight.round(2))
    ({'grain': 3136, 'component': 2}, 0.2)
    """
    weight, mean, concentration = _checked(components, 3, "make_orientations")
    _check_numbers(n_grains, noise, rounding, strain, aspect_ratio, layered)
    rng = generator(seed, who="make_orientations")
    if strain is None:
        kind = rng.choice(weight.size + 1, n_grains, p=np.append(weight, max(1 - weight.sum(), 0.0)))
        phi = rng.uniform(-np.pi, np.pi, n_grains)
        for k in range(weight.size):
            here = kind == k
            centre = (np.radians(2 * mean[k]) + np.pi) % (2 * np.pi) - np.pi
            phi[here] = rng.vonmises(centre, concentration[k], int(here.sum()))
        true = np.degrees(phi) / 2 % 180
        kind = np.where(kind < weight.size, kind + 1, 0)
        truth = _truth(weight, mean, concentration)
    else:
        square = np.inf if aspect_ratio is None else float(aspect_ratio) ** 2
        turn = 1.0 if np.isinf(square) else (square - 1) / (square + 1)
        start = rng.uniform(-np.pi / 2, np.pi / 2, n_grains)
        true = (np.degrees(np.arctan(np.exp(-2 * turn * strain) * np.tan(start))) + mean[0]) % 180
        kind = np.ones(n_grains, dtype=int)
        truth = {"true_strain": ((), float(strain), {"units": "1", "long_name": "true logarithmic strain"})}
        truth["true_mean_axis"] = ("component", mean[:1], {"units": "degree", "long_name": "true stretching axis"})
    measured = true + noise * rng.standard_normal(n_grains)
    angle = np.round(measured / rounding) * rounding % 180 if rounding else measured % 180
    parameters = {
        "n_grains": int(n_grains), "components": [list(map(float, c)) for c in components], "noise": noise,
        "rounding": rounding, "strain": strain, "aspect_ratio": aspect_ratio, "layered": layered,
        "seed": seed if isinstance(seed, int) else None,
    }  # fmt: skip
    degree = {"units": "degree"}
    named = {"long_name": "long axis from north, clockwise", "rounding": float(rounding)}
    ds = xr.Dataset(
        {
            "angle": ("grain", angle, degree | named),
            "true_angle": ("grain", true, degree | {"long_name": "true angle"}),
            "true_component": ("grain", kind.astype(np.int8), {"units": "1", "long_name": "true component"}),
            **truth,
        },
        _section(kind, n_grains, layered, rng),
        origin(
            "datasets.make_orientations",
            "Orientations of elongated grains in a thin section, a model",
            parameters,
            source="synthetic",
        ),
    )
    return ds.assign_coords(component=_numbered(ds.sizes["component"]))


def _truth(weight: np.ndarray, mean: np.ndarray, concentration: np.ndarray) -> dict[str, Any]:
    rest = float(max(1 - weight.sum(), 0.0))
    return {
        "true_mean_axis": ("component", mean, {"units": "degree", "long_name": "true mean axis"}),
        "true_concentration": ("component", concentration, {"units": "1", "long_name": "true concentration"}),
        "true_weight": ("component", weight, {"units": "1", "long_name": "true weight"}),
        "true_uniform_weight": ((), rest, {"units": "1", "long_name": "true weight of the uniform part"}),
    }


def _numbered(n: int) -> tuple[str, np.ndarray, dict[str, str]]:
    return "component", np.arange(1, n + 1), {"units": "1", "long_name": "component"}


def _section(kind: np.ndarray, n: int, layered: float, rng: np.random.Generator) -> dict[str, Any]:
    """Places and sizes of the grains; in a layered section those of a component lie at one height."""
    width, height = 4.0, 3.0
    x, y = rng.uniform(0, width, n), rng.uniform(0, height, n)
    if layered > 0:  # grains in the order of their components get heights in nearly that order
        order = np.argsort(layered * kind / max(kind.max(), 1) + (1 - layered) * rng.uniform(0, 1, n) * 2)
        tangled = np.sort(y)
        y = y.copy()
        y[order] = tangled
    length = np.exp(rng.normal(np.log(60.0), 0.4, n))
    ratio = 1.5 + rng.gamma(3.0, 1.0, n)
    mm, um = {"units": "mm"}, {"units": "um"}
    return {
        "grain": ("grain", np.arange(n), {"units": "1", "long_name": "grain"}),
        "x": ("grain", x, mm | {"long_name": "place to the east"}),
        "y": ("grain", y, mm | {"long_name": "place to the north"}),
        "length": ("grain", length, um | {"long_name": "length of the grain"}),
        "width": ("grain", length / ratio, um | {"long_name": "width of the grain"}),
    }


def make_orientation_axes(
    n_grains: int = 1577,
    *,
    components: Sequence[tuple[float, float, float, float]] = AXES,
    noise: float = 0.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Make the long axes of grains in space, with the truth: Watson components and a uniform rest.

    .. math:: p(x) \propto \exp[\kappa(\mu\cdot x)^2]

    gathers axes about :math:`\mu` for positive concentrations, and about the plane across it, a girdle, for negative.

    Parameters
    ----------
    n_grains : int
        Number of grains.
    components : sequence of (weight, trend, plunge, concentration)
        Trend from north clockwise and plunge below the horizontal, degree; what the weights leave is uniform.
    noise : float
        Standard deviation of measuring, in each direction across the axis (degree).
    seed : int, numpy.random.Generator or None
        Of everything that is drawn.

    Returns
    -------
    xarray.Dataset
        - ``direction`` (grain, axis), 1: unit vectors, x east, y north, z up; both ends of an axis are the same
        - ``true_component`` (grain), ``true_direction`` (component, axis), ``true_concentration``, ``true_weight``
          (component), ``true_uniform_weight``

    Raises
    ------
    ParameterError
        An option is out of range.

    References
    ----------
    Watson 1965, doi:10.1093/biomet/52.1-2.193.

    Examples
    --------
    >>> axes = make_orientation_axes(500, seed=1)
    >>> dict(axes.direction.sizes)
    {'grain': 500, 'axis': 3}
    """
    weight, trend, plunge, concentration = _checked(components, 4, "make_orientation_axes")
    _check_numbers(n_grains, noise, 0.0, None, None, 0.0, who="make_orientation_axes")
    rng = generator(seed, who="make_orientation_axes")
    t, p = np.radians(trend), np.radians(plunge)
    mean = np.stack([np.sin(t) * np.cos(p), np.cos(t) * np.cos(p), -np.sin(p)], axis=1)
    kind = rng.choice(weight.size + 1, n_grains, p=np.append(weight, max(1 - weight.sum(), 0.0)))
    direction = rng.standard_normal((n_grains, 3))
    for k in range(weight.size):
        here = kind == k
        direction[here] = _watson(mean[k], concentration[k], int(here.sum()), rng)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction += np.radians(noise) * rng.standard_normal(direction.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    parameters = {
        "n_grains": int(n_grains), "components": [list(map(float, c)) for c in components], "noise": noise,
        "seed": seed if isinstance(seed, int) else None,
    }  # fmt: skip
    one = {"units": "1"}
    truth = _truth(weight, trend, concentration)
    del truth["true_mean_axis"]
    ds = xr.Dataset(
        {
            "direction": (("grain", "axis"), direction, one | {"long_name": "long axis"}),
            "true_component": (
                "grain", np.where(kind < weight.size, kind + 1, 0).astype(np.int8),
                one | {"long_name": "true component"},
            ),
            "true_direction": (("component", "axis"), mean, one | {"long_name": "true mean axis"}),
            **truth,
        },
        {
            "grain": ("grain", np.arange(n_grains), one | {"long_name": "grain"}),
            "axis": ("axis", ["x", "y", "z"], {"long_name": "east, north, up"}),
        },
        origin(
            "datasets.make_orientation_axes", "Long axes of grains in space, a model", parameters, source="synthetic"
        ),
    )  # fmt: skip
    return ds.assign_coords(component=_numbered(weight.size))


def _watson(mean: np.ndarray, concentration: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draws by inverting the distribution of the cosine on a fine grid."""
    cosine = np.linspace(0.0, 1.0, 20001)
    density = np.exp(concentration * np.square(cosine) - max(concentration, 0.0))
    rise = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    t = np.interp(rng.uniform(0, rise[-1], n), rise, cosine)
    across = rng.standard_normal((n, 3))
    across -= (across @ mean)[:, None] * mean
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.asarray(t[:, None] * mean + np.sqrt(1 - t * t)[:, None] * across)


def _checked(components: Any, width: int, who: str) -> np.ndarray:
    """Columns of the table of components."""
    try:
        table = np.asarray(components, dtype=float).reshape(-1, width)
    except (TypeError, ValueError):
        table = np.full((1, width), np.nan)
    concentration = table[:, -1]
    if not np.isfinite(table).all() or (table[:, 0] < 0).any() or table[:, 0].sum() > 1 + 1e-9:
        raise ParameterError(
            f"{who}: each component is {width} numbers, its weight first; weights are not negative and sum to at most "
            f"1; got {components!r}."
        )
    if width == 3 and (concentration < 0).any():
        raise ParameterError(f"{who}: concentrations must not be negative; got {concentration.tolist()}.")
    return table.T.copy()


def _check_numbers(
    n_grains: Any, noise: float, rounding: float, strain: float | None, aspect_ratio: float | None, layered: float,
    who: str = "make_orientations",
) -> None:  # fmt: skip
    if isinstance(n_grains, bool) or not isinstance(n_grains, int | np.integer) or not 1 <= n_grains <= 10**6:
        raise ParameterError(f"{who}: n_grains must be a whole number from 1 to 1000000; got {n_grains!r}.")
    limits = {
        "noise": (noise, 0.0, 90.0), "rounding": (rounding, 0.0, 45.0), "strain": (strain, 0.0, 5.0),
        "aspect_ratio": (aspect_ratio, 1.0, np.inf), "layered": (layered, 0.0, 1.0),
    }  # fmt: skip
    for name, (value, least, most) in limits.items():
        if value is not None and not least <= value <= most:
            raise ParameterError(f"{who}: {name} must be from {least:g} to {most:g}; got {value!r}.")
    if aspect_ratio is not None and strain is None:
        raise ParameterError(f"{who}: aspect_ratio needs strain. Write strain=1.0 too.")
