"""Maps larger than memory: chunk by chunk, each read once, lazily or as parts."""

from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.peaks._build import Known, look_at
from mi_widgets.peaks._checks import likelihood_of, prepare, require_same_labels
from mi_widgets.peaks._map_fit import NOT_RUN
from mi_widgets.peaks._parts import COPY_SHARE, FitOptions, Parts, model_of
from mi_widgets.runs import Part

PART_SECONDS = 0.3


def lazy_fit(da: xr.DataArray, dim: str, options: FitOptions) -> xr.Dataset:
    """The fit of a chunked map as a Dataset of dask arrays, one task for each chunk of the map."""
    da, known = _look(da, dim, options)
    arrays, rest = _split(options)
    for name, values in arrays.data_vars.items():
        for d in values.dims:
            require_same_labels(str(name).replace("start:", "start "), values, str(d), da.coords.get(d))
    like = {d: -1 if d == dim else chunks for d, chunks in da.chunksizes.items() if d in arrays.dims}
    args = [arrays.chunk(like)] if arrays else []
    return xr.map_blocks(
        _fit_chunk, da, args=args, kwargs={"dim": dim, "options": rest, "known": known},
        template=_template(da, dim, options, known, lazy=True),
    )  # fmt: skip


def _fit_chunk(
    da: xr.DataArray, arrays: xr.Dataset | None = None, *, dim: str, options: FitOptions, known: Known
) -> xr.Dataset:
    """Work of one task; it needs nothing but its arguments, so that it can run in another process."""
    whole = options if arrays is None else _join(arrays, options)
    return Parts(da.load(), dim, whole, known).run_to_end()


class ChunkParts(Iterator[Part]):
    """Parts of the fit of a chunked map; holds one chunk and the result.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra, chunked.
    dim, options
        As `Parts` has them.
    """

    def __init__(self, da: xr.DataArray, dim: str, options: FitOptions) -> None:
        self._da, self._known = _look(da, dim, options)
        self._dim, self._options = dim, options
        self._result = _template(self._da, dim, options, self._known, lazy=False)
        self._steps = self._run()

    def __next__(self) -> Part:
        return next(self._steps)

    def run_to_end(self) -> xr.Dataset:
        """Draw all parts; the last result."""
        for _ in self._steps:
            pass
        return self._result

    def _run(self) -> Iterator[Part]:
        shape = self._result["status"].shape
        number = np.arange(int(np.prod(shape))).reshape(shape)
        drawn, wait, new = perf_counter(), 0.0, [np.empty(0, dtype=int)]
        for where in map_chunks(self._da, self._dim):
            block = self._da.isel(where).compute()
            numbers = number[tuple(where.values())].ravel()
            for part in Parts(block, self._dim, _part_of(self._options, where), self._known):
                _paste(self._result, part.result, where)
                new.append(numbers[part.index])
                if perf_counter() - drawn > max(wait, PART_SECONDS):
                    began = perf_counter()
                    yield self._part(np.concatenate(new), part.message if part.message != "done" else "fit")
                    drawn, new = perf_counter(), new[:1]
                    wait = (drawn - began) / COPY_SHARE
        yield self._part(np.concatenate(new), "done")

    def _part(self, index: np.ndarray, message: str) -> Part:
        status = self._result["status"].values
        result = self._result if message == "done" else self._result.copy(deep=True)
        return Part(int((status != NOT_RUN).sum()), status.size, result, index, message)


def _look(da: xr.DataArray, dim: str, options: FitOptions) -> tuple[xr.DataArray, Known]:
    """Check what can be checked without computing, and look at one chunk where the data have to decide."""
    if options.get("shared"):
        raise ParameterError(
            "shared parameters need all spectra at once, these are chunked. Write da.load(); or find the value from a "
            "part of the map, da.isel(x=slice(None, None, 8)).load(), and hold it: ties={'p0_fraction': value}."
        )
    model = model_of(options)
    da = da.transpose(..., dim).chunk({dim: -1})
    likelihood, noise = options.get("likelihood", "poisson"), options.get("noise")
    counts = np.dtype(da.dtype).kind in "bu" or likelihood != "poisson"
    if counts and not model.ground.active and not (isinstance(noise, str) and noise == "auto"):
        one = _zeros(da, dim)
        return da, Known(likelihood_of(likelihood, noise, prepare(one, dim, model)))
    blocks = list(map_chunks(da, dim))
    sample = da.isel(blocks[len(blocks) // 2]).compute()
    return da, look_at(prepare(sample, dim, model), model, likelihood=likelihood, noise=noise)


def map_chunks(da: xr.DataArray, dim: str) -> Iterator[dict[str, slice]]:
    """Where every chunk of the map stands."""
    dims = [str(d) for d in da.dims if d != dim]
    edges = [np.concatenate([[0], np.cumsum(da.chunksizes[d])]) for d in dims]
    spans = [[slice(int(a), int(b)) for a, b in pairwise(e)] for e in edges]
    for place in product(*spans):
        yield dict(zip(dims, place, strict=True))


def _zeros(da: xr.DataArray, dim: str) -> xr.DataArray:
    """One spectrum of nothing with the labels of the map's first."""
    one = da.isel({d: slice(0, 1) for d in da.dims if d != dim})
    return one.copy(data=np.zeros(one.shape, dtype=da.dtype))


def _template(da: xr.DataArray, dim: str, options: FitOptions, known: Known, *, lazy: bool) -> xr.Dataset:
    """The result before anything was fitted: its variables, dims, labels and attributes."""
    first = {str(d): slice(0, 1) for d in da.dims if d != dim}
    small = Parts(_zeros(da, dim), dim, _part_of(options, first), known).result()
    sizes = dict(da.sizes)
    coords = {k: v for k, v in da.coords.items() if dim not in v.dims}
    out = {}
    for name, values in small.data_vars.items():
        shape = tuple(sizes.get(d, n) for d, n in values.sizes.items())
        if lazy:
            import dask.array

            chunks = tuple(da.chunksizes.get(d, (n,)) for d, n in values.sizes.items())
            data = dask.array.zeros(shape, dtype=values.dtype, chunks=chunks)
        else:
            data = np.full(shape, values.values.flat[0])
        out[name] = (values.dims, data, values.attrs)
    own = {k: v for k, v in small.coords.items() if k not in da.coords}
    return xr.Dataset(out, coords={**coords, **own}, attrs=small.attrs)


def _paste(whole: xr.Dataset, part: xr.Dataset, where: Mapping[str, slice]) -> None:
    for name, values in part.data_vars.items():
        target = whole[name]
        target.values[tuple(where.get(str(d), slice(None)) for d in target.dims)] = values.transpose(*target.dims)


def _part_of(options: FitOptions, where: Mapping[str, slice]) -> FitOptions:
    """The options for a part of the map: what they hold of its dims is cut as the map is."""

    def cut(value: Any) -> Any:
        if isinstance(value, xr.DataArray | xr.Dataset):
            return value.isel({d: s for d, s in where.items() if d in value.dims}).compute()
        if isinstance(value, Mapping):
            return {name: cut(item) for name, item in value.items()}
        return value

    return FitOptions(**{name: cut(value) for name, value in options.items()})  # type: ignore[typeddict-item]


def _split(options: FitOptions) -> tuple[xr.Dataset, FitOptions]:
    """Arrays of the options as one Dataset that can be cut into blocks, and the rest."""
    arrays: dict[str, xr.DataArray] = {}
    rest: dict[str, Any] = dict(options)
    for name in ("mask", "noise"):
        if isinstance(options.get(name), xr.DataArray):
            arrays[name] = rest.pop(name)
    start = options.get("start") or {}
    if isinstance(start, xr.Dataset):
        model = model_of(options)
        start = {k: start[k] for k in (*model.peak_names, *model.background_names) if k in start}
    inside = {k: v for k, v in start.items() if isinstance(v, xr.DataArray)}
    if start:
        rest["start"] = {k: v for k, v in start.items() if k not in inside}
    arrays |= {f"start:{k}": v for k, v in inside.items()}
    return xr.Dataset(arrays), FitOptions(**rest)  # type: ignore[typeddict-item]


def _join(arrays: xr.Dataset, rest: FitOptions) -> FitOptions:
    options: dict[str, Any] = dict(rest)
    for key, value in arrays.data_vars.items():
        name, _, of = str(key).partition(":")
        if of:
            options[name] = {**(options.get(name) or {}), of: value}
        else:
            options[name] = value
    return FitOptions(**options)  # type: ignore[typeddict-item]
