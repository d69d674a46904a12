"""Ten more noise-free tables, of other families than `bo_landscapes.py`: no default was chosen by them, they judge.

Alloys on a lattice of shares with phase boundaries, films that grow and then degrade, settings of few levels with a
score that is clipped, spectra that overlap or do not, percolation, cuts as of decision trees, needles beside a broad
trend. Sizes are those of tables of self-driving laboratories. Lower is better.
"""

import numpy as np
import pandas as pd

SIZES = {
    "alloy": (120, 3, 0.05),
    "halide": (94, 3, 0.15),
    "anneal": (140, 4, 0.1),
    "nozzle": (100, 4, 0.1),
    "droplet": (164, 5, 0.1),
    "conductor": (178, 5, 0.2),
    "cuts": (150, 5, 0.05),
    "idle": (130, 5, 0.1),
    "needle": (110, 3, 0.05),
    "screen": (180, 4, 0.2),
}
NAMES = tuple(SIZES)


def _step(x, width):
    return 0.5 * (1 + np.tanh(x / width))


def _simplex(rng, n, parts, levels):
    """Shares in whole steps that sum to 1, drawn without repeats."""
    grid = np.stack(np.meshgrid(*[np.arange(levels + 1)] * (parts - 1), indexing="ij"), axis=-1).reshape(-1, parts - 1)
    grid = grid[grid.sum(axis=1) <= levels]
    return rng.permutation(grid)[:n] / levels


def _alloy(rng, n, d):
    """Two phases, each with its own plane and curvature, and what is between them."""
    x = _simplex(rng, n, d + 1, 12)
    whole = np.c_[x, 1 - x.sum(axis=1)]
    first = whole @ rng.normal(0, 1, d + 1) - 2 * whole[:, 0] * whole[:, 1]
    second = whole @ rng.normal(0, 1, d + 1) - 3 * whole[:, 2] * whole[:, 3]
    border = whole @ rng.normal(0, 1, d + 1)
    share = _step(border - np.median(border), 0.04)
    return x, share * first + (1 - share) * second


def _halide(rng, n, d):
    """Instability of a mixture: a ridge of good shares, unstable phases at two corners."""
    x = rng.dirichlet([1.0, 1.0, 1.0], n)
    tolerance = x @ np.array([1.05, 0.95, 0.82]) - rng.uniform(0.9, 0.97)
    y = (tolerance / 0.06) ** 2
    y = np.minimum(y, 4) + 1.5 * _step(x[:, 2] - rng.uniform(0.5, 0.7), 0.03) + 0.8 * x[:, 0] ** 3
    return x[:, :d], y + 0.4 * np.cos(5 * x[:, 1] + rng.uniform(0, 3))


def _anneal(rng, n, d):
    """Grains grow by Arrhenius' law until the film decomposes; the ramp and the gas matter less."""
    x = rng.random((n, d))
    x[:, 0] = np.round(x[:, 0] * 8) / 8
    temperature, log_time = 500 + 400 * x[:, 0], 3 * x[:, 1]
    growth = np.exp(-9000 * (1 / temperature - 1 / 700)) * 10 ** (0.4 * log_time)
    loss = np.exp(-22000 * (1 / temperature - 1 / rng.uniform(760, 860))) * 10**log_time
    gas = 1 - 0.5 * (x[:, 2] - rng.uniform(0.2, 0.8)) ** 2
    y = -growth / (1 + growth) * np.exp(-0.2 * loss) * gas + 0.1 * x[:, 3] * x[:, 0]
    return x, y


def _nozzle(rng, n, d):
    """Score of a printed line: nothing at most settings, then a curved ridge of flow against speed."""
    x = np.round(rng.random((n, d)) * 9) / 9
    width = (0.2 + x[:, 0]) * np.exp(-0.8 * x[:, 2]) / (0.3 + x[:, 1])
    off = np.abs(np.log(width / rng.uniform(0.6, 1.2)))
    y = -np.clip(1 - off / 0.8, 0, None) * (1 - 0.7 * (x[:, 3] - rng.uniform(0.2, 0.8)) ** 2)
    return x, y


def _droplet(rng, n, d):
    """Overlap of a spectrum with the one that is wanted: the position of its line is a ratio of flows."""
    flow = rng.dirichlet(np.full(d, 2.0), n)
    position = flow[:, 0] / (flow[:, 0] + flow[:, 1]) + 0.5 * flow[:, 2]
    breadth = 0.08 + 0.4 * flow[:, 3]
    apart = position - rng.uniform(0.5, 0.9)
    overlap = np.exp(-0.5 * apart**2 / (breadth**2 + 0.1**2)) / np.sqrt(1 + (breadth / 0.1) ** 2)
    return flow, -overlap * (1 - np.exp(-6 * flow[:, 4]))


def _conductor(rng, n, d):
    """Percolation of two kinds of fibres in a polymer: a power law above a threshold, lost again where they clump."""
    x = rng.dirichlet([2.5, 0.8, 0.8, 0.6, 0.6][:d], n)
    fibre = x[:, 1] + rng.uniform(0.3, 0.9) * x[:, 2]
    above = np.maximum(fibre - rng.uniform(0.1, 0.25), 0)
    clumps = _step(x[:, 1] - rng.uniform(0.45, 0.65), 0.05)
    y = -np.log10(1e-3 + above**1.6 * (1 - 0.8 * clumps) * (1 - 0.6 * x[:, 3]) * (1 + x[:, 4]))
    return x, y


def _cuts(rng, n, d):
    """Sums of boxes cut along the axes, on a slow trend."""
    x = rng.random((n, d))
    y = 0.8 * np.square(x - rng.random(d)).sum(axis=1)
    for _ in range(12):
        some = rng.choice(d, 2, replace=False)
        at = rng.uniform(0.25, 0.75, 2)
        inside = (x[:, some] > at) == rng.integers(0, 2, 2).astype(bool)
        y = y + rng.normal(0, 0.35) * inside.all(axis=1)
    return x, y


def _idle(rng, n, d):
    """Two features act, one a little, two not at all; uneven places."""
    x = rng.beta(0.7, 0.7, (n, d))
    a, b, c = x[:, rng.permutation(d)[:3]].T
    y = np.sin(3.5 * a + rng.uniform(0, 6)) * (0.4 + b) + (b - rng.random()) ** 2 + 0.15 * c
    return x, y


def _needle(rng, n, d):
    """A broad bowl, and a deeper narrow one elsewhere."""
    x = rng.random((n, d))
    broad, narrow = rng.uniform(0.2, 0.8, (2, d))
    far = np.square(x - broad).sum(axis=1)
    y = far - 0.9 * np.exp(-np.square(x - narrow).sum(axis=1) / (2 * 0.16**2))
    return x, y


def _screen(rng, n, d):
    """A response surface of the second degree in logarithms of doses, with saturation."""
    x = np.round(rng.random((n, d)) * 6) / 6
    s = 2 * x - 1
    curve = rng.normal(0, 1, (d, d))
    y = np.einsum("ni,ij,nj->n", s, curve @ curve.T / d, s) + s @ rng.normal(0, 0.6, d)
    return x, np.tanh(1.5 * (y - np.median(y)) / y.std())


def table(name: str, draw: int = 0) -> pd.DataFrame:
    """Features ``x0`` ... and ``y``, in random order."""
    n, d, scatter = SIZES[name]
    rng = np.random.default_rng([NAMES.index(name), draw, 770_000])
    x, y = globals()[f"_{name}"](rng, n, d)
    y = y + scatter * y.std() * rng.standard_normal(len(y))
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(d)]).assign(y=y)
    return frame.sample(frac=1, random_state=draw).reset_index(drop=True)
