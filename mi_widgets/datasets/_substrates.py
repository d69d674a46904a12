"""Layered and other hexagonal substrates, and two films, as a table that can be edited."""

import pandas as pd

__all__ = ["load_films", "load_substrates"]

_COLUMNS = ("a", "prototype", "elements", "van_der_waals", "band_gap", "work_function", "source", "gap_source", "note")
_NONE = float("nan")
_NOT_LOOKED_UP = "as commonly rounded; no reference was looked up"
_MO = "doi:10.1002/zaac.19865400904"
_W = "doi:10.1016/0022-4596(87)90057-0"
_BI = "doi:10.1016/0022-3697(63)90207-5"
_AX2 = "doi:10.1107/S0021889889006916"
_IV = "doi:10.1016/0022-3697(65)90043-0"
_GAPS = "doi:10.1021/j100393a010"
_TIN = "doi:10.1103/PhysRev.143.536"

# a (angstrom), kind of layer, elements, van der Waals, gap of the bulk (eV), work function (eV), where they are from
_ROWS: dict[str, tuple[object, ...]] = {
    "graphene": (2.461, "honeycomb", "C C", True, 0.0, 4.57, "doi:10.1038/258136a0", "doi:10.1021/nl901572a",
                 "work function of one layer"),
    "h-BN": (2.504, "honeycomb", "B N", True, 5.955, _NONE, "doi:10.1107/S0365110X52001064",
             "doi:10.1038/nphoton.2015.277", ""),
    "WS2": (3.153, "2H", "W S", True, _NONE, _NONE, _W, "", ""),
    "MoS2": (3.160, "2H", "Mo S", True, 1.23, _NONE, _MO, _GAPS, ""),
    "WSe2": (3.282, "2H", "W Se", True, 1.20, _NONE, _W, _GAPS, ""),
    "MoSe2": (3.288, "2H", "Mo Se", True, 1.09, _NONE, _MO, _GAPS, ""),
    "MoTe2": (3.520, "2H", "Mo Te", True, 0.88, _NONE, "doi:10.1107/S0365110X61002084",
              "doi:10.1088/2053-1583/1/2/021002", ""),
    "GaS": (3.587, "MX", "Ga S", True, _NONE, _NONE, "", "", _NOT_LOOKED_UP),
    "SnS2": (3.648, "1T", "Sn S", True, 2.07, _NONE, _AX2, _TIN, ""),
    "HfSe2": (3.748, "1T", "Hf Se", True, 1.13, _NONE, _IV, _IV, ""),
    "GaSe": (3.755, "MX", "Ga Se", True, _NONE, _NONE, "doi:10.1002/pssa.2210310216", "", ""),
    "ZrSe2": (3.770, "1T", "Zr Se", True, 1.20, _NONE, _IV, _IV, ""),
    "SnSe2": (3.811, "1T", "Sn Se", True, 0.97, _NONE, _AX2, _TIN, ""),
    "InSe": (4.005, "MX", "In Se", True, 1.26, _NONE, "doi:10.1107/S0567740880004840", "doi:10.1002/adma.201302616",
             "4.002 in the reference"),
    "GaTe": (4.090, "MX", "Ga Te", True, _NONE, _NONE, "", "",
             "hexagonal, as thin films; the bulk is monoclinic; no reference was looked up"),
    "Bi2Se3": (4.138, "quintuple", "Bi Se", True, 0.3, _NONE, _BI, "doi:10.1038/nphys1274", "4.143 in the reference"),
    "CdI2": (4.240, "1T", "Cd I", True, _NONE, _NONE, _AX2, "", ""),
    "Sb2Te3": (4.264, "quintuple", "Sb Te", True, _NONE, _NONE, "doi:10.1107/S0567740874004729", "", ""),
    "Bi2Te3": (4.385, "quintuple", "Bi Te", True, 0.165, _NONE, _BI, "doi:10.1126/science.1173034",
               "4.386 in the reference"),
    "PbI2": (4.557, "1T", "Pb I", True, _NONE, _NONE, _AX2, "", ""),
    "Al2O3(0001)": (4.759, "corundum", "Al O", False, 8.8, _NONE, "doi:10.1524/zkri.1962.117.2-3.235",
                    "doi:10.1111/j.1151-2916.1990.tb06541.x", "bonds are cut at its surface"),
}  # fmt: skip
_GE_NOTE = "calculated (PBE); 3.97 in the local density approximation, doi:10.1103/PhysRevLett.102.236804"
_FILMS = {
    "germanene": (4.06, 0.69, "Ge Ge", "doi:10.1007/978-3-319-46572-2", _GE_NOTE),
    "stanene": (4.67, 0.85, "Sn Sn", "doi:10.1007/978-3-319-46572-2", "calculated (PBE)"),
}  # fmt: skip


def load_substrates() -> pd.DataFrame:
    """Load lattice constants of 21 hexagonal substrates, typed from the literature, as a table to be edited.

    Returns
    -------
    pandas.DataFrame
        One row per substrate, named by the index: ``a`` (lattice constant, angstrom), ``prototype`` and ``elements``
        (how `make_layer` draws a layer), ``van_der_waals`` (whether layers are held together by these forces alone),
        ``band_gap`` of the bulk (eV), ``work_function`` (eV), ``source`` and ``gap_source`` (references), ``note``. NaN
        or an empty text: not known here. Add ``b`` (angstrom) and ``gamma`` (degree) for lattices that are not
        hexagonal.

    Notes
    -----
    Lattice constants are those of room temperature, rounded; in the literature most of them scatter by a few tenths of
    a per cent, calculated ones by two per cent. Gaps are those of the bulk, by several methods: they depend on the
    number of layers. Look a value up before you rely on it.

    Examples
    --------
    >>> float(load_substrates().loc["GaTe", "a"])
    4.09
    """
    table = pd.DataFrame.from_dict(_ROWS, orient="index", columns=list(_COLUMNS))
    table["van_der_waals"] = table["van_der_waals"].astype(bool)
    return table.rename_axis("substrate")


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
