"""What the variables of a fit are called in menus, titles and tables: their names in the result, with a word beside."""

from mi_widgets.plots._style import nice_unit

__all__ = ["WORDS", "name_of", "with_unit"]

#: One vocabulary: lmfit's names, which are those of the result and of the code, and what a spectroscopist calls them.
WORDS = {
    "center": "position",
    "amplitude": "area",
    "fwhm": "full width",
    "sigma": "width parameter",
    "fraction": "Lorentz share",
    "gamma": "Lorentz width",
    "gaussian_sigma": "Gauss width",
    "bic": "information criterion",
    "dof": "degrees of freedom",
    "n_iter": "iterations",
}


def name_of(name: str) -> str:
    """Name with the word that is used beside it.

    Examples
    --------
    >>> name_of("center"), name_of("background_left")
    ('center (position)', 'background left')
    """
    word = WORDS.get(name)
    plain = name.replace("_", " ")
    return f"{plain} ({word})" if word else plain


def with_unit(text: str, units: str) -> str:
    """Text followed by a unit, if there is one.

    Examples
    --------
    >>> with_unit("center (position)", "eV"), with_unit("fraction", "1")
    ('center (position), eV', 'fraction')
    """
    return text if units in ("", "1") else f"{text}, {nice_unit(units)}"
