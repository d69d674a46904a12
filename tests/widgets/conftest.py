"""Small synthetic cubes, and a front end that is played by the test."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets.labels import label_spectra


def _make_cube(shape: tuple[int, ...] = (5, 6), n: int = 80, seed: int = 0) -> xr.DataArray:
    """One gaussian peak that moves along the last dimension, on a constant background, with Poisson noise."""
    axis = np.linspace(280.0, 290.0, n)
    where = np.linspace(284.0, 286.0, shape[-1] if shape else 1)
    mean = 20 + 300 * np.exp(-0.5 * ((axis - where[:, None]) / 0.6) ** 2)
    mean = np.broadcast_to(mean if shape else mean[0], (*shape, n))
    values = np.random.default_rng(seed).poisson(mean)
    dims = ("step", "y", "x")[3 - len(shape) :] if shape else ()
    da = label_spectra(values.reshape(-1, n)[0], axis)
    da = xr.DataArray(values, dims=(*dims, "energy"), coords={"energy": da["energy"]}, name="spectra", attrs=da.attrs)
    for dim, size in zip(dims, shape, strict=True):
        da = da.assign_coords({dim: (dim, 0.5 * np.arange(size), {"units": "um", "long_name": dim})})
    return da


@pytest.fixture(scope="session", autouse=True)
def _one_engine() -> None:
    """Wait for numba, so that a test does not see one engine before it is compiled and the other one after."""
    from mi_widgets.peaks._engines._door import resolve_engine

    resolve_engine("auto", wait=120.0)


@pytest.fixture
def make_cube() -> Callable[..., xr.DataArray]:
    return _make_cube


@pytest.fixture
def cube() -> xr.DataArray:
    return _make_cube()


class Page:
    """What the front end of one `View` does: asks for the document, sends patches, gets messages."""

    def __init__(self, view: Any, vid: str = "page-1") -> None:
        self.view, self.vid, self.seq = view, vid, 0
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        view.send = lambda content, buffers=None: self.messages.append((content, buffers or []))

    def say(self, kind: str, buffers: list[bytes] | None = None, **more: Any) -> None:
        self.view._receive(self.view, {"k": kind, "vid": self.vid, **more}, buffers or [])

    def open(self) -> dict[str, Any]:
        self.say("ready")
        return json.loads(self.of("doc")[-1]["doc"])

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [m for m, _ in self.messages if m["k"] == kind]

    def clear(self) -> None:
        self.messages.clear()

    def event(self, name: str, figure: Any, **values: Any) -> None:
        """A Bokeh event of a figure, as BokehJS sends it."""
        self.seq += 1
        inner = {
            "type": "event",
            "name": name,
            "values": {"type": "map", "entries": [["model", {"id": figure.id}], *([k, v] for k, v in values.items())]},
        }
        patch = {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": inner}]}
        self.say("patch", seq=self.seq, patch=json.dumps(patch))

    def set(self, model: Any, **values: Any) -> None:
        """Properties changed in the page."""
        self.seq += 1
        events = [{"kind": "ModelChanged", "model": {"id": model.id}, "attr": k, "new": v} for k, v in values.items()]
        self.say("patch", seq=self.seq, patch=json.dumps({"events": events}))


@pytest.fixture
def page_of() -> type[Page]:
    return Page
