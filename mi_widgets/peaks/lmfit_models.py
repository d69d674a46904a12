"""Models of lmfit over whole maps: by our engines where they can say the same, else by lmfit, spectrum by spectrum."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import MIWidgetsWarning, ParameterError
from mi_widgets.labels import find_spectral_dim
from mi_widgets.peaks._lmfit import NotBatchableError, translate
from mi_widgets.peaks._lmfit_map import PixelFits
from mi_widgets.runs import Part, Progress, collect

__all__ = ["batched_options", "fit_by_lmfit", "from_lmfit", "iter_fit_by_lmfit"]


def from_lmfit(model: Any, params: Any, axis: Any) -> dict[str, Any]:
    """Options of `fit_peaks` that mean the same as an lmfit model with its parameters.

    Sums of ``GaussianModel``, ``LorentzianModel``, ``PseudoVoigtModel`` and ``VoigtModel`` with any prefixes, and at
    most one of ``ConstantModel``, ``LinearModel``, ``QuadraticModel`` and ``ExponentialModel``, can be said in these
    words. Initial values become ``start``, ``min`` and ``max`` become ``bounds``, ``vary=False`` and expressions that
    are linear in one other parameter become ``ties``; ``fwhm`` and ``height`` follow anyway. A position without bounds
    stays in the window. Peaks are numbered in the order in which they are added.

    Parameters
    ----------
    model : lmfit.Model
        A model, or a sum of models.
    params : lmfit.Parameters or None
        None stands for ``model.make_params()``.
    axis : array_like
        The spectral axis; a background is given here by its values at the ends of it.

    Returns
    -------
    dict
        ``lineshape``, ``background``, ``bounds``, ``ties`` and ``start``.

    Raises
    ------
    ParameterError
        No model or parameters of lmfit, a parameter is missing or has no value, or it cannot be said in these words:
        the message says why.

    Examples
    --------
    >>> import lmfit
    >>> model = lmfit.models.GaussianModel(prefix="a_") + lmfit.models.LinearModel()
    >>> params = model.make_params(a_center=285.0, a_sigma=0.4, a_amplitude=900, slope=0, intercept=20)
    >>> from_lmfit(model, params, np.linspace(280, 290, 101))["start"]["background_left"]
    20.0
    """
    options, reason = batched_options(model, params, axis)
    if options is None:
        raise ParameterError(f"this lmfit model cannot be fitted in one go: {reason}. Write fit_by_lmfit(...).")
    return options


def batched_options(model: Any, params: Any, axis: Any) -> tuple[dict[str, Any] | None, str | None]:
    """What `from_lmfit` gives and None, or None and the reason why the model must be left to lmfit.

    Parameters
    ----------
    model, params, axis
        As in `from_lmfit`.

    Returns
    -------
    options : dict or None
    reason : str or None

    Raises
    ------
    ParameterError
        No model or parameters of lmfit, or a parameter is missing or has no value.

    Examples
    --------
    >>> import lmfit
    >>> model = lmfit.models.DoniachModel()
    >>> batched_options(model, model.make_params(), [0.0, 1.0])[1]
    'Model(doniach) has no counterpart here'
    """
    params = checked_params(model, params)
    x = np.asarray(axis, dtype=float)
    try:
        return translate(model, params, float(x.min()), float(x.max())), None
    except NotBatchableError as error:
        return None, str(error)


def checked_params(model: Any, params: Any) -> Any:
    """Parameters of an lmfit model, all there and with values."""
    import lmfit

    if not isinstance(model, lmfit.Model):
        raise ParameterError(f"model must be a model of lmfit, or a sum of such models; got {type(model).__name__}.")
    if params is None:
        params = model.make_params()
    if not isinstance(params, lmfit.Parameters):
        raise ParameterError(f"params must be lmfit.Parameters, as model.make_params() gives; got {params!r}.")
    params = params.copy()
    params.update_constraints()
    for name in model.param_names:
        if name not in params:
            raise ParameterError(f"params lack {name!r}; write params = model.make_params({name}=...).")
        if not np.isfinite(params[name].value):
            raise ParameterError(f"params give {name!r} no value to start from; write model.make_params({name}=...).")
    return params


def iter_fit_by_lmfit(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    model: Any,
    params: Any = None,
    likelihood: str = "poisson",
    noise: float | str | Mapping[str, float] | xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    robust: bool = False,
    reason: str | None = None,
) -> Iterator[Part]:
    """Fit as `fit_by_lmfit` does, in parts of about 0.3 s that can be watched and stopped.

    Parameters
    ----------
    da, dim, model, params, likelihood, noise, mask, robust, reason
        As in `fit_by_lmfit`; they are checked at once, before the first part is drawn.

    Returns
    -------
    iterator of runs.Part
        ``result`` is the Dataset of all that is finished (elsewhere NaN and status ``not_run``).

    Raises
    ------
    LabelError, DataError, ParameterError
        As in `fit_by_lmfit`.

    Examples
    --------
    >>> import lmfit
    >>> from mi_widgets.labels import label_spectra
    >>> da = label_spectra(np.arange(9.0) + 1, np.arange(9.0))
    >>> parts = iter_fit_by_lmfit(da, model=lmfit.models.LinearModel(), likelihood="gaussian")
    >>> round(float(list(parts)[-1].result.slope), 6)
    1.0
    """
    params = checked_params(model, params)
    fits = PixelFits(
        da,
        str(dim or find_spectral_dim(da)),
        model,
        params,
        likelihood=likelihood,
        noise=noise,
        mask=mask,
        robust=robust,
    )
    if reason:
        warnings.warn(
            f"{reason}: lmfit fits the spectra one by one, hundreds of times slower; some {0.03 * fits.n_spectra:.0f} s"
            f" for {fits.n_spectra} spectra.",
            MIWidgetsWarning,
            stacklevel=4,
        )
    return fits.run()


def fit_by_lmfit(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    model: Any,
    params: Any = None,
    likelihood: str = "poisson",
    noise: float | str | Mapping[str, float] | xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    robust: bool = False,
    reason: str | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Fit any model of lmfit to every spectrum, one by one.

    Each spectrum is fitted by lmfit's least squares from the same `params`: of the signed roots of the deviance
    :math:`2 (f - y + y \ln(y / f))` for counts, so that its minimum is that of the Poisson likelihood, or of
    the residuals.

    Parameters
    ----------
    da, dim, likelihood, noise, mask, robust
        As in `fit_peaks`.
    model : lmfit.Model
        Any model with one independent variable.
    params : lmfit.Parameters, optional
        Starting values, bounds, expressions; by default ``model.make_params()``.
    reason : str, optional
        Why the quicker way is not open; given with a warning.
    progress : callable, optional
        Called with a `runs.Part` about every 0.3 s.

    Returns
    -------
    xarray.Dataset
        Over the other dims of `da`: each of lmfit's parameters by its name, prefix included, and ``<name>_stderr``
        (NaN where lmfit gives none; units where lmfit's own names say them); ``deviance``, ``reduced_deviance``,
        ``dof``, ``bic``, ``n_iter`` (evaluations) and ``status`` as in `fit_peaks`.

    Raises
    ------
    LabelError, DataError, ParameterError
        As in `fit_peaks`; or a parameter has the name of a dim or of another variable of the result.

    Warns
    -----
    MIWidgetsWarning
        The `reason`, and how long it may take.

    Examples
    --------
    >>> import lmfit
    >>> from mi_widgets import datasets
    >>> spectra = datasets.make_spectral_map(shape=(2, 2), n_peaks=1, seed=1).spectra
    >>> model = lmfit.models.SkewedGaussianModel() + lmfit.models.ConstantModel()
    >>> params = model.make_params(center=284.4, sigma=0.5, amplitude=1000.0, gamma=0.0, c=100.0)
    >>> fit_by_lmfit(spectra, model=model, params=params).center.dims
    ('y', 'x')
    """
    parts = iter_fit_by_lmfit(
        da,
        dim,
        model=model,
        params=params,
        likelihood=likelihood,
        noise=noise,
        mask=mask,
        robust=robust,
        reason=reason,
    )
    result: xr.Dataset = collect(parts, progress)
    return result
