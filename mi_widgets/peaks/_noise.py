"""What is known of the noise: given, counted, or read off the data."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import ndimage, optimize

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.peaks._checks import Prepared, require_same_labels

Weights = Callable[[np.ndarray, np.ndarray], np.ndarray]
N_LEVELS, N_SAMPLE, N_SMOOTH = 24, 4096, 5
READ_SHARE = 0.2  # of the variance of counting, above which read noise is not small
FAINT = 1e-6  # share of the variance at the brightest channels below which there is no gain


@dataclass(frozen=True)
class Noise:
    """Weights of the gaussian likelihood, and what the noise does to standard errors.

    Attributes
    ----------
    weights : callable
        ``weights(rows, spectra)`` gives 1/variance, broadcastable to the spectra.
    unknown : bool
        Scale standard errors by the residuals of each spectrum.
    gain : float
        Variance over mean of counts; the deviance is divided by it.
    attrs : dict
        What to report with the result.
    """

    weights: Weights
    unknown: bool = False
    gain: float = 1.0
    attrs: dict[str, float] | None = None


def lay_out_noise(
    noise: float | str | Mapping[str, float] | xr.DataArray | None,
    prepared: Prepared,
    *,
    poisson: bool,
    found: tuple[float, float] | None = None,
) -> Noise:
    """Check what the user said of the noise, or what was `found` (gain, read), and make it ready for the engines."""
    if isinstance(noise, str) and noise not in ("poisson", "auto"):
        raise ParameterError(f"unknown noise {noise!r}; write 'poisson', 'auto', a number, or a DataArray.")
    if isinstance(noise, Mapping):
        found = gain_and_read(noise)
        noise = "auto"
    if poisson:
        one = np.ones((1, 1))
        if isinstance(noise, str) and noise == "auto":
            gain, read = found or estimate_noise(prepared)
            if gain <= 0:
                raise DataError(
                    f"noise='auto' finds the same noise ({read:.3g}) at every intensity, so these are no counts. "
                    "Write likelihood='gaussian'."
                )
            _warn_of_read_noise(gain, read, prepared)
            return Noise(lambda _rows, _y: one, gain=gain, attrs={"noise_gain": gain, "noise_read": read})
        return Noise(lambda _rows, _y: one)
    if noise is None:
        return Noise(lambda _rows, y: 1 / difference_noise(y)[:, None] ** 2, unknown=True)
    if isinstance(noise, str):
        if noise == "poisson":
            attrs = {"noise_gain": 1.0, "noise_read": 0.0}
            return Noise(lambda _rows, y: 1 / np.maximum(np.where(np.isfinite(y), y, 1.0), 1.0), attrs=attrs)
        gain, read = found or estimate_noise(prepared)
        least = gain / N_SMOOTH  # one count in the running mean: no channel is certain because it has counted nothing
        return Noise(
            lambda _rows, y: 1 / (read**2 + gain * np.maximum(_smooth(y), least)),
            attrs={"noise_gain": gain, "noise_read": read},
        )
    if isinstance(noise, xr.DataArray):
        return Noise(_array_weights(noise, prepared))
    sigma = np.nan if isinstance(noise, bool) else float(noise)
    if not (np.isfinite(sigma) and sigma > 0):
        raise ParameterError(f"noise must be a standard deviation above zero; got {noise!r}.")
    weight = np.full((1, 1), 1 / sigma**2)
    return Noise(lambda _rows, _y: weight, attrs={"noise_sigma": sigma})


def _warn_of_read_noise(gain: float, read: float, prepared: Prepared) -> None:
    """The Poisson likelihood knows of no read noise: standard errors are too small where it counts."""
    y = prepared.read(np.unique(np.linspace(0, len(prepared.spectra) - 1, 64).astype(int)))
    level = float(np.nanmedian(y)) if np.isfinite(y).any() else 0.0
    if read**2 > READ_SHARE * gain * max(level, 0.0) + 1e-300:
        warnings.warn(
            f"the read noise ({read:.3g}) is not small beside that of counting at the median intensity "
            f"({np.sqrt(gain * max(level, 0)):.3g}), and the Poisson likelihood leaves it out: standard errors are too "
            "small. "
            "Write likelihood='gaussian' with the same noise.",
            MIWidgetsWarning,
            stacklevel=6,
        )


def gain_and_read(noise: Mapping[str, float]) -> tuple[float, float]:
    """What a user knows of the detector: ``{"gain": 0.23, "read": 4.0}``."""
    try:
        gain, read = float(noise["gain"]), float(noise.get("read", 0.0))
    except (KeyError, TypeError, ValueError):
        gain = read = np.nan
    if set(noise) - {"gain", "read"} or not (np.isfinite(gain + read) and gain >= 0 and read >= 0 and gain + read > 0):
        raise ParameterError(
            "noise must have a gain and perhaps a read noise, not both zero, such as {'gain': 0.23, 'read': 4.0}; "
            f"got {dict(noise)}."
        )
    return gain, read


def estimate_noise(prepared: Prepared) -> tuple[float, float]:
    """Gain and read noise of the detector from the data alone: variance = read**2 + gain * mean.

    The variance is that of second differences of neighbouring channels, which smooth curves hardly have, among
    channels of like intensity; spikes and steep flanks are cut off as outliers.

    Returns
    -------
    gain : float
        Variance over mean; 1 for counts.
    read : float
        Standard deviation at intensity zero.

    Raises
    ------
    DataError
        There are fewer than three channels, or the data have no noise at all.
    """
    rows = np.unique(np.linspace(0, len(prepared.spectra) - 1, N_SAMPLE).astype(int))
    y = prepared.read(rows)
    second = (y[:, :-2] - 2 * y[:, 1:-1] + y[:, 2:]) / np.sqrt(6)
    mean = ((y[:, :-2] + y[:, 1:-1] + y[:, 2:]) / 3)[np.isfinite(second)]
    second = second[np.isfinite(second)]
    if second.size < 8 or not second.any():
        raise DataError("noise='auto' finds no noise in these data. Give its standard deviation: noise=3.0.")
    n_levels = min(N_LEVELS, max(1, second.size // 16))
    edges = np.unique(np.quantile(mean, np.linspace(0, 1, n_levels + 1)))
    level = np.clip(np.searchsorted(edges, mean, side="right") - 1, 0, max(edges.size - 2, 0))
    levels, variance, weight = [], [], []
    for i in range(max(edges.size - 1, 1)):
        inside = level == i
        if inside.sum() >= 8:
            levels.append(mean[inside].mean())
            variance.append(_clipped_variance(second[inside]))
            weight.append(inside.sum())
    x, v = np.asarray(levels), np.maximum(np.asarray(variance), 1e-300)
    scale = np.sqrt(np.asarray(weight)) / v  # the variance of a variance goes with its square
    for _ in range(3):
        design = np.stack([np.maximum(x, 0.0), np.ones_like(x)], axis=1) * scale[:, None]
        (gain, offset), _residual = optimize.nnls(design, v * scale)
        scale = np.sqrt(np.asarray(weight)) / np.maximum(gain * np.maximum(x, 0) + offset, 1e-300)
    if gain * x.max() < FAINT * offset:  # nothing of it rises with the intensity
        gain = 0.0
    return float(gain), float(np.sqrt(offset))


def _clipped_variance(values: np.ndarray) -> float:
    spread = 1.4826 * np.median(np.abs(values))
    if spread > 0:
        values = values[np.abs(values) < 5 * spread]
    return float(np.mean(values**2))


def _smooth(y: np.ndarray) -> np.ndarray:
    """Running mean over five channels: weights must not follow the noise, or channels that count low weigh too much."""
    seen = np.isfinite(y)
    total = ndimage.uniform_filter1d(np.where(seen, y, 0.0), N_SMOOTH, axis=1, mode="nearest")
    if seen.all():
        return np.asarray(total)
    share = ndimage.uniform_filter1d(seen.astype(float), N_SMOOTH, axis=1, mode="nearest")
    return np.asarray(total / np.maximum(share, 1 / (2 * N_SMOOTH)))


def _array_weights(noise: xr.DataArray, prepared: Prepared) -> Weights:
    spectral = [str(d) for d in noise.dims if d not in prepared.dims]
    sizes = dict(zip(prepared.dims, prepared.shape, strict=True))
    if len(spectral) > 1 or any(noise.sizes[d] != sizes[str(d)] for d in noise.dims if d in sizes):
        raise LabelError(f"noise must have dims of the data; it has {dict(noise.sizes)}, the map has {sizes}.")
    if spectral and noise.sizes[spectral[0]] != prepared.axis.size:
        raise LabelError(f"noise has {noise.sizes[spectral[0]]} channels, the data have {prepared.axis.size}.")
    if not bool((noise > 0).all()):
        raise ParameterError(
            "noise must be standard deviations above zero everywhere; use da.where(mask) to drop data."
        )
    stored = prepared.axis[::-1] if prepared.descending else prepared.axis
    for d in noise.dims:
        labels = prepared.coords.get(str(d)) if d in sizes else stored
        require_same_labels("noise", noise, str(d), labels)
    full = noise.expand_dims({d: n for d, n in sizes.items() if d not in noise.dims})
    rows_of = full.transpose(*prepared.dims, ...).values.reshape(int(np.prod(prepared.shape)), -1)

    def weights(rows: np.ndarray, _y: np.ndarray) -> np.ndarray:
        sigma = np.asarray(rows_of[rows], dtype=float)
        return np.ascontiguousarray(1 / (sigma[:, ::-1] if prepared.descending else sigma) ** 2)

    return weights


def difference_noise(y: np.ndarray) -> np.ndarray:
    """Standard deviation of white noise from differences of neighbouring channels, robust against peaks and spikes."""
    step = np.abs(np.diff(y, axis=1))
    gap = np.isnan(step)
    if gap.any():
        step = np.where(gap, np.nan, step)
        empty = gap.all(axis=1)
        step[empty] = 1.0
        sigma, mean = np.nanmedian(step, axis=1), np.nanmean(step, axis=1)
    else:
        sigma, mean = np.median(step, axis=1), step.mean(axis=1)
    sigma = 1.0484 * np.where(sigma > 0, sigma, mean)  # 1.4826 / sqrt(2)
    size = np.nanmax(np.abs(y), axis=1, initial=0.0)
    return np.asarray(np.maximum(np.maximum(sigma, 1e-6 * size), 1e-150))
