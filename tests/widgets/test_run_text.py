"""What the run line says at the end."""

import numpy as np

from mi_widgets import PeakMapper, datasets
from mi_widgets.widgets._run import status_counts


def test_run_line_counts_what_became_of_the_spectra() -> None:
    da = datasets.make_spectral_map(shape=(4, 5), seed=1).spectra
    da[0, 0] = np.nan
    mapper = PeakMapper(da, params={"n_peaks": 2}, threaded=False)
    mapper.run()
    counts = status_counts(mapper.result)
    assert counts.endswith("1 no data")
    assert mapper.run_bar.text.value.endswith(counts)
    status = mapper.result.status
    assert f"{int((status == 0).sum())} ok" in counts
    assert status_counts(mapper.result.drop_vars("status")) == ""
