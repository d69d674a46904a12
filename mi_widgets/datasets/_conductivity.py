"""A table of thermal conductivities to screen, made with Slack's model, and compounds whose value is not told."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.datasets._compounds import ELEMENTS, STRUCTURES, Compounds, known_compounds, other_compounds
from mi_widgets.datasets._pools import label_pool
from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError

__all__ = ["make_thermal_conductivity", "make_thermal_conductivity_library"]

#: Grueneisen parameter of each structure, and what an element adds to it; the second list is planted.
GAMMA = dict(zip(STRUCTURES, (1.7, 1.1, 1.2), strict=True))
SOFT = {"Pb": 1.2, "K": -0.3, "Rb": -0.5, "Cs": -0.4}
PLANTED = {"Li": 1.0, "I": 0.7}
OUTLIER = "LiI rocksalt"
_NOTE = "synthetic: Slack's model, with an outlier planted; no measured or computed conductivities"


def make_thermal_conductivity(
    *, planted: bool = True, scatter: float = 0.03, seed: int | np.random.Generator | None = 0
) -> xr.Dataset:
    r"""Make a table of thermal conductivities of 101 compounds, one of which only its elements give away.

    It is shaped like the table that A. Seko et al. [1]_ searched by kriging: binary compounds in the structures of
    rocksalt, zincblende and wurtzite, described by the volume for each atom, the density, and which of 34 elements they
    have. Conductivities are those of G. A. Slack's model [2]_ with volumes from sums of radii and stiffness from simple
    rules, so they show trends and are no data:

    .. math:: \kappa = A \bar M \theta^3 \delta / (\gamma^2 n^{2/3} T)

    Without `planted`, the lowest is a lead compound, in a corner of volume and density, as trends tell. With it,
    compounds of lithium and of iodine are more anharmonic: the lowest is then LiI, among compounds of alike volume and
    density that conduct six to fifty times better, and only other compounds of its elements point to it.

    Parameters
    ----------
    planted : bool
        Whether LiI is made the lowest.
    scatter : float
        Standard deviation of the Grueneisen parameter, relative (1).
    seed : int, numpy.random.Generator or None
        Of the scatter.

    Returns
    -------
    xarray.Dataset
        Candidates are named as ``"LiI rocksalt"``.

        - ``features`` (candidate, feature): ``volume`` (angstrom**3 for each atom), ``density`` (g/cm**3), then 34
          elements, 1 or 0
        - ``conductivity`` (candidate), W/(m K), at 300 K
        - ``true_gamma`` (candidate), 1: Grueneisen parameter
        - ``true_planted`` (candidate): whether Li or I made it lower

        Attributes ``target`` and ``goal`` say what is searched for: the lowest ``conductivity``.

    Raises
    ------
    ParameterError
        `scatter` is negative or above 0.3.

    References
    ----------
    .. [1] Phys. Rev. Lett. 115, 205901 (2015), doi:10.1103/PhysRevLett.115.205901
    .. [2] J. Phys. Chem. Solids 34, 321 (1973), doi:10.1016/0022-3697(73)90092-9; stiffness in tetrahedra: M. L. Cohen,
       Phys. Rev. B 32, 7988 (1985), doi:10.1103/PhysRevB.32.7988

    Examples
    --------
    >>> pool = make_thermal_conductivity()
    >>> dict(pool.features.sizes)
    {'candidate': 101, 'feature': 36}
    >>> pool.conductivity.idxmin().item()
    'LiI rocksalt'
    """
    if not 0 <= scatter <= 0.3:
        raise ParameterError(f"make_thermal_conductivity: scatter must be between 0 and 0.3; got {scatter!r}.")
    compounds = known_compounds()
    parameters = {
        "planted": int(planted),
        "scatter": scatter,
        "seed": seed if isinstance(seed, int) else "not an integer",
    }
    ds = _describe(compounds, "Thermal conductivity of 101 compounds, a model", "make_thermal_conductivity", parameters)
    ds.attrs |= {"target": "conductivity", "goal": "min"}
    gamma, soft = _gamma(compounds, planted, scatter, seed)
    value = {"units": "W/(m*K)", "long_name": "thermal conductivity at 300 K"}
    ds["conductivity"] = ("candidate", _slack(compounds, gamma), value)
    ds["true_gamma"] = ("candidate", gamma, {"units": "1", "long_name": "Grueneisen parameter"})
    ds["true_planted"] = ("candidate", soft & planted, {"long_name": "made lower by Li or I"})
    return ds


def make_thermal_conductivity_library(*, planted: bool = True) -> xr.Dataset:
    """Make the features of 151 compounds that are not in `make_thermal_conductivity`'s table, to rank them by a model.

    All other pairs of the 34 elements whose charges add up to zero, in each of the three structures, whether such a
    crystal exists or not: a library for virtual screening.

    Parameters
    ----------
    planted : bool
        Of ``true_conductivity``, as for `make_thermal_conductivity`.

    Returns
    -------
    xarray.Dataset
        ``features`` (candidate, feature) as there; ``true_conductivity`` (candidate), W/(m K), to judge a ranking by.

    Notes
    -----
    A. Seko et al. screened 54,779 compounds of a data base in this way, Phys. Rev. Lett. 115, 205901 (2015),
    doi:10.1103/PhysRevLett.115.205901. A table of your own serves as well: `mi_widgets.bo` takes a DataFrame.

    Examples
    --------
    >>> "LiI zincblende" in make_thermal_conductivity_library().candidate
    True
    """
    compounds = other_compounds()
    title = "Compounds whose thermal conductivity is not told, a model"
    ds = _describe(compounds, title, "make_thermal_conductivity_library", {"planted": int(planted)})
    gamma, _ = _gamma(compounds, planted, 0.0, 0)
    value = {"units": "W/(m*K)", "long_name": "true thermal conductivity at 300 K"}
    ds["true_conductivity"] = ("candidate", _slack(compounds, gamma), value)
    return ds


def _describe(compounds: Compounds, title: str, call: str, parameters: dict[str, Any]) -> xr.Dataset:
    values = np.column_stack([compounds.volume, compounds.density, compounds.has()])
    ds = label_pool(
        values,
        ["volume", "density", *ELEMENTS],
        ["angstrom**3", "g/cm**3", *["1"] * len(ELEMENTS)],
        candidates=compounds.labels(),
        attrs={"title": title, "source": _NOTE},
        call=call,
        parameters=parameters,
    )
    text = {"formula": [a + b for a, b in zip(compounds.cation, compounds.anion, strict=True)]}
    text["structure"] = compounds.structure
    return ds.assign_coords({k: ("candidate", np.array(v, dtype=np.str_), {"long_name": k}) for k, v in text.items()})


def _gamma(
    compounds: Compounds, planted: bool, scatter: float, seed: int | np.random.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    """Grueneisen parameters, and which compounds have an element that is planted."""
    added = SOFT | (PLANTED if planted else {})
    rows = list(zip(compounds.cation, compounds.anion, compounds.structure, strict=True))
    gamma = np.array([GAMMA[s] + added.get(a, 0.0) + added.get(b, 0.0) for a, b, s in rows])
    gamma *= 1 + scatter * generator(seed, who="make_thermal_conductivity").standard_normal(len(gamma))
    return gamma, np.array([bool({a, b} & set(PLANTED)) for a, b, _ in rows])


def _slack(compounds: Compounds, gamma: np.ndarray) -> np.ndarray:
    """W/(m K) at 300 K, with two atoms in the cell."""
    size = np.cbrt(compounds.volume)
    return 3.1e-6 * compounds.mass * compounds.debye**3 * size / (gamma**2 * 2 ** (2 / 3) * 300)
