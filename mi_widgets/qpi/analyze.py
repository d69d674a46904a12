"""The whole study of a map in one call."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.qpi._check import origin
from mi_widgets.qpi.rings import fit_rings, radial_profile
from mi_widgets.qpi.transform import fit_lasso, fourier_transform
from mi_widgets.qpi.validate import iter_cross_validate
from mi_widgets.runs import Part, Progress, collect

__all__ = ["analyze", "iter_analyze"]

IMAGES = ("transform", "lasso")


def analyze(
    da: xr.DataArray, sampled: xr.DataArray | None = None, *, progress: Progress | None = None, **options: Any
) -> xr.Dataset:
    """Find the rings of a map of standing waves from some of its pixels, in the conventional way and by the LASSO.

    `mi_widgets.qpi.cross_validate`, `mi_widgets.qpi.fit_lasso` for all penalties, `mi_widgets.qpi.fourier_transform`,
    `mi_widgets.qpi.radial_profile` and `mi_widgets.qpi.fit_rings` one after the other.

    Parameters
    ----------
    da, sampled
        As for `mi_widgets.qpi.fourier_transform`.
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.
    **options
        Of `iter_analyze`.

    Returns
    -------
    xarray.Dataset
        All of `mi_widgets.qpi.cross_validate` and `mi_widgets.qpi.fit_lasso`; ``transform`` (qy, qx), amplitudes of the
        conventional transform in the unit of `da`; ``profile`` and ``profile_stderr`` (image, q), image being
        ``transform`` and ``lasso`` at the chosen penalty; and the variables of `mi_widgets.qpi.fit_rings` with the
        prefix ``ring_``, or ``ring_fit_`` where they have no rings, over ``image``.

    Raises
    ------
    LabelError, DataError, ParameterError
        As the functions named.

    Warns
    -----
    MIWidgetsWarning
        The q grid is finer than the sampled area resolves.

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> da = make_interference_map((90, 180), width=50.0, noise=1.0).conductance
    >>> found = analyze(da, n_q=64, n_folds=3, n_penalties=5)
    >>> found.ring_position.sel(image="lasso").values.round(1)
    array([1.2, 3.2])
    """
    return collect(iter_analyze(da, sampled, **options), progress)


def iter_analyze(
    da: xr.DataArray,
    sampled: xr.DataArray | None = None,
    *,
    n_rings: int = 2,
    q_max: float = 5.0,
    n_q: int = 128,
    n_penalties: int = 10,
    smallest: float = 0.08,
    n_folds: int = 10,
    rule: str = "best",
    alpha: float = 0.01,
    solver: str = "fista",
    seed: int | np.random.Generator | None = 0,
) -> Iterator[Part]:
    """Do the work of `analyze` part by part: first the path of pictures, then fold by fold.

    Parameters
    ----------
    da, sampled, q_max, n_q
        As for `mi_widgets.qpi.fourier_transform`.
    n_rings : int
        Of `mi_widgets.qpi.fit_rings`.
    n_penalties, smallest
        Of `mi_widgets.qpi.fit_lasso`.
    n_folds, rule, alpha, solver, seed
        Of `mi_widgets.qpi.iter_cross_validate`; pictures are always made by FISTA.

    Yields
    ------
    mi_widgets.runs.Part
        ``result`` is the Dataset of `analyze`; until the last fold is done, errors of folds to come are NaN and the
        penalty is chosen by those that are there.

    Raises
    ------
    LabelError, DataError, ParameterError
        As `analyze`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> da = make_interference_map((90, 180), width=50.0).conductance
    >>> [part.total for part in iter_analyze(da, n_q=32, n_folds=2, n_penalties=3)]
    [3, 3, 3]
    """
    plane: dict[str, Any] = {"q_max": q_max, "n_q": n_q}
    folds = iter_cross_validate(da, sampled, n_penalties=n_penalties, smallest=smallest, n_folds=n_folds, rule=rule,
                                alpha=alpha, solver=solver, seed=seed, **plane)  # fmt: skip
    first = next(folds)  # wrong input is refused before the long work begins
    path = fit_lasso(da, sampled, n_penalties=n_penalties, smallest=smallest, **plane)
    used = {"n_rings": n_rings, "n_penalties": n_penalties, "smallest": smallest, "n_folds": n_folds, "rule": rule,
            "alpha": alpha, "solver": solver, "seed": seed if isinstance(seed, int) else "given", **plane}  # fmt: skip
    attrs = path.attrs | origin("analyze", "Rings of standing waves from few pixels", used, da)
    path["transform"] = fourier_transform(da, sampled, **plane)["amplitude"].assign_attrs(
        long_name="amplitude of the conventional transform"
    )
    total = first.total + 1
    found: dict[float, list[xr.Dataset]] = {}  # of penalties that were chosen: most folds agree
    done = first.result
    yield Part(1, total, _together(path, done, n_rings, attrs, found), index=0, message="parts")
    yield Part(2, total, _together(path, done, n_rings, attrs, found), index=1, message="parts")
    for part in folds:
        ds = _together(path, part.result, n_rings, attrs, found)
        yield Part(part.done + 1, total, ds, index=part.done, message="parts")


def _together(
    path: xr.Dataset, cv: xr.Dataset, n_rings: int, attrs: dict[str, Any], found: dict[float, list[xr.Dataset]]
) -> xr.Dataset:
    """One Dataset of pictures, validation, profiles and rings."""
    penalty = float(cv["chosen_penalty"])
    lasso = path["amplitude"].sel(penalty=penalty, method="nearest").drop_vars("penalty")
    for key, image in ((np.inf, path["transform"]), (penalty, lasso)):
        if key not in found:
            profile = radial_profile(image)
            fit = fit_rings(profile["mean"], n_rings)
            names = {str(n): f"ring_{n}" if fit[n].dims else f"ring_fit_{n}" for n in fit.data_vars}
            found[key] = [
                profile[["mean", "stderr"]].rename(mean="profile", stderr="profile_stderr"),
                fit.rename(names),
            ]
    images = [found[np.inf], found[penalty]]
    profiles, rings = (xr.concat([one[k] for one in images], "image", combine_attrs="override") for k in (0, 1))
    ds = path.assign({str(k): v for part in (cv, profiles, rings) for k, v in part.variables.items() if k not in path})
    ds = ds.assign_coords(image=("image", np.array(IMAGES), {"long_name": "way of the image"}))
    for name, text in (("profile", "mean amplitude"), ("profile_stderr", "standard error of the mean amplitude")):
        ds[name].attrs = {"units": ds["transform"].attrs["units"], "long_name": text}
    ds.attrs = dict(attrs)
    return ds
