"""Peak mapping: every spectrum of a map fitted at once, with standard errors and a status for each."""

from mi_widgets.peaks.character import character_map
from mi_widgets.peaks.em import iter_em
from mi_widgets.peaks.evaluate import evaluate, to_lmfit
from mi_widgets.peaks.fit import fit_peaks, iter_fit_peaks
from mi_widgets.peaks.lmfit_models import fit_by_lmfit, from_lmfit, iter_fit_by_lmfit
from mi_widgets.peaks.maps import integrate_window
from mi_widgets.peaks.noise import estimate_noise
from mi_widgets.peaks.select import iter_select_n_peaks, select_n_peaks
from mi_widgets.peaks.smooth import smooth_maps
from mi_widgets.peaks.track import track_peaks

__all__ = [
    "character_map",
    "estimate_noise",
    "evaluate",
    "fit_by_lmfit",
    "fit_peaks",
    "from_lmfit",
    "integrate_window",
    "iter_em",
    "iter_fit_by_lmfit",
    "iter_fit_peaks",
    "iter_select_n_peaks",
    "select_n_peaks",
    "smooth_maps",
    "to_lmfit",
    "track_peaks",
]
