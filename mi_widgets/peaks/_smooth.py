"""A map that was measured with known errors, freed of most of its noise without blurring its edges: arrays only.

Model: a measured value is ``s + n + noise``. The noise is known. The prior of `s` is a thin plate whose second
differences have a Student's t distribution, so that a few large ones, an edge, cost little; its stiffness is found from
the map. `n` is scatter from pixel to pixel that no plate can follow; its variance is found from the map, and near
misfits from their surroundings, so that what the plate cannot follow is left as it was measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq
from scipy.sparse.linalg import splu

T_DOF = 0.5  # of the differences: the smaller, the more readily the plate breaks
FIRST_STIFFNESS, HOLD = 0.05, 5  # soft at first: an edge must be seen before it is smoothed away
SCATTER_FROM, N_ITER, CLOSE = 8, 15, 0.03
N_DRAWS, N_DRAWS_LAST, N_DRAWS_BIG, CHUNK = 12, 64, 24, 16
BIG, TILE = 128 * 128, 64  # above so many pixels the stiffness is found on parts of the map
LEAST_PIXELS = 9
LEAST_BIAS, LOCAL_BIAS = 0.2, 2.5  # bias against what the prior expects: never taken less, locally more from here on


def differences(y: np.ndarray, x: np.ndarray) -> sp.csr_array:
    """Second differences of a field over the grid ``(y, x)``, in units of the usual step; (n_differences, n_pixels)."""
    one_y, one_x = sp.eye_array(y.size), sp.eye_array(x.size)
    twisted = np.sqrt(2) * sp.kron(_first(y), _first(x))
    return sp.vstack([sp.kron(one_y, _second(x)), sp.kron(_second(y), one_x), twisted]).tocsr()


def _steps(c: np.ndarray) -> np.ndarray:
    step = np.abs(np.diff(c))
    return np.asarray(step / np.median(step)) if step.size else step


def _first(c: np.ndarray) -> sp.csr_array:
    h = _steps(c)
    i = np.arange(h.size)
    return sp.csr_array((np.r_[-1 / h, 1 / h], (np.r_[i, i], np.r_[i, i + 1])), shape=(h.size, c.size))


def _second(c: np.ndarray) -> sp.csr_array:
    if c.size < 3:
        return sp.csr_array((0, c.size))
    h = _steps(c)
    a, b = h[:-1], h[1:]
    m, i = (a + b) / 2, np.arange(h.size - 1)
    values = np.r_[1 / (a * m), -1 / (a * m) - 1 / (b * m), 1 / (b * m)]
    return sp.csr_array((values, (np.r_[i, i, i], np.r_[i, i + 1, i + 2])), shape=(i.size, c.size))


@dataclass
class Plate:
    """One field and what is known of its prior; values in units of their usual standard error.

    Attributes
    ----------
    z, v : numpy.ndarray, shape (ny, nx)
        Measured values (0 where missing) and their variances.
    known : numpy.ndarray of bool
        Where there is a value.
    d : sparse array
        Second differences.
    stiffness : float
        Inverse variance of the second differences.
    scatter : numpy.ndarray, shape (n_pixels,)
        Variance of what no plate can follow.
    weights : numpy.ndarray, shape (n_differences,)
        Share of the stiffness that is left to each difference: little across an edge.
    """

    z: np.ndarray
    v: np.ndarray
    known: np.ndarray
    d: sp.csr_array
    rng: np.random.Generator
    stiffness: float = FIRST_STIFFNESS
    scatter: np.ndarray = field(init=False)
    weights: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.shape = self.z.shape
        self.z, self.v, self.known = self.z.ravel(), self.v.ravel(), self.known.ravel()
        self.scatter, self.weights = np.zeros(self.z.size), np.ones(self.d.shape[0])
        self.n_draws = N_DRAWS_LAST if self.z.size <= BIG else N_DRAWS_BIG
        self.n_flat = 3 if min(self.shape) > 1 else 2  # fields without any second difference
        self.redundancy = self.d.shape[0] / max(self.z.size - self.n_flat, 1)

    def factor(self) -> None:
        """Factor the posterior's precision matrix as it now is."""
        self.precision = np.where(self.known, 1 / (self.v + self.scatter), 0.0)
        prior = self.d.T @ sp.diags_array(self.stiffness * self.weights) @ self.d
        matrix = (sp.diags_array(self.precision + 1e-9) + prior).tocsc()
        self.lu = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        self.mean = self.lu.solve(self.precision * self.z)

    def draw(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Deviations drawn from the posterior: what is due to the noise, and what is due to the prior."""
        noise, bend = self._forces(n)
        return self.lu.solve(noise), self.lu.solve(bend)

    def _draw_sums(self, n: int) -> np.ndarray:
        return np.asarray(self.lu.solve(sum(self._forces(n))))

    def _forces(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        noise = np.sqrt(self.precision)[:, None] * self.rng.standard_normal((self.z.size, n))
        bend = np.sqrt(self.stiffness * self.weights)[:, None] * self.rng.standard_normal((self.d.shape[0], n))
        return noise, np.asarray(self.d.T @ bend)

    def learn(self, n_iter: int = N_ITER, *, hold: int = HOLD, fixed: bool = False) -> None:
        """Find weights and, unless `fixed`, stiffness and scatter, by turns with the posterior."""
        for i in range(n_iter):
            self.factor()
            draws = self._draw_sums(N_DRAWS)
            change = 0.0
            if i >= hold and not fixed:
                change = self._learn_stiffness(draws)
            bent = (self.d @ self.mean) ** 2 + ((self.d @ draws) ** 2).mean(axis=1)
            self.weights = (T_DOF + 1) / (T_DOF + self.redundancy * self.stiffness * bent)
            if i >= SCATTER_FROM and not fixed:
                self._learn_scatter(draws)
            if i > SCATTER_FROM and abs(change) < CLOSE:
                break

    def _learn_stiffness(self, draws: np.ndarray) -> float:
        """Fixed-point step of the marginal likelihood (MacKay 1992, doi:10.1162/neco.1992.4.3.415)."""
        dof = float((self.precision[:, None] * draws**2).sum()) / draws.shape[1] - self.n_flat
        bent = float((self.weights * (self.d @ self.mean) ** 2).sum())
        change = float(np.clip(np.log(max(dof, 0.5) / max(bent, 1e-12) / self.stiffness), -3, 3))
        self.stiffness *= float(np.exp(change))
        return change

    def _learn_scatter(self, draws: np.ndarray) -> None:
        leverage = np.clip(self.precision * (draws**2).mean(axis=1), 0, 1)[self.known]
        residual, v = (self.z - self.mean)[self.known] ** 2, self.v[self.known]

        def slope(s: float) -> float:
            return float((residual / (v + s) ** 2 - (1 - leverage) / (v + s)).sum())

        top = 2 * float(residual.max()) + 1.0
        # with leverages as they are the slope may stay positive: then take the top, the next turn knows more
        s = 0.0 if slope(0.0) <= 0 else top if slope(top) > 0 else float(brentq(slope, 0.0, top))
        self.scatter[:] = s

    def leave_misfits(self) -> None:
        """Add scatter where residuals are too large over a neighbourhood: there data are believed, not the plate."""
        self.factor()
        draws = self._draw_sums(self.n_draws // 2)
        leverage = np.clip(self.precision * (draws**2).mean(axis=1), 0, 0.95)
        misfit = self.precision * (self.z - self.mean) ** 2 / (1 - leverage)
        strain = self.redundancy * self.stiffness * (self.d @ self.mean) ** 2
        strain = strain / (3 + strain)  # 0 to 1: how much of an edge this looks like
        pattern = abs(self.d) > 0
        edge = np.asarray(pattern.multiply(strain[:, None]).tocsc().max(axis=0).todense()).ravel()
        everywhere = self._excess(misfit, np.ones_like(misfit), 1.0, 3.0)
        along_edges = edge * self._excess(misfit, edge**2, 2.5, 1.5)
        self.scatter = self.scatter + (self.v + self.scatter) * np.maximum(everywhere, along_edges)

    def _excess(self, misfit: np.ndarray, share: np.ndarray, width: float, limit: float) -> np.ndarray:
        """Mean misfit around every pixel less 1, where it is above 1 by more than `limit` standard deviations."""
        share = share * self.known
        total = np.maximum(self._blur(share, width), 1e-12)
        point = np.zeros((41, 41))
        point[20, 20] = 1
        squares = float((gaussian_filter(point, width) ** 2).sum())
        variance = 2 * squares * self._blur(share**2, width / np.sqrt(2)) / total**2
        mean = self._blur(misfit * share, width) / total
        return np.where(mean > 1 + limit * np.sqrt(variance), mean - 1, 0.0)

    def _blur(self, values: np.ndarray, width: float, mode: str = "constant") -> np.ndarray:
        return np.asarray(gaussian_filter(values.reshape(self.shape), width, mode=mode)).ravel()

    def estimate(self) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and standard deviation of every pixel."""
        self.factor()
        share = np.where(self.known, self.scatter / (self.v + self.scatter), 0.0)
        mean = self.mean + share * (self.z - self.mean)
        variance = (1 - share) ** 2 * self._plate_variance() + share * self.v
        return mean.reshape(self.shape), np.sqrt(variance).reshape(self.shape)

    def _plate_variance(self) -> np.ndarray:
        """Posterior variance, the part due to the prior scaled to the bias that the map shows.

        A real map is often smoother than the prior, and less smooth at an edge: smoothing the smooth map once more
        shows its bias, which is compared with what the model expects of it.
        """
        again = (self.mean - self.lu.solve(self.precision * self.mean)) ** 2
        noise, bias, again_noise, again_bias = (np.zeros(self.z.size) for _ in range(4))
        for n in _chunks(self.n_draws):
            by_noise, by_prior = self.draw(n)
            noise += (by_noise**2).sum(axis=1) / self.n_draws
            bias += (by_prior**2).sum(axis=1) / self.n_draws
            smooth = self.lu.solve(self.precision[:, None] * by_noise)
            again_noise += ((by_noise - smooth) ** 2).sum(axis=1) / self.n_draws
            again_bias += (self.lu.solve(self.precision[:, None] * by_prior) ** 2).sum(axis=1) / self.n_draws
        expected = again_bias + again_noise
        usual = float(np.clip(again / np.maximum(expected, 1e-300), 0, 9).mean() * expected.mean() - again_noise.mean())
        ratio = float(np.clip(usual / max(float(again_bias.mean()), 1e-300), LEAST_BIAS, 1.0))
        here = self._blur(again - again_noise, 1.0, "nearest") / np.maximum(
            self._blur(again_bias, 1.0, "nearest"), 1e-300
        )
        return noise + np.where(here > LOCAL_BIAS, np.maximum(1.5 * here, ratio), ratio) * bias


def _chunks(n: int) -> Iterator[int]:
    for at in range(0, n, CHUNK):
        yield min(CHUNK, n - at)


def smooth_field(
    z: np.ndarray, v: np.ndarray, y: np.ndarray, x: np.ndarray, *, seed: int | None = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and standard deviation of a field, NaN where it is.

    Parameters
    ----------
    z, v : numpy.ndarray, shape (ny, nx)
        Measured values and their variances.
    y, x : numpy.ndarray
        Coordinates, strictly monotonic.
    seed : int, optional
        Of the draws by which variances are found.
    """
    known = np.isfinite(z) & np.isfinite(v) & (v > 0)
    if known.sum() < LEAST_PIXELS:
        return np.where(np.isfinite(z), z, np.nan), np.where(np.isfinite(z), np.sqrt(v), np.nan)
    middle, unit = float(np.median(z[known])), float(np.sqrt(np.median(v[known])))
    z_, v_ = np.where(known, (z - middle) / unit, 0.0), np.where(known, v / unit**2, 1.0)
    plate = Plate(z_, v_, known, differences(y, x), np.random.default_rng(seed))
    if z.size > BIG and min(z.shape) >= TILE:
        plate.stiffness, scatter = _from_parts(z_, v_, known, y, x, seed)
        plate.scatter[:] = scatter
        plate.stiffness, final = FIRST_STIFFNESS, plate.stiffness
        plate.learn(2, fixed=True)
        plate.stiffness = final
        plate.learn(3, fixed=True)
    else:
        plate.learn()
    plate.leave_misfits()
    mean, deviation = plate.estimate()
    return np.where(known, middle + unit * mean, np.nan), np.where(known, unit * deviation, np.nan)


def _from_parts(
    z: np.ndarray, v: np.ndarray, known: np.ndarray, y: np.ndarray, x: np.ndarray, seed: int | None
) -> tuple[float, float]:
    """Stiffness and scatter from four parts of a large map, their geometric and plain mean."""
    found = []
    for i in (z.shape[0] // 4, 3 * z.shape[0] // 4):
        for j in (z.shape[1] // 4, 3 * z.shape[1] // 4):
            at = tuple(
                slice(min(max(m - TILE // 2, 0), n - TILE), min(max(m - TILE // 2, 0), n - TILE) + TILE)
                for m, n in ((i, z.shape[0]), (j, z.shape[1]))
            )
            if known[at].sum() >= LEAST_PIXELS:
                part = Plate(z[at], v[at], known[at], differences(y[at[0]], x[at[1]]), np.random.default_rng(seed))
                part.learn()
                found.append((np.log(part.stiffness), part.scatter[0]))
    return (float(np.exp(np.mean([a for a, _ in found]))), float(np.mean([b for _, b in found]))) if found else (1.0, 0)
