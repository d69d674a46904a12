"""The gap of a superconductor from its tunnelling spectra."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.labels import label
from mi_widgets.methods.threads import one_thread
from mi_widgets.runs import Part, Progress, block_size, collect
from mi_widgets.sts._check import DYNES, check_spectra, number, origin
from mi_widgets.sts._dynes import BOLTZMANN, dynes_values, n_terms
from mi_widgets.sts._fit import NAMES, STATUS, Fit, Problem, fit_spectra

__all__ = ["dynes", "evaluate_gap", "find_temperature", "gap_map", "iter_gap_map"]

LONG_NAMES = {
    "gap": "gap Δ",
    "broadening": "broadening Γ",
    "normal": "conductance of the normal state",
    "slope": "slope of the normal state",
}


def dynes(
    energy: xr.DataArray, *, gap: float, broadening: float, temperature: float = 0.0, normal: float = 1.0
) -> xr.DataArray:
    r"""Conductance of a tunnel contact between a superconductor and a normal metal.

    .. math:: g(E) = g_n \int \Big|\mathrm{Re} \frac{E' + i\Gamma}{\sqrt{(E' + i\Gamma)^2 - \Delta^2}}\Big|
              \Big[-\frac{\partial f}{\partial E'}(E' - E)\Big] dE'

    without a numerical integral: the thermal average is summed over the poles of the Fermi function, exact to 1e-6.

    Parameters
    ----------
    energy : xarray.DataArray
        Energies or biases, 1-D, with their unit (meV, eV, mV, V).
    gap : float
        :math:`\Delta` (meV).
    broadening : float
        :math:`\Gamma` of Dynes (meV).
    temperature : float
        Of sample and tip (K).
    normal : float
        Conductance of the normal state.

    Returns
    -------
    xarray.DataArray
        ``conductance`` over the dimension of `energy`, 1.

    Raises
    ------
    LabelError
        `energy` has no unit of energy or bias.
    ParameterError
        A number is negative.

    References
    ----------
    R. C. Dynes, V. Narayanamurti, J. P. Garno, Phys. Rev. Lett. 41, 1509 (1978), doi:10.1103/PhysRevLett.41.1509

    Examples
    --------
    >>> energy = xr.DataArray(np.linspace(-4, 4, 81), dims="energy", attrs={"units": "meV"})
    >>> float(dynes(energy, gap=1.2, broadening=0.01, temperature=1.0).isel(energy=40).round(3))
    0.009
    """
    who = "dynes"
    line = energy.assign_coords({energy.dims[0]: energy}) if energy.ndim == 1 else energy
    _, name, axis = check_spectra(line, str(energy.dims[0]) if energy.ndim == 1 else None, who=who)
    values = [number(n, v, who=who, also=True) for n, v in (("gap", gap), ("broadening", broadening),
              ("temperature", temperature), ("normal", normal))]  # fmt: skip
    thermal = BOLTZMANN * values[2]
    curve = dynes_values(axis, np.array([[values[0]]]), np.array([[values[1]]]), thermal, n_terms(thermal, values[0]),
                         derivatives=False)[0][0]  # fmt: skip
    out = xr.DataArray(values[3] * curve, {name: line[name]}, (name,), name="conductance")
    return label(out, "1", "conductance")


def gap_map(
    da: xr.DataArray, dim: str | None = None, *, progress: Progress | None = None, **options: Any
) -> xr.Dataset:
    r"""Fit Dynes's form to every spectrum of a map: gap, broadening and normal state.

    .. math:: \frac{dI}{dV}(E) = (a + b E)\, g(E; \Delta, \Gamma, T)

    with g of `dynes`, by least squares; the same weight for every channel.

    Parameters
    ----------
    da : xarray.DataArray
        dI/dV spectra over any other dims, in any unit; what is not finite is left out.
    dim : str, optional
        The dimension of energy or bias, in meV, eV, mV or V from the Fermi level; by default
        `mi_widgets.labels.find_spectral_dim`.
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.
    **options
        Of `iter_gap_map`.

    Returns
    -------
    xarray.Dataset
        Over the other dims, each with its standard error ``<name>_stderr`` where it is fitted: ``gap`` and
        ``broadening`` (meV), ``normal`` (unit of `da`), conductance of the normal state at zero energy, and ``slope``
        (unit of `da` / meV). ``rms`` (unit of `da`) of the residual, ``n_iter``, and ``status``: ok, not_converged,
        at_bound (a gap or broadening of zero, or a gap wider than the axis), no_data, not_run. The attribute
        ``temperature`` (K) is the one that was used.

    Raises
    ------
    LabelError
        No such dimension, or its unit is no energy and no bias.
    DataError
        Fewer than 11 channels, none of one sign, or no spectrum has 8 finite values.
    ParameterError
        A number is out of range.

    Notes
    -----
    Dynes's form has one gap that is the same in all directions. Two gaps, nodes or bound states in a vortex are taken
    for broadening: look at the residual. A bias modulation of the lock-in widens lines as a temperature does; find the
    temperature by `find_temperature` rather than take the thermometer's.

    Examples
    --------
    >>> from mi_widgets.datasets import make_gap_cube
    >>> ds = make_gap_cube((6, 6))
    >>> found = gap_map(ds.conductance, temperature=1.5)
    >>> bool(abs(found.gap / ds.true_gap - 1).median() < 0.02)
    True
    """
    return collect(iter_gap_map(da, dim, **options), progress)


def iter_gap_map(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    temperature: float | None = None,
    broadening: float | None = None,
    slope: bool = True,
    max_iter: int = 60,
) -> Iterator[Part]:
    """Do the work of `gap_map` in parts of about 0.3 s.

    Parameters
    ----------
    da, dim
        As for `gap_map`.
    temperature : float, optional
        Of sample and tip (K), zero or more; by default that of `find_temperature`.
    broadening : float, optional
        Dynes's broadening (meV), where it is known; by default it is fitted to every spectrum.
    slope : bool
        Whether the normal state may have a slope.
    max_iter : int
        Most iterations for a spectrum.

    Yields
    ------
    mi_widgets.runs.Part
        ``result`` is the Dataset of `gap_map`, NaN where it is not done; ``index`` flat numbers of new spectra.

    Raises
    ------
    LabelError, DataError, ParameterError
        As `gap_map`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_gap_cube
    >>> parts = list(iter_gap_map(make_gap_cube((4, 4)).conductance, temperature=1.5))
    >>> parts[-1].done, parts[-1].total
    (16, 16)
    """
    who = "gap_map"
    spectra, name, axis = check_spectra(da, dim, who=who)
    _two_sides(axis, name, who)
    known = None if broadening is None else number("broadening", broadening, who=who, also=True)
    if isinstance(max_iter, bool) or not isinstance(max_iter, int) or max_iter < 1:
        raise ParameterError(f"{who}: max_iter must be a whole number of at least 1; got {max_iter!r}.")
    rows = np.asarray(spectra.values, dtype=float).reshape(-1, axis.size)
    if not (np.isfinite(rows).sum(axis=1) >= 8).any():
        raise DataError(f"{who}: no spectrum has 8 finite values. Is the right variable read?")
    if temperature is None:
        temperature = float(find_temperature(da, dim, broadening=broadening, slope=slope).temperature)
    kelvin = number("temperature", temperature, who=who, also=True)
    problem = Problem(axis, BOLTZMANN * kelvin, known, bool(slope), max_iter)
    attrs = origin(who, "Gap map", {"dim": name, "temperature": kelvin, "broadening": known, "slope": int(slope),
                   "max_iter": max_iter}, da, DYNES) | {"temperature": kelvin}  # fmt: skip
    total, done, seconds = len(rows), 0, 1.5e-3
    fit = Fit(np.full((total, 4), np.nan), np.full((total, 4), np.nan), np.full(total, np.nan),
              np.full(total, STATUS.index("not_run"), np.int8), np.zeros(total, np.int64))  # fmt: skip
    from time import perf_counter

    while done < total:
        part = slice(done, min(done + block_size(seconds, total, least=64), total))
        began = perf_counter()
        one = _fit(rows[part], problem)
        seconds = (perf_counter() - began) / (part.stop - part.start)
        for whole, new in zip(
            (fit.values, fit.stderr, fit.rms, fit.status, fit.n_iter),
            (one.values, one.stderr, one.rms, one.status, one.n_iter),
            strict=True,
        ):
            whole[part] = new
        done = part.stop
        ds = _as_dataset(fit, spectra, name, problem)
        ds.attrs = attrs
        yield Part(done, total, ds, index=np.arange(part.start, part.stop), message="spectra")


@one_thread
def _fit(rows: np.ndarray, problem: Problem) -> Fit:
    return fit_spectra(rows, problem)


def find_temperature(
    da: xr.DataArray,
    dim: str | None = None,
    *,
    broadening: float | None = None,
    slope: bool = True,
    n_spectra: int = 48,
    limits: tuple[float, float] = (0.1, 40.0),
) -> xr.Dataset:
    """Find the temperature that explains all spectra of a map best, gap and broadening being each one's own.

    It is the effective temperature of the broadening: a bias modulation and noise on the bias are in it as well.

    Parameters
    ----------
    da, dim
        As for `gap_map`.
    broadening : float, optional
        Where it is known (meV).
    slope : bool
        Whether the normal state may have a slope.
    n_spectra : int
        How many spectra are used, evenly spread over the map.
    limits : (float, float)
        Between which it is sought (K).

    Returns
    -------
    xarray.Dataset
        ``temperature`` and ``temperature_stderr`` (K), the latter from the curvature of the sum of squares; NaN at a
        limit.

    Raises
    ------
    LabelError, DataError, ParameterError
        As `gap_map`.

    Notes
    -----
    Temperature and broadening both fill the gap; they differ in the shape of the lines alone, so that a temperature is
    only found from spectra with little noise: heed its error.

    Examples
    --------
    >>> from mi_widgets.datasets import make_gap_cube
    >>> found = find_temperature(make_gap_cube((8, 8)).conductance)
    >>> bool(abs(found.temperature - 1.5) < 4 * found.temperature_stderr)
    True
    """
    from scipy.optimize import minimize_scalar

    who = "find_temperature"
    spectra, name, axis = check_spectra(da, dim, who=who)
    _two_sides(axis, name, who)
    known = None if broadening is None else number("broadening", broadening, who=who, also=True)
    low, high = (number("limits", v, who=who) for v in limits)
    rows = np.asarray(spectra.values, dtype=float).reshape(-1, axis.size)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows) or not low < high:
        raise DataError(f"{who}: no spectrum is free of gaps, or limits are not in order ({limits}).")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(n_spectra, len(rows))).round().astype(int))]

    def left(log_kelvin: float) -> float:
        fit = _fit(rows, Problem(axis, BOLTZMANN * float(np.exp(log_kelvin)), known, bool(slope)))
        return float((fit.rms**2).sum() * axis.size)

    ends = (float(np.log(low)), float(np.log(high)))
    coarse = np.linspace(*ends, 10)
    costs = [left(t) for t in coarse]
    k = int(np.argmin(costs))
    found = minimize_scalar(left, bounds=(coarse[max(k - 1, 0)], coarse[min(k + 1, 9)]), method="bounded",
                            options={"xatol": 1e-3})  # fmt: skip
    at, cost = float(found.x), float(found.fun)
    kelvin, error = float(np.exp(at)), np.nan
    if ends[0] + 0.01 < at < ends[1] - 0.01:
        h = 0.05
        bend = (left(at + h) - 2 * cost + left(at - h)) / h**2
        dof = rows.size - len(rows) * int(Problem(axis, 0.0, known, bool(slope)).free.sum()) - 1
        error = kelvin * float(np.sqrt(2 * cost / max(dof, 1) / bend)) if bend > 0 else np.nan
    ds = xr.Dataset(
        {
            "temperature": ((), kelvin, {"units": "K", "long_name": "effective temperature"}),
            "temperature_stderr": ((), error, {"units": "K", "long_name": "standard error of the temperature"}),
        }
    )
    ds.attrs = origin(who, "Effective temperature", {"dim": name, "broadening": known, "slope": int(slope),
                      "n_spectra": len(rows), "limits": [low, high]}, da, DYNES)  # fmt: skip
    return ds


def evaluate_gap(fit: xr.Dataset, energy: xr.DataArray) -> xr.DataArray:
    """Curves of a fit of `gap_map`.

    Parameters
    ----------
    fit : xarray.Dataset
        Of `gap_map`, all of it or some pixels.
    energy : xarray.DataArray
        Energies or biases, 1-D, with their unit.

    Returns
    -------
    xarray.DataArray
        ``best_fit`` (dims of the fit, dimension of `energy`), unit of the data.

    Raises
    ------
    LabelError
        `energy` has no unit of energy or bias.

    Examples
    --------
    >>> from mi_widgets.datasets import make_gap_cube
    >>> da = make_gap_cube((2, 2)).conductance
    >>> evaluate_gap(gap_map(da, temperature=1.5), da.energy).dims
    ('y', 'x', 'energy')
    """
    name = str(energy.dims[0])
    _, _, axis = check_spectra(energy.assign_coords({name: energy}), name, who="evaluate_gap")
    gap, broadening, normal, slope = (np.asarray(fit[n].values, dtype=float).reshape(-1, 1) for n in NAMES)
    thermal = BOLTZMANN * float(fit.attrs["temperature"])
    terms = n_terms(thermal, float(np.nanmax(gap, initial=0.0)))
    curve = dynes_values(axis, gap, broadening, thermal, terms, derivatives=False)[0]
    values = ((normal + slope * axis) * curve).reshape(*fit["gap"].shape, axis.size)
    coords = {**{str(d): fit[d] for d in fit["gap"].dims if d in fit.coords}, name: energy}
    out = xr.DataArray(values, coords, (*fit["gap"].dims, name), name="best_fit")
    return label(out, str(fit["normal"].attrs["units"]), "best fit")


def _two_sides(axis: np.ndarray, name: str, who: str) -> None:
    if axis.min() >= 0 or axis.max() <= 0:
        raise DataError(
            f"{who}: {name!r} runs from {axis.min():.4g} to {axis.max():.4g} meV. It must be measured from the Fermi "
            f"level and reach both sides of it: write da.assign_coords({name}=da.{name} - fermi_level)."
        )


def _as_dataset(fit: Fit, spectra: xr.DataArray, name: str, problem: Problem) -> xr.Dataset:
    dims, shape = spectra.dims[:-1], spectra.shape[:-1]
    units = str(spectra.attrs.get("units", "1"))
    unit = {"gap": "meV", "broadening": "meV", "normal": units, "slope": "1/meV" if units == "1" else f"{units}/meV"}
    out: dict[str, Any] = {}
    for k, (key, fitted) in enumerate(zip(NAMES, problem.free, strict=True)):
        attrs = {"units": unit[key], "long_name": LONG_NAMES[key]}
        out[key] = (dims, fit.values[:, k].reshape(shape).copy(), attrs)
        if fitted:
            attrs = {"units": unit[key], "long_name": f"standard error of the {LONG_NAMES[key]}"}
            out[f"{key}_stderr"] = (dims, fit.stderr[:, k].reshape(shape).copy(), attrs)
    out["rms"] = (dims, fit.rms.reshape(shape).copy(), {"units": units, "long_name": "root mean square residual"})
    out["n_iter"] = (dims, fit.n_iter.reshape(shape).copy(), {"units": "1", "long_name": "iterations"})
    flags = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
    out["status"] = (dims, fit.status.reshape(shape).copy(), {"units": "1", "long_name": "status of the fit", **flags})
    return xr.Dataset(out, {str(k): v for k, v in spectra.coords.items() if name not in v.dims})
