"""What is said of the atom that is pointed at."""

import html
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["REMARK", "atom_text", "frame_text"]

REMARK = (
    "Atomic energies are not unique: the reference fixes only their sum over a frame. Another potential as good as "
    "this one may divide it otherwise."
)


def frame_text(data: xr.Dataset, result: xr.Dataset | None, frame: Any, inside: slice, elements: np.ndarray) -> str:
    """Heading of the shown frame: what is known of it, and which of its atoms lie outside."""
    words = [f"Frame {frame}"]
    one = data.sel(frame=frame)
    for name, coord in one.coords.items():
        if coord.ndim == 0 and name != "frame" and coord.dtype.kind in "iufUS":
            words.append(f"{str(name).replace('_', ' ')} {_plain(coord.values)}{_unit(coord)}")
    if "temperature" in one.data_vars and one["temperature"].ndim == 0:
        words.append(f"temperature {_plain(one['temperature'].values)}{_unit(one['temperature'])}")
    out = f'<span class="mi-heading">{html.escape(" · ".join(words))}</span>'
    if result is not None and "outside" in result:
        at = np.flatnonzero(result["outside"].values[inside] != 0)
        if at.size:
            names = ", ".join(f"{elements[inside][a]}{a}" for a in at[:2].tolist()) + (" …" if at.size > 2 else "")
            text = html.escape(f"{at.size} outside: {names}")
            out += f' <span class="mi-chip mi-chip-failed">{text}</span>'
    if result is not None and "outside_frame" in result and bool(result["outside_frame"].sel(frame=frame)):
        out += ' <span class="mi-chip mi-chip-failed">density outside the training domain</span>'
    return out


def _plain(value: Any) -> str:
    array = np.asarray(value)
    return f"{float(array):.5g}" if array.dtype.kind == "f" else str(array.item())


def _unit(da: xr.DataArray) -> str:
    unit = str(da.attrs.get("units", "1"))
    return "" if unit == "1" else f" {unit}"


def atom_text(
    result: xr.Dataset | None, environment: int | None, name: str, near: xr.Dataset | None, cutoff: float | None
) -> str:
    """A table of what is known of one atom."""
    if environment is None:
        return '<div class="mi-hint">Click on an atom, or on a point of a picture, to see its environment.</div>'
    rows: list[tuple[str, str]] = []
    if result is not None:
        rows += [*_energy_rows(result, environment), *_force_rows(result, environment)]
    if near is not None:
        reach = "bonds" if cutoff is None else f"within {cutoff:g} Å"
        kinds, counts = np.unique(near["element"].values.astype(str), return_counts=True)
        text = ", ".join(f"{n} {k}" for k, n in zip(kinds, counts, strict=True)) or "none"
        first = f"; nearest {float(near['distance'][0]):.3f} Å" if near.sizes["neighbor"] else ""
        rows.append((f"neighbours ({reach})", f"{text}{first}"))
    chip = ""
    if result is not None and "outside" in result:
        bad = bool(result["outside"].values[environment])
        kind, text = ("failed", "outside the training domain") if bad else ("done", "inside the training domain")
        chip = f'<span class="mi-chip mi-chip-{kind}">{text}</span>'
    body = "".join(
        f'<tr><th>{html.escape(a)}</th><td style="text-align: left">{html.escape(b)}</td></tr>' for a, b in rows
    )
    remark = f'<div class="mi-table-note">{html.escape(REMARK)}</div>' if result is not None and rows else ""
    return (
        f'<span class="mi-heading">{html.escape(name)}</span>{chip}'
        f'<div class="mi-scroll"><table class="mi-table mi-environment"><tbody>{body}</tbody></table></div>{remark}'
    )


def _energy_rows(result: xr.Dataset, environment: int) -> list[tuple[str, str]]:
    if "atomic_energy" not in result:
        return []
    energy = float(result["atomic_energy"].values[environment])
    if not np.isfinite(energy):
        return [("atomic energy", "not predicted yet")]
    error = ""
    if "atomic_energy_stderr" in result:
        stderr = float(result["atomic_energy_stderr"].values[environment])
        error = f" ± {stderr:.3f}" if np.isfinite(stderr) else ""
    rows = [("atomic energy", f"{energy:.3f}{error} eV")]
    if "atomic_energy_quantile" in result:
        kind = str(result["element"].values[environment])
        k = int(np.flatnonzero(result["species"].values.astype(str) == kind)[0])
        q, levels = result["atomic_energy_quantile"].values[k], result["quantile"].values
        ends = f"{100 * levels[0]:.0f} to {100 * levels[-1]:.0f} % of all {kind}"
        rows.append((ends, f"{q[0]:.3f} … {q[-1]:.3f} eV"))
    return rows


def _force_rows(result: xr.Dataset, environment: int) -> list[tuple[str, str]]:
    if "force" not in result:
        return []
    force = result["force"].values[environment].astype(float)
    if not np.isfinite(force).all():
        return []
    text = f"{np.linalg.norm(force):.3f} eV/Å"
    if "force_stderr" in result:
        stderr = float(np.sqrt((result["force_stderr"].values[environment].astype(float) ** 2).mean()))
        text += f" (component ± {stderr:.3f})" if np.isfinite(stderr) else ""
    rows = [("force", text)]
    if "reference_force" in result:
        true = result["reference_force"].values[environment]
        rows.append(("reference", f"{np.linalg.norm(true):.3f} eV/Å; error {np.linalg.norm(force - true):.3f} eV/Å"))
    return rows
