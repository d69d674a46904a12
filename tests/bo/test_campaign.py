"""Campaigns: nothing that was told is lost."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from mi_widgets.bo import JournalError, Search
from mi_widgets.errors import DataError, FileFormatError, MIWidgetsWarning, ParameterError

FEATURES = ["a", "b", "c"]


@pytest.fixture(name="X")
def features(table: pd.DataFrame) -> pd.DataFrame:
    return table[FEATURES]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "campaign.jsonl"


def fill(path: Path, table: pd.DataFrame, n: int = 12, **options: object) -> Search:
    search = Search.open(path, table[FEATURES], seed=3, **options)
    for _ in range(n):
        [label] = search.ask()
        search.tell(label, table.y[label])
    return search


# ---- reopened


@pytest.mark.parametrize("acquisition", ["thompson", "ei", "z_score"])
def test_reopened_it_is_the_same_to_the_bit(path: Path, table: pd.DataFrame, acquisition: str) -> None:
    search = fill(path, table, 25, acquisition=acquisition)
    search.tell_pending(search.ask()[0])
    search.correct("m010" if "m010" in search.trials().candidate.values else search.best(), 0.5)
    search.retract(search.best())
    search.exclude(["m001", "m002"])
    before, suggestion = search.posterior(), search.ask(4)
    search.close()
    with Search.open(path, table[FEATURES].sample(frac=1, random_state=0)) as again:
        assert again.ask(4) == suggestion
        after = again.posterior().sel(candidate=before.candidate)
        for name in ("mean", "stderr", "acquisition", "rank", "pending", "excluded"):
            np.testing.assert_array_equal(after[name], before[name])
        assert again.trials().identical(search.trials())
    with Search.open(path) as without:  # the pool stands in the journal
        assert without.ask(4) == suggestion
        xr.testing.assert_identical(without.posterior(), before)


def test_retraced_it_is_what_each_branch_is(table: pd.DataFrame, X: pd.DataFrame) -> None:
    search = Search(X, seed=3)
    for label in X.index[:7]:
        search.tell(label, table.y[label])
    search.tell_pending(X.index[30]).retract(X.index[2]).correct(X.index[3], 0.5).exclude(X.index[40:50])
    seen = []
    for k, past in enumerate(search.retrace(4), 4):
        branch = search.branch(k)
        xr.testing.assert_identical(past.posterior(), branch.posterior())
        assert past.ask() == branch.ask()
        seen.append(past.n_events)
    assert seen == list(range(4, 12))
    assert [e["event"] for e in search.events[7:]] == ["pending", "retract", "correct", "exclude"]
    search.events[0]["rows"].clear()
    next(search.retrace(11)).tell(X.index[60], 1.0)
    assert search.n_told == 6
    assert search.events[0]["rows"]
    with pytest.raises(ParameterError, match="0 to 11"):
        search.retrace(12)


@pytest.mark.parametrize("n", [20, pytest.param(50, marks=pytest.mark.nightly)])
def test_kill_9_while_telling_loses_nothing(tmp_path: Path, n: int) -> None:
    """Processes killed at random moments: every acknowledged value is there, the next suggestion the same."""
    script = Path(__file__).with_name("kill.py")
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(n)], capture_output=True, text=True, timeout=120, env=env
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["told"] > 0.8 * n
    assert found["lost"] == 0
    assert found["unequal"] == 0


def test_a_value_is_on_the_disk_when_tell_returns(path: Path, table: pd.DataFrame, monkeypatch) -> None:
    synced = []
    real = os.fsync
    search = Search.open(path, table[FEATURES], seed=3)
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(path.read_bytes()), real(fd))[1])
    search.tell("m001", 0.25)
    assert b'["m001",[0.25],null]' in synced[-1]


def test_a_longer_pool_goes_on(path: Path, table: pd.DataFrame) -> None:
    search = fill(path, table.iloc[:120], 15)
    values = search.trials()
    search.close()
    with Search.open(path, table[FEATURES]) as longer:
        xr.testing.assert_identical(longer.trials(), values)
        for _ in range(25):
            [label] = longer.ask()
            longer.tell(label, table.y[label])
        assert set(longer.trials().candidate.values) & set(table.index[120:])


def test_options_stand_in_the_journal(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    fill(path, table, 3, acquisition="ucb", beta=3.0, units="eV", periodic={"a": 2.0}).close()
    with Search.open(path, X) as again:
        assert (again.seed, again._settings.beta, again._settings.units) == (3, 3.0, "eV")
        assert again.posterior()["mean"].attrs["units"] == "eV"
    with pytest.raises(ParameterError, match=r"begun with beta=3\.0, not 2\.0"):
        Search.open(path, X, beta=2.0)
    with pytest.raises(ParameterError, match=r"begun with kernel='matern52', not 'rbf'"):
        Search.open(path, X, kernel="rbf")
    Search.open(path, X, beta=3.0).close()


def assert_reopened(path: Path, before: xr.Dataset, suggestion: list[str], *args: object, **options: object) -> None:
    with Search.open(path, *args, **options) as again:
        assert again.ask(4) == suggestion
        after = again.posterior().sel(candidate=before.candidate)
        for name in ("mean", "stderr", "acquisition", "rank", "excluded"):
            np.testing.assert_array_equal(after[name], before[name])


def test_cost_and_mask_stand_in_the_journal(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    cost = pd.Series(np.where(table.c > 0, 9.0, 1.0), index=table.index)
    mask = table.a.to_numpy() > -0.5
    with fill(path, table, 8, cost=cost, mask=mask) as search:
        before, suggestion = search.posterior(), search.ask(4)
    shuffled = X.sample(frac=1, random_state=0)
    assert_reopened(path, before, suggestion)
    assert_reopened(path, before, suggestion, shuffled)
    assert_reopened(path, before, suggestion, shuffled, cost=cost)
    for name, other in (("cost", cost + 1), ("mask", ~mask)):
        with pytest.raises(ParameterError, match=rf"begun with another {name}\. Leave {name}= out"):
            Search.open(path, X, **{name: other})
    more = pd.concat([X, (X + 3).rename(index="new {}".format)])
    with pytest.raises(DataError, match=r"cost has no value for 200 of 400 candidates, the first 'new m000'"):
        Search.open(path, more)
    longer = {"cost": pd.Series(2.0, more.index), "mask": pd.Series(True, more.index)}
    with pytest.raises(ParameterError, match="begun with another cost"):
        Search.open(path, more, **longer)
    longer["cost"][X.index], longer["mask"][X.index] = cost, mask
    with Search.open(path, more, **longer) as again:
        assert again.n_told == 8


def test_what_a_campaign_was_begun_without_is_refused(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    fill(path, table, 3).close()
    for name, value in (("cost", np.ones(200)), ("mask", np.ones(200, bool))):
        with pytest.raises(ParameterError, match=f"begun without {name}"):
            Search.open(path, X, **{name: value})
    for name, thing in (("regressor", GaussianProcessRegressor()), ("acquisition", lambda mean, std, best: -mean)):
        with pytest.raises(ParameterError, match=f"begun without an own {name}"):
            Search.open(path, X, **{name: thing})


def test_cost_of_a_pool_too_long_for_the_journal_must_be_given(path: Path) -> None:
    X = {"x": np.arange(500.0), "y": np.arange(500.0)}
    cost = np.linspace(1, 2, 250_000)
    with Search.open(path, X, seed=0, cost=cost) as search:
        search.tell(17, 1.0)
    assert path.stat().st_size < 2000
    with pytest.raises(
        ParameterError, match=r"begun with cost= for 250000 candidates.*Search.open\(path, X, cost=\.\.\.\)"
    ):
        Search.open(path, X)
    with pytest.raises(ParameterError, match="begun with another cost"):
        Search.open(path, X, cost=cost[::-1])
    Search.open(path, X, cost=cost).close()


def test_a_regressor_is_asked_for_again_and_must_be_the_same(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    def peer(low: float) -> GaussianProcessRegressor:  # the restarts draw from the seed of the search
        return GaussianProcessRegressor(
            Matern(nu=2.5, length_scale_bounds=(low, 5)), alpha=1e-4, normalize_y=True, n_restarts_optimizer=1
        )

    with fill(path, table, 7, acquisition="ei", regressor=peer(0.2)) as search:
        before, suggestion = search.posterior(), search.ask(4)
    with pytest.raises(ParameterError, match=r"begun with regressor=GaussianProcessRegressor\(.*Give it again"):
        Search.open(path, X)
    with pytest.raises(ParameterError, match=r"begun with regressor=.*0\.2.* not .*0\.3"):
        Search.open(path, X, regressor=peer(0.3))
    assert_reopened(path, before, suggestion, regressor=peer(0.2))
    assert '"objects":{"regressor":"GaussianProcessRegressor(' in path.read_text()  # words, nothing to be run


def test_a_function_is_asked_for_again(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    def lower(mean: np.ndarray, std: np.ndarray, best: float) -> np.ndarray:
        return -mean + 0.5 * std

    def other(mean: np.ndarray, std: np.ndarray, best: float) -> np.ndarray:
        return -mean

    with fill(path, table, 7, acquisition=lower) as search:
        before, suggestion = search.posterior(), search.ask(4)
    with pytest.raises(ParameterError, match=r"begun with acquisition=function .*lower.*acquisition=\.\.\."):
        Search.open(path, X)
    with pytest.raises(ParameterError, match=r"lower, not function .*other"):
        Search.open(path, X, acquisition=other)
    assert_reopened(path, before, suggestion, acquisition=lower)


def test_defaults_stand_in_the_journal(path: Path, table: pd.DataFrame, X: pd.DataFrame, monkeypatch) -> None:
    """Another version may have others; the campaign goes on with its own."""
    with fill(path, table, 7) as search:
        before, suggestion = search.posterior(), search.ask(4)
    monkeypatch.setattr("mi_widgets.bo._settings.DEFAULT_ACQUISITION", "max_variance")
    assert Search(X).posterior().acquisition.attrs != before.acquisition.attrs
    assert_reopened(path, before, suggestion, X)


def test_several_objectives_and_failures_are_kept(path: Path, X: pd.DataFrame) -> None:
    with Search.open(path, X, goal={"e": "min", "p": "max"}, learn_feasibility=True) as search:
        search.tell(["m001", "m002", "m003"], [[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]], noise=0.1)
        search.tell("m004", None, feasible=False)
        before = search.trials()
    with Search.open(path, X) as again:
        xr.testing.assert_identical(again.trials(), before)


def test_a_pool_too_long_for_the_journal_must_be_given(path: Path) -> None:
    X = {"x": np.arange(500.0), "y": np.arange(500.0)}
    with Search.open(path, X, seed=0) as search:
        search.tell(17, 1.0)
    assert path.stat().st_size < 2000
    with pytest.raises(DataError, match=r"250000 candidates are too many .* Search.open\(path, X\)"):
        Search.open(path)
    with Search.open(path, X) as again:
        assert again.n_told == 1


# ---- held


def test_two_searches_on_one_journal_are_refused(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    search = fill(path, table, 6)
    with pytest.raises(JournalError, match=r"another process or another Search holds .*search\.close\(\)"):
        Search.open(path, X)
    code = (
        "import sys; from mi_widgets.bo import Search, JournalError\n"
        "try: Search.open(sys.argv[1])\n"
        "except JournalError as error: print('refused', error)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert run.stdout.startswith("refused"), run.stderr
    looking = Search.read(path, X)
    assert looking.ask() == search.ask()
    looking.tell(looking.ask(), 0.0)  # in memory
    search.close()
    with Search.open(path, X) as again:
        assert again.n_told == 6


def test_closed_it_can_be_looked_at_and_not_told(path: Path, table: pd.DataFrame) -> None:
    search = fill(path, table, 6)
    search.close()
    search.close()
    assert search.posterior().sizes["candidate"] == 200
    with pytest.raises(JournalError, match=r"is closed. Write search = Search.open"):
        search.tell(search.ask(), 1.0)
    assert search.n_told == 6


# ---- damaged


def test_a_half_written_last_line_is_dropped(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    search = fill(path, table, 8)
    suggestion = search.ask()
    search.close()
    whole = path.read_bytes()
    for cut in (1, 20, 100):
        path.write_bytes(whole + whole.split(b"\n")[-2][:cut])
        with pytest.warns(MIWidgetsWarning, match="last line is only half written"):
            again = Search.open(path, X)
        assert again.ask() == suggestion
        again.close()
        assert path.read_bytes() == whole


def test_a_damaged_line_is_named_and_can_be_left_out(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    fill(path, table, 8).close()
    lines = path.read_bytes().split(b"\n")
    value = json.loads(lines[4])["rows"][0][1][0]
    lines[4] = lines[4].replace(repr(value).encode(), repr(value + 1).encode())  # still JSON, but another number
    damaged = b"\n".join(lines)
    path.write_bytes(damaged)
    with pytest.raises(FileFormatError, match=r"line 5 of 9 is damaged .*repair=True"):
        Search.open(path, X)
    assert path.read_bytes() == damaged
    with Search.open(path, X, repair=True) as again:
        assert again.n_told == 7
    assert path.with_name(path.name + ".damaged").read_bytes() == damaged
    with Search.open(path, X) as again:
        assert again.n_told == 7


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"{}\n", b'{"format":"other","crc":"00000000"}\n', b"\x00" * 40 + b"\n"]
)
def test_another_file_is_left_alone(path: Path, X: pd.DataFrame, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="does not begin as a journal"):
        Search.open(path, X, repair=True)
    assert path.read_bytes() == content
    with pytest.raises(FileFormatError, match="no journal"):
        Search.read(path, X)


# ---- the pool changed


def test_a_pool_that_was_changed_is_refused(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    search = fill(path, table, 8)
    label = search.best()
    search.close()
    with pytest.raises(DataError, match=rf"candidate '{label}', which the journal tells of, is not in X"):
        Search.open(path, X.drop(label))
    other = X.copy()
    other.loc[label, "b"] += 0.01
    with pytest.raises(DataError, match=rf"candidate '{label}' had the features .* the pool was changed"):
        Search.open(path, other)
    with Search.open(path, X) as again:  # the lock was let go
        assert again.n_told == 8


def test_candidates_that_were_not_told_must_not_change_either(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    search = fill(path, table, 4)
    label = search.ask()[0]
    search.close()
    other = X.copy()
    other.loc[label, "c"] += 1e-3
    for pool, words in (
        (X.drop(label), rf"1 of its 200 candidates are not in X, the first '{label}'"),
        (other, rf"candidate '{label}' had c = .* and has"),
        (X.rename(columns={"c": "d"}), "features were a, b, c; in X they are a, b, d"),
    ):
        with pytest.raises(DataError, match=rf"the pool was changed between runs: .*{words}|had the features"):
            Search.open(path, pool)
    Search.open(path, X * (1 + 1e-12)).close()  # as a table of text would give it back


def test_a_long_pool_that_was_changed_is_refused(path: Path) -> None:
    axes = {"x": np.arange(500.0), "y": np.linspace(-1e200, 1e200, 500), "kind": ["p", "q"]}
    grid = Search(axes, seed=0).pool.to_dataframe()
    Search.open(path, grid, seed=0).close()
    for column, value in (("x", 3.5), ("y", 1e199), ("kind", "q")):
        other = grid.copy()
        other.loc[1000, column] = value
        with pytest.raises(DataError, match=f"the pool was changed between runs, in {column}"):
            Search.open(path, other)
    Search.open(path, grid.sample(frac=1, random_state=0)).close()


# ---- the disk


@pytest.mark.parametrize("where", ["write", "fsync"])
def test_a_full_disk_loses_nothing(path: Path, table: pd.DataFrame, X: pd.DataFrame, monkeypatch, where: str) -> None:
    search = fill(path, table, 8)
    before, suggestion = path.read_bytes(), search.ask()

    def full(fd: int, *data: bytes) -> int:
        if data:
            real(fd, data[0][:10])  # a part still fits
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.write
    monkeypatch.setattr(os, where, full)
    with pytest.raises(JournalError, match=r"No space left on device.* everything before it is safe"):
        search.tell(suggestion, 1.0)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert search.n_told == 8
    assert search.ask() == suggestion
    search.tell(suggestion, 1.0)  # after room was made
    search.close()
    with Search.open(path, X) as again:
        assert again.n_told == 9


@pytest.mark.parametrize("fails", [1, 2])
def test_a_full_disk_while_repairing_loses_nothing(
    path: Path, table: pd.DataFrame, X: pd.DataFrame, monkeypatch, fails: int
) -> None:
    """First the copy of the damaged file cannot be written, then the repaired lines."""
    fill(path, table, 6).close()
    lines = path.read_bytes().split(b"\n")
    lines[3] = b"?" + lines[3]
    damaged = b"\n".join(lines)
    path.write_bytes(damaged)
    calls = []
    real = os.fsync

    def full(fd: int) -> None:
        calls.append(fd)
        if len(calls) == fails:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JournalError, match=r"No space left on device.*(nothing was changed|copy it back)"):
        Search.open(path, X, repair=True)
    monkeypatch.undo()
    copy = path.with_name(path.name + ".damaged")
    assert (path if fails == 1 else copy).read_bytes() == damaged
    assert copy.exists() == (fails == 2)
    if fails == 2:
        path.write_bytes(copy.read_bytes())
    with Search.open(path, X, repair=True) as again:
        assert again.n_told == 5
    kept = sorted(p.name for p in path.parent.iterdir())
    assert len(kept) == fails + 1  # an earlier copy is never written over
    assert all(p.read_bytes() == damaged for p in path.parent.glob("*.damaged*"))


def test_a_campaign_begun_on_a_full_disk_leaves_no_file(path: Path, X: pd.DataFrame, monkeypatch) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalError, match="No space left on device"):
        Search.open(path, X)
    monkeypatch.undo()
    assert not path.exists()


def test_a_journal_deleted_while_open_is_said(path: Path, table: pd.DataFrame) -> None:
    search = fill(path, table, 6)
    path.unlink()
    with pytest.raises(JournalError, match=r"was deleted while it was open.*search\.to_csv"):
        search.tell(search.ask(), 1.0)
    assert search.n_told == 6


def test_a_file_system_without_locks_is_said(path: Path, X: pd.DataFrame, monkeypatch) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(JournalError, match=r"cannot lock files \(No locks available\).*local disk"):
        Search.open(path, X)


def test_a_folder_that_is_read_only_or_not_there(path: Path, X: pd.DataFrame, monkeypatch) -> None:
    with pytest.raises(JournalError, match=r"cannot be opened for writing \(No such file or directory\)"):
        Search.open(path.parent / "nowhere" / "a.jsonl", X)

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(JournalError, match=r"\(Permission denied\).*Search.read\(path, X\)"):
        Search.open(path, X)
    with pytest.raises(JournalError, match="cannot be read"):
        Search.read(path, X)


def test_a_campaign_that_cannot_begin_leaves_no_file(path: Path, X: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="needs the candidates"):
        Search.open(path)
    assert not path.exists()
    with pytest.raises(ParameterError):
        Search.open(path, X, kernel="cubic")
    assert not path.exists()


def test_nothing_in_a_journal_is_executed(path: Path, table: pd.DataFrame, X: pd.DataFrame) -> None:
    fill(path, table, 3).close()
    text = path.read_text()
    assert "pickle" not in text
    for line in text.splitlines():
        assert isinstance(json.loads(line), dict)
