"""The number of peaks, the family, and the warning when no family is right."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.peaks import select
from mi_widgets.runs import Part

X = np.linspace(0.0, 10.0, 300)


def profile(center: np.ndarray, half: np.ndarray, share: float = 0.3, skew: float = 0.0) -> np.ndarray:
    """Pseudo-Voigts of height 1; `share` is the Lorentzian's of the height, `skew` makes one side wider."""
    t = (X - center) / half
    t = t / (1 + skew * np.sign(t))
    return (1 - share) * np.exp(-np.log(2) * t**2) + share / (1 + t**2)


def some_map(
    k: int,
    counts: float,
    *,
    step: float = 0.0,
    separation: float = 1.5,
    n: int = 10,
    share: float = 0.3,
    skew: float = 0.0,
) -> xr.DataArray:
    """Lines 0.9 wide on a line, or on a Shirley step."""
    rng = np.random.default_rng(100 * k + int(counts))
    middle = 5 + rng.uniform(-0.5, 0.5, (n * n, 1))
    lines = np.zeros((n * n, X.size))
    for i in range(k):
        center = middle + (i - (k - 1) / 2) * separation * 0.9
        half = 0.45 * rng.uniform(0.9, 1.1, (n * n, 1))
        lines += counts * rng.uniform(0.5, 1, (n * n, 1)) * profile(center, half, share, skew)
    slope = 0.0 if step else 0.05
    ground = 0.1 * counts * (1 + slope * X) + step * np.cumsum(lines, axis=1) * (X[1] - X[0])
    return label_spectra(rng.poisson(lines + ground).reshape(n, n, -1), X)


@pytest.mark.parametrize("counts", [100, 1000])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_number_of_peaks_on_a_line(k: int, counts: float) -> None:
    chosen = peaks.select_n_peaks(some_map(k, counts), n_peaks=range(4))
    assert float((chosen.n_peaks == k).mean()) >= 0.97
    assert chosen.attrs["family_suspect"] == 0
    if k:
        assert chosen.attrs["background"] == "linear"


def test_a_step_is_not_taken_for_a_peak() -> None:
    da = some_map(2, 1000, step=0.15)
    chosen = peaks.select_n_peaks(da, n_peaks=range(5))
    assert chosen.attrs["background"] == "shirley"
    assert float((chosen.n_peaks == 2).mean()) >= 0.97
    wrong = peaks.select_n_peaks(da, n_peaks=range(3), backgrounds=["linear"])
    assert float(wrong.family_suspect.mean()) > 0.5 or wrong.attrs["family_suspect"] == 1
    forced = peaks.select_n_peaks(da, n_peaks=range(5), backgrounds=["linear"])
    assert float((forced.n_peaks > 2).mean()) > 0.5  # why the family comes first


def test_a_wrong_shape_is_suspected() -> None:
    rng = np.random.default_rng(3)
    box = 2000 * (np.abs(X - 5) < 1.0) + 100.0
    da = label_spectra(rng.poisson(np.tile(box, (20, 1))), X)
    chosen = peaks.select_n_peaks(da, n_peaks=range(3), backgrounds=["linear"])
    assert chosen.attrs["family_suspect"] == 1
    assert float(chosen.family_suspect.mean()) > 0.9


def test_neighbours_help_at_few_counts() -> None:
    da = some_map(2, 100, separation=0.8, n=12)
    alone, pooled = (peaks.select_n_peaks(da, n_peaks=range(1, 4), backgrounds=["linear"], pool=p) for p in (1, 3))
    right = [float((c.n_peaks == 2).mean()) for c in (alone, pooled)]
    assert right[1] > max(0.95, right[0])
    xr.testing.assert_identical(alone.evidence, pooled.evidence)


def test_bic_is_told_from_aic() -> None:
    da = some_map(1, 1000, n=12)
    options = {"n_peaks": range(1, 4), "backgrounds": ["linear"]}
    counts = {}
    for name in ("bic", "aic", "aicc"):
        chosen = peaks.select_n_peaks(da, criterion=name, **options)  # type: ignore[arg-type]
        counts[name] = float((chosen.n_peaks > 1).mean())
    assert counts["bic"] <= 0.01
    assert counts["aic"] > 0.05


def test_everything_is_given_back() -> None:
    da = some_map(1, 300, n=4)
    seen: list[Part] = []
    chosen = peaks.select_n_peaks(da, n_peaks=(0, 1, 2), lineshapes=["gaussian", "pseudo-voigt"], progress=seen.append)
    assert chosen.evidence.dims == ("y", "x", "candidate")
    assert chosen.family_evidence.shape == (2, 2)
    assert np.isfinite(chosen.evidence).all()
    best = chosen.evidence.min("candidate")
    second = np.sort(chosen.evidence.values, axis=-1)[..., 1]
    np.testing.assert_allclose(chosen.margin, second - best)
    assert seen[-1].done == seen[-1].total == 16
    assert seen[-1].result.identical(chosen)
    fit = peaks.fit_peaks(da, n_peaks=1, lineshape=chosen.attrs["lineshape"], background=chosen.attrs["background"])
    np.testing.assert_allclose(fit.bic, chosen.evidence.sel(candidate=1), atol=1e-3)


@pytest.mark.parametrize("step", [0.0, 0.15])
def test_no_local_minimum_passes_for_evidence(step: float) -> None:
    """Fits that are started from the truth are not better: three peaks, 1.1 widths apart, 200 counts."""
    da = some_map(3, 200, step=step, separation=1.1, n=9)
    ground = "shirley" if step else "linear"
    chosen = peaks.select_n_peaks(da, n_peaks=range(5), backgrounds=[ground])
    rng = np.random.default_rng(100 * 3 + 200)
    middle = 5 + rng.uniform(-0.5, 0.5, (81, 1))
    center = xr.DataArray((middle + np.arange(-1, 2) * 1.1 * 0.9).reshape(9, 9, 3), dims=("y", "x", "peak"))
    true = peaks.fit_peaks(
        da, n_peaks=3, background=ground, start={"center": center, "sigma": 0.45, "amplitude": 150.0, "fraction": 0.4}
    )
    worse = chosen.evidence.sel(candidate=3) > true.bic + 0.5
    assert float(worse.mean()) <= 0.02
    assert float((chosen.n_peaks == 3).mean()) >= 0.98


def test_a_better_family_that_was_not_offered_is_named() -> None:
    """With enough spurious peaks the residuals are good all the same."""
    on_a_step = peaks.select_n_peaks(some_map(2, 300, step=0.15, n=7), n_peaks=range(5), backgrounds=["linear"])
    assert on_a_step.attrs["family_suspect"] == 1
    assert on_a_step.attrs["better_family"] == "pseudo-voigt, shirley"
    options = {"backgrounds": ["linear"], "n_peaks": range(4)}
    da = some_map(1, 1000, share=1.0, n=7)
    thin = peaks.select_n_peaks(da, lineshapes=["gaussian"], **options)
    assert thin.attrs["family_suspect"] == 1
    assert thin.attrs["better_family"] == "pseudo-voigt, linear"
    right = peaks.select_n_peaks(da, lineshapes=["gaussian", "lorentzian"], **options)
    assert (right.attrs["lineshape"], right.attrs["family_suspect"], right.attrs["better_family"]) == (
        "lorentzian",
        0,
        "",
    )
    assert float(right.family_suspect.mean()) <= 0.02


def test_a_simpler_family_is_no_better_one() -> None:
    """A parabola offered for a line is right, only more than is needed."""
    chosen = peaks.select_n_peaks(some_map(2, 1000, n=5), n_peaks=range(1, 4), backgrounds=["quadratic"])
    assert float((chosen.n_peaks == 2).mean()) >= 0.95
    assert (chosen.attrs["family_suspect"], chosen.attrs["better_family"]) == (0, "")


def test_lopsided_lines_are_one_peak_each() -> None:
    da = some_map(2, 2000, skew=0.15, n=6)
    offered = ["pseudo-voigt", "asymmetric-pseudo-voigt"]
    chosen = peaks.select_n_peaks(da, n_peaks=range(1, 5), backgrounds=["linear"], lineshapes=offered)
    assert chosen.attrs["lineshape"] == "asymmetric-pseudo-voigt"
    assert float((chosen.n_peaks == 2).mean()) >= 0.97
    assert chosen.attrs["family_suspect"] == 0


def test_hopeless_numbers_can_be_left_out() -> None:
    da = some_map(1, 300, n=7)
    whole, part = (peaks.select_n_peaks(da, backgrounds=["linear"], complete=c) for c in (True, False))
    xr.testing.assert_equal(whole.n_peaks, part.n_peaks)
    assert np.isfinite(whole.evidence).all()
    left_out = np.isnan(part.evidence).mean(("y", "x"))
    assert (left_out.values[:3] == 0).all()
    assert left_out.values[-1] > 0.8
    assert np.isfinite(part.margin).all()


@pytest.mark.parametrize("noise", [5.0, None])
def test_noise_that_is_not_of_counts(noise: float | None) -> None:
    clean = some_map(2, 1e9, n=6) / 1e6
    da = clean + np.random.default_rng(1).normal(0, 5.0, clean.shape)
    options = {"n_peaks": range(1, 4), "backgrounds": ["linear"]}
    chosen = peaks.select_n_peaks(da, likelihood="gaussian", noise=noise, **options)
    assert float((chosen.n_peaks == 2).mean()) >= 0.97
    assert chosen.attrs["family_suspect"] == 0


def test_counts_of_a_detector_with_a_gain() -> None:
    da = some_map(2, 300, n=6) * 20.0
    options = {"n_peaks": range(1, 5), "backgrounds": ["linear"]}
    chosen = peaks.select_n_peaks(da, noise="auto", **options)
    assert float((chosen.n_peaks == 2).mean()) >= 0.97
    assert float(chosen.family_suspect.mean()) <= 0.03
    believed = peaks.select_n_peaks(da, **options)  # a gain of 20 taken for counts: noise becomes peaks
    assert float((believed.n_peaks > 2).mean()) > 0.5
    assert float(believed.family_suspect.mean()) > 0.5


def test_parts_can_be_watched_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from mi_widgets.peaks._select import parts as _select_parts
    from mi_widgets.peaks._select import run as _select_run

    monkeypatch.setattr(_select_parts, "PART_SECONDS", -1.0)
    monkeypatch.setattr(_select_parts, "COPY_SHARE", np.inf)
    monkeypatch.setattr(_select_run, "SHARE", {"numba": 16, "numpy": 16})
    monkeypatch.setattr(_select_run, "block_size", lambda *_, **__: 16)
    da = some_map(1, 300, n=12)
    options = {"n_peaks": range(3), "backgrounds": ["linear"]}
    parts = list(select.iter_select_n_peaks(da, **options))
    assert [p.done for p in parts] == sorted(p.done for p in parts)
    assert parts[0].done == 0
    assert (parts[0].result.n_peaks == -1).all()
    assert parts[-1].done == parts[-1].total == 144
    assert np.sort(np.concatenate([p.index for p in parts])).tolist() == list(range(144))
    half = next(p for p in parts if 0 < p.done < 144)
    new = half.result.evidence.values.reshape(144, -1)
    assert np.isfinite(new).all(axis=1).sum() == half.done
    known = half.result.n_peaks.values >= 0
    np.testing.assert_array_equal(half.result.n_peaks.values[known], parts[-1].result.n_peaks.values[known])
    assert parts[-1].message == "done"


def test_chunks_are_read_once_to_look_and_once_to_count() -> None:
    pytest.importorskip("dask")
    da = some_map(2, 300, n=8)
    read: list[tuple[int, ...]] = []

    def count(block: np.ndarray, block_info: dict | None = None) -> np.ndarray:
        read.append(tuple(block_info[None]["chunk-location"]))
        return block

    chunked = da.chunk({"y": 3, "x": 4, "energy": 150})
    counted = chunked.copy(data=chunked.data.map_blocks(count, dtype=da.dtype, meta=da.values[:0]))
    options = {"n_peaks": range(4), "backgrounds": ["linear"]}
    parts = select.iter_select_n_peaks(counted, **options)
    assert not read
    lazy = parts.run_to_end()
    times = np.unique(read, axis=0, return_counts=True)[1]
    assert times.size == 12
    assert (times <= 2).all()
    whole = peaks.select_n_peaks(da, **options)
    xr.testing.assert_equal(lazy.n_peaks, whole.n_peaks)
    np.testing.assert_allclose(lazy.evidence.sel(candidate=2), whole.evidence.sel(candidate=2), atol=1e-2)


def test_chunks_with_values_below_zero() -> None:
    pytest.importorskip("dask")
    da = some_map(1, 300, n=4).astype(float)
    da[3, 3, 5] = -1.0
    options = {"n_peaks": range(3), "backgrounds": ["linear"]}
    with pytest.warns(MIWidgetsWarning, match="1 of 16 spectra have values below zero"):
        lazy = peaks.select_n_peaks(da.chunk({str(da.dims[0]): 2}), **options)
    with pytest.warns(MIWidgetsWarning, match="1 of 16 spectra"):
        whole = peaks.select_n_peaks(da, **options)
    xr.testing.assert_equal(lazy.n_peaks, whole.n_peaks)


def test_one_spectrum_gaps_and_too_few_channels() -> None:
    da = some_map(1, 1000, n=3).astype(float)
    assert int(peaks.select_n_peaks(da[1, 1], n_peaks=range(4), backgrounds=["linear"]).n_peaks) == 1
    da[0, 0, ::3] = np.nan
    da[0, 1, 12:] = np.nan
    chosen = peaks.select_n_peaks(da, n_peaks=range(4), backgrounds=["linear"])
    assert int(chosen.n_peaks[0, 0]) == 1
    assert np.isnan(chosen.evidence[0, 1].sel(candidate=3))
    assert int(chosen.n_peaks[0, 1]) >= 0


def test_it_goes_through_a_file(tmp_path: Path) -> None:
    chosen = peaks.select_n_peaks(some_map(1, 300, n=3), n_peaks=range(3), backgrounds=["linear"])
    chosen.to_netcdf(tmp_path / "chosen.nc", engine="h5netcdf")
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "chosen.nc", engine="h5netcdf"), chosen)


def test_spectra_without_data() -> None:
    da = some_map(1, 300, n=4).astype(float)
    da[1, 2] = np.nan
    chosen = peaks.select_n_peaks(da, n_peaks=range(3))
    assert int(chosen.n_peaks[1, 2]) == -1
    assert np.isnan(chosen.margin[1, 2])
    with pytest.raises(DataError, match="no spectrum has any data"):
        peaks.select_n_peaks(da * 0)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"n_peaks": []}, "whole numbers"),
        ({"n_peaks": [-1, 2]}, "whole numbers"),
        ({"n_peaks": 3}, "range"),
        ({"criterion": "BIC"}, "'bic'"),
        ({"pool": 2}, "odd"),
        ({"pool": "3"}, "odd"),
        ({"lineshapes": ["box"]}, "'box'"),
        ({"backgrounds": []}, "at least one"),
        ({"lineshapes": "voigt"}, "as a list"),
        ({"engine": "gpu"}, "'gpu'"),
    ],
)
def test_bad_options(options: dict[str, object], word: str) -> None:
    with pytest.raises(ParameterError, match=word):
        peaks.select_n_peaks(some_map(1, 100, n=2), **options)  # type: ignore[arg-type]


def test_labels_are_checked() -> None:
    with pytest.raises(LabelError):
        peaks.select_n_peaks(datasets.make_spectral_map(shape=(2, 2)).spectra.drop_vars("energy"))
