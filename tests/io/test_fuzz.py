"""Damaged bytes: an error of ours or an array, soon; never another exception, never a hang."""

import json
import shutil
import time
import warnings

import h5py
import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets
from mi_widgets.errors import MIWidgetsError
from mi_widgets.io import read_spectra, write_csv, write_netcdf, write_nexus, write_zarr

SUFFIXES = ["nc", "csv", "txt", "wdf", "msa", "vms", "npl", "ibw", "pxt", "3ds", "sxm", "dat", "npy", "npz", "h5"]
SUFFIXES += ["nxs"]
CHOICE = {"3ds": 0, "sxm": 0}
SLOWEST = 30.0  # seconds on a loaded machine; usually milliseconds


def mutate(raw: bytes, rng: np.random.Generator) -> bytes:
    """One to eight random damages: flipped bits, overwritten, lost, repeated or inserted runs, a lost end."""
    out = bytearray(raw)
    for _ in range(rng.integers(1, 9)):
        if not out:
            break
        at, length = int(rng.integers(len(out))), int(rng.integers(1, 17))
        kind = rng.integers(7)
        if kind == 0:
            out[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            out[at : at + length] = bytes(rng.integers(0, 256, length, dtype="uint8"))
        elif kind == 2:
            out[at : at + length] = (b"\xff" if rng.random() < 0.5 else b"\0") * length
        elif kind == 3:
            del out[at : at + length]
        elif kind == 4:
            out[at:at] = out[at : at + length]
        elif kind == 5:
            out[at:at] = bytes(rng.integers(0, 256, length, dtype="uint8"))
        elif rng.random() < 0.3:
            del out[at:]
    return bytes(out)


@pytest.fixture(scope="module")
def sources(tmp_path_factory, make, make_wdf):
    """Good files by suffix."""
    folder = tmp_path_factory.mktemp("good")
    ds = datasets.make_spectral_map(shape=(4, 3), n_channels=12, counts=100)[["spectra", "true_center"]]
    taken = [(x, y) for x in range(4) for y in range(3)]
    wdf = make_wdf(
        np.ones((12, 6)), range(6), positions=[(float(x), float(y)) for x, y in taken], grid=(0, 0, 1, 1, 4, 3)
    )
    columns = "binding energy (eV);a;b\n" + "\n".join(f"{280 + i},5;{i};{i * i}" for i in range(20))
    good = {
        "nc": write_netcdf(ds, folder / "a.nc").read_bytes(),
        "csv": write_csv(ds.spectra, folder / "a.csv").read_bytes(),
        "txt": columns.encode(),
        "wdf": wdf,
        "msa": _msa().encode(),
        **_instruments(make),
        **_arrays(ds.spectra, folder),
    }
    for suffix, raw in good.items():
        path = folder / f"good.{suffix}"
        path.write_bytes(raw)
        assert read_spectra(path, variable=CHOICE.get(suffix)).size > 1
    return good


def _instruments(make):
    values = np.arange(12.0)
    blocks = [{"values": values + i, "place": (i % 2, i // 2)} for i in range(4)]
    points = "Date\t1.2.2024\t\n\n[DATA]\nBias (V)\tCurrent (A)\n" + "\n".join(f"{i}\t{i * i}" for i in range(9))
    wave = make.wave(np.arange(24.0).reshape(4, 3, 2), units=["Kinetic Energy [eV]", "um", "um"], note="a note")
    return {
        "vms": make.vamas(blocks, mode="MAP", discrete=(2, 2)).encode(),
        "npl": make.vamas([{"values": [values, values], "columns": [("Energy", "eV"), ("counts", "d")]}],
                          scan="IRREGULAR").encode(),
        "ibw": wave,
        "pxt": make.packed(wave, order=">"),
        "3ds": make.grid(np.arange(24.0).reshape(1, 2, 2, 6), channels=("Current (A)",)),
        "sxm": make.scan(np.ones((2, 3, 4))),
        "dat": points.encode(),
    }  # fmt: skip


def _arrays(spectra, folder):
    np.save(folder / "a.npy", spectra.values)
    np.savez(folder / "a.npz", spectra=spectra.values, energy=spectra.energy.values)
    with h5py.File(folder / "a.h5", "w") as f:
        f["spectra"], f["energy"] = spectra.values, spectra.energy.values
    files = {suffix: (folder / f"a.{suffix}").read_bytes() for suffix in ("npy", "npz", "h5")}
    return {**files, "nxs": write_nexus(spectra, folder / "a.nxs").read_bytes()}


def _msa() -> str:
    head = {"FORMAT": "EMSA/MAS Spectral Data File", "VERSION": "1.0", "TITLE": "t", "NPOINTS": "10", "NCOLUMNS": "1",
            "XUNITS": "eV", "YUNITS": "counts", "DATATYPE": "XY", "XPERCHAN": "1.0", "OFFSET": "0.0"}  # fmt: skip
    lines = [f"#{k:<12}: {v}" for k, v in head.items()] + ["#SPECTRUM    : "]
    return "\n".join([*lines, *(f"{i}.0, {i * i}.0" for i in range(10)), "#ENDOFDATA   : ", ""])


def _fuzz(suffix, raw, folder, n, seed):
    outcomes = {"array": 0, "error": 0}
    path = folder / f"bad.{suffix}"
    for i in range(n):
        damaged = mutate(raw, np.random.default_rng([seed, i]))
        path.write_bytes(damaged)
        length, began = 1, time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                da = read_spectra(path, variable=CHOICE.get(suffix))
        except MIWidgetsError as error:
            length = len(str(error))
            outcomes["error"] += 1
            da = None
        assert 0 < length < 2000, f"{suffix} [{seed}, {i}]: a message of {length} characters"
        if da is not None:
            assert isinstance(da, xr.DataArray)
            assert da.dtype.kind == "f"
            json.dumps(da.attrs)
            outcomes["array"] += 1
        assert time.perf_counter() - began < SLOWEST, f"{suffix} [{seed}, {i}] took too long"
    return outcomes


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_give_our_errors(suffix, sources, tmp_path):
    if suffix in ("wdf", "msa"):
        pytest.importorskip("rsciio")
    outcomes = _fuzz(suffix, sources[suffix], tmp_path, 200, 1)
    assert outcomes["error"] > 20, outcomes


def _damage_store(store, folder, rng):
    """Copy a Zarr store with one of its files damaged, lost or emptied."""
    bad = folder / "bad.zarr"
    shutil.rmtree(bad, ignore_errors=True)
    shutil.copytree(store, bad)
    files = sorted(path for path in bad.rglob("*") if path.is_file())
    file = files[rng.integers(len(files))]
    if rng.random() < 0.1:
        file.unlink()
    else:
        file.write_bytes(mutate(file.read_bytes(), rng))
    return bad


def _fuzz_stores(folder, n, seed):
    pytest.importorskip("zarr")
    ds = datasets.make_spectral_map(shape=(4, 3), n_channels=12, counts=100)[["spectra"]]
    store = write_zarr(ds, folder / "good.zarr", chunks={"y": 2})
    errors = 0
    for i in range(n):
        bad = _damage_store(store, folder, np.random.default_rng([seed, i]))
        length, began = 1, time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert read_spectra(bad).dtype.kind == "f"
        except MIWidgetsError as error:
            errors += 1
            length = len(str(error))
        assert 0 < length < 2000, f"zarr [{seed}, {i}]: a message of {length} characters"
        assert time.perf_counter() - began < SLOWEST, f"zarr [{seed}, {i}] took too long"
    return errors


def test_damaged_stores_give_our_errors(tmp_path):
    assert _fuzz_stores(tmp_path, 200, 1) > 20


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(4))
def test_many_damaged_stores_give_our_errors(part, tmp_path):
    _fuzz_stores(tmp_path, 2500, int(time.time()) + 10**6 * part)


@pytest.mark.nightly
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_damaged_files_give_our_errors(suffix, sources, tmp_path):
    _fuzz(suffix, sources[suffix], tmp_path, 10_000, int(time.time()))
