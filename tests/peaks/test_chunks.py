"""Maps in chunks: lazy, each chunk read once, the same numbers, and nothing of the whole is held."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.runs import Part

pytest.importorskip("dask")


class Counted:
    """A chunked map that counts how often each of its chunks is computed."""

    def __init__(self, da: xr.DataArray, y: int) -> None:
        self.computed: list[tuple[int, ...]] = []
        self.da = da.copy(data=da.chunk({"y": y}).data.map_blocks(self._count, dtype=da.dtype, meta=da.values[:0]))

    def _count(self, block: np.ndarray, block_info: dict | None = None) -> np.ndarray:
        self.computed.append(tuple(block_info[None]["chunk-location"]))
        return block


@pytest.fixture
def counts() -> xr.DataArray:
    return datasets.make_spectral_map(preset="overlap", shape=(12, 10), counts=1000, seed=4).spectra.astype("uint16")


@pytest.fixture
def counted(counts: xr.DataArray) -> Counted:
    return Counted(counts, 4)


def test_chunked_input_stays_lazy_and_each_chunk_is_computed_once(counted: Counted, counts: xr.DataArray) -> None:
    fit = peaks.fit_peaks(counted.da, n_peaks=2)
    assert not counted.computed
    assert fit.chunksizes["y"] == (4, 4, 4)
    done = fit.compute()
    assert sorted(counted.computed) == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    whole = peaks.fit_peaks(counts, n_peaks=2)
    assert set(done.data_vars) == set(whole.data_vars)
    for name in done.data_vars:
        assert done[name].attrs == whole[name].attrs
        assert done[name].dims == whole[name].dims
    assert done.attrs == whole.attrs
    xr.testing.assert_identical(done.status, whole.status)
    # each chunk has its own pilots: the way to the maximum may differ, the maximum does not
    assert float((abs(done.center - whole.center) / whole.center_stderr).max()) < 0.05


def test_parts_of_a_chunked_map_hold_one_chunk(counted: Counted) -> None:
    parts: list[Part] = list(peaks.iter_fit_peaks(counted.da, n_peaks=2))
    assert sorted(counted.computed) == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    assert parts[-1].done == parts[-1].total == 120
    assert sorted(set(np.concatenate([part.index for part in parts]))) == list(range(120))
    xr.testing.assert_allclose(parts[-1].result, peaks.fit_peaks(counted.da, n_peaks=2).compute())


def test_progress_fits_at_once(counted: Counted) -> None:
    told: list[int] = []
    fit = peaks.fit_peaks(counted.da, n_peaks=2, progress=lambda part: told.append(part.done))
    assert fit.chunks == {}
    assert told[-1] == 120


def test_floats_are_looked_at_in_one_chunk_first(counts: xr.DataArray) -> None:
    counted = Counted(counts.astype(float), 4)
    fit = peaks.fit_peaks(counted.da, n_peaks=2, background="shirley")
    assert counted.computed == [(1, 0, 0)]
    fit.compute()
    assert sorted(counted.computed[1:]) == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    assert fit.attrs["background_rising"] == peaks.fit_peaks(counts, n_peaks=2, background="shirley").background_rising


def test_values_below_zero_are_told_spectrum_by_spectrum(counts: xr.DataArray) -> None:
    bad = counts.astype(float)
    bad[0, 3, 7] = -2.0
    with pytest.warns(MIWidgetsWarning, match="1 spectra have values below zero"):
        # one thread: which filter of warnings a second one meets is chance
        fit = peaks.fit_peaks(bad.chunk({"y": 4}), n_peaks=2).compute(scheduler="synchronous")
    assert int(fit.status[0, 3]) == 3
    assert np.isnan(fit.center[0, 3]).all()
    assert int((fit.status == 3).sum()) == 1


def test_arrays_among_the_options_are_cut_as_the_map_is(counts: xr.DataArray) -> None:
    first = peaks.fit_peaks(counts, n_peaks=2)
    mask = xr.zeros_like(counts, dtype=bool)
    mask[:, :, 100:120] = True
    options = {"n_peaks": 2, "mask": mask, "start": first, "likelihood": "gaussian", "noise": np.sqrt(counts + 1.0)}
    lazy = peaks.fit_peaks(counts.chunk({"y": 5, "x": 5, "energy": 100}), **options).compute()
    whole = peaks.fit_peaks(counts, **options)
    for name in ("center", "center_stderr", "amplitude", "deviance", "dof"):
        np.testing.assert_allclose(lazy[name], whole[name], rtol=1e-9)


def test_shared_parameters_need_the_whole_map(counts: xr.DataArray) -> None:
    with pytest.raises(ParameterError, match=r"da\.load"):
        peaks.fit_peaks(counts.chunk({"y": 4}), n_peaks=2, shared=["fraction"])


def test_bad_options_are_refused_before_anything_is_computed(counted: Counted) -> None:
    cases: list[tuple[dict, str]] = [
        ({"lineshape": "square"}, "unknown lineshape"),
        ({"bounds": {"centre": (1, 2)}}, "unknown parameter"),
        ({"ties": {"p9_center": 3}}, "unknown parameter"),
    ]
    for options, text in cases:
        with pytest.raises(ParameterError, match=text):
            peaks.fit_peaks(counted.da, n_peaks=2, **options)
    assert not counted.computed


def test_a_line_of_spectra_and_one_spectrum(counts: xr.DataArray) -> None:
    reference: Callable[[xr.DataArray], xr.Dataset] = lambda da: peaks.fit_peaks(da, n_peaks=2)  # noqa: E731
    line = counts[:, 3]
    np.testing.assert_allclose(reference(line.chunk({"y": 3})).center, reference(line).center, rtol=1e-6)
    one = counts[2, 3]
    np.testing.assert_allclose(reference(one.chunk()).center, reference(one).center, rtol=1e-9)


def test_it_runs_on_a_distributed_cluster_as_it_is(counts: xr.DataArray) -> None:
    distributed = pytest.importorskip("distributed")
    chunked = counts.chunk({"y": 6})
    here = peaks.fit_peaks(chunked, n_peaks=2, engine="numpy").compute()
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        there = peaks.fit_peaks(chunked, n_peaks=2, engine="numpy").compute()
    xr.testing.assert_identical(there, here)


def test_a_mask_made_from_the_chunks_themselves(counts: xr.DataArray) -> None:
    chunked = counts.chunk({"y": 4, "energy": 100})
    lazy = peaks.fit_peaks(chunked, n_peaks=2, mask=chunked > 1100).compute()
    np.testing.assert_array_equal(lazy.dof, peaks.fit_peaks(counts, n_peaks=2, mask=counts > 1100).dof)
    with pytest.raises(LabelError, match="other labels along 'energy'"):
        peaks.fit_peaks(chunked, n_peaks=2, mask=(counts > 1100).assign_coords(energy=counts.energy.values + 1))
