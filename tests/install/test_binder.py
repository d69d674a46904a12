"""Binder: what repo2docker would build from binder/, and the same steps followed in a clean environment."""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import mi_widgets

REQUIREMENTS = "binder/requirements.txt"


@pytest.fixture(scope="module")
def dockerfile(repo2docker: Any, sources: Path) -> str:
    # No container engine is needed: repo2docker only prints. It refuses to build for root, hence the user.
    user = ("--user-id", "1000", "--user-name", "jovyan")
    code = "import sys; from repo2docker.__main__ import main; sys.stderr = sys.stdout; main()"
    return str(repo2docker.run("python", "-c", code, "--no-build", "--debug", *user, sources, cwd=repo2docker.home))


def test_runtime_is_honoured(dockerfile: str) -> None:
    # repo2docker writes every character but letters and digits of a file name as -xx, in hexadecimal.
    plain = re.sub(r"-([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), dockerfile)
    assert re.search(r"buildpacks/conda/environment\.py-3\.11\S*\.lock", plain)


def test_packages_are_a_layer_before_the_sources(dockerfile: str) -> None:
    """Third-party packages stay cached from commit to commit; our own package is built after the copy."""
    steps = [
        r"^RUN .*pip install .*-r \"?binder/requirements\.txt",
        r"^COPY .*src/ \$\{REPO_DIR\}",
        r"^RUN \./binder/postBuild",
    ]
    places = [re.search(step, dockerfile, re.MULTILINE) for step in steps]
    assert all(places), places
    starts = [place.start() for place in places if place]
    assert starts == sorted(starts)
    # pyproject.toml is installed by postBuild, not by repo2docker: a second way would resolve everything again.
    assert not re.search(r"pip install .*(\.|-e \.)$", dockerfile, re.MULTILINE)


def test_requirements_are_pinned_and_lean(sources: Path) -> None:
    lines = (sources / REQUIREMENTS).read_text(encoding="utf-8").split("\n")
    pins = dict(line.split("==") for line in lines if line)
    locked = (sources / "requirements.lock").read_text(encoding="utf-8")
    assert {"xarray", "numba", "bokeh", "holoviews", "anywidget", "ipykernel"} <= set(pins)
    assert tuple(map(int, pins["ipykernel"].split(".")[:2])) >= (7, 1)  # with 7.0 WebGL canvases stay blank
    # jupyterlab and notebook are there because nglview asks for them
    assert not {"torch", "playwright", "pytest", "voila", "pymatgen", "mi-widgets"} & set(pins)
    for name, version in pins.items():
        assert re.search(rf"^{re.escape(name)}=={re.escape(version)}( |$)", locked, re.MULTILINE), f"{name} differs"
    assert not (sources / "binder" / "apt.txt").exists()


@pytest.mark.parametrize("name", [REQUIREMENTS, "requirements.lock"])
def test_no_address_in_the_lock(sources: Path, name: str) -> None:
    assert not re.search(r"://|^-|@ ", (sources / name).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_same_steps_run_the_start_notebook(clean_environment: Any, sources: Path, tmp_path: Path) -> None:
    clean_environment.run(str(sources / "binder" / "postBuild"), cwd=sources)
    where = "import mi_widgets, pathlib; print(pathlib.Path(mi_widgets.__file__).parent)"
    package = Path(clean_environment.run("python", "-c", where, cwd=tmp_path).strip())
    assert clean_environment.folder in package.parents
    assert list(package.rglob("*.nbi")), "postBuild left no compiled kernel"
    run = """
        import sys, nbclient, nbformat
        notebook = nbformat.read("00_start_here.ipynb", 4)
        nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
        nbformat.write(notebook, sys.argv[1])
    """
    clean_environment.run("python", "-c", textwrap.dedent(run), tmp_path / "done.ipynb", cwd=sources / "notebooks")
    cells = json.loads((tmp_path / "done.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert outputs
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert mi_widgets.__version__ in json.dumps(outputs)
