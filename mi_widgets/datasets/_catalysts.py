"""Catalysts whose yield goes over a volcano: few of many simulated parameters decide."""

import numpy as np
import xarray as xr

from mi_widgets.datasets._pools import label_pool
from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError

__all__ = ["make_catalyst_yields"]

#: Parameter: unit, mean, spread, weight in the adsorption energy (eV per spread).
PARAMETERS: dict[str, tuple[str, float, float, float]] = {
    "d_band_center": ("eV", -2.4, 0.8, 0.45),
    "d_band_width": ("eV", 3.1, 0.5, 0.0),
    "work_function": ("eV", 4.8, 0.4, -0.3),
    "oxygen_charge": ("e", -1.1, 0.15, 0.0),
    "metal_charge": ("e", 1.3, 0.2, 0.25),
    "lattice_constant": ("angstrom", 4.0, 0.2, 0.0),
    "band_gap": ("eV", 1.9, 0.7, 0.0),
    "atomic_radius": ("angstrom", 1.4, 0.1, 0.0),
    "ionization_energy": ("eV", 7.8, 0.9, 0.0),
    "electron_affinity": ("eV", 0.9, 0.4, 0.0),
    "bulk_modulus": ("GPa", 170.0, 50.0, 0.0),
    "magnetic_moment": ("bohr_magneton", 1.2, 0.8, 0.0),
    "surface_energy": ("J/m^2", 1.6, 0.4, 0.0),
}
#: eV: adsorption energy of a mean catalyst; activation energies are slope * energy + offset (Bronsted, Evans, Polanyi)
MEAN_ENERGY, ADSORB, REACT = -0.55, (0.3, 0.70), (-0.3, 0.37)
KT, PREFACTOR, TIME = 0.0603, 1e6, 0.1  # eV at 700 K; 1/s; s in a stirred reactor


def make_catalyst_yields(
    *, n_catalysts: int = 60, noise: float = 0.05, correlation: float = 0.3, seed: int | np.random.Generator | None = 0
) -> xr.Dataset:
    """Make catalysts with thirteen simulated parameters and a measured yield that depends on three of them, with truth.

    A molecule adsorbs and then reacts: two steps, whose activation energies rise and fall with the adsorption energy
    (Bronsted, Evans and Polanyi), so that the rate has its highest value between (Sabatier's volcano). The adsorption
    energy is a sum over ``d_band_center``, ``work_function`` and ``metal_charge``; the ten other parameters do nothing,
    but some go along with these.

    Parameters
    ----------
    n_catalysts : int
        Number of catalysts (5 to 10,000).
    noise : float
        Standard deviation of what is measured, relative to the spread of the logit of the yield (0 to 1).
    correlation : float
        Correlation of neighbours in the list of parameters (0 to 0.95).
    seed : int, numpy.random.Generator or None
        Of parameters and noise.

    Returns
    -------
    xarray.Dataset
        - ``features`` (candidate, feature): the parameters; their ``units`` (feature)
        - ``yield`` (candidate), percent: as measured; ``logit_yield`` (candidate), 1: its log odds
        - ``true_adsorption_energy`` (candidate), eV; ``true_rate`` (candidate), 1/s; ``true_yield`` (candidate),
          percent
        - ``true_weight`` (feature), eV: change of the adsorption energy per standard deviation of a parameter

        Attributes ``target`` and ``goal`` say what is searched for.

    Raises
    ------
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> ds = make_catalyst_yields()
    >>> ds.feature.values[ds.true_weight != 0].tolist()
    ['d_band_center', 'work_function', 'metal_charge']
    """
    for name, value, low, high in (
        ("n_catalysts", n_catalysts, 5, 10_000), ("noise", noise, 0, 1), ("correlation", correlation, 0, 0.95),
    ):  # fmt: skip
        kinds = (int, np.integer) if name == "n_catalysts" else (int, float, np.integer, np.floating)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            raise ParameterError(f"{name} must be a number from {low} to {high:,}; got {value!r}.")
    rng = generator(seed, who="make_catalyst_yields")
    names = list(PARAMETERS)
    place = np.arange(len(names))
    mixing = np.linalg.cholesky(float(correlation) ** np.abs(place[:, None] - place))
    scores = rng.standard_normal((n_catalysts, len(names))) @ mixing.T
    mean, spread, weight = (np.array([PARAMETERS[n][k] for n in names]) for k in (1, 2, 3))
    energy = MEAN_ENERGY + scores @ weight
    rate = _rate(energy)
    odds = np.log(rate * TIME)  # of a stirred reactor: yield = rate time / (1 + rate time)
    measured = odds + noise * odds.std() * rng.standard_normal(n_catalysts)
    attrs = {"title": "Yields of catalysts over a volcano, a model", "source": "synthetic", "target": "yield",
             "goal": "max"}  # fmt: skip
    parameters = {"n_catalysts": n_catalysts, "noise": noise, "correlation": correlation,
                  "seed": seed if isinstance(seed, int) else "not an integer"}  # fmt: skip
    ds = label_pool(mean + scores * spread, names, [PARAMETERS[n][0] for n in names], attrs=attrs,
                    call="make_catalyst_yields", parameters=parameters)  # fmt: skip

    def per_candidate(values: np.ndarray, units: str, long_name: str) -> tuple[str, np.ndarray, dict[str, str]]:
        return "candidate", values, {"units": units, "long_name": long_name}

    ds["yield"] = per_candidate(100 / (1 + np.exp(-measured)), "percent", "measured yield")
    ds["logit_yield"] = per_candidate(measured, "1", "log odds of the measured yield")
    ds["true_adsorption_energy"] = per_candidate(energy, "eV", "true adsorption energy")
    ds["true_rate"] = per_candidate(rate, "1/s", "true rate")
    ds["true_yield"] = per_candidate(100 / (1 + np.exp(-odds)), "percent", "true yield")
    told = {"units": "eV", "long_name": "true change of the adsorption energy per standard deviation"}
    ds["true_weight"] = ("feature", weight, told)
    return ds


def _rate(energy: np.ndarray) -> np.ndarray:
    """Steady rate of adsorption and reaction one after the other."""
    barriers = [np.maximum(slope * energy + offset, 0.0) for slope, offset in (ADSORB, REACT)]
    forward = [PREFACTOR * np.exp(-barrier / KT) for barrier in barriers]
    return np.asarray(forward[0] * forward[1] / (forward[0] + forward[1]))
