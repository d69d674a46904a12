"""Damaged bytes in files of projected densities of states: an error of ours, or sites and a warning; soon."""

import importlib.util
import json
import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import MIWidgetsError, MIWidgetsWarning
from mi_widgets.io import read_pdos

SPEC = importlib.util.spec_from_file_location("pdos_files", Path(__file__).with_name("pdos_files.py"))
files = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(files)

DATA = Path(__file__).with_name("data")
ELEMENTS = ["Mg", "Mg", "O", "O"]
KINDS = ["vasprun", "vasprun_exponents", "vaspout", "doscar", "procar", "lobster", "cp2k", "aims", "projwfc", "by_k"]
SLOWEST = 30.0  # seconds on a loaded machine; usually milliseconds


def mutate(raw: bytes, rng: np.random.Generator) -> bytes:
    """One to six damages, half of them of the kind that text suffers: a digit, a sign, a lost or repeated line."""
    out = bytearray(raw)
    for _ in range(rng.integers(1, 7)):
        if not out:
            break
        at, length = int(rng.integers(len(out))), int(rng.integers(1, 25))
        kind = rng.integers(10)
        line = out.rfind(b"\n", 0, at) + 1
        end = out.find(b"\n", at) + 1 or len(out)
        if kind == 0:
            out[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            out[at : at + length] = bytes(rng.integers(0, 256, length, dtype="uint8"))
        elif kind == 2:
            out[at : at + length] = (b"\xff" if rng.random() < 0.5 else b"*") * length
        elif kind == 3:
            del out[at : at + length]
        elif kind == 4:
            out[at:at] = out[at : at + length]
        elif kind == 5:
            out[at : at + 1] = b"0123456789-+.Ee* \n"[(k := int(rng.integers(18))) : k + 1]
        elif kind == 6:
            del out[line:end]
        elif kind == 7:
            out[line:line] = out[line:end]
        elif kind == 8:
            out[line:end] = b"9" * int(rng.integers(1, 30)) + b"\n"
        elif rng.random() < 0.3:
            del out[at:]
    return bytes(out)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A folder of good files for each kind, what to open, and which files to damage."""
    base = tmp_path_factory.mktemp("good")
    energy, values = files.curves(4, 9, 2, n_energies=21)
    made = {kind: base / kind for kind in KINDS}
    for path in made.values():
        path.mkdir()
    files.vasprun(made["vasprun"] / "vasprun.xml", ELEMENTS, energy, values)
    files.vasprun(made["vasprun_exponents"] / "vasprun.xml", ELEMENTS, energy, values)
    path = made["vasprun_exponents"] / "vasprun.xml"
    path.write_text(path.read_text().replace(" 0.0000", " 0.0E+0"))  # not read as columns of fixed width
    files.vaspout(made["vaspout"] / "vaspout.h5", ELEMENTS, energy, values)
    files.doscar(made["doscar"] / "DOSCAR", np.round(energy, 3), values)
    files.poscar(made["doscar"], ELEMENTS)
    files.doscar(made["procar"] / "DOSCAR", np.round(energy, 3), values, sites=False, total=np.full((2, 21), 50.0))
    rng = np.random.default_rng(0)
    files.procar(made["procar"] / "PROCAR", rng.uniform(-7, 3, (2, 2, 3)), [0.5, 0.5], rng.random((2, 2, 3, 4, 9)))
    files.lobster(
        made["lobster"] / "DOSCAR.lobster", ELEMENTS, energy, values[:, :4], [["1s", "2p_y", "2p_z", "2p_x"]] * 4
    )
    shares = rng.random((2, 2, 9, 4))
    shares /= shares.sum(axis=(1, 3), keepdims=True)
    levels = np.sort(rng.uniform(-0.5, 0.3, (2, 9)))
    files.cp2k(made["cp2k"], ["Mg", "O"], levels, shares, ["s", "py", "pz", "px"], spins=("ALPHA", "BETA"))
    files.aims(made["aims"], ELEMENTS, energy, values[:, :3])
    for kind, folder in (("projwfc", "qe_ni"), ("by_k", "qe_ni_by_k")):
        for source in (DATA / folder).iterdir():
            shutil.copy(source, made[kind])
    return {kind: (folder, sorted(p for p in folder.iterdir() if p.is_file())) for kind, folder in made.items()}


def _fuzz(kind, source, folder, n, seed):
    original, names = source
    work = folder / kind
    shutil.copytree(original, work)
    good = read_pdos(work)
    outcomes = {"whole": 0, "partly": 0, "error": 0}
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        target = names[rng.integers(len(names))]
        (work / target.name).write_bytes(mutate(target.read_bytes(), rng))
        where, began, message = f"{kind} [{seed}, {i}]", time.perf_counter(), "-"
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                ds = read_pdos(work)
        except MIWidgetsError as error:
            message = str(error)
            outcomes["error"] += 1
        else:
            assert all(issubclass(w.category, MIWidgetsWarning) for w in said), f"{where}: {said}"
            _check(ds, good, bool(said), where)
            outcomes["partly" if (ds.status != 0).any() else "whole"] += 1
        assert 0 < len(message) < 2500, where
        assert time.perf_counter() - began < SLOWEST, where
        shutil.copy(target, work / target.name)
    return outcomes


def _check(ds, good, warned, where):
    assert isinstance(ds, xr.Dataset), where
    json.dumps(ds.attrs)
    axis = ds.energy.values
    assert np.isfinite(axis).all(), where
    assert (np.diff(axis) > 0).all(), where
    values = ds.pdos.values.reshape(ds.sizes["atom"], -1)
    damaged = ds.status.values != 0
    assert np.isnan(values[damaged]).all(), where
    assert np.isfinite(values[~damaged]).all(), where
    assert warned or not damaged.any(), where
    assert ds.pdos.nbytes < 100 * good.pdos.nbytes + 1e6, where


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_give_our_errors_or_sites(kind, sources, tmp_path):
    outcomes = _fuzz(kind, sources[kind], tmp_path, 150, 1)
    assert outcomes["error"] + outcomes["partly"] > 10, outcomes


@pytest.mark.nightly
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files(kind, sources, tmp_path):
    _fuzz(kind, sources[kind], tmp_path, 10_000, int(time.time()))
