"""The parts of SearchExplorer's page, and where they stand."""

import html
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as ipw
import numpy as np
import traitlets

from mi_widgets.plots._bo_marks import BEST_COLOR, NEXT_COLOR
from mi_widgets.plots._style import PIN_COLOR
from mi_widgets.widgets._bo_candidate import CandidatePanel, belief_lines, candidate_html
from mi_widgets.widgets._bo_controls import MapControls
from mi_widgets.widgets._bo_export import SearchExport
from mi_widgets.widgets._bo_map import PoolMap
from mi_widgets.widgets._bo_model import ModelPanel
from mi_widgets.widgets._bo_params import MOST_TRIALS
from mi_widgets.widgets._bo_rows import CandidateTable
from mi_widgets.widgets._history import HistoryButtons

if TYPE_CHECKING:
    from mi_widgets.widgets._bo_base import SearchBase

__all__ = ["build_page", "show_candidate", "show_header"]

_CSS = """
.mi-bo-left { flex: 1 1 500px; max-width: min(640px, 100%); min-width: min(340px, 100%); }
.mi-bo-right { flex: 1.2 1 500px; min-width: min(360px, 100%); max-width: 100%; }
.mi-bo .mi-chip { display: inline-block; white-space: nowrap; }
.mi-bo-body { margin-bottom: 4px; gap: 4px 14px; align-items: flex-start; }
.mi-bo-body > .widget-html { flex: 0 1 auto; max-width: 60%; margin: 0; }
.mi-bo .mi-bo-features { max-height: 190px; overflow: auto; }
.mi-bo .mi-bo-features th { text-align: left; font-weight: 400; }
.mi-bo-why { flex: 1 1 220px; }
.mi-bo-title .widget-html-content { line-height: 1.5; }
.mi-bo-candidate { min-height: 268px; }
.mi-bo-legend { color: var(--jp-ui-font-color2, #5b6770); font-size: 12px; }
.mi-bo-legend b { font-weight: 400; margin-right: 12px; white-space: nowrap; }
.mi-bo .mi-bo-preview { outline: 3px solid #d55e00; outline-offset: -1px; border-radius: 3px; }
.mi-bo-hidden .widget-readout { min-width: 112px; }
.mi-bo-model .mi-bo-parity { flex: 0 1 620px; }
.mi-bo-list { margin: 0; padding-left: 18px; }
.mi-bo-beside { flex: 1 1 320px; gap: 10px; }
.mi-bo-model .mi-view { flex: 1 1 420px; width: auto; }
.mi-bo .mi-bo-table .mi-rows { min-height: 148px; }
.mi-bo-hidden { min-height: 0; }
"""


class _Style(anywidget.AnyWidget):
    """Carries the style of the page."""

    _esm = "export default { render({ el }) { el.style.display = 'none'; } };"
    _css = _CSS


def build_page(app: "SearchBase") -> None:
    """Make all parts as attributes of the application and put them in their places."""
    app.map = PoolMap(lock=app.lock, on_candidates=app.guard(app._pick), on_key=app.guard(app._key),
                      on_error=app.show_error)  # fmt: skip
    app.map_box = ipw.VBox([app.map.view])  # views take no other classes once they are drawn
    app._place()
    app.candidate = CandidatePanel(
        app.objectives, app.units, guard=app.guard, on_typed=app._typed, on_pick=app._pick_one, actions={
            "tell": app._tell_clicked, "measure": app._measure_clicked, "correct": app._correct_clicked,
            "pending": app.pending, "skip": app._skip_clicked, "retract": app.retract,
            "exclude": lambda: app._bar_clicked("exclude"), "include": lambda: app._bar_clicked("include"),
            "only": lambda: app._bar_clicked("only"), "clear": app._clear,
        },
    )  # fmt: skip
    app.candidate.buttons["measure"].layout.display = None if app.measure is not None else "none"
    app.controls = MapControls(app)
    app.table = CandidateTable(app)
    app.model = ModelPanel(app)
    app.header = ipw.HTML()
    app.history_buttons = HistoryButtons(app.guard(app.undo), app.guard(app.redo))
    app.next_button = ipw.Button(description="Next suggestion", layout={"width": "auto"}, button_style="info",
        tooltip="Choose the candidate that should be measured next")  # fmt: skip
    app.next_button.on_click(lambda _: app.guard(lambda: app._pick(app.now.next[:1], False))())
    app.run_number = ipw.BoundedIntText(value=app.params["n_trials"], min=1, max=MOST_TRIALS, layout={"width": "70px"},
        tooltip="How many trials are run")  # fmt: skip
    app.run_number.observe(app.guard(lambda change: app.set_params(n_trials=change["new"])), "value")
    views = [("map", app.map.view)]
    app.export = SearchExport(app, views)
    traitlets.dlink((app, "code"), (app.export.box, "code"))
    app.fold = ipw.Accordion([app.export], titles=("Export and code",), selected_index=None)
    _place(app)


def _place(app: "SearchBase") -> None:
    bar = app.run_bar
    bar.run_button.description = "Run trials"
    run = (bar.run_button, app.run_number, bar.cancel_button) if app.measure is not None else ()
    bar.children = (app.next_button, app.history_buttons, *run, bar.bar, bar.text)
    legend = ipw.HTML(
        '<div class="mi-bo-legend"><b>○ told</b>'
        f'<b><span style="color:{BEST_COLOR};-webkit-text-stroke:.6px #111">★</span> best</b>'
        f'<b><span style="color:{NEXT_COLOR}">◆</span> suggested</b>'
        f'<b><span style="color:{PIN_COLOR}">■</span> pending</b>'
        "<b>pale or × excluded</b><b>drag: choose a region</b></div>"
    )
    left = ipw.VBox([app.controls, app.map_box, legend])
    left.add_class("mi-bo-left")
    right = ipw.VBox([app.candidate, app.table])
    right.add_class("mi-bo-right")
    main = ipw.HBox([left, right])
    main.add_class("mi-main")
    app.add_class("mi-bo")
    app.children = [_Style(), app.header, bar, app.message, main, app.model, app.fold]


def show_header(app: "SearchBase") -> None:
    """Name, sizes, how much is told, and whether that is on the disk."""
    data, now = app.data, app.now
    name = str(getattr(data, "attrs", {}).get("title") or "") if not isinstance(data, dict) else ""
    name = html.escape(shorten(name or "Search", 100, placeholder=" …"))
    goals = ", ".join(f"{g}imise {html.escape(n)}" for g, n in zip(app.goals, app.objectives, strict=True))
    chips = [f'<span class="mi-chip" role="status">{_told_text(app)}</span>']
    if app.state in ("running", "failed", "cancelled"):
        chips.append(f'<span class="mi-chip mi-chip-{app.state}">{app.state}</span>')
    journal = app.search.journal
    if app.preview is not None:
        chips.append('<span class="mi-chip mi-chip-stale">preview</span>')
    if journal is not None:
        saved = f"saved in {html.escape(str(journal))}"
        chips.append(
            f'<span class="mi-chip mi-chip-done" title="each event is on the disk before it counts">{saved}</span>'
        )
    else:
        tip = "Write SearchExplorer(X, path='campaign.jsonl') to keep every told value on the disk"
        chips.append(f'<span class="mi-chip mi-chip-stale" title="{html.escape(tip)}">not saved: in memory only</span>')
    branch = next((k for k, s in app.branches.items() if s is app.search), "campaign")
    if branch != "campaign":
        chips.append(f'<span class="mi-chip mi-chip-running">branch {html.escape(branch)}</span>')
    left = f", {now.n_left:,} can be suggested"
    app.header.value = (
        f'<span class="mi-title">{name}</span><span class="mi-sizes">{goals} · {app.n:,} candidates × '
        f"{_counted(len(app.pool.data_vars), 'feature')}{left}</span>{''.join(chips)}"
    )


def _counted(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def _told_text(app: "SearchBase") -> str:
    n = app.search.n_told
    more = f", {len(app.search.pending)} pending" if app.search.pending else ""
    return (f"{n:,} told" if n else "nothing told yet") + more


def show_candidate(app: "SearchBase", *, fields: bool = True) -> None:
    """The panel of what is chosen, its marks on the map, and the frame of a preview."""
    now, panel = app.now, app.candidate
    (app.map_box.add_class if app.preview is not None else app.map_box.remove_class)("mi-bo-preview")
    panel.buttons["clear"].disabled = app.preview is None and not any(panel.typed)
    app._mark_chosen()
    show_header(app)
    app.next_button.disabled = not now.next.size
    if app.chosen.size != 1:
        if app.chosen.size:
            panel.show_many(app.chosen.size, int(np.isin(app.chosen, now.excluded).sum()))
        else:
            panel.show_none()
        app.map.explain(None, np.empty(0, dtype=int), np.empty(0))
        return
    _show_one(app, int(app.chosen[0]), fields)


def _show_one(app: "SearchBase", i: int, fields: bool) -> None:
    now, panel, label = app.now, app.candidate, app.labels[i]
    told = now.told_value(i)
    lines = belief_lines(now.belief, i, told, app.objectives)
    after = dict(belief_lines(app.preview, i, None, app.objectives)) if app.preview is not None else {}
    lines += [(f"{name} after what-if", after.get(name, "–")) for name, _ in lines if name.startswith("expected")]
    pending, excluded = i in now.pending.tolist(), bool(now.belief["excluded"].values[i])
    states = [("told", told is not None), ("pending", pending), ("excluded", excluded),
              ("best", i in now.best.tolist()), ("suggested", i in now.next.tolist())]  # fmt: skip
    chips = "".join(f'<span class="mi-chip">{name}</span>' for name, on in states if on)
    title = f"candidate <b>{html.escape(str(label))}</b>{chips}"
    panel.show_one(title, candidate_html(app.pool, i, lines), told=told is not None, pending=pending, excluded=excluded)
    if not fields:
        return
    _show_scale(app, i, told)
    if app.worker.running or not np.isfinite(now.values).any():
        panel.show_why(None, app.place)
        app.map.explain(None, np.empty(0, dtype=int), np.empty(0))
        return
    from mi_widgets.bo import explain

    found = explain(app.search, label, objective=app._objective)
    panel.show_why(found, app.place)
    names = found["candidate"].values[:5].tolist()
    app.map.explain(i, np.array([app.place[v] for v in names]), found["weight"].values[:5])


def _show_scale(app: "SearchBase", i: int, told: Any) -> None:
    """The slider of what-if: what is likely, and what was met so far."""
    now = app.now
    if len(app.objectives) > 1:
        return
    mean, stderr = (float(now.belief[n].values[i]) for n in ("mean", "stderr"))
    seen = now.values[np.isfinite(now.values)]
    low = min(mean - 4 * stderr, seen.min(initial=np.inf))
    high = max(mean + 4 * stderr, seen.max(initial=-np.inf))
    pad = 0.25 * (high - low)
    value = mean if told is None or not np.isfinite(told[0]) else float(told[0])
    app.candidate.scale(low - pad, high + pad, value)
