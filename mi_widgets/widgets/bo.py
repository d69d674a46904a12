"""SearchExplorer: a search over a pool of candidates, seen, asked and told in one page."""

from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.widgets._bo_base import SearchBase
from mi_widgets.widgets._bo_steps import Step

__all__ = ["SearchExplorer"]


class SearchExplorer(SearchBase):
    """See what a search believes of its pool, try what would be if, tell what came out, and go where it points.

    Click a candidate on the map or in a table: its features, what is expected of it, and which told values that is made
    of. Type a value or move the slider, and the map shows what would be believed then; Enter or *Tell* tells it. Drag
    over the map to choose a region, and exclude it. Sliders hold features that are no axis; without them the map shows
    the best over these. Where the search is told by a script, ``renew()`` shows it.

    Parameters
    ----------
    data : Search, pandas.DataFrame, xarray.DataArray or mapping
        A `mi_widgets.bo.Search`, or a pool as it takes one.
    values : xarray.DataArray, pandas.Series, array_like or callable, optional
        Known outcomes, by candidate, or a function of the label that gives one: *Run* then asks and tells by itself.
    path : path-like, optional
        A journal, with a pool: every told value is on the disk before it counts, and a kernel that dies loses none.
        If the file is there, that campaign goes on.
    params : mapping, optional
        Parameters that differ from the defaults: options of `mi_widgets.bo.Search` (``goal``, ``kernel``, ``noise``,
        ``seed``, ``n_initial``, ``units`` …) for a pool; and ``acquisition`` (None: that of the search), ``batch``,
        ``n_suggestions``, ``n_trials``, which can be changed at any time.
    threaded : bool, default True
        Run in a thread beside the page; False runs in the caller, for tests.

    Attributes
    ----------
    search : Search
        The one in use.
    result : xarray.Dataset
        ``search.posterior()``; `code` gives it without a widget.
    selection : dict
        ``{"candidate": [labels]}``.
    x, y : str
        Axes of the map: features, ``"PCA 1"``, ``"expected value"`` …
    color : str
        ``"mean"``, ``"stderr"``, ``"acquisition"`` or ``"told"``; of several objectives ``"mean:0"`` …
    ranges : dict
        Lowest and highest value that is shown, by feature.
    delta : float
        The probability of something better by this much is shown, in the unit of the values.
    branches : dict
        Searches by name.

    Raises
    ------
    DataError
        The pool is not finite, or no value belongs to it.
    JournalError
        The journal is held by another process or cannot be written.
    ParameterError
        A parameter is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets import datasets
    >>> pool = datasets.make_search_pool("process")
    >>> explorer = SearchExplorer(pool.features, values=pool.value, params={"goal": "max", "seed": 0}, threaded=False)
    >>> explorer.tell(1.5, candidate=explorer.suggested[0])
    >>> explorer.search.n_told
    1
    """

    @property
    def suggested(self) -> list[Any]:
        """Labels of the candidates that should be measured next, the most promising first."""
        return [self.labels[i] for i in self.now.next.tolist()]

    def select(self, candidate: Any) -> None:
        """Choose a candidate, or several.

        Parameters
        ----------
        candidate : label or list of labels

        Raises
        ------
        LabelError
            There is no such candidate.
        """
        self.selection = {"candidate": candidate if isinstance(candidate, list) else [candidate]}

    def _label(self, candidate: Any) -> Any:
        return self.the_one() if candidate is None else candidate

    def tell(self, value: Any, error: float | None = None, candidate: Any = None) -> None:
        """Tell what came out of a candidate.

        Parameters
        ----------
        value : float or sequence of float
            In the unit of the search, one for each objective.
        error : float, optional
            Known standard deviation of it.
        candidate : label, optional
            By default the chosen one.

        Raises
        ------
        DataError
            It was told before, or the value is not finite.
        JournalError
            It could not be written down; nothing was told then.
        """
        label = self._label(candidate)
        value = _plain(value)
        noise = {} if error is None else {"noise": error}
        back: list[Any] = [("retract", (label,), {})]
        if label in self.search.pending:
            back.append(("tell_pending", (label,), {}))
        self._do(f"tell {label}", [("tell", (label, value), noise)], back)
        path = self.search.journal
        self.show_message(f"Told: {label} = {_text(value)}" + (f", saved in {path.name}" if path is not None else ""))

    def correct(self, value: Any, error: float | None = None, candidate: Any = None) -> None:
        """Put another value in the place of the one that was told of a candidate.

        Parameters
        ----------
        value, error, candidate
            As in `tell`.

        Raises
        ------
        DataError
            It was not told, or the value is not finite.
        """
        label = self._label(candidate)
        back: list[Any] = []
        last = self._last(label)
        if last is not None and last[0] is None:  # it was told not to be feasible
            back += [("retract", (label,), {}), ("tell", (label, None), {"feasible": False, "repeat": True})]
        elif last is not None:
            back.append(("correct", (label, last[0]), last[1]))
        noise = {} if error is None else {"noise": error}
        self._do(f"correct {label}", [("correct", (label, _plain(value)), noise)], back)
        self.show_message(f"Corrected: {label} = {_text(value)}")

    def retract(self, candidate: Any = None) -> None:
        """Take back what was told of a candidate, or that it is pending.

        Parameters
        ----------
        candidate : label, optional
            By default the chosen one.

        Raises
        ------
        DataError
            It was not told and is not pending.
        """
        label = self._label(candidate)
        back: list[Any] = [("tell_pending", (label,), {})]
        last = self._last(label)
        if label not in self.search.pending and last is not None:
            value, noise = last
            more = {"feasible": False} if value is None else {}
            back = [("tell", (label, value), {**noise, **more, "repeat": True})]
        self._do(f"retract {label}", [("retract", (label,), {})], back)

    def pending(self, candidate: Any = None) -> None:
        """Mark candidates as being measured.

        Parameters
        ----------
        candidate : label or list of labels, optional
            By default the chosen one.
        """
        labels = candidate if isinstance(candidate, list) else [self._label(candidate)]
        new = [v for v in labels if v not in self.search.pending]
        self._do(f"{len(new)} pending", [("tell_pending", (new,), {})], [("retract", (v,), {}) for v in new])

    def bar(self, candidates: list[Any], *, exclude: bool = True) -> None:
        """Exclude candidates from all suggestions, or include them again.

        Parameters
        ----------
        candidates : list of label
        exclude : bool
            False includes.
        """
        barred = set(self.now.excluded.tolist())
        changed = [v for v in candidates if (self.place.get(v) in barred) != exclude]
        if not changed:
            return
        kind, other = ("exclude", "include") if exclude else ("include", "exclude")
        self._do(f"{kind} {len(changed):,}", [(kind, (changed,), {})], [(other, (changed,), {})])

    def filter_candidates(self, mask: np.ndarray | None, text: str = "") -> None:
        """Show some candidates only; nothing is excluded.

        Parameters
        ----------
        mask : (n_candidates,) bool or None
            In the order of the pool; None shows all.
        text : str
            What is shown, for the message.
        """
        self.kept = None if mask is None or np.all(mask) else np.asarray(mask, dtype=bool)
        if self.kept is not None:
            self.show_message(
                f"{int(self.kept.sum()):,} of {self.n:,} candidates are shown{f': {text}' if text else ''}."
            )
        else:
            self.clear_message()
        self._limits = None
        self._draw_map()

    def undo(self) -> None:
        """Take back what was told or marked last: one event more, as a journal never forgets; the model is refitted."""
        self._moved(self.steps.back if not self.worker.running else None, "Undone")

    def redo(self) -> None:
        """Do again what was taken back."""
        self._moved(self.steps.forth if not self.worker.running else None, "Done again")

    def _moved(self, move: Any, word: str) -> None:
        step: Step | None = move(self.search) if move is not None else None
        if step is not None:
            self.clear_message()
            self.renew()
            self.show_message(f"{word}: {step.text}")

    def branch_at(self, n_events: int | None = None, name: str | None = None) -> Any:
        """Go on in a copy of the search as it was after some events; the campaign stays as it is.

        Parameters
        ----------
        n_events : int, optional
            Events to take over; by default all.
        name : str, optional
            Its key in ``branches``.

        Returns
        -------
        Search
            In memory, and in use from now on.

        Raises
        ------
        ParameterError
            There are not so many events, or the name is used.
        """
        name = name or f"branch {len(self.branches)}"
        if name in self.branches:
            raise ParameterError(f"branch: there is one called {name!r} already. Write another name.")
        self._idle()
        self.branches[name] = self.search.branch(n_events)
        self.use_branch(name)
        return self.search

    def use_branch(self, name: str) -> None:
        """Go on with another branch, or with the ``"campaign"``.

        Raises
        ------
        ParameterError
            There is no such branch, or a run is going on.
        """
        if name not in self.branches:
            raise ParameterError(f"there is no branch {name!r}; there are {', '.join(self.branches)}.")
        self._idle()
        if self.branches[name] is not self.search:
            self.search = self.branches[name]
            self.steps.__init__()  # type: ignore[misc]
            self.clear_message()
            self.renew()

    def _last(self, label: Any) -> tuple[Any, dict[str, Any]] | None:
        """Value told last of a candidate, and its noise."""
        told = [o for o in self.search._model.told if self.search._pool.labels[o.place] == label]
        if not told:
            return None
        values, noise = told[-1].values, told[-1].noise
        value = None if values is None else list(values) if len(values) > 1 else values[0]
        return value, {} if np.isnan(noise) else {"noise": noise}


def _plain(value: Any) -> Any:
    found = np.asarray(value, dtype=float)
    return found.tolist() if found.ndim and found.size > 1 else float(found.reshape(-1)[0])


def _text(value: Any) -> str:
    return ", ".join(f"{v:.6g}" for v in np.atleast_1d(np.asarray(value, dtype=float)))
