"""A run of counting: the family first, then every spectrum, as parts that can be drawn one by one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from mi_widgets.peaks._build import Known, build_fit
from mi_widgets.peaks._checks import Prepared
from mi_widgets.peaks._engines._door import resolve_engine
from mi_widgets.peaks._engines._threads import n_threads, side_by_side
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._select.data import Source
from mi_widgets.peaks._select.judge import SUSPECT_MAP_SIGMA, SUSPECT_SIGMA, choose, of_the_map, residual_test
from mi_widgets.peaks._select.search import Ladder, Rungs
from mi_widgets.peaks._shapes import BACKGROUNDS, SHAPES
from mi_widgets.peaks._starts import spread_rows
from mi_widgets.runs import block_size

Family = tuple[str, str]
SHARE = {"numba": 128, "numpy": 32}
N_WIDTHS, N_OTHERS = 16, 24  # pilots for the usual width, and for families that were not offered
SEARCHED = (0.75, 0.45, 1.5)  # of the usual half width
OTHERS_SUM, OTHERS_MEAN = 10.0, 2.0  # what a family that was not offered must gain on all pilots, and on each
OTHER_SHAPES = {
    "gaussian": ("pseudo-voigt",),
    "lorentzian": ("pseudo-voigt",),
    "pseudo-voigt": ("voigt", "asymmetric-pseudo-voigt"),
    "voigt": ("pseudo-voigt", "asymmetric-pseudo-voigt"),
}
OTHER_GROUNDS = ("linear", "quadratic", "shirley")


@dataclass(frozen=True)
class Options:
    """What the user wants; see `select_n_peaks`."""

    candidates: list[int]
    lineshapes: Sequence[str]
    backgrounds: Sequence[str]
    criterion: str
    pool: int
    complete: bool
    likelihood: str
    noise: float | str | Mapping[str, float] | None
    engine: str


@dataclass
class Selection:
    """State of a run.

    Attributes
    ----------
    source : Source
        The spectra.
    options : Options
        What the user wants.
    sums : dict
        The criterion of every family, summed over pilots; NaN where it has not been tried.
    family : tuple of str
        Line shape and background.
    better : str
        A family that was not offered and is better than all that were; empty if there is none.
    evidence : numpy.ndarray, shape (n_spectra, n_candidates)
    done : numpy.ndarray of bool, shape (n_spectra,)
    """

    source: Source
    options: Options
    sums: dict[Family, float] = field(init=False)
    family: Family = field(init=False)
    better: str = field(default="", init=False)

    def __post_init__(self) -> None:
        n, o = len(self.source.prepared.spectra), self.options
        self.sums = {(s, b): np.nan for s in o.lineshapes for b in o.backgrounds}
        self.family = next(iter(self.sums))
        self.evidence = np.full((n, len(o.candidates)), np.nan)
        self.done = np.zeros(n, dtype=bool)
        # a vote of neighbours may take any candidate, and its residuals are wanted
        self._correlation = np.full((n, len(o.candidates) if o.pool > 1 else 1), np.nan, dtype=np.float32)
        self._large = np.zeros(self._correlation.shape, dtype=bool)

    def run(self) -> Iterator[tuple[np.ndarray, str]]:
        """Work in parts; gives the rows that are new and what was done."""
        nothing = np.empty(0, dtype=int)
        pilots, known = self.source.look(self.options.likelihood, self.options.noise)
        y, engine = pilots.spectra, self._engine(wait=1.0)
        widths = self._usual_widths(pilots, known, engine)
        yield nothing, "looked at some spectra"
        tables = {}
        for family in self.sums:
            tables[family] = _best(self._climb(self._ladder(family, pilots, known, widths, engine), y), self.options)
            self.sums[family] = float(np.nansum(tables[family]))
            yield nothing, ", ".join(family)
        self.family = min(self.sums, key=lambda family: self.sums[family])
        few, most = spread_rows(np.nansum(y, axis=1), N_OTHERS), 0.0
        for family in _not_offered(self.family, self.options):
            table = _best(self._climb(self._ladder(family, pilots, known, widths, engine), y[few]), self.options)
            gain = tables[self.family][few] - table
            gain = gain[np.isfinite(gain)]
            if gain.sum() > max(OTHERS_SUM, most, OTHERS_MEAN * gain.size):
                self.better, most = ", ".join(family), gain.sum()
            yield nothing, f"{', '.join(family)} for comparison"
        whole = self.options.complete or self.options.pool > 1
        yield from self._count(lambda engine: self._ladder(self.family, pilots, known, widths, engine, complete=whole))

    def _count(self, ladder_of: Callable[[str], Ladder]) -> Iterator[tuple[np.ndarray, str]]:
        """Count the peaks of every spectrum."""
        size = 0
        for rows, y in self.source.blocks():
            at = 0
            while at < rows.size:
                engine = self._engine(wait=0.0)
                ladder, share = ladder_of(engine), SHARE[engine]
                size = max(size - size % share, share * n_threads())  # shares do not depend on how fast the machine is
                began, stop = perf_counter(), min(at + size, rows.size)
                starts = range(at, stop, share)
                side_by_side(lambda i: self._share(ladder, rows[i : i + share], y[i : i + share]), list(starts))  # noqa: B023
                self.done[rows[at:stop]] = True
                size = block_size((perf_counter() - began) / (stop - at), rows.size, target=0.5, least=share)
                yield rows[at:stop], "counting peaks"
                at = stop

    def _share(self, ladder: Ladder, rows: np.ndarray, y: np.ndarray) -> None:
        rungs, candidates = ladder.climb(y), self.options.candidates
        self.evidence[rows] = rungs.evidence[:, candidates]
        chosen = choose(rungs.evidence[:, candidates], (), 1)[0]
        w = ladder.noise.weights(np.arange(len(y)), y)
        for number, k in enumerate(candidates):
            every = self.options.pool > 1
            here = np.flatnonzero(np.isfinite(rungs.evidence[:, k]) & (every | (chosen == number)))
            if here.size:
                fit, column = rungs.fits[k], number if every else 0
                weights = w if len(w) == 1 else w[here]
                self._correlation[rows[here], column], self._large[rows[here], column] = residual_test(
                    ladder.problems[k], ladder.noise, y[here], weights, fit.parameters[here], fit.cost[here]
                )

    def verdict(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, bool]:
        """Chosen candidate, margin, suspect spectra; what all residuals say, and whether the map is suspect."""
        choice, margin = choose(self.evidence, self.source.prepared.shape, self.options.pool)
        column = np.maximum(choice, 0)[:, None] if self.options.pool > 1 else np.zeros((len(choice), 1), dtype=int)
        correlation = np.take_along_axis(self._correlation, column, axis=1)[:, 0]
        suspect = (np.nan_to_num(correlation) > SUSPECT_SIGMA) | np.take_along_axis(self._large, column, axis=1)[:, 0]
        together = of_the_map(correlation)
        return choice, margin, suspect & (choice >= 0), together, together > SUSPECT_MAP_SIGMA or bool(self.better)

    def _engine(self, wait: float) -> str:
        return resolve_engine(self.options.engine, wait=wait)

    def _ladder(
        self,
        family: Family,
        pilots: Prepared,
        known: Known,
        widths: Sequence[float],
        engine: str,
        *,
        complete: bool = False,
        thorough: bool = False,
    ) -> Ladder:
        """Models of a family with 0 peaks and more."""
        o, fits = self.options, []
        for k in range(max(*o.candidates, 1) + 1):
            bare = "constant" if BACKGROUNDS[family[1]].active else family[1]  # no peaks, nothing to be made from them
            model = Model.of(family[0], k, family[1]) if k else Model((), bare)
            likelihood = "poisson" if known.poisson else "gaussian"
            fits.append(build_fit(pilots, model, likelihood=likelihood, noise=o.noise, known=known))
        return Ladder([f.problem for f in fits], fits[0].noise, engine, o.criterion, widths, complete, thorough)

    def _climb(self, ladder: Ladder, y: np.ndarray) -> Rungs:
        """Climb with some spectra, side by side."""
        shares = np.array_split(np.arange(len(y)), max(1, len(y) // SHARE["numpy"]))
        parts: list[Rungs] = [None] * len(shares)  # type: ignore[list-item]

        def climb(i: int) -> None:
            parts[i] = ladder.climb(y[shares[i]])

        side_by_side(climb, list(range(len(shares))))
        return Rungs.joined(parts)

    def _usual_widths(self, pilots: Prepared, known: Known, engine: str) -> tuple[float, ...]:
        """Half widths to look for, from what some pilots have when every width is looked for."""
        x = pilots.axis
        least, most = 2 * float(np.median(np.diff(x))), float(x[-1] - x[0]) / 6
        n = max(1, round(np.log(max(most / least, 1.0)) / np.log(1.7)) + 1)
        every = tuple(np.geomspace(least, max(most, least), n))
        y = pilots.spectra[spread_rows(np.nansum(pilots.spectra, axis=1), N_WIDTHS)]
        ladder = self._ladder(self.family, pilots, known, every, engine, thorough=True)
        rungs = self._climb(ladder, y)
        chosen = choose(rungs.evidence, (), 1)[0]
        found = [np.empty(0)]
        for k in range(1, len(ladder.problems)):
            for shape, at in zip(
                ladder.problems[k].model.shapes, map(ladder.problems[k].model.peak, range(k)), strict=True
            ):
                found.append(shape.fwhm(rungs.fits[k].parameters[chosen == k][:, at]) / 2)
        half = np.concatenate(found)
        half = half[np.isfinite(half) & (half >= least) & (half <= 2 * most)]
        if not half.size:
            return tuple(every[i] for i in (len(every) // 2, len(every) // 4, 3 * len(every) // 4))
        narrow, usual, wide = np.quantile(half, (0.15, 0.5, 0.85))
        factors = zip(SEARCHED, (usual, min(narrow, usual), max(wide, usual)), strict=True)
        return tuple(float(np.clip(factor * width, least, most)) for factor, width in factors)


def _best(rungs: Rungs, options: Options) -> np.ndarray:
    """Criterion of every spectrum with the number of peaks that suits it best."""
    table = rungs.evidence[:, options.candidates]
    least = np.min(np.where(np.isfinite(table), table, np.inf), axis=1)
    return np.where(np.isfinite(least), least, np.nan)


def _not_offered(family: Family, options: Options) -> list[Family]:
    """Families near the chosen one that the user has not offered: if one is better, no candidate was right.

    None of them is simpler than the chosen one: that would be better where both are right.
    """
    lineshape, background = family
    shapes = [s for s in OTHER_SHAPES.get(lineshape, ()) if s in SHAPES and s not in options.lineshapes]
    size = len(BACKGROUNDS[background].parameters)
    grounds = [b for b in OTHER_GROUNDS if b not in options.backgrounds and len(BACKGROUNDS[b].parameters) >= size]
    return [(s, background) for s in shapes] + [(lineshape, b) for b in grounds]
