"""The browser is found, installed where that is possible, and otherwise asked for in words."""

import stat
from pathlib import Path

import chromium
import pytest


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("MI_WIDGETS_CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "MAC", tmp_path / "nothing")
    return tmp_path


def _program(folder: Path, name: str, script: str = "exit 0") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("name", chromium.NAMES)
def test_found_under_any_name(programs: Path, name: str) -> None:
    assert chromium.find() is None
    _program(programs, name)
    assert chromium.find() == str(programs / name)


def test_the_named_one_comes_first(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(programs, "chromium")
    monkeypatch.setenv("MI_WIDGETS_CHROMIUM", "/opt/mine")
    assert chromium.find() == "/opt/mine"


@pytest.mark.parametrize("user", [0, 1000])
def test_debian_installs_its_package(programs: Path, monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """apt-get knows only the second name, as on Ubuntu; a user goes through sudo."""
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setattr("sys.argv", ["chromium.py", "--install"])
    browser = programs / "chromium-browser"
    _program(programs, "env", 'shift; exec "$@"')
    _program(programs, "sudo", '[ "$1" = -n ] && shift; exec "$@"')
    _program(
        programs,
        "apt-get",
        f'case "$*" in *" chromium") exit 100;; *chromium-browser) echo "#!/bin/sh" > {browser}; '
        f"/bin/chmod +x {browser};; esac",
    )
    assert chromium.main() == 0
    assert chromium.find() == str(browser)


def test_elsewhere_it_says_what_to_install(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["chromium.py", "--install"])
    assert chromium.main() == 1
    assert "dnf install chromium" in capsys.readouterr().out


def test_failing_apt_is_no_success(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(programs, "env", 'shift; exec "$@"')
    _program(programs, "sudo", '[ "$1" = -n ] && shift; exec "$@"')
    _program(programs, "apt-get", "exit 100")
    assert not chromium.install()
