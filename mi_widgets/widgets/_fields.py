"""Small fields that every row of controls is made of."""

from typing import Any

import ipywidgets as ipw

from mi_widgets.errors import ParameterError

__all__ = ["Quiet", "field", "fill", "pair", "read", "read_number"]


class Quiet:
    """While it is entered, changes come from a script and are not told."""

    def __init__(self) -> None:
        self.depth = 0

    def __bool__(self) -> bool:
        return self.depth > 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


def pair(tip: str, width: str = "72px") -> tuple[ipw.Text, ipw.Text]:
    """Two fields for the ends of something."""
    low, high = (
        ipw.Text("", placeholder=p, continuous_update=False, tooltip=tip, layout={"width": width})
        for p in ("low", "high")
    )
    return low, high


def field(text: str, *widgets: ipw.Widget) -> ipw.VBox:
    """Widgets below a caption; `text` is HTML."""
    caption = ipw.HTML(f'<span class="mi-caption">{text}</span>')
    box = ipw.VBox([caption, ipw.HBox(widgets)])
    box.add_class("mi-field")
    return box


def fill(fields: tuple[ipw.Text, ipw.Text], values: Any, digits: int = 7) -> None:
    """Show two numbers, or nothing for None."""
    for one, value in zip(fields, values or (None, None), strict=True):
        one.value = "" if value is None else f"{value:.{digits}g}"


def read(fields: tuple[ipw.Text, ipw.Text], what: str) -> list[float | None]:
    """The two numbers in the fields, None where a field is empty."""
    return [read_number(one.value, what) for one in fields]


def read_number(text: str, what: str, such_as: str = "284.5") -> float | None:
    """A number as it is typed, with a point or a comma; None for no text, `ParameterError` for anything else."""
    typed = text.strip().replace(",", ".")
    try:
        return float(typed) if typed else None
    except ValueError:
        raise ParameterError(f"{what}: {text!r} is not a number; write one such as {such_as}.") from None
