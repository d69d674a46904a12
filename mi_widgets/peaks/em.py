"""Spectrum-adapted expectation maximisation: every step can be looked at."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.labels import find_spectral_dim, product_unit
from mi_widgets.peaks._build import build_fit
from mi_widgets.peaks._checks import Prepared, prepare
from mi_widgets.peaks._dataset import LONG_NAMES, attributes
from mi_widgets.peaks._em import EM, GROUNDS, SHAPES, supported
from mi_widgets.peaks._map_fit import MapFit
from mi_widgets.peaks._model import Model
from mi_widgets.runs import Part

__all__ = ["iter_em"]

MAX_SPECTRA = 4096  # all steps of all spectra are held at once; for whole maps there is fit_peaks


def iter_em(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    n_peaks: int = 1,
    lineshape: str = "pseudo-voigt",
    background: str = "linear",
    start: xr.Dataset | Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None,
    n_steps: int = 200,
    tol: float = 1e-6,
) -> Iterator[Part]:
    r"""Fit by expectation maximisation, and give every step of it.

    A spectrum is read as a histogram of energies drawn from a mixture of peaks and background. The expectation step
    shares each channel's counts :math:`y_i` out to the components; the maximisation step moves every component to the
    mean and width of its share. The work of a step does not depend on how many counts there are, and the likelihood
    :math:`\sum_i y_i \log p(x_i)` never falls.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra over `dim` and any other dims, without negative values or gaps; some thousands at most.
    dim : str, optional
        The spectral dimension; found by name or unit if not given.
    n_peaks : int
        Number of peaks.
    lineshape : {"pseudo-voigt", "gaussian", "lorentzian"}
        Shape of the peaks.
    background : {"linear", "constant", "none"}
        Background.
    start, bounds
        As in `fit_peaks`.
    n_steps : int
        Steps at most.
    tol : float
        Stop when no spectrum gains more than this times its counts in log likelihood.

    Yields
    ------
    runs.Part
        ``result`` is a Dataset of the parameters as `fit_peaks` names them and ``log_likelihood``, before the step of
        number ``done``; the first is the start, the last the end.

    Raises
    ------
    ParameterError
        A line shape or background without a closed maximisation step.
    DataError
        Negative values, gaps, or too many spectra.

    Notes
    -----
    It converges linearly, in hundreds of steps where least squares needs five. What the tails of a line hold outside
    the window is taken as missing data, so that areas are not too small, as they are where it is taken for nothing.
    See it work here, and fit with ``fit_peaks(method="em")`` or `fit_peaks`. T. Matsumura et al. (2019),
    doi:10.1080/14686996.2019.1620123; (2021), doi:10.1080/27660400.2021.1899449.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectrum = datasets.make_spectral_map(shape=(1, 1), seed=1).spectra[0, 0]
    >>> steps = list(peaks.iter_em(spectrum, n_peaks=2, n_steps=20))
    >>> bool(steps[-1].result.log_likelihood > steps[0].result.log_likelihood)
    True
    """
    dim = str(dim or find_spectral_dim(da))
    model = Model.of(lineshape, n_peaks, background)
    if not supported(model):
        raise ParameterError(f"EM has closed steps for {', '.join(SHAPES)} on backgrounds {', '.join(GROUNDS)}; got "
                             f"{lineshape!r} on {background!r}. Use fit_peaks for others.")  # fmt: skip
    prepared = prepare(da, dim, model)
    rows = np.arange(len(prepared.spectra))
    if rows.size > MAX_SPECTRA:
        raise DataError(f"iter_em is for up to {MAX_SPECTRA} spectra; got {rows.size}. Use fit_peaks for whole maps.")
    y = prepared.read(rows)
    if not np.isfinite(y).all() or (y < 0).any():
        raise DataError("iter_em needs spectra without gaps or negative values. Use fit_peaks, which leaves gaps out.")
    fit = build_fit(prepared, model, likelihood="poisson", start=start, bounds=bounds, engine="numpy")
    return _steps(fit, prepared, y, n_steps, tol, dim)


def _steps(fit: MapFit, prepared: Prepared, y: np.ndarray, n_steps: int, tol: float, dim: str) -> Iterator[Part]:
    em = EM(fit.model, prepared.axis, y, fit.starts(y), fit.problem.low, fit.problem.high)
    before = np.full(len(y), -np.inf)
    for step in range(n_steps + 1):
        parameters = em.p.copy()
        log_likelihood = em.iterate()
        yield Part(step, n_steps, _dataset(fit.model, prepared, parameters, log_likelihood, dim), step, "EM")
        if (log_likelihood - before <= tol * em.total).all():
            return
        before = log_likelihood


def _dataset(model: Model, prepared: Prepared, p: np.ndarray, log_likelihood: np.ndarray, dim: str) -> xr.Dataset:
    units = {"amplitude": product_unit(prepared.value_units, prepared.axis_units), "fraction": "1"}
    units |= dict.fromkeys(("center", "sigma"), prepared.axis_units)
    out: dict[str, Any] = {}
    for name in model.peak_names:
        over = ((*prepared.dims, "peak"), p[:, model.columns(name)].reshape(*prepared.shape, model.n_peaks))
        out[name] = (*over, {"units": units[name], "long_name": LONG_NAMES[name]})
    for name in model.background_names:
        values = p[:, model.columns(name)[0]].reshape(prepared.shape)
        out[name] = (prepared.dims, values, {"units": prepared.value_units, "long_name": LONG_NAMES[name]})
    text = {"units": "1", "long_name": "log likelihood"}
    out["log_likelihood"] = (prepared.dims, log_likelihood.reshape(prepared.shape), text)
    out["status"] = (prepared.dims, np.full(prepared.shape, 2, dtype=np.int8), {"units": "1", "long_name": "status"})
    out["height"] = ((*prepared.dims, "peak"), _heights(model, p).reshape(*prepared.shape, -1),
                     {"units": prepared.value_units, "long_name": "height"})  # fmt: skip
    number = ("peak", np.arange(model.n_peaks), {"units": "1", "long_name": "peak number"})
    return xr.Dataset(
        out,
        coords={**prepared.coords, "peak": number},
        attrs={
            **attributes(
                "iter_em",
                "peak fit by expectation maximisation",
                {"dim": dim},
                references="https://doi.org/10.1080/14686996.2019.1620123",
            ),
            "spectral_dim": dim,
            "lineshape": model.lineshapes[0],
            "background": model.background,
            "likelihood": "poisson",
            "axis_range": [float(prepared.axis[0]), float(prepared.axis[-1])],
            "axis_units": prepared.axis_units,
        },
    )


def _heights(model: Model, p: np.ndarray) -> np.ndarray:
    return np.stack([shape.height(p[:, model.peak(k)]) for k, shape in enumerate(model.shapes)], axis=1)
