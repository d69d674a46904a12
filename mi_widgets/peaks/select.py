"""How many peaks a spectrum has, with the whole evidence beside the choice."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.labels import find_spectral_dim
from mi_widgets.peaks._checks import prepare
from mi_widgets.peaks._engines._door import resolve_engine
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._select.data import Source
from mi_widgets.peaks._select.parts import SelectParts
from mi_widgets.peaks._select.run import Options, Selection
from mi_widgets.runs import Progress, collect

__all__ = ["iter_select_n_peaks", "select_n_peaks"]

CRITERIA = ("bic", "aic", "aicc")


def select_n_peaks(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    n_peaks: Iterable[int] = range(6),
    lineshapes: Sequence[str] = ("pseudo-voigt",),
    backgrounds: Sequence[str] = ("linear", "shirley"),
    criterion: str = "bic",
    pool: int = 1,
    complete: bool = True,
    likelihood: str = "poisson",
    noise: float | str | Mapping[str, float] | None = None,
    engine: str = "auto",
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Choose the number of peaks in every spectrum, and before that the line shape and background of them all.

    The family (line shape and background) is the one with the least criterion summed over some dozens of spectra, each
    with the number of peaks that suits it best in that family. Spectra are not averaged for this: lines that move over
    the map would blur into a shape that none of them has. With the family settled, every spectrum is fitted with
    each number of peaks, started from the fit with one peak less and from the spectrum itself; where the decision is
    near, from more. The criterion is :math:`D + k \ln n` (BIC), with the deviance :math:`D` of :math:`n` channels and
    :math:`k` parameters.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra over `dim` and any other dims. A chunked one is read chunk by chunk: each once for some spectra that
        stand for all, and once for the counting; never more than one chunk is held (for each spectral chunk all of
        the axis).
    dim : str, optional
        The spectral dimension; found by name or unit if not given.
    n_peaks : iterable of int
        Candidates; 0 is a background alone.
    lineshapes, backgrounds : sequence of str
        Candidates for the family, as in `fit_peaks`.
    criterion : {"bic", "aic", "aicc"}
        BIC adds a peak too many in less than 1 % of spectra; AIC and AICc, made for prediction, do in 15 to 30 %.
    pool : int
        Add the evidence of ``pool x pool`` neighbouring spectra before choosing (odd; 1 is each by itself): at few
        counts it finds peaks that no single spectrum can show, and it blurs edges by as much.
    complete : bool
        Fit every number of peaks to every spectrum; those that can hardly win in few steps, so that their criterion
        may be some units too high. False leaves them out (NaN), which is up to three times as quick; a `pool` needs
        them all.
    likelihood, noise, engine
        As in `fit_peaks`.
    progress : callable, optional
        Called with the parts of `iter_select_n_peaks`.

    Returns
    -------
    xarray.Dataset
        ``evidence`` (..., candidate): the criterion (not pooled), NaN where not tried; ``n_peaks`` (...): the choice,
        -1 where there are no data; ``margin`` (...): by how much the criterion of the second best is larger;
        ``family_suspect`` (...): 1 where the residuals of the chosen fit hang together or are too large for the
        noise; ``family_evidence`` (lineshape, background): the summed criterion. Attributes ``lineshape``,
        ``background`` (the choice); ``family_suspect``: 1 if no candidate is right, because all residuals together say
        so or because a family that was not among the candidates is better, which is then named in ``better_family``
        (else empty); ``residual_correlation``: what the residuals say, in standard deviations.

    Raises
    ------
    ParameterError
        No candidate, or an unknown one.
    LabelError, DataError
        As in `fit_peaks`.

    Notes
    -----
    A wrong family is not cured by more data: with a linear background under a Shirley step BIC adds a spurious peak
    nearly everywhere, at any count level. With enough peaks its residuals are even good. That is why the family comes
    first, and why near families that were not offered are tried on some spectra for ``family_suspect``.

    What limits it is the criterion and no longer the search: fits started from the truth would choose the same. Of
    three lines exactly one width apart BIC finds all in 99.6 % of spectra where each has 100 counts or more at its top;
    where the weaker ones have 40, in 93 to 96 % on a line and 86 to 89 % on a Shirley step. There `pool` helps.

    References
    ----------
    G. Schwarz (1978), doi:10.1214/aos/1176344136; on spectra H. Shinotsuka et al. (2020),
    doi:10.1016/j.elspec.2019.146903.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(preset="separated", shape=(3, 3), seed=1).spectra
    >>> int(peaks.select_n_peaks(spectra, n_peaks=range(4)).n_peaks.max())
    2
    """
    parts = iter_select_n_peaks(
        da, dim, n_peaks=n_peaks, lineshapes=lineshapes, backgrounds=backgrounds, criterion=criterion, pool=pool,
        complete=complete, likelihood=likelihood, noise=noise, engine=engine,
    )  # fmt: skip
    if progress is None:  # nobody looks at the parts between: build only the last Dataset
        return parts.run_to_end()
    result: xr.Dataset = collect(parts, progress)
    return result


def iter_select_n_peaks(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    n_peaks: Iterable[int] = range(6),
    lineshapes: Sequence[str] = ("pseudo-voigt",),
    backgrounds: Sequence[str] = ("linear", "shirley"),
    criterion: str = "bic",
    pool: int = 1,
    complete: bool = True,
    likelihood: str = "poisson",
    noise: float | str | Mapping[str, float] | None = None,
    engine: str = "auto",
) -> SelectParts:
    """Choose as `select_n_peaks` does, in parts of about half a second that can be watched and stopped.

    Parameters
    ----------
    da, dim, n_peaks, lineshapes, backgrounds, criterion, pool, complete, likelihood, noise, engine
        As in `select_n_peaks`; they are checked at once, before the first part is drawn.

    Returns
    -------
    iterator of runs.Part
        ``done`` and ``total`` count spectra; ``index`` is the flat numbers of those that are new, none while the
        family is being decided; ``result`` is the Dataset of all that is finished, elsewhere ``n_peaks`` is -1 and the
        evidence NaN. The last part holds the whole; its ``message`` is ``"done"``.

    Raises
    ------
    ParameterError, LabelError, DataError
        As in `select_n_peaks`.

    Examples
    --------
    >>> from mi_widgets import datasets
    >>> from mi_widgets.peaks.select import iter_select_n_peaks
    >>> spectra = datasets.make_spectral_map(preset="separated", shape=(3, 3), seed=1).spectra
    >>> parts = list(iter_select_n_peaks(spectra, n_peaks=range(4)))
    >>> parts[-1].done, parts[-1].message
    (9, 'done')
    """
    dim = str(dim or find_spectral_dim(da))
    candidates = _candidates(n_peaks)
    if criterion not in CRITERIA:
        raise ParameterError(f"unknown criterion {criterion!r}; write one of {', '.join(map(repr, CRITERIA))}.")
    if not isinstance(pool, int | np.integer) or pool < 1 or pool % 2 == 0:
        raise ParameterError(f"pool must be an odd number of spectra, such as 1 or 3; got {pool!r}.")
    if isinstance(lineshapes, str) or isinstance(backgrounds, str) or not lineshapes or not backgrounds:
        raise ParameterError(
            "select_n_peaks needs at least one line shape and one background, each as a list: lineshapes=['voigt']."
        )
    models = [Model.of(s, max(*candidates, 1), b) for s in lineshapes for b in backgrounds]
    prepared = prepare(da, dim, max(models, key=lambda model: model.n_parameters))
    if isinstance(noise, xr.DataArray):
        raise ParameterError(
            "select_n_peaks knows noise as a number, 'poisson', 'auto' or {'gain': 0.23, 'read': 4.0}; got an array."
        )
    resolve_engine(engine, wait=0.0)  # an unknown engine is refused at once, numba begins to compile
    options = Options(
        candidates,
        tuple(lineshapes),
        tuple(backgrounds),
        criterion,
        int(pool),
        bool(complete),
        likelihood,
        noise,
        engine,
    )
    return SelectParts(Selection(Source(da.transpose(..., dim), prepared), options), dim)


def _candidates(n_peaks: Iterable[int]) -> list[int]:
    try:
        candidates = sorted({int(k) for k in n_peaks if int(k) == k and not isinstance(k, bool)})
    except (TypeError, ValueError):
        candidates = []
    if not candidates or candidates[0] < 0:
        raise ParameterError(f"n_peaks must be some whole numbers, such as range(0, 6); got {n_peaks!r}.")
    return candidates
