"""Fit peaks to every spectrum of a map at once."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets import __version__
from mi_widgets.errors import MIWidgetsWarning
from mi_widgets.labels import find_spectral_dim, require_units
from mi_widgets.peaks._build import build_fit
from mi_widgets.peaks._checks import Prepared, prepare
from mi_widgets.peaks._dataset import history, to_dataset
from mi_widgets.peaks._map_fit import NOT_RUN, MapFit
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._spikes import find_spikes
from mi_widgets.runs import Part, Progress, collect

__all__ = ["fit_peaks", "iter_fit_peaks"]

NO_COUNTS = 0.2  # median deviance per degree of freedom below which data cannot be counts


def fit_peaks(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    n_peaks: int | None = None,
    lineshape: str | Sequence[str] = "pseudo-voigt",
    background: str = "linear",
    likelihood: str = "poisson",
    noise: float | str | xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    robust: bool = False,
    ties: Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None,
    start: xr.Dataset | Mapping[str, Any] | None = None,
    engine: str = "auto",
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Fit peaks on a background to every spectrum: positions, widths, areas, their standard errors, a status.

    Every spectrum is fitted by maximum likelihood with Levenberg-Marquardt steps on the Fisher information, from
    starting values found in the spectrum itself; spectra whose fit looks wrong are fitted again from other starts.
    The pseudo-Voigt profile is

    .. math:: A \left[(1-\eta) G(x-\mu; \sigma) + \eta L(x-\mu; \sigma)\right]

    with the Gaussian and the Lorentzian both of unit area and half width :math:`\sigma`, as in lmfit.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra over `dim` and any other dims, such as ``(y, x, energy)``. `dim` needs a coordinate with ``units``;
        it may descend and need not be even. Channels that are NaN are left out.
    dim : str, optional
        The spectral dimension; found by name or unit if not given.
    n_peaks : int, optional
        Number of peaks in every spectrum; by default 1, or as many as `lineshape` lists.
    lineshape : {"pseudo-voigt", "gaussian", "lorentzian", "voigt"} or list of these
        Shape of the peaks, or of each of them.
    background : {"linear", "constant", "none", "quadratic", "exponential", "shirley"}
        Background, fitted together with the peaks. ``shirley`` is the active one: a level, and a step that is the
        running integral of the fitted peaks times ``background_step``; on which side it is higher the data decide.
    likelihood : {"poisson", "gaussian"}
        ``poisson`` for counts; it has no bias at low counts, where weighting by the root of the counts takes some
        17 % off an area at 10 counts. ``gaussian`` for anything else.
    noise : float, xarray.DataArray, "poisson" or "auto", optional
        Standard deviation for the gaussian likelihood: a number, an array, or the root of the counts. If not given
        it is taken as constant in each spectrum and estimated from the residuals, as lmfit does. ``"auto"`` reads
        gain and read noise of the detector off the data (variance = read² + gain · mean) and reports them as
        attributes ``noise_gain`` and ``noise_read``; with the Poisson likelihood the gain scales deviance and
        standard errors, as it must where a count of the file is not one electron or photon.
    mask : xarray.DataArray of bool, optional
        Channels to leave out (True), over `dim` and perhaps other dims.
    robust : bool
        Leave out channels hit by cosmic rays: far above the spectrum and narrower than three channels.
    ties : mapping, optional
        ``{"p1_center": "p0_center + 1.2", "p1_amplitude": "0.5 * p0_amplitude", "sigma": "equal"}`` lets parameters
        follow others (a doublet), ``{"p0_fraction": 0.3}`` holds one; peaks are ``p0``, ``p1``, … as in lmfit.
    bounds : mapping, optional
        ``{"center": (284, 287)}`` for all peaks, ``{"center": [(284, 285), (285, 287)]}`` for each, in place of the
        defaults; None leaves a side at its default, a pair of equal numbers holds the parameter. By default areas are
        not negative, positions lie in the window, sigma is between one channel and half the window, fractions between
        0 and 1, and a background of counts is not negative. ``{"amplitude": (-1e9, 0)}`` looks for dips, with
        the gaussian likelihood.
    start : xarray.Dataset or mapping, optional
        An earlier result, or ``{"center": [284.5, 286.1]}``: numbers, one for each peak, or DataArrays over the map.
        What is not given is found automatically. Given starts keep the order of the peaks.
    engine : {"auto", "numba", "numpy"}
        Both engines give the same numbers; ``auto`` takes numba as soon as it is compiled.
    progress : callable, optional
        Called with a `runs.Part` about every 0.3 s.

    Returns
    -------
    xarray.Dataset
        Over the other dims of `da` and ``peak`` (ordered by position): ``amplitude`` (area, data unit times axis
        unit), ``center``, ``sigma``, ``fwhm`` (axis unit), ``height`` (data unit), ``fraction`` (pseudo-Voigt),
        ``gamma`` (Voigt, axis unit); ``background_level``, or ``background_left``, ``background_middle`` and
        ``background_right`` at the low end, middle and high end of the axis, ``background_step`` (Shirley, 1/axis
        unit); for each of them ``<name>_stderr`` from the Fisher information; ``deviance``, ``reduced_deviance``,
        ``dof``, ``bic``, ``n_iter``; ``status`` (0 ok, 1 a parameter at its bound, 2 not converged, 3 no data, 4 not
        run).

    Raises
    ------
    LabelError
        A dim, coordinate or unit is missing.
    DataError
        The data are not numbers, or have fewer channels than there are parameters.
    ParameterError
        An option is unknown or bounds leave nothing.

    Warns
    -----
    MIWidgetsWarning
        Counts below zero: the gaussian likelihood is used instead. Data that scatter far less than counts would.

    Notes
    -----
    Standard errors hold for the model that was fitted: look at ``reduced_deviance`` (about 1 for counts) and at the
    residuals before believing them. For how well fits of counts can do see Hauschild and Jentschel (2001),
    doi:10.1016/S0168-9002(00)00756-7; for the damping Nielsen (1999), IMM-REP-1999-05; for spectrum-adapted
    fitting of maps Matsumura et al. (2019), doi:10.1080/14686996.2019.1620123.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(4, 4), seed=1).spectra
    >>> fit = peaks.fit_peaks(spectra, "energy", n_peaks=2)
    >>> fit.center.dims
    ('y', 'x', 'peak')
    """
    parts = iter_fit_peaks(
        da,
        dim,
        n_peaks=n_peaks,
        lineshape=lineshape,
        background=background,
        likelihood=likelihood,
        noise=noise,
        mask=mask,
        robust=robust,
        ties=ties,
        bounds=bounds,
        start=start,
        engine=engine,
    )
    if progress is None:  # nobody looks at the parts between: build only the last Dataset
        return parts.run_to_end()
    result: xr.Dataset = collect(parts, progress)
    return result


class _Parts(Iterator[Part]):
    """Parts of a running fit, checked when made and fitted as they are drawn."""

    def __init__(self, fit: MapFit, prepared: Prepared, attrs: Mapping[str, Any]) -> None:
        self._fit, self._prepared, self._attrs = fit, prepared, attrs
        self._steps, self._last = fit.run(), False

    def __next__(self) -> Part:
        if self._last:
            raise StopIteration
        rows, message = next(self._steps, (np.empty(0, dtype=int), "done"))
        self._last = message == "done"
        if self._last:
            self._warn()
        done = int((self._fit.status != NOT_RUN).sum())
        return Part(done, self._fit.n_spectra, self._result(), rows, message)

    def run_to_end(self) -> xr.Dataset:
        """Draw all parts and build the Dataset once."""
        for _ in self._steps:
            pass
        self._warn()
        return self._result()

    def _warn(self) -> None:
        """Say so where the scatter is far too small for counts: the standard errors are then far too large."""
        fit = self._fit
        fitted = fit.dof > 0
        if fit.problem.poisson and fitted.any() and np.nanmedian(fit.deviance[fitted] / fit.dof[fitted]) < NO_COUNTS:
            warnings.warn(
                f"the data scatter {1 / NO_COUNTS:.0f} times less than counts would: standard errors are far too large."
                " Write noise='auto' for counts of a detector with a gain, likelihood='gaussian' for anything else.",
                MIWidgetsWarning,
                stacklevel=4,
            )

    def _result(self) -> xr.Dataset:
        p = self._prepared
        return to_dataset(
            self._fit,
            p.coords,
            p.dims,
            p.shape,
            axis_units=p.axis_units,
            value_units=p.value_units,
            attrs=self._attrs,
        )


def iter_fit_peaks(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    n_peaks: int | None = None,
    lineshape: str | Sequence[str] = "pseudo-voigt",
    background: str = "linear",
    likelihood: str = "poisson",
    noise: float | str | xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    robust: bool = False,
    ties: Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None,
    start: xr.Dataset | Mapping[str, Any] | None = None,
    engine: str = "auto",
) -> "_Parts":
    """Fit as `fit_peaks` does, in parts of about 0.3 s that can be watched and stopped.

    Parameters
    ----------
    da, dim, n_peaks, lineshape, background, likelihood, noise, mask, robust, ties, bounds, start, engine
        As in `fit_peaks`; they are checked at once, before the first part is drawn.

    Returns
    -------
    iterator of runs.Part
        ``result`` is the Dataset of all that is finished (elsewhere NaN and status ``not_run``), ``index`` the flat
        numbers of the spectra that are new, ``message`` ``"fit"``, ``"repair"`` or, in the last part, ``"done"``.

    Raises
    ------
    LabelError, DataError, ParameterError
        As in `fit_peaks`.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(4, 4), seed=1).spectra
    >>> parts = list(peaks.iter_fit_peaks(spectra, "energy", n_peaks=2))
    >>> parts[-1].done
    16
    """
    dim = str(dim or find_spectral_dim(da))
    model = Model.of(lineshape, n_peaks, background)
    prepared = prepare(da, dim, model, mask=mask, spikes=find_spikes if robust else None)
    fit = build_fit(
        prepared, model, likelihood=likelihood, noise=noise, ties=ties, bounds=bounds, start=start, engine=engine
    )
    poisson, rising = fit.problem.poisson, fit.problem.rising
    options = {
        "dim": dim,
        "n_peaks": model.n_peaks,
        "lineshape": lineshape if isinstance(lineshape, str) else list(lineshape),
        "background": background,
        "likelihood": "poisson" if poisson else "gaussian",
        "noise": noise if isinstance(noise, str | float | int | None) else "given as an array",
        "mask": "given" if mask is not None else None,
        "robust": bool(robust),
        "ties": dict(ties or {}),
        "bounds": {k: np.asarray(v, dtype=object).tolist() for k, v in (bounds or {}).items()},
        "start": "given" if start is not None else None,
    }
    attrs = {
        "title": "peak fit",
        "source": str(da.attrs.get("source", da.name or "")),
        "references": "https://doi.org/10.1080/14686996.2019.1620123",
        "history": history("mi_widgets.peaks.fit_peaks", __version__, options),
        "spectral_dim": dim,
        "lineshape": ", ".join(dict.fromkeys(model.lineshapes)) if model.uniform else ", ".join(model.lineshapes),
        "background": background,
        "background_rising": int(rising),
        "likelihood": options["likelihood"],
        "axis_range": [float(prepared.axis[0]), float(prepared.axis[-1])],
        "axis_units": require_units(da[dim], who="fit_peaks"),
        **(fit.noise.attrs or {}),
    }
    return _Parts(fit, prepared, attrs)
