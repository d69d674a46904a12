"""CircuitExplorer: equivalent circuits of impedance spectra, compared, and each of them seen and turned by hand."""

from collections.abc import Iterator
from typing import Any, ClassVar

from mi_widgets.errors import ParameterError
from mi_widgets.impedance import CIRCUITS, iter_compare_circuits, parse_circuit
from mi_widgets.impedance.compare import CRITERIA
from mi_widgets.runs import Part
from mi_widgets.widgets._impedance_base import CircuitBase
from mi_widgets.widgets._study import Field

__all__ = ["CircuitExplorer"]


class CircuitExplorer(CircuitBase):
    """Compare equivalent circuits of impedance spectra.

    Click on a row of the table for the curve of its circuit, the circuit as a picture and its parameters; shift adds
    another curve. Drag a parameter and the dashed curve follows. Click on a point to see its frequency everywhere.
    Circuits are typed and added; of a series one spectrum is shown at a time.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        ``impedance_real`` and ``impedance_imag`` ((series,) frequency) in ohm as `mi_widgets.io.read_impedance` gives
        them, or a complex array; one dimension beside the frequency is a series.
    params : mapping, optional
        Parameters that differ from the defaults, which are those of `mi_widgets.impedance.compare_circuits`:
        ``circuits`` (list of text), ``weights`` (``"modulus"``, ``"unit"``), ``criterion``, ``n_starts``, ``seed``.
    threaded : bool, default True
        Compute in a thread beside the page; False computes in the caller, for tests.

    Attributes
    ----------
    result : xarray.Dataset or None
        What `mi_widgets.impedance.compare_circuits` gives; `code` gives it without a widget.
    selection : dict
        ``candidate`` (circuits whose curves are shown), ``frequency`` (Hz), and the label of the spectrum in a series.
    trial : dict
        Values of the parameters of the first chosen circuit that the dashed curve has; empty where there is none.
    kramers_kronig : xarray.Dataset or None
        Test of the spectrum that is shown; None where it has too few points.

    Raises
    ------
    DataError, LabelError
        As in `mi_widgets.impedance.compare_circuits`; there is more than one dimension beside the frequency.
    ParameterError
        A parameter is unknown or out of range, or a circuit is none or there twice.

    Examples
    --------
    >>> from mi_widgets import CircuitExplorer, datasets  # doctest: +SKIP
    >>> CircuitExplorer(datasets.make_impedance())  # doctest: +SKIP
    """

    title, unit, run_label = "impedance", "steps", "Compare circuits"
    run_tooltip = "Fit all circuits of the table, rank them and find those that cannot be separated"
    data_name = "ds"
    fields: ClassVar[tuple[Field, ...]] = (
        Field("weights", "modulus", "Noise", "In proportion to the modulus, or the same at all frequencies", "choice",
              options=(("∝ modulus", "modulus"), ("constant", "unit"))),
        Field("criterion", "bic", "Criterion", "By what circuits are ranked and weighted", "choice",
              options=tuple((c.upper().replace("AICC", "AICc"), c) for c in CRITERIA)),
        Field("n_starts", 16, "Starts", "Random starts of each fit; more where few of them reach the minimum",
              "integer", low=1, high=500),
        Field("seed", 0, "Seed", "Of the starts", "integer", low=0, high=2**31),
    )  # fmt: skip

    # ---- parameters ------------------------------------------------------------------------------------

    def _default_params(self) -> dict[str, Any]:
        return super()._default_params() | {"circuits": list(CIRCUITS)}

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        circuits = params["circuits"]
        if not isinstance(circuits, list) or not circuits:
            raise ParameterError(f"circuits must be a list of text such as ['R-p(R,C)']; got {circuits!r}.")
        made = [parse_circuit(c) for c in circuits]
        seen: dict[str, str] = {}
        for circuit in made:
            if circuit.canonical in seen:
                raise ParameterError(f"{circuit.text} is in the table already, as {seen[circuit.canonical]}.")
            seen[circuit.canonical] = circuit.text
        return params | {"circuits": [c.text for c in made]}

    def add_circuit(self, circuit: str) -> None:
        """Put a circuit into the table and compare again.

        Parameters
        ----------
        circuit : str
            As in `mi_widgets.impedance.parse_circuit`.

        Raises
        ------
        ParameterError
            It is no circuit, or there already.
        """
        text = parse_circuit(circuit).text
        self.set_params(circuits=[*self.params["circuits"], text])
        self.selection = dict(self.selection) | {"candidate": [text]}
        self.run()

    def remove_circuits(self) -> None:
        """Take the circuits whose rows are marked out of the table.

        Raises
        ------
        ParameterError
            No circuit would stay.
        """
        marked = self._chosen()
        kept = [c for c in self.params["circuits"] if c not in marked]
        if not kept:
            raise ParameterError("one circuit must stay in the table.")
        self.set_params(circuits=kept)
        self.selection = dict(self.selection) | {"candidate": []}
        self._draw_result()

    # ---- work ------------------------------------------------------------------------------------------

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return iter_compare_circuits(self.data, **params)

    def _make_code(self) -> str:
        options = "".join(f", {n}={v!r}" for n, v in self.params.items() if n != "circuits")
        return "\n".join([
            "from mi_widgets import impedance, io", "",
            "# ds = io.read_impedance(path)   <- put the name of your Dataset here",
            f"circuits = {self.params['circuits']!r}",
            f"result = impedance.compare_circuits(ds, circuits{options})",
        ])  # fmt: skip

    def _count(self) -> str:
        return f"{self.result.sizes['candidate']} circuits" if self.result is not None else "done"
