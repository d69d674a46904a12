"""Ten thousand small expressions tried as descriptors of perovskites, with the choice itself cross-validated."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.runs import Part, Progress, collect
from mi_widgets.screening._cuts import Scores, mc_nemar, order_keys, score
from mi_widgets.screening._grammar import Grammar, make_grammar
from mi_widgets.screening.perovskites import FORMS, REFERENCES, score_dataset, training

__all__ = ["iter_search_expressions", "search_expressions"]

_BLOCK = 1024
_SIZES = ("small", "large")


def search_expressions(
    ds: xr.Dataset,
    *,
    size: str = "small",
    form: str = "threshold",
    group: str = "anion",
    n_kept: int = 200,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Try some ten thousand expressions of the radii and the charge of A as descriptors of perovskites.

    Each is judged by cuts that had not seen the group (the anion) of a compound. That error of the best expression is
    still too small, for the expression was chosen by it: ``nested_error`` chooses it anew without each group.

    Parameters
    ----------
    ds : xarray.Dataset
        Compounds with ``perovskite``, as of `label_compounds`.
    size : {"small", "large"}
        12,348 or 36,540 expressions.
    form : {"threshold", "window"}
        Perovskites lie on one side of a value, or between two.
    group : str
        Coordinate that names the groups which are left out in turn.
    n_kept : int
        Number of expressions in the result at most (2 to 5000).
    progress : callable, optional
        Called with each finished `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        As of `compare_descriptors` over ``expression``, the least ``cv_error`` first, and ``complexity`` (number of
        symbols), ``n_equivalent`` (expressions that rank the compounds alike and are one descriptor; the simplest is
        written), ``p_value`` (of being as often right as the first, by compounds in which the two differ),
        ``separable`` (flags). Over ``group``: ``nested_expression`` (chosen without the group), ``nested_group_error``.
        Scalars:
        ``nested_error``, ``nested_error_spread``, ``n_not_separable`` (of all expressions tried). Attributes
        ``n_tried``, ``n_distinct``, ``n_left_out``, ``remarks``.

    Raises
    ------
    DataError, LabelError
        As in `compare_descriptors`.
    ParameterError
        An option is unknown.

    Notes
    -----
    First term, operator, second term: ratios of radii and of sums of radii, their logarithms, squares, roots and
    x/log(x), the second also with the charge of A in seven ways. This space holds Bartel's tau because it was made with
    tau in mind: that it is found among ten thousand says less than it seems. Within a fold the choice is by the error
    of the
    other groups; equal ones are decided by the fewest symbols.

    References
    ----------
    Bartel et al. 2019, doi:10.1126/sciadv.aav0693; Ouyang et al. 2018, doi:10.1103/PhysRevMaterials.2.083802 (SISSO).

    Examples
    --------
    >>> from mi_widgets.datasets import make_perovskites
    >>> found = search_expressions(make_perovskites(n_compounds=150))
    >>> bool(found.nested_error >= found.cv_error[0])
    True
    """
    found: xr.Dataset = collect(iter_search_expressions(ds, size=size, form=form, group=group, n_kept=n_kept), progress)
    return found


def iter_search_expressions(
    ds: xr.Dataset, *, size: str = "small", form: str = "threshold", group: str = "anion", n_kept: int = 200
) -> Iterator[Part]:
    """Do the same as `search_expressions`, part by part.

    Parameters
    ----------
    ds, size, form, group, n_kept
        As in `search_expressions`.

    Yields
    ------
    Part
        ``result``: the Dataset of the expressions tried so far, the simplest first.

    Raises
    ------
    DataError, LabelError, ParameterError
        As in `search_expressions`, before the first part.

    Examples
    --------
    >>> from mi_widgets.datasets import make_perovskites
    >>> parts = iter_search_expressions(make_perovskites(n_compounds=60))
    >>> next(parts).total
    12348
    """
    if size not in _SIZES or form not in FORMS:
        raise ParameterError(f"size must be one of {_SIZES} and form one of {FORMS}; got {size!r} and {form!r}.")
    if isinstance(n_kept, bool) or not isinstance(n_kept, int) or not 2 <= n_kept <= 5000:
        raise ParameterError(f"n_kept must be a whole number from 2 to 5000; got {n_kept!r}.")
    columns, positive, groups, number, used = training(ds, group, "search_expressions")
    plain = [v[used] for v in columns[:4]]
    grammar = make_grammar(*plain, large=size == "large")
    told = {"size": size, "form": form, "group": group, "n_kept": n_kept}
    about = origin("screening.search_expressions", "Expressions tried as descriptors of perovskites", told, of=ds,
                   references=REFERENCES)  # fmt: skip
    more = {**about, "n_left_out": int((~used).sum()), "remarks": _remarks(plain)}

    def parts() -> Iterator[Part]:
        scores: list[Scores] = []
        keys: list[np.ndarray] = []
        for start in range(0, len(grammar), _BLOCK):
            values = grammar.values(slice(start, start + _BLOCK))
            scores.append(score(values, positive, number, window=form == "window"))
            keys.append(order_keys(values))
            done = start + len(values)
            result = _result(grammar, scores, np.concatenate(keys), groups, number, n_kept)
            yield Part(done, len(grammar), result.assign_attrs(more | result.attrs), message="expressions")

    return parts()


def _result(
    grammar: Grammar, parts: list[Scores], keys: np.ndarray, groups: np.ndarray, number: np.ndarray, n_kept: int
) -> xr.Dataset:
    every = Scores(*(np.concatenate(v) for v in zip(*(vars(p).values() for p in parts), strict=True)))
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    equals = np.bincount(inverse.reshape(-1))
    sizes = grammar.sizes()[: keys.size]
    varies = every.undefined[first] < number.size  # an expression without any value is none
    first, equals = first[varies], equals[varies]
    scores = _take(every, first)
    wrong, n = scores.test_wrong.sum(axis=1), number.size
    order = np.lexsort((first, sizes[first], wrong))
    kept = order[:n_kept]
    p_values = mc_nemar(scores.right, scores.right[order[0]])
    out = score_dataset(_take(scores, kept), [grammar.text(i) for i in first[kept]], groups, number)
    one = {"units": "1"}
    out["complexity"] = ("expression", sizes[first[kept]], one | {"long_name": "number of symbols"})
    out["n_equivalent"] = ("expression", equals[kept], one | {"long_name": "expressions that are the same descriptor"})
    out["p_value"] = ("expression", p_values[kept], one | {"long_name": "probability of such a difference by chance"})
    flags: dict[str, Any] = {
        "long_name": "told from the first",
        "flag_values": [0, 1],
        "flag_meanings": "not_separable separable",
    }
    out["separable"] = ("expression", (p_values[kept] < 0.05).astype(np.int8), flags)
    size = np.bincount(number)
    chosen = np.array([np.lexsort((first, sizes[first], scores.train_wrong[:, k]))[0] for k in range(groups.size)])
    missed = scores.test_wrong[chosen, np.arange(groups.size)]
    texts = np.array([grammar.text(i) for i in first[chosen]], dtype=np.str_)
    out["nested_expression"] = ("group", texts, {"long_name": "expression chosen without the group"})
    out["nested_group_error"] = ("group", missed / size, one | {"long_name": "its error in the group"})
    out["nested_error"] = ((), missed.sum() / n, one | {"long_name": "error of the whole procedure"})
    out["nested_error_spread"] = (
        (),
        float(np.std(missed / size, ddof=1)),
        one | {"long_name": "its spread over groups"},
    )
    out["n_not_separable"] = (
        (),
        int((p_values >= 0.05).sum()),
        one | {"long_name": "expressions not told from the first"},
    )
    out.attrs = {"n_tried": int(keys.size), "n_distinct": int(first.size)}
    return out


def _take(scores: Scores, rows: np.ndarray) -> Scores:
    return Scores(*(v[rows] for v in vars(scores).values()))


def _remarks(columns: list[np.ndarray]) -> str:
    """What the columns cannot tell apart."""
    names = ("r_a", "r_b", "r_x", "n_a")
    constant = [n for n, v in zip(names, columns, strict=True) if np.ptp(v) <= 1e-12]
    out = [f"{n} is the same for all compounds: expressions with and without it are one descriptor" for n in constant]
    varied = [(n, v) for n, v in zip(names, columns, strict=True) if n not in constant]
    for i, (one, v) in enumerate(varied):
        for other, w in varied[i + 1 :]:
            if abs(np.corrcoef(v, w)[0, 1]) > 0.999:
                out.append(f"{one} and {other} go together: the data cannot tell which of them matters")
    return "; ".join(out)
