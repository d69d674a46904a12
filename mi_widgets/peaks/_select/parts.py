"""A choice of the number of peaks as parts, each with a Dataset of what is finished."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.peaks._dataset import attributes
from mi_widgets.peaks._select.run import Selection
from mi_widgets.runs import Part

PART_SECONDS, COPY_SHARE = 0.3, 0.1  # results of a large map are large: at most this share of the time goes into them


class SelectParts(Iterator[Part]):
    """Parts of a running choice, checked when made and worked at as they are drawn."""

    def __init__(self, selection: Selection, dim: str) -> None:
        self._selection, self._dim = selection, dim
        self._steps, self._last = selection.run(), False
        self._drawn, self._wait = perf_counter(), 0.0

    def __next__(self) -> Part:
        if self._last:
            raise StopIteration
        rows = []
        while True:
            new, message = next(self._steps, (np.empty(0, dtype=int), "done"))
            rows.append(new)
            self._last = message == "done"
            if self._last or perf_counter() - self._drawn > max(self._wait, PART_SECONDS):
                break
        began = perf_counter()
        result = _dataset(self._selection, self._dim)
        self._drawn = perf_counter()
        self._wait = (self._drawn - began) / COPY_SHARE
        done = self._selection.done
        return Part(int(done.sum()), done.size, result, np.concatenate(rows), message)

    def run_to_end(self) -> xr.Dataset:
        """Draw all parts and build the Dataset once."""
        for _ in self._steps:
            pass
        return _dataset(self._selection, self._dim)


def _attributes(selection: Selection, dim: str, name: str) -> dict[str, Any]:
    da, options = selection.source.da, selection.options
    called = {
        "dim": dim, "n_peaks": options.candidates, "lineshapes": list(options.lineshapes),
        "backgrounds": list(options.backgrounds), "criterion": name, "pool": options.pool,
        "complete": options.complete, "likelihood": options.likelihood, "noise": options.noise,
    }  # fmt: skip
    source, references = str(da.attrs.get("source", da.name or "")), "https://doi.org/10.1214/aos/1176344136"
    return attributes("select_n_peaks", "number of peaks", called, references=references, source=source)


def _dataset(selection: Selection, dim: str) -> xr.Dataset:
    """All that is finished."""
    prepared, options, sums = selection.source.prepared, selection.options, selection.sums
    dims, shape, name = prepared.dims, prepared.shape, options.criterion
    choice, margin, suspect, correlation, whole = selection.verdict()
    number = np.append(options.candidates, -1)[choice].astype(np.int64)
    lineshapes, backgrounds = (list(dict.fromkeys(family[i] for family in sums)) for i in range(2))
    table = np.array([[sums[s, b] for b in backgrounds] for s in lineshapes])
    evidence = selection.evidence.reshape(*shape, -1).copy()
    flags = {"flag_values": [0, 1], "flag_meanings": "plausible suspect"}
    return xr.Dataset(
        {
            "evidence": ((*dims, "candidate"), evidence, {"units": "1", "long_name": name}),
            "n_peaks": (dims, number.reshape(shape), {"units": "1", "long_name": "number of peaks"}),
            "margin": (dims, margin.reshape(shape), {"units": "1", "long_name": f"{name} above the best"}),
            "family_suspect": (
                dims, suspect.astype(np.int8).reshape(shape),
                {"units": "1", "long_name": "no candidate describes the spectrum", **flags},
            ),
            "family_evidence": (("lineshape", "background"), table, {"units": "1", "long_name": f"{name}, summed"}),
        },
        coords={
            **prepared.coords,
            "candidate": ("candidate", np.asarray(options.candidates), {"units": "1", "long_name": "number of peaks"}),
            "lineshape": lineshapes,
            "background": backgrounds,
        },
        attrs={
            **_attributes(selection, dim, name),
            "lineshape": selection.family[0],
            "background": selection.family[1],
            "criterion": name,
            "residual_correlation": correlation,
            "family_suspect": int(whole),
            "better_family": selection.better,
        },
    )  # fmt: skip
