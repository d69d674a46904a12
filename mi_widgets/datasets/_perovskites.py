"""Compounds ABX3 with Shannon's radii and invented classes: perovskite or not by a rule that is known."""

import numpy as np
import xarray as xr

from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["make_perovskites"]

#: Shannon's effective radii (angstrom), doi:10.1107/S0567739476001551: A twelve-coordinate (Ag eight, there is no
#: other), B and X six-coordinate, Mn, Fe and Co with high spin. Compared with a public copy, shannon_radii.csv of
#: SMACT, which has means of high and low spin (Mn 2+, 3+; Fe 2+, 3+; Co 2+): those of high spin are from memory.
A_IONS = {
    1: {"Na": 1.39, "K": 1.64, "Rb": 1.72, "Cs": 1.88, "Ag": 1.28, "Tl": 1.70},
    2: {"Ca": 1.34, "Sr": 1.44, "Ba": 1.61, "Pb": 1.49, "Cd": 1.31},
    3: {"La": 1.36, "Ce": 1.34, "Nd": 1.27, "Sm": 1.24},
}
B_IONS = {
    1: {"Li": 0.76, "Na": 1.02},
    2: {"Be": 0.45, "Ni": 0.69, "Mg": 0.72, "Cu": 0.73, "Zn": 0.74, "Co": 0.745, "Fe": 0.78, "Mn": 0.83, "Cd": 0.95,
        "Ca": 1.00, "Hg": 1.02, "Sr": 1.18, "Pb": 1.19},
    3: {"Al": 0.535, "Cr": 0.615, "Ga": 0.62, "V": 0.64, "Mn": 0.645, "Fe": 0.645, "Ti": 0.67, "Sc": 0.745, "In": 0.80,
        "Lu": 0.861, "Y": 0.90},
    4: {"Si": 0.40, "Ge": 0.53, "Mn": 0.53, "V": 0.58, "Ti": 0.605, "Ru": 0.62, "Ir": 0.625, "Mo": 0.65, "Nb": 0.68,
        "Sn": 0.69, "Hf": 0.71, "Zr": 0.72, "Pb": 0.775, "Ce": 0.87, "Th": 0.94},
    5: {"P": 0.38, "As": 0.46, "V": 0.54, "Sb": 0.60, "Nb": 0.64, "Ta": 0.64},
}  # fmt: skip
ANIONS = {"O": (2, 1.40), "F": (1, 1.33), "Cl": (1, 1.81), "Br": (1, 1.96), "I": (1, 2.20)}
_RULE = 4.18


def make_perovskites(
    *, n_compounds: int = 400, noise: float = 0.15, seed: int | np.random.Generator | None = 0
) -> xr.Dataset:
    """Make a table of compounds ABX3 whose classes follow Bartel's tau and chance, with truth.

    Radii are Shannon's: of A with twelve neighbours (Ag with eight), of B and X with six, Mn, Fe and Co with high spin,
    whose radii (Mn 2+ and 3+, Fe 2+ and 3+, Co 2+) are typed from memory. Compounds are neutral; **the classes are
    invented**: a compound is a perovskite where tau and a random number are below 4.18. Nothing here says what a real
    compound is; `fetch_perovskites` does.

    Parameters
    ----------
    n_compounds : int
        Number of compounds (20 to 506), drawn from all neutral combinations of the ions.
    noise : float
        Scale of the logistic noise on tau (0 to 5).
    seed : int, numpy.random.Generator or None
        Of the choice and the noise.

    Returns
    -------
    xarray.Dataset
        Over ``candidate`` (formula): ``r_a``, ``r_b``, ``r_x`` (angstrom), ``n_a`` (1), ``perovskite`` (1 yes, 0 no;
        invented), ``true_tau`` (1), ``true_probability`` (1: of being a perovskite by the rule); coordinates ``a``,
        ``b``, ``anion``.

    Raises
    ------
    ParameterError
        A number is out of range.

    References
    ----------
    Shannon 1976, doi:10.1107/S0567739476001551; the rule: Bartel et al. 2019, doi:10.1126/sciadv.aav0693.

    Examples
    --------
    >>> make_perovskites(n_compounds=50).sizes["candidate"]
    50
    """
    rows = _combinations()
    if isinstance(n_compounds, bool) or not isinstance(n_compounds, int) or not 20 <= n_compounds <= len(rows):
        raise ParameterError(f"n_compounds must be a whole number from 20 to {len(rows)}; got {n_compounds!r}.")
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise <= 5:
        raise ParameterError(f"noise must be a number from 0 to 5; got {noise!r}.")
    rng = generator(seed, who="make_perovskites")
    chosen = [rows[i] for i in np.sort(rng.choice(len(rows), n_compounds, replace=False))]
    a, b, x, n_a, r_a, r_b, r_x = (np.array(column) for column in zip(*chosen, strict=True))
    tau = r_x / r_b - n_a * (n_a - (r_a / r_b) / np.log(r_a / r_b))
    yes = (tau + noise * rng.logistic(size=tau.size) < _RULE).astype(np.int8)
    probability = 1 / (1 + np.exp(np.clip((tau - _RULE) / max(noise, 1e-9), -60, 60)))

    def over(values: np.ndarray, units: str, long_name: str) -> tuple[str, np.ndarray, dict[str, str]]:
        return "candidate", values, {"units": units, "long_name": long_name}

    formulas = [f"{i}{j}{k}3" for i, j, k in zip(a, b, x, strict=True)]
    ds = xr.Dataset(
        {
            "r_a": over(r_a, "angstrom", "radius of A"),
            "r_b": over(r_b, "angstrom", "radius of B"),
            "r_x": over(r_x, "angstrom", "radius of the anion"),
            "n_a": over(n_a.astype(float), "1", "charge of A"),
            "perovskite": ("candidate", yes, {"long_name": "perovskite (invented)", "flag_values": [-1, 0, 1],
                                              "flag_meanings": "unknown not_perovskite perovskite"}),
            "true_tau": over(tau, "1", "tau of the rule"),
            "true_probability": over(probability, "1", "probability of a perovskite by the rule"),
        },
        coords={
            "candidate": ("candidate", np.array(formulas, dtype=np.str_), {"long_name": "compound"}),
            "a": ("candidate", a, {"long_name": "A"}),
            "b": ("candidate", b, {"long_name": "B"}),
            "anion": ("candidate", x, {"long_name": "anion"}),
        },
    )  # fmt: skip
    told = {"n_compounds": n_compounds, "noise": noise, "seed": seed if isinstance(seed, int) else "not an integer"}
    ds.attrs = origin("datasets.make_perovskites", "Compounds ABX3, classes invented", told,
                      source="synthetic classes; radii of Shannon 1976",
                      references=("doi:10.1107/S0567739476001551", "doi:10.1126/sciadv.aav0693"))  # fmt: skip
    return ds


def _combinations() -> list[tuple[str, str, str, int, float, float, float]]:
    """Neutral ABX3 of the ions: names, charge of A and radii."""
    return [
        (a, b, x, n_a, r_a, r_b, r_x)
        for x, (charge, r_x) in ANIONS.items()
        for n_a, larger in A_IONS.items()
        for a, r_a in larger.items()
        for b, r_b in B_IONS.get(3 * charge - n_a, {}).items()
        if a != b
    ]
