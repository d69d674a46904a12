"""EnvironmentExplorer: from a pick to everything updated, in the kernel, with the bundled 400 snapshots and network.

Processor time of one core without a page: what a page adds is the transfer of the same messages. *pick* chooses another
atom of the shown frame, *tap* an atom of another frame, *frame* is a step of the player, *zoom* a closer look at the
forces (86,400 points), *map* all colours of the map anew. Goal: 50 ms.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MI_WIDGETS_THREADS"):
    os.environ[name] = "1"  # one core, before NumPy is loaded

import argparse
import time
from types import SimpleNamespace

import numpy as np

from mi_widgets import datasets, potentials
from mi_widgets.widgets import EnvironmentExplorer


def measure(name: str, action, n: int) -> None:
    times = []
    for k in range(n):
        began = time.process_time()
        action(k)
        times.append(1000 * (time.process_time() - began))
    print(f"{name:8} median {np.median(times):6.1f} ms   95 % {np.percentile(times, 95):6.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=40, help="how often each is done")
    n = parser.parse_args().n
    snapshots = datasets.load_silica_snapshots()
    potential = potentials.load_potential(datasets.load_silica_network())
    began = time.process_time()
    app = EnvironmentExplorer(snapshots, potential, threaded=False)
    print(f"predicted and mapped {app.index.elements.size:,} atoms in {time.process_time() - began:.1f} s")
    rng = np.random.default_rng(0)
    viewer, places = app.structure.viewer, rng.integers([0, 0], [400, 72], size=(n, 2)).tolist()
    measure("pick", lambda k: setattr(viewer, "selection", viewer.selection | {"atom": [(k * 7 + 1) % 72]}), n)
    measure("tap", lambda k: setattr(app, "selection", {"frame": places[k][:1], "atom": places[k][1:]}), n)
    measure("frame", lambda k: setattr(viewer, "selection", viewer.selection | {"frame": k}), n)
    limits = app.forces.cloud.xlim
    zoom = [SimpleNamespace(x0=limits[0] / f, x1=limits[1] / f, y0=limits[0] / f, y1=limits[1] / f) for f in (1, 2, 9)]
    measure("zoom", lambda k: app.forces._zoomed(zoom[k % 3]), n)  # noqa: SLF001 - as the page does
    colors = ("element", "atomic_energy", "uncertainty", "outside")
    measure("map", lambda k: app.set_params(color_by=colors[k % 4]), n)


if __name__ == "__main__":
    main()
