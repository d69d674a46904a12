"""An equation of state with its numbers: what a fit gives, what a paper prints, what a slider moves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._data import UNITS, factor_of, number
from mi_widgets.eos._forms import FORMS
from mi_widgets.eos._state import Model
from mi_widgets.eos._thermal import THERMAL
from mi_widgets.errors import LabelError, ParameterError

__all__ = ["Equation", "list_forms", "reference_equation"]


@dataclass(frozen=True)
class Equation:
    """An equation of state with the values of its parameters.

    Parameters
    ----------
    form : str
        ``"bm2"``, ``"bm3"``, ``"bm4"``, ``"vinet"`` or ``"murnaghan"``.
    parameters : mapping of str to float
        ``v0`` in `volume_units`, ``k0`` (GPa), ``k0_prime`` (1), ``k0_double_prime`` (1/GPa), as the form needs them;
        with a thermal part ``gamma0`` (1), ``theta0`` (K), and ``q``, or ``a`` and ``b``.
    thermal : str
        ``"none"``; ``"debye"``: gamma = gamma0 (V/V0)**q; or ``"tange"``: gamma = gamma0 (1 + a ((V/V0)**b - 1)).
    n_atoms : float, optional
        Atoms in the volume; needed with a thermal part.
    volume_units : str
        ``"angstrom**3"`` or ``"cm**3/mol"``.
    molar_mass : float, optional
        Mass of these atoms (g/mol): for densities and velocities.
    reference_temperature : float
        Temperature of the isothermal form (K).
    isentropic : bool
        The form holds along an isentrope, ``k0`` being adiabatic; without a thermal part.
    source : str
        Where the numbers come from.

    Raises
    ------
    ParameterError
        A form, thermal part or parameter is unknown, missing, or not a usable number.

    Examples
    --------
    >>> mgo = Equation("bm3", {"v0": 74.7, "k0": 160.0, "k0_prime": 4.0})
    >>> mgo.parameters["k0"]
    160.0
    """

    form: str
    parameters: Mapping[str, float]
    thermal: str = "none"
    n_atoms: float | None = None
    volume_units: str = "angstrom**3"
    molar_mass: float | None = None
    reference_temperature: float = 300.0
    isentropic: bool = False
    source: str = ""
    _model: Model = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        who = "Equation"
        object.__setattr__(
            self, "_model", make_model(self.form, self.thermal, self.n_atoms, self.reference_temperature)
        )
        names = self._model.names
        wrong = set(self.parameters) ^ set(names)
        if wrong:
            raise ParameterError(
                f"{who}: {self.form} with thermal={self.thermal!r} has the parameters {', '.join(names)}; "
                f"{'missing' if wrong <= set(names) else 'not known or missing'}: {', '.join(sorted(wrong))}."
            )
        values = {}
        for name in names:
            least = 0.0 if name in ("v0", "k0", "theta0") else -np.inf
            values[name] = number(name, self.parameters[name], who=who, above=least)
        object.__setattr__(self, "parameters", values)
        factor_of(self.volume_units, "volume", who=who)
        if self.isentropic and self.thermal != "none":
            raise ParameterError(f'{who}: an isentropic form has no thermal part. Write thermal="none".')

    @property
    def model(self) -> Model:
        """Form and thermal part, for the private functions."""
        return self._model

    @property
    def volume_factor(self) -> float:
        """What the unit of the volume is in angstrom**3."""
        return UNITS["volume"][self.volume_units.strip()]

    @classmethod
    def from_fit(cls, fit: xr.Dataset) -> "Equation":
        """Equation of a result of `fit_eos`, or of one candidate of `compare_eos`.

        Parameters
        ----------
        fit : xarray.Dataset
            The result; of several candidates choose one: ``compared.sel(candidate="vinet")``.

        Returns
        -------
        Equation
            With the fitted and the held values.

        Raises
        ------
        LabelError
            It is no such result, or holds several candidates.

        Examples
        --------
        >>> from mi_widgets.datasets import make_eos
        >>> from mi_widgets.eos import fit_eos
        >>> cold = make_eos(seed=0).isel(point=slice(0, 20))
        >>> Equation.from_fit(fit_eos(cold, form="bm2")).form
        'bm2'
        """
        if not isinstance(fit, xr.Dataset) or "form" not in fit.coords or fit["form"].ndim:
            raise LabelError(
                "from_fit needs a result of fit_eos, or one candidate: Equation.from_fit(compared.isel(candidate=0))."
            )
        form, thermal = str(fit["form"].item()), str(fit["thermal"].item())
        names = FORMS[form].parameters + THERMAL[thermal]
        return cls(
            form,
            {name: float(fit[name]) for name in names},
            thermal=thermal,
            n_atoms=fit.attrs.get("n_atoms"),
            volume_units=str(fit["v0"].attrs["units"]),
            molar_mass=fit.attrs.get("molar_mass"),
            reference_temperature=float(fit.attrs["reference_temperature"]),
            source=str(fit.attrs.get("source", "")),
        )


def make_model(form: Any, thermal: Any, n_atoms: Any, reference_temperature: Any, *, who: str = "Equation") -> Model:
    """Check names and numbers of a model."""
    if form not in FORMS:
        raise ParameterError(f"{who}: there is no form {form!r}; there are {', '.join(FORMS)}.")
    if thermal not in THERMAL:
        raise ParameterError(f"{who}: there is no thermal part {thermal!r}; there are {', '.join(THERMAL)}.")
    t0 = number("reference_temperature", reference_temperature, who=who)
    if n_atoms is None:
        if thermal != "none":
            raise ParameterError(
                f"{who}: a thermal part needs the number of atoms in the volume: n_atoms=8 for a cell of MgO, 2 for "
                "its molar volume. Write ds.attrs['n_atoms'] = 8, or n_atoms=8."
            )
        return Model(form, thermal, 0.0, t0)
    return Model(form, thermal, number("n_atoms", n_atoms, who=who), t0)


def list_forms() -> dict[str, str]:
    """Forms that can be fitted, by the name that is written in calls.

    Returns
    -------
    dict of str to str
        Names, and where each form was published.

    Examples
    --------
    >>> list_forms()["vinet"]
    'Vinet, doi:10.1029/JB092iB09p09319'
    """
    return {name: f"{form.text}, {form.reference}" for name, form in FORMS.items()}


_REFERENCE = {
    "mgo_tange_2009": Equation(
        "vinet",
        {"v0": 74.698, "k0": 160.63, "k0_prime": 4.367, "gamma0": 1.442, "a": 0.138, "b": 5.4, "theta0": 761.0},
        thermal="tange", n_atoms=8, molar_mass=4 * 40.304, source="MgO, Tange et al. 2009, doi:10.1029/2008JB005813",
    ),
    "liquid_iron_1994": Equation(
        "bm4",
        {"v0": 55.845 / 7.019, "k0": 109.7, "k0_prime": 4.661, "k0_double_prime": -0.043},
        n_atoms=1, volume_units="cm**3/mol", molar_mass=55.845, reference_temperature=1811.0, isentropic=True,
        source="liquid iron along the isentrope from 1811 K, Anderson and Ahrens 1994, doi:10.1029/93JB03158",
    ),
}  # fmt: skip


def reference_equation(name: str) -> Equation:
    """Published equation of state.

    Parameters
    ----------
    name : str
        ``"mgo_tange_2009"``: MgO, Vinet with Tange's gamma [1]_; ``"liquid_iron_1994"``: liquid iron along the
        isentrope that starts at 1811 K and no pressure, fourth order [2]_.

    Returns
    -------
    Equation
        With the published numbers.

    Raises
    ------
    ParameterError
        There is no such equation.

    References
    ----------
    .. [1] Tange, Nishihara, Tsuchiya 2009, doi:10.1029/2008JB005813
    .. [2] Anderson, Ahrens 1994, doi:10.1029/93JB03158

    Examples
    --------
    >>> reference_equation("mgo_tange_2009").parameters["k0"]
    160.63
    """
    if name not in _REFERENCE:
        raise ParameterError(f"there is no equation {name!r}; there are {', '.join(_REFERENCE)}.")
    return _REFERENCE[name]
