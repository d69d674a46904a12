"""Replica exchange: the free energy of a mixture, and draws from its posterior distribution."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.special import i0e, logsumexp, ndtr, ndtri

from mi_widgets.orientation._von_mises import TWO_PI

__all__ = ["Chain", "Prior", "inverse_temperatures"]

#: Sweeps between two adaptations of the steps, and between two parts.
CHUNK = 50
#: Share of moves that should be accepted.
AIM = 0.3
#: Inverse temperature of the first replica that sees the data, times the number of grains.
FIRST = 0.16


@dataclass(frozen=True)
class Prior:
    """Means uniform; logarithms of concentrations normal; weights Dirichlet."""

    concentration: float = 3.0
    spread: float = 1.2
    weight: float = 1.0


def inverse_temperatures(n: float, n_replicas: int) -> np.ndarray:
    """0, and a geometric series up to 1."""
    return np.append(0.0, np.geomspace(min(FIRST / n, 0.1), 1.0, n_replicas - 1))


def _weights(log_gamma: np.ndarray) -> np.ndarray:
    out = np.exp(log_gamma - log_gamma.max(axis=-1, keepdims=True))
    return np.asarray(out / out.sum(axis=-1, keepdims=True))


@dataclass
class Chain:
    """One run of replica exchange, all replicas side by side.

    Parameters
    ----------
    phi, counts : (m,)
        Different angles (rad) and the number of grains of each.
    n_components, uniform
        The model.
    largest : float
        Highest concentration; the prior ends there.
    n_sweeps, n_replicas : int
        The first 30 % of the sweeps adapt the steps and do not count.
    likelihood : callable
        Of `_likelihood.engine_of`.
    """

    phi: np.ndarray
    counts: np.ndarray
    n_components: int
    uniform: bool
    largest: float
    n_sweeps: int
    n_replicas: int
    prior: Prior
    rng: np.random.Generator
    likelihood: Callable[..., np.ndarray]
    n_draws: int = 250
    trace: list[np.ndarray] = field(default_factory=list)
    drawn: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        k, r, m = self.n_components, self.n_replicas, self.phi.size
        counts = self.counts.astype(float)
        self._data = (np.cos(self.phi), np.sin(self.phi), counts, bool((counts == 1).all()))
        self.betas = inverse_temperatures(float(counts.sum()), r)
        self.mean, self.log_kappa, self.log_gamma = self._fresh(r)
        self.density, self.value, self.tag = np.empty((r, k, m)), np.empty(r), np.zeros(r, dtype=np.int64)
        self._new = np.empty((r, m))
        self._fill(slice(0, r))
        self.n_burn = int(0.3 * self.n_sweeps)
        base = np.clip(3 / np.sqrt(np.maximum(self.betas * counts.sum(), 1.0)), 0.01, 2.5)
        self.steps = np.stack([base, base], axis=1)  # along components and weights
        self._reset()

    def run(self) -> Iterator[int]:
        """Number of sweeps done, after each chunk."""
        done = 0
        while done < self.n_sweeps:
            burning = done < self.n_burn
            size = min(CHUNK, (self.n_burn if burning else self.n_sweeps) - done)
            self._advance(size, done)
            done += size
            if burning:  # steps only change while nothing counts
                self.steps *= np.exp(self.accepted / (size * np.array([self.n_components, 1.0])) - AIM)
                self._reset()
            yield done

    def _advance(self, size: int, first: int) -> None:
        """So many sweeps; the random numbers of all of them are drawn at once."""
        r, k, parts = self.n_replicas, self.n_components, self.n_components + int(self.uniform)
        mean, log_kappa, log_gamma = self._fresh(size)
        moves = self.rng.standard_normal((size, 2, k, r - 1))
        weight_moves = self.rng.standard_normal((size, r - 1, parts))
        chance, swap = (np.log(1 - self.rng.random(shape)) for shape in ((size, k + 1, r - 1), (size, r - 1)))
        moves[:, 0] *= np.minimum(self.steps[1:, 0], 3.0)
        moves[:, 1] *= np.minimum(2.5 * self.steps[1:, 0], 1.8)
        weight_moves *= np.minimum(3 * self.steps[1:, 1:], 2.0)
        trace, drawn = np.empty((size, r)), np.empty((size, 2 * k + parts))
        for t in range(size):
            self.mean[0], self.log_kappa[0], self.log_gamma[0] = mean[t], log_kappa[t], log_gamma[t]
            self._fill(slice(0, 1))
            self.tag[0] = 1
            weight = _weights(self.log_gamma[1:])
            for c in range(k):
                self._move(c, weight, moves[t, :, c], chance[t, c])
            if parts > 1:
                self._weigh(weight_moves[t], chance[t, k])
            self._exchange((first + t) % 2, swap[t])
            trace[t] = self.value
            drawn[t] = np.concatenate([self.mean[-1], self.log_kappa[-1], _weights(self.log_gamma[-1])])
        self.trace.append(trace)
        self.drawn.append(drawn)

    def _move(self, c: int, weight: np.ndarray, moves: np.ndarray, chance: np.ndarray) -> None:
        """Move one component of every replica but the first."""
        mean, log_kappa = self.mean[1:, c] + moves[0], self.log_kappa[1:, c] + moves[1]
        inside = log_kappa <= np.log(self.largest)
        found = self._log_likelihood(slice(1, None), weight, c, mean, np.minimum(log_kappa, np.log(self.largest)))
        center, spread = np.log(self.prior.concentration), self.prior.spread
        old = self.log_kappa[1:, c]
        gain = (np.square(old - center) - np.square(log_kappa - center)) / (2 * spread * spread)
        gain += self.betas[1:] * (found - self.value[1:])
        take = np.flatnonzero((chance < gain) & inside)
        self.mean[take + 1, c], self.log_kappa[take + 1, c] = mean[take], log_kappa[take]
        self.value[take + 1], self.density[take + 1, c] = found[take], self._new[take + 1]
        self.accepted[take + 1, 0] += 1

    def _weigh(self, moves: np.ndarray, chance: np.ndarray) -> None:
        """Move the weights of every replica but the first, as logarithms of gamma variables."""
        old, new = self.log_gamma[1:], self.log_gamma[1:] + moves
        found = self._log_likelihood(slice(1, None), _weights(new))
        gain = (self.prior.weight * moves - np.exp(new) + np.exp(old)).sum(axis=1)
        gain += self.betas[1:] * (found - self.value[1:])
        take = np.flatnonzero(chance < gain)
        self.log_gamma[take + 1], self.value[take + 1] = new[take], found[take]
        self.accepted[take + 1, 1] += 1

    def _exchange(self, first: int, chance: np.ndarray) -> None:
        """Exchange every second pair of neighbours; a state that has come from the prior to the data is counted."""
        r = np.arange(first, self.n_replicas - 1, 2)
        self.tried[r] += 1
        r = r[chance[r] < (self.betas[r + 1] - self.betas[r]) * (self.value[r] - self.value[r + 1])]
        self.exchanged[r] += 1
        for state in (self.mean, self.log_kappa, self.log_gamma, self.density, self.value, self.tag):
            state[r], state[r + 1] = state[r + 1].copy(), state[r].copy()
        self.trips += int(self.tag[-1])
        self.tag[-1] = 0

    def _log_likelihood(
        self, rows: slice, weight: np.ndarray, c: int = -1, mean: np.ndarray | None = None,
        log_kappa: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Of the states of `rows` with these weights and, where `c` is given, another component c."""
        k = self.n_components
        base = weight[:, k:].sum(axis=1) / TWO_PI
        if mean is None or log_kappa is None:
            along = aside = level = base
        else:
            kappa = np.exp(log_kappa)
            along, aside, level = kappa * np.cos(mean), kappa * np.sin(mean), -kappa - np.log(TWO_PI * i0e(kappa))
        return self.likelihood(
            *self._data, base, weight[:, :k], self.density[rows], c, along, aside, level, self._new[rows]
        )

    def _fill(self, rows: slice) -> None:
        """Densities and log-likelihoods of states that have just been drawn."""
        kappa = np.exp(self.log_kappa[rows])[..., None]
        toward = np.cos(self.phi - self.mean[rows][..., None]) - 1
        self.density[rows] = np.exp(kappa * toward) / (TWO_PI * i0e(kappa))
        self.value[rows] = self._log_likelihood(rows, _weights(self.log_gamma[rows]))

    def _reset(self) -> None:
        self.exchanged, self.tried = np.zeros(self.n_replicas - 1), np.zeros(self.n_replicas - 1)
        self.accepted, self.trips = np.zeros((self.n_replicas, 2)), 0
        self.trace.clear()
        self.drawn.clear()

    def _fresh(self, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draws from the prior: means, logarithms of concentrations below the cap, logarithms of gamma variables."""
        k, parts = self.n_components, self.n_components + int(self.uniform)
        center, spread = np.log(self.prior.concentration), self.prior.spread
        below = ndtr((np.log(self.largest) - center) / spread)
        mean = self.rng.uniform(0, TWO_PI, (size, k))
        log_kappa = center + spread * ndtri(self.rng.uniform(1e-12, below, (size, k)))
        log_gamma = np.log(np.maximum(self.rng.gamma(self.prior.weight, size=(size, parts)), 1e-300))
        return mean, log_kappa, log_gamma

    @property
    def free_energy(self) -> float:
        """Minus the logarithm of the evidence: the sum over neighbours of -ln <exp((b' - b) lnL)>_b."""
        trace = np.concatenate(self.trace)
        steps = np.diff(self.betas) * trace[:, :-1]
        return float(-(logsumexp(steps, axis=0) - np.log(len(trace))).sum())

    @property
    def exchange_rate(self) -> np.ndarray:
        """Share of proposed exchanges that were made, between neighbours (n_replicas - 1,)."""
        return np.asarray(self.exchanged / np.maximum(self.tried, 1))

    @property
    def draws(self) -> np.ndarray:
        """Evenly spaced states at the data's own temperature (n_draws, 2K + parts); concentrations themselves."""
        every = np.concatenate(self.drawn)
        place = np.linspace(0, len(every) - 1, min(self.n_draws, len(every))).astype(int)
        out, k = every[place].copy(), self.n_components
        out[:, :k] %= TWO_PI
        out[:, k : 2 * k] = np.exp(out[:, k : 2 * k])
        return out
