"""Names of elements and orbitals, whatever each code calls them."""

import re
from collections.abc import Iterable

__all__ = ["F_ORDER", "LM_NAMES", "SYMBOLS", "by_l", "is_orbital", "orbital_name", "orbital_order", "symbol_of"]

_SYMBOLS = """
    X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo
    Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl
    Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
    """
#: By atomic number; ``X`` (0) is an atom of unknown kind.
SYMBOLS: tuple[str, ...] = tuple(_SYMBOLS.split())
_KNOWN = frozenset(SYMBOLS)

F_ORDER = ("f_y(3x2-y2)", "f_xyz", "f_yz2", "f_z3", "f_xz2", "f_z(x2-y2)", "f_x(x2-3y2)")
#: Real harmonics from m = -l to l, for each l: VASP's order, CP2K's and GPAW's.
LM_NAMES: tuple[tuple[str, ...], ...] = (
    ("s",),
    ("p_y", "p_z", "p_x"),
    ("d_xy", "d_yz", "d_z2", "d_xz", "d_x2-y2"),
    F_ORDER,
)
_ORDER = {name: (l, 0, m) for l, names in enumerate(LM_NAMES) for m, name in enumerate(names)}  # s p_y p_z p_x d_xy …
_LETTERS = "spdfghi"

# What codes write, without underscores, carets, blanks and in lower case.
_SPELLINGS = {
    "s": "s", "py": "p_y", "pz": "p_z", "px": "p_x",
    "dxy": "d_xy", "dyz": "d_yz", "dz2": "d_z2", "dxz": "d_xz", "dx2-y2": "d_x2-y2", "x2-y2": "d_x2-y2",
    "dx2": "d_x2-y2", "dx2y2": "d_x2-y2", "dz2-r2": "d_z2", "d3z2-r2": "d_z2", "dzx": "d_xz", "dzy": "d_yz",
    "fy(3x2-y2)": F_ORDER[0], "fy3x2": F_ORDER[0], "fxyz": F_ORDER[1], "fyz2": F_ORDER[2], "fz3": F_ORDER[3],
    "fxz2": F_ORDER[4], "fz(x2-y2)": F_ORDER[5], "fzx2": F_ORDER[5], "fx(x2-3y2)": F_ORDER[6], "fx3": F_ORDER[6],
    "fy(3x2y2)": F_ORDER[0], "fz(x2y2)": F_ORDER[5], "fx(x23y2)": F_ORDER[6],
}  # fmt: skip
_SPELLINGS |= {letter: letter for letter in _LETTERS[1:]}
_SPELLINGS |= {
    f"{letter}{sign}{abs(m)}" if m else f"{letter}0": LM_NAMES[l][m + l]
    for l, letter in ((1, "p"), (2, "d"), (3, "f"))
    for m in range(-l, l + 1)
    for sign in (("-",) if m < 0 else ("+", ""))
}


def symbol_of(label: str) -> str:
    """Chemical symbol in a label such as ``Fe1``, ``O_ads``, ``Mg_pv``; ``X`` where there is none."""
    word = re.match(r"[A-Za-z]{0,2}", label.strip())
    letters = word[0].capitalize() if word else ""
    for text in (letters, letters[:1]):
        if text in _KNOWN:
            return text
    return "X"


def orbital_name(text: str) -> str:
    """Our name of an orbital (``d_x2-y2``) that a code calls ``x2-y2``, ``dx2``, ``3d_x^2-y^2`` …; else as it stands.

    A principal quantum number in front is left out.
    """
    bare = re.sub(r"^\d+(?=[spdfghi])", "", text.strip())
    key = re.sub(r"[_^{}\s]", "", bare).lower()
    return _SPELLINGS.get(key, bare[:30])


def is_orbital(name: str) -> bool:
    """Whether this is a name of ours of an orbital that a code projects on."""
    return name in _ORDER or name in tuple(_LETTERS)


def orbital_order(names: Iterable[str]) -> list[str]:
    """Names once each, by l, then j, then m."""

    def key(name: str) -> tuple[int, float, int, str]:
        if name in _ORDER:
            l, j, m = _ORDER[name]
            return l, j, m, name
        l = _LETTERS.find(name[:1])
        half = re.match(r"[a-z]_(\d+)/2$", name)
        return (l if l >= 0 and name else 99), float(half[1]) if half else -1.0, 0, name

    return sorted(dict.fromkeys(names), key=key)


def by_l(l: int) -> str:
    """Letter of an angular momentum."""
    return _LETTERS[l]
