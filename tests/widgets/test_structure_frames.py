"""StructureViewer without a page: trajectories, and colours that mean the same in all frames."""

import base64
import json
from typing import Any

import numpy as np
import pytest
import xarray as xr
from viewer_front import Front, make

from mi_widgets.errors import LabelError
from mi_widgets.widgets.structure import StructureViewer


def lazy(n_frames: int, n_atoms: int) -> tuple[xr.Dataset, list[int]]:
    dask = pytest.importorskip("dask.array")
    read: list[int] = []
    cells = np.eye(3) * (10 + np.arange(n_frames)[:, None, None])

    def block(block_info: Any = None) -> np.ndarray:
        i = block_info[None]["array-location"][0][0]
        read.append(i)
        return np.random.default_rng(i).random((1, n_atoms, 3)) * 10

    position = dask.map_blocks(block, chunks=((1,) * n_frames, (n_atoms,), (3,)), dtype=float, meta=np.empty((0, 0, 0)))
    ds = xr.Dataset(
        {
            "position": (("frame", "atom", "axis"), position),
            "element": ("atom", np.full(n_atoms, "Ar")),
            "cell": (("frame", "cell_vector", "axis"), cells),
            "pbc": ("cell_vector", [True] * 3),
        },
        coords={"frame": np.arange(n_frames) * 10},
    )
    return ds, read


def test_only_the_frame_that_is_shown_is_read_and_the_cell_moves_with_it() -> None:
    ds, read = lazy(50, 20)
    viewer = StructureViewer(ds)
    assert read == [0]
    front = Front(viewer)
    front.say("frame", wanted=[[7, 1]])
    assert read == [0, 7]
    assert viewer.selection["frame"] == 70
    assert front.last("frame")["i"] == 7
    assert front.last("sites")["cell"][0][0] == 17
    np.testing.assert_allclose(viewer.result.cell_edge.values.max(), 17)
    xyz = front.array("position", "<f4").reshape(-1, 3)[:20]
    np.testing.assert_allclose(xyz, np.random.default_rng(7).random((20, 3)) * 10, atol=1e-5)
    front.say("frame", wanted=[[7, 1]])  # asked again: answered, not read again
    viewer.selection = {"atom": [3]}
    viewer.set_params(style="licorice")
    assert read == [0, 7]


def test_a_frame_that_cannot_be_read_is_said_and_the_rest_stays_usable() -> None:
    dask = pytest.importorskip("dask.array")
    ds = make(4, frames=3)

    def block(values: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info[0]["array-location"][0][0] == 1:
            raise OSError("the file ends here")
        return values

    broken = dask.from_array(ds.position.values, chunks=(1, 4, 3)).map_blocks(block, meta=np.empty((0, 0, 0)))
    viewer = StructureViewer(ds.assign(position=(("frame", "atom", "axis"), broken)))
    front = Front(viewer)
    front.say("frame", wanted=[[1, 1]])
    assert "the file ends here" in viewer.message.value
    assert front.last("frame")["i"] == 0
    front.say("frame", wanted=[[2, 1]])
    np.testing.assert_allclose(viewer.result.position.values[:4], ds.position.values[2])


def test_colours_follow_an_array_over_frames() -> None:
    ds = make(4, frames=2).assign(height=(("frame", "atom"), [[0.0, 1, 2, 3], [3, 2, 1, 0]]))
    viewer = StructureViewer(ds, params={"color_by": "height", "limits": [0, 3]})
    front = Front(viewer)
    before = front.array("rgb", "u1").reshape(-1, 3)
    viewer.selection = {"frame": 1}
    np.testing.assert_array_equal(front.array("rgb", "u1").reshape(-1, 3), before[::-1])


# ---- colours of a run ------------------------------------------------------------------------------------------


def with_array(values: Any, *, chunked: bool = False) -> xr.Dataset:
    array = xr.DataArray(np.asarray(values), dims=("frame", "atom"), name="value")
    ds = make(array.sizes["atom"], frames=array.sizes["frame"])
    return ds.assign(value=array.chunk(frame=1) if chunked else array)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        [[3, 4, 4], [4, 4, 4], [2, 3, 5], [9, 4, 3]],
        [["b", "c", "c"], ["c", "c", ""], ["a", "b", "d"], ["z", "c", "b"]],
    ],
)
def test_a_colour_is_one_category_in_all_frames(values: Any, chunked: bool) -> None:
    if chunked:
        pytest.importorskip("dask")
    ds = with_array(values, chunked=chunked)
    viewer = StructureViewer(ds, params={"color_by": "value"})
    front = Front(viewer)
    meaning: dict[Any, tuple[int, ...]] = {}
    for i in (0, 1, 2, 3, 1, 0):
        viewer.selection = {"frame": i}
        colors, about = front.array("rgb", "u1").reshape(-1, 3), front.last("colors")
        for value, color in zip(values[i], colors.tolist(), strict=True):
            assert meaning.setdefault(value, tuple(color)) == tuple(color)
            if value:
                swatch = about["label_colors"][about["labels"].index(str(value))]
                assert bytes.fromhex(swatch[1:]) == bytes(color)
        names = {"ds": viewer.data}
        exec(viewer.code, names)
        xr.testing.assert_identical(names["result"], viewer.result)
    assert len(set(meaning.values())) == len(meaning)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("scale", [1, 1.0, -1.0])
def test_limits_and_kind_are_kept_for_the_run(scale: float, chunked: bool) -> None:
    """Also where one frame alone holds few whole numbers, or values of one sign."""
    if chunked:
        pytest.importorskip("dask")
    values = np.arange(60).reshape(3, 20) * scale
    values[1] = 5 * scale
    if scale < 0:
        values[2] *= -1
    viewer = StructureViewer(with_array(values, chunked=chunked), params={"color_by": "value"})
    front = Front(viewer)
    seen = []
    for i in range(3):
        viewer.selection = {"frame": i}
        about = front.last("colors")
        seen.append((about["kind"], tuple(about["limits"]), about["palette"][0]))
        names = {"ds": viewer.data}
        exec(viewer.code, names)
        xr.testing.assert_identical(names["result"], viewer.result)
    assert seen[0] == seen[1] == seen[2]
    low, high = np.percentile(values, (2, 98))
    assert seen[0][0] == "continuous"
    assert seen[0][1] == pytest.approx((-max(-low, high), max(-low, high)) if scale < 0 else (low, high))
    viewer.set_params(limits=[0, 7])
    viewer.selection = {"frame": 1}
    assert front.last("colors")["kind"] == "continuous"
    assert front.last("colors")["limits"] == (0, 7)


def saved_in(page: str) -> dict[str, Any]:
    return json.loads(page.split("const SAVED = ")[1].split(";\n", maxsplit=1)[0])


def unpack(state: dict[str, Any], name: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(state["data"][state["bufs"].index(name)]), dtype)


def test_the_page_that_is_taken_away_has_colours_labels_and_measures_of_each_frame() -> None:
    values = [[3, 4, 4], [4, 4, 4], [2, 3, 5]]
    viewer = StructureViewer(with_array(values), params={"color_by": "value", "labels": "value"})
    viewer.selection = {"atom": [0, 1], "frame": 1}
    saved = saved_in(viewer.to_html(frames=slice(None)))
    meaning: dict[int, list[int]] = {}
    for i, frame in enumerate(saved["frames"]):
        colors = unpack(frame, "rgb", "u1").reshape(-1, 3).tolist()
        about = frame["parts"]["colors"]
        assert about["labels"] == ["2", "3", "4", "5"]
        assert frame["parts"]["labels"] == [str(v) for v in values[i]]
        told = [about["labels"][int(v)] for v in unpack(frame, "values", "<f4")]
        assert told == [str(v) for v in values[i]], "what the pointer is told"
        for value, color in zip(values[i], colors, strict=True):
            assert meaning.setdefault(value, color) == color
        viewer.selection = viewer.selection | {"frame": i}
        assert frame["parts"]["measure"]["text"] == f"{viewer.measures['distance']:.3f} Å"
    assert saved["state"]["parts"]["colors"]["labels"] == ["2", "3", "4", "5"]
    np.testing.assert_array_equal(unpack(saved["state"], "rgb", "u1"), unpack(saved["frames"][0], "rgb", "u1"))


def test_frames_that_are_called_the_same_are_refused() -> None:
    twice = make(3, frames=3).assign_coords(frame=[0, 1, 2]).isel(frame=[0, 1, 2, 0, 1, 2])
    with pytest.raises(LabelError, match=r"drop_vars\('frame'\)"):
        StructureViewer(twice)
    viewer = StructureViewer(twice.drop_vars("frame"))
    viewer.selection = {"frame": 4}
    np.testing.assert_array_equal(viewer.result.position.values[:3], twice.position.values[1])
