"""Kernels that need not import anything: each is forked from one process that has imported what most of them need.

A kernel so made has a memory, a namespace, a working folder and variables of its own, as any other; only the seconds in
which each would import the same packages are spent once. Jupyter finds it under the name ``warm``, in the data folder
that `warm_kernels` fills; ``python3`` beside it starts from nothing, as everywhere.

As a script this file is the process that forks (``--serve SOCKET``), or what Jupyter starts in place of a kernel
(``--kernel SOCKET ARGUMENTS``): it asks for the fork, passes interrupts on, and ends with it; if it is killed, so is
the kernel.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

WARM = "warm"  # the kernel's name
MODULES = (
    "ipykernel.kernelapp",
    "mi_widgets.datasets",
    "mi_widgets.widgets.peaks",
    "mi_widgets.widgets.structure",
    "mi_widgets.widgets.dos",
    "mi_widgets.widgets.bo",
    "mi_widgets.peaks._engines._numba",
    "ase.io",
    "lmfit",
    "sklearn.gaussian_process",
)


@contextmanager
def warm_kernels() -> Iterator[Path]:
    """Start the process that forks; a data folder of Jupyter (JUPYTER_PATH) with the kernel in it."""
    with tempfile.TemporaryDirectory(prefix="mi-") as name:  # the path of a socket has to be short
        folder = Path(name)
        door, spec = folder / "door", folder / "kernels" / WARM
        spec.mkdir(parents=True)
        me = [sys.executable, "-I", "-S", __file__]  # quick to start: needs no package
        argv = [*me, "--kernel", str(door), "-f", "{connection_file}"]
        text = json.dumps({"argv": argv, "display_name": "Python 3, imports made", "language": "python"})
        (spec / "kernel.json").write_text(text, encoding="utf-8")
        with (folder / "log").open("wb") as log, socket.socket(socket.AF_UNIX) as line:
            line.bind(str(door))
            line.listen()
            command = [sys.executable, __file__, "--serve", str(line.fileno())]
            variables = os.environ | {"OMP_NUM_THREADS": "1"}  # a process that forks had better have no threads
            process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, pass_fds=[line.fileno()])
        try:
            # ports are chosen when a kernel is asked for: one that had to wait would find them taken by others
            limit = time.monotonic() + 120
            while not (folder / "ready").exists():
                if process.poll() is not None or time.monotonic() > limit:
                    raise RuntimeError((folder / "log").read_text(encoding="utf-8"))
                time.sleep(0.05)
            yield folder
        finally:
            process.terminate()
            process.wait(10)


class Forks:
    """Forks a kernel for everyone who asks at a socket, and ends it when who asked is gone."""

    def __init__(self, door: int) -> None:
        import importlib

        # a kernel ends with its parent, and ipykernel learns who that is while it is imported
        os.environ["JPY_PARENT_PID"] = str(os.getpid())
        self.parent = os.getppid()
        for name in MODULES:
            with suppress(ImportError):
                importlib.import_module(name)
        self.door = socket.socket(fileno=door)
        self.wait = selectors.DefaultSelector()
        self.wait.register(self.door, selectors.EVENT_READ)
        self.lines: dict[int, socket.socket] = {}
        Path(self.door.getsockname()).with_name("ready").touch()

    def serve(self) -> NoReturn:
        """Until who started this is gone, or says so."""
        while os.getppid() == self.parent:
            for key, _ in self.wait.select(timeout=0.1):
                if key.data is None:
                    self._fork()
                else:
                    self._hear(key.data)
            self._reap()
        sys.exit()

    def _fork(self) -> None:
        line, _ = self.door.accept()
        text, streams, _, _ = socket.recv_fds(line, 1 << 20, 3)
        while not text.endswith(b"\n"):
            text += line.recv(1 << 20)
        pid = os.fork()
        if pid == 0:
            be_a_kernel(json.loads(text), streams)
        for stream in streams:
            os.close(stream)
        self.lines[pid] = line
        self.wait.register(line, selectors.EVENT_READ, pid)

    def _hear(self, pid: int) -> None:
        said = self.lines[pid].recv(1)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT if said else signal.SIGKILL)
        if not said:
            self.wait.unregister(self.lines[pid])

    def _reap(self) -> None:
        for pid, line in list(self.lines.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                with suppress(KeyError):
                    self.wait.unregister(line)
                line.close()
                del self.lines[pid]


def be_a_kernel(asked: dict[str, Any], streams: list[int]) -> NoReturn:
    """What ``ipykernel_launcher`` does, with the streams, folder and variables of who asked."""
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.setsid()
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["variables"])
        sys.argv = ["ipykernel_launcher", *asked["arguments"]]
        sys.path[0] = ""
        from ipykernel.kernelapp import IPKernelApp
        from ipywidgets import register_comm_target

        register_comm_target()  # which ipywidgets does while it is imported, in a kernel
        IPKernelApp.launch_instance()
    except Exception:  # noqa: BLE001 - said where who asked reads it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def ask_for_a_kernel(door: str, arguments: list[str]) -> None:
    """Have one forked, and live as long as it."""
    asked = {"arguments": arguments, "folder": str(Path.cwd()), "variables": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(door)
        socket.send_fds(line, [json.dumps(asked).encode() + b"\n"], [0, 1, 2])
        signal.signal(signal.SIGINT, lambda *_: line.send(b"i"))
        with suppress(ConnectionError):
            line.recv(1)  # nothing is ever sent: it ends


if __name__ == "__main__":
    how, where, *rest = sys.argv[1:]
    if how == "--serve":
        Forks(int(where)).serve()
    ask_for_a_kernel(where, rest)
