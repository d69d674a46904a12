"""Circuits as text, and their impedance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.impedance._check import Spectra, finish, frequencies
from mi_widgets.impedance._dataset import parameter_attrs
from mi_widgets.impedance._elements import ELEMENTS
from mi_widgets.impedance._grammar import Circuit, Node, read_circuit
from mi_widgets.impedance._kernels import impedance

__all__ = ["ELEMENTS", "Circuit", "Node", "evaluate", "parse_circuit"]


def parse_circuit(circuit: str) -> Circuit:
    r"""Circuit that a text describes, with the names of its parameters.

    Elements are ``R`` (resistor), ``C`` (capacitor), ``L`` (inductor), ``Q`` or ``CPE`` (constant phase element),
    ``W`` (Warburg), ``Ws`` and ``Wo`` (finite diffusion to a sink, to a closed end) and ``G`` (Gerischer). ``-`` puts
    them in series, ``p(…,…)`` in parallel, brackets nest. Elements may be numbered, all or none; else the resistor in
    series with everything is ``R0`` and the others count from 1 in the order of the text.

    Parameters
    ----------
    circuit : str
        Such as ``"R-p(R,C)-p(R-W,Q)"`` or ``"R0-p(R1,C1)"``; blanks do not matter. At most 400 characters and 30
        elements.

    Returns
    -------
    Circuit
        ``text``; ``canonical``, the same for circuits that differ in the order of parts alone; ``names`` of the
        parameters; ``element_names``; ``root``, the tree of its parts.

    Raises
    ------
    ParameterError
        It is no circuit: the message has the character at which it fails. Two resistors (capacitors, inductors,
        Warburg elements) directly in series or parallel are refused, as they act as one.

    Notes
    -----
    With :math:`s = \sqrt{i\omega\tau}`: R; C :math:`1/(i\omega C)`; L :math:`i\omega L`; Q
    :math:`1/(Q(i\omega)^n)`; W :math:`\sigma(1-i)/\sqrt\omega`; Ws :math:`R\tanh(s)/s`; Wo
    :math:`R\coth(s)/s`; G :math:`R/\sqrt{1+i\omega\tau}`.

    Examples
    --------
    >>> parse_circuit("R-p(R,C)-p(R-W,Q)").names
    ('R0', 'R1', 'C1', 'R2', 'W1', 'Q1', 'Q1_n')
    >>> parse_circuit("R-p(R,C)").canonical == parse_circuit("p(C,R)-R").canonical
    True
    """
    return read_circuit(circuit, who="parse_circuit")


def evaluate(
    circuit: str | Circuit, parameters: Mapping[str, Any] | xr.Dataset, frequency: Any, *, units: str = "ohm"
) -> xr.Dataset:
    """Impedance of a circuit with given parameters.

    Parameters
    ----------
    circuit : str or Circuit
        The circuit, as in `parse_circuit`.
    parameters : mapping or xarray.Dataset
        A value for each name in ``parse_circuit(circuit).names``, in SI units (ohm, F, H, s); a DataArray makes a
        spectrum for each of its points. A result of `fit_circuit` serves as it is.
    frequency : array_like or xarray.DataArray, shape (n_frequencies,)
        Frequencies (Hz), above zero.
    units : str
        Unit of the impedance; the units of the parameters follow from it.

    Returns
    -------
    xarray.Dataset
        ``impedance_real``, ``impedance_imag`` (..., frequency) in `units`.

    Raises
    ------
    ParameterError
        It is no circuit; a parameter is missing, is no number or not above zero, or its exponent not from 0 to 1.
    DataError, LabelError
        Frequencies are not above zero, not in Hz, or not strictly monotonic.

    Examples
    --------
    >>> z = evaluate("R-p(R,C)", {"R0": 20.0, "R1": 100.0, "C1": 1e-5}, [0.01, 1e5])
    >>> z.impedance_real.values.round(3)
    array([120.,  20.])
    """
    made = read_circuit(circuit, who="evaluate")
    axis = _axis(frequency)
    columns = _columns(made, parameters)
    first = columns[0]
    rows = np.stack([c.values.ravel() for c in columns], axis=1)
    with np.errstate(all="ignore"):
        z = impedance(made, rows, 2 * np.pi * axis.values.astype(float)).reshape(*first.shape, axis.size)
    dims = (*map(str, first.dims), "frequency")
    coords = {str(k): c for k, c in first.coords.items()} | {"frequency": axis}
    ds = xr.Dataset(
        {
            "impedance_real": (dims, z.real.copy(), {"units": units, "long_name": "impedance, real part"}),
            "impedance_imag": (dims, z.imag.copy(), {"units": units, "long_name": "impedance, imaginary part"}),
        },
        coords,
    )
    plain = {n: float(c) if c.ndim == 0 else "array" for n, c in zip(made.names, columns, strict=True)}
    source = Spectra(axis.values, z, np.isfinite(z), (), (), {}, axis, units, f"computed for {made.text}")
    return finish(ds, "evaluate", f"impedance of {made.text}", {"circuit": made.text, "parameters": plain}, source, "")


def _axis(frequency: Any) -> xr.DataArray:
    attrs = {"units": "Hz", "long_name": "frequency"}
    if isinstance(frequency, xr.DataArray):
        return frequencies(frequency if "frequency" in frequency.coords else frequency.rename("frequency"), "evaluate")
    values = np.atleast_1d(np.asarray(frequency))
    if values.ndim != 1:
        raise LabelError(f"evaluate: frequencies must be one row of numbers; got shape {values.shape}.")
    return frequencies(xr.DataArray(values, {"frequency": ("frequency", values, attrs)}, ("frequency",)), "evaluate")


def _columns(circuit: Circuit, parameters: Any) -> list[xr.DataArray]:
    """Values of all parameters, broadcast against each other."""
    if not isinstance(parameters, Mapping | xr.Dataset):
        raise ParameterError(
            f"evaluate: parameters must be a mapping of names, such as {{{circuit.names[0]!r}: 1.0}}; got "
            f"{type(parameters).__name__}."
        )
    missing = [n for n in circuit.names if n not in parameters]
    if missing:
        raise ParameterError(
            f"evaluate: {circuit.text} needs a value for {', '.join(missing)}; its parameters are "
            f"{', '.join(circuit.names)}."
        )
    out = []
    for name, quantity in zip(circuit.names, circuit.quantities, strict=True):
        given = parameters[name]
        try:
            array = given.astype(float) if isinstance(given, xr.DataArray) else xr.DataArray(float(given))
        except (TypeError, ValueError):
            raise ParameterError(f"evaluate: {name} must be a number or a DataArray; got {given!r}.") from None
        values = array.values[~np.isnan(array.values)]
        top = 1.0 if quantity.kind == "exponent" else np.inf
        if array.size == 1 and not values.size:
            raise ParameterError(f"evaluate: {name} is not a number (NaN).")
        if (values <= 0).any() or (values > top).any() or not np.isfinite(values).all():
            limit = "above 0 and at most 1" if quantity.kind == "exponent" else "finite and above zero"
            raise ParameterError(f"evaluate: {name} must be {limit}; got {values.min():g} to {values.max():g}.")
        out.append(array.drop_vars([c for c in array.coords if c not in array.dims]))
    return list(xr.broadcast(*out))


def parameter_units(circuit: Circuit, units: str) -> dict[str, str]:
    """Unit of each parameter for an impedance in `units`."""
    return {name: attrs["units"] for name, attrs in parameter_attrs(circuit, units).items()}
