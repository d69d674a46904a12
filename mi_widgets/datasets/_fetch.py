"""Public data, downloaded once, checked by their sha256 and kept in a cache folder."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xarray as xr

from mi_widgets.datasets._registry import entry
from mi_widgets.errors import DownloadError, MissingDependencyError
from mi_widgets.io import read_spectra

__all__ = ["download_unpinned", "fetch_raman_depth_series", "fetch_raman_streamline"]

_TIMEOUT = 30.0


def fetch_raman_streamline(*, cache: str | os.PathLike[str] | None = None, base_url: str | None = None) -> xr.DataArray:
    """Fetch a Raman map of polystyrene (Renishaw StreamLine, 785 nm): 49 x 45 pixels, 394 channels, 3.7 MB.

    A real map as instruments give it: the polystyrene lines (1001, 1032, 1155, 1602 1/cm) are in a few islands, most
    pixels are empty, and some carry cosmic rays. Needs rosettasciio: ``pip install "mi-widgets[files]"``.

    Parameters
    ----------
    cache : path-like, optional
        Folder that keeps the file; by default that of the environment variable ``MI_WIDGETS_DATA_DIR``, else the
        user's cache folder.
    base_url : str, optional
        Where to load from in place of the address in the registry: a mirror that holds the file under its name.

    Returns
    -------
    xarray.DataArray
        As `mi_widgets.io.read_spectra` gives it: dims (y, x, raman_shift), count; y and x in um, shift in 1/cm.

    Raises
    ------
    DownloadError
        No connection, no such file on the server, or its content is not the registered one.
    MissingDependencyError
        rosettasciio or pooch is not installed.

    References
    ----------
    Test data of rosettasciio, https://github.com/hyperspy/rosettasciio

    Examples
    --------
    >>> da = fetch_raman_streamline()  # doctest: +SKIP
    """
    return _spectra("raman_streamline", cache, base_url)


def fetch_raman_depth_series(
    *, cache: str | os.PathLike[str] | None = None, base_url: str | None = None
) -> xr.DataArray:
    """Fetch a Raman depth series (Renishaw, 532 nm): 40 depths, 1015 channels, 0.2 MB.

    Parameters
    ----------
    cache, base_url
        As in `fetch_raman_streamline`.

    Returns
    -------
    xarray.DataArray
        Dims (z, raman_shift), count; z in um, shift in 1/cm.

    Raises
    ------
    DownloadError, MissingDependencyError
        As in `fetch_raman_streamline`, which names the source as well.

    Examples
    --------
    >>> da = fetch_raman_depth_series()  # doctest: +SKIP
    """
    return _spectra("raman_depth_series", cache, base_url)


def _spectra(name: str, cache: str | os.PathLike[str] | None, base_url: str | None) -> xr.DataArray:
    item = entry(name)
    da = read_spectra(_download(item, cache, base_url))
    return da.assign_attrs(title=item["title"], source=item["source"])


def _cache_folder(cache: str | os.PathLike[str] | None) -> Path:
    import pooch

    chosen = cache or os.environ.get("MI_WIDGETS_DATA_DIR") or pooch.os_cache("mi_widgets")
    return Path(os.fspath(chosen)).expanduser()


def download_unpinned(item: dict[str, str], cache: str | os.PathLike[str] | None, base_url: str | None) -> Path:
    """Path in the cache of a file without a known sha256, downloaded if it is not there: check its content."""
    return _download(item, cache, base_url)


def _download(item: dict[str, Any], cache: str | os.PathLike[str] | None, base_url: str | None) -> Path:
    """Path of the file in the cache; downloaded if it is not there, or not the registered one."""
    try:
        import pooch
        import requests
    except ImportError as error:
        raise MissingDependencyError("downloading data needs pooch: pip install pooch requests") from error

    folder = _cache_folder(cache)
    url = item["url"] if base_url is None else f"{base_url.rstrip('/')}/{item['file']}"
    remedy = (
        f"Try again later, or get {item['file']} by another way, put it into {folder} and call again "
        "(another folder: cache=... or the environment variable MI_WIDGETS_DATA_DIR)."
    )
    try:
        with _quiet():
            path = pooch.retrieve(
                url,
                known_hash=f"sha256:{item['sha256']}" if "sha256" in item else None,
                fname=item["file"],
                path=folder,
                downloader=_load,
            )
    except requests.exceptions.RequestException as error:
        raise DownloadError(f"{item['file']} could not be downloaded from {url}: {_reason(error)}. {remedy}") from error
    except ValueError as error:  # pooch: the content has another hash; it keeps nothing
        raise DownloadError(
            f"{item['file']} from {url} is not the registered file: its sha256 differs. A proxy or login page may have "
            f"answered, or the download was cut off. {remedy}"
        ) from error
    except OSError as error:
        raise DownloadError(f"the folder {folder} cannot be used ({error}). Choose another one: cache=...") from error
    return Path(path)


def _load(url: str, target: str | os.PathLike[str], manager: object) -> None:
    """Download for pooch, which checks the hash; unlike its own downloader this closes the connection on an error."""
    import requests

    del manager
    with requests.get(url, stream=True, timeout=_TIMEOUT) as answer, Path(target).open("wb") as stream:
        answer.raise_for_status()
        stream.writelines(answer.iter_content(chunk_size=65536))


def _reason(error: Exception) -> str:
    text = str(error)
    return f"{type(error).__name__} ({text[:150]}{'…' if len(text) > 150 else ''})"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back pooch's note of each download, which a notebook would draw as an error."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
