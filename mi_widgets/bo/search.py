"""Search a pool of candidates for the best: ask, tell, look, and never lose what was told."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.bo._acquisition import ACQUISITIONS
from mi_widgets.bo._campaign import Campaign
from mi_widgets.bo._choose import choose
from mi_widgets.bo._diagnose import Diagnose
from mi_widgets.bo._given import of_labels
from mi_widgets.bo._journal import JournalError
from mi_widgets.bo._look import Acquisition, finish
from mi_widgets.bo._model import Model
from mi_widgets.bo._pool import Ard, Label, make_pool
from mi_widgets.bo._settings import Settings, check_settings, default_acquisition, read_goals
from mi_widgets.bo._threads import one_thread
from mi_widgets.errors import DataError, ParameterError

__all__ = ["JournalError", "Search"]

BATCHES = ("believer", "local_penalty", "thompson")


class Search(Campaign, Diagnose):
    """A search for the best candidate of a pool: it suggests, is told what came out, and says what it believes.

    The model is an exact Gaussian process, refitted at every step. What is suggested depends on the pool, the seed and
    what was told, in its order; not on the order of the candidates, nor on whether the search was closed in between.

    Parameters
    ----------
    X : pandas.DataFrame, xarray.DataArray or mapping
        Candidates by features: a DataFrame whose index is the labels of the candidates (text columns are taken as
        categories), an array ``(candidate, feature)``, or a grid, ``{"x": [0, 1, 2], "y": [0.1, 0.2]}``, whose
        combinations are numbered, the last axis fastest. Features may have any unit: they are scaled to their range.
    goal : {"min", "max"}, sequence or mapping of them
        What is looked for; several make several objectives, ``{"strength": "max", "price": "min"}``.
    acquisition : str or callable, optional
        How suggestions are ranked: ``"ei"``, ``"log_ei"`` (expected improvement), ``"pi"`` (probability of it),
        ``"ucb"`` (confidence bound, `beta`), ``"thompson"`` (a sample of the posterior), ``"max_variance"``,
        ``"z_score"`` ((best - mean) / standard deviation [1]_), ``"target"`` (come near to `target`), or a function of
        mean, standard deviation and best value, arrays over the pool in the unit of the search, that gives what is to
        be largest. With two objectives ``"ehvi"`` (expected hypervolume improvement, the default), with two or more
        ``"scalarised"``. By default ``"ucb"``, which needed the
        fewest trials on tables of the project's own (``benchmarks/bo_search.py``).
    kernel : {"matern52", "matern32", "rbf"}
        Covariance function.
    noise : float, optional
        Standard deviation of a measurement, in the unit of the values; by default it is learnt.
    seed : int, optional
        Of everything that is drawn; by default a new one, kept in ``seed``.
    transform : {"none", "log", "power"}
        What the model sees of the values: themselves, their logarithm, or their power transform.
    ard : bool or "auto"
        Whether each feature has a length scale of its own; ``"auto"``: up to 12 features.
    blocks : sequence of sequences of str
        Features that share a length scale, such as the shares of elements.
    periodic : mapping of str to float
        Features that repeat, with their period, ``{"angle": 360}``.
    categorical : sequence of str
        Numeric features whose numbers are only names.
    cost : array_like or pandas.Series, optional
        What it costs to measure each candidate, above zero: promise is divided by it.
    mask : array_like of bool or pandas.Series, optional
        Candidates that may be suggested.
    learn_feasibility : bool
        Whether to learn from ``tell(..., feasible=False)`` where candidates cannot be made.
    repeats : bool
        Whether candidates that were told may be suggested again.
    n_initial : int
        So many candidates are drawn at random before the model is asked.
    refit : int or "auto"
        After how many told values hyperparameters are fitted again; ``"auto"``: each up to 200 values, then after each
        twentieth more.
    beta : float
        Width of the confidence bound in standard deviations.
    target : float, optional
        For ``acquisition="target"``.
    units : str
        Unit of the values.
    regressor : scikit-learn regressor, optional
        Used in place of the own model; its ``predict`` must know ``return_std``. It is copied, not changed.

    Raises
    ------
    DataError
        X is not finite, has fewer than two candidates, or no feature that differs.
    LabelError
        Labels are not there, or there twice.
    ParameterError
        An option is unknown or out of range.

    Notes
    -----
    Values y are modelled as y = f(x) + noise, f ~ GP(mean of y, s^2 k(x, x')), k by default Matern's with nu = 5/2,
    with log-normal priors on length scales [2]_, signal and noise. Exact up to some thousand told values.

    References
    ----------
    .. [1] S. Kiyohara et al., Sci. Adv. 2, e1600746 (2016), doi:10.1126/sciadv.1600746; A. Seko et al., Phys. Rev.
       Lett. 115, 205901 (2015), doi:10.1103/PhysRevLett.115.205901
    .. [2] C. Hvarfner, E. O. Hellsten, L. Nardi (2024), arXiv:2402.02229; C. E. Rasmussen, C. K. I. Williams, Gaussian
       Processes for Machine Learning (2006), doi:10.7551/mitpress/3206.001.0001

    Examples
    --------
    >>> search = Search({"x": np.linspace(-2, 2, 41)}, goal="min", seed=1)
    >>> for _ in range(12):
    ...     [label] = search.ask()
    ...     search = search.tell(label, float((search.pool.x.sel(candidate=label) - 0.7) ** 2))
    >>> round(float(search.pool.x.sel(candidate=search.best())), 2)
    0.7
    """

    def __init__(
        self,
        X: Any,
        *,
        goal: str | Sequence[str] | Mapping[str, str] = "min",
        acquisition: Acquisition | None = None,
        kernel: Literal["matern52", "matern32", "rbf"] = "matern52",
        noise: float | None = None,
        seed: int | None = None,
        transform: Literal["none", "log", "power"] = "none",
        ard: Ard = "auto",
        blocks: Sequence[Sequence[str]] = (),
        periodic: Mapping[str, float] | None = None,
        categorical: Sequence[str] = (),
        cost: Any = None,
        mask: Any = None,
        learn_feasibility: bool = False,
        repeats: bool = False,
        n_initial: int = 5,
        refit: int | Literal["auto"] = "auto",
        beta: float = 1.0,
        target: float | None = None,
        units: str = "1",
        regressor: Any = None,
    ) -> None:
        self._given = {k: v for k, v in locals().items() if k not in ("self", "X")}  # for those who ask how it was made
        goals, objectives = read_goals(goal)
        self._settings = Settings(
            goals=goals,
            objectives=objectives,
            acquisition=default_acquisition(acquisition, len(goals)),
            kernel=kernel,
            noise=None if noise is None else float(noise),
            transform=transform,
            refit=refit,
            seed=secrets.randbelow(2**31) if seed is None else int(seed),
            beta=float(beta),
            target=None if target is None else float(target),
            n_initial=n_initial,
            repeats=bool(repeats),
            learn_feasibility=bool(learn_feasibility),
            units=units,
        )
        check_settings(self._settings)
        self._pool = make_pool(X, periodic=periodic, categorical=categorical, blocks=blocks, ard=ard)
        self._rule(self._settings.acquisition)
        self._regressor = regressor
        self._model = Model(self._pool, self._settings, regressor)
        self._cost = self._per_candidate(cost, "cost", float)
        self._mask = self._per_candidate(mask, "mask", bool)
        self._pending = []
        self._excluded = np.zeros(len(self._pool), dtype=bool)
        self._events = []
        self._journal = None

    # ---- suggestions

    @one_thread
    def ask(
        self,
        n: int = 1,
        *,
        acquisition: Acquisition | None = None,
        batch: Literal["believer", "local_penalty", "thompson"] = "believer",
    ) -> list[Label]:
        """Suggest what to measure next. Asked again before something is told, it suggests the same.

        Parameters
        ----------
        n : int
            Number of candidates.
        acquisition : str or callable, optional
            As in `Search`; by default the one of the search.
        batch : {"believer", "local_penalty", "thompson"}
            How several are kept apart: those already picked are taken as told with their expected value [1]_, what is
            near to them counts less [2]_, or each is the best of another sample of the posterior.

        Returns
        -------
        list of label
            As many as asked for, the most promising first.

        Raises
        ------
        DataError
            There are not so many candidates left.
        ParameterError
            An option is unknown.

        References
        ----------
        .. [1] D. Ginsbourger et al. (2010), doi:10.1007/978-3-642-10701-6_6
        .. [2] J. Gonzalez et al. (2016), arXiv:1505.08052
        """
        rule = self._rule(acquisition)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ParameterError(f"ask: n must be a whole number of at least 1; got {n!r}.")
        if batch not in BATCHES:
            raise ParameterError(f"ask: batch must be one of {', '.join(BATCHES)}; got {batch!r}.")
        allowed = self._allowed()
        left = int(allowed.sum())
        if left < n:
            raise DataError(
                f"ask: {left} of {len(self._pool)} candidates can still be suggested, not {n}: the others were told, "
                "are pending or excluded. Give a longer pool, or Search(..., repeats=True)."
            )
        self._model.ready()
        rng = self._rng()
        if len(self._model.told) < max(self._settings.n_initial, 1):
            picked = rng.choice(np.flatnonzero(allowed), int(n), replace=False).tolist()
        else:
            picked = choose(
                self._model, int(n), rule, batch, allowed, rng, cost=self._cost, pending=tuple(self._pending)
            )
        return [self._pool.labels[i] for i in picked]

    # ---- what there is

    @property
    def seed(self) -> int:
        """Seed of everything that is drawn."""
        return self._settings.seed

    @property
    def journal(self) -> Path | None:
        """File that everything told is written to; None where the search is in memory alone."""
        return None if self._journal is None else self._journal.path

    @property
    def n_events(self) -> int:
        """Number of events so far: what was told, retracted, corrected, marked."""
        return len(self._events)

    @property
    def n_told(self) -> int:
        """Number of observations."""
        return len(self._model.told)

    @property
    def pending(self) -> list[Label]:
        """Candidates that are being measured."""
        return [self._pool.labels[i] for i in self._pending]

    @property
    def pool(self) -> xr.Dataset:
        """The candidates: a variable for each feature over ``candidate``, in the order of X."""
        data: dict[Any, Any] = {}
        for name in self._pool.frame.columns:
            column = self._pool.frame[name].to_numpy()
            column = column.astype(np.str_) if column.dtype.kind not in "biuf" else column
            attrs = {"units": self._pool.units.get(name, "1"), "long_name": str(name)}
            data[name] = ("candidate", self._pool.spread(column), attrs)
        return finish(
            xr.Dataset(data, coords={"candidate": self._pool.coordinate()}), "Search.pool", "pool of candidates", {}
        )

    def best(self) -> Label:
        """The told candidate with the best value, of the first objective.

        Returns
        -------
        label
            As in `X`.

        Raises
        ------
        DataError
            Nothing was told so far.
        """
        self._require_told("best")
        return self._pool.labels[int(self._model.places()[np.argmin(self._model.turned())])]

    # ---- pieces

    def _allowed(self) -> np.ndarray:
        allowed = ~self._excluded
        if self._mask is not None:
            allowed &= self._mask
        if not self._settings.repeats:
            allowed[[o.place for o in self._model.told]] = False
        allowed[self._pending] = False
        return allowed

    def _barred(self) -> np.ndarray:
        return self._excluded if self._mask is None else self._excluded | ~self._mask

    def _rng(self, stream: int = 0) -> np.random.Generator:
        return np.random.default_rng([self._settings.seed, len(self._events), stream])

    def _rule(self, acquisition: Acquisition | None) -> Acquisition:
        rule = self._settings.acquisition if acquisition is None else acquisition
        if callable(rule):
            return rule
        k = len(self._settings.goals)
        known = tuple(ACQUISITIONS) if k == 1 else ("ehvi", "scalarised") if k == 2 else ("scalarised",)
        if rule not in known:
            raise ParameterError(
                f"acquisition must be one of {', '.join(known)} for {k} objective(s), or a function; got {rule!r}."
            )
        if rule == "target" and self._settings.target is None:
            raise ParameterError("acquisition='target' needs a value to come near to: Search(X, target=...).")
        return rule

    def _per_candidate(self, values: Any, name: str, kind: type) -> np.ndarray | None:
        """One number for each candidate, in canonical order."""
        if values is None:
            return None
        if isinstance(values, pd.Series):
            values = of_labels(values, self._pool.coordinate().values.tolist(), name)
        found = np.asarray(values)
        if found.shape != (len(self._pool),):
            raise DataError(
                f"Search: {name} needs one value for each of {len(self._pool)} candidates; got {found.shape}."
            )
        if kind is float and not (np.isfinite(found.astype(float)).all() and (found.astype(float) > 0).all()):
            raise DataError(f"Search: {name} must be finite and above zero for every candidate.")
        if kind is bool and not np.isin(found, [False, True]).all():
            raise DataError(f"Search: {name} must be True or False for every candidate; got {found.dtype} values.")
        return np.asarray(found.astype(kind)[self._pool.order])
