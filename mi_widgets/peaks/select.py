"""How many peaks a spectrum has, with the whole evidence beside the choice."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy import ndimage

from mi_widgets import __version__
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.labels import find_spectral_dim
from mi_widgets.peaks import _numpy
from mi_widgets.peaks._build import build_fit
from mi_widgets.peaks._checks import Prepared, prepare
from mi_widgets.peaks._dataset import history
from mi_widgets.peaks._map_fit import MapFit
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._starts import spread_rows
from mi_widgets.runs import Part, Progress

__all__ = ["select_n_peaks"]

CRITERIA = ("bic", "aic", "aicc")
N_PILOTS = 96
SUSPECT_SIGMA, SUSPECT_MAP_SIGMA = 4.5, 6.0


def select_n_peaks(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    n_peaks: Iterable[int] = range(6),
    lineshapes: Sequence[str] = ("pseudo-voigt",),
    backgrounds: Sequence[str] = ("linear", "shirley"),
    criterion: str = "bic",
    pool: int = 1,
    likelihood: str = "poisson",
    noise: float | str | None = None,
    engine: str = "auto",
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Choose the number of peaks in every spectrum, and before that the line shape and background of them all.

    The family (line shape and background) is the one with the least criterion summed over some dozens of spectra, each
    with the number of peaks that suits it best in that family. Spectra are not averaged for this: lines that move over
    the map would blur into a shape that none of them has. With the family settled, every spectrum is fitted with
    each number of peaks. The criterion is :math:`D + k \ln n` (BIC), with the deviance :math:`D` of :math:`n` channels
    and :math:`k` parameters.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra over `dim` and any other dims.
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
    likelihood, noise, engine
        As in `fit_peaks`.
    progress : callable, optional
        Called with a `runs.Part` after each candidate.

    Returns
    -------
    xarray.Dataset
        ``evidence`` (..., candidate): the criterion (not pooled); ``n_peaks`` (...): the choice, -1 where there are no
        data; ``margin`` (...): by how much the criterion of the second best is larger; ``family_suspect`` (...): 1
        where the residuals of the chosen fit say that no candidate is right; ``family_evidence`` (lineshape,
        background): the summed criterion. Attributes ``lineshape``, ``background`` (the choice), ``family_suspect``
        (1 if all spectra together say so) and ``residual_correlation`` (what they say, in standard deviations).

    Raises
    ------
    ParameterError
        No candidate, or an unknown one.
    LabelError, DataError
        As in `fit_peaks`.

    Notes
    -----
    A wrong family is not cured by more data: with a linear background under a Shirley step BIC adds a spurious peak
    nearly everywhere, at any count level. That is why the family comes first, and why ``family_suspect`` exists.

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
    dim = str(dim or find_spectral_dim(da))
    candidates = _candidates(n_peaks)
    if criterion not in CRITERIA:
        raise ParameterError(f"unknown criterion {criterion!r}; write one of {', '.join(map(repr, CRITERIA))}.")
    if not isinstance(pool, int | np.integer) or pool < 1 or pool % 2 == 0:
        raise ParameterError(f"pool must be an odd number of spectra, such as 1 or 3; got {pool!r}.")
    if not lineshapes or not backgrounds:
        raise ParameterError("select_n_peaks needs at least one line shape and one background.")
    options: dict[str, Any] = {"likelihood": likelihood, "noise": noise, "engine": engine}
    largest = Model.of(lineshapes[0], max(*candidates, 1), backgrounds[0])
    prepared = prepare(da, dim, largest)
    families = {(s, b): Model.of(s, 1, b) for s in lineshapes for b in backgrounds}
    pilots, total = _pilots(prepared), len(candidates) * (len(families) * (len(families) > 1) + 1)
    done, sums = 0, dict.fromkeys(families, 0.0)
    for family in families if len(families) > 1 else ():
        tables = []
        for k in candidates:
            tables.append(_run(pilots, family, k, options).criterion(criterion))
            done += 1
            _tell(progress, done, total, f"{family[0]}, {family[1]}")
        sums[family] = float(np.nansum(np.nanmin(np.stack(tables), axis=0)))
    lineshape, background = min(sums, key=lambda family: sums[family])
    fits = []
    for k in candidates:
        fits.append(_run(prepared, (lineshape, background), k, options))
        done += 1
        _tell(progress, done, total, f"{k} peaks")
    evidence = np.stack([fit.criterion(criterion) for fit in fits], axis=1)
    choice, margin = _choose(evidence, prepared.shape, pool)
    suspect, correlation = _suspect(fits, choice)
    return _dataset(
        prepared, candidates, evidence, choice, margin, suspect, sums,
        attrs={
            "title": "number of peaks",
            "source": str(da.attrs.get("source", da.name or "")),
            "history": history("mi_widgets.peaks.select_n_peaks", __version__, {
                "dim": dim, "n_peaks": candidates, "lineshapes": list(lineshapes), "backgrounds": list(backgrounds),
                "criterion": criterion, "pool": pool, "likelihood": likelihood, "noise": noise,
            }),
            "lineshape": lineshape,
            "background": background,
            "criterion": criterion,
            "residual_correlation": correlation,
            "family_suspect": int(correlation > SUSPECT_MAP_SIGMA),
        },
    )  # fmt: skip


def _candidates(n_peaks: Iterable[int]) -> list[int]:
    try:
        candidates = sorted({int(k) for k in n_peaks if int(k) == k and not isinstance(k, bool)})
    except (TypeError, ValueError):
        candidates = []
    if not candidates or candidates[0] < 0:
        raise ParameterError(f"n_peaks must be some whole numbers, such as range(0, 6); got {n_peaks!r}.")
    return candidates


def _pilots(prepared: Prepared) -> Prepared:
    """Some spectra that stand for all, as a map of one dimension."""
    rows = np.unique(np.linspace(0, len(prepared.spectra) - 1, 4096).astype(int))
    strength = np.concatenate([np.nansum(prepared.read(rows[i : i + 512]), axis=1) for i in range(0, rows.size, 512)])
    picked = rows[spread_rows(np.where(strength != 0, strength, np.nan), N_PILOTS)]
    if not picked.size:
        raise DataError("select_n_peaks: no spectrum has any data.")
    return Prepared(
        axis=prepared.axis,
        spectra=prepared.read(picked),
        descending=False,
        dims=("spectrum",),
        shape=(picked.size,),
        coords={},
        axis_units=prepared.axis_units,
        value_units=prepared.value_units,
    )


def _run(prepared: Prepared, family: tuple[str, str], k: int, options: dict[str, Any]) -> MapFit:
    lineshape, background = family
    if k == 0:  # a Shirley step needs peaks to stand on
        model = Model((), "constant" if background == "shirley" else background)
    else:
        model = Model.of(lineshape, k, background)
    fit = build_fit(prepared, model, **options)
    for _ in fit.run():
        pass
    return fit


def _tell(progress: Progress | None, done: int, total: int, message: str) -> None:
    if progress is not None:
        progress(Part(done, total, None, None, message))


def _choose(evidence: np.ndarray, shape: tuple[int, ...], pool: int) -> tuple[np.ndarray, np.ndarray]:
    """Best candidate of every spectrum (-1: none) and its margin over the second best."""
    pooled, fitted = evidence, np.isfinite(evidence).all(axis=1)
    if pool > 1 and shape:
        relative = np.where(fitted[:, None], evidence - evidence[:, :1], 0.0).reshape(*shape, -1)
        size = tuple(min(pool, n) for n in shape)
        summed = ndimage.uniform_filter(relative, size=(*size, 1), mode="constant") * np.prod(size)
        pooled = summed.reshape(evidence.shape)
    ordered = np.sort(pooled, axis=1)
    margin = ordered[:, 1] - ordered[:, 0] if evidence.shape[1] > 1 else np.full(len(evidence), np.inf)
    choice = np.where(fitted, np.argmin(np.where(np.isfinite(pooled), pooled, np.inf), axis=1), -1)
    return choice, np.where(fitted, margin, np.nan)


def _suspect(fits: Sequence[MapFit], choice: np.ndarray) -> tuple[np.ndarray, float]:
    """Spectra whose residuals hang together, or are too large; and how strongly all together say so."""
    z = np.full(len(choice), np.nan)
    large = np.zeros(len(choice), dtype=bool)
    for number, fit in enumerate(fits):
        for rows in np.array_split(np.flatnonzero(choice == number), max(1, int((choice == number).sum()) // 512)):
            if rows.size:
                y = fit.read(rows)
                f = _numpy.model(fit.problem, fit.problem.axis, fit.parameters[rows])
                spread = np.sqrt(np.maximum(f, 1e-9)) if fit.problem.poisson else fit.noise.weights(rows, y) ** -0.5
                residual = np.where(np.isfinite(y), (y - f) / spread, 0.0)
                power = np.maximum((residual**2).sum(axis=1), 1e-300)
                n, k = y.shape[1], fit.problem.free.size  # each parameter takes 1/n off the correlation of noise
                correlation = (residual[:, 1:] * residual[:, :-1]).sum(axis=1) / power + k / n
                z[rows] = correlation * np.sqrt(n)
                if not fit.scaled:
                    dof = np.maximum(fit.dof[rows], 1)
                    large[rows] = (fit.deviance[rows] - dof) / np.sqrt(2 * dof) > SUSPECT_SIGMA + 1
    known = np.isfinite(z)
    together = float(z[known].sum() / np.sqrt(known.sum())) if known.any() else 0.0
    return (np.nan_to_num(z) > SUSPECT_SIGMA) | large, together


def _dataset(
    prepared: Prepared,
    candidates: list[int],
    evidence: np.ndarray,
    choice: np.ndarray,
    margin: np.ndarray,
    suspect: np.ndarray,
    sums: dict[tuple[str, str], float],
    attrs: dict[str, Any],
) -> xr.Dataset:
    dims, shape = prepared.dims, prepared.shape
    number = np.append(candidates, -1)[choice].astype(np.int64)
    lineshapes, backgrounds = (list(dict.fromkeys(family[i] for family in sums)) for i in range(2))
    table = np.array([[sums[s, b] for b in backgrounds] for s in lineshapes])
    name = attrs["criterion"]
    flags = {"flag_values": [0, 1], "flag_meanings": "plausible suspect"}
    return xr.Dataset(
        {
            "evidence": ((*dims, "candidate"), evidence.reshape(*shape, -1), {"units": "1", "long_name": name}),
            "n_peaks": (dims, number.reshape(shape), {"units": "1", "long_name": "number of peaks"}),
            "margin": (dims, margin.reshape(shape), {"units": "1", "long_name": f"{name} above the best"}),
            "family_suspect": (
                dims, suspect.astype(np.int8).reshape(shape),
                {"units": "1", "long_name": "no candidate describes the spectrum", **flags},
            ),
            "family_evidence": (("lineshape", "background"), table, {"units": "1", "long_name": f"{name}, summed"}),
        },
        coords={
            **prepared.coords,
            "candidate": ("candidate", np.asarray(candidates), {"units": "1", "long_name": "number of peaks"}),
            "lineshape": lineshapes,
            "background": backgrounds,
        },
        attrs=attrs,
    )  # fmt: skip
