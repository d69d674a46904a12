"""Expectation maximisation: the likelihood grows at every step, and the end is where it should be."""

import numpy as np
import pytest

from mi_widgets import datasets, peaks
from mi_widgets.errors import DataError, ParameterError


@pytest.mark.parametrize("background", ["none", "constant", "linear"])
@pytest.mark.parametrize("lineshape", ["gaussian", "lorentzian", "pseudo-voigt"])
def test_likelihood_never_falls(lineshape: str, background: str) -> None:
    ds = datasets.make_spectral_map(preset="overlap", lineshape=lineshape, shape=(4, 4), counts=300, seed=5)
    steps = [
        part.result.log_likelihood.values
        for part in peaks.iter_em(ds.spectra, n_peaks=2, lineshape=lineshape, background=background, n_steps=80, tol=0)
    ]
    assert len(steps) == 81
    gain = np.diff(steps, axis=0)
    assert gain.min() >= -1e-9 * np.abs(steps[0]).max()
    assert gain[0].min() > 0


def test_gaussians_end_at_the_maximum() -> None:
    ds = datasets.make_spectral_map(preset="separated", lineshape="gaussian", shape=(5, 5), counts=1000, seed=6)
    parts = list(peaks.iter_em(ds.spectra, n_peaks=2, lineshape="gaussian", tol=1e-12, n_steps=500))
    end = parts[-1].result.sortby(parts[-1].result.center.mean(("y", "x")))
    assert parts[-1].done < 500, "stopped by its own tolerance"
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2, lineshape="gaussian")
    for name in ("center", "sigma", "amplitude"):
        off = np.abs(end[name].values - fit[name].values) / fit[f"{name}_stderr"].values
        assert off.max() < 0.05, name
    curves = peaks.evaluate(end, ds.spectra)
    assert float(curves.residual_normalized.std()) == pytest.approx(1, abs=0.03)


def test_work_does_not_depend_on_counts() -> None:
    steps = []
    for counts in (100, 100000):
        ds = datasets.make_spectral_map(preset="separated", shape=(3, 3), counts=counts, seed=7)
        steps.append(len(list(peaks.iter_em(ds.spectra, n_peaks=2, n_steps=400, tol=1e-7))))
    assert 0.5 < steps[0] / steps[1] < 2


def test_starts_are_honoured_and_bounds_hold() -> None:
    spectrum = datasets.make_spectral_map(preset="separated", shape=(1, 1), seed=8).spectra[0, 0]
    first = next(iter(peaks.iter_em(spectrum, n_peaks=2, start={"center": [286.0, 283.5]})))
    np.testing.assert_array_equal(first.result.center, [286.0, 283.5])
    last = list(peaks.iter_em(spectrum, n_peaks=2, bounds={"sigma": (None, 0.3)}, n_steps=30))[-1]
    assert float(last.result.sigma.max()) <= 0.3


def test_what_it_cannot_do_is_said() -> None:
    ds = datasets.make_spectral_map(shape=(2, 2), seed=1)
    with pytest.raises(ParameterError, match="Use fit_peaks"):
        peaks.iter_em(ds.spectra, lineshape="voigt")
    with pytest.raises(DataError, match="without gaps or negative"):
        peaks.iter_em(ds.spectra.where(ds.energy > 282))
    with pytest.raises(DataError, match="up to 4096"):
        peaks.iter_em(datasets.make_spectral_map(shape=(65, 64), seed=1).spectra)
