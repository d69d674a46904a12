"""Crystals of silica as diffraction finds them."""

import numpy as np
import xarray as xr

from mi_widgets.datasets._structures import finish_structure
from mi_widgets.errors import ParameterError
from mi_widgets.labels import label_structure

__all__ = ["make_silica_crystal"]

_CELLS = {"quartz": (4.913, 5.405, 120.0), "stishovite": (4.177, 2.666, 90.0), "cristobalite": (4.972, 6.922, 90.0)}


def make_silica_crystal(phase: str = "quartz", *, repeat: tuple[int, int, int] = (1, 1, 1)) -> xr.Dataset:
    """Make a crystal of SiO2 with its measured cell and places.

    Parameters
    ----------
    phase : {"quartz", "cristobalite", "stishovite"}
        alpha-quartz (P3_2 21, a = 4.913, c = 5.405 angstrom, 9 atoms [1]_), alpha-cristobalite (P4_1 2_1 2, 4.972,
        6.922, 12 atoms [2]_) or stishovite (P4_2/mnm, 4.177, 2.666, 6 atoms [3]_).
    repeat : (int, int, int)
        Cells along each vector.

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`.

    Raises
    ------
    ParameterError
        The phase is unknown or a number of cells is not 1 or more.

    References
    ----------
    .. [1] L. Levien, C. T. Prewitt, D. J. Weidner, Am. Mineral. 65, 920 (1980)
    .. [2] W. A. Dollase, Z. Kristallogr. 121, 369 (1965), doi:10.1524/zkri.1965.121.5.369
    .. [3] R. J. Hill, M. D. Newton, G. V. Gibbs, J. Solid State Chem. 47, 185 (1983), doi:10.1016/0022-4596(83)90007-0

    Examples
    --------
    >>> make_silica_crystal("cristobalite").sizes["atom"]
    12
    """
    if phase not in _CELLS:
        raise ParameterError(f"make_silica_crystal: unknown phase {phase!r}; write one of {', '.join(_CELLS)}.")
    if len(repeat) != 3 or any(isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1 for n in repeat):
        raise ParameterError(f"make_silica_crystal: repeat must be three whole numbers of 1 or more; got {repeat!r}.")
    a, c, angle = _CELLS[phase]
    turn = np.radians(angle)
    cell = np.array([[a, 0.0, 0.0], [a * np.cos(turn), a * np.sin(turn), 0.0], [0.0, 0.0, c]])
    silicon, oxygen = {"quartz": _quartz, "cristobalite": _cristobalite, "stishovite": _stishovite}[phase]()
    fraction = np.mod(np.concatenate([silicon, oxygen]), 1.0)
    steps = np.stack(np.meshgrid(*[np.arange(n) for n in repeat], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    place = (fraction + steps).reshape(-1, 3) @ cell
    names = np.tile(np.repeat(["Si", "O"], [len(silicon), len(oxygen)]), len(steps))
    ds = label_structure(place, names, cell=cell * np.asarray(repeat)[:, None])
    return finish_structure(ds, "make_silica_crystal", phase, {"phase": phase, "repeat": list(map(int, repeat))})


def _quartz() -> tuple[np.ndarray, np.ndarray]:
    u, x, y, z = 0.4697, 0.4135, 0.2669, 0.7858
    silicon = [(u, 0, 2 / 3), (0, u, 1 / 3), (-u, -u, 0)]
    oxygen = [(x, y, z), (-y, x - y, z + 2 / 3), (y - x, -x, z + 1 / 3)]
    oxygen += [(y, x, -z), (x - y, -y, 1 / 3 - z), (-x, y - x, 2 / 3 - z)]
    return np.array(silicon), np.array(oxygen)


def _cristobalite() -> tuple[np.ndarray, np.ndarray]:
    u, x, y, z = 0.3003, 0.2392, 0.1044, 0.1787
    silicon = [(u, u, 0), (-u, -u, 0.5), (0.5 - u, 0.5 + u, 0.25), (0.5 + u, 0.5 - u, 0.75)]
    oxygen = [(x, y, z), (-x, -y, z + 0.5), (0.5 - y, x + 0.5, z + 0.25), (y + 0.5, 0.5 - x, z + 0.75)]
    oxygen += [(0.5 - x, y + 0.5, 0.25 - z), (x + 0.5, 0.5 - y, 0.75 - z), (y, x, -z), (-y, -x, 0.5 - z)]
    return np.array(silicon), np.array(oxygen)


def _stishovite() -> tuple[np.ndarray, np.ndarray]:
    u = 0.3062
    silicon = [(0, 0, 0), (0.5, 0.5, 0.5)]
    oxygen = [(u, u, 0), (-u, -u, 0), (0.5 + u, 0.5 - u, 0.5), (0.5 - u, 0.5 + u, 0.5)]
    return np.array(silicon), np.array(oxygen)
