"""A pair potential from energies of a cluster: several optima fit alike, and a crystal tells which is right."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.potentials._cluster import Cluster, make_geometries, model_energies, to_parameters
from mi_widgets.potentials._ttam_pairs import Parameters, check_parameters
from mi_widgets.potentials.relax import relax_structure
from mi_widgets.potentials.ttam import TTAM
from mi_widgets.runs import Part, Progress, collect

__all__ = ["fit_pair_potential", "fitted_pair_potential", "iter_fit_pair_potential", "make_cluster_energies"]

_DOI = "10.1103/PhysRevLett.61.869"
#: Where starts are drawn from, and the bounds: a, b, c of Si and then of O.
_START = np.array([[0.5, 1.4], [0.01, 0.1], [1.0, 60.0], [1.6, 2.4], [0.1, 0.25], [20.0, 120.0]])
_BOUNDS = np.array([[-1.0, 3.0], [0.001, 0.3], [-300.0, 300.0], [0.5, 4.0], [0.03, 0.5], [0.0, 300.0]])
OK, AT_BOUND, NOT_CONVERGED, NO_CRYSTAL, NOT_RUN = range(5)


def make_cluster_energies(
    parameters: Parameters | None = None,
    *,
    n_points: int = 24,
    noise: float = 0.1,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make energies of the cluster SiO4 under three distortions, as first-principles would give them, with noise.

    Each bond takes 0.6 e from Si: the charges are 2.4 and -1.6 e in the cluster, and g(r) takes them to those of the
    bulk, 2.4 and -1.2 e, where clouds overlap. The four charges that hold the cluster in the paper add what does not
    depend on the parameters, and are left out.

    Parameters
    ----------
    parameters : mapping, optional
        See `TTAM`; the truth.
    n_points : int
        Geometries of each distortion (5 to 500): all bonds stretched, one bond stretched, one angle bent.
    noise : float
        Standard deviation (eV) of what is added to each energy.
    seed : int, numpy.random.Generator or None
        Of the noise.

    Returns
    -------
    xarray.Dataset
        ``energy`` (geometry), eV; ``distance_si_o`` (geometry, bond) and ``distance_o_o`` (geometry, edge), angstrom;
        coordinates ``distortion`` and ``amount`` (angstrom, or degree for the angle); the truth ``true_a``, ``true_b``
        (angstrom) and ``true_c`` (kcal**0.5 angstrom**3 mol**-0.5), over ``species``, and ``true_transfer`` (e).

    Raises
    ------
    ParameterError
        A number is out of range, or a parameter is missing.

    References
    ----------
    Phys. Rev. Lett. 61, 869 (1988), doi:10.1103/PhysRevLett.61.869

    Examples
    --------
    >>> make_cluster_energies().sizes["geometry"]
    72
    """
    who = "make_cluster_energies"
    truth = check_parameters(parameters, who=who)
    if isinstance(n_points, bool) or not isinstance(n_points, int | np.integer) or not 5 <= n_points <= 500:
        raise ParameterError(f"{who}: n_points must be a whole number of 5 to 500; got {n_points!r}.")
    if not 0 <= noise <= 10:
        raise ParameterError(f"{who}: noise must be 0 to 10 eV; got {noise!r}.")
    cluster, kinds, amount = make_geometries(int(n_points))
    values = np.array([truth[e][name] for e in ("Si", "O") for name in ("a", "b", "c")])
    transfer = truth["Si"]["charge"] / 4
    if abs(truth["O"]["charge"] + 2 * transfer) > 1e-9:
        raise ParameterError(f"{who}: the charge of O must be minus half that of Si; got {truth!r}.")
    energy = model_energies(cluster, values, transfer) + noise * np.random.default_rng(seed).standard_normal(len(kinds))
    length = {"units": "angstrom"}
    ds = xr.Dataset(
        {
            "energy": ("geometry", energy, {"units": "eV", "long_name": "energy of the cluster"}),
            "distance_si_o": (("geometry", "bond"), cluster.silicon, {**length, "long_name": "Si-O distance"}),
            "distance_o_o": (("geometry", "edge"), cluster.oxygen, {**length, "long_name": "O-O distance"}),
        },
        {
            "geometry": ("geometry", np.arange(len(kinds)), {"units": "1", "long_name": "geometry"}),
            "distortion": ("geometry", kinds, {"long_name": "distortion"}),
            "amount": ("geometry", amount, {"units": "1", "long_name": "length (angstrom) or angle (degree)"}),
            "species": ("species", ["Si", "O"], {"long_name": "element"}),
        },
    )
    for name, units in _UNITS.items():
        ds[f"true_{name}"] = ("species", [truth[e][name] for e in ("Si", "O")], {"units": units, "long_name": name})
    ds["true_transfer"] = ((), transfer, {"units": "e", "long_name": "charge that a bond takes from Si"})
    seeds = seed if isinstance(seed, int | None) else "not an integer"
    settings = {"parameters": truth, "n_points": n_points, "noise": noise, "seed": seeds}
    ds.attrs = origin("potentials.make_cluster_energies", "energies of a cluster SiO4", settings, source="synthetic",
                      references=[_DOI])  # fmt: skip
    return ds


_UNITS = {"a": "angstrom", "b": "angstrom", "c": "kcal**0.5 * angstrom**3 / mol**0.5"}


class _Optimum(NamedTuple):
    values: np.ndarray
    stderr: np.ndarray
    misfit: float
    n_starts: int
    status: int
    transfer: float
    cell: tuple[float, float, float] = (np.nan, np.nan, np.nan)  # a, c, energy of a formula unit


def fit_pair_potential(
    energies: xr.Dataset,
    *,
    transfers: Sequence[float] = (0.5, 0.55, 0.6, 0.65, 0.7),
    n_starts: int = 6,
    n_optima: int = 8,
    observed: tuple[float, float] = (4.913, 5.405),
    seed: int | np.random.Generator | None = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Fit a, b and c of Si and O to energies of a cluster, for several charges, and try each optimum on quartz.

    Energies of a cluster have no common zero with those of the potential: a constant is fitted as well.

    Parameters
    ----------
    energies : xarray.Dataset
        As `make_cluster_energies` makes it: ``energy``, ``distance_si_o``, ``distance_o_o``.
    transfers : sequence of float
        What each bond takes from Si (e, above 0 to 1): the charges of the bulk are 4 times that, and -2 times.
    n_starts : int
        Random starts of least squares for each of them (1 to 10,000).
    n_optima : int
        How many optima, the best of those found, are tried on quartz and given.
    observed : (float, float)
        Measured a and c of quartz (angstrom), to which a prediction is compared.
    seed : int, numpy.random.Generator or None
        Of the starts.
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        Over ``optimum``, the best fit first: ``transfer`` (e); ``a``, ``b`` (angstrom) and ``c`` (kcal**0.5 angstrom**3
        mol**-0.5) over ``species``, with ``<name>_stderr`` (NaN where the data do not determine it); ``misfit`` (eV),
        root of the mean square; ``n_starts`` that ended there; ``cell_a``, ``cell_c`` (angstrom) and ``energy`` of a
        formula unit (eV) of relaxed quartz; ``cell_misfit`` (1), root of the mean squared relative deviation from
        `observed`; ``status``:
        ``ok``, ``at_bound``, ``not_converged``, ``no_crystal`` (quartz is not stable with it) or ``not_run``.

    Raises
    ------
    LabelError, DataError
        Something is missing in `energies`, or is no number.
    ParameterError
        A number is out of range.

    Notes
    -----
    Si-Si does not occur in the cluster: it follows from a, b, c of the others. Whether an optimum is right is hardly
    told by its misfit: charges, repulsion and dispersion that are all wrong make up for each other in the cluster, and
    not in a crystal.

    References
    ----------
    Phys. Rev. Lett. 61, 869 (1988), doi:10.1103/PhysRevLett.61.869

    Examples
    --------
    >>> fit = fit_pair_potential(make_cluster_energies(noise=0.0), transfers=[0.6], n_starts=2)
    >>> fit.a.isel(optimum=0).values.round(2)
    array([0.87, 2.05])
    """
    parts = iter_fit_pair_potential(
        energies, transfers=transfers, n_starts=n_starts, n_optima=n_optima, observed=observed, seed=seed
    )
    result: xr.Dataset = collect(parts, progress)
    return result


def iter_fit_pair_potential(
    energies: xr.Dataset,
    *,
    transfers: Sequence[float] = (0.5, 0.55, 0.6, 0.65, 0.7),
    n_starts: int = 6,
    n_optima: int = 8,
    observed: tuple[float, float] = (4.913, 5.405),
    seed: int | np.random.Generator | None = 0,
) -> Iterator[Part]:
    """Fit a pair potential in parts: all starts first, then quartz with one optimum after another.

    Parameters
    ----------
    energies, transfers, n_starts, n_optima, observed, seed
        See `fit_pair_potential`.

    Returns
    -------
    iterator of mi_widgets.runs.Part
        ``result`` has all optima; those not yet tried on quartz have the status ``not_run``.

    Raises
    ------
    LabelError, DataError, ParameterError
        See `fit_pair_potential`.

    Examples
    --------
    >>> parts = iter_fit_pair_potential(make_cluster_energies(), transfers=[0.6], n_starts=2)
    >>> [part.done for part in parts]
    [0, 1]
    """
    who = "fit_pair_potential"
    cluster, measured = _check(energies, who)
    for name, value, most in (("n_starts", n_starts, 10_000), ("n_optima", n_optima, 1000)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= most:
            raise ParameterError(f"{who}: {name} must be a whole number of 1 to {most:,}; got {value!r}.")
    if len(observed) != 2 or not min(observed) > 0:
        raise ParameterError(f"{who}: observed must be a and c of quartz (angstrom); got {observed!r}.")
    given = [float(t) for t in np.atleast_1d(np.asarray(transfers, dtype=float))]
    if not given or not all(0 < t <= 1 for t in given):
        raise ParameterError(f"{who}: transfers must be above 0 to 1 (e); got {transfers!r}. Write [0.5, 0.6, 0.7].")
    rng = np.random.default_rng(seed)
    settings = {
        "transfers": given, "n_starts": n_starts, "n_optima": n_optima, "observed": list(observed),
        "seed": seed if isinstance(seed, int | None) else "not an integer",
    }  # fmt: skip
    attrs = origin("potentials.fit_pair_potential", "pair potential of a cluster", settings, of=energies,
                   references=[_DOI])  # fmt: skip
    starts = [(t, rng.uniform(_START[:, 0], _START[:, 1])) for t in given for _ in range(int(n_starts))]
    return _parts(cluster, measured, starts, int(n_optima), tuple(observed), attrs)


def _check(energies: xr.Dataset, who: str) -> tuple[Cluster, np.ndarray]:
    names = ("energy", "distance_si_o", "distance_o_o")
    missing = [n for n in names if not isinstance(energies, xr.Dataset) or n not in energies]
    if missing:
        raise LabelError(f"{who}: {missing[0]!r} is missing; write make_cluster_energies() or name it so.")
    units = energies["energy"].attrs.get("units")
    if units not in (None, "eV"):
        raise LabelError(f"{who}: energy must be in eV; it is in {units!r}. Convert it, and set its units.")
    energy, silicon, oxygen = (np.asarray(energies[n].values, dtype=float) for n in names)
    if not all(np.isfinite(v).all() for v in (energy, silicon, oxygen)) or min(silicon.min(), oxygen.min()) <= 0:
        raise DataError(f"{who}: energies and distances must be finite, distances above 0.")
    if energy.size < 8:
        raise DataError(f"{who}: {energy.size} energies are too few for six parameters and a constant.")
    return Cluster(silicon, oxygen), energy


def _parts(
    cluster: Cluster,
    measured: np.ndarray,
    starts: list[tuple[float, np.ndarray]],
    n_optima: int,
    observed: tuple[float, ...],
    attrs: dict[str, str],
) -> Iterator[Part]:
    optima = _optima(cluster, measured, starts)[:n_optima]
    untried = [o._replace(status=NOT_RUN) for o in optima]
    yield Part(0, len(optima), _dataset(untried, observed, attrs), None, f"{len(optima)} optima")
    for k, optimum in enumerate(optima):
        untried[k] = _try_quartz(optimum)
        yield Part(k + 1, len(optima), _dataset(untried, observed, attrs), k, f"quartz with optimum {k}")


def _optima(cluster: Cluster, measured: np.ndarray, starts: list[tuple[float, np.ndarray]]) -> list[_Optimum]:
    """Least squares from each start; results alike within a hundredth of their ranges are one optimum."""
    from scipy.optimize import least_squares

    scale = _START[:, 1] - _START[:, 0]
    found: list[_Optimum] = []
    for transfer, start in starts:

        def residual(values: np.ndarray, transfer: float = transfer) -> np.ndarray:
            r = model_energies(cluster, values, transfer) - measured
            return r - r.mean()

        fit = least_squares(
            residual, start, bounds=_BOUNDS.T, x_scale=scale, max_nfev=2000,
            xtol=1e-10, ftol=1e-10, gtol=1e-10,
        )  # fmt: skip
        at_bound = bool((np.abs(fit.active_mask) > 0).any())
        status = AT_BOUND if at_bound else OK if fit.status > 0 else NOT_CONVERGED
        misfit = float(np.sqrt(np.mean(fit.fun**2)))
        for k, other in enumerate(found):
            alike = np.abs(fit.x - other.values) < 0.01 * scale
            if other.transfer == transfer and alike.all() and abs(misfit - other.misfit) < 0.01 * other.misfit + 1e-6:
                found[k] = other._replace(n_starts=other.n_starts + 1)
                break
        else:
            found.append(_Optimum(fit.x, _errors(fit.jac, fit.fun), misfit, 1, status, transfer))
    return sorted(found, key=lambda o: o.misfit)


def _errors(jacobian: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Standard errors; NaN where the data leave a direction free."""
    n_free = max(1, len(residual) - jacobian.shape[1] - 1)
    scale = np.sqrt(np.square(jacobian).sum(axis=0))
    if not (scale > 0).all():
        return np.full(jacobian.shape[1], np.nan)
    matrix = (jacobian / scale).T @ (jacobian / scale)
    if np.linalg.cond(matrix) > 1e13:
        return np.full(jacobian.shape[1], np.nan)
    variance = np.diag(np.linalg.inv(matrix)) * float(residual @ residual) / n_free
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)) / scale)


def _try_quartz(optimum: _Optimum) -> _Optimum:
    from mi_widgets.datasets._silica_crystals import make_silica_crystal

    try:
        potential = TTAM(to_parameters(optimum.values, optimum.transfer))
        relaxed = relax_structure(
            make_silica_crystal("quartz"), potential, cell=True, max_force=0.01, max_stress=1e-4, max_calls=300
        )
    except (DataError, ParameterError):  # it collapses, or flies apart
        return optimum._replace(status=NO_CRYSTAL)
    lengths = np.linalg.norm(relaxed["cell"].values, axis=1)
    cell = (float(lengths[:2].mean()), float(lengths[2]), float(relaxed["energy"]) / 3)
    return optimum._replace(status=optimum.status if int(relaxed["status"]) == 0 else NO_CRYSTAL, cell=cell)


def _dataset(optima: Sequence[_Optimum], observed: tuple[float, ...], attrs: dict[str, str]) -> xr.Dataset:
    n = len(optima)
    values = np.array([o.values for o in optima]).reshape(n, 2, 3)
    errors = np.array([o.stderr for o in optima]).reshape(n, 2, 3)
    cell = np.array([o.cell for o in optima])
    out: dict[str, Any] = {}
    for k, (name, units) in enumerate(_UNITS.items()):
        out[name] = (("optimum", "species"), values[..., k], {"units": units, "long_name": name})
        text = f"standard error of {name}"
        out[f"{name}_stderr"] = (("optimum", "species"), errors[..., k], {"units": units, "long_name": text})
    off = np.sqrt(np.mean((cell[:, :2] / np.asarray(observed) - 1) ** 2, axis=1))
    columns = {
        "transfer": (np.array([o.transfer for o in optima]), "e", "charge that a bond takes from Si"),
        "misfit": (np.array([o.misfit for o in optima]), "eV", "root mean square of the residuals"),
        "n_starts": (np.array([o.n_starts for o in optima]), "1", "starts that ended here"),
        "cell_a": (cell[:, 0], "angstrom", "a of quartz"),
        "cell_c": (cell[:, 1], "angstrom", "c of quartz"),
        "energy": (cell[:, 2], "eV", "energy of a formula unit of quartz"),
        "cell_misfit": (off, "1", "relative deviation from the measured cell"),
    }
    for name, (array, units, text) in columns.items():
        out[name] = ("optimum", array, {"units": units, "long_name": text})
    meanings = "ok at_bound not_converged no_crystal not_run"
    flags = {"long_name": "status", "flag_values": list(range(5)), "flag_meanings": meanings}
    out["status"] = ("optimum", np.array([o.status for o in optima], dtype=np.int8), flags)
    coords = {
        "optimum": ("optimum", np.arange(n), {"units": "1", "long_name": "optimum"}),
        "species": ("species", ["Si", "O"], {"long_name": "element"}),
    }
    return xr.Dataset(out, coords, attrs)


def fitted_pair_potential(fit: xr.Dataset, optimum: int = 0, *, cutoff: float = 8.0) -> TTAM:
    """Make a potential of one optimum of a fit, with the charges of the bulk.

    Parameters
    ----------
    fit : xarray.Dataset
        What `fit_pair_potential` gives.
    optimum : int
        Label of the optimum; 0 fits the cluster best.
    cutoff : float
        See `TTAM`.

    Returns
    -------
    TTAM
        The potential.

    Raises
    ------
    LabelError
        This is no such fit, or the optimum is not in it.

    Examples
    --------
    >>> fit = fit_pair_potential(make_cluster_energies(), transfers=[0.6], n_starts=2)
    >>> fitted_pair_potential(fit).parameters["Si"]["charge"]
    2.4
    """
    if not {"a", "b", "c", "transfer", "optimum"} <= set(fit.variables) or optimum not in fit["optimum"].values:
        raise LabelError(
            "fitted_pair_potential needs what fit_pair_potential gives, and the label of an optimum in it."
        )
    one = fit.sel(optimum=optimum)
    values = np.array([float(one[name].sel(species=e)) for e in ("Si", "O") for name in ("a", "b", "c")])
    return TTAM(to_parameters(values, float(one["transfer"])), cutoff=cutoff)
