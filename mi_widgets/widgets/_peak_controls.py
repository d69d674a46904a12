"""Controls of the peak fit: every parameter as a field with a tooltip, tied to one dict both ways."""

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as ipw

from mi_widgets.errors import ParameterError
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._fields import Quiet, field, fill, pair, read, read_number
from mi_widgets.widgets._names import name_of
from mi_widgets.widgets._peak_params import NOISES, OPTIONS, is_number, is_pair
from mi_widgets.widgets._spectrum import N_SLOTS

__all__ = ["LIMITED", "PeakControls"]

_MIXED, _NUMBER = "one for each", "number"
#: Quantities whose limits have fields; others can be given in ``params["bounds"]``.
LIMITED = ("center", "sigma")
_WIDTHS = {"lineshape": "196px", "background": "108px", "likelihood": "92px"}
_TIPS = {
    "lineshape": "Shape of every peak. Pseudo-Voigt mixes Gaussian and Lorentzian; the share is fitted. "
    "Different shapes: set_params(lineshape=[...]).",
    "background": "Background, fitted together with the peaks",
    "likelihood": "poisson for counts, also few of them; gaussian for anything else.",
}
_NOISE_WORDS: Mapping[tuple[str, str | None], str] = {
    ("poisson", None): "counts",
    ("poisson", "auto"): "auto (gain)",
    ("gaussian", None): "from residuals",
    ("gaussian", "auto"): "auto (gain)",
    ("gaussian", "poisson"): "root of counts",
}


class PeakControls(ipw.HBox):
    """The fields.

    Parameters
    ----------
    params : dict
        First values, keys as in `_peak_params.DEFAULTS`.
    units : str
        Unit of the spectral axis, for tooltips.
    on_change : callable
        Called with a dict of the parameters that the user changed.
    on_error : callable
        Called with a `ParameterError` when a field holds no number.
    """

    def __init__(
        self,
        params: dict[str, Any],
        *,
        units: str,
        on_change: Callable[[dict[str, Any]], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._on_change, self._on_error, self._quiet, self._params = on_change, on_error, Quiet(), params
        unit = html.escape(nice_unit(units))
        self.n_peaks = ipw.BoundedIntText(
            value=1, min=1, max=N_SLOTS, layout={"width": "54px"}, tooltip="Number of peaks in every spectrum"
        )
        self.choices = {
            name: ipw.Dropdown(options=known, tooltip=_TIPS[name], layout={"width": _WIDTHS[name]})
            for name, known in OPTIONS.items()
        }
        self.noise = ipw.Dropdown(options=[""], layout={"width": "112px"}, tooltip=(
            "counts: variance = mean. auto: gain and read noise of the detector are read off the data, and reported. "
            "from residuals: constant in each spectrum, unknown. number: a standard deviation in the unit of the data"
        ))  # fmt: skip
        self.sigma = ipw.Text("", placeholder="σ", continuous_update=False, layout={"width": "58px"},
                              tooltip="Standard deviation of every channel, in the unit of the data")  # fmt: skip
        self.robust = ipw.Checkbox(False, description="leave out cosmic rays", indent=False, layout={"width": "auto"},
                                   tooltip="Leave out channels far above the spectrum and narrower than three "
                                   "channels")  # fmt: skip
        self.window = pair(f"Range that is fitted ({units}); empty: the whole axis", "66px")
        self.limits = {
            name: pair(f"Limits of {name_of(name)} in {units}; empty: automatic", "66px") for name in LIMITED
        }
        self.start = ipw.Text("", placeholder="automatic", continuous_update=False, layout={"width": "136px"}, tooltip=(
            f"Positions ({units}) from which the peaks start, such as 284.5, 286.1; empty: found automatically"
        ))  # fmt: skip
        fields = [field("peaks", self.n_peaks)]
        fields += [field(name.replace("lineshape", "line shape"), w) for name, w in self.choices.items()]
        fields += [field("noise", self.noise, self.sigma), field(f"fit range ({unit})", *self.window)]
        fields += [field(f"limits of {name} ({unit})", *ends) for name, ends in self.limits.items()]
        fields += [field(f"start positions ({unit})", self.start), field("&nbsp;", self.robust)]
        self.set(params)
        texts = (*self.window, *(w for ends in self.limits.values() for w in ends), self.start, self.sigma)
        for widget in (self.n_peaks, *self.choices.values(), self.noise, self.robust, *texts):
            widget.observe(self._changed, "value")
        super().__init__(fields)
        self.add_class("mi-row")
        self.add_class("mi-controls")

    def set(self, params: Mapping[str, Any]) -> None:
        """Show parameters that came from somewhere else."""
        with self._quiet:
            self._params = dict(params)
            self.n_peaks.value = params["n_peaks"]
            for name, widget in self.choices.items():
                mixed = isinstance(params[name], list)
                options = (*OPTIONS[name], _MIXED) if mixed else OPTIONS[name]
                if tuple(widget.options) != options:
                    widget.options = options
                widget.value = _MIXED if mixed else params[name]
            self._set_noise(params["likelihood"], params["noise"])
            self.robust.value = params["robust"]
            fill(self.window, params["window"])
            for name, ends in self.limits.items():
                bound = (params["bounds"] or {}).get(name)
                fill(ends, bound if is_pair(bound) else None)
            center = (params["start"] or {}).get("center")
            listed = center if isinstance(center, list) else [] if center is None else [center]
            self.start.value = ", ".join(f"{v:.7g}" for v in listed)

    def _set_noise(self, likelihood: str, noise: Any) -> None:
        options = [(_NOISE_WORDS[likelihood, word], word or "") for word in NOISES[likelihood]]
        if likelihood == "gaussian":
            options.append((_NUMBER, _NUMBER))
        if tuple(self.noise.options) != tuple(options):
            self.noise.options = options
        self.noise.value = _NUMBER if is_number(noise) else noise or ""
        self.sigma.layout.display = None if is_number(noise) else "none"
        self.sigma.value = f"{noise:.7g}" if is_number(noise) else ""

    def _changed(self, change: Any) -> None:
        if self._quiet:
            return
        owner = change["owner"]
        try:
            if owner is self.noise and self.noise.value == _NUMBER and not self.sigma.value:
                self.sigma.layout.display = None
                return  # the number is still to be typed
            window: Any = _ends(self.window, "fit range")
            if None in window and window != [None, None]:
                if owner in self.window:
                    return  # the other end is still to be typed
                window = self._params["window"] or [None, None]
            self._on_change(self._read(owner) | {"window": None if None in window else window})
        except ParameterError as error:
            self._on_error(error)
        self.set(self._params)  # what is shown is what is used, also where something was refused

    def _read(self, changed: ipw.Widget) -> dict[str, Any]:
        likelihood, n = self.choices["likelihood"].value, self.n_peaks.value
        noise: Any = self.noise.value or None
        if noise == _NUMBER:
            noise = read_number(self.sigma.value, "noise")
            if noise is not None and not noise > 0:
                raise ParameterError(f"noise: the standard deviation must be above 0; got {noise:g}.")
        if changed is self.choices["likelihood"]:  # what is said of the noise belongs to the other likelihood
            noise = noise if noise == "auto" else None
        bounds = dict(self._params["bounds"] or {})
        for name, fields in self.limits.items():
            ends = _ends(fields, f"limits of {name}")
            if ends != [None, None]:
                bounds[name] = ends
            elif is_pair(bounds.get(name)):
                bounds.pop(name)
        out = {"n_peaks": n, "noise": noise, "robust": self.robust.value, "bounds": bounds or None}
        out |= {name: widget.value for name, widget in self.choices.items() if widget.value != _MIXED}
        out["likelihood"] = likelihood
        if changed is self.start:
            out["start"], out["n_peaks"] = self._read_start(n)
        elif n != self._params["n_peaks"]:
            out["start"] = None  # positions belong to peaks that are no longer these
        shapes = self._params["lineshape"]
        if "lineshape" not in out and len(shapes) != out["n_peaks"]:
            out["lineshape"] = (shapes + shapes[-1:] * N_SLOTS)[: out["n_peaks"]]
        return out

    def _read_start(self, n: int) -> tuple[dict[str, Any] | None, int]:
        """Typed positions and the number of peaks: as many as there are positions."""
        text = self.start.value.strip()
        # 284.5, 286.1 or 284.5 286.1; and 284,5; 286,1 where a comma is the decimal sign
        words = re.split(r";" if ";" in text else r"[,\s]+" if "." in text else r",?\s+", text)
        given = [v for w in words if (v := read_number(w, "start positions")) is not None]
        if len(given) > N_SLOTS:
            raise ParameterError(f"start positions: there can be {N_SLOTS} peaks at most; got {len(given)} positions.")
        others = {k: v for k, v in (self._params["start"] or {}).items() if k != "center" and len(given) == n}
        start = others | ({"center": given} if given else {})
        return start or None, len(given) or n


def _ends(fields: tuple[ipw.Text, ipw.Text], what: str) -> list[float | None]:
    """What `read` gives, or `ParameterError` with the name on the page where the two ends are not in order."""
    low, high = read(fields, what)
    if low is not None and high is not None and not low < high:
        raise ParameterError(f"{what}: low must be below high; got {low:g} and {high:g}.")
    return [low, high]
