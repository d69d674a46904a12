"""Damaged and wrong files: the whole sites and a warning, or an error of ours; never silently wrong numbers."""

import gzip
import importlib.util
import shutil
import time
import tracemalloc
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from mi_widgets import datasets
from mi_widgets.errors import DataError, FileFormatError, MIWidgetsError, MIWidgetsWarning
from mi_widgets.io import read_pdos, write_csv

SPEC = importlib.util.spec_from_file_location("pdos_files", Path(__file__).with_name("pdos_files.py"))
files = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(files)

DATA = Path(__file__).with_name("data")
ELEMENTS = ["Mg", "Mg", "O", "O"]


def _vasprun(folder, n_spins=1):
    energy, values = files.curves(4, 9, n_spins)
    files.vasprun(folder / "vasprun.xml", ELEMENTS, energy, values)
    return folder / "vasprun.xml", values


def _doscar(folder, n_spins=1):
    energy, values = files.curves(4, 9, n_spins)
    files.doscar(folder / "DOSCAR", np.round(energy, 3), values)
    files.poscar(folder, ELEMENTS)
    return folder / "DOSCAR", values


def _whole(ds, values, damaged):
    """Sites that are not damaged hold what was written, the others nothing."""
    found = ds.pdos.values.reshape(values.shape)
    good = np.setdiff1d(np.arange(len(values)), damaged)
    np.testing.assert_array_equal(found[good], values[good])
    assert np.isnan(found[damaged]).all()
    assert np.flatnonzero(ds.status.values == 2).tolist() == list(damaged)
    assert "sum_error" not in ds
    assert "projected_share" not in ds


# ---- vasprun.xml


@pytest.mark.parametrize("packed", [False, True])
def test_vasprun_cut_off_in_a_site(tmp_path, packed):
    path, values = _vasprun(tmp_path)
    raw = path.read_bytes()
    raw = raw[: raw.index(b'comment="ion 3"') + 2000]
    if packed:
        path = tmp_path / "vasprun.xml.gz"
        raw = gzip.compress(raw)[:-9]
    path.write_bytes(raw)
    with pytest.warns(MIWidgetsWarning, match=r"site 2 is damaged: missing, it is cut off"):
        _whole(read_pdos(path), values, [2, 3])


def test_vasprun_cut_off_behind_the_sites(tmp_path):
    path, values = _vasprun(tmp_path, 2)
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index(b"</partial>") + 12])
    with pytest.warns(MIWidgetsWarning, match="cut off behind"):
        ds = read_pdos(path)
    np.testing.assert_array_equal(ds.pdos.values, values)
    assert ds.element.values.tolist() == ELEMENTS


@pytest.mark.parametrize(("old", "new", "fault"), [
    ("0.1", "***", "1 values that are no numbers"),
    ("-10.0000 ", "-99.0000 ", "other energies"),
    ("<r>", "<!--", "values that are no numbers"),
])  # fmt: skip
def test_vasprun_with_a_damaged_site(tmp_path, old, new, fault):
    path, values = _vasprun(tmp_path)
    text = path.read_text()
    start = text.index('comment="ion 2"')
    path.write_text(text[:start] + text[start:].replace(old, new, 1))
    with pytest.warns(MIWidgetsWarning, match=rf"site 1 is damaged: .*{fault}"):
        _whole(read_pdos(path), values, [1])


def test_vasprun_with_a_lost_row(tmp_path):
    path, values = _vasprun(tmp_path, 2)
    text = path.read_text()
    start = text.index("<r>", text.index('comment="ion 4"'))
    path.write_text(text[:start] + text[text.index("<r>", start + 3) :])
    with pytest.warns(MIWidgetsWarning, match="site 3 is damaged: 40 of 41 energies"):
        _whole(read_pdos(path), values, [3])


def test_vasprun_total_with_stars(tmp_path):
    path, values = _vasprun(tmp_path)
    text = path.read_text()
    start = text.index("-9.6000", text.index("<total>"))
    path.write_text(f"{text[:start]}-9.6000  ********{text[start + 17 :]}")
    with pytest.warns(MIWidgetsWarning, match="left out"):
        ds = read_pdos(path)
    assert "dos" not in ds
    np.testing.assert_array_equal(ds.pdos.values, values[:, :, 0])


def test_vasprun_without_projections(tmp_path):
    energy, values = files.curves(4, 9)
    files.vasprun(tmp_path / "vasprun.xml", ELEMENTS, energy, values, fields=())
    with pytest.raises(DataError, match="LORBIT = 11"):
        read_pdos(tmp_path / "vasprun.xml")
    text = (tmp_path / "vasprun.xml").read_text()
    (tmp_path / "vasprun.xml").write_text(text[: text.index("<dos>")])
    with pytest.raises(DataError, match=r"no density of states, it is cut off at byte \d+"):
        read_pdos(tmp_path / "vasprun.xml")


def test_entities_are_refused(tmp_path):
    path, _ = _vasprun(tmp_path)
    bomb = '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    text = path.read_text().replace("<modeling>", bomb + "]><modeling>&i;")
    path.write_text(text)
    with pytest.raises(FileFormatError, match="entities"):
        read_pdos(path)
    folder = tmp_path / "qe"
    shutil.copytree(DATA / "qe_ni_by_k", folder)
    schema = folder / "data-file-schema.xml"
    schema.write_text(schema.read_text().replace("<qes:espresso", bomb + "]><qes:espresso", 1))
    with pytest.raises(DataError, match="weights"):  # the file that has them is not read
        read_pdos(folder)


def test_packed_file_that_never_ends(tmp_path):
    path, _ = _vasprun(tmp_path)
    raw = path.read_bytes()
    at = raw.index(b"<r>", raw.index(b'<set comment="ion 2"'))
    packed = tmp_path / "vasprun.xml.gz"
    packed.write_bytes(gzip.compress(raw[:at] + b"<r>  0.0 </r>" * 6_000_000, 1))
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="within 64 MB"):
        read_pdos(packed)
    assert tracemalloc.get_traced_memory()[1] < 3e8
    tracemalloc.stop()


# ---- DOSCAR


def test_doscar_with_stars_and_short_exponents(tmp_path):
    path, values = _doscar(tmp_path, 2)
    text = path.read_text().split("\n")
    head = text[5]
    rows = [k for k, line in enumerate(text) if line == head]
    first = text[rows[1] + 1].split()
    text[rows[1] + 1] = "  ".join([*first[:-1], "0.123-100"])
    text[rows[2] + 3] = text[rows[2] + 3][:-8] + "********"
    path.write_text("\n".join(text))
    with pytest.warns(MIWidgetsWarning, match="site 1 is damaged: 1 values that are no numbers"):
        ds = read_pdos(path)
    values = values.copy()
    values[0, -1, -1, 0] = 0.123e-100
    _whole(ds, values, [1])


def test_doscar_cut_off(tmp_path):
    path, values = _doscar(tmp_path)
    lines = path.read_text().split("\n")
    path.write_text("\n".join(lines[:-10]))
    with pytest.warns(MIWidgetsWarning, match="site 3 is damaged: 32 of 41 energies"):
        _whole(read_pdos(path), values, [3])
    path.write_text("\n".join(lines[: 6 + 41 + 2 * 42]))
    with pytest.warns(MIWidgetsWarning, match="site 2 is damaged: missing"):
        _whole(read_pdos(path), values, [2, 3])


def test_energies_with_stars_are_filled_in(tmp_path):
    path, values = _doscar(tmp_path)
    lines = path.read_text().split("\n")
    for k in range(6, len(lines)):
        if lines[k].startswith("    -10.000"):
            lines[k] = "***********" + lines[k][11:]
    path.write_text("\n".join(lines))
    with pytest.warns(MIWidgetsWarning, match="filled in"):
        ds = read_pdos(path)
    assert float(ds.energy[0]) == pytest.approx(-10, abs=1e-3)
    np.testing.assert_array_equal(ds.pdos.values, values[:, :, 0])


def test_doscar_of_ten_thousand_energies(tmp_path):
    """I5 behind F16.8 leaves no blank."""
    energy, values = files.curves(1, 3, n_energies=10_001)
    energy = np.round(np.linspace(-10, 6, 10_001), 4)
    head = f"{6.0:16.8f}{-10.0:16.8f}{10_001:5d}{1.25:16.8f}{1.0:16.8f}"
    rows = "\n".join(f"{e:11.4f} {1.0:11.4E} {2.0:11.4E}" for e in energy)
    site = "\n".join(
        f"{e:11.4f} " + " ".join(f"{v:11.4E}" for v in row) for e, row in zip(energy, values[0, :, 0].T, strict=True)
    )
    text = f"   1   1   1   0\n a\n b\n  CAR\n t\n{head}\n{rows}\n{head}\n{site}\n"
    (tmp_path / "DOSCAR").write_text(text)
    ds = read_pdos(tmp_path / "DOSCAR")
    assert float(ds.fermi_energy) == 1.25
    np.testing.assert_array_equal(ds.pdos.values[0], values[0, :, 0])


def test_doscar_promises_a_billion_atoms(tmp_path):
    path, _ = _doscar(tmp_path)
    text = path.read_text().replace("   4   4   1   0", " 1000000000 1000000000 1 0")
    path.write_text(text)
    with pytest.raises(FileFormatError, match="promises 1000000000 atoms"):
        read_pdos(path)
    path.write_text(text.replace(f"{41:5d}{1.25:16.8f}", f" 1000000000 {1.25:16.8f}"))
    with pytest.raises(MIWidgetsError):
        read_pdos(path)


def test_doscar_without_sites(tmp_path):
    energy, values = files.curves(4, 9)
    files.doscar(tmp_path / "DOSCAR", energy, values, sites=False)
    with pytest.raises(DataError, match="no PROCAR stands beside it"):
        read_pdos(tmp_path / "DOSCAR")


def test_poscar_of_another_run_is_left_out(tmp_path):
    path, values = _doscar(tmp_path)
    files.poscar(tmp_path, ["Mg"])
    ds = read_pdos(path)
    assert "position" not in ds
    np.testing.assert_array_equal(ds.pdos.values, values[:, :, 0])


def test_lobster_header_that_lies(tmp_path):
    energy, values = files.curves(4, 4)
    path = tmp_path / "DOSCAR.lobster"
    files.lobster(path, ELEMENTS, np.round(energy, 5), values, [["3s", "3p_y", "3p_z", "3p_x"]] * 4)
    text = path.read_text().replace("Z= 8; 3s 3p_y 3p_z 3p_x", "Z= 8; 3s 3p_y 3p_z", 1)
    path.write_text(text)
    with pytest.warns(MIWidgetsWarning, match="site 2 is damaged: 5 columns instead of 4"):
        _whole(read_pdos(path), values, [2])


# ---- vaspout.h5


def test_vaspout_with_numbers_that_are_none(tmp_path):
    energy, values = files.curves(4, 9)
    path = tmp_path / "vaspout.h5"
    files.vaspout(path, ELEMENTS, energy, values)
    with h5py.File(path, "a") as h5:
        h5["results/electron_dos/dospar"][1, 0, 2, 3] = np.nan
    with pytest.warns(MIWidgetsWarning, match="site 1 is damaged"):
        _whole(read_pdos(path), values, [1])
    with h5py.File(path, "a") as h5:
        del h5["results/electron_dos/dospar"]
    with pytest.raises(DataError, match="LORBIT"):
        read_pdos(path)


def test_vaspout_with_links_and_huge_shapes(tmp_path):
    energy, values = files.curves(4, 9)
    path = tmp_path / "vaspout.h5"
    files.vaspout(path, ELEMENTS, energy, values)
    with h5py.File(path, "a") as h5:
        del h5["results/electron_dos/dospar"]
        h5.create_dataset("results/electron_dos/dospar", (100_000, 1, 9, 41_000), dtype="f8", chunks=(1, 1, 9, 41_000))
    with pytest.raises(FileFormatError, match="too large"):
        read_pdos(path)
    with h5py.File(path, "a") as h5:
        del h5["results/electron_dos"]
        h5["results/electron_dos"] = h5py.ExternalLink("other.h5", "/results/electron_dos")
    with pytest.raises(DataError, match="no density of states"):
        read_pdos(path)


# ---- projwfc


def _nickel(folder):
    for path in (DATA / "qe_ni").iterdir():
        shutil.copy(path, folder)
    return folder / "ni.pdos_atm#1(Ni)_wfc#2(d)"


def _silicon(folder):
    for path in (DATA / "qe_si").iterdir():
        shutil.copy(path, folder)
    return read_pdos(DATA / "qe_si")


def test_projwfc_table_missing(tmp_path):
    true = _silicon(tmp_path)
    (tmp_path / "si.pdos_atm#2(Si)_wfc#2(p)").unlink()
    with pytest.warns(MIWidgetsWarning, match=r"atom 1 \(Si\) has no table wfc#2\(p\)"):
        ds = read_pdos(tmp_path)
    np.testing.assert_array_equal(ds.pdos[0], true.pdos[0])
    assert np.isnan(ds.pdos[1]).all()
    assert ds.status.values.tolist() == [0, 2]
    (tmp_path / "si.pdos_atm#2(Si)_wfc#1(s)").unlink()
    with pytest.warns(MIWidgetsWarning, match=r"atom 1 \(Si\) has no table"):
        ds = read_pdos(tmp_path)
    assert ds.status.values.tolist() == [0, 1]  # the structure has two atoms
    assert ds.sizes["atom"] == 2


@pytest.mark.parametrize("damage", ["cut", "stars", "column"])
def test_projwfc_table_damaged(tmp_path, damage):
    true = _silicon(tmp_path)
    path = tmp_path / "si.pdos_atm#1(Si)_wfc#2(p)"
    lines = path.read_text().split("\n")
    if damage == "cut":
        lines = lines[:20]
    elif damage == "stars":
        lines[5] = lines[5][:-9] + "*********"
    else:
        lines[12] = lines[12].replace("E-0", "E+0").replace("E+00", "E+03")
    path.write_text("\n".join(lines))
    with pytest.warns(MIWidgetsWarning, match=r"wfc#2\(p\) has"):
        ds = read_pdos(tmp_path)
    np.testing.assert_array_equal(ds.pdos[1], true.pdos[1])
    assert ds.status.values.tolist() == [2, 0]


def test_projwfc_short_exponents(tmp_path):
    true = _silicon(tmp_path)
    path = tmp_path / "si.pdos_atm#1(Si)_wfc#1(s)"
    lines = path.read_text().split("\n")
    lines[1] = lines[1][:8] + "  0.123-100  0.123-100"
    path.write_text("\n".join(lines))
    ds = read_pdos(tmp_path)
    assert float(ds.pdos[0, 0, 0]) == 0.123e-100
    np.testing.assert_array_equal(ds.pdos[0, 0, 1:], true.pdos[0, 0, 1:])


def test_projwfc_tables_of_two_runs(tmp_path):
    _silicon(tmp_path)
    path = tmp_path / "si.pdos_atm#2(Si)_wfc#1(s)"
    lines = path.read_text().split("\n")
    path.write_text("\n".join([lines[0], *[f"{float(line[:8]) + 0.25:8.3f}{line[8:]}" for line in lines[1:] if line]]))
    with pytest.raises(DataError, match="two runs"):
        read_pdos(tmp_path)


def test_tables_left_over_from_another_run(tmp_path):
    _silicon(tmp_path)
    text = (tmp_path / "si.pdos_tot").read_text().split("\n")
    text[1:-1] = [line[:19] + "  0.100E-03" for line in text[1:-1]]
    (tmp_path / "si.pdos_tot").write_text("\n".join(text))
    with pytest.warns(MIWidgetsWarning, match="left over from another run"):
        read_pdos(tmp_path)


def test_other_structure_beside_is_left_out(tmp_path):
    _silicon(tmp_path)
    out = tmp_path / "pw.out"
    out.write_text(out.read_text().replace("         Si  tau(", "         Ge  tau("))
    with pytest.warns(MIWidgetsWarning, match="is left out"):
        ds = read_pdos(tmp_path)
    assert "position" not in ds
    assert ds.element.values.tolist() == ["Si", "Si"]


# ---- CP2K, FHI-aims


def _cp2k(folder):
    rng = np.random.default_rng(0)
    levels = np.round(np.sort(rng.uniform(-0.9, 0.3, (2, 24)), axis=1), 6)
    shares = rng.random((2, 2, 24, 4))
    shares = np.round(shares / shares.sum(axis=(1, 3), keepdims=True), 8)
    files.cp2k(folder, ["Mg", "O"], levels, shares, ["s", "py", "pz", "px"], spins=("ALPHA", "BETA"))


def test_cp2k_files_missing_or_damaged(tmp_path):
    _cp2k(tmp_path)
    path = tmp_path / "slab-BETA_k2-1.pdos"
    text = path.read_text()
    path.write_text(text[:-200] + "*****\n")
    with pytest.warns(MIWidgetsWarning, match="BETA_k2-1.pdos is damaged"):
        ds = read_pdos(tmp_path)
    assert ds.status.values.tolist() == [0, 2]
    path.write_text("\n".join(text.split("\n")[:-5]) + "\n")
    with pytest.raises(DataError, match="other states"):
        read_pdos(tmp_path)
    path.write_text(text.replace("atomic kind", "k-point 3 atomic kind"))
    with pytest.warns(MIWidgetsWarning, match="k points"):
        read_pdos(tmp_path)
    for alpha in tmp_path.glob("*ALPHA*"):
        alpha.unlink()
    path.write_text(text)
    with pytest.raises(DataError, match="only files of BETA"):
        read_pdos(tmp_path)


def test_cp2k_of_several_steps(tmp_path):
    _cp2k(tmp_path)
    for path in tmp_path.glob("*.pdos"):
        path.write_text(path.read_text().replace("0.5", "0.4") + path.read_text())
    with pytest.warns(MIWidgetsWarning, match="2 steps"):
        read_pdos(tmp_path)
    (tmp_path / "slab-ALPHA_k1-2.pdos").write_text("x")
    with pytest.raises(MIWidgetsError, match="several runs or steps"):
        read_pdos(tmp_path)


def test_aims_files_missing_or_damaged(tmp_path):
    energy, values = files.curves(4, 3, 2, digits=8)
    files.aims(tmp_path, ELEMENTS, energy, values)
    (tmp_path / "atom_proj_dos_spin_dnMg0002_raw.dat").unlink()
    path = tmp_path / "atom_proj_dos_spin_upO0003_raw.dat"
    path.write_text(path.read_text()[:-300])
    with pytest.warns(MIWidgetsWarning, match=r"spin is missing.*38 of 41"):
        ds = read_pdos(tmp_path / "atom_proj_dos_spin_upMg0001_raw.dat")
    assert ds.status.values.tolist() == [0, 2, 2, 0]
    np.testing.assert_allclose(ds.pdos[0], values[0], atol=1e-8)
    path.write_text(path.read_text().replace("0.1", "0.7"))
    rows = (tmp_path / "atom_proj_dos_spin_upO0004_raw.dat").read_text().split("\n")
    rows[4:] = [f"{float(r.split()[0]) + 1:16.8f}" + r[18:] for r in rows[4:] if r]
    (tmp_path / "atom_proj_dos_spin_upO0004_raw.dat").write_text("\n".join(rows))
    with pytest.raises(DataError, match="two runs"):
        read_pdos(tmp_path / "atom_proj_dos_spin_upMg0001_raw.dat")


# ---- any

NAMES = [
    "vasprun.xml", "vasprun.xml.gz", "vaspout.h5", "DOSCAR", "DOSCAR.lobster", "a.pdos_atm#1(H)_wfc#1(s)",
    "a-k1-1.pdos", "a-ALPHA_list2-1_3.pdos", "atom_projected_dos_Mg0001.dat", "atom_proj_dos_spin_upO0002_raw.dat",
]  # fmt: skip
KINDS = ["vasprun", "vasprun", "vaspout", "doscar", "lobster", "projwfc", "cp2k", "cp2k", "aims", "aims"]
FORMATS = dict(zip(NAMES, KINDS, strict=True))


def _contents(folder):
    spectra = datasets.make_spectral_map(shape=(2, 2), n_channels=8, counts=100).spectra
    rng = np.random.default_rng(0)
    yield "empty", b""
    yield "blank", b"\n" * 40
    yield "zeros", bytes(100_000)
    yield "noise", rng.integers(0, 256, 200_000, dtype="uint8").tobytes()
    yield "one line", b"1 " * 3_000_000
    yield "picture", b"\x89PNG\r\n\x1a\n" + bytes(1000)
    yield "page", b"<!DOCTYPE html><html><body>Not found</body></html>"
    yield "csv", write_csv(spectra, folder / "a.csv").read_bytes()
    yield "other xml", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><path d="M 0 0"/></svg>'
    yield "counts", b"1000000000 1000000000 1 0\n1\n1\nCAR\nx\n 10.0 -10.0 1000000000 0.0 1.0\n -10 0 0\n"
    yield "packed noise", gzip.compress(rng.integers(0, 256, 1000, dtype="uint8").tobytes())
    with h5py.File(folder / "b.h5", "w") as h5:
        h5["a"] = 1
    yield "other hdf5", (folder / "b.h5").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_none(tmp_path, name):
    source, target = tmp_path / "source", tmp_path / "run"
    source.mkdir()
    target.mkdir()
    path = target / name
    for what, raw in _contents(source):
        path.write_bytes(raw)
        for kind in (None, FORMATS[name]):
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises(MIWidgetsError) as error:
                    read_pdos(path, kind)
            assert len(str(error.value)) < 2000, what
            assert time.perf_counter() - began < 20, what


def test_each_reader_on_the_files_of_others(tmp_path):
    path, _ = _vasprun(tmp_path)
    (tmp_path / "DOSCAR").write_bytes(path.read_bytes())
    with pytest.raises(FileFormatError, match="sixth line"):
        read_pdos(tmp_path / "DOSCAR")
    _doscar(tmp_path)
    for kind in ("vasprun", "vaspout", "projwfc", "cp2k", "lobster"):
        with pytest.raises(MIWidgetsError):
            read_pdos(tmp_path / "DOSCAR", kind)
    path.write_bytes((tmp_path / "DOSCAR").read_bytes())
    with pytest.raises(FileFormatError, match=r"no vasprun\.xml"):
        read_pdos(path)
