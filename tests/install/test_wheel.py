"""The wheel, for someone without the repository: what is in it, and ``mi-widgets`` from a clean environment."""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from harness import free_port, stopped_at_exit, wait_until_up

import mi_widgets

VERSION = mi_widgets.__version__


def _build(environment: Any, sources: Path, target: Path, *options: str) -> Path:
    # The build backend is in the test environment, so nothing is downloaded for it.
    environment.run(sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", target, sources, cwd=target)
    return target / f"mi_widgets-{VERSION}-py3-none-any.whl"


@pytest.fixture(scope="session")
def wheel(clean_environment: Any, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by way of the sdist, as a package index would have it."""
    return _build(clean_environment, sources, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def installed(clean_environment: Any, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The environment with the wheel in it; its requirements are there already, which pip confirms without an index."""
    pip = ("-m", "pip", "install", "--quiet", "--no-index")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    clean_environment.run("python", *pip, "--no-deps", "--force-reinstall", wheel, cwd=elsewhere)
    clean_environment.run("python", *pip, f"{wheel}[lab]", cwd=elsewhere)
    return clean_environment


def test_wheel_holds_what_a_user_needs(wheel: Path, sources: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    info = f"mi_widgets-{VERSION}.dist-info"
    shared = "mi_widgets/_share"
    wanted = {"mi_widgets/py.typed", f"{shared}/notebooks/00_start_here.ipynb", f"{shared}/data/registry.toml"}
    assert wanted | {f"{info}/entry_points.txt", f"{info}/licenses/LICENSE"} <= names
    assert {path.relative_to(sources).as_posix() for path in (sources / "mi_widgets").rglob("*.*")} <= names
    assert not [n for n in names if n.startswith("tests/") or "__pycache__" in n or "checkpoints" in n]
    assert wheel.stat().st_size < 5e6


def test_wheel_from_the_tree_is_the_same(clean_environment: Any, sources: Path, wheel: Path, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(wheel) as one,
        zipfile.ZipFile(_build(clean_environment, sources, tmp_path, "--wheel")) as other,
    ):
        assert {i.filename: i.CRC for i in one.infolist()} == {i.filename: i.CRC for i in other.infolist()}


def test_bundled_data_load_from_the_wheel(installed: Any, tmp_path: Path) -> None:
    code = "import mi_widgets as mi; print(mi.__file__); print(dict(mi.datasets.load_spectral_map().sizes))"
    file, sizes = installed.run("python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(file).is_relative_to(installed.folder)
    assert "energy" in sizes


def test_command_copies_and_never_overwrites(installed: Any, tmp_path: Path) -> None:
    assert VERSION in installed.run("mi-widgets", "--version", cwd=tmp_path)
    said = installed.run("mi-widgets", "notebooks", "mine", cwd=tmp_path)
    start = tmp_path / "mine" / "00_start_here.ipynb"
    assert "00_start_here.ipynb" in said
    assert list((tmp_path / "mine" / "data").glob("*.nc"))
    start.write_text('{"edited": true}', encoding="utf-8")
    installed.run("mi-widgets", "notebooks", "mine", cwd=tmp_path)
    assert json.loads(start.read_text(encoding="utf-8")) == {"edited": True}


def test_command_starts_jupyterlab(installed: Any, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "server.log"
    options = ["--folder", str(tmp_path / "mine"), "--no-browser", "--port", str(port)]
    variables = installed.variables | {"JUPYTER_TOKEN": "secret"}
    with stopped_at_exit([str(installed.bin / "mi-widgets"), "lab", *options], variables, log) as process:
        base = f"http://127.0.0.1:{port}"
        wait_until_up(f"{base}/api/status?token=secret", process, log)
        page = wait_until_up(f"{base}/lab/tree/00_start_here.ipynb?token=secret", process, log)
        found = json.loads(wait_until_up(f"{base}/api/contents?token=secret", process, log))
    assert b"jupyter-config-data" in page
    assert "00_start_here.ipynb" in {entry["name"] for entry in found["content"]}
    assert f"{port}/lab/tree/00_start_here.ipynb?token=" in log.read_text(encoding="utf-8")
