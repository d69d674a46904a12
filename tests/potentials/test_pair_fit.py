"""The lecture's lesson: optima that fit a cluster alike, told apart by the crystal that they predict."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.potentials import (
    fit_pair_potential,
    fitted_pair_potential,
    iter_fit_pair_potential,
    make_cluster_energies,
)
from mi_widgets.potentials._cluster import make_geometries, model_energies
from mi_widgets.potentials._ttam_pairs import PARAMETERS
from mi_widgets.potentials.pair_fit import _optima

TRUTH = np.array([PARAMETERS[e][n] for e in ("Si", "O") for n in ("a", "b", "c")])


@pytest.fixture(scope="module")
def fit() -> xr.Dataset:
    return fit_pair_potential(make_cluster_energies(seed=0), n_starts=2, seed=0)


def test_cluster_is_what_the_paper_says() -> None:
    """Energy of a tetrahedron by hand; charges of the cluster far away; a minimum near 1.6 angstrom."""
    cluster, kinds, amount = make_geometries(30)
    assert np.allclose(cluster.oxygen[:30], np.sqrt(8 / 3) * amount[:30, None])
    assert np.allclose(cluster.silicon[60:], 1.62)
    energy = model_energies(cluster, TRUTH, 0.6)
    assert kinds[0] == "all bonds"
    r, zeta = amount[3], 1 / 1.4
    g = (1 + zeta * r) * np.exp(-2 * zeta * r)
    d = np.sqrt(8 / 3) * r
    z = zeta * d
    g_oo = (1 + 11 * z / 8 + 3 * z**2 / 4 + z**3 / 6) * np.exp(-2 * z)
    by_hand = 4 * (14.3996454784 * (-3.84 * (1 - g) - 2.88 * g) / r + 10721.52 * np.exp(-r / 0.20851) - 70.73 / r**6)
    by_hand += 6 * (
        14.3996454784 * (2.56 * (1 - g_oo) + 1.44 * g_oo) / d + 1756.87 * np.exp(-d / 0.35132) - 214.74 / d**6
    )
    assert energy[3] == pytest.approx(by_hand, abs=0.01)
    assert 1.5 < amount[np.argmin(energy[:30])] < 1.75
    far = make_geometries(5)[0]._replace(silicon=np.full((1, 4), 1e3), oxygen=np.full((1, 6), 1e3))
    assert model_energies(far, TRUTH, 0.6)[0] == pytest.approx(14.3996454784 * (-4 * 3.84 + 6 * 2.56) / 1e3, abs=1e-6)


def test_without_noise_the_truth_comes_back() -> None:
    fit = fit_pair_potential(make_cluster_energies(noise=0.0), transfers=[0.6], n_starts=2, n_optima=1)
    found = np.concatenate([[fit[n][0].sel(species=e).item() for n in ("a", "b", "c")] for e in ("Si", "O")])
    assert np.allclose(found, TRUTH, rtol=1e-3)
    assert fit.misfit[0] < 1e-6
    assert (fit.cell_a[0].item(), fit.cell_c[0].item()) == pytest.approx((4.990, 5.527), abs=0.004)


def test_the_best_fit_is_not_the_best_crystal(fit) -> None:
    """Charges of 0.5 to 0.7 e fit alike; only one of them gives quartz its cell."""
    assert (np.diff(fit.misfit) >= 0).all()
    assert sorted(set(fit.transfer.values.tolist())) == [0.5, 0.55, 0.6, 0.65, 0.7]
    assert float(fit.misfit.max() / fit.misfit.min()) < 1.5
    assert fit.transfer[int(fit.misfit.argmin("optimum"))] != 0.6
    assert fit.transfer[int(fit.cell_misfit.argmin("optimum"))] == 0.6
    assert (fit.status == 0).all()


def test_standard_errors_cover_the_truth() -> None:
    """Of 30 sets with the right charges, without trying quartz: within two errors in 19 of 20 cases or so."""
    cluster, inside = make_geometries(24)[0], []
    energy, start = model_energies(cluster, TRUTH, 0.6), [(0.6, TRUTH * 1.05)]
    for seed in range(30):
        measured = energy + 0.02 * np.random.default_rng(seed).standard_normal(energy.size)
        optimum = _optima(cluster, measured, start)[0]
        inside += (np.abs(optimum.values - TRUTH) < 2 * optimum.stderr).tolist()
    assert 0.88 < np.mean(inside) < 1


def test_parts_potential_and_file(fit, tmp_path) -> None:
    parts = list(iter_fit_pair_potential(make_cluster_energies(seed=0), transfers=[0.6, 0.65], n_starts=1))
    assert [p.done for p in parts] == [0, 1, 2]
    assert parts[0].result.status.values.tolist() == [4, 4]
    assert np.isnan(parts[1].result.cell_a[1])
    potential = fitted_pair_potential(fit, 1)
    assert potential.parameters["Si"]["charge"] == pytest.approx(4 * fit.transfer[1].item())
    assert potential.parameters["O"]["b"] == fit.b.sel(species="O")[1].item()
    xr.testing.assert_identical(read_netcdf(write_netcdf(fit, tmp_path / "fit.nc")), fit)


def test_bad_input(fit) -> None:
    data = make_cluster_energies()
    with pytest.raises(LabelError, match="distance_o_o"):
        fit_pair_potential(data.drop_vars("distance_o_o"))
    with pytest.raises(LabelError, match="in eV"):
        fit_pair_potential(data.assign(energy=data.energy.assign_attrs(units="kcal/mol")))
    with pytest.raises(DataError, match="finite"):
        fit_pair_potential(data.assign(energy=data.energy * np.nan))
    with pytest.raises(DataError, match="too few"):
        fit_pair_potential(data.isel(geometry=slice(0, 5)))
    for options in ({"n_starts": 0}, {"n_optima": 1.5}, {"transfers": [1.5]}, {"transfers": []}, {"observed": (1.0,)}):
        with pytest.raises(ParameterError):
            fit_pair_potential(data, **options)
    with pytest.raises(ParameterError, match="noise"):
        make_cluster_energies(noise=-1.0)
    with pytest.raises(ParameterError, match="minus half"):
        make_cluster_energies({"Si": {**PARAMETERS["Si"], "charge": 3.0}, "O": PARAMETERS["O"]})
    with pytest.raises(LabelError, match="label of an optimum"):
        fitted_pair_potential(fit, 99)
