"""Public tables: downloaded once from a server on loopback, or taken from a path, and checked by their content."""

import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets.bo import Search
from mi_widgets.datasets._compounds import known_compounds
from mi_widgets.datasets._fetch_pools import _PRINTED, fetch_grain_boundary, fetch_thermal_conductivity
from mi_widgets.errors import DownloadError, FileFormatError
from mi_widgets.io import read_netcdf, write_netcdf


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str, list[str]]]:
    """A folder, its address on loopback, and what was asked for."""
    folder, asked = tmp_path / "served", []
    folder.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: object) -> None:
            asked.append(self.path)

    running = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{running.server_port}", asked
    running.shutdown()
    running.server_close()
    thread.join()


def boundary(lowest: float = 0.95745) -> bytes:
    """A made table of the shape, order and known values of the public one."""
    z, x, y = np.meshgrid(np.arange(6) / 10 + 1, np.arange(81) / 10, np.arange(37) / 10, indexing="ij")
    energy = 1.2 + 0.1 * np.cos(3 * x + y).reshape(-1)
    energy[[*_PRINTED]] = list(_PRINTED.values())
    energy[9000] = lowest
    rows = [f"{a:g},{b:g},{c:g},{e:.9g}" for a, b, c, e in zip(x.flat, z.flat, y.flat, energy, strict=True)]
    return "\r\n".join(["a,b,c,Energy", *rows]).encode()


def compounds() -> tuple[bytes, bytes]:
    """103 made compounds in the layout that the public scripts write."""
    known = known_compounds()
    names = [(a, b, s) for a, b, s in zip(known.cation, known.anion, known.structure, strict=True)]
    names += [("Ag", "Br", "rocksalt"), ("Ag", "Cl", "rocksalt")]
    number = {"rocksalt": 225, "zincblende": 216, "wurtzite": 186}
    kappas: dict[str, dict[str, object]] = {
        k: {} for k in ("mp_id", "name", "symm.no", "kappa_TOT_ave", "temperatures")
    }
    blocks = []
    for k, (a, b, s) in enumerate(names):
        row = (f"mp-{k}", a + b, number[s], [9.0, 1.0 + k], [100, 300])
        for column, value in zip(kappas, row, strict=True):
            kappas[column][str(k)] = value
        cell = "5.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 4.0"
        atoms = [f"{e} 0.0 0.0 {z:.1f}" for z, e in enumerate([a, b])]
        comment = f'Lattice="{cell}" Properties=species:S:1:pos:R:3 mp_id=mp-{k} name={a + b} pbc="T T T"'
        blocks.append("\n".join(["2", comment, *atoms]))
    return gzip.compress(json.dumps(kappas).encode()), ("\n".join(blocks) + "\n").encode()


def test_the_grain_boundary_is_downloaded_once_and_searched(server, tmp_path: Path) -> None:
    folder, url, asked = server
    (folder / "s5-210.csv").write_bytes(boundary())
    ds = fetch_grain_boundary(cache=tmp_path / "cache", base_url=url)
    assert ds.sizes == {"candidate": 17982, "feature": 3}
    assert float(ds.energy.min()) == 0.95745
    np.testing.assert_allclose(ds.features[8658], [7.2, 1.2, 0.0])
    assert len(ds.attrs["sha256"]) == 64
    again = fetch_grain_boundary(cache=tmp_path / "cache", base_url="http://127.0.0.1:9")
    xr.testing.assert_identical(again, ds)
    assert len(asked) == 1
    write_netcdf(ds, tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc"), ds)
    search = Search(ds.features, seed=0)
    label = search.ask()[0]
    assert search.tell(label, float(ds.energy.sel(candidate=label))).n_told == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>please log in</html>", "not four numbers each"),
        (boundary()[:-200], r"not 17982 rows|four numbers each"),
        (boundary(0.95), r"the lowest is 0.95000 J/m2, not 0.95745"),
        (boundary().replace(b"2.497145", b"2.397145"), "energies are others"),
        (boundary().replace(b"\r\n7.2,1.2,0,", b"\r\n7.2,1.2,0.05,"), r"no grid of \(81, 6, 37\)"),
        (boundary().replace(b"1.28094", b"nan"), "not 17982 rows"),
    ],
)
def test_another_table_is_refused_and_not_kept(server, tmp_path: Path, content: bytes, words: str) -> None:
    folder, url, _ = server
    (folder / "s5-210.csv").write_bytes(content)
    with pytest.raises(DownloadError, match=words):
        fetch_grain_boundary(cache=tmp_path / "cache", base_url=url)
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(FileFormatError, match=rf"is not s5-210.csv: .*({words})"):
        fetch_grain_boundary(file=folder / "s5-210.csv")
    assert (folder / "s5-210.csv").read_bytes() == content  # what a user gave is left alone


def test_no_server_and_no_file_are_named(server, tmp_path: Path) -> None:
    _, url, _ = server
    with pytest.raises(DownloadError, match=r"s5-210\.csv could not be downloaded .*put it into"):
        fetch_grain_boundary(cache=tmp_path / "cache", base_url=url)
    with pytest.raises(FileFormatError, match=r"nowhere.csv cannot be read \(No such file.*s5-210.csv"):
        fetch_grain_boundary(file=tmp_path / "nowhere.csv")


def test_thermal_conductivities(server, tmp_path: Path) -> None:
    folder, url, asked = server
    kappas, structures = compounds()
    (folder / "kappas_phononDB_PBE_noNAC.json.gz").write_bytes(kappas)
    (folder / "phononDB-PBE-structures.extxyz").write_bytes(structures)
    ds = fetch_thermal_conductivity(cache=tmp_path / "cache", base_url=url)
    assert ds.sizes == {"candidate": 103, "feature": 36}
    assert len(asked) == 2
    lead = ds.sel(candidate="PbTe rocksalt").features
    assert float(lead.sel(feature="volume")) == pytest.approx(50)
    assert float(lead.sel(feature="density")) == pytest.approx((207.2 + 127.6) / 100 / 0.602214, rel=1e-4)
    assert set(lead.feature.values[2:][lead.values[2:] == 1]) == {"Pb", "Te"}
    at = json.loads(gzip.decompress(kappas))["name"].items()
    number = next(int(k) for k, name in at if name == "PbTe")
    assert float(ds.conductivity.sel(candidate="PbTe rocksalt")) == 1.0 + number  # at 300 K, not at 100 K
    given = fetch_thermal_conductivity(
        kappas=folder / "kappas_phononDB_PBE_noNAC.json.gz", structures=folder / "phononDB-PBE-structures.extxyz"
    )
    xr.testing.assert_identical(given, ds)
    write_netcdf(ds, tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc"), ds)


def test_other_conductivities_are_refused(tmp_path: Path) -> None:
    kappas, structures = compounds()
    a, b = tmp_path / "a", tmp_path / "b"
    table = json.loads(gzip.decompress(kappas))
    table["kappa_TOT_ave"]["5"] = -1.0
    cases = [
        (b"[1, 2]", structures, "no table of conductivities"),
        (kappas[:500], structures, "no table of conductivities"),
        (json.dumps(table).encode(), structures, "103 compounds with a value above zero"),
        (kappas, structures[:5000], "structures, not 103|not 2 of two elements|no extended xyz"),
        (kappas, structures.replace(b"mp_id=mp-7 ", b"mp_id=mp-700 "), "no structure of mp-7"),
        (kappas, b"<html>", "no extended xyz: line 1 is '<html>'"),
    ]
    for one, other, words in cases:
        a.write_bytes(one)
        b.write_bytes(other)
        with pytest.raises(FileFormatError, match=words):
            fetch_thermal_conductivity(kappas=a, structures=b)
