"""Two calculations compared site by site: clean minus adsorbed."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.dos._check import check_pdos, element_names, finish, kept_structure, number, warn
from mi_widgets.dos._kernels import resample, trapezoid_weights
from mi_widgets.dos._match import match_sites
from mi_widgets.errors import DataError, LabelError

__all__ = ["difference"]


def difference(clean: xr.Dataset, adsorbed: xr.Dataset, *, tolerance: float = 0.7) -> xr.Dataset:
    """Subtract the densities of states of matched sites: clean minus adsorbed.

    Two sites match when they are of the same element and nearest to each other within the tolerance, periodic images
    included; each is used once, nearest pairs first. Bring both to the same zero of energy before (`align`).

    Parameters
    ----------
    clean, adsorbed : xarray.Dataset
        ``pdos`` (atom, orbital[, spin], energy), ``position``, ``cell``, ``pbc``. Orbitals that one of them lacks count
        as empty there. `adsorbed` is resampled to the energies of `clean` that both have.
    tolerance : float
        Greatest distance of matched sites (angstrom).

    Returns
    -------
    xarray.Dataset
        Over the atoms of `clean`, whose structure is kept:

        - ``difference`` (atom, orbital[, spin], energy), 1/eV; NaN where there is no partner
        - ``partner`` (atom): place of the matched atom in `adsorbed`, -1 for none
        - ``displacement`` (atom), angstrom
        - ``moved_states`` (atom), 1: half the integral of the size of the difference
        - ``unmatched_adsorbed`` (unmatched): places of the atoms of `adsorbed` without partner, such as the adsorbate

    Raises
    ------
    LabelError
        A structure is missing, or only one has the dimension ``spin``.
    DataError
        The cells differ by more than the tolerance, the energies have nothing in common or are counted from different
        references.
    ParameterError
        The tolerance is not above zero.

    Warns
    -----
    MIWidgetsWarning
        Sites of `clean` have no partner.

    Examples
    --------
    >>> import numpy as np
    >>> from mi_widgets.labels import label_structure
    >>> e = xr.DataArray(np.linspace(-1, 1, 5), dims="energy", attrs={"units": "eV"})
    >>> flat = (0 * e + 1).assign_coords(energy=e).expand_dims(orbital=["s"])
    >>> clean = label_structure([[0.1, 0, 0]], ["Cu"], cell=np.eye(3) * 5)
    >>> covered = label_structure([[2.0, 0, 0], [4.9, 0, 0]], ["H", "Cu"], cell=np.eye(3) * 5)
    >>> ds = difference(clean.assign(pdos=flat.expand_dims(atom=1)), covered.assign(pdos=flat.expand_dims(atom=2)))
    >>> ds.partner.values, ds.unmatched_adsorbed.values
    (array([1]), array([0]))
    """
    who = "difference"
    limit = number("tolerance", tolerance, who=who, above=True)
    one, two = check_pdos(clean, who=who), check_pdos(adsorbed, who=who)
    if ("spin" in one.dims) != ("spin" in two.dims):
        raise LabelError(f"{who}: one of the two has the dimension spin. Write ds.assign(pdos=ds.pdos.sum('spin')).")
    cell, pbc = _same_cell(clean, adsorbed, limit, who)
    partner, away = match_sites(
        _positions(clean, who),
        element_names(clean),
        _positions(adsorbed, who),
        element_names(adsorbed),
        cell,
        pbc,
        limit,
    )
    one, two = _common(one, two, who)
    matched = partner >= 0
    values = np.full(one.shape, np.nan)
    values[matched] = (
        np.asarray(one.values, dtype=float)[matched] - np.asarray(two.values, dtype=float)[partner[matched]]
    )
    weights = trapezoid_weights(np.asarray(one["energy"].values, dtype=float))
    moved = 0.5 * np.abs(values).reshape(matched.size, -1, weights.size).sum(axis=1) @ weights
    rest = np.setdiff1d(np.arange(two.sizes["atom"]), partner[matched])
    if not matched.all():
        some = ", ".join(map(str, np.flatnonzero(~matched)[:8]))
        warn(f"{who}: {int((~matched).sum())} of {matched.size} sites of the first have no partner: {some}.")
    one_unit = {"units": "1"}
    data: dict[str, Any] = {
        "difference": (one.dims, values, {"units": "1/eV", "long_name": "difference of the densities of states"}),
        "partner": ("atom", partner, {**one_unit, "long_name": "place of the matched atom, -1 for none"}),
        "displacement": ("atom", away, {"units": "angstrom", "long_name": "distance of the matched atoms"}),
        "moved_states": ("atom", moved, {**one_unit, "long_name": "states that moved"}),
        "unmatched_adsorbed": ("unmatched", rest, {**one_unit, "long_name": "place of an atom without partner"}),
    }
    kept = kept_structure(clean)
    data |= {k: v for k, v in kept.items() if k not in clean.coords}
    out = xr.Dataset(data, coords={k: v for k, v in kept.items() if k in clean.coords})
    for name in ("orbital", "spin", "energy"):
        if name in one.coords:
            out = out.assign_coords({name: one[name].variable})
    return finish(out, who, "Clean minus adsorbed", {"tolerance": limit}, clean.attrs.get("source", ""))


def _positions(ds: xr.Dataset, who: str) -> np.ndarray:
    if "position" not in ds or "cell" not in ds:
        raise LabelError(f"{who} needs the structures: 'position' and 'cell', as labels.label_structure makes them.")
    return np.asarray(ds["position"].transpose("atom", "axis").values, dtype=float)


def _same_cell(clean: xr.Dataset, adsorbed: xr.Dataset, limit: float, who: str) -> tuple[np.ndarray, np.ndarray]:
    _positions(clean, who), _positions(adsorbed, who)
    a, b = (np.asarray(ds["cell"].transpose("cell_vector", "axis").values, dtype=float) for ds in (clean, adsorbed))
    pbc = np.asarray(clean["pbc"].values, dtype=bool) if "pbc" in clean else a.any(axis=1)
    off = float(np.abs(a - b)[pbc].max(initial=0.0))
    if off > limit:
        raise DataError(
            f"{who}: the cells differ by {off:.3g} angstrom, more than the tolerance. Bring both to one cell: where "
            "only the vacuum differs, ds['cell'] of one may be set to that of the other."
        )
    return a, np.asarray(pbc & a.any(axis=1))


def _common(one: xr.DataArray, two: xr.DataArray, who: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Both on the same energies and orbitals."""
    references = [str(da["energy"].attrs.get("reference", "")) for da in (one, two)]
    if references[0] != references[1] and all(references):
        raise DataError(
            f"{who}: energies count from {references[0]} in one and from {references[1]} in the other. Write "
            "dos.align(ds, 'fermi') for both."
        )
    a, b = (np.asarray(da["energy"].values, dtype=float) for da in (one, two))
    if a.size != b.size or not np.allclose(a, b, rtol=0, atol=1e-9):
        inside = (a >= b[0] - 1e-9) & (a <= b[-1] + 1e-9)
        if inside.sum() < 2:
            raise DataError(
                f"{who}: the energies {a[0]:.4g} to {a[-1]:.4g} and {b[0]:.4g} to {b[-1]:.4g} eV have nothing in "
                "common."
            )
        one = one.isel(energy=inside)
        new = np.asarray(one["energy"].values, dtype=float)
        moved = two.isel(energy=np.zeros(new.size, dtype=int)).copy(
            data=resample(np.asarray(two.values, float), b, new)
        )
        two = moved.assign_coords(energy=one["energy"].variable)
    else:
        two = two.assign_coords(energy=one["energy"].variable)
    if "orbital" in one.dims and "orbital" in two.dims and "orbital" in one.coords and "orbital" in two.coords:
        first = [str(v) for v in one["orbital"].values]
        names = first + [str(v) for v in two["orbital"].values if str(v) not in first]
        one, two = (da.reindex(orbital=names, fill_value=0.0) for da in (one, two))
    if one.dims != two.dims or one.shape[1:] != two.shape[1:]:
        raise LabelError(
            f"{who}: the two have dims {dict(one.sizes)} and {dict(two.sizes)}. Sum what only one resolves."
        )
    return one, two
