"""Bartel's table of 576 compounds ABX3 with what experiments found of them."""

import csv
import io
import os

import numpy as np
import xarray as xr

from mi_widgets.datasets._fetch_pools import _take
from mi_widgets.errors import FileFormatError
from mi_widgets.history import origin

__all__ = ["fetch_perovskites"]

_BARTEL = "https://raw.githubusercontent.com/CJBartel/perovskite-stability/05be374c3fc66ea986e775951f2711af6181ba0d"
TABLE = {"file": "TableS1.csv", "url": f"{_BARTEL}/TableS1.csv"}
_TEXTS = ("ABX3", "A", "B", "X")
_NUMBERS = ("exp_label", "nA", "rA (Ang)", "rB (Ang)", "rX (Ang)", "t", "tau")
_ROWS, _PEROVSKITES = 576, 313


def fetch_perovskites(
    *,
    file: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
) -> xr.Dataset:
    """Fetch 576 compounds ABX3 with radii and what experiments found: perovskite or not (Bartel et al. [1]_, 36 kB).

    No sha256 is registered: the file could not be downloaded where this was written. It is taken from a fixed commit
    and checked by its content: 576 compounds, 313 perovskites, five anions, and the tolerance factor t that its radii
    give. Its sha256 stands in the attribute ``sha256``, to compare it by.

    Parameters
    ----------
    file : path-like, optional
        The file ``TableS1.csv``, if you have it: nothing is downloaded then.
    cache, base_url
        As in `fetch_raman_streamline`.

    Returns
    -------
    xarray.Dataset
        Over ``candidate`` (formula): ``r_a``, ``r_b``, ``r_x`` (angstrom, two decimals), ``n_a`` (1), ``perovskite`` (1
        yes, 0 no), ``published_t``, ``published_tau`` (1); coordinates ``a``, ``b``, ``anion``. The radii have two
        decimals: tau computed from them differs from ``published_tau``, by many units where the cations are alike.

    Raises
    ------
    DownloadError
        No connection, no such file on the server, or its content is not what it should be.
    FileFormatError
        The content of `file` is not what it should be.
    MissingDependencyError
        pooch is not installed.

    References
    ----------
    .. [1] Sci. Adv. 5, eaav0693 (2019), doi:10.1126/sciadv.aav0693; MIT,
       https://github.com/CJBartel/perovskite-stability

    Examples
    --------
    >>> ds = fetch_perovskites()  # doctest: +SKIP
    """
    columns, digest = _take(TABLE, file, cache, base_url, _read_table)
    one = {"units": "1"}
    long = {"r_a": "radius of A", "r_b": "radius of B", "r_x": "radius of the anion"}
    flags = {"long_name": "perovskite, by experiment", "flag_values": [-1, 0, 1],
             "flag_meanings": "unknown not_perovskite perovskite"}  # fmt: skip
    ds = xr.Dataset(
        {
            **{n: ("candidate", columns[f"r{n[2].upper()} (Ang)"], {"units": "angstrom", "long_name": text})
               for n, text in long.items()},
            "n_a": ("candidate", columns["nA"], one | {"long_name": "charge of A"}),
            "perovskite": ("candidate", (columns["exp_label"] == 1).astype(np.int8), flags),
            "published_t": ("candidate", columns["t"], one | {"long_name": "t as published"}),
            "published_tau": ("candidate", columns["tau"], one | {"long_name": "tau as published"}),
        },
        coords={
            "candidate": ("candidate", columns["ABX3"], {"long_name": "compound"}),
            "a": ("candidate", columns["A"], {"long_name": "A"}),
            "b": ("candidate", columns["B"], {"long_name": "B"}),
            "anion": ("candidate", columns["X"], {"long_name": "anion"}),
        },
    )  # fmt: skip
    ds.attrs = origin("datasets.fetch_perovskites", "Perovskites and others, by experiment", {},
                      source="TableS1.csv of CJBartel/perovskite-stability, MIT",
                      references=("doi:10.1126/sciadv.aav0693",))  # fmt: skip
    return ds.assign_attrs(sha256=digest)


def _read_table(data: bytes) -> dict[str, np.ndarray]:
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8", errors="replace"))))
    missing = [n for n in (*_TEXTS, *_NUMBERS) if not rows or n not in rows[0]]
    if missing:
        raise FileFormatError(f"it has no column {missing[0]!r}.")
    try:
        out = {n: np.array([float(row[n]) for row in rows]) for n in _NUMBERS}
    except (TypeError, ValueError):
        raise FileFormatError("a column that should hold numbers holds something else.") from None
    texts = {n: np.array([str(row[n]) for row in rows], dtype=np.str_) for n in _TEXTS}
    if len(rows) != _ROWS or int((out["exp_label"] == 1).sum()) != _PEROVSKITES:
        found = f"{len(rows)} compounds, {int((out['exp_label'] == 1).sum())} perovskites"
        raise FileFormatError(f"it has not {_ROWS} compounds, {_PEROVSKITES} of them perovskites, but {found}.")
    if len(set(texts["ABX3"].tolist())) != _ROWS or set(texts["X"].tolist()) != {"O", "F", "Cl", "Br", "I"}:
        raise FileFormatError("a compound is there twice, or an anion is none of O, F, Cl, Br, I.")
    r_a, r_b, r_x = (out[f"r{n} (Ang)"] for n in "ABX")
    if not all(np.isfinite(v).all() for v in out.values()) or (np.minimum(np.minimum(r_a, r_b), r_x) <= 0).any():
        raise FileFormatError("a number is missing, or a radius is not above zero.")
    off = np.abs((r_a + r_x) / (np.sqrt(2) * (r_b + r_x)) - out["t"])
    if off.max() > 0.02:  # radii and t are rounded to two decimals
        raise FileFormatError(f"t of {texts['ABX3'][int(off.argmax())]} is not that of its radii.")
    return out | texts
