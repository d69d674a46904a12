"""Backgrounds, mixed line shapes and ties, on data made by their own equations."""

import lmfit
import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._ties import parse_ties

E = np.linspace(280.0, 290.0, 400)


def pseudo_voigt(area: np.ndarray, center: np.ndarray, half: float, share: float) -> np.ndarray:
    t = (E - center) / half
    gaussian = np.sqrt(np.log(2) / np.pi) * np.exp(-np.log(2) * t**2)
    return area / half * ((1 - share) * gaussian + share / np.pi / (1 + t**2))


@pytest.fixture(scope="module")
def shirley() -> tuple[xr.DataArray, np.ndarray]:
    """Three lines at 10,000 counts on a Shirley background of a quarter of the height, and their areas."""
    rng = np.random.default_rng(1)
    n = 400
    centers = np.array([282.8, 285.0, 287.2]) + rng.uniform(-0.3, 0.3, (n, 1)) + rng.uniform(-0.1, 0.1, (n, 3))
    areas = 1e4 * np.array([0.8, 1.0, 0.6]) * rng.uniform(0.8, 1.2, (n, 3))
    lines = sum(pseudo_voigt(areas[:, k, None], centers[:, k, None], 0.42, 0.3) for k in range(3))
    step = np.cumsum(lines, axis=1) * (E[1] - E[0])
    expected = lines + 1000 + 0.1 * step
    return label_spectra(rng.poisson(expected).reshape(20, 20, -1), E), areas.reshape(20, 20, 3)


@pytest.mark.parametrize("turned", [False, True])
def test_active_shirley_is_not_biased(shirley: tuple[xr.DataArray, np.ndarray], turned: bool) -> None:
    da, areas = shirley
    if turned:  # as on a kinetic energy axis: the step is on the other side
        da = label_spectra(da.values[..., ::-1], 1486.6 - E[::-1])
        areas = areas[..., ::-1]
    fit = peaks.fit_peaks(da, n_peaks=3, background="shirley")
    error = fit.amplitude.values / areas - 1
    assert np.sqrt((error**2).mean()) < 0.009
    assert abs(error.mean()) < 0.001
    assert float(fit.background_step.mean()) == pytest.approx(0.1, abs=0.002)
    assert fit.background_step.attrs["units"] == "1/eV"
    z = (fit.background_step - 0.1) / fit.background_step_stderr
    assert 0.6 < float((np.abs(z) < 1).mean()) < 0.76
    linear = peaks.fit_peaks(da, n_peaks=3, background="linear")
    assert np.abs(linear.amplitude.values / areas - 1).mean() > 0.03  # what the right background is for
    assert float(linear.reduced_deviance.mean()) > 1.5


def test_shirley_goes_to_lmfit_and_to_curves(shirley: tuple[xr.DataArray, np.ndarray]) -> None:
    da = shirley[0][:3, :3]
    fit = peaks.fit_peaks(da, n_peaks=3, background="shirley")
    result = peaks.to_lmfit(fit, da, y=1, x=1)
    assert result.params["background_step"].value == pytest.approx(float(fit.background_step[1, 1]), rel=1e-3)
    assert result.params["background_step"].stderr == pytest.approx(float(fit.background_step_stderr[1, 1]), rel=0.05)
    up, down = peaks.evaluate(fit, da), peaks.evaluate(fit, da[..., ::-1])
    xr.testing.assert_allclose(up.best_fit, down.best_fit.sortby("energy"))


@pytest.mark.parametrize("background", ["quadratic", "exponential"])
def test_curved_backgrounds(background: str) -> None:
    rng = np.random.default_rng(2)
    t = (E - E[0]) / (E[-1] - E[0])
    ground = 900 * np.exp(-1.5 * t) if background == "exponential" else 300 + 800 * t * (1 - t)
    line = pseudo_voigt(np.array(800.0), np.array(285.0), 0.5, 0.2)
    da = label_spectra(rng.poisson(ground + line, (400, E.size)), E)
    fit = peaks.fit_peaks(da, n_peaks=1, background=background)
    assert float(fit.reduced_deviance.mean()) == pytest.approx(1, abs=0.02)
    assert float(fit.amplitude.mean()) == pytest.approx(800, abs=4 * float(fit.amplitude_stderr.mean()) / 20)
    assert float(fit.background_left.mean()) == pytest.approx(ground[0], rel=0.02)
    assert float(fit.background_right.mean()) == pytest.approx(ground[-1], rel=0.02)


def test_voigt_against_lmfit() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(2, 2), counts=20000, n_channels=200, seed=6)
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2, lineshape="voigt")
    result = peaks.to_lmfit(fit, ds.spectra, y=ds.y[0], x=ds.x[1])
    for name in ("amplitude", "center", "sigma", "gamma", "fwhm", "height"):
        theirs = result.params[f"p1_{name}"]
        ours, error = float(fit[name][0, 1, 1]), float(fit[f"{name}_stderr"][0, 1, 1])
        assert abs(ours - theirs.value) < 0.1 * theirs.stderr, name
        assert error == pytest.approx(theirs.stderr, rel=0.05), name


def test_unlike_peaks_find_their_places() -> None:
    ds = datasets.make_spectral_map(preset="separated", lineshape="lorentzian", shape=(6, 6), seed=3)
    narrow = pseudo_voigt(np.array(600.0), np.array(288.5), 0.2, 0.0)
    da = (ds.expected + narrow).assign_attrs(ds.spectra.attrs)
    fit = peaks.fit_peaks(da, lineshape=["gaussian", "lorentzian", "lorentzian"], likelihood="gaussian", noise=5.0)
    np.testing.assert_allclose(fit.center[..., 0], 288.5, atol=0.01)
    assert float(fit.reduced_deviance.max()) < 0.01
    mixed = peaks.fit_peaks(ds.spectra, lineshape=["pseudo-voigt", "lorentzian"])
    assert np.isnan(mixed.fraction[..., 1]).all()
    assert np.isfinite(mixed.fraction[..., 0]).all()


def test_a_doublet_is_tied_over_the_map() -> None:
    rng = np.random.default_rng(4)
    center = 284.0 + np.linspace(-1.5, 0.5, 100)[:, None]
    lines = pseudo_voigt(np.array(500.0), center, 0.4, 0.2) + pseudo_voigt(np.array(250.0), center + 3.67, 0.4, 0.2)
    da = label_spectra(rng.poisson(lines + 20), E)
    ties = {"p1_center": "p0_center + 3.67", "p1_amplitude": "p0_amplitude / 2", "sigma": "equal", "fraction": "equal"}
    tied, free = (peaks.fit_peaks(da, n_peaks=2, ties=t) for t in (ties, None))
    np.testing.assert_allclose(tied.center[:, 1] - tied.center[:, 0], 3.67, atol=1e-9)
    np.testing.assert_allclose(tied.amplitude[:, 1], tied.amplitude[:, 0] / 2, rtol=1e-9)
    np.testing.assert_allclose(tied.sigma[:, 1], tied.sigma[:, 0], rtol=1e-12)
    np.testing.assert_allclose(tied.center[:, 0], center[:, 0], atol=0.1)
    assert (tied.center_stderr[:, 0] < free.center_stderr[:, 0]).all()  # what is known helps
    assert int(tied.dof[0]) == int(free.dof[0]) + 4
    z = (tied.center[:, 0] - center[:, 0]) / tied.center_stderr[:, 0]
    assert float(np.abs(z).max()) < 4.5
    held = peaks.fit_peaks(da, n_peaks=2, ties={"p0_fraction": 0.2, "p1_fraction": 0.2})
    assert (held.fraction == 0.2).all()
    assert (held.fraction_stderr == 0).all()


def test_ties_are_read_and_not_run() -> None:
    model = Model(("gaussian", "gaussian", "gaussian"), "none")
    ties = parse_ties({"p2_center": "-(p1_center - 2) * 3 / 2", "p1_center": "p0_center + 1"}, model)
    assert ties is not None
    a = model.names.index("p2_center")
    assert ties.owner[a] == model.names.index("p0_center")
    assert (ties.factor[a], ties.offset[a]) == (-1.5, 1.5)


@pytest.mark.parametrize(
    ("ties", "words"),
    [
        ({"p1_centre": 3}, ("'p1_centre'", "p1_center")),
        ({"p1_center": "p0_centre"}, ("'p0_centre'", "p0_center")),
        ({"p1_center": "p0_center + p0_sigma"}, ("one parameter",)),
        ({"p1_center": "p0_center ** 2"}, ("one parameter",)),
        ({"p1_center": "__import__('os').system('touch pwned')"}, ("one parameter",)),
        ({"p1_center": "p0_center +"}, ("'p0_center +'",)),
        ({"p1_center": "p0_center", "p0_center": "p1_center"}, ("circle",)),
        ({"p1_center": True}, ("must be a number",)),
        ({"p1_center": "p0_center + 50"}, ("no value for 'p0_center'",)),
        ({"center": "p0_center"}, ("'equal'",)),
    ],
)
def test_ties_that_cannot_be(ties: dict[str, object], words: tuple[str, ...]) -> None:
    spectra = datasets.make_spectral_map(shape=(2, 2), seed=1).spectra
    with pytest.raises(ParameterError) as raised:
        peaks.fit_peaks(spectra, n_peaks=2, ties=ties)
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lineshape": ["gaussian", "voight"]}, ("'voight'",)),
        ({"lineshape": ["gaussian", "voigt"], "n_peaks": 3}, ("lists 2 peaks", "n_peaks is 3")),
        ({"lineshape": []}, ("lists 0 peaks",)),
    ],
)
def test_lists_of_line_shapes(options: dict[str, object], words: tuple[str, ...]) -> None:
    spectra = datasets.make_spectral_map(shape=(2, 2), seed=1).spectra
    with pytest.raises(ParameterError) as raised:
        peaks.fit_peaks(spectra, **options)  # type: ignore[arg-type]
    for word in words:
        assert word in str(raised.value)


def test_a_part_of_the_axis_shows_the_same_step(shirley: tuple[xr.DataArray, np.ndarray]) -> None:
    da = shirley[0][:2, :2]
    fit = peaks.fit_peaks(da, n_peaks=3, background="shirley")
    whole, part, point = (peaks.evaluate(fit, x) for x in (da.energy, da.energy[150:250], da.energy[200:201]))
    np.testing.assert_allclose(part.best_fit, whole.best_fit[..., 150:250], rtol=2e-3)
    np.testing.assert_allclose(point.best_fit, whole.best_fit[..., 200:201], rtol=2e-3)


def test_ties_go_to_lmfit() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(2, 2), counts=5000, seed=9)
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2, ties={"p1_center": "p0_center + 3.0", "sigma": "equal"})
    result = peaks.to_lmfit(fit, ds.spectra, y=ds.y[0], x=ds.x[0])
    assert result.params["p1_center"].expr == "p0_center + 3.0"
    assert result.params["p1_sigma"].value == result.params["p0_sigma"].value
    assert result.params["p0_center"].stderr == pytest.approx(float(fit.center_stderr[0, 0, 0]), rel=0.05)


TRUTH = [
    ("asymmetric-pseudo-voigt", "linear", 1000),
    ("doniach", "linear", 3000),
    ("pseudo-voigt", "shirley", 1000),
    ("pseudo-voigt", "tougaard", 5000),
    ("pseudo-voigt", "tougaard-u3", 5000),
    ("doniach", "tougaard", 5000),
]


@pytest.mark.parametrize(("lineshape", "background", "counts"), TRUTH)
def test_truth_is_found_without_starts(lineshape: str, background: str, counts: float) -> None:
    """Each parameter scatters about its true value as its standard error says, and that is the Cramer-Rao bound."""
    ds = datasets.make_spectral_map(
        preset="separated", shape=(12, 12), counts=counts, lineshape=lineshape, background=background, seed=5,
        n_channels=200,
    )  # fmt: skip
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2, lineshape=lineshape, background=background)
    assert (fit.status == 0).all()
    assert float(fit.reduced_deviance.mean()) == pytest.approx(1, abs=0.03)
    bound = datasets.cramer_rao_bound(ds)
    assert {str(n).removesuffix("_stderr") for n in bound} <= set(map(str, fit.data_vars))
    for name in bound:
        value = str(name).removesuffix("_stderr")
        z = ((fit[value] - ds[f"true_{value}"]) / fit[name]).values
        z = z.reshape(144, -1)
        assert (np.abs(z.mean(axis=0)) < 4 / 12).all(), value
        assert (np.abs((z**2).mean(axis=0) - 1) < 0.6).all(), value
        np.testing.assert_allclose(np.median(fit[name] / bound[name]), 1, rtol=0.03, err_msg=value)
        assert fit[name].attrs["units"] == bound[name].attrs["units"], value


def test_the_tail_may_be_on_either_side() -> None:
    """Gamma above zero is lmfit's: the tail towards low energy. Below zero it is towards high energy."""
    for asymmetry in (0.2, -0.2):
        ds = datasets.make_spectral_map(
            preset="separated", shape=(4, 4), counts=5000, lineshape="doniach", asymmetry=asymmetry, n_channels=200
        )
        fit = peaks.fit_peaks(ds.spectra, n_peaks=2, lineshape="doniach")
        np.testing.assert_allclose(fit.gamma, -asymmetry, atol=0.06)
        assert fit.gamma.attrs == {"units": "1", "long_name": "Doniach-Sunjic asymmetry"}


def test_asymmetric_lines_are_those_of_lmfit() -> None:
    ds = datasets.make_spectral_map(
        preset="separated", shape=(1, 2), counts=1e5, lineshape="asymmetric-pseudo-voigt", n_peaks=1, n_channels=200
    )
    fit = peaks.fit_peaks(ds.spectra, lineshape="asymmetric-pseudo-voigt", ties={"p0_fraction": 1.0})
    one = fit.isel(y=0, x=1, peak=0)
    ours = peaks.evaluate(fit, ds.energy).components[0, 1, 0]
    model = lmfit.models.SplitLorentzianModel()
    sigma, skew = float(one.sigma), float(one.asymmetry)
    params = model.make_params(
        amplitude=float(one.amplitude), center=float(one.center), sigma=sigma * (1 - skew), sigma_r=sigma * (1 + skew)
    )
    np.testing.assert_allclose(ours, model.eval(params, x=ds.energy.values), rtol=1e-9)
    assert float(one.fwhm) == pytest.approx(params["fwhm"].value)
    assert float(one.height) == pytest.approx(params["height"].value)
    held = peaks.fit_peaks(ds.spectra, lineshape="asymmetric-pseudo-voigt", bounds={"asymmetry": (0, 0)})
    plain = peaks.fit_peaks(ds.spectra, lineshape="pseudo-voigt")
    for name in plain.data_vars:
        np.testing.assert_allclose(held[name], plain[name], rtol=1e-6, err_msg=str(name))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("background", ["tougaard", "tougaard-u3"])
def test_constants_of_tougaard_are_held_until_bounds_free_them(background: str, turned: bool) -> None:
    """With losses of some 2 eV, which a window of 10 eV can tell, unlike those of most solids."""
    rng, c, d = np.random.default_rng(7), 4.0, 3.0
    x = E[::2]
    lines = np.interp(x, E, pseudo_voigt(np.array(4e4), np.array(282.5), 0.4, 0.3))
    loss = np.maximum(x[:, None] - x, 0)
    den = (c + loss**2) ** 2 if background == "tougaard" else (c - loss**2) ** 2 + d * loss**2
    whole = np.linalg.solve(np.eye(x.size) - 1.5 * loss / den * (x[1] - x[0]), lines)
    y = rng.poisson(whole + 500, (64, x.size))
    da = label_spectra(y[:, ::-1], 1486.6 - x[::-1]) if turned else label_spectra(y, x)
    free = dict.fromkeys(("background_c", "background_d")[: 1 if background == "tougaard" else 2], (0.5, 50))
    fit = peaks.fit_peaks(da, n_peaks=1, background=background, bounds=free)
    assert (fit.status == 0).all()
    for name, truth in {"background_b": 1.5, "background_c": c, "background_d": d, "amplitude": 4e4}.items():
        if name in fit:
            z = ((fit[name] - truth) / fit[f"{name}_stderr"]).values
            assert abs(z.mean()) < 0.5, name
            assert z.std() == pytest.approx(1, abs=0.35), name
    held = peaks.fit_peaks(da[:4], n_peaks=1, background=background)
    assert (held.background_c == (1643 if background == "tougaard" else 551)).all()
    assert (held.background_c_stderr == 0).all()
    assert (held.dof == fit.dof[:4] + len(free)).all()
    assert float(held.reduced_deviance.min()) > 2


def test_constants_in_electronvolts_are_for_axes_in_electronvolts() -> None:
    model = Model(("gaussian",), "tougaard-u3")
    model.require_units("eV", ())
    model.require_units("meV", ("background_c", "background_d"))
    with pytest.raises(ParameterError, match=r"'background_d' in eV² only.*bounds=\{'background_d': \(low, high\)\}"):
        model.require_units("meV", ("background_c",))
    Model(("gaussian",), "shirley").require_units("1/cm", ())
