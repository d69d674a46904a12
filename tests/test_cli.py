"""The command ``mi-widgets``: it copies, keeps what the user edited, and explains what is missing."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mi_widgets.__main__ as cli
from mi_widgets import __version__
from mi_widgets.errors import ParameterError

START = "00_start_here.ipynb"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small installation to copy from: one notebook, one data file, and what must not be copied."""
    for name in (
        f"notebooks/{START}",
        "notebooks/.ipynb_checkpoints/old.ipynb",
        "data/map.nc",
        "data/recipes/map.py",
    ):
        path = tmp_path / "shipped" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first", encoding="utf-8")
    monkeypatch.setattr(cli, "share_path", lambda kind: tmp_path / "shipped" / kind)
    return tmp_path / "shipped"


def test_copies_notebooks_and_data(shipped: Path, tmp_path: Path) -> None:
    assert cli.copy_notebooks(tmp_path / "new" / "mine") == [f"new      {START}", "new      map.nc"]
    found = {path.relative_to(tmp_path / "new" / "mine").as_posix() for path in (tmp_path / "new").rglob("*.*")}
    assert {START, "data/map.nc"} <= found
    assert not [name for name in found if "recipes" in name or "checkpoints" in name]


def test_second_call_does_nothing(shipped: Path, tmp_path: Path) -> None:
    cli.copy_notebooks(tmp_path / "mine")
    assert cli.copy_notebooks(tmp_path / "mine") == []


def test_edited_file_stays(shipped: Path, tmp_path: Path) -> None:
    cli.copy_notebooks(tmp_path / "mine")
    mine = tmp_path / "mine" / START
    mine.write_text("edited", encoding="utf-8")
    assert cli.copy_notebooks(tmp_path / "mine") == []  # nothing new is shipped: nothing to put beside it
    (shipped / "notebooks" / START).write_text("second", encoding="utf-8")
    beside = tmp_path / "mine" / f"00_start_here-{__version__}.ipynb"
    assert cli.copy_notebooks(tmp_path / "mine") == [f"beside   {beside.name} (your {START} stays as it is)"]
    assert mine.read_text(encoding="utf-8") == "edited"
    assert beside.read_text(encoding="utf-8") == "second"
    assert cli.copy_notebooks(tmp_path / "mine") == []


def test_unedited_file_is_renewed(shipped: Path, tmp_path: Path) -> None:
    cli.copy_notebooks(tmp_path / "mine")
    (shipped / "notebooks" / START).write_text("second", encoding="utf-8")
    assert cli.copy_notebooks(tmp_path / "mine") == [f"renewed  {START}"]
    assert (tmp_path / "mine" / START).read_text(encoding="utf-8") == "second"


@pytest.mark.parametrize("record", [None, "not json", "[1, 2]"])
def test_without_its_record_nothing_is_overwritten(shipped: Path, tmp_path: Path, record: str | None) -> None:
    (tmp_path / "mine").mkdir()
    mine = tmp_path / "mine" / START
    mine.write_text("from before", encoding="utf-8")
    if record is not None:
        (tmp_path / "mine" / cli.SHIPPED).write_text(record, encoding="utf-8")
    cli.copy_notebooks(tmp_path / "mine")
    assert mine.read_text(encoding="utf-8") == "from before"
    assert (tmp_path / "mine" / f"00_start_here-{__version__}.ipynb").read_text(encoding="utf-8") == "first"


def test_deleted_file_comes_back(shipped: Path, tmp_path: Path) -> None:
    cli.copy_notebooks(tmp_path / "mine")
    (tmp_path / "mine" / START).unlink()
    assert cli.copy_notebooks(tmp_path / "mine") == [f"new      {START}"]


def test_folder_of_that_name_stays(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / START).mkdir(parents=True)
    assert cli.copy_notebooks(tmp_path / "mine") == ["new      map.nc"]


def test_own_folder_is_left_alone(shipped: Path) -> None:
    before = sorted(shipped.rglob("*"))
    assert cli.copy_notebooks(shipped / "notebooks") == []
    assert sorted(shipped.rglob("*")) == before


def test_file_instead_of_folder(shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    with pytest.raises(ParameterError, match="is a file; name a folder"):
        cli.copy_notebooks(taken)
    assert cli.main(["notebooks", str(taken)]) == 1
    assert "mi-widgets: " in capsys.readouterr().err
    assert taken.read_text(encoding="utf-8") == "mine"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["lab", "--port", "many"], ["notebooks"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage: mi-widgets" in capsys.readouterr().err


def test_lab_without_jupyterlab(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.main(["lab", "--folder", str(tmp_path / "mine")]) == 1
    assert 'pip install "mi-widgets[lab]"' in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What JupyterLab would have been started with."""
    seen: dict[str, Any] = {}
    lab_app = SimpleNamespace(launch_instance=lambda argv: seen.update(argv=argv))
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", SimpleNamespace(LabApp=lab_app))  # type: ignore[arg-type]
    return seen


def test_lab_opens_the_start_notebook(shipped: Path, tmp_path: Path, started: dict[str, Any]) -> None:
    assert cli.main(["lab", "--folder", str(tmp_path / "mine"), "--no-browser", "--port", "9001"]) == 0
    assert f"--ServerApp.root_dir={tmp_path / 'mine'}" in started["argv"]
    assert f"--LabApp.default_url=/lab/tree/{START}" in started["argv"]
    assert {"--no-browser", "--ServerApp.port=9001"} <= set(started["argv"])
    assert (tmp_path / "mine" / START).is_file()


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_allowed_and_only_root(
    shipped: Path, tmp_path: Path, started: dict[str, Any], monkeypatch: pytest.MonkeyPatch, user: int, allowed: bool
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user, raising=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab"]) == 0
    assert ("--allow-root" in started["argv"]) == allowed
    assert json.loads((tmp_path / cli.FOLDER / cli.SHIPPED).read_text(encoding="utf-8"))
