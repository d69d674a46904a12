"""PerovskiteExplorer: what it shows is what a script gets; pointing, filters, wrong input."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import screening
from mi_widgets.datasets import make_perovskites
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.plots.perovskites import plot_calibration, plot_descriptor_histogram, plot_expression_ranking
from mi_widgets.widgets.perovskites import PerovskiteExplorer

TAU = "r_x/r_b - n_a*(n_a - (r_a/r_b)/log(r_a/r_b))"


@pytest.fixture(scope="module")
def explorer() -> Iterator[PerovskiteExplorer]:
    widget = PerovskiteExplorer(make_perovskites(n_compounds=200), threaded=False)
    widget.run(wait=True)
    yield widget
    widget.close()


def drawn(explorer: PerovskiteExplorer, label: str) -> dict[str, Any]:
    return dict(explorer._map.view.part(label).handles["source"].data)


def test_the_result_is_that_of_the_code(explorer: PerovskiteExplorer) -> None:
    assert explorer.state == "done"
    space: dict[str, Any] = {"ds": explorer.data}
    exec(explorer.code, space)
    xr.testing.assert_identical(space["result"], explorer.result)
    first = explorer._expressions.rows[0]["cells"]
    assert first[0] == str(explorer.result.expression[0].item())
    assert first[1] == f"{100 * float(explorer.result.cv_error[0]):.1f} %"
    assert f"{100 * float(explorer.result.nested_error):.1f} %" in explorer._note.value


def test_a_row_is_drawn_everywhere(explorer: PerovskiteExplorer) -> None:
    number = next(r["id"] for r in explorer._expressions.rows if r["cells"][0] == TAU)
    explorer._expressions._receive(explorer._expressions, {"k": "pick", "id": number}, [])
    assert explorer.selection["expression"] == [TAU]
    assert explorer._expressions.chosen == [number]
    yes = explorer.data.perovskite.values == 1
    np.testing.assert_allclose(
        np.sort(drawn(explorer, "perovskites")["map y"]), np.sort(explorer.data.true_tau.values[yes])
    )
    assert TAU in explorer._about.value
    xr.testing.assert_identical(explorer.fit, screening.fit_descriptor(explorer.data, TAU))


def test_a_click_shows_the_radii_of_a_compound(explorer: PerovskiteExplorer) -> None:
    x, y = (d["value"].values for d in explorer._axes())
    explorer._map._tapped(SimpleNamespace(x=float(x[5]), y=float(y[5]), modifiers=None))
    name = str(explorer.data.candidate[5].item())
    assert explorer.selection["candidate"] == [name]
    cells = explorer._compounds.rows[0]["cells"]
    assert cells[0] == name
    assert float(cells[2]) == pytest.approx(float(explorer.data.r_a[5]), abs=0.01)
    halo = drawn(explorer, "halo")
    assert halo["x"] == pytest.approx([x[5]])
    explorer.params = explorer.params | {"anion": "F" if explorer.data.anion[5] != "F" else "O"}
    assert len(drawn(explorer, "halo")["x"]) == 0, "not marked where it is not drawn"
    explorer.params = explorer.params | {"anion": "all"}
    explorer._map._tapped(SimpleNamespace(x=1e6, y=1e6, modifiers=None))
    assert explorer.selection["candidate"] == []


def test_a_click_on_a_figure_that_is_gone_is_no_error(explorer: PerovskiteExplorer, page_of: Any) -> None:
    """The page has got the new document, and said something of the old one before it drew that."""
    view = explorer._map.view
    page = page_of(view)
    page.open()
    old = view.figure("perovskites")
    explorer._draw_map()
    page.open()
    page.event("tap", old, sx=1, sy=1, x=0.9, y=4.0)
    assert explorer.message.value == ""
    assert not page.of("error")


def test_the_filter_draws_one_anion(explorer: PerovskiteExplorer) -> None:
    explorer.params = explorer.params | {"anion": "O"}
    shown = len(drawn(explorer, "perovskites")["map x"]) + len(drawn(explorer, "others")["map x"])
    assert shown == int((explorer.data.anion == "O").sum())
    explorer.params = explorer.params | {"anion": "all", "x": "r_a/r_b"}
    assert not explorer.is_stale
    explorer.params = explorer.params | {"form": "window", "x": "t"}
    assert explorer.is_stale
    assert np.isfinite(float(explorer._axes()[0].low))
    explorer.params = explorer.params | {"form": "threshold"}


def test_wrong_input_is_said(explorer: PerovskiteExplorer) -> None:
    with pytest.raises(ParameterError, match="anion"):
        explorer.params = explorer.params | {"anion": "S"}
    with pytest.raises(ParameterError, match=r"cannot read|there is nothing"):
        explorer.selection = {"expression": ["r_a/secret"]}
    with pytest.raises(LabelError):
        explorer.selection = {"candidate": ["XyZ3"]}
    with pytest.raises(DataError, match="one class"):
        PerovskiteExplorer(explorer.data.assign(perovskite=explorer.data.perovskite * 0))
    with pytest.raises(LabelError, match="anion"):
        PerovskiteExplorer(explorer.data.drop_vars("anion"))


def test_names_are_shown_as_they_are_and_a_pole_too() -> None:
    ds = make_perovskites(n_compounds=40)
    names = ds.candidate.values.astype("U30")
    names[0] = "<b>$$x$$</b>"
    ds = ds.assign_coords(candidate=("candidate", names))
    ds.r_b[0] = float(ds.r_a[0])
    explorer = PerovskiteExplorer(ds, threaded=False)
    explorer.selection = {"candidate": ["<b>$$x$$</b>"]}
    assert explorer._compounds.rows[0]["cells"][7] == "undefined"
    assert "Search" in explorer._note.value
    explorer.close()


def test_pictures(explorer: PerovskiteExplorer) -> None:
    fit = explorer.fit
    top = plot_descriptor_histogram(fit)[0]
    counted = sum(int(np.sum(e.dimension_values(1))) for e in top if e.label in ("perovskites", "others"))
    assert 0.9 * 200 < counted <= 200
    points = next(e for e in plot_calibration(fit) if e.label == "anions not seen")
    assert (np.diff(points.dimension_values(0)) >= 0).all()
    for draw in (plot_descriptor_histogram, plot_calibration, plot_expression_ranking):
        with pytest.raises(LabelError):
            draw(explorer.data)


def test_compounds_with_one_name_and_unknown_classes() -> None:
    ds = make_perovskites(n_compounds=60)
    names = ds.candidate.values.copy()
    names[1] = names[0]
    with pytest.raises(LabelError, match="is there twice"):
        PerovskiteExplorer(ds.assign_coords(candidate=names), threaded=False)
    unknown = ds.assign(perovskite=ds.perovskite.where(ds.candidate != ds.candidate[3]))  # NaN
    one = PerovskiteExplorer(unknown, threaded=False)
    one.selection = {"expression": [], "candidate": [ds.candidate.values[3].item()]}
    assert one._compounds.rows[0]["cells"][1] == "not known"
    one.close()
