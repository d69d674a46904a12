"""SearchExplorer on 17,280 and 100,000 candidates: from a change to what is drawn, in the kernel, and what is sent.

    python benchmarks/search_explorer.py

Every time is from the event of the page (a click, a moved slider, Enter) to the message for the page, made and ready
to be sent: what the kernel spends. Medians, and the longest in brackets.
"""

import json
import statistics
import time

import numpy as np
import pandas as pd

from mi_widgets import datasets
from mi_widgets.widgets.bo import SearchExplorer

N_TOLD, REPEATS = 100, 30


def pools():
    gb = datasets.load_grain_boundary()
    yield "grain boundary", gb.features, gb.energy.values, {"acquisition": "z_score"}
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.random((100_000, 8)), columns=list("abcdefgh"))
    yield "random", X, ((X - 0.4) ** 2).sum(axis=1).to_numpy(), {}


def page_of(view):
    """A page that counts what it is sent."""
    sent = []
    view.send = lambda content, buffers=None: sent.append(
        (len(json.dumps(content)), sum(len(b) for b in buffers or []))
    )
    view._receive(view, {"k": "ready", "vid": "page"}, [])  # noqa: SLF001
    return sent


def timed(step, n=REPEATS):
    found = []
    for k in range(n):
        began = time.perf_counter()
        step(k)
        found.append(1e3 * (time.perf_counter() - began))
    return f"{statistics.median(found):6.1f} ({max(found):.1f}) ms"


def main():
    for name, X, values, options in pools():
        n = len(values)
        params = {"seed": 0, "n_trials": N_TOLD, "n_initial": 20, **options}
        app = SearchExplorer(X, values=values, params=params, threaded=False)
        app.run(wait=True)
        app.model.tabs.value = "elements" if "elements" in app.model.tabs.options else "strategies"
        sent = page_of(app.map.view)
        rng = np.random.default_rng(1)
        free = np.flatnonzero(~app.result.told.values)
        print(f"{name}: {n:,} candidates x {len(app.pool.data_vars)}, {app.search.n_told} told")

        def click(_k, app=app, free=free, rng=rng):
            app.select(app.labels[int(rng.choice(free))])

        print("  click -> candidate, weights       ", timed(click))
        low, high = app.candidate.slider.min, app.candidate.slider.max
        sent.clear()

        def what_if(k, app=app, low=low, high=high):
            app.candidate.slider.value = low + int((high - low) * (k + 0.5) / (REPEATS + 1))

        print("  slider -> what-if drawn           ", timed(what_if))
        text, binary = (sum(s[i] for s in sent) / max(len(sent), 1) for i in (0, 1))
        print(
            f"  sent for each what-if              {binary:,.0f} bytes binary, {text:,.0f} of JSON: "
            f"{(binary + text) / n:.2f} bytes per candidate"
        )

        def click_what_if(_k, app=app, free=free, rng=rng, values=values):
            app.select(app.labels[int(rng.choice(free))])
            app.candidate.texts[0].value = f"{float(np.mean(values)):.4f}"

        print("  click and value -> what-if drawn  ", timed(click_what_if))

        def color(k, app=app):
            app.color = ("mean", "stderr", "acquisition", "told")[k % 4]

        print("  another colour                    ", timed(color, 12))

        def tell(_k, app=app, values=values):
            app.tell(float(values[app.place[app.suggested[0]]]), candidate=app.suggested[0])

        print("  Tell -> suggestions, map, tables  ", timed(tell, 10))
        app.close()


if __name__ == "__main__":
    main()
