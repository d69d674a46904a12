"""Sites of two structures that stand for each other."""

import numpy as np

__all__ = ["match_sites"]


def match_sites(
    first: np.ndarray,
    first_element: np.ndarray,
    second: np.ndarray,
    second_element: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    limit: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Partner of each first site, -1 for none, and their distance; nearest pairs first, each site once."""
    from scipy.spatial import cKDTree

    partner, away = np.full(len(first), -1), np.full(len(first), np.nan)
    home_first, home_second = _home(first, cell, pbc), _home(second, cell, pbc)
    images, owner = _images(home_second, cell, pbc, limit)
    for element in np.unique(first_element):
        mine = np.flatnonzero(first_element == element)
        theirs = np.flatnonzero(second_element[owner] == element)
        if theirs.size == 0:
            continue
        near = cKDTree(home_first[mine]).sparse_distance_matrix(cKDTree(images[theirs]), limit, output_type="ndarray")
        used: set[int] = set()
        for k in np.argsort(near["v"], kind="stable"):
            i, j = int(mine[near["i"][k]]), int(owner[theirs[near["j"][k]]])
            if partner[i] < 0 and j not in used:
                partner[i], away[i] = j, near["v"][k]
                used.add(j)
    return partner, away


def _full(cell: np.ndarray) -> np.ndarray:
    """Three independent vectors: those that are zero are replaced by normals."""
    out = cell.copy()
    for k in range(3):
        if not out[k].any():
            others = [out[j] for j in range(3) if j != k and out[j].any()]
            basis = np.linalg.svd(np.vstack([*others, np.zeros(3)]))[2]
            out[k] = basis[len(others)]
    return out


def _home(position: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """Positions inside the cell along the directions that repeat."""
    if not pbc.any():
        return position
    full = _full(cell)
    fractional = position @ np.linalg.inv(full)
    fractional -= np.floor(fractional) * pbc
    return np.asarray(fractional @ full)


def _images(position: np.ndarray, cell: np.ndarray, pbc: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions and their images that can be within the limit of anything in the cell."""
    if not pbc.any():
        return position, np.arange(len(position))
    full = _full(cell)
    inverse = np.linalg.inv(full)
    reach = limit * np.linalg.norm(inverse, axis=0)  # in fractions of the cell
    fractional = position @ inverse
    spans = [
        np.arange(-int(np.ceil(r)), int(np.ceil(r)) + 1) if p else np.array([0])
        for r, p in zip(reach, pbc, strict=True)
    ]
    places, owners = [], []
    for shift in np.array(np.meshgrid(*spans, indexing="ij")).reshape(3, -1).T:
        moved = fractional + shift
        inside = (((moved > -reach - 1e-9) & (moved < 1 + reach + 1e-9)) | ~pbc).all(axis=1)
        places.append(moved[inside] @ full)
        owners.append(np.flatnonzero(inside))
    return np.concatenate(places), np.concatenate(owners)
