"""Strategies beside each other, and virtual screening."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mi_widgets.bo import Search, iter_replay, replay, virtual_screening
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf


def test_random_is_what_counting_says(table: pd.DataFrame) -> None:
    found = replay(table, target="y", strategies=["random"], n_repeats=400, seed=0)
    assert found.mean_trials.item() == pytest.approx(201 / 2, abs=4 * found.mean_trials_stderr.item())
    assert found.mean_trials_stderr.item() == pytest.approx(200 / np.sqrt(12 * 400), rel=0.1)
    assert found.share_found.item() == 1


def test_strategies_begin_alike_and_beat_random(table: pd.DataFrame) -> None:
    found = replay(table, target="y", strategies=["random", "ei", "z_score"], n_steps=50, n_repeats=6, seed=1)
    first = found.candidate.sel(step=slice(1, 5))
    assert (first == first.isel(strategy=0)).all()
    assert found.mean_trials.sel(strategy="ei") < 0.6 * 201 / 2
    # what is said of a run is what its trials are
    y = table.y.to_numpy()
    for s in range(3):
        for r in range(6):
            places = found.candidate.values[s, r]
            assert len(set(places)) == 50
            np.testing.assert_array_equal(found.value.values[s, r], y[places])
            np.testing.assert_array_equal(found.best.values[s, r], np.minimum.accumulate(y[places]))
            at = np.flatnonzero(places == y.argmin())
            trials = found.trials.values[s, r]
            assert trials == at[0] + 1 if at.size else np.isnan(trials)


def test_a_run_is_a_search_by_hand(table: pd.DataFrame) -> None:
    found = replay(
        table, target="y", strategies={"it": {"acquisition": "ei", "seed": 0}}, n_steps=15, n_repeats=1, seed=4
    )
    places = found.candidate.values[0, 0]
    search = Search(table[["a", "b", "c"]], acquisition="ei", seed=5)
    search.tell(table.index[places[:5]].tolist(), table.y.iloc[places[:5]].to_numpy())
    for k in places[5:]:
        assert search.ask() == [table.index[k]]
        search.tell(table.index[k], table.y.iloc[k])


def test_results_do_not_depend_on_the_threads(table: pd.DataFrame) -> None:
    call = {"target": "y", "strategies": ["thompson", "ei"], "n_steps": 20, "n_repeats": 4, "seed": 2}
    xr.testing.assert_identical(replay(table, n_workers=1, **call), replay(table, n_workers=4, **call))


def test_stopped_and_gone_on_with(table: pd.DataFrame) -> None:
    call = {"target": "y", "strategies": ["random", "ei"], "n_steps": 20, "n_repeats": 3, "seed": 2}
    whole = replay(table, **call)
    parts = iter_replay(table, n_workers=1, **call)
    first = next(parts)
    parts.close()
    left = first.total - first.done
    half = first.result
    assert 0 < left < 6
    assert first.total == 6
    assert int((half.status == 1).sum()) == left
    assert int((half.candidate == -1).sum()) == left * 20
    done = []
    again = replay(table, resume=half, progress=lambda part: done.append(part.done), **call)
    xr.testing.assert_identical(again, whole)
    assert done[-1] == 6
    assert min(done) > first.done
    xr.testing.assert_identical(replay(table, resume=whole, **call), whole)
    with pytest.raises(ParameterError, match="result of another call"):
        replay(table, resume=half, **{**call, "seed": 3})


def test_stop_and_threshold(table: pd.DataFrame) -> None:
    edge = float(table.y.quantile(0.05))
    found = replay(table, target="y", strategies=["ei"], n_repeats=5, seed=0, threshold=edge, stop=True)
    for r in range(5):
        n = int(found.trials.values[0, r])
        value = found.value.values[0, r]
        assert value[n - 1] <= edge
        assert (value[: n - 1] > edge).all()
        assert np.isnan(value[n:]).all()


def test_largest_is_looked_for(table: pd.DataFrame) -> None:
    low = replay(table, target="y", strategies=["ei"], n_steps=30, n_repeats=2, seed=0)
    high = replay(table.assign(y=-table.y), target="y", strategies=["ei"], n_steps=30, n_repeats=2, seed=0, goal="max")
    np.testing.assert_array_equal(low.candidate, high.candidate)
    np.testing.assert_array_equal(low.trials, high.trials)


def test_arrays_and_series_as_target(table: pd.DataFrame) -> None:
    X = table[["a", "b", "c"]]
    call = {"strategies": ["ei"], "n_steps": 12, "n_repeats": 2, "seed": 0}
    one = replay(table, target="y", **call)
    for target in (table.y.to_numpy(), table.y.sample(frac=1, random_state=0)):
        xr.testing.assert_identical(replay(X, target=target, **call), one)
    array = xr.DataArray(
        X.to_numpy(), dims=("candidate", "feature"), coords={"candidate": X.index.to_numpy(str), "feature": list("abc")}
    )
    xr.testing.assert_identical(replay(array, target=table.y, **call), one)


def test_a_replay_round_trips(table: pd.DataFrame, tmp_path) -> None:
    call = {"target": "y", "strategies": ["random", "ei"], "n_steps": 30, "n_repeats": 3, "seed": 0}
    part = next(iter_replay(table, n_workers=1, **call))
    write_netcdf(part.result, tmp_path / "half.nc")
    half = read_netcdf(tmp_path / "half.nc")
    xr.testing.assert_identical(half, part.result)
    whole = replay(table, resume=half, **call)
    assert int(whole.status.sum()) == 0


def test_bad_input(table: pd.DataFrame) -> None:
    with pytest.raises(LabelError, match="no column 'z'; there are a, b, c, y"):
        replay(table, target="z")
    with pytest.raises(DataError, match="1 that are not finite"):
        replay(table.assign(y=table.y.where(table.index != "m003")), target="y")
    with pytest.raises(DataError, match=r"got shape \(3,\)"):
        replay(table, target=[1, 2, 3])
    with pytest.raises(ParameterError, match="n_initial must be a whole number from 1 to 200; got 0"):
        replay(table, target="y", n_initial=0)
    with pytest.raises(ParameterError, match="acquisition must be one of"):
        replay(table, target="y", strategies=["best"])
    with pytest.raises(ParameterError, match="several names"):
        replay(table, target="y", strategies="ei")
    with pytest.raises(ParameterError, match="goal must be"):
        replay(table, target="y", goal="up")


# ---- screening


def test_screening_puts_the_best_of_the_library_first(table: pd.DataFrame) -> None:
    known, library = table.iloc[:80], table.iloc[80:].drop(columns="y")
    found = virtual_screening(known, library, target="y", seed=0, units="eV")
    assert found.sizes["candidate"] == 120
    assert found["rank"].values.tolist() == list(range(1, 121))
    assert table.y[library.index].idxmin() in found.candidate.values[:5]
    z = (known.y.min() - found["mean"]) / found.stderr
    np.testing.assert_allclose(found.acquisition, z, rtol=1e-9)
    assert found["mean"].attrs["units"] == "eV"
    largest = virtual_screening(known, library, target="y", goal="max", seed=0)
    assert table.y[library.index].idxmax() in largest.candidate.values[:5]


def test_screening_leaves_out_what_is_known_and_the_order_of_files(table: pd.DataFrame) -> None:
    known, library = table.iloc[:50], table.drop(columns="y")
    found = virtual_screening(known, library, target="y", seed=0)
    assert not set(found.candidate.values) & set(known.index)
    shuffled = virtual_screening(known.iloc[::-1], library.sample(frac=1, random_state=0), target="y", seed=0)
    same = [a == b for a, b in zip(found.candidate.values, shuffled.candidate.values, strict=True)]
    assert np.mean(same) > 0.9  # to the accuracy of the fit: what is told comes in another order


def test_screening_refuses(table: pd.DataFrame) -> None:
    known, library = table.iloc[:50], table.drop(columns="y")
    with pytest.raises(LabelError, match="known has no column 'z'"):
        virtual_screening(known, library, target="z")
    with pytest.raises(LabelError, match="lacks the features b"):
        virtual_screening(known, library.drop(columns="b"), target="y")
    with pytest.raises(DataError, match="nothing to rank"):
        virtual_screening(known, library.iloc[:50], target="y")
    with pytest.raises(LabelError, match="library must be a DataFrame"):
        virtual_screening(known, library.to_numpy(), target="y")


def test_target_with_labels_goes_by_label(table: pd.DataFrame) -> None:
    pool = table.drop(columns="y")
    by_label = xr.DataArray(table["y"].values, {"candidate": table.index}, ("candidate",))
    options: dict = {"strategies": ["random"], "n_repeats": 2, "n_steps": 5, "seed": 0}
    plain = replay(pool, target=table["y"].values, **options)
    turned = replay(pool, target=by_label[::-1], **options)
    np.testing.assert_array_equal(turned.value, plain.value)


def test_a_result_of_another_table_or_stop_is_not_gone_on_with(table: pd.DataFrame) -> None:
    options: dict = {"strategies": ["random"], "n_repeats": 2, "n_steps": 20, "seed": 0}
    done = replay(table, target="y", **options)
    with pytest.raises(DataError, match="another table"):
        replay(table.assign(y=table["y"].values[::-1] + 0.0), target="y", resume=done, threshold=float(table.y.min()),
               **options)  # fmt: skip
    with pytest.raises(ParameterError, match="another call"):
        replay(table, target="y", resume=done, stop=True, **options)
