"""A periodic table that filters candidates by the elements they are made of."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as ipw
import numpy as np
import traitlets

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.widgets._bo_elements import Composition, composition_of, table_cells
from mi_widgets.widgets._fields import Quiet

__all__ = ["ElementGrid", "PeriodicTable"]

_HERE = Path(__file__).parent
_MODES = ("all of them", "any of them", "nothing else")
_TIPS = (
    "Candidates that hold every element marked blue",
    "Candidates that hold at least one element marked blue",
    "Candidates that are made of elements marked blue alone",
)
_STATES = ("include", "exclude", "any")


class ElementGrid(anywidget.AnyWidget):
    """The table in the page: clicks go round any, must contain, must not contain; arrow keys move.

    Parameters
    ----------
    active : sequence of str
        Elements that can be chosen.
    on_press : callable
        Called with an element and its new state, ``"include"``, ``"exclude"`` or ``"any"``.
    """

    _esm = (_HERE / "_bo_periodic.js").read_text(encoding="utf-8")
    _css = (_HERE / "_bo_periodic.css").read_text(encoding="utf-8")
    cells: Any = traitlets.List().tag(sync=True)
    include: Any = traitlets.List().tag(sync=True)
    exclude: Any = traitlets.List().tag(sync=True)
    counts: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, active: Sequence[str], on_press: Callable[[str, str], None]) -> None:
        self._active, self._on_press = set(active), on_press
        super().__init__(cells=table_cells(active))
        self.on_msg(self._receive)

    def _receive(self, _widget: Any, message: dict[str, Any], _buffers: list[Any]) -> None:
        symbol, to = message.get("symbol"), message.get("to")
        if message.get("k") == "press" and symbol in self._active and to in _STATES:
            self._on_press(str(symbol), str(to))


class PeriodicTable(ipw.VBox):
    """Choose candidates by the elements they must and must not contain; it can be used alone.

    A click goes round *any*, *must contain* (blue), *must not contain* (red); with shift it is *must not* at once.
    With the keyboard: arrows, Enter, plus, minus, Delete. The number in a cell counts the candidates left that hold it.

    Parameters
    ----------
    pool : xarray.Dataset, pandas.DataFrame, xarray.DataArray or mapping
        Candidates with features named as elements, or labels or a column of text that are formulae; or elements by
        label, ``{"a": ["Li", "I"]}``.
    on_change : callable, optional
        Called with the mask of the candidates that are left.

    Attributes
    ----------
    include, exclude : list of str
        Elements; setting them is the same as clicking.
    mode : str
        ``"all of them"``, ``"any of them"`` or ``"nothing else"``.

    Raises
    ------
    LabelError
        The pool does not tell what its candidates are made of.

    Examples
    --------
    >>> table = PeriodicTable({"LiI": ["Li", "I"], "NaI": ["Na", "I"], "LiF": ["Li", "F"]})
    >>> table.include, table.exclude = ["Li"], ["F"]
    >>> table.candidates
    ['LiI']
    """

    include: Any = traitlets.List()
    exclude: Any = traitlets.List()
    mode = traitlets.Enum(_MODES, _MODES[0])

    def __init__(self, pool: Any, *, on_change: Callable[[np.ndarray], None] | None = None) -> None:
        found = composition_of(pool)
        if found is None:
            raise LabelError(
                "PeriodicTable: the pool does not tell what its candidates are made of. Give features named as "
                "elements (Li, O, …), labels that are formulae ('LiI rocksalt'), or a mapping {label: ['Li', 'I']}."
            )
        self.composition: Composition = found
        self._on_change, self._quiet = on_change, Quiet()
        self.grid = ElementGrid(found.elements, self._pressed)
        self.text = ipw.HTML("", placeholder="")
        self.modes = ipw.ToggleButtons(options=_MODES, tooltips=_TIPS)
        self.modes.add_class("mi-tabs")
        self.clear_button = ipw.Button(description="Clear", tooltip="Any element again", layout={"width": "auto"})
        self.clear_button.on_click(lambda _: self.clear())
        row = ipw.HBox([self.modes, self.clear_button, self.text])
        row.add_class("mi-row")
        super().__init__([row, self.grid])
        self.add_class("mi-explorer")
        traitlets.link((self, "mode"), (self.modes, "value"))
        self.observe(self._changed, ["include", "exclude", "mode"])
        self._show()

    @staticmethod
    def knows(pool: Any) -> bool:
        """Whether the pool tells what its candidates are made of."""
        return composition_of(pool) is not None

    @property
    def mask(self) -> np.ndarray:
        """Candidates that are left, bool, in the order of the pool."""
        holds, at = self.composition.holds, self.composition.elements.index
        keep = np.ones(len(holds), dtype=bool)
        chosen = [at(e) for e in self.include]
        if chosen:
            inside = holds[:, chosen]
            keep &= inside.any(axis=1) if self.mode != _MODES[0] else inside.all(axis=1)
            if self.mode == _MODES[2]:
                others = np.setdiff1d(np.arange(holds.shape[1]), chosen)
                keep &= ~holds[:, others].any(axis=1)
        return np.asarray(keep & ~holds[:, [at(e) for e in self.exclude]].any(axis=1))

    @property
    def candidates(self) -> list[Any]:
        """Labels of the candidates that are left."""
        return [label for label, keep in zip(self.composition.labels, self.mask.tolist(), strict=True) if keep]

    @property
    def description(self) -> str:
        """What is asked for, in words; empty where nothing is."""
        said = []
        if self.include:
            how = {_MODES[0]: "with", _MODES[1]: "with any of", _MODES[2]: "of nothing but"}[self.mode]
            said.append(f"{how} {', '.join(self.include)}")
        if self.exclude:
            said.append(f"without {', '.join(self.exclude)}")
        return ", ".join(said)

    def clear(self) -> None:
        """Any element again."""
        with self.hold_trait_notifications():
            self.include, self.exclude = [], []

    @traitlets.validate("include", "exclude")
    def _known(self, proposal: Any) -> list[str]:
        wanted = list(dict.fromkeys(map(str, proposal["value"])))
        unknown = [e for e in wanted if e not in self.composition.elements]
        if unknown:
            raise ParameterError(
                f"no candidate holds {unknown[0]!r}; the elements are {', '.join(self.composition.elements)}."
            )
        return sorted(wanted, key=self.composition.elements.index)

    def _pressed(self, symbol: str, to: str) -> None:
        sets = {name: [e for e in getattr(self, name) if e != symbol] for name in ("include", "exclude")}
        if to in sets:
            sets[to].append(symbol)
        with self.hold_trait_notifications():
            self.include, self.exclude = sets["include"], sets["exclude"]

    def _changed(self, change: Any) -> None:
        if self._quiet:
            return
        both = set(self.include) & set(self.exclude)
        if both:  # the one given last counts
            other = "exclude" if change["name"] == "include" else "include"
            with self._quiet:
                setattr(self, other, [e for e in getattr(self, other) if e not in both])
        self._show()
        if self._on_change is not None:
            self._on_change(self.mask)

    def _show(self) -> None:
        mask = self.mask
        left = self.composition.holds[mask].sum(axis=0)
        counts = dict(zip(self.composition.elements, left.tolist(), strict=True))
        with self.grid.hold_sync():
            self.grid.include, self.grid.exclude, self.grid.counts = list(self.include), list(self.exclude), counts
        said = html.escape(self.description)
        self.clear_button.disabled = not said
        self.text.value = (
            f'<span class="mi-progress" role="status">{int(mask.sum()):,} of {mask.size:,} candidates'
            f"{' ' + said if said else ''}</span>"
        )
