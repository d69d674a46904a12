"""A network that learnt silica: the file from which `mi_widgets.potentials.load_potential` makes it."""

from pathlib import Path

from mi_widgets._share import share_path
from mi_widgets.datasets._registry import entry

__all__ = ["load_silica_network"]


def load_silica_network() -> Path:
    """Find the file of a network that learnt the energies and forces of melts 0 to 2 of the silica snapshots.

    Melt 3 judged it while it learnt, melt 4 it has never seen: there its errors are 1.4 meV per atom and
    0.07 eV/angstrom.

    Returns
    -------
    pathlib.Path
        Give it to ``mi_widgets.potentials.load_potential``.

    Raises
    ------
    MIWidgetsError
        The bundled data are missing: the installation is incomplete.

    Examples
    --------
    >>> load_silica_network().name
    'silica_network.nc'
    """
    return share_path("data") / entry("silica_network")["file"]
