"""Atoms to look at, and the page of one StructureViewer as far as the kernel sees it."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.widgets.structure import StructureViewer

BAD = "<img src=x onerror=hacked=1>"


def make(n: int = 6, frames: int = 0, seed: int = 0, cell: Any = None) -> xr.Dataset:
    """Random atoms in a skewed cell."""
    rng = np.random.default_rng(seed)
    box = np.array([[8.0, 0, 0], [3, 7, 0], [-2, 1, 9]]) if cell is None else np.asarray(cell, float)
    position = rng.random(((frames,) if frames else ()) + (n, 3)) @ box
    return xr.Dataset(
        {
            "position": ((("frame",) if frames else ()) + ("atom", "axis"), position, {"units": "angstrom"}),
            "element": ("atom", np.array(["O", "H", "Si"])[np.arange(n) % 3]),
            "cell": (("cell_vector", "axis"), box),
            "pbc": ("cell_vector", [True, True, True]),
            "charge": ("atom", np.linspace(-1, 1, n), {"units": "e", "long_name": "charge"}),
        }
    )


class Front:
    """The page of one viewer."""

    def __init__(self, viewer: StructureViewer, vid: str = "p1") -> None:
        self.viewer, self.vid = viewer, vid
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        viewer.stage.send = lambda content, buffers=None: self.messages.append((content, buffers or []))
        self.say("ready")

    def say(self, kind: str, buffers: list[bytes] | None = None, **more: Any) -> None:
        self.viewer.stage._receive(self.viewer.stage, {"k": kind, "vid": self.vid, **more}, buffers or [])

    def last(self, part: str) -> Any:
        return next(m["parts"][part] for m, _ in reversed(self.messages) if part in m.get("parts", {}))

    def array(self, name: str, dtype: str) -> np.ndarray:
        for message, buffers in reversed(self.messages):
            if name in message.get("bufs", []):
                return np.frombuffer(buffers[message["bufs"].index(name)], dtype)
        raise AssertionError(name)
