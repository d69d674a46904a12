"""Bartel's table from a server on loopback, or a path, checked by its content; the two laboratories."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import fetch_perovskites, make_perovskites, make_two_laboratories
from mi_widgets.errors import DownloadError, FileFormatError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf


def rows_like_bartels() -> list[str]:
    """A table with the header, the number of rows and of perovskites of the real one; nothing else of it."""
    lines = ["ABX3,exp_label,is_train,A,B,X,nA,nB,nX,rA (Ang),rB (Ang),rX (Ang),t,tau,t_pred,tau_pred,tau_prob"]
    anions = {"O": 1.4, "F": 1.33, "Cl": 1.81, "Br": 1.96, "I": 2.2}
    for k in range(576):
        x, r_x = list(anions.items())[k % 5]
        a, b = 1.2 + 0.01 * (k % 60), 0.4 + 0.01 * (k % 70)
        t = (a + r_x) / (np.sqrt(2) * (b + r_x))
        label = "1.0" if k < 313 else "-1.0"
        lines.append(f"A{k}B{x}3,{label},1,A{k},B,{x},2,4,-2,{a:.2f},{b:.2f},{r_x},{t:.2f},3.9,1,1,0.6")
    return lines


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


def test_the_table_is_loaded_once_and_labelled(server: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = server
    (folder / "TableS1.csv").write_text("\n".join(rows_like_bartels()) + "\n")
    ds = fetch_perovskites(cache=tmp_path / "cache", base_url=url)
    assert ds.sizes["candidate"] == 576
    assert int((ds.perovskite == 1).sum()) == 313
    assert ds.r_a.attrs["units"] == "angstrom"
    assert len(ds.attrs["sha256"]) == 64
    again = fetch_perovskites(cache=tmp_path / "cache", base_url="http://127.0.0.1:9")
    xr.testing.assert_identical(again, ds)
    by_path = fetch_perovskites(file=folder / "TableS1.csv")
    xr.testing.assert_identical(by_path, ds)
    write_netcdf(ds, tmp_path / "p.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "p.nc"), ds)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: ["<html>log in</html>"], "no column"),
        (lambda rows: rows[:-1], "576 compounds"),
        (lambda rows: [r.replace(",1.0,", ",-1.0,", 1) for r in rows], "313"),
        (lambda rows: [*rows[:-1], rows[1].replace(",1.0,", ",-1.0,", 1)], "twice"),
        (lambda rows: [rows[0], rows[1].replace(",1.20,", ",-1.20,"), *rows[2:]], "above zero"),
        (lambda rows: [rows[0], rows[1].replace(",1.20,", ",much,"), *rows[2:]], "numbers"),
        (lambda rows: [rows[0], rows[1].replace(",1.20,", ",2.20,"), *rows[2:]], "t of A0BO3"),
    ],
)  # fmt: skip
def test_another_file_is_refused_and_not_kept(server: tuple[Path, str], tmp_path: Path, spoil, words: str) -> None:
    folder, url = server
    (folder / "TableS1.csv").write_text("\n".join(spoil(rows_like_bartels())) + "\n")
    with pytest.raises(FileFormatError, match=words):
        fetch_perovskites(file=folder / "TableS1.csv")
    with pytest.raises(DownloadError, match=words):
        fetch_perovskites(cache=tmp_path / "cache", base_url=url)
    assert not list((tmp_path / "cache").glob("*.csv"))


def test_invented_compounds_are_neutral_and_follow_the_rule() -> None:
    ds = make_perovskites(n_compounds=506, noise=0.0)
    assert ((ds.true_tau < 4.18) == (ds.perovskite == 1)).all()
    assert (ds.r_a > ds.r_b).all()
    assert len(set(ds.candidate.values.tolist())) == 506
    xr.testing.assert_identical(make_perovskites(seed=3), make_perovskites(seed=3))
    noisy = make_perovskites(n_compounds=506, noise=0.3, seed=0)
    error = float(abs((noisy.perovskite - noisy.true_probability).mean()))
    assert error < 3 * float(np.sqrt((noisy.true_probability * (1 - noisy.true_probability)).sum())) / 506


def test_two_laboratories_differ_by_the_offset() -> None:
    ds = make_two_laboratories(n_samples=2000, offset=0.4, noise=0.1)
    off = ds.log_conductivity - ds.true_log_conductivity
    assert float(off[ds.laboratory.values == "A"].mean()) == pytest.approx(0, abs=0.01)
    assert float(off[ds.laboratory.values == "B"].mean()) == pytest.approx(0.4, abs=0.01)
    for wrong in ({"n_samples": 3}, {"offset": 5}, {"noise": -1}):
        with pytest.raises(ParameterError):
            make_two_laboratories(**wrong)
