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


# ---- VASP's other files


def poscar(path: Path, elements: Sequence[str], name="POSCAR") -> np.ndarray:
    """Write POSCAR into a folder; gives Cartesian positions."""
    place = structure(elements)
    kinds = [e for k, e in enumerate(elements) if k == 0 or elements[k - 1] != e]
    counts, last = [], None
    for e in elements:
        counts = [*counts[:-1], counts[-1] + 1] if e == last else [*counts, 1]
        last = e
    rows = [" ".join(f"{v:.10f}" for v in row) for row in (*CELL, *place)]
    text = ["a slab", "1.0", *rows[:3], " ".join(kinds), " ".join(map(str, counts)), "Direct", *rows[3:]]
    (path / name).write_text("\n".join(text) + "\n")
    return place @ CELL


def _doscar_row(row):
    return f"{row[0]:11.3f} " + "".join(f" {v:11.4E}" for v in row[1:]) + "\n"


def doscar(path: Path, energy, values, *, total=None, efermi=1.25, noncollinear=False, sites=True) -> np.ndarray:
    """Write DOSCAR as VASP does; gives the total (spin, energy)."""
    n_atoms, _, _, n_energies = values.shape
    total = np.round(values.sum(axis=(0, 1)) + 0.1, 4) if total is None else total
    head = f"{energy[-1]:16.8f}{energy[0]:16.8f}{n_energies:5d}{efermi:16.8f}{1.0:16.8f}\n"
    out = [f"{n_atoms:4d}{n_atoms:4d}{int(sites):4d}   0\n", "  0.1E+02  0.4E-09  0.4E-09  0.1E-08  0.5E-15\n"]
    out += ["  1.000000000000000E-004\n", "  CAR \n", " a slab\n", head]
    out += [_doscar_row(row) for row in np.column_stack([energy, *total, *np.cumsum(total, axis=1)])]
    for site in values if sites else ():
        columns = site.reshape(-1, n_energies)  # orbital, then spin
        if noncollinear:
            columns = np.stack([columns, 0.5 * columns, -0.25 * columns, 0.1 * columns], axis=1).reshape(-1, n_energies)
        out += [head, *(_doscar_row(row) for row in np.column_stack([energy, *columns]))]
    path.write_text("".join(out))
    return total


def procar(path: Path, levels, weights, shares, *, names=LM, noncollinear=False) -> None:
    """Write PROCAR: levels (spin, k, band), shares (spin, k, band, ion, orbital)."""
    n_spins, n_k, n_bands = levels.shape
    n_ions = shares.shape[3]
    out = ["PROCAR lm decomposed\n"]
    for s in range(n_spins):
        out.append(f"# of k-points: {n_k:4d}         # of bands: {n_bands:4d}         # of ions: {n_ions:4d}\n\n")
        for k in range(n_k):
            out.append(f" k-point {k + 1:4d} :    0.00000000-0.25000000 0.00000000     weight = {weights[k]:.8f}\n\n")
            for b in range(n_bands):
                out.append(f"band {b + 1:5d} # energy {levels[s, k, b]:13.8f} # occ.  1.00000000\n\n")
                out.append("ion  " + "".join(f"{name:>7s}" for name in (*names, "tot")) + "\n")
                for part in (1.0, 0.1, 0.2, 0.3) if noncollinear else (1.0,):
                    rows = part * shares[s, k, b]
                    for i, row in enumerate(rows):
                        out.append(f"{i + 1:5d}" + "".join(f"{v:7.3f}" for v in (*row, row.sum())) + "\n")
                    out.append("tot  " + "".join(f"{v:7.3f}" for v in (*rows.sum(0), rows.sum())) + "\n")
                out.append("\n")
    path.write_text("".join(out))


def vaspout(path: Path, elements, energy, values, *, names=LM, efermi=1.25, noncollinear=False) -> np.ndarray:
    """Write the part of vaspout.h5 that holds densities of states and the structure; gives the total."""
    import h5py

    kinds = list(dict.fromkeys(elements))
    total = values.sum(axis=(0, 1)) + 0.1
    sites = values.swapaxes(1, 2)
    if noncollinear:
        sites = np.concatenate([sites, 0.5 * sites, 0.2 * sites, 0.1 * sites], axis=1)
    with h5py.File(path, "w") as h5:
        for key, number in (("major", 6), ("minor", 4), ("patch", 2)):
            h5[f"version/{key}"] = number
        dos = h5.create_group("results/electron_dos")
        dos["energies"], dos["dos"], dos["dosi"] = energy, total, np.cumsum(total, axis=1)
        dos["dospar"], dos["efermi"] = sites, efermi
        h5["results/projectors/lchar"] = np.array([f"{n:>5s}".encode() for n in names])
        for group in (h5.create_group("results/positions"), h5.create_group("input/poscar")):
            group["ion_types"] = np.array([e.encode() for e in kinds])
            group["number_ion_types"] = np.array([list(elements).count(e) for e in kinds])
            group["scale"], group["lattice_vectors"] = 1.0, CELL
            group["position_ions"], group["direct_coordinates"] = structure(elements), 1
            group["system"] = np.bytes_(b"a slab")
    return total


# ---- LOBSTER


def lobster(path: Path, elements, energy, values, names, *, fermi=-3.5) -> np.ndarray:
    """Write DOSCAR.lobster: `names` holds the orbitals of each site; energies are relative to the Fermi level."""
    charges = {"H": 1, "C": 6, "O": 8, "Mg": 12, "Ti": 22}
    n_energies = len(energy)
    total = values.sum(axis=(0, 1))
    head = f"{energy[-1]:14.5f} {energy[0]:14.5f} {n_energies:6d} {0.0:14.5f}   1.00000"
    title = " ".join(["word"] * 17) + f" {fermi}"  # pymatgen finds the Fermi energy in the eighteenth word
    out = [f"{len(elements)} {len(elements)} 1 0", "1.0 1.0 1.0 1.0 1.0", "1.0", "  CAR", title, head]
    form = "{:14.5f}" + " {:14.8f}" * (2 * len(total))
    out += [form.format(*row) for row in np.column_stack([energy, *total, *np.cumsum(total, axis=1)])]
    for k, element in enumerate(elements):
        out.append(f"{head}; Z= {charges[element]}; {' '.join(names[k])}")
        columns = values[k, : len(names[k])].reshape(-1, n_energies)
        form = "{:14.5f}" + " {:14.8f}" * len(columns)
        out += [form.format(*row) for row in np.column_stack([energy, *columns])]
    path.write_text("\n".join(out) + "\n")
    return total


# ---- Quantum ESPRESSO

QE_ORDER = {"s": ("s",), "p": ("p_z", "p_x", "p_y"), "d": ("d_z2", "d_xz", "d_yz", "d_x2-y2", "d_xy")}


def _fortran(value, digits=3):
    """E11.3 as Fortran prints it: 0.123E-04, and 0.123-100 where the exponent needs its place."""
    if value == 0:
        return f"{'0.' + '0' * digits + 'E+00':>{digits + 8}s}"
    mantissa, exponent = f"{abs(value):.{digits - 1}E}".split("E")
    power = int(exponent) + 1
    text = ("-" if value < 0 else "") + "0." + mantissa.replace(".", "")
    return f"{text + (f'E{power:+03d}' if abs(power) < 100 else f'{power:+04d}'):>{digits + 8}s}"


def projwfc(folder: Path, elements, shells, energy, values, *, prefix="slab", digits=3) -> np.ndarray:
    """Write projwfc.x's tables; `values` is a dict (atom, shell letter) -> (m, spin, energy). Gives the total."""
    parts = np.zeros((next(iter(values.values())).shape[1], len(energy)))
    for (atom, letter), curve in values.items():
        number = shells[elements[atom]].index(letter) + 1
        title = ("ldosup(E) ldosdw(E)", " pdosup(E)  pdosdw(E)") if len(parts) == 2 else ("ldos(E)", "pdos(E)")
        rows = [f"# E (eV)   {title[0]} {' '.join([title[1]] * len(curve))}"]
        columns = [*curve.sum(axis=0), *curve.reshape(-1, len(energy))]
        for e, *row in zip(energy, *columns, strict=True):
            rows.append(f"{e:8.3f}" + "".join(_fortran(v, digits) for v in row))
        name = f"{prefix}.pdos_atm#{atom + 1}({elements[atom]})_wfc#{number}({letter})"
        (folder / name).write_text("\n".join(rows) + "\n")
        parts += curve.sum(axis=0)
    rows = ["# E (eV)  dosup(E)   dosdw(E)  pdosup(E)  pdosdw(E)" if len(parts) == 2 else "# E (eV)  dos(E)    pdos(E)"]
    for e, *row in zip(energy, *(1.05 * parts), *parts, strict=True):
        rows.append(f"{e:8.3f}" + "".join(_fortran(v, digits) for v in row))
    (folder / f"{prefix}.pdos_tot").write_text("\n".join(rows) + "\n")
    return 1.05 * parts


# ---- CP2K


def cp2k(folder: Path, labels, levels, shares, names, *, spins=("",), fermi=0.1, run="slab", lists=()) -> None:
    """Write CP2K's files: levels (spin, state) in Hartree, shares (spin, site, state, orbital)."""
    for s, spin in enumerate(spins):
        for k, label in enumerate(labels):
            what = f"list{k + 1}" if lists else f"k{k + 1}"
            head = f"list {k + 1} of {lists[k]} atoms," if lists else f"atomic kind {label}"
            rows = [f"# Projected DOS for {head} at iteration step i = 0, E(Fermi) = {fermi:12.6f} a.u."]
            rows.append("#     MO Eigenvalue [a.u.]      Occupation" + "".join(f"{n:>18s}" for n in names))
            for m, level in enumerate(levels[s]):
                full = (2.0 if len(spins) == 1 else 1.0) * (level < fermi)
                row = "".join(f"{v:18.8f}" for v in shares[s, k, m])
                rows.append(f"{m + 1:8d}{level:15.6f}{full:19.6f}{row}")
            name = f"{run}-{spin + '_' if spin else ''}{what}-1.pdos"
            (folder / name).write_text("\n".join(rows) + "\n")


# ---- FHI-aims


def aims(folder: Path, elements, energy, values, *, mu=-4.5, raw=True, geometry=True) -> np.ndarray:
    """Write FHI-aims's files, shifted and raw; `values` (atom, l, spin, energy), `energy` absolute. Gives the total."""
    n_spins = values.shape[2]
    for k, (element, site) in enumerate(zip(elements, values, strict=True)):
        for s in range(n_spins):
            columns = np.column_stack([site[:, s].sum(axis=0), *site[:, s]])
            part = ("spin_up", "spin_dn")[s] if n_spins == 2 else ""
            for suffix in ("", "_raw") if raw else ("",):
                stem = f"atom_proj_dos_{part}" if part or suffix else "atom_projected_dos_"
                what = f"the chemical potential, mu = {mu:15.6f} eV" if not suffix else "the vacuum level "
                rows = [
                    "#  a1b2c3",
                    f"# Angular momentum resolved density for species {element}as calculated by FHI-aims",
                ]
                rows += [
                    f"# The energy reference for this output is {what}",
                    "#      Energy (eV)         total dos     l= 0",
                ]
                axis = energy if suffix else energy - mu
                rows += ["".join(f"  {v:16.8f}" for v in (e, *row)) for e, row in zip(axis, columns, strict=True)]
                (folder / f"{stem}{element}{k + 1:04d}{suffix}.dat").write_text("\n".join(rows) + "\n")
    total = values.sum(axis=(0, 1)) * 1.02
    for suffix in ("", "_raw"):
        rows = ["# total density of states output by FHI-aims"]
        axis = energy if suffix else energy - mu
        rows += ["".join(f"  {v:16.8f}" for v in (e, *row)) for e, row in zip(axis, total.T, strict=True)]
        (folder / f"KS_DOS_total{suffix}.dat").write_text("\n".join(rows) + "\n")
    if geometry:
        place = structure(elements) @ CELL
        rows = ["lattice_vector " + " ".join(f"{v:.8f}" for v in row) for row in CELL]
        rows += [f"atom {' '.join(f'{v:.8f}' for v in row)} {e}" for row, e in zip(place, elements, strict=True)]
        (folder / "geometry.in").write_text("\n".join(rows) + "\n")
    return total
