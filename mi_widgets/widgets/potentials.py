"""EnvironmentExplorer: every atom of the snapshots a potential is learnt from or tested on, open to a click."""

from collections.abc import Iterator, Mapping
from typing import Any

import ipywidgets as ipw

from mi_widgets.errors import ParameterError
from mi_widgets.potentials.environments import iter_map_environments, split_snapshots
from mi_widgets.runs import Part
from mi_widgets.widgets._environment_base import EnvironmentBase
from mi_widgets.widgets._environment_index import EnvironmentIndex
from mi_widgets.widgets._study import Field

__all__ = ["EnvironmentExplorer"]

_COLORS = [("element", "element"), ("atomic energy", "atomic_energy"), ("uncertainty", "uncertainty"),
           ("training domain", "outside")]  # fmt: skip
_ATOMS = [("neighbours", "neighbors"), ("element", "element"), ("atomic energy", "atomic_energy"),
          ("uncertainty", "uncertainty")]  # fmt: skip
_AT_ONCE = 60_000  # environments that are predicted without being asked


class EnvironmentExplorer(EnvironmentBase):
    """See what a learnt potential knows of each atom: its environment, energy and error, and how usual it is.

    Click on an atom, or on a point of the map or of a parity plot: that frame and atom are shown, its neighbours keep
    their colours, its features stand against those of its element. Drag in a picture for a closer look. With settings
    of a model in place of a potential the model is trained from the page.

    Parameters
    ----------
    snapshots : xarray.Dataset
        As `mi_widgets.potentials.label_snapshots` makes them, with or without energies and forces.
    potential : Potential, or settings of a model such as Network(...)
        Something with ``predict``, or with ``iter_fit``; the latter learns from all frames but every n-th.
    params : mapping, optional
        Parameters that differ from the defaults: ``every`` (of so many frames the last is held out) and ``seed``, where
        a model is trained; and for the pictures ``atoms_by`` (``"neighbors"``, ``"element"``, ``"atomic_energy"``,
        ``"uncertainty"``), ``cutoff`` (angstrom; None for bonds), ``color_by`` (``"element"``, ``"atomic_energy"``,
        ``"uncertainty"``, ``"outside"``), ``map_of`` (``""`` for all atoms, or an element), ``show_errors``, ``flat``
        (2-D view of the structure, which needs no WebGL).
    threaded : bool, default True
        As for every `Explorer`.

    Attributes
    ----------
    selection : dict
        ``{"frame": [label], "atom": [numbers]}``; of several atoms the last is described.
    result : xarray.Dataset or None
        Of `mi_widgets.potentials.map_environments`.
    potential : Potential or None
        The one that is shown; what is learnt so far while a training goes on.
    environment : int or None
        Position of the atom along ``environment``.

    Raises
    ------
    LabelError, DataError
        These are no snapshots.
    ParameterError
        `potential` can neither predict nor be fitted, or a parameter is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets import datasets, potentials  # doctest: +SKIP
    >>> EnvironmentExplorer(datasets.load_silica_snapshots(), potential)  # doctest: +SKIP
    """

    title, data_name, unit = "Environments of atoms", "snapshots", "frames"
    points_at = ("frame", "atom")

    def __init__(
        self, snapshots: Any, potential: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True
    ) -> None:
        who = type(self).__name__
        self.index = EnvironmentIndex(snapshots, who)
        fitted = hasattr(potential, "predict")
        if not fitted and not hasattr(potential, "iter_fit"):
            raise ParameterError(
                f"{who} needs a potential, or settings of a model to be trained; got {type(potential).__name__}. Write "
                "potentials.load_potential(path) or potentials.Network(descriptor)."
            )
        self.potential, self.estimator = (potential, None) if fitted else (None, potential)
        self.fields = _fields(sorted(set(self.index.elements.tolist())), fitted)  # type: ignore[misc]
        self.run_label, self.unit = ("Predict", "frames") if fitted else ("Train", "steps")
        self.run_tooltip = (
            "Predict all frames and map the environments of their atoms"
            if fitted
            else "Train the model on the frames that are not held out, then predict all; the page stays usable"
        )
        self._stopped = False
        super().__init__(snapshots, params=params, threaded=threaded)
        self._add_predict_button()
        if fitted and self.index.elements.size <= _AT_ONCE:
            self.run()

    def _make_page(self) -> ipw.Widget:
        return self._page()

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.estimator is not None and params["every"] > self.index.frames.size:
            raise ParameterError(
                f"every must not be more than the {self.index.frames.size} frames; got {params['every']}."
            )
        return params

    # ---- runs ----------------------------------------------------------------------------------------------

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        if self.estimator is None:
            return iter_map_environments(self.data, self.potential)
        return self._training_parts(params)

    def _training_parts(self, params: dict[str, Any]) -> Iterator[Part]:
        """The training, then the prediction of all frames."""
        learn, held = split_snapshots(self.data, params["every"])
        n, total, found = self.index.frames.size, 0, None
        for part in self.estimator.iter_fit(learn, validation=held, seed=params["seed"]):
            total, found = part.total, part.result
            if found is not None:  # here: the page sees not every part
                self.potential, self._unseen = found, True
            yield Part(part.done, total + n, found, part.index, part.message or "training")
        labels = held["frame"].values
        for part in iter_map_environments(self.data, found, held_out=labels):
            yield Part(total + part.done, total + n, part.result, message=part.message)

    def _so_far_parts(self, params: dict[str, Any]) -> Iterator[Part]:
        _, held = split_snapshots(self.data, params["every"])
        return iter_map_environments(self.data, self.potential, held_out=held["frame"].values)

    def run(self, wait: bool = False) -> None:
        """Predict all frames, or train a model and then predict; while a run goes on, do nothing.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        if not self.worker.running:
            self._stopped = False
            if self.estimator is not None:
                self.map_box.buttons.value = "training"
        super().run(wait)

    def predict(self, wait: bool = False) -> None:
        """Predict with what has been learnt so far, after a training was cancelled.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended.

        Raises
        ------
        ParameterError
            Nothing has been learnt yet.
        """
        if self.potential is None:
            raise ParameterError("nothing has been learnt yet: start the training first.")
        if not self.worker.running:
            self._stopped, self._running = self.estimator is not None, dict(self.params)
        self._launch(self._parts if self.estimator is None else self._so_far_parts, self._take, wait)

    def _add_predict_button(self) -> None:
        self.predict_button = ipw.Button(
            description="Predict", disabled=True, layout={"width": "auto"},
            tooltip="Predict all frames with what has been learnt before the training was cancelled",
        )  # fmt: skip
        self.predict_button.on_click(self.guard(lambda _: self.predict()))
        if self.estimator is not None:
            bar = self.run_bar
            bar.children = (*bar.children[:2], self.predict_button, *bar.children[2:])
        self.observe(lambda _: self._button_shown(), ["state", "result"])

    def _button_shown(self) -> None:
        self.predict_button.disabled = self.state == "running" or self.potential is None or not self._unseen

    def _run_ended(self, state: str, part: Part | None, error: Exception | None) -> None:
        super()._run_ended(state, part, error)
        self._button_shown()
        if self.estimator is None:
            return
        if state == "done":
            self.map_box.buttons.value = "environments"
        elif state == "cancelled" and self._unseen:
            self.show_message("The training was stopped. Predict shows what has been learnt so far.", "info")

    # ---- code ----------------------------------------------------------------------------------------------

    def _make_code(self) -> str:
        head = ["from mi_widgets import potentials", ""]
        snapshots = "# snapshots = datasets.load_silica_snapshots()   <- put the name of your Dataset here"
        if self.estimator is None:
            return "\n".join([
                *head, snapshots, "# potential = potentials.load_potential(path)   <- and that of your potential",
                f"result = potentials.map_environments({self.data_name}, potential)",
            ])  # fmt: skip
        fit = f"potential = estimator.fit(training, validation=held, seed={self.params['seed']})"
        if self._stopped:
            fit = "# potential: the training was stopped in the page   <- explorer.potential"
        return "\n".join([
            *head, snapshots, f"# estimator = {' '.join(repr(self.estimator).split())}",
            f"training, held = potentials.split_snapshots({self.data_name}, {self.params['every']})", fit,
            f"result = potentials.map_environments({self.data_name}, potential, held_out=held.frame.values)",
        ])  # fmt: skip


def _fields(elements: list[str], fitted: bool) -> tuple[Field, ...]:
    train = () if fitted else (
        Field("every", 5, "held out: each n-th frame", "Of so many frames the last is not learnt from", kind="integer",
              low=2, high=100_000),
        Field("seed", 0, "seed", "Of the first weights and the order of frames", kind="integer", low=0, high=2**31 - 1),
    )  # fmt: skip
    return (
        *train,
        Field("atoms_by", "neighbors", "atoms coloured by", "What colours the atoms of the frame", kind="choice",
              options=_ATOMS, compute=False),
        Field("cutoff", None, "neighbours within", "Neighbours of the chosen atom; empty: bonds", unit="Å", low=0.1,
              high=30.0, optional=True, compute=False),
        Field("color_by", "element", "map coloured by", "What colours the map of environments", kind="choice",
              options=_COLORS, compute=False),
        Field("map_of", "", "map of", "All atoms, or those of one element by components of their own", kind="choice",
              options=[("all atoms", ""), *((e, e) for e in elements)], compute=False, width="100px"),
        Field("show_errors", False, "errors instead of values", "Draw prediction minus reference upwards", kind="flag",
              compute=False),
        Field("flat", False, "2-D structure", "Projection of the structure, with box and lasso; needs no WebGL",
              kind="flag", compute=False),
    )  # fmt: skip
