"""Regressions that choose their variables: the LASSO, and how far its predictions are off for samples left out."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import product_unit
from mi_widgets.methods._sparse_choose import RULES, choose
from mi_widgets.methods._sparse_problem import VARIABLE_STATUS, Problem, prepare
from mi_widgets.methods._sparse_validation import TRUST, Curves, make_folds, validate
from mi_widgets.methods.threads import one_thread
from mi_widgets.runs import Part, Progress, block_size, collect

__all__ = ["VALIDATIONS", "compare_validations", "fit_lasso", "iter_lasso"]

#: Ways to find the error of samples that are left out.
VALIDATIONS = ("approximate", "k_fold", "leave_one_out")
#: ``status`` of a regression.
STATUS = ("ok", "at_edge", "nothing_trusted", "constant", "no_data", "not_converged", "not_run")


def fit_lasso(
    features: xr.DataArray,
    target: xr.DataArray,
    dim: str,
    *,
    validation: str = "approximate",
    rule: str = "one_stderr",
    n_penalties: int = 10,
    least_penalty: float = 0.01,
    n_folds: int = 10,
    seed: int | None = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Find the few variables that each target depends on, and how strongly.

    Minimises :math:`\frac{1}{2M}\sum_\mu (y_\mu - b - \sum_j x_{\mu j}\beta_j)^2 + \lambda\sum_j|\beta_j|` over the M
    samples, for falling penalties, and chooses the penalty by the error of samples that are left out.

    Parameters
    ----------
    features : xarray.DataArray
        Variables (`dim` and one more dimension), each in its own unit; samples with NaN are left out.
    target : xarray.DataArray
        What is explained, over `dim` and any others (energies): one regression for each. NaN makes one impossible.
    dim : str
        Dimension of the samples.
    validation : str
        ``"approximate"``: leave-one-out by the formula below, from one fit; ``"k_fold"``, ``"leave_one_out"``: fitted
        again without each part.
    rule : str
        Which penalty is chosen, of those that can be trusted: ``"one_stderr"``, the fewest variables with an error no
        more than a standard error above the lowest; ``"sparsest_minimum"``, the same among local minima alone;
        ``"lowest"`` error.
    n_penalties : int
        Penalties from the least one without any variable down, a geometric series (2 to 1,000). Errors seldom tell
        penalties apart that are nearer than those of 10.
    least_penalty : float
        The last of them, relative to the first (between 0 and 1).
    n_folds : int
        Parts for ``"k_fold"`` (2 to the number of samples).
    seed : int or None
        Of the parts.
    progress : callable, optional
        Called with each part of the work.

    Returns
    -------
    xarray.Dataset
        Over the other dims of `target`, the variables, and ``penalty``, relative to ``penalty_limit``:

        - ``coefficient`` (…, variable), unit of the target for a rise by one standard deviation; NaN for variables that
          are left out
        - ``intercept`` (…): value for the mean of all variables
        - ``chosen_penalty``, ``penalty_limit`` (…): relative, and in the unit of the target (scikit-learn's alpha)
        - ``error``, ``error_stderr`` (…, penalty): mean squared residual of samples left out; NaN where not trusted
        - ``density`` (…, penalty): share of variables that take part
        - ``trust`` (…, penalty): CF flags ok, too_dense, high_leverage, ill_conditioned, not_converged
        - ``r2`` (…): 1 less the error at the chosen penalty over that of the mean alone
        - ``status`` (…): CF flags ok, at_edge (the chosen penalty is the last that can be trusted), nothing_trusted,
          constant, no_data, not_converged, not_run
        - ``center``, ``scale`` (variable), in its unit; ``variable_status`` (variable): CF flags ok, constant,
          duplicate (both left out), dependent (a sum of earlier ones, used); ``same_as`` (variable): number of the
          variable that a duplicate repeats

    Raises
    ------
    LabelError
        A dimension is missing or there are too many.
    DataError
        Samples differ, or fewer than five have no gaps.
    ParameterError
        An option is unknown or out of range, such as more folds than samples.

    Warns
    -----
    MIWidgetsWarning
        Samples have gaps.

    Notes
    -----
    Leaving a sample out changes no sign of the coefficients if it changes them little. On the active variables A, with
    fixed signs s, :math:`X_A^TX_A\beta = X_A^Ty - M\lambda s`. Without sample :math:`\mu` a term of rank one is
    missing, and Sherman and Morrison's formula gives its residual :math:`r_\mu/(1-h_\mu)`, with the leverage
    :math:`h_\mu = 1/M + x_{\mu A}^T(X_A^TX_A)^{-1}x_{\mu A}` (1/M is that of the mean). T. Obuchi and Y. Kabashima [1]_
    derive it for many variables. It must not be trusted where active variables are nearly as many as samples. Above
    0.7 min(M, N) of them, unless four samples come on each, or for a leverage above 0.95, errors are NaN and flagged.

    References
    ----------
    .. [1] J. Stat. Mech. (2016) 053304, doi:10.1088/1742-5468/2016/05/053304

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = xr.DataArray(rng.normal(size=(60, 4)), dims=("sample", "variable"), coords={"variable": list("abcd")})
    >>> fit = fit_lasso(x, 2 * x.sel(variable="b", drop=True) + 0.1 * rng.normal(size=60), "sample")
    >>> abs(fit.coefficient).idxmax().item()
    'b'
    """
    return collect(
        iter_lasso(
            features,
            target,
            dim,
            validation=validation,
            rule=rule,
            n_penalties=n_penalties,
            least_penalty=least_penalty,
            n_folds=n_folds,
            seed=seed,
        ),
        progress,
    )


def iter_lasso(
    features: xr.DataArray,
    target: xr.DataArray,
    dim: str,
    *,
    validation: str = "approximate",
    rule: str = "one_stderr",
    n_penalties: int = 10,
    least_penalty: float = 0.01,
    n_folds: int = 10,
    seed: int | None = 0,
) -> Iterator[Part]:
    """Yield the result of `fit_lasso` as it grows, some targets at a time.

    Parameters
    ----------
    features, target, dim, validation, rule, n_penalties, least_penalty, n_folds, seed
        As in `fit_lasso`.

    Yields
    ------
    Part
        Its ``result`` is the Dataset of `fit_lasso`, with status not_run for targets that are still to come.

    Raises
    ------
    LabelError, DataError, ParameterError
        As `fit_lasso`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = xr.DataArray(rng.normal(size=(60, 4)), dims=("sample", "variable"))
    >>> parts = list(iter_lasso(x, x.isel(variable=1), "sample"))
    >>> parts[-1].done == parts[-1].total == 1
    True
    """
    who = "fit_lasso"
    problem = prepare(features, target, dim, who=who)
    options = {"validation": validation, "rule": rule, "n_penalties": n_penalties, "least_penalty": least_penalty}
    options |= {"n_folds": n_folds, "seed": seed if isinstance(seed, int) else -1}
    _check_options(options, problem.n_samples, who)
    folds = None
    if validation != "approximate":
        folds = make_folds(problem.n_samples, n_folds if validation == "k_fold" else problem.n_samples, seed)
    ratios = np.geomspace(1.0, least_penalty, n_penalties)
    store = _Store(problem, ratios, rule)
    todo, done, step = store.open_targets(), 0, 1
    gram, right = _products(problem.columns, problem.targets[todo])
    while done < todo.size:
        some = todo[done : done + step]
        start = time.perf_counter()
        rows = right[done : done + some.size]
        store.add(some, _run(problem.columns, problem.targets[some], gram, rows, ratios, folds))
        done += some.size
        if done > 1:  # the first one may have compiled something
            step = block_size((time.perf_counter() - start) / some.size, todo.size)
        yield Part(done, todo.size, store.dataset(features, target, options), index=some)
    if not todo.size:
        yield Part(0, 0, store.dataset(features, target, options))


@one_thread
def _products(columns: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return columns @ columns.T, targets @ columns.T


@one_thread
def _run(*given: Any) -> Curves:
    return validate(*given)


def compare_validations(
    features: xr.DataArray,
    target: xr.DataArray,
    dim: str,
    *,
    n_penalties: int = 20,
    least_penalty: float = 0.01,
    n_folds: int = 10,
    seed: int | None = 0,
    leave_one_out: bool = True,
) -> xr.Dataset:
    """Find the error of samples left out by the formula, in folds and one by one, for the same penalties.

    Parameters
    ----------
    features, target, dim, n_penalties, least_penalty, n_folds, seed
        As in `fit_lasso`.
    leave_one_out : bool
        Fit as many times as there are samples, too.

    Returns
    -------
    xarray.Dataset
        ``error``, ``error_stderr``, ``trust`` (validation, …, penalty), ``density`` (…, penalty), ``penalty_limit`` (…)
        as in `fit_lasso`; ``chosen_penalty`` (validation, …) by the lowest error.

    Raises
    ------
    LabelError, DataError, ParameterError
        As `fit_lasso`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = xr.DataArray(rng.normal(size=(60, 4)), dims=("sample", "variable"))
    >>> found = compare_validations(x, x.isel(variable=1) + rng.normal(size=60), "sample")
    >>> bool(abs(found.error[0] / found.error[2] - 1).max() < 0.05)
    True
    """
    names = VALIDATIONS if leave_one_out else VALIDATIONS[:2]
    options: dict[str, Any] = {"n_penalties": n_penalties, "least_penalty": least_penalty, "n_folds": n_folds}
    fits = [fit_lasso(features, target, dim, validation=v, rule="lowest", seed=seed, **options) for v in names]
    varied = ["error", "error_stderr", "trust", "chosen_penalty"]
    out = xr.concat([f[varied] for f in fits], "validation", join="exact")
    out = out.assign_coords(validation=("validation", list(names), {"long_name": "validation"}))
    out = out.assign(density=fits[0]["density"], penalty_limit=fits[0]["penalty_limit"])
    return _finish(out, "compare_validations", "Errors of samples left out", options, target)


def _check_options(options: Mapping[str, Any], n_samples: int, who: str) -> None:
    for name, known in (("validation", VALIDATIONS), ("rule", RULES)):
        if options[name] not in known:
            raise ParameterError(f"{who}: there is no {name} {options[name]!r}; write one of {', '.join(known)}.")
    for name, least, most in (("n_penalties", 2, 1000), ("n_folds", 2, n_samples)):
        value = options[name]
        if name == "n_folds" and options["validation"] != "k_fold":
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
            raise ParameterError(
                f"{who}: {name} is a whole number of {least} to {most}"
                f"{', the number of samples' if name == 'n_folds' else ''}; got {value!r}."
            )
    share = options["least_penalty"]
    if not isinstance(share, int | float | np.number) or not 1e-6 <= share < 1:
        raise ParameterError(f"{who}: least_penalty is a share between 0.000001 and 1; got {share!r}.")


class _Store:
    """What is known so far, as arrays over targets."""

    def __init__(self, problem: Problem, ratios: np.ndarray, rule: str) -> None:
        n, k, s = len(problem.targets), problem.used.size, ratios.size
        self.problem, self.ratios, self.rule = problem, ratios, rule
        self.coefficient = np.full((n, k), np.nan)
        self.limit, self.chosen, self.r2 = (np.full(n, np.nan) for _ in range(3))
        self.error, self.stderr, self.density = (np.full((n, s), np.nan) for _ in range(3))
        self.trust = np.zeros((n, s), dtype=np.int8)
        self.status = np.full(n, STATUS.index("not_run"), dtype=np.int8)

    def open_targets(self) -> np.ndarray:
        """Numbers of targets that can be fitted; the status of the others is set."""
        y = self.problem.targets
        gaps = ~np.isfinite(y).all(axis=1)
        with np.errstate(invalid="ignore"):
            flat = y.std(axis=1) <= 1e-12 * np.maximum(np.abs(self.problem.mean), 1e-300)
        if not self.problem.used.any():
            flat[:] = True
        self.status[gaps], self.status[flat & ~gaps] = STATUS.index("no_data"), STATUS.index("constant")
        return np.flatnonzero(~gaps & ~flat)

    def add(self, some: np.ndarray, curves: Curves) -> None:
        """Put the paths of targets in, and choose a penalty for each."""
        self.limit[some], self.error[some], self.stderr[some] = curves.limit, curves.error, curves.stderr
        self.trust[some] = curves.trust
        self.density[some] = (curves.beta != 0).mean(axis=-1)
        trusted = (curves.trust == 0) & np.isfinite(curves.error)
        for row, t in enumerate(some):
            k = choose(curves.error[row], curves.stderr[row], self.density[t], trusted[row], self.rule)
            if k < 0:
                lost = (
                    "not_converged" if (curves.trust[row] == TRUST.index("not_converged")).all() else "nothing_trusted"
                )
                self.status[t] = STATUS.index(lost)
                continue
            at_edge = k == np.flatnonzero(trusted[row])[-1] and k > 0
            self.status[t] = STATUS.index("at_edge" if at_edge else "ok")
            self.coefficient[t, self.problem.used] = curves.beta[row, k]
            self.chosen[t] = self.ratios[k]
            self.r2[t] = 1 - curves.error[row, k] / curves.null[row]

    def dataset(self, features: xr.DataArray, target: xr.DataArray, options: Mapping[str, Any]) -> xr.Dataset:
        """Everything as a Dataset."""
        p = self.problem
        over, unit = p.target_dims, str(target.attrs.get("units", "1"))
        along = (*over, "penalty")
        square = product_unit(unit, unit)

        def shaped(values: np.ndarray) -> np.ndarray:
            return values.reshape((*p.target_shape, *values.shape[1:])).copy()

        def named(dims: tuple[str, ...], values: np.ndarray, units: str, long_name: str, **more: Any) -> Any:
            return dims, values, {"units": units, "long_name": long_name, **more}

        trust = {"flag_values": list(range(len(TRUST))), "flag_meanings": " ".join(TRUST)}
        status = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
        kinds = {"flag_values": list(range(len(VARIABLE_STATUS))), "flag_meanings": " ".join(VARIABLE_STATUS)}
        mean = np.where(self.status == STATUS.index("not_run"), np.nan, p.mean)
        data = {
            "coefficient": named(
                (*over, p.over), shaped(self.coefficient), unit, "coefficient for one standard deviation"
            ),
            "intercept": named(over, shaped(mean), unit, "value for the mean of all variables"),
            "chosen_penalty": named(over, shaped(self.chosen), "1", "chosen penalty, relative to the limit"),
            "penalty_limit": named(over, shaped(self.limit), unit, "least penalty without any variable"),
            "error": named(along, shaped(self.error), square, "mean squared error of samples left out"),
            "error_stderr": named(along, shaped(self.stderr), square, "standard error of the mean squared error"),
            "density": named(along, shaped(self.density), "1", "share of variables that take part"),
            "trust": named(along, shaped(self.trust), "1", "why the error must not be trusted", **trust),
            "r2": named(over, shaped(self.r2), "1", "share of the variance predicted for samples left out"),
            "status": named(over, shaped(self.status), "1", "status of the regression", **status),
            "center": named((p.over,), p.center, "1", "mean, in the unit of the variable"),
            "scale": named((p.over,), p.scale, "1", "standard deviation, in the unit of the variable"),
            "variable_status": named((p.over,), p.variable_status, "1", "status of the variable", **kinds),
            "same_as": named((p.over,), p.same_as, "1", "number of the variable that is repeated, -1 for none"),
        }
        coords: dict[str, Any] = {str(k): v.variable for k, v in features.coords.items() if set(v.dims) == {p.over}} | {
            str(k): v.variable for k, v in target.coords.items() if p.dim not in v.dims
        }
        coords["penalty"] = ("penalty", self.ratios, {"units": "1", "long_name": "penalty, relative to its limit"})
        out = xr.Dataset(data, coords=coords)
        out.attrs["n_samples"] = p.n_samples
        return _finish(out, "fit_lasso", "Sparse regression", options, target)


def _finish(ds: xr.Dataset, function: str, title: str, options: Mapping[str, Any], target: xr.DataArray) -> xr.Dataset:
    ds.attrs |= origin(f"methods.{function}", title, options, source=str(target.name or ""))
    return ds
