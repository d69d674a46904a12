"""Synthetic maps carry their truth, bundled data are what their recipe makes, fetched data are what was registered."""

import hashlib
import http.server
import json
import runpy
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pint
import pytest
import xarray as xr
from lmfit.lineshapes import doniach
from lmfit.models import GaussianModel, LinearModel, LorentzianModel, PseudoVoigtModel
from scipy.integrate import quad

from mi_widgets import datasets
from mi_widgets._share import share_path
from mi_widgets.datasets import _fetch, _registry
from mi_widgets.errors import DataError, DownloadError, LabelError, MIWidgetsError, ParameterError

MODELS = {"pseudo-voigt": PseudoVoigtModel, "gaussian": GaussianModel, "lorentzian": LorentzianModel}
PER_PEAK = ["amplitude", "center", "sigma", "fwhm", "height"]


# --- make_spectral_map


@pytest.mark.parametrize("lineshape", list(MODELS))
@pytest.mark.parametrize("preset", ["transistor", "separated", "overlap"])
def test_expected_is_what_lmfit_makes_of_the_truth(preset, lineshape):
    ds = datasets.make_spectral_map(shape=(2, 3), n_channels=50, preset=preset, lineshape=lineshape, drift=0.4)
    x = ds.energy.values
    for y in range(2):
        p = ds.isel(y=y, x=2)
        left, right = float(p.true_background_left), float(p.true_background_right)
        slope = (right - left) / (x[-1] - x[0])
        total = LinearModel().eval(x=x, slope=slope, intercept=left - slope * x[0])
        for k in range(2):
            model = MODELS[lineshape]()
            values = {n: float(p[f"true_{n}"][k]) for n in model.param_names if f"true_{n}" in p}
            params = model.make_params(**values)
            total = total + model.eval(params, x=x)
            for derived in ("fwhm", "height"):
                assert params[derived].value == pytest.approx(float(p[f"true_{derived}"][k]), rel=1e-5)
        np.testing.assert_allclose(p.expected, total, rtol=1e-12)


def test_noise_is_poisson():
    ds = datasets.make_spectral_map(shape=(24, 24), counts=300)
    z = (ds.spectra - ds.expected) / np.sqrt(ds.expected)
    n = z.size
    assert abs(float(z.mean())) < 4 / np.sqrt(n)
    assert abs(float((z**2).mean()) - 1) < 4 * np.sqrt(2 / n) + 0.01
    assert (ds.spectra == ds.spectra.round()).all()
    quiet = datasets.make_spectral_map(shape=(3, 3), noise=False)
    xr.testing.assert_equal(quiet.spectra, quiet.expected.rename("spectra"))


def test_same_seed_same_map_and_fields_do_not_depend_on_counts_or_channels():
    a, b = (datasets.make_spectral_map(shape=(6, 5), seed=3) for _ in range(2))
    xr.testing.assert_identical(a, b)
    c = datasets.make_spectral_map(shape=(6, 5), seed=3, counts=50, n_channels=40)
    xr.testing.assert_identical(a.true_center, c.true_center)
    np.testing.assert_allclose(a.true_height / 20, c.true_height)
    assert not a.true_center.equals(datasets.make_spectral_map(shape=(6, 5), seed=4).true_center)
    rng = datasets.make_spectral_map(shape=(6, 5), seed=np.random.default_rng(3))
    xr.testing.assert_equal(a, rng)
    assert datasets.make_spectral_map(shape=(2, 2), seed=None).spectra.shape == (2, 2, 161)


def test_labels_units_and_attributes(tmp_path):
    ds = datasets.make_spectral_map(shape=(4, 3), seed=np.int64(1))
    assert ds.spectra.dims == ("y", "x", "energy")
    assert ds.true_center.dims == ("y", "x", "peak")
    assert ds.energy.attrs == {"units": "eV", "long_name": "binding energy"}
    registry = pint.UnitRegistry()
    for name, variable in ds.variables.items():
        assert variable.attrs["long_name"], name
        registry.Unit(variable.attrs["units"])
    assert registry.Unit(ds.true_amplitude.attrs["units"]) == registry.Unit("eV * count")
    history = json.loads(ds.attrs["history"])
    again = datasets.make_spectral_map(**history["parameters"])
    xr.testing.assert_identical(ds, again)
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(ds, back.load())


def test_the_transistor_has_contacts_a_channel_and_a_charge_transfer_region():
    ds = datasets.make_spectral_map(seed=1)
    center = ds.true_center.isel(peak=0).mean("y")
    source, channel, drain = (float(center.sel(x=x, method="nearest")) for x in (0.5, 3.2, 5.9))
    assert source > channel + 0.15
    assert drain < channel - 0.05
    # leaving the contact the shift falls to 1/e in 0.5 um, and nowhere jumps
    edge = 0.27 * 6.4
    inside = center.sel(x=slice(edge + 0.3, edge + 1.3)) - channel
    assert 0.5 < float(inside[5] / inside[0]) / np.exp(-1) < 2
    assert float(np.abs(ds.true_center.diff("x")).max()) < 0.1
    height = ds.true_height.mean("y").isel(peak=0)
    assert float(height.sel(x=3.2, method="nearest")) > 1.5 * float(height.sel(x=0.5, method="nearest"))


def test_benchmark_presets_are_what_they_say():
    far = datasets.make_spectral_map(preset="separated", shape=(32, 32), n_channels=400)
    near = datasets.make_spectral_map(preset="overlap", shape=(32, 32), n_channels=400)
    for ds, low, high in ((far, 2.7, 4.0), (near, 0.8, 1.2)):
        apart = ds.true_center.diff("peak").squeeze("peak") / ds.true_fwhm.isel(peak=0)
        assert low < float(apart.median()) < high
        assert np.ptp(ds.energy.values) == pytest.approx(10)
    drifted = datasets.make_spectral_map(preset="overlap", shape=(32, 32), drift=2.0, n_channels=400)
    shift = drifted.true_center - near.true_center
    assert float(np.abs(shift).max()) == pytest.approx(2.0)
    np.testing.assert_allclose(shift[..., 0], shift[..., 1], atol=1e-9)
    assert float(shift.max() - shift.min()) > 2  # over two widths within the map


@pytest.mark.parametrize("preset", ["transistor", "separated", "overlap"])
def test_peaks_keep_their_order_whatever_their_number(preset):
    for n_peaks in (1, 2, 3):
        ds = datasets.make_spectral_map(shape=(16, 16), preset=preset, n_peaks=n_peaks)
        assert ds.sizes["peak"] == n_peaks
        assert (ds.true_center.diff("peak") > 0).all()
        assert (ds.expected > 0).all()
    close = datasets.make_spectral_map(shape=(16, 16), preset=preset, n_peaks=4, separation=0.1)
    assert (close.true_center.diff("peak") > 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1)])
def test_thin_maps(shape):
    ds = datasets.make_spectral_map(shape=shape, drift=0.5)
    assert ds.spectra.shape[:2] == shape
    assert np.isfinite(ds.spectra).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shape": (0, 4)}, r"shape\[0\] must be a whole number of at least 1; got 0"),
        ({"shape": 64}, "shape must be"),
        ({"shape": (4.5, 4)}, "whole number"),
        ({"n_channels": 3}, "n_channels must be a whole number of at least 8"),
        ({"counts": -1}, "counts must be a positive number"),
        ({"counts": "many"}, "counts must be a positive number"),
        ({"counts": np.nan}, "counts must be"),
        ({"preset": "graphene"}, "preset must be one of 'transistor', 'separated', 'overlap'; got 'graphene'"),
        ({"lineshape": "voigt"}, "lineshape must be one of"),
        ({"background": "none"}, "background must be one of 'linear', 'shirley'"),
        ({"asymmetry": 0.2}, "pseudo-voigt peaks have no asymmetry"),
        ({"asymmetry": 1, "lineshape": "doniach"}, "asymmetry must be between -0.45 and 0.45; got 1"),
        ({"asymmetry": "a lot", "lineshape": "doniach"}, "asymmetry must be between"),
        ({"n_peaks": 0}, "n_peaks"),
        ({"n_peaks": 9}, "n_peaks must be 1 to 8; got 9"),
        ({"separation": 0}, "separation must be a positive number"),
        ({"drift": -0.1}, "drift must be zero or a positive number"),
        ({"drift": 50.0}, "outside the window of 281 to 289 eV. Lower drift"),
        ({"pixel_size": 0}, "pixel_size"),
    ],
)
def test_bad_options_are_named(options, text):
    with pytest.raises(ParameterError, match=text):
        datasets.make_spectral_map(**options)


def test_asymmetric_peaks_are_broader_on_one_side():
    options = {"preset": "separated", "n_peaks": 1, "n_channels": 4001, "shape": (1, 2), "noise": False}
    plain, skew = (
        datasets.make_spectral_map(lineshape=name, **options) for name in ("pseudo-voigt", "asymmetric-pseudo-voigt")
    )
    for name in ("amplitude", "center", "sigma", "fwhm", "height", "fraction"):
        xr.testing.assert_allclose(plain[f"true_{name}"], skew[f"true_{name}"])
    assert (skew.true_asymmetry == 0.15).all()
    p, x = skew.isel(y=0, x=1), skew.energy.values
    curve = p.expected.values - np.interp(
        x, x[[0, -1]], [float(p.true_background_left), float(p.true_background_right)]
    )
    above = x[curve > curve.max() / 2]
    center, sigma = float(p.true_center[0]), float(p.true_sigma[0])
    assert center - above[0] == pytest.approx(0.85 * sigma, abs=0.003)
    assert above[-1] - center == pytest.approx(1.15 * sigma, abs=0.003)
    assert curve.max() == pytest.approx(float(p.true_height[0]), rel=1e-4)


@pytest.mark.parametrize("asymmetry", [0.15, -0.3])
def test_doniach_peaks_are_lmfits_convolved_with_a_gaussian(asymmetry):
    ds = datasets.make_spectral_map(
        lineshape="doniach", asymmetry=asymmetry, preset="separated", n_peaks=1, n_channels=2001, shape=(1, 1)
    )
    p, x = ds.isel(y=0, x=0), ds.energy.values
    curve = p.expected.values - np.interp(
        x, x[[0, -1]], [float(p.true_background_left), float(p.true_background_right)]
    )
    center, width, sign = float(p.true_center[0]), float(p.true_gaussian_sigma[0]), -np.sign(asymmetry)
    assert float(p.true_gamma[0]) == -asymmetry
    for at in (283.0, 283.6, 286.0):

        def integrand(u, at=at):
            d = sign * (at - u - center)
            sharp = doniach(d, float(p.true_amplitude[0]), 0.0, float(p.true_sigma[0]), abs(asymmetry))
            return sharp * np.exp(-0.5 * (u / width) ** 2) / (width * np.sqrt(2 * np.pi))

        value = quad(integrand, -8 * width, 8 * width, limit=200)[0]
        assert np.interp(at, x, curve) == pytest.approx(value, rel=1e-4)
    above = x[curve > curve.max() / 2]
    assert np.ptp(above) == pytest.approx(float(p.true_fwhm[0]), abs=0.01)
    assert np.interp(center, x, curve) == pytest.approx(float(p.true_height[0]), rel=1e-4)
    low, high = np.interp([center - 2, center + 2], x, curve)
    assert (high > 1.3 * low) == (asymmetry > 0)


@pytest.mark.parametrize("background", ["shirley", "tougaard", "tougaard-u3"])
def test_backgrounds_made_from_the_peaks_solve_their_equation(background):
    options = {"shape": (1, 2), "n_channels": 90, "preset": "separated", "seed": 4, "noise": False}
    ds = datasets.make_spectral_map(background=background, **options)
    linear = datasets.make_spectral_map(**options)
    x, p = ds.energy.values, ds.isel(y=0, x=1)
    flat = linear.isel(y=0, x=1)
    peaks = flat.expected.values - np.interp(
        x, x[[0, -1]], [float(flat.true_background_left), float(flat.true_background_right)]
    )
    loss, step = np.maximum(x[:, None] - x, 0), x[1] - x[0]
    if background == "shirley":
        matrix = float(p.true_background_step) * step * np.tri(x.size)
        scattered = matrix @ peaks
    else:
        b, c = float(p.true_background_b), float(p.true_background_c)
        den = (c + loss**2) ** 2 if background == "tougaard" else (c - loss**2) ** 2 + 436.0 * loss**2
        scattered = np.linalg.solve(np.eye(x.size) - step * b * loss / den, peaks) - peaks
    np.testing.assert_allclose(p.expected, float(p.true_background_level) + peaks + scattered, rtol=1e-9)
    assert scattered[-1] > 1.3 * scattered[x.size // 2] > 0
    assert ds.attrs["background"] == background
    xr.testing.assert_identical(ds, datasets.make_spectral_map(**json.loads(ds.attrs["history"])["parameters"]))
    registry = pint.UnitRegistry()
    for variable in ds.variables.values():
        registry.Unit(variable.attrs["units"])


# --- cramer_rao_bound


@pytest.mark.parametrize("lineshape", list(MODELS))
def test_bound_agrees_with_a_numerical_fisher_matrix(lineshape):
    ds = datasets.make_spectral_map(shape=(1, 2), n_channels=80, counts=500, lineshape=lineshape, n_peaks=2)
    bound = datasets.cramer_rao_bound(ds)
    x = ds.energy.values
    model = LinearModel() + MODELS[lineshape](prefix="a_") + MODELS[lineshape](prefix="b_")
    for pixel in range(2):
        p = ds.isel(y=0, x=pixel)
        left, right = float(p.true_background_left), float(p.true_background_right)
        slope = (right - left) / (x[-1] - x[0])
        values = {"slope": slope, "intercept": left - slope * x[0]}
        for prefix, k in (("a_", 0), ("b_", 1)):
            for name in MODELS[lineshape]().param_names:
                values[prefix + name] = float(p[f"true_{name}"][k])
        names = list(values)
        rate = p.expected.values
        columns = []
        for name in names:
            step = 1e-5 * max(1.0, abs(values[name]))
            up, down = ({**values, name: values[name] + s} for s in (step, -step))
            columns.append((model.eval(x=x, **up) - model.eval(x=x, **down)) / (2 * step))
        jacobian = np.array(columns)
        covariance = np.linalg.inv((jacobian / rate) @ jacobian.T)
        for prefix, k in (("a_", 0), ("b_", 1)):
            for name in MODELS[lineshape]().param_names:
                i = names.index(prefix + name)
                mine = float(bound[f"{name}_stderr"][0, pixel, k])
                assert mine == pytest.approx(np.sqrt(covariance[i, i]), rel=1e-4)
            assert float(bound.height_stderr[0, pixel, k]) == pytest.approx(
                _height_error(MODELS[lineshape], values, names, covariance, prefix), rel=1e-3
            )
        ends = np.array([[x[0], 1.0], [x[-1], 1.0]])  # background at each end = slope * x + intercept
        block = ends @ covariance[:2, :2] @ ends.T
        assert float(bound.background_left_stderr[0, pixel]) == pytest.approx(np.sqrt(block[0, 0]), rel=1e-3)
        assert float(bound.background_right_stderr[0, pixel]) == pytest.approx(np.sqrt(block[1, 1]), rel=1e-3)


def _height_error(model, values, names, covariance, prefix):
    own = model().param_names
    base = {name: values[prefix + name] for name in own}

    def height(v):
        return model().make_params(**v)["height"].value

    gradient = np.zeros(len(names))
    for name in own:
        step = 1e-5 * max(1.0, abs(base[name]))
        up, down = ({**base, name: base[name] + s} for s in (step, -step))
        gradient[names.index(prefix + name)] = (height(up) - height(down)) / (2 * step)
    return np.sqrt(gradient @ covariance @ gradient)


def test_bound_is_the_scatter_of_a_maximum_likelihood_estimate():
    ds = datasets.make_spectral_map(shape=(1, 1), counts=4000, n_peaks=1, lineshape="gaussian", preset="separated")
    bound = float(datasets.cramer_rao_bound(ds).center_stderr.squeeze())
    rng, x = np.random.default_rng(0), ds.energy.values
    rate = ds.expected.values.ravel()
    h = 1e-4
    p = {k: float(ds[f"true_{k}"].squeeze()) for k in ("amplitude", "center", "sigma")}
    model = GaussianModel()
    slope = (
        model.eval(x=x, **{**p, "center": p["center"] + h}) - model.eval(x=x, **{**p, "center": p["center"] - h})
    ) / (2 * h)
    draws = rng.poisson(rate, (4000, rate.size))
    score = ((draws / rate - 1) * slope).sum(1)
    one_step = score / (slope**2 / rate).sum()  # efficient estimate of the position, to first order
    assert one_step.std() == pytest.approx(bound, rel=0.06)


def test_bound_labels_units_and_scaling():
    few, many = (datasets.make_spectral_map(shape=(3, 2), counts=c) for c in (100, 10_000))
    low, high = datasets.cramer_rao_bound(few), datasets.cramer_rao_bound(many)
    np.testing.assert_allclose(low.center_stderr / high.center_stderr, 10, rtol=1e-6)
    assert set(low) == {f"{n}_stderr" for n in [*PER_PEAK, "fraction", "background_left", "background_right"]}
    for name in low:
        assert low[name].attrs["units"] == few["true_" + name.removesuffix("_stderr")].attrs["units"]
    np.testing.assert_allclose(low.fwhm_stderr, 2 * low.sigma_stderr)


def test_bound_by_differences_is_the_bound_by_derivatives():
    """An asymmetry that is known to be zero leaves the bounds of symmetric peaks."""
    from mi_widgets.datasets import _bounds

    ds = datasets.make_spectral_map(shape=(1, 3), n_channels=80)
    truth = {name.removeprefix("true_"): v.values[0] for name, v in ds.items() if str(name).startswith("true_")}
    x = ds.energy.values
    exact = _bounds._derivatives(x, "pseudo-voigt", truth)
    ground = ("background_left", "background_right")
    near = _bounds._differences(x, "pseudo-voigt", "linear", truth, ground)
    np.testing.assert_allclose(near, exact, rtol=1e-5, atol=1e-6 * np.abs(exact).max())


@pytest.mark.parametrize(
    ("lineshape", "background"),
    [("asymmetric-pseudo-voigt", "linear"), ("doniach", "tougaard"), ("gaussian", "shirley")],
)
def test_bound_of_other_shapes_and_backgrounds(lineshape, background):
    few, many = (
        datasets.make_spectral_map(shape=(1, 2), counts=c, lineshape=lineshape, background=background, n_channels=100)
        for c in (100, 10_000)
    )
    low, high = datasets.cramer_rao_bound(few), datasets.cramer_rao_bound(many)
    np.testing.assert_allclose(low.center_stderr / high.center_stderr, 10, rtol=1e-4)
    np.testing.assert_allclose(low.height_stderr / high.height_stderr, 0.1, rtol=1e-4)
    assert "background_level_stderr" in low or background == "linear"
    assert "background_c_stderr" not in low
    for name in low:
        assert np.isfinite(low[name]).all()
        assert low[name].attrs["units"] == few["true_" + name.removesuffix("_stderr")].attrs["units"]


def test_bound_of_bad_input():
    ds = datasets.make_spectral_map(shape=(2, 2))
    with pytest.raises(LabelError, match=r"'true_center'\. Pass what datasets\.make_spectral_map gives"):
        datasets.cramer_rao_bound(ds.drop_vars("true_center"))
    with pytest.raises(DataError, match="positive expected counts"):
        datasets.cramer_rao_bound(ds.assign(expected=ds.expected * 0))
    same = ds.assign(true_center=ds.true_center * 0 + 285.0, true_sigma=ds.true_sigma * 0 + 0.4)
    same = same.assign(true_fraction=same.true_fraction * 0 + 0.3)
    bound = datasets.cramer_rao_bound(same)  # two peaks that are one: no value, or an enormous one
    assert not (bound.center_stderr < 10).any()


# --- bundled data and the registry


def test_every_file_in_data_is_registered_with_its_hash_size_and_recipe():
    folder = share_path("data")
    bundled = {e["file"]: e for e in _registry.registry().values() if e["kind"] == "bundled"}
    assert {p.name for p in folder.glob("*.*") if p.name != "registry.toml"} == set(bundled)
    recipes = {p.name for p in (folder / "recipes").glob("[!_]*.py")}
    assert recipes == {Path(e["recipe"]).name for e in bundled.values()}
    for name, entry in bundled.items():
        raw = (folder / name).read_bytes()
        assert hashlib.sha256(raw).hexdigest() == entry["sha256"]
        assert len(raw) == entry["size"] <= 1_000_000


def test_every_entry_is_complete_and_its_call_exists():
    for entry in _registry.registry().values():
        for key in (
            "name",
            "kind",
            "call",
            "title",
            "file",
            "sha256",
            "size",
            "units",
            "source",
            "licence",
            "recipe",
            "date",
        ):
            assert entry[key], (entry["name"], key)
        assert len(entry["sha256"]) == 64
        assert callable(getattr(datasets, entry["call"].removeprefix("datasets.").split("(")[0]))
        if entry["kind"] == "remote":  # pinned to a commit, so that the content cannot change
            assert entry["url"].startswith("https://")
            assert any(len(part) == 40 for part in entry["url"].split("/"))


def test_the_recipe_makes_exactly_the_bundled_file():
    made = runpy.run_path(str(share_path("data") / "recipes" / "graphene_transistor.py"))["make"]()
    with xr.open_dataset(share_path("data") / "graphene_transistor.nc", engine="h5netcdf") as stored:
        xr.testing.assert_identical(made, stored.load())
        assert stored.spectra.dtype == np.uint16


def test_load_spectral_map_is_the_map_its_history_makes():
    ds = datasets.load_spectral_map()
    assert dict(ds.spectra.sizes) == {"y": 64, "x": 64, "energy": 129}
    assert ds.spectra.dtype == float
    truth = datasets.make_spectral_map(**json.loads(ds.attrs["history"])["parameters"])
    xr.testing.assert_identical(ds, truth[["spectra"]])


def test_list_datasets_is_a_table():
    table = datasets.list_datasets()
    assert list(table.columns[:3]) == ["name", "kind", "call"]
    assert set(table["kind"]) == {"bundled", "remote"}


def test_share_path(tmp_path, monkeypatch):
    from mi_widgets import _share

    with pytest.raises(ParameterError, match='must be "data" or "notebooks"; got \'secrets\''):
        share_path("secrets")
    (tmp_path / "mi_widgets" / "_share" / "data").mkdir(parents=True)
    monkeypatch.setattr(_share, "_HERE", tmp_path / "mi_widgets")
    assert share_path("data") == tmp_path / "mi_widgets" / "_share" / "data"
    (tmp_path / "notebooks").mkdir()  # some other package's folder in site-packages is not ours
    with pytest.raises(MIWidgetsError, match="pip install --force-reinstall mi-widgets"):
        share_path("notebooks")


# --- fetch


class Server:
    """A web server on loopback whose answers a test chooses; counts its requests."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.claimed_length: int | None = None
        self.requests: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                body = outer.answers.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                if outer.claimed_length != -1:
                    self.send_header("Content-Length", str(outer.claimed_length or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.http = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/data"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server()
    yield running
    running.close()


@pytest.fixture
def remote(monkeypatch, tmp_path):
    """A registered remote file that is a small table, and an empty cache folder."""
    body = b"Raman shift (cm-1),intensity (counts)\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(5000))
    item = {
        "name": "raman_streamline",
        "file": "map.csv",
        "title": "a map",
        "source": "a server",
        "url": "https://example.invalid/map.csv",
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    monkeypatch.setattr(_fetch, "entry", lambda name: item)
    return body, tmp_path / "cache"


def test_fetch_downloads_once_and_then_needs_no_network(server, remote):
    body, cache = remote
    server.answers["/data/map.csv"] = body
    da = datasets.fetch_raman_streamline(cache=cache, base_url=server.url)
    assert da.dims == ("raman_shift",)
    assert da.attrs["title"] == "a map"
    assert [p.name for p in cache.iterdir()] == ["map.csv"]
    again = datasets.fetch_raman_streamline(cache=cache, base_url="http://127.0.0.1:9")
    xr.testing.assert_identical(da, again)
    assert server.requests == ["/data/map.csv"]


def test_fetch_replaces_a_damaged_copy(server, remote):
    body, cache = remote
    server.answers["/data/map.csv"] = body
    cache.mkdir()
    (cache / "map.csv").write_bytes(body[:100])
    assert datasets.fetch_raman_streamline(cache=cache, base_url=server.url + "/").size == 5000
    assert (cache / "map.csv").read_bytes() == body


def test_wrong_content_is_refused_and_nothing_is_kept(server, remote):
    _, cache = remote
    server.answers["/data/map.csv"] = b"<html>please log in</html>"
    with pytest.raises(DownloadError, match="is not the registered file: its sha256 differs") as caught:
        datasets.fetch_raman_streamline(cache=cache, base_url=server.url)
    assert "put it into" in str(caught.value)
    assert list(cache.iterdir()) == []


def test_wrong_content_does_not_replace_a_damaged_copy_silently(server, remote):
    body, cache = remote
    server.answers["/data/map.csv"] = b"other"
    cache.mkdir()
    (cache / "map.csv").write_bytes(body[:100])
    with pytest.raises(DownloadError, match="sha256 differs"):
        datasets.fetch_raman_streamline(cache=cache, base_url=server.url)
    assert [p.name for p in cache.iterdir()] in ([], ["map.csv"])
    server.answers["/data/map.csv"] = body
    assert datasets.fetch_raman_streamline(cache=cache, base_url=server.url).size == 5000


@pytest.mark.parametrize("claimed", [None, -1])
def test_half_a_download_is_refused_and_nothing_is_kept(server, remote, claimed):
    body, cache = remote
    server.answers["/data/map.csv"] = body[: len(body) // 2]
    server.claimed_length = len(body) if claimed is None else -1  # -1: the server does not say how long it is
    with pytest.raises(DownloadError, match=r"map\.csv"):
        datasets.fetch_raman_streamline(cache=cache, base_url=server.url)
    assert list(cache.iterdir()) == []


def test_server_down_and_file_not_found_name_the_file_and_the_remedy(server, remote):
    _, cache = remote
    with pytest.raises(DownloadError, match=r"map\.csv could not be downloaded.*404.*cache=") as caught:
        datasets.fetch_raman_streamline(cache=cache, base_url=server.url)
    assert "MI_WIDGETS_DATA_DIR" in str(caught.value)
    server.close()
    with pytest.raises(DownloadError, match=r"map\.csv could not be downloaded.*ConnectionError"):
        datasets.fetch_raman_streamline(cache=cache, base_url=server.url)
    assert list(cache.iterdir()) == []


def test_cache_folder_by_argument_then_environment(server, remote, monkeypatch, tmp_path):
    body, cache = remote
    server.answers["/data/map.csv"] = body
    monkeypatch.setenv("MI_WIDGETS_DATA_DIR", str(tmp_path / "by_environment"))
    datasets.fetch_raman_depth_series(base_url=server.url)
    assert (tmp_path / "by_environment" / "map.csv").exists()
    datasets.fetch_raman_depth_series(base_url=server.url, cache=cache)
    assert (cache / "map.csv").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="cannot be used"):
        datasets.fetch_raman_depth_series(base_url=server.url, cache=tmp_path / "file" / "below")
