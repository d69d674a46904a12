"""Controls of DOSClusterer: every parameter as a field with a tooltip, tied to one dict both ways."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as ipw

from mi_widgets.errors import ParameterError
from mi_widgets.widgets._dos_params import MOST_EV, OPTIONS
from mi_widgets.widgets._fields import Quiet, field, fill, pair, read, read_number

__all__ = ["METRIC_WORDS", "DosControls"]

METRIC_WORDS: Mapping[str, str] = {
    "relative_wasserstein": "relative Wasserstein",
    "total_variation": "total variation",
    "jensen_shannon": "Jensen-Shannon",
    "hellinger": "Hellinger",
    "wasserstein": "Wasserstein",
    "l1": "L1",
    "l2": "L2",
    "cosine": "cosine",
    "tanimoto": "Tanimoto",
}
_WORDS: Mapping[str, Mapping[Any, str]] = {
    "metric": METRIC_WORDS,
    "linkage": {},
    "orbitals": {"l": "s, p, d, f", "resolved": "as in the data", "sum": "added"},
    "spin": {"sum": "added", "resolved": "resolved"},
    "elements": {},
    "reference": {None: "as in the data", "fermi": "Fermi energy", "vbm": "valence band"},
}
_TIPS = {
    "metric": "Distance between two sites. Relative Wasserstein: how far states are displaced, over the width of "
    "the band. Total variation: share of states that lie elsewhere",
    "linkage": "Distance between two clusters: the average, largest (complete) or smallest (single) of their sites",
    "orbitals": "Orbitals that count for themselves in a comparison: s, p, d, f do not depend on the orientation",
    "spin": "Whether the two spins are added or count for themselves",
    "elements": "apart: sites of different elements never share a cluster",
    "reference": "Zero of the energies",
}
_STATES = [("filled", ""), ("all", "all"), ("window", "window")]
_WIDTHS = {"metric": "174px", "linkage": "92px", "orbitals": "110px", "spin": "88px", "elements": "88px",
           "reference": "118px"}  # fmt: skip


class DosControls(ipw.HBox):
    """The fields.

    Parameters
    ----------
    params : dict
        First values, keys as in `_dos_params.DEFAULTS`.
    references : sequence
        References that the data allow.
    spins : bool
        The data have two spins.
    on_change : callable
        Called with a dict of the parameters that the user changed.
    on_error : callable
        Called with a `ParameterError` when a field holds no number.
    on_right : callable
        Called when what a field holds is right after all, though nothing has changed.
    """

    def __init__(
        self,
        params: dict[str, Any],
        *,
        references: tuple[Any, ...],
        spins: bool,
        on_change: Callable[[dict[str, Any]], None],
        on_error: Callable[[Exception], None],
        on_right: Callable[[], None],
    ) -> None:
        self._on_right = on_right
        self._on_change, self._on_error, self._quiet, self._params = on_change, on_error, Quiet(), params
        self.choices: dict[str, ipw.Dropdown] = {}
        for name, known in OPTIONS.items():
            if name == "spin" and not spins:
                continue
            words = _WORDS[name]
            values = references if name == "reference" else known
            self.choices[name] = ipw.Dropdown(
                options=[(words.get(v, str(v)), v) for v in values],
                tooltip=_TIPS[name],
                layout={"width": _WIDTHS[name]},
            )
        self.states = ipw.Dropdown(options=_STATES, layout={"width": "82px"}, tooltip=(
            "States that are compared: the filled ones, below the Fermi energy; all; those in a window"))  # fmt: skip
        self.window = pair("Energies between which states are compared (eV, as on the axis); empty: to the end. "
                           "Or drag over the curves", "60px")  # fmt: skip
        self.broadening = _number("Standard deviation of a Gaussian by which states are broadened before they are "
                                  "compared (eV)")  # fmt: skip
        self.shift = _number("Compare after the best rigid shift of up to this much (eV): finds sites of the same "
                             "bonding in another potential")  # fmt: skip
        self.shift_free = ipw.Checkbox(description="shift-free", indent=False, layout={"width": "auto"}, tooltip=(
            "On: bonding is compared, wherever the levels lie. Off: levels are compared where they lie, which also "
            "shows the bending of bands"))  # fmt: skip
        self._kept_shift = float(params["shift"]) or 1.2
        fields = [
            field("energies from", self.choices["reference"]), field("states (eV)", self.states, *self.window),
            field("broadening (eV)", self.broadening), field("distance", self.choices["metric"]),
            field("max. shift (eV)", self.shift, self.shift_free), field("orbitals", self.choices["orbitals"]),
            *([field("spins", self.choices["spin"])] if spins else []),
            field("elements", self.choices["elements"]), field("linkage", self.choices["linkage"]),
        ]  # fmt: skip
        self.set(params)
        for widget in (*self.choices.values(), self.states, *self.window, self.broadening, self.shift, self.shift_free):
            widget.observe(self._changed, "value")
        for widget in (*self.window, self.broadening, self.shift):  # Enter on what is in use already changes nothing
            widget.on_msg(self._entered)
        super().__init__(fields)
        self.add_class("mi-row")
        self.add_class("mi-controls")

    def set(self, params: Mapping[str, Any]) -> None:
        """Show parameters that came from somewhere else."""
        with self._quiet:
            self._params = dict(params)
            for name, widget in self.choices.items():
                if params[name] not in [v for _, v in widget.options]:
                    widget.options = [*widget.options, (str(params[name]), params[name])]
                widget.value = params[name]
            window = params["window"]
            given = isinstance(window, list)
            self.states.value = "window" if given else window or ""
            fill(self.window, window if given else None)
            for end in self.window:
                end.layout.display = None if given else "none"
            self.broadening.value = f"{params['broadening']:g}"
            on = params["shift"] > 0
            self._kept_shift = float(params["shift"]) if on else self._kept_shift
            self.shift.value, self.shift_free.value = f"{self._kept_shift:g}", on
            self.shift.disabled = not on

    def _entered(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("event") == "submit":  # comes before the new text
            self._on_right()

    def _changed(self, change: Any) -> None:
        if self._quiet:
            return
        if change["owner"] is self.states and self.states.value == "window":
            self._on_right()
            for end in self.window:
                end.layout.display = None
            return  # its ends are still to be typed
        try:
            self._on_change(self._read(change["owner"]))
        except ParameterError as error:
            self._on_error(error)
        self.set(self._params)  # what is shown is what is used, also where something was refused

    def _read(self, owner: ipw.Widget) -> dict[str, Any]:
        """The one parameter that a field stands for."""
        for name, widget in self.choices.items():
            if owner is widget:
                return {name: widget.value}
        if owner is self.states:
            return {"window": self.states.value or None}
        if owner in self.window:
            low, high = read(self.window, "window")
            if low is not None and high is not None and not low < high:
                raise ParameterError(f"window: low must be below high; got {low:g} and {high:g} eV.")
            return {"window": [low, high]}
        if owner is self.broadening:
            return {"broadening": _above(self.broadening.value, "broadening", 0.2)}
        if owner is self.shift:
            return {"shift": _above(self.shift.value, "max. shift", 1.2)}
        return {"shift": self._kept_shift if self.shift_free.value else 0.0}


def _number(tip: str) -> ipw.Text:
    return ipw.Text("", continuous_update=False, tooltip=tip, layout={"width": "56px"})


def _above(text: str, what: str, example: float) -> float:
    given = read_number(text, what)
    if given is None or not 0 <= given <= MOST_EV:
        got = repr(text) if text.strip() else "nothing"
        raise ParameterError(f"{what} must be a number from 0 to {MOST_EV:g} eV; got {got}. Write {example:g}.")
    return given
