"""NGL, the engine inside nglview: where it is installed, whether it fits, and as one script for a page."""

import json
import re
from functools import cache
from importlib import metadata
from pathlib import Path

from mi_widgets.errors import MissingDependencyError

__all__ = ["INSTALL", "check_nglview", "ngl_script", "nglview_versions"]

#: 4.0.1 does not register its front end, and 4.0 keeps NumPy below 2.3.
INSTALL = 'pip install "nglview>=3.1.4,!=4.0.*"'
_NAME = "nglview-js-widgets"

# The chunk is a table of modules that webpack would call; this calls the one that is NGL.
_HEAD = """
globalThis.__mi_ngl ??= (() => {
const modules = {}, made = {};
const push = ([, found]) => Object.assign(modules, found);
"""
_TAIL = """
const unknown = { env: {}, browser: true, versions: {}, nextTick: (f, ...a) => setTimeout(() => f(...a)) };
function need(id) {
  if (made[id]) return made[id].exports;
  if (!modules[id]) return unknown;
  const module = (made[id] = { exports: {} });
  modules[id].call(module.exports, module, module.exports, need);
  return module.exports;
}
need.r = () => {};
need.d = (to, names) => { for (const k in names) Object.defineProperty(to, k, { enumerable: true, get: names[k] }); };
need.n = (m) => { const get = () => (m && m.__esModule ? m.default : m); need.d(get, { a: get }); return get; };
need.nmd = (m) => Object.assign(m, { paths: [], children: [] });
need.o = (o, k) => Object.prototype.hasOwnProperty.call(o, k);
need.g = globalThis;
const id = Object.keys(modules).find((k) => modules[k].toString().includes("ColormakerRegistry:"));
return need(id);
})();
"""


def _folder() -> Path:
    try:
        files = metadata.distribution("nglview").files or []
    except metadata.PackageNotFoundError:
        raise MissingDependencyError(f"the 3-D view needs nglview. Install it: {INSTALL}") from None
    for file in files:
        if file.name == "package.json" and file.parent.name == _NAME:
            folder = Path(str(file.locate())).parent
            if (folder / "static").is_dir():
                return folder
    raise MissingDependencyError(f"nglview is installed without its front end. Install it anew: {INSTALL}")


@cache
def nglview_versions() -> tuple[str, str, str]:
    """Versions of nglview, of the front end that it asks the page for, and of the front end that is installed.

    Raises
    ------
    MissingDependencyError
        nglview, or its front end, is not installed.
    """
    there = str(json.loads((_folder() / "package.json").read_text(encoding="utf-8")).get("version", ""))
    files = metadata.distribution("nglview").files or []
    asks = there
    for file in files:
        if str(file) == "nglview/_frontend.py":
            found = re.search(r"__frontend_version__\s*=\s*['\"]([^'\"]+)", Path(str(file.locate())).read_text("utf-8"))
            asks = found.group(1) if found else there
    return metadata.version("nglview"), asks, there


def check_nglview() -> str:
    """One line that says what to install where nglview and its front end do not fit; empty where they do.

    Examples
    --------
    >>> isinstance(check_nglview(), str)
    True
    """
    try:
        version, asks, there = nglview_versions()
    except MissingDependencyError as error:
        return str(error)
    if asks != there:
        return (
            f"nglview {version} asks the page for its front end {asks}, and the installed one is {there}: "
            f"nglview's own widgets stay blank. Install one that fits: {INSTALL}"
        )
    return ""


@cache
def ngl_script() -> str:
    """NGL as one script, which leaves it in ``globalThis.__mi_ngl``.

    Raises
    ------
    MissingDependencyError
        nglview is not installed, or its front end has no NGL in it.
    """
    folder = _folder()
    build = json.loads((folder / "package.json").read_text(encoding="utf-8")).get("jupyterlab", {}).get("_build", {})
    load = folder / str(build.get("load", ""))
    entry = load.read_text(encoding="utf-8") if load.is_file() else ""
    chunks = sorted((folder / "static").glob("[0-9]*.js"), key=lambda p: (p.name.split(".")[-2] not in entry, p.name))
    for path in chunks:  # the chunks of older builds may lie there as well
        code = path.read_text(encoding="utf-8")
        if "ColormakerRegistry:" in code and "SphereBuffer:" in code:
            code = re.sub(r"\(self\.(webpackChunk\w+)=self\.\1\|\|\[\]\)\.push\(", "push(", code, count=1)
            return _HEAD + code + _TAIL
    raise MissingDependencyError(f"the front end of nglview holds no NGL. Install it anew: {INSTALL}")
