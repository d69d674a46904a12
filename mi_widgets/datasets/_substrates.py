"""Layered and other hexagonal substrates, and two films, as a table that can be edited."""

import pandas as pd

__all__ = ["load_films", "load_substrates"]

_COLUMNS = ("a", "prototype", "elements", "van_der_waals", "band_gap", "work_function", "source", "gap_source", "note")
_NONE = float("nan")
_W = "doi:10.1016/0022-4596(87)90057-0"
_MO = "doi:10.1002/zaac.19865400904"
_WIKI = "Wikipedia"

# a (angstrom), kind of layer, elements, van der Waals, gap of the bulk (eV), work function (eV), where a and the gap
# were looked up; without a source they are typed from memory, and the note says so
_ROWS: dict[str, tuple[object, ...]] = {
    "graphene": (2.461, "honeycomb", "C C", True, 0.0, 4.57, f"{_WIKI}, Lattice constant: graphite", "",
                 "work function of one layer"),
    "h-BN": (2.504, "honeycomb", "B N", True, 5.955, _NONE, "", "arXiv:1512.02962", ""),
    "WS2": (3.153, "2H", "W S", True, _NONE, _NONE, _W, "", ""),
    "MoS2": (3.160, "2H", "Mo S", True, 1.23, _NONE, "", f"{_WIKI}, Molybdenum disulfide", ""),
    "WSe2": (3.282, "2H", "W Se", True, 1.20, _NONE, "", "", ""),
    "MoSe2": (3.289, "2H", "Mo Se", True, 1.09, _NONE, _MO, "", ""),
    "MoTe2": (3.519, "2H", "Mo Te", True, 0.88, _NONE, f"{_WIKI}, Molybdenum ditelluride", "arXiv:1407.1219", ""),
    "GaS": (3.587, "MX", "Ga S", True, _NONE, _NONE, "", "", ""),
    "SnS2": (3.647, "1T", "Sn S", True, 2.07, _NONE, "Palosz, Steurer and Schulz, Acta Cryst. B 46, 449 (1990)", "",
             ""),
    "HfSe2": (3.748, "1T", "Hf Se", True, 1.13, _NONE, "", "", ""),
    "GaSe": (3.755, "MX", "Ga Se", True, _NONE, _NONE, "", "", ""),
    "ZrSe2": (3.770, "1T", "Zr Se", True, 1.20, _NONE, "", "", ""),
    "SnSe2": (3.811, "1T", "Sn Se", True, 0.97, _NONE, "", "", ""),
    "InSe": (4.005, "MX", "In Se", True, 1.28, _NONE, f"{_WIKI}, Indium(II) selenide: beta", f"{_WIKI}, as a", ""),
    "GaTe": (4.090, "MX", "Ga Te", True, _NONE, _NONE, "", "", "hexagonal, as thin films; the bulk is monoclinic"),
    "Bi2Se3": (4.138, "quintuple", "Bi Se", True, 0.3, _NONE, "", "doi:10.1038/nphys1274", ""),
    "CdI2": (4.244, "1T", "Cd I", True, _NONE, _NONE, "Palosz and Salje, J. Appl. Cryst. 22, 622 (1989)", "", ""),
    "Sb2Te3": (4.264, "quintuple", "Sb Te", True, _NONE, _NONE, "", "", ""),
    "Bi2Te3": (4.386, "quintuple", "Bi Te", True, 0.165, _NONE, "", "", ""),
    "PbI2": (4.558, "1T", "Pb I", True, _NONE, _NONE, "doi:10.1088/0953-8984/2/24/001", "", ""),
    "Al2O3(0001)": (4.760, "corundum", "Al O", False, 8.8, _NONE,
                    "Lutterotti and Scardi, J. Appl. Cryst. 23, 246 (1990)", "", "bonds are cut at its surface"),
}  # fmt: skip
_FILM_SOURCE = "Germanene, Stanene and Other 2D Materials (book chapter, 2017), abstract"
_GE_NOTE = "calculated (PBE); 3.97 in the local density approximation, doi:10.1103/PhysRevLett.102.236804"
_FILMS = {
    "germanene": (4.06, 0.69, "Ge Ge", _FILM_SOURCE, _GE_NOTE),
    "stanene": (4.67, 0.85, "Sn Sn", _FILM_SOURCE, "calculated (PBE)"),
}  # fmt: skip


def load_substrates() -> pd.DataFrame:
    """Load lattice constants of 21 hexagonal substrates, nine of them looked up, as a table to be edited.

    **Values without a source are typed from memory and were not verified**; the ``note`` of the row names them.

    Returns
    -------
    pandas.DataFrame
        One row per substrate, named by the index: ``a`` (lattice constant, angstrom), ``prototype`` and ``elements``
        (how `make_layer` draws a layer), ``van_der_waals`` (whether layers are held together by these forces alone),
        ``band_gap`` of the bulk (eV), ``work_function`` (eV), ``source`` and ``gap_source`` (where ``a`` and the gap
        were looked up; an empty text: nowhere), ``note``. NaN: not known here. Add ``b`` (angstrom) and ``gamma``
        (degree) for lattices that are not hexagonal.

    Notes
    -----
    Lattice constants are those of room temperature, rounded; in the literature most of them scatter by a few tenths of
    a per cent, calculated ones by two per cent. Gaps are those of the bulk, by several methods: they depend on the
    number of layers. What was looked up was read in a database entry, an abstract or another public text, not in the
    paper itself. Look a value up before you rely on it.

    Examples
    --------
    >>> table = load_substrates()
    >>> float(table.a["InSe"]), table.source["InSe"], table.note["GaS"]
    (4.005, 'Wikipedia, Indium(II) selenide: beta', 'a from memory, not verified')
    """
    table = pd.DataFrame.from_dict(_ROWS, orient="index", columns=list(_COLUMNS))
    table["van_der_waals"] = table["van_der_waals"].astype(bool)
    table["note"] = [_note(line) for _, line in table.iterrows()]
    return table.rename_axis("substrate")


def _note(line: pd.Series) -> str:
    """What is said of a row, and which of its values nobody looked up."""
    unsure = [] if line["source"] else ["a"]
    if line["band_gap"] > 0 and not line["gap_source"]:
        unsure.append("gap")
    if pd.notna(line["work_function"]):
        unsure.append("work function")
    told = [f"{', '.join(unsure)} from memory, not verified"] if unsure else []
    return "; ".join([*filter(None, [line["note"]]), *told])


def load_films() -> pd.DataFrame:
    """Load lattice constants of germanene and stanene, standing free, as they were calculated.

    Returns
    -------
    pandas.DataFrame
        One row per film: ``a`` (lattice constant, angstrom), ``buckling`` (height of one sublattice above the other,
        angstrom), ``prototype``, ``elements``, ``source``, ``note``.

    Examples
    --------
    >>> load_films()["a"].to_dict()
    {'germanene': 4.06, 'stanene': 4.67}
    """
    names = ["a", "buckling", "elements", "source", "note"]
    films = pd.DataFrame.from_dict(_FILMS, orient="index", columns=names)
    return films.assign(prototype="honeycomb").rename_axis("film")
