"""One fit of a map in memory: from data and options to parts that can be drawn one by one."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, TypedDict

import numpy as np
import xarray as xr

from mi_widgets.errors import MIWidgetsWarning
from mi_widgets.labels import require_units
from mi_widgets.peaks._build import Known, build_fit
from mi_widgets.peaks._checks import Prepared, prepare
from mi_widgets.peaks._dataset import attributes, to_dataset
from mi_widgets.peaks._map_fit import NOT_RUN, MapFit
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._spikes import find_spikes
from mi_widgets.runs import Part

NO_COUNTS = 0.2  # median deviance per degree of freedom below which data cannot be counts
QUICK_COPY, COPY_SHARE = 0.03, 0.1  # s; results of a large map are large: at most this share of the time goes into them


class FitOptions(TypedDict, total=False):
    """Keywords of `fit_peaks`; there they are explained."""

    model: Any
    params: Any
    n_peaks: int | None
    lineshape: str | Sequence[str]
    background: str
    likelihood: str
    noise: float | str | Mapping[str, float] | xr.DataArray | None
    mask: xr.DataArray | None
    robust: bool
    ties: Mapping[str, Any] | None
    bounds: Mapping[str, Any] | None
    shared: Sequence[str] | None
    start: xr.Dataset | Mapping[str, Any] | None
    method: str
    correlations: bool
    engine: str


DEFAULTS = FitOptions(
    lineshape="pseudo-voigt",
    background="linear",
    likelihood="poisson",
    robust=False,
    method="lm",
    correlations=False,
    engine="auto",
)


class Parts(Iterator[Part]):
    """Parts of a running fit, checked when made and fitted as they are drawn.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra, in memory.
    dim : str
        The spectral dimension.
    options : FitOptions
        As `fit_peaks` has them.
    known : Known, optional
        What was found out from the whole of a map of which `da` is a part.
    """

    def __init__(self, da: xr.DataArray, dim: str, options: FitOptions, known: Known | None = None) -> None:
        options = FitOptions(**{**DEFAULTS, **options})
        model = model_of(options)
        self._prepared = prepare(
            da, dim, model, mask=options.get("mask"), spikes=find_spikes if options.get("robust") else None
        )
        self.fit = build_fit(
            self._prepared,
            model,
            likelihood=options["likelihood"],
            noise=options.get("noise"),
            ties=options.get("ties"),
            bounds=options.get("bounds"),
            start=options.get("start"),
            shared=options.get("shared"),
            method=options["method"],
            correlations=options["correlations"],
            engine=options["engine"],
            known=known,
        )
        self._quiet = known is not None
        self._attrs = _attributes(da, dim, options, self.fit, self._prepared)
        self._steps, self._last = self.fit.run(), False
        self._drawn, self._copying = perf_counter(), 0.0

    def __next__(self) -> Part:
        if self._last:
            raise StopIteration
        rows, message = self._step()
        done = int((self.fit.status != NOT_RUN).sum())
        began = perf_counter()
        result = self.result()
        self._drawn = perf_counter()
        self._copying = self._drawn - began
        return Part(done, self.fit.n_spectra, result, rows, message)

    def _step(self) -> tuple[np.ndarray, str]:
        """Rows that are new, and what was done; so many that copying the result does not take most of the time."""
        rows = []
        while True:
            new, message = next(self._steps, (np.empty(0, dtype=int), "done"))
            rows.append(new)
            if message == "done":
                self._last = True
                self._warn()
            wait = self._copying / COPY_SHARE if self._copying > QUICK_COPY else 0.0
            if self._last or perf_counter() - self._drawn >= wait:
                return np.concatenate(rows), message

    def run_to_end(self) -> xr.Dataset:
        """Draw all parts and build the Dataset once."""
        for _ in self._steps:
            pass
        self._warn()
        return self.result()

    def _warn(self) -> None:
        """Say so where the scatter is far too small for counts: the standard errors are then far too large."""
        fit = self.fit
        fitted = fit.dof > 0
        if fit.n_negative:
            warnings.warn(
                f"{fit.n_negative} spectra have values below zero, which are no counts: they are left out (no_data). "
                "Write likelihood='gaussian', or give the raw counts.",
                MIWidgetsWarning,
                stacklevel=5,
            )
        if self._quiet or not fit.problem.poisson or not fitted.any():
            return
        if np.nanmedian(fit.deviance[fitted] / fit.dof[fitted]) < NO_COUNTS:
            warnings.warn(
                f"the data scatter {1 / NO_COUNTS:.0f} times less than counts would: standard errors are far too large."
                " Write noise='auto' for counts of a detector with a gain, likelihood='gaussian' for anything else.",
                MIWidgetsWarning,
                stacklevel=5,
            )

    def result(self) -> xr.Dataset:
        """All that is finished."""
        p = self._prepared
        return to_dataset(
            self.fit,
            p.coords,
            p.dims,
            p.shape,
            axis_units=p.axis_units,
            value_units=p.value_units,
            attrs=self._attrs,
        )


def model_of(options: FitOptions) -> Model:
    """Peaks and background that the options name."""
    whole = FitOptions(**{**DEFAULTS, **options})
    return Model.of(whole["lineshape"], whole.get("n_peaks"), whole["background"])


def _attributes(da: xr.DataArray, dim: str, options: FitOptions, fit: MapFit, prepared: Prepared) -> dict[str, Any]:
    model, likelihood = fit.model, "poisson" if fit.problem.poisson else "gaussian"
    given = {
        name: "given" if isinstance(value, xr.DataArray | xr.Dataset) else value
        for name, value in sorted({**options, "ties": options.get("ties") or {}, "n_peaks": model.n_peaks}.items())
        if name != "engine" and value is not None
    }
    return {
        **attributes(
            "fit_peaks",
            "peak fit",
            {"dim": dim, **given, "n_peaks": model.n_peaks, "likelihood": likelihood},
            references="https://doi.org/10.1080/14686996.2019.1620123",
            source=str(da.attrs.get("source", da.name or "")),
        ),
        "spectral_dim": dim,
        "lineshape": ", ".join(dict.fromkeys(model.lineshapes)) if model.uniform else ", ".join(model.lineshapes),
        "background": model.background,
        "background_rising": int(fit.problem.rising),
        "likelihood": likelihood,
        "axis_range": [float(prepared.axis[0]), float(prepared.axis[-1])],
        "axis_units": require_units(da[dim], who="fit_peaks"),
        **(fit.noise.attrs or {}),
    }
