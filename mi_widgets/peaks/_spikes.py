"""Cosmic rays: single channels far above both their spectrum and what a line could do."""

import numpy as np
from scipy import ndimage

from mi_widgets.peaks._noise import difference_noise

HEIGHT, FOOT, CHANNELS = 8.0, 0.25, 9


def find_spikes(y: np.ndarray) -> np.ndarray:
    """Channels hit by a cosmic ray, with those beside them.

    A hit stands more than eight standard deviations above the running median, and has fallen to less than a quarter
    two channels away on both sides; a line of three channels' width or more has not.

    Parameters
    ----------
    y : numpy.ndarray, shape (n_spectra, n_channels)
        Spectra; NaN is no hit.

    Returns
    -------
    numpy.ndarray of bool, shape (n_spectra, n_channels)
    """
    if y.shape[1] < CHANNELS:
        return np.zeros(y.shape, dtype=bool)
    filled = np.where(np.isfinite(y), y, np.nanmedian(np.where(np.isfinite(y), y, 0.0), axis=1)[:, None])
    above = filled - ndimage.median_filter(filled, size=(1, CHANNELS), mode="nearest")
    # the noise of a bright line is larger than that of the spectrum at large
    sigma = np.maximum(difference_noise(filled)[:, None], np.sqrt(np.maximum(filled - above, 0.0)))
    ground = ndimage.minimum_filter(filled, size=(1, 2 * CHANNELS - 1), mode="nearest")
    beyond = np.pad(filled, ((0, 0), (2, 2)), mode="edge")
    foot = np.maximum(beyond[:, :-4], beyond[:, 4:])
    hit = (above > HEIGHT * sigma) & (foot - ground < FOOT * (filled - ground))
    wide = np.pad(hit, ((0, 0), (1, 1)))
    return hit | (wide[:, :-2] & (above > 3 * sigma)) | (wide[:, 2:] & (above > 3 * sigma))
