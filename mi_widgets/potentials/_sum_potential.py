"""Potentials whose energy is a sum of terms with known uncertainty: what the Gaussian process and the linear share."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._regression import Posterior
from mi_widgets.potentials._sum_model import Calibration, SumModel
from mi_widgets.potentials.domain import Domain
from mi_widgets.potentials.potential import Evaluation, Potential

__all__ = ["SumPotential"]

_NOISE = ("energy", "force", "virial")


class SumPotential(Potential):
    """A potential that knows the uncertainty of its coefficients."""

    #: Classes of the terms, in their order; the last part is the descriptor of the settings.
    terms: ClassVar[tuple[Any, ...]]

    def __init__(
        self, settings: Any, training: xr.Dataset, model: SumModel, posterior: Posterior, calibration: Calibration,
        domain: Domain,
    ) -> None:  # fmt: skip
        super().__init__(settings, training)
        self._model, self._posterior, self._calibration, self._domain = model, posterior, calibration, domain

    @property
    def noise(self) -> dict[str, float]:
        """Noise that was found: energies (eV per atom), forces (eV/angstrom), virials (eV per atom)."""
        return dict(self._posterior.noise)

    def _evaluate(self, geometries: Sequence[Geometry], *, derivatives: bool, uncertainty: bool) -> Evaluation:
        return self._model.evaluate(
            geometries, self._posterior, self._calibration, self._domain, derivatives=derivatives,
            uncertainty=uncertainty,
        )  # fmt: skip

    def _arrays(self) -> dict[str, np.ndarray]:
        c = self._calibration
        return {
            **self._model.arrays(),
            **self._domain.to_arrays(),
            "mean": self._posterior.mean,
            "root": self._posterior.root.astype(np.float32),
            "noise": np.array([self._posterior.noise[name] for name in _NOISE]),
            "force_stretch": c.force_stretch,
            "force_ground": c.force_ground,
            "energy_scales": np.array([c.energy_stretch, c.energy_ground]),
        }

    @classmethod
    def _restore(
        cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], training: xr.Dataset
    ) -> "SumPotential":
        own = cls._settings(settings)
        model = SumModel.restore(own.descriptors(), cls.terms[-len(own.descriptors()) :], arrays)
        noise = dict(zip(_NOISE, map(float, arrays["noise"]), strict=True))
        posterior = Posterior(np.asarray(arrays["mean"]), np.asarray(arrays["root"]), noise)
        energy = np.asarray(arrays["energy_scales"])
        calibration = Calibration(
            np.asarray(arrays["force_stretch"]), np.asarray(arrays["force_ground"]), float(energy[0]), float(energy[1])
        )
        return cls(own, training, model, posterior, calibration, Domain.from_arrays(arrays))

    @classmethod
    def _settings(cls, settings: Mapping[str, Any]) -> Any:
        raise NotImplementedError
