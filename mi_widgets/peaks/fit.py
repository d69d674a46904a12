"""Fit peaks to every spectrum of a map at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.labels import find_spectral_dim, require_axis
from mi_widgets.peaks._chunks import ChunkParts, lazy_fit
from mi_widgets.peaks._parts import FitOptions, Parts
from mi_widgets.peaks.lmfit_models import batched_options, iter_fit_by_lmfit
from mi_widgets.peaks.smooth import smooth_maps
from mi_widgets.runs import Part, Progress, collect

__all__ = ["fit_peaks", "iter_fit_peaks"]


def fit_peaks(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    model: Any = None,
    params: Any = None,
    n_peaks: int | None = None,
    lineshape: str | Sequence[str] = "pseudo-voigt",
    background: str = "linear",
    likelihood: str = "poisson",
    noise: float | str | Mapping[str, float] | xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    robust: bool = False,
    ties: Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None,
    shared: Sequence[str] | None = None,
    start: xr.Dataset | Mapping[str, Any] | None = None,
    method: str = "lm",
    smooth: str | None = None,
    correlations: bool = False,
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
        it may descend and need not be even. Channels that are NaN are left out. Where it is chunked (dask) so is the
        result: nothing is fitted before ``.compute()`` or ``.to_zarr()``, chunk by chunk, each read once; ask for all
        variables in one go.
    dim : str, optional
        The spectral dimension; found by name or unit if not given.
    model, params : lmfit.Model and lmfit.Parameters, optional
        In place of `n_peaks`, `lineshape`, `background`, `ties`, `bounds` and `start`: a model of lmfit, such as a sum
        of ``PseudoVoigtModel`` and ``LinearModel``, with its parameters: values, ``min``, ``max``, ``vary``, ``expr``.
        What cannot be fitted in one go is fitted by lmfit spectrum by spectrum, with a warning that says why; the
        result then has lmfit's own names. See `from_lmfit` and `fit_by_lmfit`.
    n_peaks : int, optional
        Number of peaks in every spectrum; by default 1, or as many as `lineshape` lists.
    lineshape : str or list of str
        Shape of the peaks, or of each of them: ``pseudo-voigt``, ``gaussian``, ``lorentzian``, ``voigt``,
        ``asymmetric-pseudo-voigt`` (half widths sigma (1 - asymmetry) below and sigma (1 + asymmetry) above the center;
        area, height and fwhm as for ``pseudo-voigt``), ``doniach`` (lmfit's Doniach-Sunjic profile convolved with a
        Gaussian of standard deviation ``gaussian_sigma``: it has no finite area, ``amplitude`` is lmfit's factor, area
        / pi at gamma = 0; ``height`` is the value at ``center``, the maximum stands beside it on the side of the tail;
        ``gamma`` above zero has the tail at the low end of the axis, as in lmfit, below zero at the high end, as metals
        have it on a binding energy axis; the data decide).
    background : str
        Fitted together with the peaks: ``linear``, ``constant``, ``none``, ``quadratic``, ``exponential``, or made from
        the peaks: ``shirley``, a level and a step that is their running integral times ``background_step``;
        ``tougaard`` and ``tougaard-u3``, a level, and peaks that lose energy T again and again with probability
        B T/(C+T²)², or B T/((C-T²)²+D T²), solved exactly. On which side these are higher the data decide.
        ``background_b`` is free; ``background_c`` (1643 eV², U3: 551) and ``background_d`` (436) are held until
        ``bounds={"background_c": (low, high)}`` frees them, for which a window of 10 eV is too small; on an axis that
        is not in eV they must be given.
    likelihood : {"poisson", "gaussian"}
        ``poisson`` for counts; it has no bias at low counts, where weighting by the root of the counts takes some
        17 % off an area at 10 counts. ``gaussian`` for anything else.
    noise : float, xarray.DataArray, "poisson", "auto" or mapping, optional
        Standard deviation for the gaussian likelihood: a number, an array, or the root of the counts. If not given
        it is taken as constant in each spectrum and estimated from the residuals, as lmfit does. ``"auto"`` reads
        gain and read noise of the detector off the data (variance = read² + gain · mean) and reports them as
        attributes ``noise_gain`` and ``noise_read``; with the Poisson likelihood the gain scales deviance and
        standard errors, as it must where a count of the file is not one electron or photon. ``{"gain": 0.23, "read":
        4.0}`` says what is known of it, as one spectrum alone can hardly show.
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
    shared : sequence of str, optional
        ``["fraction", "p0_sigma"]``: parameters that have one value for the whole map, each peak its own, found
        together with all others. Peaks are then numbered as they go over the map (see `track_peaks`), not by position.
        Not for chunked arrays.
    start : xarray.Dataset or mapping, optional
        An earlier result, or ``{"center": [284.5, 286.1]}``: numbers, one for each peak, or DataArrays over the map.
        What is not given is found automatically. Given starts keep the order of the peaks.
    method : {"lm", "em"}
        ``em`` is the spectrum-adapted expectation maximisation of Matsumura et al., with extrapolated steps: the work
        does not depend on the number of counts and the likelihood never falls. It ends at the same maximum, 50 to
        100 times slower; for Gaussians, Lorentzians and pseudo-Voigts on no, a constant or a linear background.
    smooth : {None, "spatial"}
        Adds ``<name>_smooth`` and its standard error for position, width and area: see `smooth_maps`.
    correlations : bool
        Adds ``correlation`` (..., parameter, parameter_2), parameters by lmfit's names (``p0_center``).
    engine : {"auto", "numba", "numpy"}
        Both engines give the same numbers; ``auto`` takes numba as soon as it is compiled.
    progress : callable, optional
        Called with a `runs.Part` about every 0.3 s.

    Returns
    -------
    xarray.Dataset
        Over the other dims of `da` and ``peak`` (ordered by position): ``amplitude`` (area, data unit times axis
        unit), ``center``, ``sigma``, ``fwhm`` (axis unit), ``height`` (data unit), ``fraction`` (pseudo-Voigt),
        ``gamma`` (Voigt: axis unit; Doniach: 1), ``asymmetry`` (1), ``gaussian_sigma`` (axis unit);
        ``background_level``, or ``background_left``, ``background_middle`` and
        ``background_right`` at the low end, middle and high end of the axis, ``background_step`` (Shirley, 1/axis
        unit), ``background_b``, ``background_c``, ``background_d`` (Tougaard, axis unit squared); for each of them
        ``<name>_stderr`` from the Fisher information; ``deviance``, ``reduced_deviance``,
        ``dof``, ``bic``, ``n_iter``; ``status`` (0 ok, 1 a parameter at its bound, 2 not converged, 3 no data, 4 not
        run, 5 saturated: fitted without the channels at the detector's ceiling).

    Raises
    ------
    LabelError
        A dim, coordinate or unit is missing.
    DataError
        The data are not numbers, or have fewer channels than there are parameters.
    ParameterError
        An option is unknown, bounds leave nothing, or options do not go together.

    Warns
    -----
    MIWidgetsWarning
        Counts below zero: the gaussian likelihood is used instead; of a chunked array, where only one chunk is looked
        at before, such spectra are left out. Data that scatter far less than counts would. Read noise that the Poisson
        likelihood leaves out.

    Notes
    -----
    Standard errors hold for the model that was fitted: look at ``reduced_deviance`` (about 1 for counts) and at the
    residuals before believing them. For how well fits of counts can do see Hauschild and Jentschel (2001),
    doi:10.1016/S0168-9002(00)00756-7; on the backgrounds Shirley (1972), doi:10.1103/PhysRevB.5.4709, and Tougaard
    (1997), doi:10.1002/(SICI)1096-9918(199703)25:3<137::AID-SIA230>3.0.CO;2-L; on asymmetric lines Doniach and
    Sunjic (1970), doi:10.1088/0022-3719/3/2/010; for the damping Nielsen (1999), IMM-REP-1999-05; for spectrum-adapted
    fitting of maps Matsumura et al. (2019), doi:10.1080/14686996.2019.1620123.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(4, 4), seed=1).spectra
    >>> fit = peaks.fit_peaks(spectra, "energy", n_peaks=2)
    >>> fit.center.dims
    ('y', 'x', 'peak')
    """
    if smooth not in (None, "spatial"):
        raise ParameterError(f"unknown smooth {smooth!r}; write 'spatial' or None.")
    options = FitOptions(
        model=model,
        params=params,
        n_peaks=n_peaks,
        lineshape=lineshape,
        background=background,
        likelihood=likelihood,
        noise=noise,
        mask=mask,
        robust=robust,
        ties=ties,
        bounds=bounds,
        shared=shared,
        start=start,
        method=method,
        correlations=correlations,
        engine=engine,
    )
    lazy = progress is None and isinstance(da, xr.DataArray) and da.chunks is not None
    if smooth and (lazy or getattr(da, "ndim", 0) not in (2, 3)):
        raise ParameterError(
            "smooth='spatial' needs a map of one or two dims in memory. Leave it out; of a larger map write "
            "peaks.smooth_maps(fit.load(), dims=('y', 'x')) after the fit."
        )
    if smooth and model is not None:
        _said, reason = _of_lmfit(da, str(dim or find_spectral_dim(da)), options)
        if reason:
            raise ParameterError(f"smooth='spatial' needs a model fitted in one go, and {reason}. Leave it out.")
    if lazy:
        dim = str(dim or find_spectral_dim(da))
        options, reason = _of_lmfit(da, dim, options)
        if reason:
            raise ParameterError(
                f"a chunked array cannot be left to lmfit ({reason}). Write fit_peaks(da.load(), ...)."
            )
        return lazy_fit(da, dim, options)
    parts = iter_fit_peaks(da, dim, **options)
    # where nobody looks at the parts between, only the last Dataset is built
    if progress is None and isinstance(parts, Parts | ChunkParts):
        result = parts.run_to_end()
    else:
        result = collect(parts, progress)
    return smooth_maps(result) if smooth else result


def iter_fit_peaks(da: xr.DataArray, dim: str | None = None, **options: Unpack[FitOptions]) -> Iterator[Part]:
    """Fit as `fit_peaks` does, in parts of about 0.3 s that can be watched and stopped.

    Parameters
    ----------
    da, dim
        As in `fit_peaks`. Of a chunked array one chunk is held at a time, and the result.
    **options
        Keywords of `fit_peaks` but ``smooth`` and ``progress``; they are checked at once, before the first part is
        drawn.

    Returns
    -------
    iterator of runs.Part
        ``result`` is the Dataset of all that is finished (elsewhere NaN and status ``not_run``), ``index`` the flat
        numbers of the spectra that are new, ``message`` ``"fit"``, ``"repair"``, ``"shared"`` or, in the last part,
        ``"done"``.

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
    unknown = set(options) - set(FitOptions.__annotations__)
    if unknown:
        raise ParameterError(f"unknown option {min(unknown)!r}; write one of {', '.join(FitOptions.__annotations__)}.")
    dim = str(dim or find_spectral_dim(da))
    whole, reason = _of_lmfit(da, dim, options)
    if reason:
        names = ("model", "params", "likelihood", "noise", "mask", "robust")
        return iter_fit_by_lmfit(da, dim, reason=reason, **{n: whole[n] for n in names if n in whole})  # type: ignore[literal-required]
    kind = ChunkParts if isinstance(da, xr.DataArray) and da.chunks is not None else Parts
    return kind(da, dim, whole)


def _of_lmfit(da: xr.DataArray, dim: str, options: FitOptions) -> tuple[FitOptions, str | None]:
    """Options without a model of lmfit but with what it says; or with it, and the reason why lmfit has to fit it."""
    if options.get("model") is None:
        if options.get("params") is not None:
            raise ParameterError("params go with a model of lmfit: write model=..., or leave params out.")
        return FitOptions(**{k: v for k, v in options.items() if k not in ("model", "params")}), None  # type: ignore[typeddict-item]
    for name in ("n_peaks", "ties", "bounds", "start"):
        if options.get(name) is not None:
            raise ParameterError(f"{name} cannot go with model: lmfit's model and its params say it. Leave {name} out.")
    require_axis(da, dim, who="fit_peaks")
    said, reason = batched_options(options["model"], options.get("params"), da[dim].values)
    if said is None:
        wrong = [k for k in ("shared", "method", "correlations") if options.get(k) not in (None, False, "lm")]
        if wrong:
            raise ParameterError(f"{wrong[0]} needs a model fitted in one go, and {reason}. Leave it out.")
        return options, reason
    rest = {k: v for k, v in options.items() if k not in ("model", "params", "n_peaks", "lineshape", "background")}
    return FitOptions(**{**rest, **said}), None  # type: ignore[typeddict-item]
