"""Where the bundled data and notebooks lie: inside the installed wheel, or at the top of a checkout."""

from pathlib import Path
from typing import Literal

from mi_widgets.errors import MIWidgetsError, ParameterError

__all__ = ["share_path"]

_HERE = Path(__file__).resolve().parent


def share_path(kind: Literal["data", "notebooks"]) -> Path:
    """Folder of the bundled data or notebooks.

    Parameters
    ----------
    kind : {"data", "notebooks"}
        Which folder.

    Returns
    -------
    pathlib.Path
        ``mi_widgets/_share/<kind>`` of an installed wheel, else ``<kind>`` at the top of the checkout.

    Raises
    ------
    ParameterError
        `kind` is neither of the two.
    MIWidgetsError
        Neither folder exists: the installation is incomplete.

    Examples
    --------
    >>> share_path("data").name
    'data'
    """
    if kind not in ("data", "notebooks"):
        raise ParameterError(f'share_path: kind must be "data" or "notebooks"; got {kind!r}.')
    installed = _HERE / "_share" / kind
    if installed.is_dir():
        return installed
    checkout = _HERE.parent
    # pyproject.toml tells a checkout from a site-packages folder that happens to hold another package's "data".
    if (checkout / "pyproject.toml").is_file() and (checkout / kind).is_dir():
        return checkout / kind
    raise MIWidgetsError(
        f"the bundled {kind} are missing: neither {installed} nor {checkout / kind} exists. "
        "Install again: pip install --force-reinstall mi-widgets"
    )
