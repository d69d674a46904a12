"""A map larger than memory: 10^6 spectra of 400 channels from Zarr, chunk by chunk, beside the same fit in memory.

Prints the rate of both, their ratio, and the peak memory of the process that fits from Zarr into Zarr. Each of the two
runs in a process of its own, all cores; the one in memory takes a part of the map, repeatedly.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets import datasets, peaks

ROWS, CHUNK = 100, 20_000  # of the map that is made at once; spectra in a chunk


def make(path: Path, n: int) -> None:
    """Write a map of n spectra, in bands with noise of their own."""
    columns = min(1000, n // ROWS)
    bands = n // (ROWS * columns)
    width = max(1, CHUNK // ROWS)
    for band in range(bands):
        ds = datasets.make_spectral_map(preset="overlap", shape=(ROWS, columns), counts=1000, seed=band)
        spectra = ds.spectra.astype("uint16").chunk({"y": ROWS, "x": width, "energy": -1})
        spectra = spectra.assign_coords(y=spectra.y + band * 10.0).to_dataset(name="spectra").drop_attrs(deep=False)
        if band == 0:
            spectra.to_zarr(path, consolidated=False)
        else:
            spectra.to_zarr(path, append_dim="y", consolidated=False)


def from_zarr(path: Path, out: Path) -> dict[str, float]:
    """Fit lazily and write lazily."""
    spectra = xr.open_zarr(path, consolidated=False).spectra
    peaks.fit_peaks(datasets.make_spectral_map(shape=(4, 4)).spectra, n_peaks=2, engine="numba")  # compiled before
    began = time.perf_counter()
    peaks.fit_peaks(spectra, n_peaks=2).to_zarr(out, consolidated=False)
    seconds = time.perf_counter() - began
    center = xr.open_zarr(out, consolidated=False).center
    memory = 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
    return {"n": spectra.size / spectra.sizes["energy"], "s": seconds, "memory": memory,
            "fitted": float(np.isfinite(center[::50]).mean())}  # fmt: skip


def in_memory(path: Path, n: int) -> dict[str, float]:
    """Fit a part of the map from memory."""
    spectra = xr.open_zarr(path, consolidated=False).spectra
    part = spectra[: max(1, n // spectra.sizes["x"])].load()
    peaks.fit_peaks(datasets.make_spectral_map(shape=(4, 4)).spectra, n_peaks=2, engine="numba")
    began = time.perf_counter()
    peaks.fit_peaks(part, n_peaks=2)
    return {"n": part.size / part.sizes["energy"], "s": time.perf_counter() - began}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10**6, help="spectra")
    parser.add_argument("--part", type=int, default=10**5, help="spectra that are fitted in memory")
    parser.add_argument("--folder", type=Path, default=None, help="where the map is kept (0.8 GB for 10^6)")
    parser.add_argument("--run", choices=("zarr", "memory"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run == "zarr":
        with tempfile.TemporaryDirectory() as out:
            print(json.dumps(from_zarr(options.folder / "map.zarr", Path(out) / "fit.zarr")))
        return
    if options.run == "memory":
        print(json.dumps(in_memory(options.folder / "map.zarr", options.part)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "map.zarr").exists():
            make(folder / "map.zarr", options.n)
        rates: dict[str, float] = {}
        for run in ("memory", "zarr", "memory"):
            command = [sys.executable, __file__, "--run", run, "--folder", folder, "--part", str(options.part)]
            done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            rate = done["n"] / done["s"]
            rates[run] = max(rate, rates.get(run, 0.0))
            memory = f", peak memory {done['memory'] / 1e9:.2f} GB" if "memory" in done else ""
            fitted = f", {100 * done['fitted']:.2f} % fitted" if "fitted" in done else ""
            print(
                f"{run:8s} {done['n']:9.0f} spectra {done['s']:7.1f} s {rate:8.0f} spectra/s{memory}{fitted}",
                flush=True,
            )
        print(f"from Zarr at {100 * rates['zarr'] / rates['memory']:.0f} % of the rate in memory")


if __name__ == "__main__":
    main()
