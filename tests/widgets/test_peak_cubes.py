"""PeakMapper on cubes that are big, chunked, or have gaps, and with every line shape; no browser."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import peaks
from mi_widgets.widgets import PeakMapper

FIT = {"n_peaks": 1, "lineshape": "gaussian", "background": "constant"}


def drawn(w: PeakMapper, label: str) -> dict[str, Any]:
    return dict(w.spectrum.view.part(label).handles["source"].data)


# ---- big and chunked cubes ------------------------------------------------------------------------------------------


def chunked(cube: xr.DataArray, y: int, x: int) -> tuple[xr.DataArray, list[Any]]:
    """The same cube in chunks, and the list of what is read of it."""
    dask_array = pytest.importorskip("dask.array")
    reads: list[Any] = []

    def load(block_info: Any = None) -> np.ndarray:
        where = block_info[None]["array-location"]
        reads.append(where)
        return np.asarray(cube.values[tuple(slice(a, b) for a, b in where)])

    sizes = [(step,) * (n // step) for n, step in zip(cube.shape, (y, x, cube.sizes["energy"]), strict=True)]
    array = dask_array.map_blocks(load, chunks=tuple(sizes), dtype=cube.dtype, meta=np.empty((0, 0, 0), cube.dtype))
    return cube.copy(data=array), reads


def test_chunked_cube_opens_and_points_by_one_chunk(make_cube: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cube = make_cube((6, 8))
    da, reads = chunked(cube, 2, 4)
    started: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr("mi_widgets.widgets._intensity.Worker.start", lambda self, make: started.append(make))
        w = PeakMapper(da, params=FIT)
    assert len(reads) == 1, "the first spectrum alone"
    assert started, "the map is for the worker"
    w.selection = {"y": 0.0, "x": 0.0}
    assert len(reads) == 2
    w.fit_pixel()
    w.selection = {"y": 0.0, "x": 0.0}
    assert len(reads) == 2, "kept"
    whole = list(started[0]())
    assert [p.done for p in whole] == list(range(1, 7))
    first, last = whole[0].result[0], whole[-1].result[0]
    assert np.isfinite(first.values).sum() == 8, "one chunk at a time"
    np.testing.assert_allclose(last, peaks.maps.integrate_window(cube))
    w.run(wait=True)
    np.testing.assert_allclose(w.result.center, peaks.fit_peaks(cube, "energy", **FIT).center, rtol=1e-6)


def test_mean_of_a_region_with_gaps(cube: xr.DataArray) -> None:
    holes = cube.astype("float32")
    holes[1, 2, 10:20] = np.nan
    for da in (cube, cube.astype("uint8"), holes, cube.transpose("energy", "x", "y")):
        w = PeakMapper(da, params=FIT, threaded=False)
        for region in ({"y": [0.0, 0.5, 1.0], "x": [0.5, 1.0]}, {"y": [0.0, 1.0], "x": 1.0}):
            w.selection = region
            mean = da.sel(w.selection).astype(float).mean([d for d in ("y", "x") if isinstance(region[d], list)])
            np.testing.assert_allclose(drawn(w, "data")["value"], mean, rtol=1e-5)


# ---- every shape and background -------------------------------------------------------------------------------------


def test_every_shape_and_background_is_offered_fitted_and_named(cube: xr.DataArray) -> None:
    from mi_widgets.peaks._shapes import BACKGROUNDS, SHAPES

    w = PeakMapper(cube, params={"n_peaks": 1, "background": "constant"}, threaded=False)
    choices = w.controls.choices
    assert tuple(choices["lineshape"].options) == tuple(SHAPES)
    assert tuple(choices["background"].options) == tuple(BACKGROUNDS)
    for name, shape in SHAPES.items():
        choices["lineshape"].value = name
        assert w.message.value == "", name
        for parameter in shape.parameters[3:]:
            assert parameter.replace("_", " ") in w.table.value
    for name in BACKGROUNDS:
        choices["background"].value = name
        assert w.message.value == "", name
        assert drawn(w, "best fit")["value"].size


@pytest.mark.parametrize(
    ("units", "likelihood"),
    [("count", "poisson"), ("arb. units", "poisson"), ("nS", "gaussian"), ("percent", "gaussian")],
)
def test_what_is_no_count_is_fitted_as_such(cube: xr.DataArray, units: str, likelihood: str) -> None:
    app = PeakMapper(cube.assign_attrs(units=units), params=FIT)
    assert app.params["likelihood"] == likelihood
    app.params = app.params | {"likelihood": "poisson"}
    assert app.params["likelihood"] == "poisson"
