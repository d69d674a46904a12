"""Densities of states projected on atoms: computed slabs that come with the package, and a model with the truth."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import xarray as xr

from mi_widgets._share import share_path
from mi_widgets.datasets import _pdos_model as model
from mi_widgets.datasets._pdos_dataset import label_pdos
from mi_widgets.datasets._registry import entry, registry
from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.io import read_netcdf
from mi_widgets.labels import label_structure

__all__ = ["list_pdos", "load_pdos", "make_pdos"]

_PREFIX = "pdos_"


def list_pdos() -> list[str]:
    """Names of the slabs whose projected densities of states come with the package.

    Returns
    -------
    list of str
        What `load_pdos` takes.

    Examples
    --------
    >>> "mgo_step" in list_pdos()
    True
    """
    return [name.removeprefix(_PREFIX) for name in registry() if name.startswith(_PREFIX)]


def load_pdos(name: str = "mgo_step") -> xr.Dataset:
    """Load the projected densities of states of a computed slab, with the kind of each site as truth to judge by.

    All are ideal, unrelaxed slabs by Quantum ESPRESSO, metals on 2 x 2 k points and others at the Gamma point, one of
    them a second time by GPAW; ``data/recipes/pdos_slabs.py`` makes them:

    - ``mgo_step``, ``mgo_step_gpaw``: MgO(001) with steps, an O vacancy, and CO on a Mg of the edge
    - ``tio2_rutile``: TiO2(110) with a vacancy of a bridging O, and water
    - ``graphene_ribbon``: zigzag ribbon with H at the edges, a N atom, and an O that bridges a bond
    - ``cu_adatom``: Cu(100) with an adatom
    - ``mgo_island``, ``si_dimers``, ``al_oxygen``: MgO(001) with an island and a Mg vacancy, Si(100)-2x1 with two H on
      a dimer, Al(100) with O; made after the default settings of `mi_widgets.dos.cluster` were chosen, to test them

    Parameters
    ----------
    name : str
        One of `list_pdos`.

    Returns
    -------
    xarray.Dataset
        A structure (``position``, ``cell``, ``pbc``, ``element``) and

        - ``pdos`` (atom, orbital, energy), 1/eV: orbitals s p d; Gaussians of standard deviation 0.14 eV, every 0.1 eV
        - ``dos`` (energy), 1/eV: all states, also those that no atom's orbital holds
        - ``fermi_energy``, eV; ``spilling``, 1: share of the states that no orbital holds
        - ``status`` (atom), ``projected`` (atom, orbital)

        with coordinates ``site_label`` (atom), element and first shell, such as ``"Mg5 (O5) by vacancy"``, ``*``
        marking atoms of the adsorbate; ``coordination`` (atom), 1; ``adsorbate`` (atom). Labels come from geometry
        alone. Energies are as the code gives them (``attrs["reference"]`` is ``"absolute"``).

    Raises
    ------
    ParameterError
        There is no such slab.
    MIWidgetsError
        The bundled data are missing: the installation is incomplete.
    FileFormatError
        The bundled file is damaged.

    Examples
    --------
    >>> load_pdos("mgo_step").sizes["atom"]
    113
    """
    if name not in list_pdos():
        raise ParameterError(f"load_pdos: there is no slab {name!r}; write one of {', '.join(list_pdos())}.")
    ds = read_netcdf(share_path("data") / entry(_PREFIX + name)["file"])
    attrs = ds["pdos"].attrs
    return ds.assign(pdos=ds["pdos"].astype(float).assign_attrs(attrs))


def make_pdos(
    n_atoms: int = 144,
    *,
    n_layers: int = 4,
    defects: Iterable[str] = model.DEFECTS,
    orbitals: Literal["l", "lm"] = "l",
    spin: bool = False,
    n_energies: int = 361,
    window: tuple[float, float] = (-24.0, 12.0),
    jitter: float = 0.05,
    noise: float = 0.0,
    band_bending: float = 0.0,
    energy_shift: float = 0.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make a slab of MgO(001) whose projected densities of states follow from the coordination, defects planted in it.

    Bands are Gaussians: a site with fewer neighbours has narrower ones (their second moment counts neighbours), nearer
    to the gap. An oxygen vacancy leaves a state in the gap on its neighbours, CO brings its molecular levels, and a
    step is half a layer more, with edge sites of fewer neighbours. It is a model for tests, no computed MgO.

    Parameters
    ----------
    n_atoms : int
        About so many atoms, before defects: ``n_layers`` layers of an even number of atoms along x and along y.
    n_layers : int
        Atomic layers.
    defects : iterable of {"vacancy", "adsorbate", "step"}
        One of each, at a random place of the upper side; ``()`` for none.
    orbitals : {"l", "lm"}
        Three orbitals (s p d), or nine.
    spin : bool
        Add a dimension ``spin``; the states of the vacancy are then all spin-up, others half and half.
    n_energies : int
        Points of the energy axis.
    window : (float, float)
        Its ends (eV), from the valence-band edge.
    jitter : float
        Standard deviation of a rigid shift of each site's states (eV): sites of a kind are not all the same.
    noise : float
        Standard deviation of a random factor on each value (1).
    band_bending : float
        Rise of all states from the bottom of the slab to the top (eV).
    energy_shift : float
        Added to all energies (eV): the zero of energy of a calculation is free.
    seed : int, numpy.random.Generator or None
        Of places, shifts and noise; the same integer gives the same data set.

    Returns
    -------
    xarray.Dataset
        A structure (``position``, ``cell``, ``pbc``, ``element``) and

        - ``pdos`` (atom, orbital[, spin], energy), 1/eV
        - ``dos`` ([spin,] energy), 1/eV: its sum over atoms and orbitals
        - ``fermi_energy``, eV; ``spilling``, 1: zero
        - ``status`` (atom): 0 for all
        - ``projected`` (atom, orbital): whether the site has the orbital
        - ``true_unusual`` (atom): ``"vacancy"``, ``"adsorbate"``, ``"step"`` at the sites that a defect changes, or
          ``""``
        - ``true_shift`` (atom), eV: by jitter and band bending
        - ``true_layer`` (atom), 1: layer from the bottom

        with coordinates ``site_label`` (atom), the kind of site, such as ``"Mg5 (O5) by vacancy"``, ``*`` marking atoms
        of the adsorbate, and ``coordination`` (atom), 1.

    Raises
    ------
    ParameterError
        A number is out of range, or a defect or choice of orbitals is not known.

    Examples
    --------
    >>> ds = make_pdos(defects=["vacancy"])
    >>> dict(ds.pdos.sizes)
    {'atom': 143, 'orbital': 3, 'energy': 361}
    >>> int((ds.true_unusual == "vacancy").sum())
    5
    """
    defects = [defects] if isinstance(defects, str) else list(defects)
    size = _checked_size(n_atoms, n_layers, defects)
    _check(orbitals, n_energies, window, jitter, noise)
    rng = generator(seed, who="make_pdos")
    sites = model.grow(size, n_layers, defects, rng)
    shift = jitter * rng.standard_normal(len(sites.element))
    shift += band_bending * sites.position[:, 2] / max(float(np.ptp(sites.position[:, 2])), model.SPACING)
    axis = np.linspace(*window, n_energies)
    names = model.ORBITALS[orbitals]
    values = model.curves(sites, axis, shift, names)
    if noise:
        values *= np.maximum(1 + noise * rng.standard_normal(values.shape, dtype=np.float32), 0)
    ds = _label(sites, values, axis + energy_shift, names, energy_shift)
    ds["true_shift"] = ("atom", shift, {"units": "eV", "long_name": "true rigid shift"})
    if spin:
        ds = _split_spin(ds, energy_shift)
    parameters = {
        "n_atoms": n_atoms, "n_layers": n_layers, "defects": defects, "orbitals": orbitals, "spin": int(spin),
        "n_energies": n_energies, "window": list(window), "jitter": jitter, "noise": noise,
        "band_bending": band_bending, "energy_shift": energy_shift,
        "seed": seed if isinstance(seed, int) else "not an integer",
    }  # fmt: skip
    title = "Projected density of states of MgO(001), a model"
    ds.attrs = {**origin("datasets.make_pdos", title, parameters, source="synthetic"), "reference": "absolute"}
    return ds


def _checked_size(n_atoms: int, n_layers: int, defects: list[str]) -> tuple[int, int]:
    unknown = sorted(set(map(str, defects)) - set(model.DEFECTS))
    if unknown:
        raise ParameterError(f"make_pdos: unknown defect {unknown[0]!r}; write some of {', '.join(model.DEFECTS)}.")
    if n_layers < 2:
        raise ParameterError(f"make_pdos: n_layers is 2 or more; got {n_layers}.")
    half = np.sqrt(n_atoms / n_layers) / 2
    nx = 2 * int(np.floor(half + 1e-9))
    ny = 2 * round(n_atoms / n_layers / max(nx, 2) / 2)
    least = 6 if len(defects) > 1 and "step" in defects else 4  # room for a terrace beside the edges
    if min(nx, ny) < least:
        need = least**2 * n_layers
        raise ParameterError(f"make_pdos: {n_layers} layers with these defects need n_atoms >= {need}; got {n_atoms}.")
    return nx, ny


def _check(orbitals: str, n_energies: int, window: tuple[float, float], jitter: float, noise: float) -> None:
    if orbitals not in model.ORBITALS:
        raise ParameterError(f'make_pdos: orbitals is "l" or "lm"; got {orbitals!r}.')
    if n_energies < 2 or not window[0] < window[1]:
        raise ParameterError(f"make_pdos: needs 2 energies or more and window=(low, high); got {n_energies}, {window}.")
    if min(jitter, noise) < 0:
        raise ParameterError(f"make_pdos: jitter and noise are not negative; got {jitter} and {noise}.")


def _fermi(sites: model.Sites) -> float:
    """In the gap, and above the states that the electrons of a missing O fill."""
    return 2.8 if (sites.unusual == "vacancy").any() else 0.5


def _label(
    sites: model.Sites, values: np.ndarray, axis: np.ndarray, names: tuple[str, ...], energy_shift: float
) -> xr.Dataset:
    structure = label_structure(sites.position, sites.element, cell=sites.cell, pbc=(True, True, False))
    structure = structure.assign_coords(
        site_label=("atom", sites.label.astype(str), {"long_name": "kind of site"}),
        coordination=("atom", sites.coordination, {"units": "1", "long_name": "coordination number"}),
    )
    has_d = sites.element == "Mg"
    known = np.array([[has_d[i] or not name.startswith("d") for name in names] for i in range(len(has_d))])
    ds = label_pdos(
        structure, values, axis, names,
        dos=values.sum(axis=(0, 1), dtype=float), fermi_energy=energy_shift + _fermi(sites), projected=known,
    )  # fmt: skip
    ds["true_unusual"] = ("atom", sites.unusual.astype(str), {"long_name": "defect that changes the site"})
    ds["true_layer"] = ("atom", sites.layer, {"units": "1", "long_name": "true layer"})
    return ds


def _split_spin(ds: xr.Dataset, energy_shift: float) -> xr.Dataset:
    """Halve all states, but put those in the gap of the vacancy's neighbours into spin up."""
    up = xr.full_like(ds["pdos"], 0.5)
    relative = ds["energy"] - energy_shift - 0.5
    in_gap = (relative > 0.5) & (relative < 3.0) & (ds["true_unusual"] == "vacancy")
    up = up.where(~in_gap.transpose("atom", "energy"), np.float32(1.0))
    both = xr.concat([ds["pdos"] * up, ds["pdos"] * (1 - up)], xr.Variable("spin", ["up", "down"]))
    both = both.transpose("atom", "orbital", "spin", "energy").astype(np.float32)
    both["spin"].attrs = {"long_name": "spin"}
    both.attrs = ds["pdos"].attrs
    attrs = ds["dos"].attrs
    ds = ds.drop_vars(["pdos", "dos"]).assign(pdos=both)
    ds["dos"] = both.sum(["atom", "orbital"], dtype=float)
    ds["dos"].attrs = attrs
    return ds
