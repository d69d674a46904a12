"""Impedance spectra of known circuits, with noise and drift."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.datasets._circuits import PARAMETERS, draw_parameters, parse, spectrum
from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["make_impedance"]

Value = float | Sequence[float] | np.ndarray
_KINDS = {"ohm": "resistance", "F": "capacitance", "H": "inductance", "s**n/ohm": "coefficient", "1": "exponent",
          "ohm/s**0.5": "Warburg coefficient", "s": "diffusion time"}  # fmt: skip


def make_impedance(
    circuit: str = "R-p(R,Q)-p(R-W,Q)",
    parameters: Mapping[str, Value] | None = None,
    *,
    frequency: Any = None,
    noise: float = 0.005,
    drift: float | Mapping[str, float] = 0.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make impedance spectra of a known circuit, with the truth.

    Real and imaginary part have independent Gaussian noise in proportion to the modulus. With `drift` the cell changes
    while it is measured, point by point in the order of the frequencies: such a spectrum is that of no circuit, and
    breaks the relations of Kramers and Kronig.

    Parameters
    ----------
    circuit : str
        Elements ``R C L Q W Ws Wo G`` in series (``-``) and parallel (``p(…,…)``), as in `impedance.parse_circuit`.
    parameters : mapping of str to float or sequence of float, optional
        Value of each parameter by name (``R0``, ``R1``, ``Q1``, ``Q1_n`` …), in ohm, F, H, s; a sequence makes a series
        of spectra. Those that are not given are drawn, so that arcs lie apart within the frequencies.
    frequency : array_like, optional
        Frequencies (Hz) in the order of the measurement; by default 50 from 100 kHz down to 10 mHz.
    noise : float
        Standard deviation of each part, relative to the modulus (1).
    drift : float or mapping of str to float
        Relative change from the first frequency to the last of all resistances and Warburg coefficients, or of single
        parameters by name.
    seed : int, numpy.random.Generator or None
        Of drawn parameters and noise.

    Returns
    -------
    xarray.Dataset
        - ``impedance_real``, ``impedance_imag`` ((spectrum,) frequency), ohm
        - ``true_real``, ``true_imag`` ((spectrum,) frequency), ohm: without noise, with the drift
        - ``true_R0`` … ((spectrum)): the parameters, at the first frequency

        Attribute ``true_circuit``.

    Raises
    ------
    ParameterError
        The circuit cannot be read; a parameter is unknown or out of range; series differ in length; frequencies are
        not above zero.

    Examples
    --------
    >>> ds = make_impedance("R-p(R,C)", {"R0": 20.0, "R1": [100.0, 110.0], "C1": 1e-5})
    >>> dict(ds.impedance_real.sizes), str(ds.impedance_real.units), ds.true_R1.values.tolist()
    ({'spectrum': 2, 'frequency': 50}, 'ohm', [100.0, 110.0])
    """
    rng = generator(seed, who="make_impedance")
    f = _frequencies(frequency)
    if not np.isfinite(noise) or noise < 0:
        raise ParameterError(f"make_impedance: noise must be zero or more; got {noise!r}.")
    root = parse(circuit)
    units = {e.name + s: unit for e in root.elements() for s, unit in PARAMETERS[e.kind]}
    values, n = _values(parameters or {}, draw_parameters(root, 2 * np.pi * f, rng), units)
    changes = _changes(drift, units)
    along = np.linspace(0.0, 1.0, f.size)
    # each parameter (spectrum, frequency): a spectrum that drifts has other parameters at each point
    moving = {k: v[:, None] * (1 + changes[k] * along) for k, v in values.items()}
    z = np.broadcast_to(spectrum(root, moving, 2 * np.pi * f), (n or 1, f.size))
    noisy = z + noise * np.abs(z) * (rng.standard_normal(z.shape) + 1j * rng.standard_normal(z.shape))
    return _dataset(f, z, noisy, values, units, n, {
        "circuit": circuit, "noise": noise, "drift": changes if isinstance(drift, Mapping) else drift,
        "seed": seed if isinstance(seed, int) else None,
    })  # fmt: skip


def _frequencies(frequency: Any) -> np.ndarray:
    f = np.geomspace(1e5, 1e-2, 50) if frequency is None else np.asarray(frequency, dtype=float)
    if f.ndim != 1 or f.size < 2 or not np.isfinite(f).all() or (f <= 0).any() or np.unique(f).size < f.size:
        raise ParameterError(
            "make_impedance: frequency must be two or more different numbers above zero (Hz), such as "
            f"np.geomspace(1e5, 1e-2, 50); got {frequency!r}."
        )
    return f


def _values(
    given: Mapping[str, Value], drawn: dict[str, float], units: dict[str, str]
) -> tuple[dict[str, np.ndarray], int]:
    """Each parameter as a row, and the number of spectra, 0 for one that is no series."""
    unknown = [k for k in given if k not in units]
    if unknown:
        raise ParameterError(
            f"make_impedance: the circuit has no parameter {unknown[0]!r}; it has {', '.join(units)}."
        )  # fmt: skip
    out = {}
    for name in units:
        value = np.asarray(given.get(name, drawn[name]), dtype=float)
        top = 1.0 if name.endswith("_n") else np.inf
        if value.ndim > 1 or not value.size or not ((value > 0) & (value <= top) & np.isfinite(value)).all():
            raise ParameterError(f"make_impedance: {name} must be above zero (exponents at most 1); got {value}.")
        out[name] = value
    sizes = {v.size for v in out.values() if v.ndim}
    if len(sizes) > 1:
        raise ParameterError(f"make_impedance: series of parameters must be equally long; got {sorted(sizes)}.")
    n = sizes.pop() if sizes else 0
    return {k: np.broadcast_to(v, (n or 1,)) for k, v in out.items()}, n


def _changes(drift: float | Mapping[str, float], units: dict[str, str]) -> dict[str, float]:
    if isinstance(drift, Mapping):
        unknown = [k for k in drift if k not in units]
        if unknown:
            raise ParameterError(f"make_impedance: drift names {unknown[0]!r}; the circuit has {', '.join(units)}.")
        out = {k: float(drift.get(k, 0.0)) for k in units}
    else:
        out = {k: float(drift) if unit in ("ohm", "ohm/s**0.5") else 0.0 for k, unit in units.items()}
    bad = [v for v in out.values() if not np.isfinite(v) or v <= -1]
    if bad:
        raise ParameterError(f"make_impedance: drift is a relative change above -1, such as 0.3; got {bad[0]}.")
    return out


def _dataset(
    f: np.ndarray, z: np.ndarray, noisy: np.ndarray, values: dict[str, np.ndarray], units: dict[str, str],
    n: int, called: dict[str, Any],
) -> xr.Dataset:  # fmt: skip
    dims = ("spectrum", "frequency") if n else ("frequency",)
    out: dict[str, Any] = {}
    for prefix, text, array in (("impedance", "impedance", noisy), ("true", "true impedance", z)):
        for suffix, part, title in (("real", np.real, "real part"), ("imag", np.imag, "imaginary part")):
            attrs = {"units": "ohm", "long_name": f"{text}, {title}"}
            out[f"{prefix}_{suffix}"] = (dims, part(array if n else array[0]).copy(), attrs)
    for name, value in values.items():
        attrs = {"units": units[name], "long_name": f"true {_KINDS[units[name]]} {name}"}
        out[f"true_{name}"] = (dims[:-1], value.copy() if n else value[0], attrs)
    coords: dict[str, Any] = {"frequency": ("frequency", f, {"units": "Hz", "long_name": "frequency"})}
    if n:
        coords["spectrum"] = ("spectrum", np.arange(n), {"units": "1", "long_name": "number of the spectrum"})
    title = f"generated impedance of {called['circuit']}"
    attrs = origin("datasets.make_impedance", title, called, source="generated")
    return xr.Dataset(out, coords, attrs | {"true_circuit": str(called["circuit"])})
