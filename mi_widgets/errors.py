"""Exceptions of mi_widgets. Each message says what is wrong, what came and what to write instead."""

__all__ = [
    "DataError",
    "DownloadError",
    "FileFormatError",
    "LabelError",
    "MIWidgetsError",
    "MIWidgetsWarning",
    "MissingDependencyError",
    "ParameterError",
]


class MIWidgetsError(Exception):
    """Base of every error that mi_widgets raises on purpose."""


class LabelError(MIWidgetsError, ValueError):
    """A dimension, coordinate or unit is missing or wrong."""


class DataError(MIWidgetsError, ValueError):
    """The values cannot be used: wrong type, too few points, nothing finite."""


class ParameterError(MIWidgetsError, ValueError):
    """An option of a function or widget is unknown or out of range."""


class FileFormatError(MIWidgetsError, ValueError):
    """A file is truncated, damaged, or not what its name says."""


class DownloadError(MIWidgetsError, OSError):
    """A file could not be downloaded; the message names the file, the reason and what to do."""


class MissingDependencyError(MIWidgetsError, ImportError):
    """An optional package is needed; the message names the command that installs it."""


class MIWidgetsWarning(UserWarning):
    """The result is usable, and something about it should be known."""
