"""The row below a table of substrates: add one, take one out, back to the table that was given."""

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from mi_widgets.errors import ParameterError
from mi_widgets.widgets._fields import field, read_number

__all__ = ["EditRow"]


class EditRow(ipw.HBox):
    """Fields of a new substrate, and buttons.

    Parameters
    ----------
    add, take_out, original : callable
        Called without arguments; `typed` gives what is to be added.
    """

    def __init__(self, add: Callable[[], None], take_out: Callable[[], None], original: Callable[[], None]) -> None:
        small = {"width": "72px"}
        self.name = ipw.Text("", continuous_update=False, tooltip="Name of a new substrate", layout={"width": "130px"})
        self.a = ipw.Text("", tooltip="Its lattice constant in angstrom", layout=small)
        self.b = ipw.Text("", placeholder="= a", tooltip="The other one, if it is not hexagonal", layout=small)
        self.gamma = ipw.Text("", placeholder="120", tooltip="Angle between them, if it is not 120°", layout=small)
        self.layered = ipw.Checkbox(
            value=True, description="layered", indent=False, tooltip="Held together by van der Waals forces alone",
            layout={"width": "auto"},
        )  # fmt: skip
        self.buttons = [
            ipw.Button(description=text, tooltip=tip, layout={"width": "auto"})
            for text, tip in (
                ("Add substrate", "Add it to the table"),
                ("Take out the chosen", "Take the chosen row out of the table"),
                ("Original table", "Undo all changes of the table"),
            )
        ]
        self.buttons[0].on_click(lambda _: add())
        self.buttons[1].on_click(lambda _: take_out())
        self.buttons[2].on_click(lambda _: original())
        fields = [field("new substrate", self.name), field("a (Å)", self.a), field("b (Å)", self.b),
                  field("γ (°)", self.gamma), field("&nbsp;", self.layered)]  # fmt: skip
        super().__init__([*fields, *(field("&nbsp;", b) for b in self.buttons)])
        self.add_class("mi-row")
        self.add_class("mi-controls")

    def typed(self) -> tuple[str, dict[str, Any]]:
        """Name and values of a new substrate, or `ParameterError` with what to write instead."""
        values: dict[str, Any] = {"van_der_waals": bool(self.layered.value)}
        for key, widget, label in (("a", self.a, "a"), ("b", self.b, "b"), ("gamma", self.gamma, "γ")):
            number = read_number(widget.value, label, "120" if key == "gamma" else "4.06")
            if number is not None:
                values[key] = number
        name = self.name.value.strip()
        if not name:
            raise ParameterError("the new substrate has no name; write one.")
        if "a" not in values:
            raise ParameterError(f"substrate {name!r} needs a lattice constant a in angstrom, such as 4.2.")
        return name, values

    def clear(self) -> None:
        """Empty the fields."""
        for widget in (self.name, self.a, self.b, self.gamma):
            widget.value = ""
