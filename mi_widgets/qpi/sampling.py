"""Which pixels of a map are measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.qpi._check import check_map, lengths, whole

__all__ = ["KINDS", "sample_pixels"]

#: Ways of sampling.
KINDS = ("random", "grid", "centre", "all")


def sample_pixels(
    da: xr.DataArray,
    kind: str = "random",
    *,
    n_pixels: int | None = None,
    step: int = 3,
    region: Mapping[str, Sequence[float]] | None = None,
    seed: int | np.random.Generator | None = 0,
) -> xr.DataArray:
    r"""Choose the pixels of a map that are taken as measured.

    Parameters
    ----------
    da : xarray.DataArray
        Map over y and x with lengths along both. Pixels without a finite value are never chosen.
    kind : {"random", "grid", "centre", "all"}
        At random; every `step`-th row and column; a rectangle of the map's shape about the middle; all.
    n_pixels : int, optional
        How many for ``"random"`` and (nearly) for ``"centre"``; by default one in nine, as many as every third pixel of
        every third row.
    step : int
        For ``"grid"``.
    region : mapping, optional
        ``{"y": (low, high), "x": (low, high)}`` in the unit of the coordinates: only pixels in it are chosen, of which
        `n_pixels` and the middle are reckoned.
    seed : int, Generator or None
        For ``"random"``.

    Returns
    -------
    xarray.DataArray
        ``sampled`` (y, x), bool. Its attributes ``alias_y`` and ``alias_x`` (1/nm) are the periods
        :math:`2\pi/(s\,\Delta)` with which a q image repeats when every s-th pixel is sampled: a ring at q comes again
        about each of them.

    Raises
    ------
    LabelError
        Dims or units do not fit.
    DataError
        The region holds no pixel with a value.
    ParameterError
        `kind` or a number is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets.datasets import make_interference_map
    >>> da = make_interference_map((60, 120), width=33.0).conductance
    >>> int(sample_pixels(da, n_pixels=900).sum()), int(sample_pixels(da, "grid").sum())
    (900, 800)
    """
    who = "sample_pixels"
    da = check_map(da, who=who)
    if kind not in KINDS:
        raise ParameterError(f"{who}: there is no kind {kind!r}; write one of {', '.join(map(repr, KINDS))}.")
    rows, columns = (_inside(da, d, region, who) for d in ("y", "x"))
    usable = np.isfinite(np.asarray(da.values, dtype=float)) & np.outer(rows, columns)
    there = int(usable.sum())
    if not there:
        raise DataError(f"{who}: the region {dict(region or {})} holds no pixel with a value.")
    wanted = whole("n_pixels", n_pixels, who=who) if n_pixels is not None else max(there // 9, 1)
    mask, every = usable, 1
    if kind == "random":
        if wanted > there:
            raise ParameterError(f"{who}: n_pixels={wanted} are wanted of {there} with a value. Write {there} or less.")
        mask = np.zeros(da.shape, dtype=bool)
        chosen = np.random.default_rng(seed).choice(np.flatnonzero(usable), wanted, replace=False)
        mask.ravel()[chosen] = True
    elif kind == "grid":
        every = whole("step", step, who=who)
        mask = np.zeros(da.shape, dtype=bool)
        mask[np.ix_(np.flatnonzero(rows)[::every], np.flatnonzero(columns)[::every])] = True
        mask &= usable
    elif kind == "centre":
        share = min(np.sqrt(wanted / there), 1.0)
        mask = usable & np.outer(_middle(rows, share), _middle(columns, share))
    steps = [float(np.abs(np.diff(a)).mean()) for a in lengths(da)]
    attrs: dict[str, Any] = {"units": "1", "long_name": "sampled"}
    attrs |= {f"alias_{d}": 2 * np.pi / (every * s) for d, s in zip(("y", "x"), steps, strict=True)}
    return xr.DataArray(mask, {d: da[d] for d in ("y", "x")}, ("y", "x"), name="sampled", attrs=attrs)


def _inside(da: xr.DataArray, dim: str, region: Mapping[str, Sequence[float]] | None, who: str) -> np.ndarray:
    if region is not None and (not isinstance(region, Mapping) or set(region) - {"y", "x"}):
        raise ParameterError(f"{who}: region must be such as {{'y': (0, 20), 'x': (0, 40)}}; got {region!r}.")
    if region is None or dim not in region:
        return np.ones(da.sizes[dim], dtype=bool)
    try:
        low, high = sorted(float(v) for v in region[dim])
    except (TypeError, ValueError):
        raise ParameterError(
            f"{who}: region[{dim!r}] must be two numbers, low and high; got {region[dim]!r}."
        ) from None
    values = np.asarray(da[dim].values, dtype=float)
    return np.asarray((values >= low) & (values <= high))


def _middle(line: np.ndarray, share: float) -> np.ndarray:
    """The middle of what is chosen along a line."""
    places = np.flatnonzero(line)
    n = max(round(share * places.size), 1)
    first = (places.size - n) // 2
    out = np.zeros_like(line)
    out[places[first : first + n]] = True
    return out
