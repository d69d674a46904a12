"""Taking a search away: what is believed as netCDF, the trials as CSV or netCDF, pictures, and the code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mi_widgets.errors import DataError
from mi_widgets.widgets._export import ExportBar, _file_bytes
from mi_widgets.widgets._view import View

if TYPE_CHECKING:
    from mi_widgets.widgets._bo_base import SearchBase

__all__ = ["SearchExport"]

_KINDS = {"nc": "posterior (netCDF)", "csv": "trials (CSV)"}


class SearchExport(ExportBar):
    """The row of buttons with what a search needs."""

    def __init__(self, app: "SearchBase", views: Sequence[tuple[str, View]]) -> None:
        self._app = app
        title = getattr(app.data, "attrs", {}).get("title") if not isinstance(app.data, dict) else None
        super().__init__(f"{title or 'search'}", result=lambda: app.result, views=views, code=lambda: app.code,
                         tell=app.show_message)  # fmt: skip
        named = [(_KINDS.get(kind, text), kind) for text, kind in self.kind.options]
        self.kind.options = [*named[:2], ("trials (netCDF)", "nc:trials"), *named[2:]]

    def _content(self, kind: str, view: str) -> bytes:
        if kind == "csv" or view == "trials":
            if not self._app.search.n_told:
                raise DataError("nothing was told yet: there are no trials to write.")
            return _file_bytes(self._app.search.trials(), kind)
        return super()._content(kind, view)
