"""Clean environments: one with Binder's third-party packages, shared by the tests of Binder and of the wheel.

uv fills them in seconds where pip, which also compiles every file, takes a minute; without uv pip does it.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import private_environment

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder builds an environment."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Environment:
    """A virtual environment that knows nothing of the one the tests run in."""

    folder: Path
    home: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def variables(self) -> dict[str, str]:
        kept = private_environment(self.home)
        kept = {k: v for k, v in kept.items() if not k.startswith("PYTHON") and k != "VIRTUAL_ENV"}
        return kept | {"PATH": f"{self.bin}{os.pathsep}{kept['PATH']}"}

    def run(self, program: str, *arguments: object, cwd: Path, seconds: float = 240) -> str:
        """Run a program of this environment; what it writes to stdout, and a failed test with its log if it fails."""
        command = [program if os.sep in program else str(self.bin / program), *map(str, arguments)]
        return _run(command, cwd, self.variables, seconds)

    def install(self, *arguments: object, cwd: Path) -> None:
        """What ``pip install`` with these arguments would install, from where pip would take it."""
        uv = _uv()
        if uv is None:
            self.run("python", "-m", "pip", "install", "--quiet", *arguments, cwd=cwd)
            return
        pip = [uv, "pip", "install", "--quiet", "--no-config", "--index-strategy", "unsafe-best-match"]
        _run([*pip, "--python", str(self.bin / "python"), *map(str, arguments)], cwd, os.environ | _index_of_pip(), 240)


def _run(command: list[str], cwd: Path, variables: dict[str, str], seconds: float) -> str:
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def _uv() -> str | None:
    """The uv beside the Python that runs the tests, or one that is installed."""
    return shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def _index_of_pip() -> dict[str, str]:
    """Variables that make uv look where pip is told to look, by its files or variables; what uv is told comes first."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    said = dict(re.findall(r"^[^.\n]+\.([a-z-]+)='(.*)'$", listed.stdout, re.MULTILINE)[::-1])  # variables come first
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    found = {names[key]: value for key, value in said.items() if key in names}
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = ",".join(found["UV_FIND_LINKS"].split())
    return {name: value for name, value in found.items() if name not in os.environ}


def _new_environment(base: Path) -> Environment:
    uv = _uv()
    make = [sys.executable, "-m", "venv"] if uv is None else [uv, "venv", "--quiet", "--no-config", "--seed"]
    make += [] if uv is None else ["--python", sys.executable]
    _run([*make, str(base / "env")], base, os.environ | _index_of_pip(), 240)
    (base / "home").mkdir()
    return Environment(base / "env", base / "home")


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, so that nothing is built in the tree itself."""
    unwanted = (".git", ".venv*", "__pycache__", ".*_cache", "_screenshots", ".ipynb_checkpoints", "build", "dist")
    return Path(
        shutil.copytree(ROOT, tmp_path_factory.mktemp("sources") / "repo", ignore=shutil.ignore_patterns(*unwanted))
    )


@pytest.fixture(scope="session")
def clean_environment(tmp_path_factory: pytest.TempPathFactory, sources: Path) -> Environment:
    """Binder's pinned packages, and JupyterLab, which Binder's image brings; mi_widgets itself is not in it.

    Each test installs mi_widgets in its own way, Binder's or the wheel's, over whatever was there.
    """
    environment = _new_environment(tmp_path_factory.mktemp("clean"))
    environment.install("-r", "binder/requirements.txt", cwd=sources)
    environment.install("--constraint", "requirements.lock", "jupyterlab", cwd=sources)
    return environment


@pytest.fixture(scope="session")
def repo2docker(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with nothing but repo2docker."""
    environment = _new_environment(tmp_path_factory.mktemp("repo2docker"))
    environment.install("jupyter-repo2docker>=2024.7", cwd=environment.home)
    return environment
