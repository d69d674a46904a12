"""Spectra for counting their peaks: some that stand for all, and then every one, each chunk read once for each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.peaks import _starts
from mi_widgets.peaks._build import Known
from mi_widgets.peaks._checks import Prepared, likelihood_of, rises, with_ceiling
from mi_widgets.peaks._chunks import map_chunks
from mi_widgets.peaks._noise import estimate_noise

N_SAMPLE, N_PILOTS, N_CHUNKS, READ_ROWS = 4096, 64, 32, 2048


@dataclass(frozen=True)
class Source:
    """A map that is in memory, or in chunks of which one at a time is.

    Attributes
    ----------
    da : xarray.DataArray
        Spectra, the spectral dimension last.
    prepared : Prepared
        The same as rows.
    """

    da: xr.DataArray
    prepared: Prepared

    @property
    def chunked(self) -> bool:
        """The spectra are not in memory."""
        return self.da.chunks is not None

    def blocks(self, wanted: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Row numbers and spectra, block by block; of a chunked map those chunks that have any `wanted` rows."""
        if not self.chunked:
            everything = np.arange(len(self.prepared.spectra)) if wanted is None else wanted
            for at in range(0, everything.size, READ_ROWS):
                rows = everything[at : at + READ_ROWS]
                yield rows, self.prepared.read(rows)
            return
        number = np.arange(int(np.prod(self.prepared.shape))).reshape(self.prepared.shape)
        for where in map_chunks(self.da, str(self.da.dims[-1])):
            place = tuple(where.values())
            rows = number[place].ravel()
            inside = np.arange(rows.size) if wanted is None else np.flatnonzero(np.isin(rows, wanted))
            if inside.size:
                values = np.asarray(self.da.data[place]).reshape(rows.size, -1)
                yield rows[inside], with_ceiling(replace(self.prepared, spectra=values)).read(inside)

    def look(self, likelihood: str, noise: float | str | Mapping[str, float] | None) -> tuple[Prepared, Known]:
        """Some spectra that stand for all, as a map of one dimension, and what the data have to decide.

        Raises
        ------
        DataError
            No spectrum has any data.
        """
        _at, y, checked = self._sample(likelihood)
        strength = np.nansum(y, axis=1)
        sample = self._rows(y)
        known = Known(
            poisson=likelihood_of(likelihood, noise, checked),
            rising=rises(sample),
            noise=estimate_noise(sample) if isinstance(noise, str) and noise == "auto" else None,
        )
        picked = _starts.spread_rows(np.where(strength != 0, strength, np.nan), N_PILOTS)
        if not picked.size:
            raise DataError("select_n_peaks: no spectrum has any data.")
        return self._rows(y[picked]), known

    def _sample(self, likelihood: str) -> tuple[np.ndarray, np.ndarray, Prepared]:
        """Rows, their spectra, and something of the whole map in which values below zero show."""
        n = len(self.prepared.spectra)
        rows = np.unique(np.linspace(0, n - 1, N_SAMPLE).astype(int))
        if not self.chunked:
            return rows, np.concatenate([y for _rows, y in self.blocks(rows)]), self.prepared
        whole = likelihood == "poisson" and np.dtype(self.da.dtype).kind not in "bu"
        least = np.zeros((n, 1), dtype=self.da.dtype)
        kept: list[tuple[np.ndarray, np.ndarray]] = []
        for inside, y in self.blocks(None if whole else self._spread(rows)):
            least[inside, 0] = np.fmin(np.nanmin(np.where(np.isfinite(y), y, 0.0), axis=1), 0.0) if whole else 0
            mine = np.isin(inside, rows)
            kept.append((inside[mine], y[mine]))
        found = np.concatenate([part[0] for part in kept])
        order = np.argsort(found)
        return found[order], np.concatenate([part[1] for part in kept])[order], replace(self.prepared, spectra=least)

    def _spread(self, rows: np.ndarray) -> np.ndarray:
        """Those of `rows` that are in some dozens of chunks spread over the map."""
        chunk = np.zeros(self.prepared.shape, dtype=np.int64)
        for axis, sizes in enumerate((self.da.chunks or ())[:-1]):
            of_axis = np.repeat(np.arange(len(sizes)), sizes).reshape(
                [-1 if a == axis else 1 for a in range(chunk.ndim)]
            )
            chunk = chunk * len(sizes) + of_axis
        here = chunk.ravel()[rows]
        known = np.unique(here)
        some = known[np.unique(np.linspace(0, known.size - 1, min(known.size, N_CHUNKS)).astype(int))]
        return rows[np.isin(here, some)]

    def _rows(self, y: np.ndarray) -> Prepared:
        return replace(
            self.prepared, spectra=y, descending=False, dims=("spectrum",), shape=(len(y),), coords={}, mask=None
        )
