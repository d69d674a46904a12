"""Files of projected densities of states as the codes write them, made from arrays that the test knows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

LM = ("s", "py", "pz", "px", "dxy", "dyz", "dz2", "dxz", "x2-y2")
F = ("fy3x2", "fxyz", "fyz2", "fz3", "fxz2", "fzx2", "fx3")
_HEAD = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <generator>
  <i name="program" type="string">vasp </i>
  <i name="version" type="string">6.4.2  </i>
 </generator>
 <incar>
  <i type="string" name="SYSTEM"> a slab</i>
  <i type="int" name="LORBIT">    11</i>
 </incar>
"""
CELL = np.array([[4.2, 0.0, 0.0], [0.0, 4.2, 0.0], [0.5, 0.0, 16.0]])


def curves(n_atoms, n_orbitals, n_spins=1, n_energies=41, seed=0, digits=4):
    """Energies and values (atom, orbital, spin, energy), with as many decimals as the codes print."""
    rng = np.random.default_rng(seed)
    energy = np.round(np.linspace(-10, 6, n_energies), 4)
    centre = rng.uniform(-8, 4, (n_atoms, n_orbitals, n_spins, 1))
    return energy, np.round(rng.uniform(0.1, 1, centre.shape) * np.exp(-((energy - centre) ** 2)), digits)


def structure(elements, seed=1):
    """Fractional positions."""
    return np.round(np.random.default_rng(seed).random((len(elements), 3)), 8)


def _rows(table, form):
    return "".join(f"<r>{''.join(form % v for v in row)} </r>\n" for row in table.tolist())


def vasprun(
    path: Path, elements: Sequence[str], energy, values, *, fields=LM, total=None, efermi=1.25, n_bands=6, n_k=2,
    noncollinear=False, steps=1,
) -> np.ndarray:  # fmt: skip
    """Write vasprun.xml as VASP 6 does, with what a reader must pass over; gives the total (spin, energy)."""
    n_spins = values.shape[2]
    total = np.round(values.sum(axis=(0, 1)) + 0.1, 4) if total is None else total
    place = structure(elements)
    kinds = list(dict.fromkeys(elements))
    out = [_HEAD, _kpoints(n_k), _parameters(n_spins, len(energy), noncollinear), _atominfo(elements, kinds),
           _structure(place, "initialpos")]  # fmt: skip
    for step in range(steps):
        out += [" <calculation>\n  <scstep>\n", _energies(), "  </scstep>\n",
                _structure(place, None), _energies(), _eigenvalues(n_spins, n_k, n_bands)]  # fmt: skip
        if step == steps - 1:
            out.append(_dos(energy, values, total, efermi, fields, noncollinear))
        out.append(" </calculation>\n")
    out += [_structure(place, "finalpos"), "</modeling>\n"]
    path.write_text("".join(out), encoding="latin-1")
    return total


def _dos(energy, values, total, efermi, fields, noncollinear):
    integral = np.cumsum(total, axis=1) * 0.1
    fields_of_total = "".join(f"     <field>{name}</field>\n" for name in ("energy", "total", "integrated"))
    out = [f'  <dos>\n   <i name="efermi"> {efermi:.8f} </i>\n   <total>\n    <array>\n']
    out += ['     <dimension dim="1">gridpoints</dimension>\n     <dimension dim="2">spin</dimension>\n']
    out += [fields_of_total, "     <set>\n"]
    for s in range(len(total)):
        table = np.column_stack([energy, total[s], integral[s]])
        out.append(f'      <set comment="spin {s + 1}">\n' + _rows(table, "%10.4f ") + "      </set>\n")
    out.append("     </set>\n    </array>\n   </total>\n")
    if fields:
        names = "".join(f"     <field>{name:>6s}</field>\n" for name in ("energy", *fields))
        out.append(f'   <partial>\n    <array>\n     <dimension dim="1">gridpoints</dimension>\n{names}     <set>\n')
        for k, site in enumerate(values):
            out.append(f'      <set comment="ion {k + 1}">\n')
            spins = list(site.swapaxes(0, 1))
            spins += [0.1 * spins[0]] * 3 if noncollinear else []
            for s, orbitals in enumerate(spins):
                rows = _rows(np.column_stack([energy, *orbitals]), "%10.4f ")
                out.append(f'       <set comment="spin {s + 1}">\n{rows}       </set>\n')
            out.append("      </set>\n")
        out.append("     </set>\n    </array>\n   </partial>\n")
    return "".join(out) + "  </dos>\n"


def _kpoints(n_k):
    rows = "".join(f"   <v>  {k / n_k:.8f}  0.0  0.0 </v>\n" for k in range(n_k))
    weights = "".join(f"   <v>  {1 / n_k:.8f} </v>\n" for _ in range(n_k))
    return (
        ' <kpoints>\n  <generation param="Gamma">\n   <v type="int" name="divisions">       2        1        1 </v>\n'
        '   <v name="usershift">  0.0 0.0 0.0 </v>\n   <v name="genvec1">  0.5 0.0 0.0 </v>\n'
        '   <v name="genvec2">  0.0 1.0 0.0 </v>\n   <v name="genvec3">  0.0 0.0 1.0 </v>\n'
        '   <v name="shift">  0.0 0.0 0.0 </v>\n  </generation>\n'
        f'  <varray name="kpointlist" >\n{rows}  </varray>\n'
        f'  <varray name="weights" >\n{weights}  </varray>\n </kpoints>\n'
    )


def _parameters(n_spins, nedos, noncollinear):
    return (
        f' <parameters>\n  <separator name="general" >\n   <i type="string" name="SYSTEM">a slab</i>\n'
        f'   <i type="int" name="ISPIN">{n_spins:6d}</i>\n   <i type="int" name="NEDOS">{nedos:6d}</i>\n'
        f'   <i type="logical" name="LNONCOLLINEAR">{" T" if noncollinear else " F"}</i>\n'
        '   <i type="int" name="IBRION">    -1</i>\n   <i type="int" name="NSW">     0</i>\n'
        '   <i type="int" name="NELM">    60</i>\n   <i type="int" name="NELECT">    8</i>\n'
        '   <i type="int" name="ISMEAR">     0</i>\n   <i type="string" name="METAGGA">--</i>\n'
        '   <i type="logical" name="LHFCALC">  F </i>\n   <i type="string" name="GGA">--</i>\n'
        "  </separator>\n </parameters>\n"
    )


def _atominfo(elements, kinds):
    atoms = "".join(f"    <rc><c>{e:2s}</c><c>{kinds.index(e) + 1:4d}</c></rc>\n" for e in elements)
    types = "".join(
        f"    <rc><c>{list(elements).count(e):4d}</c><c>{e:2s}</c><c>     16.00000000</c><c>      6.00000000</c>"
        f"<c>  PAW_PBE {e} 08Apr2002                  </c></rc>\n"
        for e in kinds
    )
    return (
        f" <atominfo>\n  <atoms>{len(elements):8d} </atoms>\n  <types>{len(kinds):8d} </types>\n"
        f'  <array name="atoms" >\n   <dimension dim="1">ion</dimension>\n   <field type="string">element</field>\n'
        f'   <field type="int">atomtype</field>\n   <set>\n{atoms}   </set>\n  </array>\n'
        f'  <array name="atomtypes" >\n   <dimension dim="1">type</dimension>\n'
        '   <field type="int">atomspertype</field>\n'
        '   <field type="string">element</field>\n   <field>mass</field>\n   <field>valence</field>\n'
        f'   <field type="string">pseudopotential</field>\n   <set>\n{types}   </set>\n  </array>\n </atominfo>\n'
    )


def _structure(place, name):
    basis = "".join(f"    <v>{''.join(f'{v:17.8f}' for v in row)} </v>\n" for row in CELL)
    rows = "".join(f"   <v>{''.join(f'{v:17.8f}' for v in row)} </v>\n" for row in place)
    title = f' name="{name}" ' if name else ""
    return (
        f'  <structure{title}>\n   <crystal>\n   <varray name="basis" >\n{basis}   </varray>\n'
        f'    <i name="volume">    {abs(np.linalg.det(CELL)):.8f} </i>\n'
        f'   <varray name="rec_basis" >\n{basis}   </varray>\n'
        f'   </crystal>\n  <varray name="positions" >\n{rows}  </varray>\n  </structure>\n'
    )


def _energies():
    names = ("e_fr_energy", "e_wo_entrp", "e_0_energy")
    return "  <energy>\n" + "".join(f'   <i name="{name}">     -10.00000000 </i>\n' for name in names) + "  </energy>\n"


def _eigenvalues(n_spins, n_k, n_bands):
    out = ['  <eigenvalues>\n   <array>\n    <dimension dim="1">band</dimension>\n    <field>eigene</field>\n']
    out += ["    <field>occ</field>\n    <set>\n"]
    for s in range(n_spins):
        out.append(f'     <set comment="spin {s + 1}">\n')
        for k in range(n_k):
            rows = "".join(f"<r>  {-8 + b:9.4f}   {float(b < n_bands // 2):7.4f} </r>\n" for b in range(n_bands))
            out.append(f'      <set comment="kpoint {k + 1}">\n{rows}      </set>\n')
        out.append("     </set>\n")
    return "".join(out) + "    </set>\n   </array>\n  </eigenvalues>\n"
