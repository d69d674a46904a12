"""Pictures that change while they are looked at: the same figures get other data, and nothing in the page jumps."""

from typing import Any

import holoviews as hv
from bokeh.core.serialization import UnknownReferenceError

from mi_widgets.widgets._view import View

__all__ = ["SteadyView"]


class SteadyView(View):
    """A view whose `draw` gives the figures new data, ranges and texts where the picture has the same parts."""

    def _build(self, element: Any) -> None:
        super()._build(element)
        self._figures = _figures(element)

    def draw(self, element: Any) -> None:
        """Draw another state of the same picture; another picture is drawn anew.

        Parameters
        ----------
        element : holoviews object
            What is drawn; elements are known by their labels.
        """
        new = _figures(element)
        if [_kind(*f) for f in new] != [_kind(*f) for f in self._figures]:
            self.show(element)
            return
        with self.lock:
            for (options, leaves), (before, _) in zip(new, self._figures, strict=True):
                for leaf in leaves:
                    self._fill(leaf)
                self._look(self.figure(leaves[0].label), options, before)
                limits = _plot_options(leaves[0]).get("clim")
                mapper = self._mapper(leaves[0].label)
                if limits is not None and mapper is not None:
                    mapper.update(low=float(limits[0]), high=float(limits[1]))
            self._figures = new

    def _handle(self, message: dict[str, Any], buffers: list[Any]) -> None:
        try:
            super()._handle(message, buffers)
        except UnknownReferenceError:
            if message.get("k") != "patch":  # else the page spoke of figures that have been replaced meanwhile
                raise

    def _fill(self, leaf: Any) -> None:
        """The data of one element; HoloViews keeps what colours points in a column of its own."""
        data, _, _ = self.part(leaf.label).get_data(leaf, {}, {})
        for name in set(self.part(leaf.label).handles["source"].data) & {"color"} - set(data):
            data[name] = leaf.dimension_values(leaf.vdims[0])
        self.write(leaf.label, data)

    def _mapper(self, label: str) -> Any:
        handles = self.part(label).handles
        return handles.get("color_mapper", handles.get("color_color_mapper"))

    @staticmethod
    def _look(figure: Any, options: dict[str, Any], before: dict[str, Any]) -> None:
        """Title, ends and ticks of the axes, as far as they are others than before: a zoom of the user stays."""
        if options.get("title") != before.get("title"):
            figure.title.text = str(options.get("title") or "")
        for axis, bounds in (("x", figure.x_range), ("y", figure.y_range)):
            ends = options.get(f"{axis}lim")
            if ends is not None and ends != before.get(f"{axis}lim"):
                bounds.update(start=float(ends[0]), end=float(ends[1]))
        for axis, name in ((figure.xaxis[0], "xticks"), (figure.yaxis[0], "yticks")):
            ticks = options.get(name)
            if ticks and ticks != before.get(name):
                axis.ticker.ticks = [place for place, _ in ticks]
                axis.major_label_overrides = dict(ticks)


def _plot_options(element: Any) -> dict[str, Any]:
    return dict(hv.Store.lookup_options("bokeh", element, "plot").kwargs)


def _figures(element: Any) -> list[tuple[dict[str, Any], list[Any]]]:
    """Options and elements of each figure of a picture."""
    parts = list(element) if isinstance(element, hv.Layout) else [element]
    return [(_plot_options(p), list(p) if isinstance(p, hv.Overlay) else [p]) for p in parts]


def _kind(options: dict[str, Any], leaves: list[Any]) -> tuple[Any, ...]:
    axes = tuple(str(d) for leaf in leaves[:1] for d in leaf.kdims)
    labels = tuple((type(leaf).__name__, leaf.label) for leaf in leaves)
    sizes = tuple(options.get(n) for n in ("height", "frame_width", "frame_height", "xlabel", "ylabel"))
    return labels, axes, sizes, bool(options.get("xticks")), bool(options.get("yticks"))
