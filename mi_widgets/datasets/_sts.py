"""A synthetic map of tunnelling spectra of a superconductor with one vortex, with its truth."""

import numpy as np
import xarray as xr

from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["make_gap_cube"]

#: Boltzmann's constant (meV/K), CODATA 2018 (exact)
BOLTZMANN = 8.617333262e-2


def make_gap_cube(
    shape: tuple[int, int] = (48, 48),
    *,
    width: float = 120.0,
    gap: float = 1.2,
    coherence_length: float = 12.0,
    broadening: float = 0.06,
    temperature: float = 1.5,
    critical_temperature: float = 7.2,
    center: tuple[float, float] | None = None,
    n_energies: int = 121,
    energy_range: float = 4.0,
    slope: float = 0.02,
    noise: float = 0.04,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Make a cube of dI/dV spectra about a vortex of a superconductor.

    At every pixel the density of states is that of Dynes [1]_, broadened by the temperature:

    .. math:: N(E) = \Big|\mathrm{Re} \frac{E + i\Gamma}{\sqrt{(E + i\Gamma)^2 - \Delta^2}}\Big|, \qquad
              \frac{dI}{dV}(V) \propto \int N(E) \Big[-\frac{\partial f}{\partial E}(E - eV)\Big] dE

    and the gap closes in the middle of the vortex: :math:`\Delta(r) = \Delta_0 \tanh(r / \xi)`. The integral is summed
    over a fine grid of energies, on purpose in another way than `mi_widgets.sts` computes it. A vortex has bound states
    as well, which are left out.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns; pixels are square.
    width : float
        Of the map along x (nm).
    gap : float
        Far from the vortex (meV).
    coherence_length : float
        :math:`\xi` of the tanh (nm).
    broadening : float
        :math:`\Gamma` of Dynes, the same everywhere (meV).
    temperature : float
        Of sample and tip (K).
    critical_temperature : float
        Kept as an attribute (K).
    center : (float, float), optional
        y and x of the vortex (nm); by default a little off the middle.
    n_energies : int
        Points of the spectra.
    energy_range : float
        Spectra go from minus to plus this (meV).
    slope : float
        Of the normal state (1/meV): it is :math:`1 + s E` times an overall conductance that changes by 10 % over the
        map, as it does when the tip is set anew at each pixel.
    noise : float
        Standard deviation of white noise, relative to the conductance of the normal state.
    seed : int, Generator or None
        Of the noise.

    Returns
    -------
    xarray.Dataset
        ``conductance`` (y, x, energy), nS; ``true_gap`` (y, x), meV; ``true_normal`` (y, x), nS: conductance of the
        normal state at zero energy. Coordinates y and x in nm, energy in meV. Attributes ``true_gap_far`` (meV),
        ``true_coherence_length`` (nm), ``true_broadening`` (meV), ``true_center_y`` and ``true_center_x`` (nm),
        ``temperature`` and ``critical_temperature`` (K).

    Raises
    ------
    ParameterError
        A number is out of range.

    References
    ----------
    .. [1] R. C. Dynes, V. Narayanamurti, J. P. Garno, Phys. Rev. Lett. 41, 1509 (1978),
       doi:10.1103/PhysRevLett.41.1509

    Examples
    --------
    >>> ds = make_gap_cube((12, 12))
    >>> dict(ds.conductance.sizes)
    {'y': 12, 'x': 12, 'energy': 121}
    """
    positive = {"width": width, "gap": gap, "coherence_length": coherence_length, "broadening": broadening,
                "temperature": temperature, "critical_temperature": critical_temperature}  # fmt: skip
    _check(positive, shape, n_energies, energy_range, noise, slope)
    rng = generator(seed, who="make_gap_cube")
    step = width / shape[1]
    y, x = (np.arange(n) * step for n in shape)
    middle = center if center is not None else (0.47 * shape[0] * step, 0.54 * width)
    energy = np.linspace(-energy_range, energy_range, n_energies)
    true_gap = gap * np.tanh(np.hypot(y[:, None] - middle[0], x - middle[1]) / coherence_length)
    normal = 1 + 0.1 * np.sin(2 * np.pi * y[:, None] / (shape[0] * step) + 0.7) * np.cos(2 * np.pi * x / width)
    spectra = _broadened(true_gap.ravel(), broadening, BOLTZMANN * temperature, energy).reshape(*shape, n_energies)
    clean = spectra * (1 + slope * energy) * normal[..., None]
    noisy = clean + noise * rng.standard_normal(clean.shape)
    parameters = {
        **positive, "shape": list(shape), "n_energies": n_energies, "energy_range": energy_range, "slope": slope,
        "noise": noise, "seed": seed if isinstance(seed, int) else "not an integer",
    }  # fmt: skip
    length, value_ = {"units": "nm"}, {"units": "nS"}
    return xr.Dataset(
        {
            "conductance": (("y", "x", "energy"), noisy, {**value_, "long_name": "differential conductance"}),
            "true_gap": (("y", "x"), true_gap, {"units": "meV", "long_name": "true gap"}),
            "true_normal": (("y", "x"), normal, {**value_, "long_name": "true conductance of the normal state"}),
        },
        coords={
            "y": ("y", y, {**length, "long_name": "y"}),
            "x": ("x", x, {**length, "long_name": "x"}),
            "energy": ("energy", energy, {"units": "meV", "long_name": "energy"}),
        },
        attrs={
            **origin(
                "datasets.make_gap_cube",
                "dI/dV of a superconductor with a vortex (synthetic)",
                parameters,
                source="synthetic",
            ),
            "true_gap_far": gap,
            "true_coherence_length": coherence_length,
            "true_broadening": broadening,
            "true_center_y": float(middle[0]),
            "true_center_x": float(middle[1]),
            "temperature": temperature,
            "critical_temperature": critical_temperature,
        },
    )


def _check(
    positive: dict[str, float],
    shape: tuple[int, int],
    n_energies: int,
    energy_range: float,
    noise: float,
    slope: float,
) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise ParameterError(f"make_gap_cube: {name} must be above zero; got {value!r}.")
    if len(shape) != 2 or min(shape) < 2 or n_energies < 11:
        raise ParameterError(
            f"make_gap_cube: shape must be two numbers of at least 2, n_energies at least 11; got {shape!r} "
            f"and {n_energies}."
        )
    least = 2 * positive["gap"]
    if energy_range < least or noise < 0 or abs(slope) * energy_range >= 1:
        raise ParameterError(
            f"make_gap_cube: spectra must reach twice the gap, {least:g} meV, noise be zero or more and the slope "
            f"leave the conductance above zero; got energy_range={energy_range!r}, noise={noise!r}, slope={slope!r}."
        )


def _broadened(gaps: np.ndarray, broadening: float, thermal: float, energy: np.ndarray) -> np.ndarray:
    """Sum over a grid that is fine against broadening and temperature, and reaches where the derivative has died."""
    step = min(broadening, thermal) / 6
    reach = float(np.abs(energy).max()) + 16 * thermal
    fine = np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step
    apart = np.minimum(np.abs(fine - energy[:, None]) / (2 * thermal), 300.0)
    weight = step / (4 * thermal) / np.cosh(apart) ** 2
    z = fine + 1j * broadening
    out = np.empty((gaps.size, energy.size))
    for start in range(0, gaps.size, 256):  # blocks, or the grid of all pixels fills the memory
        part = gaps[start : start + 256, None]
        out[start : start + 256] = np.abs((z / np.sqrt(z**2 - part**2)).real) @ weight.T
    return out
