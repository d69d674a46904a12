"""What the data say of their own noise."""

import xarray as xr

from mi_widgets.labels import find_spectral_dim
from mi_widgets.peaks import _noise
from mi_widgets.peaks._checks import prepare
from mi_widgets.peaks._chunks import map_chunks
from mi_widgets.peaks._model import Model

__all__ = ["estimate_noise"]


def estimate_noise(da: xr.DataArray, dim: str | None = None) -> dict[str, float]:
    """Gain and read noise of the detector from the data alone: variance = read² + gain · mean.

    The variance is that of second differences of neighbouring channels, which smooth curves hardly have, among channels
    of like intensity. This is what ``fit_peaks(noise="auto")`` takes; to fit a part of the map with the noise of the
    whole, give it what this gives.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra over `dim` and any other dims. Of a chunked array the chunk in the middle is looked at.
    dim : str, optional
        The spectral dimension; found by name or unit if not given.

    Returns
    -------
    dict
        ``gain`` (data unit), variance over mean, 1 for counts; ``read`` (data unit), standard deviation at intensity
        zero.

    Raises
    ------
    LabelError
        A dim, coordinate or unit is missing.
    DataError
        The data are not numbers, there are fewer than ten values, or they have no noise at all.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(16, 16), seed=1).spectra
    >>> round(peaks.estimate_noise(spectra)["gain"], 1)
    1.0
    """
    dim = str(dim or find_spectral_dim(da))
    if isinstance(da, xr.DataArray) and da.chunks is not None:
        da = da.transpose(..., dim).chunk({dim: -1})
        places = list(map_chunks(da, dim))
        da = da.isel(places[len(places) // 2]).compute()
    gain, read = _noise.estimate_noise(prepare(da, dim, Model((), "none")))
    return {"gain": gain, "read": read}
