"""Several circuits fitted to the same spectra, and how far the data decide between them."""

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any

import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.impedance._check import check_spectra, check_weights, require_points, whole
from mi_widgets.impedance._comparison import Comparison
from mi_widgets.impedance._fit import Settings
from mi_widgets.impedance._grammar import Circuit, read_circuit
from mi_widgets.impedance.fit import refuse_wrong_sign
from mi_widgets.runs import Part, Progress, collect

__all__ = ["CIRCUITS", "compare_circuits", "iter_compare_circuits"]

#: Circuits that are compared where none are named.
CIRCUITS: tuple[str, ...] = (
    "R-p(R,C)", "R-p(R,Q)", "R-p(R-W,C)", "R-p(R-W,Q)", "R-p(R-Ws,Q)", "R-p(R,C)-p(R,C)", "R-p(R,Q)-p(R,Q)",
    "R-p(R,C)-p(R-W,C)", "R-p(R,Q)-p(R-W,Q)", "R-p(R,C)-p(R,C)-p(R,C)", "L-R-p(R,Q)-p(R,Q)", "R-p(Q,R-p(R,Q))",
    "R-p(C,R-p(R,C))",
)  # fmt: skip
CRITERIA = ("bic", "aicc", "aic")
PART_SECONDS = 0.25


def compare_circuits(
    data: xr.Dataset | xr.DataArray,
    circuits: Sequence[str | Circuit] = CIRCUITS,
    *,
    weights: str | xr.DataArray = "modulus",
    criterion: str = "bic",
    n_starts: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Fit candidate circuits, rank them by an information criterion, and group those that the data cannot separate.

    Every circuit is fitted as by `fit_circuit`. Then each one that fits nearly as well as another is fitted to the
    noiseless curve of that other. Where both curves agree to a fifth of the noise (the root mean square residual of the
    best circuit), the two are one **equivalence class**: no criterion can choose between them with these data, and
    where they agree to 1e-8 no data can.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        As in `fit_circuit`; of a map or series each spectrum is judged by itself.
    circuits : sequence of str or Circuit
        The candidates, at most 100; none twice, also not in another order of its parts.
    weights : {"modulus", "unit"} or xarray.DataArray
        As in `fit_circuit`.
    criterion : {"bic", "aicc", "aic"}
        By what circuits are ranked and weighted.
    n_starts, seed : int
        As in `fit_circuit`.
    progress : callable, optional
        Called with the parts of `iter_compare_circuits`.

    Returns
    -------
    xarray.Dataset
        Over the other dims of `data` and ``candidate`` (the circuits):

        - ``bic``, ``aicc``, ``aic``, ``log_likelihood``, ``relative_rms``, ``reduced_chi_squared``, ``start_share``,
          ``ambiguous``, ``status`` as in `fit_circuit`; ``n_parameters`` (candidate), without that of the noise
        - ``rank``: 1 is the best, 0 not fitted; ``weight``, 1: Akaike's weight by the criterion
        - ``equivalence_class``: 0 is the class of the best circuit, -1 none; ``class_weight``, 1: weight among the
          best of each class; ``exactly_equivalent``: 1 where a circuit is mathematically the same as the best of its
          class
        - ``simpler``: number of a candidate with fewer parameters that has the same curve, -1 if none
        - ``distance`` (..., candidate, candidate_2), 1: weighted rms between the curve of the first and the fit of the
          second to it; NaN where the second has more parameters or the fits differ too much
        - ``fitted_real``, ``fitted_imag``, ``residual_real``, ``residual_imag`` (..., candidate, frequency)
        - parameters ``R0``, ``R0_stderr`` …, NaN for circuits that have no such parameter; ``at_bound`` (...,
          candidate, parameter)
        - ``noise`` (...), 1: root mean square of the weighted residuals of the best circuit

    Raises
    ------
    ParameterError
        A circuit is none, or there twice; an option is unknown or out of range.
    LabelError, DataError
        As in `fit_circuit`. Circuits that have too many parameters for the points are left out by ``status`` no_data;
        it is an error only where that is all of them.

    Notes
    -----
    Residuals are taken as Gaussian with one unknown relative size, so that :math:`\ln L = -\frac n2 [\ln(2\pi\chi^2/n)
    + 1] + \sum\ln w`, with :math:`n` twice the number of frequencies, and the size counts as a parameter. A good weight
    says that a circuit is better than the other candidates, not that it is right.

    References
    ----------
    Burnham and Anderson (2004), doi:10.1177/0049124104268644; S. Fletcher (1994), doi:10.1149/1.2055007 (tables of
    degenerate circuits).

    Examples
    --------
    >>> from mi_widgets import datasets
    >>> found = compare_circuits(datasets.make_impedance("R-p(R,C)-p(R,C)"), ["R-p(R,C)-p(R,C)", "R-p(C,R-p(R,C))"])
    >>> found.equivalence_class.values.tolist(), int(found.exactly_equivalent.sum())
    ([0, 0], 2)
    """
    result: xr.Dataset = collect(
        iter_compare_circuits(data, circuits, weights=weights, criterion=criterion, n_starts=n_starts, seed=seed),
        progress,
    )
    return result


def iter_compare_circuits(
    data: xr.Dataset | xr.DataArray,
    circuits: Sequence[str | Circuit] = CIRCUITS,
    *,
    weights: str | xr.DataArray = "modulus",
    criterion: str = "bic",
    n_starts: int = 16,
    seed: int = 0,
) -> Iterator[Part]:
    """Compare circuits as `compare_circuits` does, in parts that can be watched and stopped.

    Parameters
    ----------
    data, circuits, weights, criterion, n_starts, seed
        As in `compare_circuits`; they are checked at once, before the first part is drawn.

    Returns
    -------
    iterator of runs.Part
        ``done`` and ``total`` count circuits and, as the last step, the grouping into classes; ``result`` is the
        Dataset so far, where circuits that wait are NaN with status not_run and classes are -1.

    Raises
    ------
    ParameterError, LabelError, DataError
        As in `compare_circuits`.

    Examples
    --------
    >>> from mi_widgets import datasets
    >>> parts = list(iter_compare_circuits(datasets.make_impedance("R-p(R,C)"), ["R-p(R,C)", "R-p(R,Q)"]))
    >>> parts[-1].done, parts[-1].total
    (3, 3)
    """
    who = "compare_circuits"
    made = _candidates(circuits, who)
    if criterion not in CRITERIA:
        raise ParameterError(f"{who}: criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}.")
    spectra = check_spectra(data, who=who)
    refuse_wrong_sign(spectra, made, who=who)
    least = min(made, key=lambda c: c.n_parameters)
    require_points(spectra, least.n_parameters, who=who, what=least.text)
    weight, known = check_weights(weights, spectra, who=who)
    settings = Settings(
        whole("n_starts", n_starts, who=who, least=1, most=500), whole("seed", seed, who=who, least=0, most=2**63),
        known_noise=known,
    )  # fmt: skip
    called = {
        "circuits": [c.text for c in made], "weights": weights if isinstance(weights, str) else "given",
        "criterion": criterion, "n_starts": settings.n_starts, "seed": settings.seed,
    }  # fmt: skip
    return _parts(Comparison(made, spectra, weight, settings, criterion, called))


def _parts(run: Comparison) -> Iterator[Part]:
    """Parts of about `PART_SECONDS`, each with all that is finished: of many spectra one circuit takes longer."""
    total = len(run.circuits) + 1
    shown, result, changed = -PART_SECONDS, run.dataset(), False
    work = [(k, run.fit(k), f"fitting {c.text}") for k, c in enumerate(run.circuits)]
    for k, steps, message in [*work, (total - 1, run.group(), "comparing curves")]:
        for _ in steps:
            if perf_counter() - shown > PART_SECONDS:
                result, changed = (run.dataset() if changed else result), False
                yield Part(k, total, result, None, message)
                shown = perf_counter()
        changed = True
    yield Part(total, total, run.dataset(), None, "done")


def _candidates(circuits: Any, who: str) -> list[Circuit]:
    if isinstance(circuits, str | Circuit) or not isinstance(circuits, Sequence) or not 1 <= len(circuits) <= 100:
        raise ParameterError(
            f"{who}: circuits must be a list of 1 to 100 texts such as ['R-p(R,C)']; got {circuits!r}."
        )
    made = [read_circuit(c, who=who) for c in circuits]
    seen: dict[str, str] = {}
    for circuit in made:
        if circuit.canonical in seen:
            raise ParameterError(
                f"{who}: {circuit.text!r} is the same circuit as {seen[circuit.canonical]!r}. Leave one out."
            )
        seen[circuit.canonical] = circuit.text
    return made
