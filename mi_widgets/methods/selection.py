"""Which of several models the data support: information criteria and the weights that follow from them."""

from typing import Any, NamedTuple

import numpy as np

from mi_widgets.errors import DataError, ParameterError

__all__ = ["Criteria", "criterion_weights", "information_criteria"]


class Criteria(NamedTuple):
    """Information criteria of models: the lower, the better; only differences between models of the same data count.

    Attributes
    ----------
    aic : numpy.ndarray
        Akaike's criterion.
    aicc : numpy.ndarray
        Akaike's criterion for few data; infinite where there are not at least two data more than parameters.
    bic : numpy.ndarray
        The Bayesian criterion.
    """

    aic: np.ndarray
    aicc: np.ndarray
    bic: np.ndarray


def information_criteria(log_likelihood: Any, n_parameters: Any, n_data: Any) -> Criteria:
    r"""Criteria of Akaike (also for few data) and Schwarz, from the largest log-likelihood :math:`\ln L`.

    Parameters
    ----------
    log_likelihood : array_like
        Natural logarithm of the likelihood at its maximum, with all the constants that differ between models; NaN
        for a model that could not be fitted.
    n_parameters : array_like of int
        Number of free parameters :math:`k`, an estimated noise level among them.
    n_data : array_like of int
        Number of data :math:`n`; a complex value counts twice.

    Returns
    -------
    Criteria
        ``aic``, ``aicc``, ``bic``: float64 arrays of the shape to which the three arguments broadcast; NaN where the
        log-likelihood is.

    Raises
    ------
    ParameterError
        `n_parameters` is below 0, `n_data` below 1, or one of them is no number; the shapes do not broadcast.

    Notes
    -----
    :math:`\mathrm{AIC} = 2k - 2\ln L`,
    :math:`\mathrm{AICc} = \mathrm{AIC} + 2k(k+1)/(n-k-1)`,
    :math:`\mathrm{BIC} = k\ln n - 2\ln L`.
    For Gaussian errors of known size, :math:`-2\ln L = \chi^2 + \sum\ln 2\pi\sigma_i^2`; of one unknown size,
    :math:`n[\ln(2\pi\,\mathrm{RSS}/n) + 1]`.

    References
    ----------
    Akaike 1974, doi:10.1109/TAC.1974.1100705; Hurvich and Tsai 1989, doi:10.1093/biomet/76.2.297; Schwarz 1978,
    doi:10.1214/aos/1176344136.

    Examples
    --------
    >>> found = information_criteria([-10.0, -9.5], [2, 3], 20)
    >>> found.aic
    array([24., 25.])
    >>> found.bic.round(2)
    array([25.99, 27.99])
    """
    try:
        values = (np.asarray(v, dtype=float) for v in (log_likelihood, n_parameters, n_data))
        ln_l, k, n = np.broadcast_arrays(*values)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"information_criteria needs three numbers, or arrays of shapes that fit together: {error}. "
            "Give one log-likelihood and one number of parameters per model, and one number of data."
        ) from None
    if not (k >= 0).all():
        raise ParameterError(f"n_parameters must be 0 or more; the least is {np.min(k)}. Count the free parameters.")
    if not (n >= 1).all():
        raise ParameterError(f"n_data must be 1 or more; the least is {np.min(n)}. Count the data that were fitted.")
    aic = 2 * k - 2 * ln_l
    room = n - k - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        few = np.where(room > 0, 2 * k * (k + 1) / room, np.inf)
    return Criteria(aic=aic, aicc=aic + few, bic=k * np.log(n) - 2 * ln_l)


def criterion_weights(criterion: Any, *, axis: int = -1) -> np.ndarray:
    r"""Weights of models from an information criterion: :math:`w_i \propto \exp[-(c_i - \min c)/2]`.

    From AIC or AICc these are Akaike's weights, from BIC rough posterior probabilities under equal prior ones. Models
    that make the same predictions share their weight: group them before you read it.

    Parameters
    ----------
    criterion : array_like
        The criterion of every model; NaN or infinity for one that is out of the race.
    axis : int
        The axis over the models; the others are sets of models judged separately.

    Returns
    -------
    numpy.ndarray
        Weights of the same shape that sum to 1 over `axis`; 0 for NaN and infinity, and all 0 where no model is left.

    Raises
    ------
    DataError
        A criterion is minus infinity, or there is none at all.

    References
    ----------
    Burnham and Anderson 2004, doi:10.1177/0049124104268644.

    Examples
    --------
    >>> criterion_weights([10.0, 12.0, float("nan")]).round(3)
    array([0.731, 0.269, 0.   ])
    """
    values = np.asarray(criterion, dtype=float)
    if values.ndim == 0 or values.shape[axis] == 0:
        raise DataError(f"criterion_weights needs one value per model; got shape {values.shape}. Give a list of them.")
    if np.isneginf(values).any():
        raise DataError("a criterion is minus infinity: its likelihood is unbounded. Set a least noise level.")
    usable = np.isfinite(values)
    least = np.min(np.where(usable, values, np.inf), axis=axis, keepdims=True)
    with np.errstate(invalid="ignore"):
        weights = np.where(usable, np.exp(-0.5 * (values - least)), 0.0)
    total = weights.sum(axis=axis, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
