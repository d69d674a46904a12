"""What QPIExplorer says in words: the verdict on the pixels, and the rings with their errors."""

import html
from collections.abc import Mapping

import numpy as np
import xarray as xr

from mi_widgets.plots.qpi import COLORS, NAMES
from mi_widgets.widgets._table import plus_minus

__all__ = ["penalty_texts", "ring_table", "verdict_text"]

_KINDS = {"sufficient": "done", "doubtful": "stale", "insufficient": "failed"}
_MEANING = {
    "sufficient": "waves predict pixels that were left out better than the mean does",
    "doubtful": "better than the mean only if folds were independent, which they are not: sample more",
    "insufficient": "waves predict no better than the mean: these pixels show no pattern, sample more",
}


def verdict_text(found: xr.Dataset | None) -> str:
    """Whether the pixels are enough, with the numbers of the test."""
    if found is None:
        return '<div class="mi-hint">Are the pixels enough? <b>Find rings</b> tests it by cross-validation.</div>'
    names = str(found["sufficiency"].attrs["flag_meanings"]).split()
    done, folds = int(np.isfinite(found["naive_error"].values).sum()), found.sizes["fold"]
    if done < 3:
        return f'<div class="mi-hint">{done} of {folds} folds done; the test needs three.</div>'
    name = names[int(found["sufficiency"])]
    whole = done == folds
    kind, said = (_KINDS[name], name) if whole else ("idle", f"so far {name}")
    partly = "" if whole else f" · {done} of {folds} folds"
    return (
        f'<div><span class="mi-chip mi-chip-{kind}" style="margin-left:0">{html.escape(said)}</span> '
        f"<b>p = {float(found['p_value']):.2g}</b>, {float(found['p_value_corrected']):.2g} with folds that share data "
        f'{partly}</div><div class="mi-table-note">{html.escape(_MEANING[name])}</div>'
    )


def ring_table(fits: Mapping[str, xr.Dataset]) -> str:
    """One row for each ring of each image."""
    heads = ("ring", "radius <span class='mi-unit'>nm⁻¹</span>", "sigma <span class='mi-unit'>nm⁻¹</span>",
             "height / background", "contrast", "")  # fmt: skip
    rows = []
    for name, fit in fits.items():
        words = str(fit["status"].attrs["flag_meanings"]).split()
        state = words[int(fit["status"])].replace("_", " ")
        for k in range(fit.sizes["ring"]):
            one = fit.isel(ring=k)
            swatch = f'<i class="mi-swatch" style="background:{COLORS[name]}"></i>'
            limit = "≥ " if int(one["ratio_is_limit"]) else ""
            cells = (
                str(k + 1), plus_minus(float(one["position"]), float(one["position_stderr"])),
                plus_minus(float(one["sigma"]), float(one["sigma_stderr"])), limit + _short(float(one["ratio"])),
                _short(float(one["contrast"])), html.escape(state) if state != "ok" else "",
            )  # fmt: skip
            cells_text = "".join(f"<td>{c}</td>" for c in cells)
            rows.append(f'<tr><th scope="row" style="text-align:left">{swatch}{NAMES[name]}</th>{cells_text}</tr>')
    head = "<th></th>" + "".join(f"<th>{h}</th>" for h in heads)
    return (
        f'<div class="mi-scroll"><table class="mi-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        '<div class="mi-table-note">q = 2k; errors are those of the fit to the profile alone</div>'
    )


def penalty_texts(found: xr.Dataset) -> list[tuple[str, float]]:
    """Text and value of every penalty, the smallest first."""
    path = np.asarray(found["penalty"].values, dtype=float)
    best, one_se = (float(found[n]) for n in ("best_penalty", "one_se_penalty"))
    out = []
    for value in path[::-1].tolist():
        marks = [text for text, at in (("least error", best), ("one s.e.", one_se)) if value == at]
        out.append((f"{value:.3g}" + (f" · {', '.join(marks)}" if marks else ""), value))
    return out


def _short(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:.0f}" if value >= 100 else f"{value:.2g}"
