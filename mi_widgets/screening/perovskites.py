"""Which compounds ABX3 are perovskites: tolerance factors, and descriptors compared by how well they divide."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.screening._compounds import NAMES, STATUS, Columns, columns_of, descriptor_of, named
from mi_widgets.screening._cuts import Scores, score

__all__ = ["compare_descriptors", "label_compounds", "tolerance_factors"]

REFERENCES = ("doi:10.1126/sciadv.aav0693", "doi:10.1007/BF01507527")
FORMS = ("threshold", "window")


def label_compounds(
    candidate: Sequence[str],
    r_a: Any,
    r_b: Any,
    r_x: Any,
    n_a: Any,
    anion: Sequence[str],
    *,
    perovskite: Any = None,
    units: str = "angstrom",
) -> xr.Dataset:
    """Make a labelled table of compounds ABX3 from plain columns.

    Parameters
    ----------
    candidate : sequence of str
        Names of the compounds, such as ``"CaTiO3"``, each once.
    r_a, r_b, r_x : array_like
        Radii of the ions; A is the larger cation.
    n_a : array_like
        Charge of A (1 to 5).
    anion : sequence of str
        Names of the anions, such as ``"O"``.
    perovskite : array_like, optional
        1 where it is a perovskite, 0 where it is none, -1 where that is not known.
    units : {"angstrom", "pm", "nm"}
        Of the radii.

    Returns
    -------
    xarray.Dataset
        Over ``candidate``: ``r_a``, ``r_b``, ``r_x`` (unit as given), ``n_a`` (1), coordinate ``anion`` and, where
        given, ``perovskite`` (flags).

    Raises
    ------
    DataError
        Columns differ in length or hold something else than numbers, a name is there twice, or ``perovskite`` holds
        other numbers.
    LabelError
        Another unit.

    Examples
    --------
    >>> label_compounds(["CaTiO3"], [1.34], [0.605], [1.40], [2], ["O"]).r_b.item()
    0.605
    """
    names = np.asarray(candidate, dtype=np.str_).reshape(-1)
    if units not in ("angstrom", "pm", "nm"):
        raise LabelError(f"units of the radii must be 'angstrom', 'pm' or 'nm'; got {units!r}.")
    columns = {}
    for column, given in (("r_a", r_a), ("r_b", r_b), ("r_x", r_x), ("n_a", n_a)):
        try:
            columns[column] = np.asarray(given, dtype=float).reshape(-1)
        except (TypeError, ValueError):
            raise DataError(f"{column} must hold numbers, NaN where one is missing; got {given!r:.80}.") from None
    anions = np.asarray(anion, dtype=np.str_).reshape(-1)
    sizes = {n: v.size for n, v in columns.items()} | {"anion": anions.size}
    if set(sizes.values()) != {names.size}:
        raise DataError(f"there are {names.size} names of compounds, and columns of other lengths: {sizes}.")
    if len(set(names.tolist())) < names.size:
        twice = next(n for n in names.tolist() if names.tolist().count(n) > 1)
        raise DataError(f"compound {twice!r} is there twice; give each a name of its own.")
    long = {"r_a": "radius of A", "r_b": "radius of B", "r_x": "radius of the anion", "n_a": "charge of A"}
    ds = xr.Dataset(
        {
            n: ("candidate", v, {"units": "1" if n == "n_a" else units, "long_name": long[n]})
            for n, v in columns.items()
        },
        coords={"candidate": ("candidate", names, {"long_name": "compound"}),
                "anion": ("candidate", anions, {"long_name": "anion"})},
    )  # fmt: skip
    if perovskite is not None:
        values = np.asarray(perovskite).reshape(-1)
        if values.size != names.size or not np.isin(values, (-1, 0, 1)).all():
            raise DataError("perovskite must hold 1 (yes), 0 (no) or -1 (not known) for each compound.")
        ds["perovskite"] = ("candidate", values.astype(np.int8), LABEL_ATTRS)
    ds.attrs = origin("screening.label_compounds", "Compounds ABX3", {"units": units}, source="given by the user")
    return ds


LABEL_ATTRS: dict[str, Any] = {
    "long_name": "perovskite",
    "flag_values": [-1, 0, 1],
    "flag_meanings": "unknown not_perovskite perovskite",
}


def tolerance_factors(ds: xr.Dataset, *, radius_stderr: float = 0.003) -> xr.Dataset:
    r"""Goldschmidt's tolerance factor t and Bartel's tau of compounds ABX3.

    Parameters
    ----------
    ds : xarray.Dataset
        Compounds, as of `label_compounds`: ``r_a``, ``r_b``, ``r_x`` (angstrom, pm or nm), ``n_a``, ``anion``.
    radius_stderr : float
        Standard error of a radius (angstrom); default that of a radius with two decimals.

    Returns
    -------
    xarray.Dataset
        Over ``candidate``, unit 1: ``t``, ``tau``, ``octahedral_factor`` (radius of B over that of X), each with
        ``_stderr``, and ``status``: ``ok``; ``undefined`` (both cations equally large: tau has a pole, and t is given);
        ``a_not_larger`` (tau has a value, and was not made for this); ``bad_radius`` (0 or less, or above 4 angstrom:
        perhaps another unit); ``missing``; ``bad_charge``.

    Raises
    ------
    LabelError, DataError
        A column or its unit is missing.
    ParameterError
        `radius_stderr` is negative.

    Notes
    -----
    :math:`t = (r_A + r_X)/(\sqrt2 (r_B + r_X))`,
    :math:`\tau = r_X/r_B - n_A (n_A - (r_A/r_B)/\ln(r_A/r_B))`. Bartel and others: perovskites are
    below 4.18, which holds for 92 % of 576 compounds. Near equal cations
    tau of rounded radii is off by many units: see ``tau_stderr``. Both say
    whether the structure forms, and nothing of conduction, of vacancies or of how a compound decomposes.

    References
    ----------
    Bartel et al. 2019, doi:10.1126/sciadv.aav0693; Goldschmidt 1926, doi:10.1007/BF01507527.

    Examples
    --------
    >>> ds = label_compounds(["CaTiO3"], [1.34], [0.605], [1.40], [2], ["O"])
    >>> round(tolerance_factors(ds).tau.item(), 2)
    3.88
    """
    if isinstance(radius_stderr, bool) or not isinstance(radius_stderr, (int, float)) or not 0 <= radius_stderr < 1:
        raise ParameterError(f"radius_stderr must be a number from 0 to 1 angstrom; got {radius_stderr!r}.")
    columns = columns_of(ds, "tolerance_factors")
    values, errors = named(columns), dict.fromkeys(NAMES, np.zeros(columns.status.size))
    for name in ("r_a", "r_b", "r_x"):  # central differences of 1e-4 angstrom
        ends = []
        for step in (1e-4, -1e-4):
            moved = columns._replace(**{name: getattr(columns, name) + step})
            ends.append(named(moved))
        for key in NAMES:
            errors[key] = errors[key] + ((ends[0][key] - ends[1][key]) / 2e-4 * radius_stderr) ** 2
    long = {"t": "tolerance factor t", "tau": "tolerance factor τ", "octahedral_factor": "octahedral factor"}
    out = xr.Dataset(coords={columns.dim: ds[columns.dim], "anion": (columns.dim, columns.anion)})
    for key in NAMES:
        out[key] = (columns.dim, values[key], {"units": "1", "long_name": long[key]})
        error = {"units": "1", "long_name": f"standard error of {long[key]}"}
        out[f"{key}_stderr"] = (columns.dim, np.where(np.isfinite(values[key]), np.sqrt(errors[key]), np.nan), error)
    out["status"] = (columns.dim, columns.status, flags(STATUS, "status"))
    out.attrs = origin("screening.tolerance_factors", "Tolerance factors", {"radius_stderr": radius_stderr}, of=ds,
                       references=REFERENCES)  # fmt: skip
    return out


def compare_descriptors(
    ds: xr.Dataset,
    expressions: Sequence[str] = ("t", "tau"),
    *,
    form: str | Sequence[str] = "threshold",
    group: str = "anion",
) -> xr.Dataset:
    """How well given descriptors divide perovskites from others, also of anions that the cut has not seen.

    Parameters
    ----------
    ds : xarray.Dataset
        Compounds with ``perovskite``, as of `label_compounds`.
    expressions : sequence of str
        ``"t"``, ``"tau"``, ``"octahedral_factor"``, or expressions of ``r_a``, ``r_b``, ``r_x``, ``n_a`` with
        ``+ - * / **``, ``sqrt``, ``log``, ``abs``. They are read, never executed.
    form : {"threshold", "window"} or one for each
        Perovskites lie on one side of a value, or between two.
    group : str
        Coordinate that names the groups which are left out in turn.

    Returns
    -------
    xarray.Dataset
        Over ``expression``: ``error`` (share of wrong compounds), ``cv_error`` (of those whose group the cut had not
        seen), ``cv_error_spread`` (standard deviation over groups), ``low``, ``high`` (ends; infinite where open),
        ``undefined`` (number of compounds without a value, which count as wrong). Over (expression, group):
        ``group_error``; over group: ``n_compounds``. Over (expression, candidate): ``correct`` (1: by the cut that had
        not seen the group).

    Raises
    ------
    DataError
        Only one class, one group, or too few compounds.
    LabelError, ParameterError
        A column is missing; an expression cannot be read.

    Examples
    --------
    >>> from mi_widgets.datasets import make_perovskites
    >>> found = compare_descriptors(make_perovskites(), ["t", "tau"], form=["window", "threshold"])
    >>> bool(found.cv_error.sel(expression="tau") < found.cv_error.sel(expression="t"))
    True
    """
    texts = [expressions] if isinstance(expressions, str) else list(expressions)
    forms = [form] * len(texts) if isinstance(form, str) else list(form)
    if not texts or len(forms) != len(texts) or any(f not in FORMS for f in forms):
        raise ParameterError(f"form must be 'threshold' or 'window', one for all or one for each; got {form!r}.")
    columns, positive, groups, number, used = training(ds, group, "compare_descriptors")
    parts = [
        score(descriptor_of(columns, text)[used][None], positive, number, window=f == "window")
        for text, f in zip(texts, forms, strict=True)
    ]
    scores = Scores(*(np.concatenate(v) for v in zip(*(vars(p).values() for p in parts), strict=True)))
    out = score_dataset(scores, texts, groups, number)
    out["correct"] = (("expression", columns.dim), scores.right.astype(np.int8),
                      {"units": "1", "long_name": "right by a cut that had not seen the group"})  # fmt: skip
    out = out.assign_coords({columns.dim: ds[columns.dim].isel({columns.dim: used})})
    out.attrs = origin("screening.compare_descriptors", "Descriptors of perovskites compared",
                       {"form": forms, "group": group}, of=ds, references=REFERENCES)  # fmt: skip
    return out.assign_attrs(n_left_out=int((~used).sum()))


def training(ds: Any, group: str, who: str) -> tuple[Columns, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Columns of all compounds; class and group number of those to learn from; names of groups; which these are."""
    columns = columns_of(ds, who)
    if "perovskite" not in ds.variables:
        raise LabelError(
            f"{who} needs 'perovskite' (1, 0, or -1 for not known): label_compounds(..., perovskite=[...])."
        )
    if group not in ds.variables or ds[group].dims != ds["r_a"].dims:
        raise LabelError(f"{who} needs the coordinate {group!r} along {columns.dim!r}; write group='anion'.")
    truth = np.asarray(ds["perovskite"].values, dtype=float)
    used = np.isin(truth, (0, 1)) & (columns.status < STATUS.index("bad_radius"))
    positive = truth[used] == 1
    if used.sum() < 10:
        raise DataError(
            f"{who}: {int(used.sum())} compounds with radii and a known class are too few; give at least 10."
        )
    if positive.all() or not positive.any():
        raise DataError(f"{who}: all compounds are of one class; a cut needs perovskites and others.")
    groups, number = np.unique(ds[group].values.astype(str)[used], return_inverse=True)
    if groups.size < 2:
        raise DataError(f"{who}: there is one {group} only ({groups[0]}), and none can be left out; give "
                        "compounds of others, or another group=, a coordinate that divides them.")  # fmt: skip
    for k, name in enumerate(groups):
        rest = positive[number != k]
        if rest.all() or not rest.any():
            raise DataError(
                f"{who}: without {name} all compounds are of one class; leave this {group} out or add others."
            )
    return columns, positive, groups, number.astype(np.int64), used


def score_dataset(scores: Scores, texts: Sequence[str], groups: np.ndarray, number: np.ndarray) -> xr.Dataset:
    """Errors and cuts over ``expression``."""
    size = np.bincount(number)

    def over(values: np.ndarray, long_name: str) -> tuple[str, np.ndarray, dict[str, str]]:
        return "expression", values, {"units": "1", "long_name": long_name}

    shares, one = scores.test_wrong / size, {"units": "1"}
    return xr.Dataset(
        {
            "cv_error": over(scores.test_wrong.sum(axis=1) / size.sum(), "error in groups not seen"),
            "cv_error_spread": over(shares.std(axis=1, ddof=1), "spread of the error over groups"),
            "error": over(scores.wrong / size.sum(), "error where the cut was found"),
            "low": over(scores.low, "least value of perovskites"),
            "high": over(scores.high, "greatest value of perovskites"),
            "undefined": over(scores.undefined, "compounds without a value"),
            "group_error": (("expression", "group"), shares, one | {"long_name": "error in the group not seen"}),
            "n_compounds": ("group", size, {"units": "1", "long_name": "number of compounds"}),
        },
        coords={"expression": ("expression", np.array(texts, dtype=np.str_), {"long_name": "descriptor"}),
                "group": ("group", groups, {"long_name": "group left out"})},
    )  # fmt: skip


def flags(meanings: Sequence[str], long_name: str) -> Mapping[str, Any]:
    return {"long_name": long_name, "flag_values": list(range(len(meanings))), "flag_meanings": " ".join(meanings)}
