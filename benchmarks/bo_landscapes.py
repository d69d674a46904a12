"""Noise-free tables of 100 to 180 candidates x 3 to 5 features, made to resemble those of self-driving laboratories.

Trends with interactions, thresholds beyond which nothing changes, narrow good regions, mixtures whose shares sum to 1,
uneven sampling, and a frozen scatter of each candidate (5 to 25 % of the spread): means of replicates are not smooth.
Lower is better. Two draws of each family: one to choose defaults by, one to judge them.
"""

import numpy as np
import pandas as pd

NAMES = ("mixture", "process", "flow", "composite", "printer", "rough", "catalyst", "valley")
SIZES = {
    "mixture": (100, 3, 0.1),
    "process": (120, 4, 0.15),
    "flow": (164, 5, 0.1),
    "composite": (178, 5, 0.25),
    "printer": (100, 4, 0.1),
    "rough": (110, 3, 0.2),
    "catalyst": (150, 4, 0.1),
    "valley": (140, 5, 0.05),
}


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _points(rng, n, d, uneven):
    """Stratified in each feature; some campaigns gather around a few centres."""
    x = (np.argsort(rng.random((d, n)), axis=1).T + rng.random((n, d))) / n
    if uneven:
        centre = rng.random((4, d))
        pull = rng.random((n, 1)) ** 2 * 0.7
        x = (1 - pull) * x + pull * centre[rng.integers(4, size=n)]
    return x


def _mixture(rng, d, n):
    x = rng.dirichlet(np.full(d + 1, 1.2), n)[:, :d]
    rest = 1 - x.sum(axis=1)
    a = rng.uniform(0.5, 2, d + 1)
    pair = rng.normal(0, 3, d)
    y = x @ a[:d] + rest * a[d] - 1.5 * (x * rest[:, None]) @ np.abs(pair) + 2 * np.maximum(0, x[:, 0] - 0.55) ** 2
    return x, y


def _process(rng, d, n):
    x = _points(rng, n, d, True)
    gain = _sigmoid((x[:, 0] - rng.uniform(0.3, 0.6)) / 0.06) * _sigmoid((rng.uniform(0.6, 0.9) - x[:, 1]) / 0.08)
    y = -gain * (0.4 + np.sin(2.5 * x[:, 2] + rng.uniform(0, 2))) + 0.6 * (x[:, 3] - rng.random()) ** 2
    return x, y


def _flow(rng, d, n):
    x = _points(rng, n, d, True)
    c = rng.uniform(0.25, 0.75, d)
    u = x - c
    ridge = u[:, 0] + 0.7 * u[:, 1] - 0.5 * u[:, 2]
    y = 1 - np.exp(-((ridge / 0.35) ** 2)) * (0.5 + 0.5 * np.exp(-(u[:, 3] ** 2) / 0.1)) + 0.3 * u[:, 4] ** 2
    return x, y


def _composite(rng, d, n):
    x = rng.dirichlet(np.array([3.0, 1.0, 0.7, 0.7, 0.7]), n)
    w = x @ rng.uniform(0.3, 1, d)
    percolates = _sigmoid((x[:, 1] + 0.6 * x[:, 2] - rng.uniform(0.25, 0.4)) / 0.05)
    y = -np.log1p(30 * percolates * w * (1 - x[:, 0]) * np.exp(-3 * x[:, 3]))
    return x, y


def _printer(rng, d, n):
    x = np.round(_points(rng, n, d, False) * 12) / 12
    c, width = rng.uniform(0.25, 0.75, d), rng.uniform(0.15, 0.5, d)
    each = np.clip(1 - ((x - c) / width) ** 2, 0, None)
    y = -np.clip(0.25 * each.sum(axis=1) + 1.5 * each.prod(axis=1) + 0.3 * each[:, 0] * each[:, 1], 0, None)
    return x, y


def _rough(rng, d, n):
    x = _points(rng, n, d, False)
    omega = rng.standard_normal((d, 400)) / (0.35 * np.sqrt(rng.chisquare(3, 400) / 3))
    field = np.cos(x @ omega + rng.uniform(0, 2 * np.pi, 400)) @ rng.standard_normal(400) * np.sqrt(2 / 400)
    y = field + 1.2 * (x[:, 0] - rng.random()) ** 2
    return x, y


def _catalyst(rng, d, n):
    x = _points(rng, n, d, True)
    volcano = np.abs(x[:, 0] + 0.5 * x[:, 1] - rng.uniform(0.5, 1.0))
    y = volcano * (1 + x[:, 2]) - 0.5 * np.sin(4 * x[:, 3] + rng.uniform(0, 3)) * x[:, 2]
    return x, np.minimum(y, np.quantile(y, 0.75))


def _valley(rng, d, n):
    x = _points(rng, n, d, False)
    s = 2.2 * x - 1.1
    y = 6 * (s[:, 1] - s[:, 0] ** 2 * rng.uniform(0.6, 1.2)) ** 2 + (0.6 - s[:, 0]) ** 2 + 0.5 * s[:, 2] * s[:, 3]
    return x, np.log(y + 0.5 * s[:, 4] ** 2 + 1.2)


def table(name: str, draw: int = 0) -> pd.DataFrame:
    """Features ``x0`` ... and ``y``, in random order."""
    n, d, scatter = SIZES[name]
    rng = np.random.default_rng([NAMES.index(name), draw, 2026])
    x, y = globals()[f"_{name}"](rng, d, n)
    y = y + scatter * y.std() * rng.standard_normal(n)
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(d)]).assign(y=y)
    return frame.sample(frac=1, random_state=draw).reset_index(drop=True)
