"""Values as the model sees them: logarithm or power, and back."""

import numpy as np

from mi_widgets.errors import DataError, ParameterError

__all__ = ["TRANSFORMS", "Transform"]

TRANSFORMS = ("none", "log", "power")
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)


class Transform:
    """A monotonic map of the values; ``power`` is that of Yeo and Johnson (2000), doi:10.1093/biomet/87.4.954."""

    def __init__(self, name: str, who: str = "Search") -> None:
        if name not in TRANSFORMS:
            raise ParameterError(f"{who}: transform must be one of {', '.join(TRANSFORMS)}; got {name!r}.")
        self.name = name
        self.exponent = 1.0
        self.centre, self.width = 0.0, 1.0

    def fit(self, y: np.ndarray) -> None:
        """Choose the exponent of highest likelihood, of those between 0 and 2: their inverse has no ceiling."""
        if self.name != "power" or len(y) < 3 or np.ptp(y) == 0:
            return
        from scipy.optimize import minimize_scalar

        self.centre = float(np.median(y))
        self.width = float(np.subtract(*np.percentile(y, (75, 25)))) or float(np.std(y))
        z = (y - self.centre) / self.width
        jacobian = np.sum(np.sign(z) * np.log1p(np.abs(z)))

        def cost(exponent: float) -> float:
            spread = np.var(_yeo_johnson(z, exponent))
            return float(0.5 * len(z) * np.log(max(spread, 1e-300)) - (exponent - 1) * jacobian)

        self.exponent = float(minimize_scalar(cost, bounds=(0.0, 2.0), method="bounded").x)

    def check(self, value: float, who: str) -> None:
        """Raise where a value has no transform."""
        if self.name == "log" and not value > 0:
            raise DataError(f"{who}: transform='log' needs values above zero; got {value:g}. Write transform='power'.")

    def forward(self, y: np.ndarray) -> np.ndarray:
        """Values as the model sees them."""
        if self.name == "log":
            return np.asarray(np.log(y))
        if self.name == "power":
            return _yeo_johnson((y - self.centre) / self.width, self.exponent)
        return y

    def slope(self, y: np.ndarray) -> np.ndarray:
        """Derivative, which carries a noise over."""
        if self.name == "log":
            return 1 / y
        if self.name == "power":
            z = (y - self.centre) / self.width
            power = np.where(z >= 0, self.exponent - 1, 1 - self.exponent)
            return np.asarray((1 + np.abs(z)) ** power / self.width)
        return np.ones_like(y)

    def back(self, values: np.ndarray) -> np.ndarray:
        """The inverse."""
        if self.name == "log":
            return np.asarray(np.exp(np.minimum(values, 700.0)))
        if self.name == "power":
            return self.centre + self.width * _inverse(values, self.exponent)
        return values

    def moments(self, mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the values themselves, where the transformed ones are normal."""
        if self.name == "none":
            return mean, std
        if self.name == "log":
            first = np.exp(np.minimum(mean + 0.5 * std**2, 700.0))
            return first, first * np.sqrt(np.expm1(np.minimum(std**2, 700.0)))
        weights = _WEIGHTS / _WEIGHTS.sum()
        first, second = np.zeros_like(mean), np.zeros_like(mean)
        for node, weight in zip(_NODES, weights, strict=True):
            value = self.back(mean + node * std)
            first += weight * value
            second += weight * value**2
        return first, np.sqrt(np.maximum(second - first**2, 0.0))


def _yeo_johnson(z: np.ndarray, exponent: float) -> np.ndarray:
    up, down = np.log1p(np.maximum(z, 0)), np.log1p(np.maximum(-z, 0))
    return np.where(z >= 0, _box_cox(up, exponent), -_box_cox(down, 2 - exponent))


def _box_cox(log: np.ndarray, exponent: float) -> np.ndarray:
    return log if abs(exponent) < 1e-8 else np.expm1(exponent * log) / exponent


def _inverse(values: np.ndarray, exponent: float) -> np.ndarray:
    up, down = np.maximum(values, 0), np.maximum(-values, 0)
    return np.where(values >= 0, _unbox_cox(up, exponent), -_unbox_cox(down, 2 - exponent))


def _unbox_cox(values: np.ndarray, exponent: float) -> np.ndarray:
    if abs(exponent) < 1e-8:
        return np.asarray(np.expm1(np.minimum(values, 700.0)))
    return np.asarray(np.expm1(np.minimum(np.log1p(exponent * values) / exponent, 700.0)))
