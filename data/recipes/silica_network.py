"""Make data/silica_network.nc: run ``python data/recipes/silica_network.py`` at the top of the checkout (55 s).

A network of 20 and 20 units on 56 symmetry functions learns energies and forces of melts 0 to 2 (240 snapshots). Melt 3
decides which weights are kept and how large standard errors are; melt 4 is never seen. On another processor the last
digits of the weights differ.
"""

from pathlib import Path

import numpy as np

from mi_widgets.datasets._silica_melt import load_silica_snapshots
from mi_widgets.potentials import Network, NetworkPotential
from mi_widgets.potentials._snapshot_frames import take_frames
from mi_widgets.potentials.descriptors import SymmetryFunctions

EPOCHS = 450


def make() -> NetworkPotential:
    """Give the network as it is stored."""
    snapshots = load_silica_snapshots()
    melt = snapshots["melt"].values
    learn, judge = (take_frames(snapshots, np.flatnonzero(chosen)) for chosen in (melt < 3, melt == 3))
    return Network(SymmetryFunctions(("Si", "O")), epochs=EPOCHS).fit(learn, validation=judge, seed=0)


if __name__ == "__main__":
    make().save(Path(__file__).parents[1] / "silica_network.nc", overwrite=True)
