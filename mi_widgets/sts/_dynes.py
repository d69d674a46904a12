r"""Dynes's density of states at a temperature, exactly, with its derivatives.

The density of states is the real part of :math:`F(z) = z / \sqrt{z^2 - \Delta^2}` at :math:`z = E + i\Gamma`, which is
analytic above the real axis. The derivative of the Fermi function has double poles at
:math:`\omega_n = (2 n + 1) \pi k T`, so the thermal average is a sum over them,

.. math:: g(E) = 1 - \mathrm{Re}\, 2 \pi i k T \sum_{n \ge 0} F'(E + i (\Gamma + \omega_n)),

whose terms beyond some N are an integral up to a small correction: :math:`F` itself at :math:`\Gamma + 2 \pi k T N`.
There is no grid of energies and no convolution.
"""

import numpy as np

__all__ = ["BOLTZMANN", "dynes_values", "n_terms"]

#: Boltzmann's constant (meV/K), CODATA 2018 (exact)
BOLTZMANN = 8.617333262e-2
_MOST_TERMS = 400


def n_terms(thermal: float, largest_gap: float) -> int:
    """Poles that are summed one by one, so that the rest is an integral to 1e-6."""
    if thermal <= 0:
        return 0
    return int(min(np.ceil(5 + 0.4 * largest_gap / thermal), _MOST_TERMS))


def dynes_values(
    energy: np.ndarray, gap: np.ndarray, broadening: np.ndarray, thermal: float, terms: int, *, derivatives: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Density of states in units of the normal one, and its derivatives by gap and broadening.

    Parameters
    ----------
    energy : numpy.ndarray, shape (n,)
    gap, broadening : numpy.ndarray, shape (n_pixels, 1)
        In the unit of `energy`; zero or more.
    thermal : float
        k T in the unit of `energy`.
    terms : int
        Of `n_terms`; 0 means no temperature.
    derivatives : bool
        Else the last two are empty.
    """
    step = 2 * np.pi * thermal
    square = gap**2
    z = energy + 1j * (broadening + step * terms + 1e-9)
    root = 1 / (np.sqrt(z - gap) * np.sqrt(z + gap))
    value = (z * root).real.copy()
    cube = root**3
    by_square = z * cube / 2  # dF / d(gap^2)
    slope = -square * cube  # dF / dz
    by_broadening = -slope.imag  # dF / d(i broadening) is i dF/dz
    by_gap = by_square.real.copy()
    if terms:
        # Euler and Maclaurin's correction of the integral, by midpoints: step^2 / 24 of F''' along the imaginary axis
        small = step**2 / 24
        value += small * _curvature(z, root, square).real
        for n in range(terms):
            z = energy + 1j * (broadening + (n + 0.5) * step)
            root = 1 / (np.sqrt(z - gap) * np.sqrt(z + gap))
            inverse = root * root
            cube = inverse * root
            # -i step F'(z) = i step gap^2 (z^2 - gap^2)^(-3/2)
            value -= step * square * cube.imag
            if derivatives:
                by_gap -= step * (cube * (1 + 1.5 * square * inverse)).imag
                by_broadening += 3 * step * square * (z * cube * inverse).real
    if not derivatives:
        return value, value[:0], value[:0]
    return value, 2 * gap * by_gap, by_broadening


def _curvature(z: np.ndarray, root: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Second derivative of F."""
    return 3 * square * z * root**5
