"""What CircuitExplorer shows: pictures, table, sliders, and what is pointed at."""

import html
from collections.abc import Mapping
from typing import Any, ClassVar

import ipywidgets as ipw
import numpy as np
import traitlets
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.impedance import evaluate, fit_circuit, kramers_kronig, parse_circuit
from mi_widgets.impedance._check import check_spectra
from mi_widgets.widgets._impedance_pictures import N_CURVES, Bode, CircuitDrawing, CurveOf, Nyquist
from mi_widgets.widgets._impedance_sliders import Sliders
from mi_widgets.widgets._impedance_table import COLUMNS, circuit_rows, class_color
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._study import Study, beside, row, stack

__all__ = ["CircuitBase"]

_FINE = 241  # frequencies of a drawn curve


class CircuitBase(Study):
    """The page of `CircuitExplorer`."""

    trial = traitlets.Dict()
    points_at: ClassVar[tuple[str, ...]] = ("candidate", "frequency")

    def __init__(self, data: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        spectra = check_spectra(data, who="CircuitExplorer")
        if len(spectra.dims) > 1:
            raise DataError(
                f"CircuitExplorer shows one spectrum or a series; these data are over {spectra.dims} as well. Select "
                f"one, as data.isel({spectra.dims[0]}=0)."
            )
        self._series = spectra.dims[0] if spectra.dims else None
        self._at = 0
        self._spectra = _parts_of(spectra)
        self.points_at = (*type(self).points_at, *spectra.dims)  # type: ignore[misc]
        self.kramers_kronig: xr.Dataset | None = None
        super().__init__(data, params=params, threaded=threaded)
        self._test()
        self.observe(self.guard(lambda _: self._draw_trial()), "trial")
        first = {self._series: [self._labels[0]]} if self._series else {}
        self.selection = dict(self.selection) | first
        self._draw_result()
        self._draw_selection()

    def add_circuit(self, circuit: str) -> None:
        """Put a circuit into the table and compare again."""
        raise NotImplementedError

    def remove_circuits(self) -> None:
        """Take the chosen circuits out of the table."""
        raise NotImplementedError

    # ---- page ------------------------------------------------------------------------------------------

    def _make_page(self) -> ipw.Widget:
        one = self._one()
        self.nyquist = Nyquist(self.view, one, self._point_at)
        self.bode = Bode(self.view, one, self._point_at)
        self.drawing = CircuitDrawing(self.view, self.params["circuits"][0])
        self.table = RowTable(COLUMNS, self.guard(self._picked))
        self.sliders = Sliders(
            self.guard(lambda values: setattr(self, "trial", values)), self.guard(self.fit_from_here),
            self.guard(lambda: setattr(self, "trial", {})),
        )  # fmt: skip
        self.verdict, self.pointed = ipw.HTML(), ipw.HTML()
        self.typed = ipw.Text(
            placeholder="R-p(R,C)-p(R-W,Q)", layout={"width": "230px"}, continuous_update=False,
            tooltip="- is series, p(…,…) parallel; R C L Q W Ws Wo G; Enter adds it",
        )  # fmt: skip
        self.add_button = ipw.Button(description="Add circuit", tooltip="Put it into the table and compare again")
        self.remove_button = ipw.Button(
            description="Remove chosen", tooltip="Take the chosen circuits out of the table"
        )
        self.typed.observe(
            self.guard(lambda c: self._add_typed() if c["new"].strip() else self._nothing_typed()), "value"
        )
        self.add_button.on_click(self.guard(lambda _: self._add_typed()))
        self.remove_button.on_click(self.guard(lambda _: self.remove_circuits()))
        self.typed_said = ipw.HTML()
        for button in (self.add_button, self.remove_button):
            button.layout.width = "auto"
        left = stack("", row(self.verdict, self.pointed), self.nyquist.view, self.drawing.view, self.sliders)
        right = stack(
            "", self.bode.view, self.table, row(self.typed, self.add_button, self.remove_button), self.typed_said
        )
        return ipw.VBox([*self._player(), beside(left, right, shares=(1.0, 1.15))])

    def _player(self) -> list[ipw.Widget]:
        if self._series is None:
            return []
        last = len(self._labels) - 1
        play = ipw.Play(min=0, max=last, interval=700, tooltip="Show one spectrum after the other")
        self.slider = ipw.IntSlider(
            min=0, max=last, description=self._series, tooltip="Spectrum that is shown", readout=False,
            layout={"width": "340px"},
        )  # fmt: skip
        ipw.jslink((play, "value"), (self.slider, "value"))
        self.place = ipw.HTML()
        moved = self.guard(lambda c: self.point(str(self._series), [self._labels[c["new"]]]))
        self.slider.observe(lambda c: None if self.quiet else moved(c), "value")
        return [row(play, self.slider, self.place)]

    # ---- one spectrum ----------------------------------------------------------------------------------

    @property
    def _labels(self) -> list[Any]:
        dim = str(self._series)
        coords = self._spectra.coords
        return np.asarray(coords[dim]).tolist() if dim in coords else list(range(self._spectra.sizes[dim]))

    def _one(self) -> xr.Dataset:
        """The spectrum that is shown."""
        return self._spectra.isel({self._series: self._at}) if self._series else self._spectra

    def _result(self) -> xr.Dataset | None:
        """The result for this spectrum."""
        if self.result is None or not self._series:
            return self.result
        return self.result.isel({self._series: self._at})

    def _test(self) -> None:
        """Test the spectrum that is shown, and say what came out."""
        try:
            found = kramers_kronig(self._one())
        except DataError as error:
            found = None
            tip = str(error)
        self.kramers_kronig = found
        if found is None:
            chip, kind = "Kramers-Kronig: too few points", "cancelled"
        else:
            tip = (
                f"Residuals {100 * float(found.relative_rms):.2g} % of the modulus; their correlation from point to "
                f"point is {float(found.score):.1f} standard deviations, noise alone gives 0 ± 1"
            )
            good = int(found["status"]) == 0
            chip = f"Kramers-Kronig: {'consistent' if good else 'inconsistent, the cell drifted?'}"
            kind = "done" if good else "failed"
        self.verdict.value = (
            f'<span class="mi-chip mi-chip-{kind}" style="margin-left:0" title="{html.escape(tip, quote=True)}">'
            f"{chip}</span>"
        )

    # ---- selection -------------------------------------------------------------------------------------

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        unknown = [c for c in selection["candidate"] if c not in self.params["circuits"]]
        if unknown:
            raise LabelError(f"{unknown[0]!r} is not among the circuits: {', '.join(self.params['circuits'])}.")
        out = super()._snapped(selection)
        if self._series and not out.get(self._series) and hasattr(self, "table"):
            out[self._series] = [self._labels[self._at]]
        return out

    def _picked(self, number: int, add: bool) -> None:
        self.point("candidate", [self.params["circuits"][number]], add)

    def _point_at(self, position: int | None) -> None:
        f = self._spectra["frequency"].values
        self.point("frequency", [] if position is None else [float(f[position])])

    def _add_typed(self) -> None:
        """Add what is typed; what is wrong with it is said beside it, where the user looks."""
        text = self.typed.value.strip()
        self.typed_said.value = ""
        try:
            if not text:
                raise ParameterError("type a circuit first, such as R-p(R,C)-p(R-W,Q).")
            if self.worker.running:
                raise ParameterError("a comparison is running: wait for it or cancel it, then add the circuit.")
            self.add_circuit(text)
        except ParameterError as error:
            said = html.escape(str(error).removeprefix("parse_circuit: "))
            self.typed_said.value = f'<span class="mi-said mi-said-error" role="alert">{said}</span>'
            return
        self.typed.value = ""

    def _nothing_typed(self) -> None:
        self.typed_said.value = ""

    def _chosen(self) -> list[str]:
        """Circuits whose curves are shown: those that are pointed at, else the best."""
        chosen = [c for c in self.selection.get("candidate", []) if c in self.params["circuits"]]
        found = self._result()
        if not chosen and found is not None and (found["rank"] == 1).any():
            best = str(found["candidate"].values[int(np.argmax(found["rank"].values == 1))])
            chosen = [best] if best in self.params["circuits"] else []
        return chosen[:N_CURVES]

    def _fitted(self, circuit: str) -> dict[str, tuple[float, float, str]]:
        """Value, standard error and unit of each parameter; empty where the circuit has no fit."""
        found = self._result()
        if found is None or circuit not in found["candidate"].values:
            return {}
        one = found.sel(candidate=circuit)
        names = parse_circuit(circuit).names
        if any(n not in one or not np.isfinite(float(one[n])) for n in names):
            return {}
        return {n: (float(one[n]), float(one[f"{n}_stderr"]), str(one[n].attrs["units"])) for n in names}

    # ---- drawing ---------------------------------------------------------------------------------------

    def _draw_result(self) -> None:
        rows, note = circuit_rows(self.params["circuits"], self._result())
        if rows != self.table.rows:
            self.table.rows = rows
        self.table.note = note
        self._draw_curves()

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        if "circuits" in changed:
            rows, self.table.note = circuit_rows(self.params["circuits"], self._result())
            self.table.rows = rows
            self.table.chosen = [self.params["circuits"].index(c) for c in self._chosen()]

    def _draw_selection(self) -> None:
        wanted = self.selection.get(self._series) if self._series else None
        if wanted:
            at = self._labels.index(wanted[0])
            if at != self._at:
                self._at = at
                self.nyquist.show(self._one())
                self.bode.show(self._one())
                self._test()
                self._draw_result()
            with self.quiet:
                self.slider.value = at
            units = (
                str(self._spectra[self._series].attrs.get("units", "1"))
                if self._series in self._spectra.coords
                else "1"
            )
            self.place.value = html.escape(
                f"{wanted[0]}{'' if units == '1' else ' ' + units} ({at + 1} of {len(self._labels)})"
            )
        self._draw_curves()
        self._draw_frequency()

    def _draw_frequency(self) -> None:
        wanted = self.selection.get("frequency", [])
        f = self._spectra["frequency"].values
        at = [int(np.argmin(np.abs(f - w))) for w in wanted]
        self.nyquist.mark(at)
        self.bode.mark(at)
        one = self._one()
        unit = str(one["impedance_real"].attrs["units"]).replace("ohm", "Ω")
        texts = [
            f"{f[k]:.4g} Hz: {float(one['impedance_real'][k]):.4g} {float(one['impedance_imag'][k]):+.4g} i {unit}"
            for k in at[:1]
        ]
        shown = texts[0] if texts else "Click on a point for its frequency"
        self.pointed.value = f'<span class="mi-sizes" style="margin-left:0">{html.escape(shown)}</span>'

    def _draw_curves(self) -> None:
        chosen, found = self._chosen(), self._result()
        curves: list[CurveOf] = []
        seen: list[str] = []
        first: dict[str, Any] = {}
        f = self._spectra["frequency"]
        fine = np.geomspace(float(f.min()), float(f.max()), _FINE)
        for text in chosen:
            fitted = self._fitted(text)
            if not fitted or found is None:
                continue
            color = class_color(int(found["equivalence_class"].sel(candidate=text)))
            z = evaluate(text, {n: v for n, (v, _, _) in fitted.items()}, fine)
            curves.append(CurveOf(z, color, color in seen))
            seen.append(color)
            first = first or {"text": text, "fitted": fitted}
        with self.lock:
            self.nyquist.curves(curves)
            self.bode.curves(curves)
            shown = found.sel(candidate=first["text"]) if first and found is not None else None
            self.bode.residuals(shown)
            circuit = chosen[0] if chosen else self.params["circuits"][0]
            self.drawing.show(circuit)
            self.table.chosen = [self.params["circuits"].index(c) for c in chosen]
            self._show_sliders(first)

    def _show_sliders(self, first: dict[str, Any]) -> None:
        """New sliders where circuit or fit are others; what was turned by hand is put back."""
        key = (first.get("text"), tuple(first.get("fitted", {}).values()))
        if key != getattr(self, "_sliders_of", None):
            self._sliders_of = key
            self.sliders.show(first.get("fitted", {}))
            self.trial = {}
            self._draw_trial()

    # ---- turned by hand --------------------------------------------------------------------------------

    @traitlets.validate("trial")
    def _trial_valid(self, proposal: Any) -> dict[str, float]:
        values = {str(k): v for k, v in dict(proposal["value"]).items()}
        if not values:
            return {}
        text = self._sliders_of[0] if getattr(self, "_sliders_of", None) else None
        if text is None:
            raise ParameterError("trial needs a fitted circuit: compare circuits and choose one.")
        fitted = {n: v for n, (v, _, _) in self._fitted(text).items()}
        unknown = [n for n in values if n not in fitted]
        if unknown:
            raise ParameterError(f"{text} has no parameter {unknown[0]!r}; it has {', '.join(fitted)}.")
        evaluate(text, fitted | values, [1.0])  # raises where a value is out of range
        return {n: float(v) for n, v in (fitted | values).items()}

    def fit_from_here(self) -> None:
        """Fit the first chosen circuit to the shown spectrum from the values of the sliders."""
        text = self._sliders_of[0]
        if text is None:
            raise ParameterError("choose a circuit that has been fitted.")
        found = fit_circuit(
            self._one(), text, start=self.trial or self.sliders.values(), n_starts=1, weights=self.params["weights"]
        )
        self.trial = {n: float(found[n]) for n in self.sliders.names}

    def _draw_trial(self) -> None:
        text = self._sliders_of[0] if getattr(self, "_sliders_of", None) else None
        if not self.trial or text is None:
            self.nyquist.trial(None)
            self.bode.trial(None)
            fitted = self._fitted(text) if text else {}
            self.sliders.set({n: v for n, (v, _, _) in fitted.items() if n in self.sliders.names})
            self.sliders.said.value = ""
            return
        f = self._spectra["frequency"]
        z = evaluate(text, self.trial, np.geomspace(float(f.min()), float(f.max()), _FINE))
        self.nyquist.trial(z)
        self.bode.trial(z)
        self.sliders.set(self.trial)
        now = fit_circuit(self._one(), text, fixed=self.trial, n_starts=1, weights=self.params["weights"])
        values = ", ".join(f"{n} {v:.4g}" for n, v in self.trial.items())
        self.sliders.said.value = (
            f'<span title="{html.escape(values)}">rms {100 * float(now.relative_rms):.3g} %</span>'
        )


def _parts_of(spectra: Any) -> xr.Dataset:
    """Real and imaginary part in one Dataset, whatever the data were."""
    dims = (*spectra.dims, "frequency")
    z = np.where(spectra.usable, spectra.z, np.nan).reshape(*spectra.shape, spectra.omega.size)
    attrs = {"units": spectra.units}
    return xr.Dataset(
        {"impedance_real": (dims, z.real.copy(), attrs), "impedance_imag": (dims, z.imag.copy(), attrs)},
        {**spectra.coords, "frequency": spectra.frequency},
    )
