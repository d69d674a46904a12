"""The number of peaks, the family, and the warning when no family is right."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.runs import Part

X = np.linspace(0.0, 10.0, 300)


def profile(center: np.ndarray, half: np.ndarray, share: float = 0.3) -> np.ndarray:
    """Pseudo-Voigts of height 1; `share` is the Lorentzian's of the height."""
    t = (X - center) / half
    return (1 - share) * np.exp(-np.log(2) * t**2) + share / (1 + t**2)


def some_map(k: int, counts: float, *, step: float = 0.0, separation: float = 1.5, n: int = 10) -> xr.DataArray:
    """Lines 0.9 wide on a line, or on a Shirley step."""
    rng = np.random.default_rng(100 * k + int(counts))
    middle = 5 + rng.uniform(-0.5, 0.5, (n * n, 1))
    lines = np.zeros((n * n, X.size))
    for i in range(k):
        center = middle + (i - (k - 1) / 2) * separation * 0.9
        lines += counts * rng.uniform(0.5, 1, (n * n, 1)) * profile(center, 0.45 * rng.uniform(0.9, 1.1, (n * n, 1)))
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
    assert seen[-1].done == seen[-1].total == 15
    fit = peaks.fit_peaks(da, n_peaks=1, lineshape=chosen.attrs["lineshape"], background=chosen.attrs["background"])
    np.testing.assert_allclose(fit.bic, chosen.evidence.sel(candidate=1), atol=1e-3)


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
    ],
)
def test_bad_options(options: dict[str, object], word: str) -> None:
    with pytest.raises(ParameterError, match=word):
        peaks.select_n_peaks(some_map(1, 100, n=2), **options)  # type: ignore[arg-type]


def test_labels_are_checked() -> None:
    with pytest.raises(LabelError):
        peaks.select_n_peaks(datasets.make_spectral_map(shape=(2, 2)).spectra.drop_vars("energy"))
