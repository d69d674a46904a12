"""The command ``mi-widgets``: put the notebooks and bundled data into a folder, and open JupyterLab there.

``mi-widgets lab`` opens ``00_start_here.ipynb``, ``mi-widgets notebooks DIR`` only copies. A file that was edited is
never overwritten; what a newer version ships lands beside it.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mi_widgets import __version__
from mi_widgets._share import share_path
from mi_widgets.errors import MissingDependencyError, MIWidgetsError, ParameterError

__all__ = ["copy_notebooks", "main"]

START = "00_start_here.ipynb"
FOLDER = "mi_widgets_notebooks"
#: Remembers in the user's folder what was shipped, so that an edited file can be told from an old one.
SHIPPED = ".mi_widgets.json"
SKIPPED = {"__pycache__", ".ipynb_checkpoints", "recipes"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default ``sys.argv[1:]``.

    Returns
    -------
    int
        Exit status: 0 for success, 1 for a problem that is explained on stderr.

    Raises
    ------
    SystemExit
        The arguments cannot be read, or help or the version was asked for.
    """
    args = _parser().parse_args(argv)
    try:
        if args.command == "notebooks":
            _tell(copy_notebooks(args.folder))
            return 0
        return _lab(args.folder, browser=not args.no_browser, port=args.port)
    except (MIWidgetsError, OSError) as error:
        sys.stderr.write(f"mi-widgets: {error}\n")
        return 1


def copy_notebooks(folder: str | os.PathLike[str]) -> list[str]:
    """Copy the notebooks, and the bundled data under ``data/``, to a folder of the user's.

    A file that is there already and was edited stays as it is: a newer shipped one lands beside it as
    ``name-<version>.ipynb``. A file that was never edited is renewed. The notebooks' own folder in a checkout is left
    as it is.

    Parameters
    ----------
    folder : path-like
        Where to; it is made if it does not exist.

    Returns
    -------
    list of str
        What was done, one line per file that was written.

    Raises
    ------
    ParameterError
        `folder` is a file.
    MIWidgetsError
        The notebooks are missing from this installation.

    Examples
    --------
    >>> import tempfile
    >>> copy_notebooks(tempfile.mkdtemp())[0].split()[-1]
    '00_start_here.ipynb'
    """
    target = Path(folder).expanduser().resolve()
    if target.exists() and not target.is_dir():
        raise ParameterError(f"{target} is a file; name a folder: mi-widgets notebooks my_notebooks")
    if target == share_path("notebooks"):
        return []
    target.mkdir(parents=True, exist_ok=True)
    shipped = _read_shipped(target)
    done = []
    for source, name in _shared_files():
        new = _sha256(source)
        line = _copy_one(source, target / name, new, shipped.get(name))
        if line:
            done.append(line)
        shipped[name] = new
    (target / SHIPPED).write_text(json.dumps(shipped, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return done


def _copy_one(source: Path, target: Path, new: str, last_shipped: str | None) -> str | None:
    """Copy one file unless the user's must stay; return a line about what was done, None if nothing."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return f"new      {target.name}"
    if new == last_shipped or not target.is_file():
        return None
    found = _sha256(target)
    if found == new:
        return None
    if found == last_shipped:
        shutil.copyfile(source, target)
        return f"renewed  {target.name}"
    beside = target.with_stem(f"{target.stem}-{__version__}")
    if beside.exists():
        return None
    shutil.copyfile(source, beside)
    return f"beside   {beside.name} (your {target.name} stays as it is)"


def _shared_files() -> Iterator[tuple[Path, str]]:
    """Each shipped file and its name in the user's folder."""
    for root, prefix in ((share_path("notebooks"), ""), (share_path("data"), "data/")):
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and not SKIPPED & set(relative.parts) and not path.name.startswith("."):
                yield path, prefix + relative.as_posix()


def _read_shipped(target: Path) -> dict[str, str]:
    """What earlier calls shipped to this folder; an unreadable record counts as none: then nothing is overwritten."""
    try:
        found = json.loads((target / SHIPPED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lab(folder: str, *, browser: bool, port: int | None) -> int:
    """Copy the notebooks and run JupyterLab until it is stopped."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingDependencyError('JupyterLab is not installed here. Write: pip install "mi-widgets[lab]"')
    _tell(copy_notebooks(folder))
    options = [f"--ServerApp.root_dir={Path(folder).expanduser().resolve()}", f"--LabApp.default_url=/lab/tree/{START}"]
    options += [] if browser else ["--no-browser"]
    options += [] if port is None else [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # a container, as a rule, where JupyterLab would refuse to start
    # In this process, not a child: Ctrl-C then reaches JupyterLab alone, which asks before it shuts down.
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(argv=options)
    return 0


def _tell(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mi-widgets", description="Notebooks of mi_widgets in JupyterLab.")
    parser.add_argument("--version", action="version", version=f"mi-widgets {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lab = commands.add_parser("lab", help="copy the notebooks to a folder and open JupyterLab there")
    lab.add_argument("--folder", default=FOLDER, metavar="DIR", help="where the notebooks go (default: ./%(default)s)")
    lab.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")
    lab.add_argument("--port", type=int, help="port of the server (default: 8888 or the next free one)")
    notebooks = commands.add_parser("notebooks", help="only copy the notebooks and data")
    notebooks.add_argument("folder", metavar="DIR", help="where to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
