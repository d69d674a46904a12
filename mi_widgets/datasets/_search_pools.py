"""Small tables to compare searches on: smooth landscapes with interactions and plateaus, without noise."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import xarray as xr

from mi_widgets.datasets._pools import label_pool
from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError

__all__ = ["make_search_pool"]

Kind = Literal["process", "mixture", "particles", "film"]
#: Candidates and features of each kind.
SIZES: dict[str, tuple[int, int]] = {
    "process": (100, 4),
    "mixture": (94, 3),
    "particles": (164, 5),
    "film": (178, 5),
}
#: Part that varies over short distances, as materials do for reasons that are no feature, in standard deviations.
RIPPLE = 0.4


def make_search_pool(kind: Kind = "process", *, seed: int | np.random.Generator | None = 0) -> xr.Dataset:
    """Make a table of 94 to 178 candidates whose best is to be found in few trials; values have no noise.

    Sizes are those of tables measured by autonomous laboratories that Q. Liang et al. [1]_ compare searches on; values
    are invented: smooth, with features that act together, some that hardly matter, plateaus, and a small part that
    varies over short distances.

    Parameters
    ----------
    kind : {"process", "mixture", "particles", "film"}
        - ``"process"``: 100 x 4, a curved ridge: the best setting of one knob depends on another
        - ``"mixture"``: 94 x 3, shares that sum to one; pairs help or hinder each other
        - ``"particles"``: 164 x 5, a plateau at zero with a peak that rises from it, on settings of few levels
        - ``"film"``: 178 x 5, a product of saturating effects that fails beyond a threshold; one feature is idle
    seed : int, numpy.random.Generator or None
        Places of candidates and of the optimum; the same integer gives the same table.

    Returns
    -------
    xarray.Dataset
        ``features`` (candidate, feature), between 0 and 1, and ``value`` (candidate), 1. Attributes ``target``
        (``"value"``) and ``goal`` (``"max"``) say what is searched for.

    Raises
    ------
    ParameterError
        The kind is not known.

    References
    ----------
    .. [1] npj Computational Materials 7, 188 (2021), doi:10.1038/s41524-021-00656-9

    Examples
    --------
    >>> dict(make_search_pool("mixture").features.sizes)
    {'candidate': 94, 'feature': 3}
    """
    if kind not in SIZES:
        raise ParameterError(f"make_search_pool: kind must be one of {', '.join(SIZES)}; got {kind!r}.")
    n, d = SIZES[kind]
    rng = generator(seed, who="make_search_pool")
    make: dict[str, Callable[[int, int, np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
        "process": _process,
        "mixture": _mixture,
        "particles": _particles,
        "film": _film,
    }
    features, value = make[kind](n, d, rng)
    rough = value + RIPPLE * value.std() * _ripple(features, rng)
    value = np.where(value > 0, np.maximum(rough, 0.0), 0.0)  # plateaus stay flat
    parameters: dict[str, Any] = {"kind": kind, "seed": seed if isinstance(seed, int) else "not an integer"}
    attrs = {"title": f"A table to search: {kind}", "source": "synthetic", "target": "value", "goal": "max"}
    names = [f"x{k + 1}" for k in range(d)]
    ds = label_pool(features, names, ["1"] * d, attrs=attrs, call="make_search_pool", parameters=parameters)
    ds["value"] = ("candidate", value, {"units": "1", "long_name": "value"})
    return ds


def _spread(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Points that fill the cube evenly."""
    from scipy.stats import qmc

    return np.asarray(qmc.LatinHypercube(d, rng=rng).random(n))


def _ripple(x: np.ndarray, rng: np.random.Generator, n_waves: int = 40) -> np.ndarray:
    """A smooth random function of standard deviation 1 whose length scale is a sixth of the features' range."""
    waves = 6 * rng.standard_normal((x.shape[1], n_waves))
    phase = rng.uniform(0, 2 * np.pi, n_waves)
    return np.asarray(np.cos(x @ waves + phase).sum(axis=1) * np.sqrt(2 / n_waves))


def _process(n: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = _spread(n, d, rng)
    a, b, c, e = x.T
    bend, at = rng.uniform(0.4, 0.8), rng.uniform(0.15, 0.35)
    ridge = np.exp(-(((b - at - bend * a**2) / 0.22) ** 2))
    along = 0.4 + 0.6 * np.exp(-(((a - rng.uniform(0.5, 0.8)) / 0.35) ** 2))
    help_ = 1 - 0.5 * (c - rng.uniform(0.3, 0.7)) ** 2 / 0.25 - 0.15 * e * (1 - c)
    return x, ridge * along * help_


def _mixture(n: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.dirichlet(np.ones(d), n)
    single = rng.uniform(0.2, 0.6, d)
    pairs = rng.uniform(-1.0, 2.0, d)
    value = x @ single + pairs[0] * x[:, 0] * x[:, 1] + pairs[1] * x[:, 1] * x[:, 2] + pairs[2] * x[:, 0] * x[:, 2]
    at = rng.dirichlet(4 * np.ones(d))
    return x, value + 0.3 * np.exp(-np.square(x - at).sum(axis=1) / 0.03)


def _particles(n: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = np.round(_spread(n, d, rng) * 10) / 10
    at = rng.uniform(0.3, 0.7, d)
    width = np.array([0.3, 0.35, 0.45, 0.7, 1.5])[rng.permutation(d)]
    lean = (x[:, 0] - at[0]) * (x[:, 1] - at[1])
    log = -np.square((x - at) / width).sum(axis=1) + 4 * lean
    # below a threshold nothing is seen, as of a spectrum that overlaps too little
    return x, np.maximum(np.exp(log) - 0.08, 0.0)


def _film(n: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = _spread(n, d, rng)
    rate, limit = rng.uniform(2.0, 5.0, 2), rng.uniform(0.55, 0.8)
    grow = (1 - np.exp(-rate[0] * x[:, 0])) * (1 - np.exp(-rate[1] * x[:, 1]))
    fail = 1 / (1 + np.exp((x[:, 0] + 0.5 * x[:, 2] - limit - 0.25) / 0.06))
    tune = 1 - 0.8 * (x[:, 3] - rng.uniform(0.3, 0.7) - 0.3 * (x[:, 1] - 0.5)) ** 2 / 0.25
    return x, grow * fail * tune  # the last feature is idle
