"""Transmission of electrons through hundreds of molecular junctions, with the truth."""

import math

import numpy as np
import xarray as xr

from mi_widgets.datasets import _junction as junction
from mi_widgets.datasets._junction_variables import VARIABLES, values
from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin

__all__ = ["make_molecular_junctions"]

_BLOCK = 50


def make_molecular_junctions(
    *,
    n_junctions: int = 600,
    n_energies: int = 241,
    window: tuple[float, float] = (-3.0, 3.0),
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make junctions of benzenedithiolate between gold electrodes: what electrons they let through, and 180 variables.

    Sulphur sits in a hollow, on a bridge or on top of an atom of Au(111), at both ends alike; heat moves all atoms, the
    molecule tilts and turns, and the gaps vary. It is a model with one orbital for each atom, made for teaching after
    tables of measured and computed junctions; no number in it belongs to a real one.

    Parameters
    ----------
    n_junctions : int
        Number of junctions (3 to 10,000), a third of them of each binding site.
    n_energies : int
        Number of energies (2 to 5,000).
    window : (float, float)
        Lowest and highest energy (eV); zero is the level of carbon.
    seed : int, numpy.random.Generator or None
        The same integer gives the same junctions.

    Returns
    -------
    xarray.Dataset
        - ``transmission`` (junction, energy), 1: Landauer's, above 0; at most 1, as one level binds each electrode
        - ``features`` (junction, variable): 180 variables, each in its own unit
        - ``position`` (junction, atom, axis), angstrom
        - ``true_site`` (junction), 1: 0 hollow, 1 bridge, 2 top

        Coordinates over ``variable``: ``group`` (eight groups), ``kind`` (distance, angle, energy, charge or orbital),
        ``units`` of its values, ``first_atom``, ``second_atom``, ``third_atom``, which it belongs to, -1 for none;
        over ``atom``: ``element``.

    Raises
    ------
    ParameterError
        A number is out of range.

    Notes
    -----
    Tight binding: a hopping t0 exp(-decay (d - d0)) between neighbours, levels of C, S and Au at 0, -0.6 and 0.3 eV,
    one electron for each site, no orbital on hydrogen. The outermost nine atoms of each electrode of 36 have a width of
    1.2 eV from the leads behind (wide band). Then T(E) = Tr[Gamma_L G Gamma_R G+], Landauer's formula [1]_. Charges are
    Mulliken's.

    References
    ----------
    .. [1] Electronic Transport in Mesoscopic Systems, Cambridge (1995), doi:10.1017/CBO9780511805776

    Examples
    --------
    >>> ds = make_molecular_junctions(n_junctions=6, n_energies=11)
    >>> dict(ds.features.sizes)
    {'junction': 6, 'variable': 180}
    """
    from threadpoolctl import threadpool_limits

    _check(n_junctions, n_energies, window)
    rng = generator(seed, who="make_molecular_junctions")
    site = rng.permutation(np.arange(n_junctions) % len(junction.SITES))
    position = junction.build(site, rng)
    energy = np.linspace(float(window[0]), float(window[1]), n_energies)
    spectra, features = [], []
    with threadpool_limits(1):  # its matrices are too small for threads
        for start in range(0, n_junctions, _BLOCK):
            some = position[start : start + _BLOCK]
            matrix = junction.hamiltonian(some)
            spectra.append(junction.transmission(matrix, energy))
            features.append(values(some, junction.solve(matrix)))
    ds = _label(np.concatenate(spectra), np.concatenate(features), position, site, energy)
    parameters = {
        "n_junctions": int(n_junctions), "n_energies": int(n_energies), "window": [float(v) for v in window],
        "seed": seed if isinstance(seed, int) else "not an integer",
    }  # fmt: skip
    title = "Junctions of benzenedithiolate between gold electrodes, a model"
    ds.attrs = dict(origin("datasets.make_molecular_junctions", title, parameters, source="synthetic"))
    return ds


def _label(
    spectra: np.ndarray, features: np.ndarray, position: np.ndarray, site: np.ndarray, energy: np.ndarray
) -> xr.Dataset:
    ends = np.array([[*v.atoms, -1, -1, -1][:3] for v in VARIABLES])
    one = {"units": "1"}
    text = {
        name: ("variable", np.array([getattr(v, of) for v in VARIABLES], np.str_), {"long_name": long_name})
        for name, of, long_name in (
            ("variable", "name", "variable"), ("group", "group", "group"), ("kind", "kind", "kind of quantity"),
            ("units", "units", "unit of the variable"),
        )
    }  # fmt: skip
    flags = {"flag_values": list(range(len(junction.SITES))), "flag_meanings": " ".join(junction.SITES)}
    unit = {"units": "1", "long_name": "value, in the unit of each variable"}
    return xr.Dataset(
        {
            "transmission": (("junction", "energy"), spectra, {**one, "long_name": "transmission"}),
            "features": (("junction", "variable"), features, unit),
            "position": (("junction", "atom", "axis"), position, {"units": "angstrom", "long_name": "position"}),
            "true_site": ("junction", site.astype(np.int8), {**one, "long_name": "true binding site", **flags}),
        },
        coords={
            "junction": ("junction", np.arange(site.size), {**one, "long_name": "junction"}),
            "energy": ("energy", energy, {"units": "eV", "long_name": "energy"}),
            **text,
            "first_atom": ("variable", ends[:, 0], {**one, "long_name": "atom of the variable, -1 for none"}),
            "second_atom": ("variable", ends[:, 1], {**one, "long_name": "second atom of the variable, -1 for none"}),
            "third_atom": ("variable", ends[:, 2], {**one, "long_name": "third atom of the variable, -1 for none"}),
            "atom": ("atom", np.arange(len(junction.ELEMENTS)), {**one, "long_name": "atom"}),
            "element": ("atom", np.array(junction.ELEMENTS, np.str_), {"long_name": "chemical element"}),
            "axis": ("axis", ["x", "y", "z"], {"long_name": "Cartesian axis"}),
        },
    )


def _check(n_junctions: int, n_energies: int, window: tuple[float, float]) -> None:
    who = "make_molecular_junctions"
    for name, value, least, most in (("n_junctions", n_junctions, 3, 10_000), ("n_energies", n_energies, 2, 5000)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
            raise ParameterError(f"{who}: {name} is a whole number of {least:,} to {most:,}; got {value!r}.")
    if len(window) != 2 or not all(map(math.isfinite, window)) or not window[0] < window[1]:
        raise ParameterError(f"{who}: window is two energies (eV), the lower one first; got {window!r}.")
