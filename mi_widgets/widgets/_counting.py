"""How many peaks: the evidence at the pointed pixel, and one click to take the number that most pixels want."""

import html
from collections.abc import Callable

import ipywidgets as ipw
import numpy as np
import xarray as xr

__all__ = ["CountPanel", "evidence_table", "most_wanted"]


def most_wanted(counted: xr.Dataset) -> int:
    """The number of peaks that most spectra want, 0 left aside; 0 where none wants any."""
    numbers, times = np.unique(counted["n_peaks"].values, return_counts=True)
    some = numbers > 0
    return int(numbers[some][np.argmax(times[some])]) if some.any() else 0


def evidence_table(one: xr.Dataset) -> str:
    """HTML of the evidence of one spectrum: by how much each candidate is worse than the best.

    Parameters
    ----------
    one : xarray.Dataset
        Result of `mi_widgets.peaks.select_n_peaks` for a single spectrum.

    Returns
    -------
    str
        A table with one column for each candidate; text from the data is escaped.
    """
    evidence = np.asarray(one["evidence"].values, dtype=float)
    if not np.isfinite(evidence).any():
        return '<div class="mi-hint">No data here to count peaks in.</div>'
    chosen = int(one["n_peaks"])
    name = html.escape(str(one["evidence"].attrs.get("long_name", "evidence")).upper())
    above = evidence - np.nanmin(evidence)
    numbers = [int(k) for k in one["candidate"].values]
    marks = [' class="mi-chosen"' if k == chosen else "" for k in numbers]
    head = "".join(f"<th{mark}>{k}</th>" for k, mark in zip(numbers, marks, strict=True))
    cells = "".join(f"<td{mark}>{_short(v)}</td>" for v, mark in zip(above, marks, strict=True))
    suspect = bool(int(one["family_suspect"])) if "family_suspect" in one else False
    note = " The residuals say that no candidate is right: try another line shape or background." if suspect else ""
    return (
        '<div class="mi-scroll"><table class="mi-table mi-evidence">'
        f"<thead><tr><th>number of peaks</th>{head}</tr></thead>"
        f'<tbody><tr><th scope="row">{name} above the best</th>{cells}</tr></tbody></table></div>'
        f'<div class="mi-table-note">this spectrum wants {chosen}; 10 or more is a clear answer.{note}</div>'
    )


class CountPanel(ipw.VBox):
    """Evidence table and the button that takes the number that most pixels want.

    Parameters
    ----------
    on_use : callable
        Called with the parameters to take.
    """

    def __init__(self, on_use: Callable[[dict[str, object]], None]) -> None:
        self._wanted: dict[str, object] = {}
        self.table = ipw.HTML("")
        self.use = ipw.Button(
            description="", layout={"width": "auto", "display": "none", "align_self": "flex-start"},
            tooltip="Take this number, with the line shape and background of the comparison, as parameters",
        )  # fmt: skip
        self.use.on_click(lambda _: on_use(dict(self._wanted)))
        self.suspect = ipw.HTML("")
        super().__init__([self.table, self.use, self.suspect])

    def show(self, counted: xr.Dataset | None, one: xr.Dataset | None) -> None:
        """Show what is known of one spectrum, and what most want."""
        number = 0 if counted is None else most_wanted(counted)
        self.table.value = "" if one is None else evidence_table(one)
        self.use.layout.display = None if number else "none"
        self.suspect.value = "" if counted is None else _suspicion(counted)
        if counted is None or not number:
            return
        shape, background = str(counted.attrs["lineshape"]), str(counted.attrs["background"])
        known = counted["n_peaks"].values
        share = float((known == number).sum() / max((known >= 0).sum(), 1))
        self._wanted = {"n_peaks": number, "lineshape": shape, "background": background, "start": None}
        plural = "peak" if number == 1 else "peaks"
        self.use.description = f"use {number} {plural}, {shape}, {background} background ({share:.0%} of the pixels)"


def _suspicion(counted: xr.Dataset) -> str:
    """What all spectra together say of the line shape and the background."""
    if not int(counted.attrs.get("family_suspect", 0)):
        return ""
    better = str(counted.attrs.get("better_family", ""))
    advice = f"better: {html.escape(better)}" if better else "try another line shape or background"
    return f'<div class="mi-message mi-warning" role="status">The model is suspect; {advice}.</div>'


def _short(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
