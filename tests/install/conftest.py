"""Clean environments: one with Binder's third-party packages, shared by the tests of Binder and of the wheel."""

import os
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
        done = subprocess.run(
            command, cwd=cwd, env=self.variables, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout


def _new_environment(base: Path) -> Environment:
    subprocess.run([sys.executable, "-m", "venv", base / "env"], check=True)
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
    pip = ("-m", "pip", "install", "--quiet")
    environment.run("python", *pip, "-r", "binder/requirements.txt", cwd=sources)
    environment.run("python", *pip, "--constraint", "requirements.lock", "jupyterlab", cwd=sources)
    return environment


@pytest.fixture(scope="session")
def repo2docker(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with nothing but repo2docker."""
    environment = _new_environment(tmp_path_factory.mktemp("repo2docker"))
    environment.run("python", "-m", "pip", "install", "--quiet", "jupyter-repo2docker>=2024.7", cwd=environment.home)
    return environment
