"""Choice of a circuit, classes that cannot be separated, and the figures asked of them."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets import impedance, io
from mi_widgets.datasets import make_impedance
from mi_widgets.methods.selection import criterion_weights

TRUTHS = ("R-p(R,C)", "R-p(R-W,C)", "R-p(R-W,Q)", "R-p(R,C)-p(R,C)", "R-p(R,Q)-p(R,Q)", "R-p(R,Q)-p(R-W,Q)")


def _judge(truth: str, seed: int) -> tuple[bool, list[bool]]:
    """Whether the truth is in the best class, and which of its parameters are within three standard errors."""
    ds = make_impedance(truth, seed=seed)
    found = impedance.compare_circuits(ds).sel(candidate=truth)
    names = impedance.parse_circuit(truth).names
    near = [bool(abs(found[n] - ds[f"true_{n}"]) <= 3 * found[f"{n}_stderr"]) for n in names]
    return int(found.equivalence_class) == 0, near


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_truth_is_in_the_best_class(truth: str) -> None:
    right, near = _judge(truth, seed=100)
    assert right
    assert all(near)


@pytest.mark.nightly
def test_sixty_sets() -> None:
    judged = [_judge(truth, seed) for truth in TRUTHS for seed in range(100, 110)]
    assert np.mean([right for right, _ in judged]) >= 0.9
    assert np.mean([one for _, near in judged for one in near]) >= 0.95


def test_exactly_equivalent_and_not_separable() -> None:
    """The ladder of two RC has exactly the impedance of two RC in series; with CPE it is near, but not the same."""
    rc = impedance.compare_circuits(make_impedance("R-p(R,C)-p(R,C)", seed=3))
    assert set(impedance.equivalence_classes(rc)[0]) == {"R-p(R,C)-p(R,C)", "R-p(C,R-p(R,C))"}
    assert rc.exactly_equivalent.sel(candidate=["R-p(R,C)-p(R,C)", "R-p(C,R-p(R,C))"]).values.tolist() == [1, 1]
    parameters = {"R0": 20.0, "R1": 100.0, "Q1": 1e-5, "Q1_n": 0.9, "R2": 60.0, "Q2": 2e-3, "Q2_n": 0.8}
    pair = ["R-p(R,Q)-p(R,Q)", "R-p(Q,R-p(R,Q))"]
    rq = impedance.compare_circuits(make_impedance(pair[0], parameters, seed=3), pair)
    assert rq.equivalence_class.values.tolist() == [0, 0]
    assert (
        int(rq.exactly_equivalent.sel(candidate=pair[1])) == 0 or int(rq.exactly_equivalent.sel(candidate=pair[0])) == 0
    )
    quiet = impedance.compare_circuits(make_impedance(pair[0], parameters, seed=3, noise=1e-4), pair)
    assert sorted(quiet.equivalence_class.values.tolist()) == [0, 1]  # better data separate them
    assert str(quiet.candidate[int(quiet["rank"].values.argmin())].item()) == pair[0]


def test_distance_of_equivalent_ladders_is_that_of_the_notes() -> None:
    """With CPE they differ by some 2.6e-4 of the modulus for these parameters, with capacitors not at all."""
    parameters = {"R0": 20.0, "R1": 100.0, "Q1": 1e-5, "Q1_n": 0.9, "R2": 60.0, "Q2": 2e-3, "Q2_n": 0.8}
    fit = impedance.fit_circuit(make_impedance("R-p(R,Q)-p(R,Q)", parameters, noise=0.0), "R-p(Q,R-p(R,Q))")
    assert 1e-4 < float(fit.relative_rms) < 4e-4
    same = impedance.fit_circuit(make_impedance("R-p(R,C)-p(R,C)", noise=0.0), "R-p(C,R-p(R,C))")
    assert float(same.relative_rms) < 1e-10


def test_a_simpler_circuit_with_the_same_curve_is_named() -> None:
    found = impedance.compare_circuits(
        make_impedance("R-p(R,C)", seed=101), ["R-p(R,C)", "R-p(R,Q)", "R-p(R,C)-p(R,C)"]
    )
    assert found.equivalence_class.values.tolist()[0] == 0
    assert int(found.simpler.sel(candidate="R-p(R,Q)")) == 0
    assert int(found.simpler.sel(candidate="R-p(R,C)")) == -1
    assert (found.equivalence_class.values[1:] > 0).all()


def test_ranks_and_weights() -> None:
    found = impedance.compare_circuits(make_impedance("R-p(R,C)-p(R,C)", seed=3))
    np.testing.assert_allclose(found.weight, criterion_weights(found.bic.values))
    assert sorted(found["rank"].values.tolist()) == list(range(1, 14))
    assert float(found.bic.isel(candidate=int(found["rank"].values.argmin()))) == float(found.bic.min())
    one_each = found.class_weight.groupby(found.equivalence_class).first()
    assert float(one_each.sum()) == pytest.approx(1.0)


def test_parts_series_and_file(tmp_path: Path) -> None:
    ds = make_impedance("R-p(R,C)", {"R0": 20.0, "R1": [100.0, 120.0], "C1": 1e-5}, seed=6)
    circuits = ["R-p(R,C)", "R-p(R,Q)", "R-p(R-W,Q)"]
    parts = list(impedance.iter_compare_circuits(ds, circuits))
    assert (parts[-1].done, parts[-1].total, parts[-1].message) == (4, 4, "done")
    first = parts[0].result
    assert first.status.isel(candidate=-1).values.tolist() == [4, 4]
    assert first.bic.isel(candidate=-1).isnull().all()
    whole = impedance.compare_circuits(ds, circuits)
    xr.testing.assert_identical(parts[-1].result, whole)
    assert whole.bic.dims == ("spectrum", "candidate")
    assert whole.W1.isel(candidate=0).isnull().all()
    alone = impedance.fit_circuit(ds.isel(spectrum=1), "R-p(R,C)")
    assert float(whole.R1.isel(spectrum=1, candidate=0)) == pytest.approx(float(alone.R1), rel=1e-6)
    xr.testing.assert_identical(io.read_netcdf(io.write_netcdf(whole, tmp_path / "c.nc")), whole)
