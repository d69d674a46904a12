"""The house keeps its own rules: floors, quick import, documented and annotated public names, sizes."""

import ast
import doctest
import importlib
import inspect
import json
import pkgutil
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mi_widgets

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mi_widgets"
UI = {"ipywidgets", "anywidget", "nglview", "IPython", "jupyter_bokeh"}
DRAWING = {"holoviews", "panel", "bokeh", "matplotlib"}
TOP = ("mi_widgets.widgets", "mi_widgets.plots", "mi_widgets.__main__")


def _modules() -> list[str]:
    found = [m.name for m in pkgutil.walk_packages(mi_widgets.__path__, "mi_widgets.")]
    return sorted(["mi_widgets", *found])


def _is_public(module: str) -> bool:
    return not any(part.startswith("_") for part in module.split(".")[1:])


BELOW_PLOTS = [m for m in _modules() if not m.startswith(TOP)]
PUBLIC = [m for m in _modules() if _is_public(m)]


def _python(code: str) -> Any:
    """What the code prints as JSON in a fresh interpreter whose warnings are errors."""
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def _loaded_after(code: str) -> set[str]:
    return set(
        _python(f"{code}\nimport json, sys\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))")
    )


# ---- floors


def test_below_plots_nothing_draws_or_talks() -> None:
    """Every module below plots is imported, a map is made, fitted and evaluated: no interface, no drawing is loaded."""
    imports = "\n".join(f"import {module}" for module in BELOW_PLOTS)
    work = (
        "spectra = mi_widgets.datasets.make_spectral_map(shape=(2, 2), seed=0).spectra\n"
        "fit = mi_widgets.peaks.fit_peaks(spectra, n_peaks=2)\n"
        "mi_widgets.peaks.evaluate(fit, spectra)\n"
    )
    assert len(BELOW_PLOTS) > 5
    assert not _loaded_after(f"{imports}\n{work}") & (UI | DRAWING)


def test_plots_draw_without_widgets() -> None:
    # holoviews brings IPython where it is installed; that plots does not ask for it is import-linter's to prove.
    assert not _loaded_after("import mi_widgets.plots\nmi_widgets.plots.__all__") & (UI - {"IPython"})


def test_import_loads_nothing_else() -> None:
    third_party = _loaded_after("import mi_widgets\ndir(mi_widgets)") - _loaded_after("pass") - sys.stdlib_module_names
    assert third_party == {"mi_widgets"}


def test_import_is_quick(summary: list[str]) -> None:
    code = (
        "import time; start = time.perf_counter(); import mi_widgets\n"
        "import json; print(json.dumps(time.perf_counter() - start))"
    )
    seconds = min(_python(code) for _ in range(5))
    summary.append(f"import mi_widgets: {1000 * seconds:.0f} ms over bare python")
    assert seconds < 0.2


@pytest.mark.parametrize("name", sorted(set(mi_widgets.__all__) - {"__version__"}))
def test_lazy_name_is_found(name: str) -> None:
    assert getattr(mi_widgets, name) is not None
    assert name in dir(mi_widgets)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing_like_it'"):
        mi_widgets.nothing_like_it  # noqa: B018


def test_third_party_imports_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    users = [line for name, lines in extras.items() if name not in ("test", "dev") for line in lines]
    declared = {re.split(r"[<>=!\[ ]", line)[0].lower() for line in project["dependencies"] + users}
    # Import name to distribution; llvmlite and requests come with numba and pooch, for what these themselves hand out.
    import_names = {"sklearn": "scikit-learn", "rsciio": "rosettasciio", "llvmlite": "numba", "requests": "pooch"}
    for path in PACKAGE.rglob("*.py"):
        for top in _imported(path) - sys.stdlib_module_names - {"mi_widgets"}:
            assert import_names.get(top, top).lower() in declared, (
                f"{path} imports {top}, which pyproject does not name"
            )


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


# ---- public names


def _public_objects() -> Iterator[tuple[str, Any]]:
    """Every public function and class, once, under the name of the module that shows it."""
    seen = set()
    for module_name in PUBLIC:
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", []):
            item = inspect.getattr_static(module, name, None) or getattr(module, name, None)
            if (inspect.isfunction(item) or inspect.isclass(item)) and id(item) not in seen:
                seen.add(id(item))
                yield f"{module_name}.{name}", item


OBJECTS = dict(_public_objects())
FUNCTIONS = {name: item for name, item in OBJECTS.items() if inspect.isfunction(item)}
CLASSES = {name: item for name, item in OBJECTS.items() if inspect.isclass(item)}


@pytest.mark.parametrize("module_name", PUBLIC)
def test_module_says_what_it_offers(module_name: str) -> None:
    module = importlib.import_module(module_name)
    assert module.__doc__
    names = list(module.__all__)
    assert names == sorted(names, key=lambda n: (n != n.upper(), n)) or names == sorted(names)
    assert len(set(names)) == len(names)
    for name in names:
        assert hasattr(module, name), f"{module_name}.__all__ names {name}, which is not there"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_is_documented(name: str) -> None:
    function = FUNCTIONS[name]
    sections = _sections(function)
    parameters = [p for p in inspect.signature(function).parameters if p not in ("self", "cls")]
    documented = _documented_names(sections.get("Parameters", ""))
    assert sections[""].split("\n\n")[0].strip().endswith((".", ":")), "the first paragraph is one sentence or more"
    assert [p for p in parameters if p not in documented] == []
    assert [p for p in documented if p not in parameters] == []
    gives = inspect.signature(function).return_annotation
    assert gives is None or {"Returns", "Yields"} & set(sections), "what is returned is not described"
    assert "Raises" in sections or not _raises(function), "it raises and does not say so"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_has_an_example(name: str) -> None:
    assert doctest.DocTestParser().get_examples(inspect.getdoc(FUNCTIONS[name]) or ""), "no runnable example"


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_class_is_documented(name: str) -> None:
    cls = CLASSES[name]
    assert cls.__doc__
    for method_name, method in vars(cls).items():
        if not method_name.startswith("_") and inspect.isfunction(method):
            assert method.__doc__, f"{name}.{method_name} has no docstring"
            _check_annotations(f"{name}.{method_name}", method)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_is_annotated(name: str) -> None:
    _check_annotations(name, FUNCTIONS[name])


@pytest.mark.parametrize("module_name", _modules())
def test_examples_run(module_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(module_name)
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def _check_annotations(name: str, function: Callable[..., Any]) -> None:
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty, f"{name}: no return annotation"
    bare = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")]
    assert bare == [], f"{name}: not annotated"


def _sections(item: Any) -> dict[str, str]:
    """The docstring by its underlined headings; the text before the first is under ""."""
    parts = re.split(r"\n(\w[\w ]*)\n-{3,}\n", "\n" + (inspect.getdoc(item) or ""))
    return {"": parts[0].strip(), **dict(zip(parts[1::2], parts[2::2], strict=True))}


def _documented_names(text: str) -> list[str]:
    lines = [line.split(" :")[0] for line in text.splitlines() if line and not line.startswith(" ")]
    return [name.strip().lstrip("*") for line in lines for name in line.split(",")]


def _raises(function: Callable[..., Any]) -> bool:
    source = inspect.cleandoc("\n" + inspect.getsource(function))
    return any(isinstance(node, ast.Raise) for node in ast.walk(ast.parse(source)))


# ---- sizes, versions, notebooks, data


def test_sizes(summary: list[str]) -> None:
    """No file is over 500 lines; the rest is printed, with DESIGN's aims beside it."""
    files = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    lines = {path.relative_to(ROOT): text.count("\n") for path, text in files.items()}
    functions = sorted(_function_lengths(files), reverse=True)
    lengths = sorted(n for n, _ in functions)
    longest = max(lines, key=lambda path: lines[path])
    summary.append(
        f"files {len(files)}, lines {sum(lines.values())}, median {statistics.median(lines.values()):.0f} (aim 200), "
        f"longest {lines[longest]} {longest} (limit 500); functions {len(lengths)}, p95 "
        f"{lengths[int(0.95 * (len(lengths) - 1))]} (aim 60), longest {functions[0][0]} {functions[0][1]}"
    )
    assert lines[longest] <= 500


def _function_lengths(files: dict[Path, str]) -> Iterator[tuple[int, str]]:
    """Lines of each function without its docstring, and where it stands."""
    for path, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = node.body[0] if ast.get_docstring(node) else None
                inside = doc.end_lineno - doc.lineno + 1 if doc and doc.end_lineno else 0
                yield (node.end_lineno or 0) - node.lineno + 1 - inside, f"{path.relative_to(ROOT)}:{node.name}"


def test_one_version() -> None:
    assert f"\nversion: {mi_widgets.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[({re.escape(mi_widgets.__version__)}|Unreleased)\]", changelog, re.MULTILINE)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_is_stripped(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["cells"][0]["cell_type"] == "markdown"
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            assert not re.search(r"^\s*(async )?def ", "".join(cell["source"]), re.MULTILINE), "a helper in a notebook"


def test_every_bundled_file_is_registered() -> None:
    registry = tomllib.loads((ROOT / "data" / "registry.toml").read_text(encoding="utf-8"))["dataset"]
    bundled = {entry["file"]: entry for entry in registry if entry["kind"] == "bundled"}
    assert set(bundled) == {path.name for path in (ROOT / "data").glob("*.nc")}
    for entry in registry:
        fields = {"name", "call", "title", "file", "sha256", "size", "units", "source", "licence", "recipe", "date"}
        assert fields <= set(entry), entry["name"]
        assert entry["kind"] == "bundled" or "url" in entry
    for entry in bundled.values():
        assert (ROOT / "data" / entry["recipe"]).is_file()


# ---- what people read first


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_readme_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out
