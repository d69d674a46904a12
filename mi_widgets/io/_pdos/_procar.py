"""VASP's PROCAR: projections of each state, which become densities of states when every state is broadened."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mi_widgets.errors import FileFormatError
from mi_widgets.io._pdos._levels import gaussians
from mi_widgets.io._pdos._model import Projections, curves_of
from mi_widgets.io._pdos._stream import lines
from mi_widgets.io._pdos._tables import number, parse_table

__all__ = ["add_sites"]

_COUNTS = re.compile(rb"# of k-points:\s*(\d{1,9})\s*# of bands:\s*(\d{1,9})\s*# of ions:\s*(\d{1,9})")
_WEIGHT = re.compile(rb"weight\s*=\s*(\S+)")
_ENERGY = re.compile(rb"# energy\s*(\S+)")


def add_sites(path: Path, out: Projections, n_spins: int, width: float) -> None:
    """Append a curve for each atom and orbital on the axis of `out`."""
    spin, kinds, n_ions, noncollinear = -1, [""], 0, False
    sums: list[np.ndarray] = []
    weights: list[float] = []
    n_k = 0
    for weight, energies, names, tables, new_spin, more, promised in _k_points(path):
        spin += new_spin
        weights.append(weight)
        n_k = promised
        if spin >= n_spins:
            raise FileFormatError(f"{path.name} has {spin + 1} spins, DOSCAR {n_spins}: they are of two runs.")
        if not sums:
            n_ions, kinds = tables.shape[1], names
            sums = [np.zeros((out.energy.size, n_ions, len(kinds))) for _ in range(n_spins)]
        if tables.shape[1:] != (n_ions, len(kinds)) or names != kinds:
            raise FileFormatError(f"{path.name}: tables differ in atoms or orbitals: it is damaged.")
        noncollinear |= more
        shapes = gaussians(out.energy, energies, width)
        sums[spin] += weight * np.tensordot(shapes, tables, axes=1)
    if not sums or spin + 1 != n_spins or len(weights) != n_spins * n_k or abs(sum(weights) - n_spins) > 0.01:
        raise FileFormatError(
            f"{path.name} holds {len(weights)} k points of weight {sum(weights):.4g} in all instead of {n_spins} times "
            f"{n_k} of weight 1: it is cut off or damaged."
        )
    total = np.stack(sums) * (2 if n_spins == 1 and not noncollinear else 1)  # both spins in each state
    for k in range(n_ions):
        bad = not np.isfinite(total[:, :, k]).all()
        fault = "projections that are no numbers" if bad else ""
        out.add(f"site {k}", fault, None if fault else curves_of(kinds, list(total[:, :, k])))


def _k_points(path: Path) -> Iterator[tuple[float, np.ndarray, list[str], np.ndarray, bool, bool, int]]:
    """Weight, energies, orbitals, projections (band, ion, orbital), whether a spin begins, non-collinear, k points."""
    stream = lines(path)
    block = _Block()
    new_spin = False
    for line in itertools.chain(stream, [b" k-point"]):
        head = line.lstrip()[:8]
        match = _COUNTS.search(line) if head.startswith(b"#") else None
        if match or head.startswith(b"k-point"):
            if block.energies:
                yield (*block.values(path), new_spin, block.n_tots >= 4, block.counts[0])
                new_spin = False
            word = _WEIGHT.search(line)
            block = _Block(block.counts, number(word[1]) if word else float("nan"))
        if match:
            block.counts = (int(match[1]), int(match[2]), int(match[3]))
            if block.counts[1] * block.counts[2] > 20 * path.stat().st_size:
                raise FileFormatError(f"{path.name} promises {match[2]!r} bands and {match[3]!r} ions: it is damaged.")
            new_spin = True
        elif head.startswith(b"band"):
            word = _ENERGY.search(line)
            block.energies.append(number(word[1]) if word else float("nan"))
            block.n_tables = block.n_tots = 0
        elif head.startswith(b"ion") and block.n_tables == 0:  # later ones hold phases
            block.names = [w.decode("latin-1") for w in line.split()[1:] if w != b"tot"]
            block.rows += itertools.islice(stream, block.counts[2])
            block.n_tables = 1
        elif head.startswith(b"tot"):
            block.n_tots += 1  # of the sum and of three components of the spin


@dataclass
class _Block:
    """Lines of one k point."""

    counts: tuple[int, int, int] = (0, 0, 0)
    weight: float = float("nan")
    energies: list[float] = field(default_factory=list)
    rows: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    n_tables: int = 0
    n_tots: int = 0

    def values(self, path: Path) -> tuple[float, np.ndarray, list[str], np.ndarray]:
        """Weight, energies, orbitals and projections."""
        table = parse_table(b"\n".join(self.rows))
        shape = (len(self.energies), self.counts[2], len(self.names) + 2)
        known = np.isfinite([self.weight, *self.energies]).all()
        if len(self.energies) != self.counts[1] or table.size != np.prod(shape) or not known:
            raise FileFormatError(
                f"{path.name}: a k point has {len(self.rows)} rows for {self.counts[1]} bands of {self.counts[2]} ions"
                ", or no weight or energies: it is cut off or damaged."
            )
        table = table.reshape(shape)
        off = np.abs(table[:, :, 1:-1].sum(axis=2) - table[:, :, -1])
        if (table[:, :, 0] != np.arange(1, shape[1] + 1)).any() or np.nanmax(off, initial=0) > 0.001 * (shape[2] + 1):
            raise FileFormatError(
                f"{path.name}: ions are not in order, or orbitals do not add up to 'tot': it is damaged."
            )
        return self.weight, np.array(self.energies), self.names, table[:, :, 1:-1]
