"""Signals of HyperSpy in and out; HyperSpy is under the GPL and is never required."""

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, MissingDependencyError, ParameterError
from mi_widgets.io._rosettasciio import from_signals
from mi_widgets.labels import find_spectral_dim, require_axis, require_numeric

__all__ = ["from_hyperspy", "to_hyperspy"]


def from_hyperspy(signal: Any, *, dim: str | None = None, units: str | None = None) -> xr.DataArray:
    """Make labelled spectra from a HyperSpy signal.

    Parameters
    ----------
    signal : hyperspy signal
        Any object with ``data``, ``axes_manager``, ``metadata`` and ``original_metadata`` as HyperSpy has them. Which
        axis is spectral is told by its name and unit, not by its navigation flag. A lazy signal stays lazy.
    dim : str, optional
        Name of the spectral dimension, when the signal does not tell: ``"energy"``, ``"raman_shift"`` …
    units : str, optional
        Unit of the spectral axis, when the signal does not tell.

    Returns
    -------
    xarray.DataArray
        As `read_spectra` returns it: dims ``(y, x, <spectral>)`` as far as present.

    Raises
    ------
    ParameterError
        The object is no signal.
    LabelError
        The spectral axis cannot be told; the message names `dim`.
    DataError
        The values cannot be used: one channel, no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> axis = {"name": "Energy", "units": "eV", "size": 3, "offset": 284.0, "scale": 0.5}
    >>> manager = SimpleNamespace(as_dictionary=lambda: {"axis-0": axis})
    >>> from_hyperspy(SimpleNamespace(data=np.array([1, 5, 2]), axes_manager=manager)).energy.values
    array([284. , 284.5, 285. ])
    """
    if not hasattr(signal, "data") or not hasattr(getattr(signal, "axes_manager", None), "as_dictionary"):
        raise ParameterError(
            f"from_hyperspy needs a HyperSpy signal; got {type(signal).__name__}. For a file write read_spectra(path)."
        )
    axes = list(signal.axes_manager.as_dictionary().values())
    if any(
        "expression" in axis for axis in axes
    ):  # an axis given by a formula: its values are asked of the axis itself
        axes = [{**a, "axis": np.asarray(o.axis)} for a, o in zip(axes, signal.axes_manager._axes, strict=True)]  # noqa: SLF001
    metadata = _dictionary(getattr(signal, "metadata", None))
    title = metadata.get("General", {}).get("title") or "HyperSpy signal"
    given = {
        "data": signal.data,
        "axes": axes,
        "metadata": metadata,
        "original_metadata": _dictionary(getattr(signal, "original_metadata", None)),
    }
    lazy = True if hasattr(signal.data, "chunks") else None
    da = from_signals([given], path=Path(str(title)[:100]), reader="hyperspy", dim=dim, units=units, lazy=lazy)
    history = json.loads(da.attrs["history"])
    da.attrs["history"] = json.dumps({**history, "function": "mi_widgets.io.from_hyperspy"})
    return da


def to_hyperspy(da: xr.DataArray, *, dim: str | None = None) -> Any:
    """Make a HyperSpy signal of labelled spectra; `from_hyperspy` gives them back.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra, with any number of other dimensions. A chunked array gives a lazy signal.
    dim : str, optional
        The spectral dimension; by default it is found by name and unit.

    Returns
    -------
    hyperspy.api.signals.Signal1D
        Its signal axis is the spectral one, its navigation axes the others; names, units, title and attributes are
        kept, the latter in ``original_metadata``. An axis with unequal steps becomes a non-uniform one.

    Raises
    ------
    MissingDependencyError
        HyperSpy is not installed.
    LabelError
        There is no spectral dimension, or it has no coordinate or unit.
    DataError
        The values or an axis are no numbers.

    Examples
    --------
    >>> from mi_widgets.labels import label_spectra
    >>> spectra = label_spectra([[3, 4, 5]], [283.0, 284.0, 285.0])
    >>> try:
    ...     print(to_hyperspy(spectra).axes_manager.signal_axes[0].name)
    ... except ImportError:  # HyperSpy is not installed
    ...     print("energy")
    energy
    """
    spectral = dim or str(find_spectral_dim(da))
    require_axis(da, spectral, who="to_hyperspy")
    require_numeric(da, who="to_hyperspy")
    if importlib.util.find_spec("hyperspy") is None:
        raise MissingDependencyError("to_hyperspy needs the package hyperspy (GPL): pip install hyperspy")
    hs = importlib.import_module("hyperspy.api")
    da = da.transpose(..., spectral)
    axes = [_axis(da, str(name), name != spectral) for name in da.dims]
    general = {"title": str(da.attrs.get("title") or da.name or "")}
    units = da.attrs.get("units", "1")
    name = str(da.attrs.get("long_name") or "intensity")
    quantity = f"{name} ({units})" if units != "1" else name
    metadata = {"General": general, "Signal": {"quantity": quantity}}
    original = {"mi_widgets": {str(key): value for key, value in da.attrs.items()}}
    signal = hs.signals.Signal1D(da.data, axes=axes, metadata=metadata, original_metadata=original)
    return signal.as_lazy() if da.chunks is not None else signal


def _dictionary(tree: Any) -> dict[str, Any]:
    if hasattr(tree, "as_dictionary"):
        tree = tree.as_dictionary()
    return dict(tree) if isinstance(tree, dict) else {}


def _axis(da: xr.DataArray, dim: str, navigate: bool) -> dict[str, Any]:
    axis: dict[str, Any] = {"name": dim, "size": da.sizes[dim], "navigate": navigate, "units": "", "scale": 1.0}
    if dim not in da.coords:
        return {**axis, "offset": 0.0}
    if da[dim].dtype.kind not in "buif":
        raise DataError(f"to_hyperspy: coordinate {dim!r} holds {da[dim].dtype}, not numbers. Drop it: da.drop_vars.")
    values = da[dim].values.astype(float)
    axis["units"] = str(da[dim].attrs.get("units", ""))
    # halved before they are subtracted, which could overflow
    step = np.diff(values / 2) / max(1, values.size - 1)
    if values.size < 2 or np.allclose(step, step.mean(), rtol=1e-6, atol=0):
        scale = 2 * float(step.sum()) if values.size > 1 else 1.0
        return {**axis, "offset": float(values[0]), "scale": scale}
    return {"name": dim, "units": axis["units"], "navigate": navigate, "axis": values}
