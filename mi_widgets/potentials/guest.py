"""What a guest atom feels of a matrix: a small pair potential, or any calculator of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError

__all__ = ["CalculatorGuest", "LennardJonesGuest"]


@dataclass(frozen=True)
class LennardJonesGuest:
    r"""A guest that acts on each atom of the matrix by Lennard-Jones' potential. The default numbers are made up.

    .. math:: u(r) = 4 \varepsilon \left[(\sigma / r)^{12} - (\sigma / r)^6\right]

    with energy and force shifted to zero at the cutoff, and straight inside half a sigma. The default is no copper in
    silica: it is a small neutral ball of about the right size, synthetic, with which the method can be shown.

    Parameters
    ----------
    element : str
        Name of the guest.
    sigma : mapping
        Length (angstrom) for each element of the matrix.
    epsilon : mapping
        Energy (eV) for each element of the matrix.
    cutoff : float
        Angstrom.

    Raises
    ------
    ParameterError
        A number is not above zero, an element has only one of the two, or the cutoff is below a sigma.

    Examples
    --------
    >>> LennardJonesGuest().sigma
    {'Si': 2.5, 'O': 2.3}
    """

    element: str = "Cu"
    sigma: Mapping[str, float] = field(default_factory=lambda: {"Si": 2.5, "O": 2.3})
    epsilon: Mapping[str, float] = field(default_factory=lambda: {"Si": 0.05, "O": 0.15})
    cutoff: float = 6.0

    def __post_init__(self) -> None:
        if set(self.sigma) != set(self.epsilon) or not self.sigma:
            raise ParameterError(
                f"LennardJonesGuest: sigma is of {sorted(self.sigma)}, epsilon of {sorted(self.epsilon)}; give both "
                "for each element of the matrix."
            )
        for name, values in (("sigma", self.sigma), ("epsilon", self.epsilon), ("cutoff", {"": self.cutoff})):
            for key, value in values.items():
                if not (isinstance(value, (int, float)) and np.isfinite(value) and value > 0):
                    raise ParameterError(f"LennardJonesGuest: {name} {key} must be a number above zero; got {value!r}.")
        if self.cutoff <= max(self.sigma.values()):
            raise ParameterError(
                f"LennardJonesGuest: the cutoff {self.cutoff:g} angstrom is below sigma; write 2.5 sigma or more."
            )

    def to_dict(self) -> dict[str, Any]:
        """What it is made of, as JSON can write it."""
        return {
            "kind": "lennard_jones", "element": self.element, "sigma": dict(self.sigma), "epsilon": dict(self.epsilon),
            "cutoff": self.cutoff,
        }  # fmt: skip


@dataclass(frozen=True)
class CalculatorGuest:
    """A guest whose energy with the matrix a calculator of ASE gives, such as a fitted potential that knows it.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
        Energy and forces of matrix and guest together.
    element : str
        Chemical symbol of the guest.

    Examples
    --------
    >>> from ase.calculators.lj import LennardJones
    >>> CalculatorGuest(LennardJones(), "Ar").element
    'Ar'
    """

    calculator: Any
    element: str = "Cu"

    def to_dict(self) -> dict[str, Any]:
        """What it is, in words that JSON can write."""
        return {"kind": "calculator", "element": self.element, "calculator": type(self.calculator).__name__}
