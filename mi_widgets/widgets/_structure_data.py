"""A structure or trajectory as the viewer reads it: one frame at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsError
from mi_widgets.plots._scene_colors import per_atom
from mi_widgets.plots.structures import require_structure

__all__ = ["Frames", "as_structure"]


def as_structure(structure: Any) -> xr.Dataset:
    """A Dataset as it is; ASE's and pymatgen's objects, a list of them, or the path of a file, as a Dataset.

    Raises
    ------
    LabelError
        It is none of these, or the Dataset is no structure.
    """
    if isinstance(structure, xr.Dataset):
        require_structure(structure)
        return structure
    from mi_widgets import structure as topic

    first = structure[0] if isinstance(structure, (list, tuple)) and structure else structure
    if isinstance(structure, (str, Path)):
        ds = topic.read_trajectory(structure)
    elif hasattr(first, "get_positions"):
        ds = topic.from_ase(structure)
    elif hasattr(first, "species") or hasattr(first, "sites"):
        ds = topic.from_pymatgen(structure)
    else:
        require_structure(structure)
        raise LabelError(f"cannot show a {type(structure).__name__}.")
    require_structure(ds)
    return ds


class Frames:
    """Labels of atoms and frames, and one frame in memory.

    Parameters
    ----------
    ds : xarray.Dataset
        Structure, dims ``atom, axis`` and for a trajectory ``frame``; may be lazy.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self.ds = ds
        self.moving = "frame" in ds["position"].dims
        self.n_frames = ds.sizes["frame"] if self.moving else 1
        if self.n_frames == 0:
            raise DataError("the trajectory has no frame; there is nothing to show.")
        self.n_atoms = ds.sizes["atom"]
        self.atoms = self._labels("atom")
        self.plain = bool(np.array_equal(self.atoms, np.arange(self.n_atoms)))
        self.frames = self._labels("frame") if self.moving else np.arange(1)
        self.at: dict[Any, int] = {label: i for i, label in enumerate(self.atoms.tolist())}
        if len(self.at) != self.n_atoms:
            raise LabelError("the labels along 'atom' are not unique; drop them: structure.drop_vars('atom').")
        if len(np.unique(self.frames)) != self.n_frames:
            raise LabelError("the labels along 'frame' are not unique; number them: structure.drop_vars('frame').")
        self._kept: tuple[int, tuple[str, ...], xr.Dataset] | None = None

    def _labels(self, dim: str) -> np.ndarray:
        return np.asarray(self.ds[dim].values) if dim in self.ds.coords else np.arange(self.ds.sizes[dim])

    def one(self, i: int, also: str = "element") -> xr.Dataset:
        """Frame `i` in memory with positions, cell and one array more; nothing else of the file is read.

        Raises
        ------
        DataError
            The frame cannot be read.
        """
        names = tuple(n for n in ("position", "element", "cell", "pbc", also) if n in self.ds.variables)
        if self._kept is not None and self._kept[:2] == (i, names):
            return self._kept[2]
        part = self.ds[[n for n in dict.fromkeys(names) if n != "atom"]]
        part = part.isel({d: i for d in ("frame",) if d in part.dims}).drop_attrs(deep=False)
        try:
            part = _load(part)
        except MIWidgetsError:
            raise
        except Exception as error:
            raise DataError(f"frame {self.frames[i]} cannot be read: {type(error).__name__}: {error}") from error
        self._kept = (i, names, part)
        return part

    def forget(self) -> None:
        """Let the frame in memory go."""
        self._kept = None

    def whole(self, i: int) -> xr.Dataset:
        """Frame `i` with every array over its atoms, for an expression."""
        keep = [n for n in per_atom(self.ds) if n in self.ds.variables]
        part = self.ds[list(dict.fromkeys(["position", *keep]))]
        return _load(part.isel({d: i for d in ("frame",) if d in part.dims}))

    def values(self, labels: list[Any]) -> list[int]:
        """Positions of atoms from their labels.

        Raises
        ------
        LabelError
            There is no such atom.
        """
        out = []
        for label in labels:
            key = label.item() if isinstance(label, np.generic) else label
            try:
                out.append(self.at[key])
            except (KeyError, TypeError):
                raise LabelError(
                    f"there is no atom {key!r}; the {self.n_atoms} atoms are called {self._some()}."
                ) from None
        return out

    def _some(self) -> str:
        shown = [repr(v) for v in self.atoms[:3].tolist()]
        return ", ".join(shown) + (f" … {self.atoms[-1].item()!r}" if self.n_atoms > 3 else "")

    def frame_index(self, label: Any) -> int:
        """Position of the frame with this label, or the nearest one within a step.

        Raises
        ------
        LabelError
            There is no such frame.
        """
        label = label[0] if isinstance(label, (list, tuple)) and len(label) else label
        same = np.flatnonzero(self.frames == label)
        if same.size:
            return int(same[0])
        if self.frames.dtype.kind in "iuf" and isinstance(label, (int, float, np.number)) and np.isfinite(label):
            gap = np.abs(self.frames.astype(float) - float(label))
            near = int(gap.argmin())
            step = float(np.abs(np.diff(self.frames.astype(float))).max()) if self.n_frames > 1 else 0.5
            if gap[near] <= step:
                return near
        raise LabelError(
            f"there is no frame {label!r}; the {self.n_frames} frames go from {self.frames[0]} to {self.frames[-1]}."
        )

    def frame_text(self, i: int) -> str:
        """What the player says of frame `i`."""
        if "time" in self.ds.variables and self.ds["time"].dims == ("frame",):
            time = self.ds["time"]
            return f"{i + 1} / {self.n_frames:,} · {float(time[i]):g} {time.attrs.get('units', '')}"
        return f"{i + 1} / {self.n_frames:,}"


def _load(part: xr.Dataset) -> xr.Dataset:
    """The same in memory. One frame is read here: to wake dask's threads takes longer, unless the user chose some."""
    if not part.chunks:
        return part.load()
    from dask.base import get_scheduler

    scheduler = get_scheduler()  # type: ignore[no-untyped-call]
    return part.load() if scheduler is not None else part.load(scheduler="synchronous")
