"""Every notebook runs top to bottom in a user's folder, offline and without a browser, in less than a minute."""

import time
from pathlib import Path

import nbclient
import nbformat
import pytest

from mi_widgets.__main__ import copy_notebooks

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, summary: list[str]) -> None:
    copy_notebooks(tmp_path)
    # No network: whatever asks for it goes to a port nobody listens on.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    notebook = nbformat.read(tmp_path / path.name, as_version=4)
    began = time.perf_counter()
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    seconds = time.perf_counter() - began
    summary.append(f"{path.name}: {seconds:.1f} s, {len(nbformat.writes(notebook)) / 1000:.0f} kB with its outputs")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert seconds < 60
