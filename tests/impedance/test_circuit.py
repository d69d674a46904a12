"""Grammar of circuits, and their impedance against formulas written down independently."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import impedance
from mi_widgets.datasets import make_impedance
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.impedance._kernels import from_internal, impedance_and_jacobian, to_internal
from mi_widgets.impedance._kernels import impedance as kernel

ALL = "L-R-p(R,Q)-p(R-W,C)-Ws-p(Wo,R)-G-C"


def test_names() -> None:
    circuit = impedance.parse_circuit(" R - p(R, C)-p(R-W,CPE) ")
    assert circuit.text == "R-p(R,C)-p(R-W,Q)"
    assert circuit.names == ("R0", "R1", "C1", "R2", "W1", "Q1", "Q1_n")
    assert impedance.parse_circuit("R0-p(R1,C1)").text == "R-p(R,C)"
    assert impedance.parse_circuit("p(R,C)-p(R,C)").names == ("R1", "C1", "R2", "C2")


@pytest.mark.parametrize(
    ("one", "other"),
    [("R-p(R,C)", "p(C,R)-R"), ("p(R,p(C,Q))", "p(Q,R,C)"), ("R-(L-C)", "C-L-R"), ("R3-p(R7,C2)", "R-p(R,C)")],
)
def test_same_circuit_in_another_order(one: str, other: str) -> None:
    assert impedance.parse_circuit(one).canonical == impedance.parse_circuit(other).canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a circuit is text"),
        ("R-", "character 3: an element is missing"),
        ("R-X", "'X' is no element"),
        ("p(R)", "parallel needs two"),
        ("p(R,C", "close every bracket"),
        ("R,C", "parts in parallel are written p"),
        ("R)", "is not expected"),
        ("R-R", "two resistors in series act as one"),
        ("p(C,p(C,R))", "two capacitors in parallel"),
        ("R0-C", "number all elements"),
        ("R1-p(R1,C1)", "R1 stands twice"),
        ("p(" * 40 + "R", "nested"),
        ("R-" * 300 + "C", "characters"),
        ("__import__('os')", "is no element"),
    ],
)
def test_what_is_no_circuit_says_where(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        impedance.parse_circuit(text)


def test_elements_by_hand() -> None:
    """One ohm, farad, henry … at omega = 1 and 100 rad/s, worked out by hand."""
    f = np.array([1.0, 100.0]) / (2 * np.pi)
    root = np.exp(0.25j * np.pi)
    expected = {
        ("R",): [2, 2], ("C",): [-0.5j, -0.005j], ("L",): [2j, 200j],
        ("Q", 0.5): [0.5 / root, 0.05 / root], ("W",): [2 - 2j, 0.2 - 0.2j],
        ("Ws", 1.0): [2 * np.tanh(root) / root, 0.2 * np.tanh(10 * root) / root],
        ("Wo", 1.0): [2 / np.tanh(root) / root, 0.2 / np.tanh(10 * root) / root],
        ("G", 1.0): [2 / np.sqrt(1 + 1j), 2 / np.sqrt(1 + 100j)],
    }  # fmt: skip
    for (kind, *more), z in expected.items():
        names = impedance.parse_circuit(kind).names
        ds = impedance.evaluate(kind, dict(zip(names, [2.0, *more], strict=True)), f)
        np.testing.assert_allclose(ds.impedance_real + 1j * ds.impedance_imag, z, rtol=1e-12, err_msg=kind)


def test_limits_of_finite_diffusion() -> None:
    f = np.array([1e-9])
    short = impedance.evaluate("Ws", {"Ws1_R": 3.0, "Ws1_tau": 1.0}, f)
    closed = impedance.evaluate("Wo", {"Wo1_R": 3.0, "Wo1_tau": 1.0}, f)
    assert float(short.impedance_real[0]) == pytest.approx(3.0)
    assert float(closed.impedance_real[0]) == pytest.approx(1.0)  # a third of R in series with tau / R
    assert float(closed.impedance_imag[0]) == pytest.approx(-3.0 / (2 * np.pi * 1e-9))


def test_against_the_generator() -> None:
    """Two implementations, written apart."""
    ds = make_impedance(ALL, noise=0.0, seed=3)
    circuit = impedance.parse_circuit(ALL)
    z = impedance.evaluate(ALL, {n: ds[f"true_{n}"] for n in circuit.names}, ds.frequency)
    np.testing.assert_allclose(z.impedance_real, ds.impedance_real, rtol=1e-12)
    np.testing.assert_allclose(z.impedance_imag, ds.impedance_imag, rtol=1e-12)


def test_derivatives() -> None:
    """Analytic derivatives against complex values at points a little apart."""
    circuit = impedance.parse_circuit(ALL)
    rng = np.random.default_rng(0)
    exponent = np.array([q.kind == "exponent" for q in circuit.quantities])
    x = to_internal(circuit, np.where(exponent, 0.8, np.exp(rng.normal(size=(3, circuit.n_parameters)))))
    omega = np.geomspace(1e-2, 1e3, 9)
    _, jacobian = impedance_and_jacobian(circuit, x, omega)
    for k in range(circuit.n_parameters):
        step = np.zeros(circuit.n_parameters)
        step[k] = 1e-4
        z = [kernel(circuit, from_internal(circuit, x + m * step), omega) for m in (-2, -1, 1, 2)]
        slope = (z[0] - 8 * z[1] + 8 * z[2] - z[3]) / 12e-4
        np.testing.assert_allclose(jacobian[:, k], slope, rtol=1e-7, atol=1e-9 * abs(z[0]).max())


def test_a_series_of_parameters() -> None:
    r1 = xr.DataArray([1.0, 2.0], {"cycle": ("cycle", [5, 7])}, ("cycle",))
    z = impedance.evaluate("R-p(R,C)", {"R0": 1.0, "R1": r1, "C1": 1.0}, [1e-9, 1e9], units="ohm*cm**2")
    assert z.impedance_real.dims == ("cycle", "frequency")
    np.testing.assert_allclose(z.impedance_real.values, [[2, 1], [3, 1]])
    assert z.cycle.values.tolist() == [5, 7]
    assert z.impedance_real.units == "ohm*cm**2"


@pytest.mark.parametrize(
    ("parameters", "frequency", "error", "message"),
    [
        ({"R0": 1.0}, [1.0], ParameterError, "needs a value for R1, C1"),
        ({"R0": -1.0, "R1": 1.0, "C1": 1.0}, [1.0], ParameterError, "R0 must be finite and above zero"),
        ({"R0": "a", "R1": 1.0, "C1": 1.0}, [1.0], ParameterError, "must be a number"),
        ({"R0": np.nan, "R1": 1.0, "C1": 1.0}, [1.0], ParameterError, "NaN"),
        (3, [1.0], ParameterError, "mapping"),
        ({"R0": 1.0, "R1": 1.0, "C1": 1.0}, [0.0, 1.0], DataError, "above zero"),
        ({"R0": 1.0, "R1": 1.0, "C1": 1.0}, [[1.0]], LabelError, "one row"),
    ],
)
def test_wrong_parameters(parameters: object, frequency: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        impedance.evaluate("R-p(R,C)", parameters, frequency)  # type: ignore[arg-type]
