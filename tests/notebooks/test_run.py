"""Every notebook runs top to bottom in a user's folder, offline and without a browser, in less than a minute."""

import textwrap
import time
from pathlib import Path

import nbclient
import nbformat
import pytest
from warm_kernels import WARM

from mi_widgets.__main__ import copy_notebooks

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


# Numbers the text speaks of, asserted in the notebook's own kernel after its last cell.
CHECKS = {
    "21_follow_a_guest_through_a_glass": """
        assert springs < 0.06 * spread and float(field.relaxation_rmse) < 0.7 * springs
        assert 0.85 < float(inside.mean()) < 1
        assert bool((paths.frozen_barrier > 1.2 * paths.barrier).all())
        assert abs(float(scan.field_barrier - scan.barrier)) < 0.05 and float(scan.field_rmse) < 0.05
        assert pass_band < pass_field + 0.03
        ratio = kubo[-1].diffusion_coefficient / einstein[-1].diffusion_coefficient  # chaos: no two machines agree
        assert 0.6 < float(ratio.min()) and float(ratio.max()) < 1.5, ratio.values
        assert float(einstein[0].exponent.max()) < 0.75 < float(einstein[-1].exponent.max())
        assert float(law.activation_energy.min()) > 1 and float(law.activation_energy_stderr.min()) > 0.02
        assert explorer.state == "idle"
    """,
    "20_learn_a_potential": """
        assert optima.sizes["optimum"] == 5 and float(optima.transfer[0]) != 0.6
        assert float(optima.misfit.max()) < 0.13 and float(np.ptp(optima.cell_a.values)) > 0.7
        assert change < 1e-9
        assert table.loc["network", "energy (meV/atom)"] < 2 and table.loc["network", "force (eV/Å)"] < 0.12
        assert table.loc["process", "force (eV/Å)"] < 0.17 < 0.3 < table.loc["small network", "force (eV/Å)"]
        assert abs(table.loc["network", "forces within their 90 %"] - 0.9) < 0.05
        assert abs(total[-1] - total[0]) < 2e-3 and min(overlap.values()) > 0.93
        assert pushed_error[0] < -4 * stderr and abs(pushed_error[-1]) < 2 * stderr and 1.8 < flagged < 2
        assert abs(density["error (meV/atom)"][2]) < 5 and abs(density["error (meV/atom)"][1]) > 10
        assert density["atoms outside"][3] < 0.05 < density["atoms outside"][0]
        assert density["frame outside"].tolist() == [1, 1, 0, 1, 1]
        assert explorer.state in ("running", "done")
    """,
    "00_start_here": """
        assert abs(float(line.median()) - 284.4) < 0.1
        assert 0.3 < float(shift.max() - shift.min()) < 0.7
        assert 0.005 < float(error.median()) < 0.03
        assert mapper.state == "idle" and mapper.result is None
    """,
    "02_map_peaks": """
        assert float(fit.status.isin([0, 1]).mean()) == 1
        assert abs(within[0] - 0.683) < 0.03 and abs(within[1] - 0.954) < 0.02
        assert 0.95 < float(ratio) < 1.05
        assert abs(float(fit.reduced_deviance.mean()) - 1) < 0.02
        again = {"da": spectra}
        exec(mapper.code, again)
        assert abs(again["result"].center - fit.center).max() < 1e-9
        poisson, squares = (
            float(peaks.fit_peaks(dim.spectra, "energy", n_peaks=2, **o).amplitude.sum() / dim.true_amplitude.sum()) - 1
            for o in ({}, weighted)
        )
        assert abs(poisson) < 0.02 and squares < -0.1
        rms = [float(np.sqrt(((smooth[n] - image.true_center) ** 2).mean())) for n in ("center_smooth", "center")]
        assert rms[0] < 0.7 * rms[1]
        assert np.ptp(common.fraction.isel(peak=0).values) == 0
        assert abs(float(common.fraction[first]) - float(image.true_fraction.isel(peak=0).mean())) < 0.08
    """,
    "01_fit_one_spectrum": """
        assert 50 < len(steps) < 400 and int(fit.n_iter) < 30 < int(by_em.n_iter)
        assert float((abs(by_em.center - fit.center) / fit.center_stderr).max()) < 0.2
        off = (fit.center.values - map_.true_center[3, 4].values) / fit.center_stderr.values
        assert abs(off).max() < 3
        assert bias[1] < -0.1 and abs(bias[0]) < 0.02, "at the last, lowest counts"
        assert result.params["p0_center"].correl["p1_center"] > 0.8
    """,
    "04_view_structures": """
        assert (slab.coordination == slab.true_coordination).all() and int(slab.layer.max()) == 4
        assert viewer.selection["atom"] == slab.atom.values[top.values].tolist()
        assert 0 < int(off.sum()) < off.size / 2
        assert float(bonded.mean()) == 4
        assert share > 0.99
        assert adsorbed.sizes["atom"] == slab.sizes["atom"] + 2
        assert float(perfect[0]) == 1 and 0.15 < float(perfect[-15:].mean()) < 0.5
        assert film.run_colors.moves(film.params["color_by"])
    """,
    "05_cluster_densities_of_states": """
        assert clusterer.state in ("running", "done")
        assert 0.99 < float(projected / total) < 1
        near, far = (float(apart[oxygen[0], k]) for k in (oxygen[1], edge[0]))
        assert near < 0.05 and 0.15 < far < 0.6
        assert score > 0.95 and mixed == 0 and same > 0.95
        assert set(kind.values[place[:4]]) > {"C*2 (Mg1 O*1)", "O*1 (C*1)", "Mg5 (O5) by vacancy"}
        assert rows["orbitals added"][1] < 0.9 and rows["0.1"][0] > rows["share of states 0.2"][0]
        best = rules.best.to_series()
        assert best[["height_ratio", "silhouette", "stability"]].max() <= 3 and best["bic"] > 15
        assert float(apart[low, high]) < 0.06 < 0.1 < float(plain[low, high])
        assert min(judged[name][2] for name in chosen_on) > 0.9 and judged["si_dimers"][2] < 0.9
        assert judged["si_dimers"][3] > 0.99 and judged["tio2_rutile"][3] < 0.98
    """,
    "06_search_with_bayes": """
        assert known[search.best()] > 0.99 * known.max() and search.n_told == 15
        inside = abs(quality - after["mean"].values) <= 3 * after.stderr.values + 0.02
        assert inside.mean() > 0.9
        assert explorer.search is search and left < 0.1
        mean = result.mean_trials
        assert float(mean.sel(strategy="default")) < 0.6 * float(mean.sel(strategy="random"))
        assert float(mean.sel(strategy="ei")) < 0.8 * float(mean.sel(strategy="random"))
        assert float(mean.sel(strategy="thompson")) < 0.8 * float(mean.sel(strategy="random"))
    """,
    "07_find_the_grain_boundary": """
        assert abs(float(best.energy) - 0.958) < 0.002 and search.n_told == 45
        assert float(trials.value.min()) < float(pool.energy.min()) + 0.002
        z, default = result.mean_trials.sel(strategy=["z score", "default"]).values
        assert chance > 1000 and z < 60 and default < chance / 15
        assert explorer.search.n_told == 45 and explorer.state != "failed"
    """,
    "08_screen_thermal_conductivity": """
        assert pool.conductivity.idxmin().item() == "LiI rocksalt"
        assert float(np.sort(near)[1] / near.min()) > 4
        assert hits[1] >= hits[0] >= 3
        few, all_ = (found["with outlier", t].mean_trials.values[0] for t in ("2 descriptors", "36 descriptors"))
        assert few > 40 and all_ < 20
        assert float(hard.mean_trials.sel(strategy="z score")) < 20
    """,
    "09_explore_a_composition_spread": """
        assert found.max(axis=1).min() >= 0.98
        assert ratio > 0.97
        assert float(result.trials.sel(strategy="ei").median()) <= 10
        assert float(result.trials.sel(strategy="default").median()) <= 12
        assert mapper.state == "idle" and int(np.isfinite(fit.center).sum()) > 300
    """,
    "10_read_a_molecular_junction": """
        assert at_zero["meta"] < 1e-20 and abs(at_zero["para"] - 0.0085) < 1e-4
        assert abs(at_zero["ortho"] - at_zero["para"]) < 1e-12
        best = numbers.best.to_series()
        assert best["prediction_strength"] == 3 and best["silhouette"] == 2
        assert agreement >= 0.95 and set(names.values()) == {"hollow", "bridge", "top"}
        by = errors.error.isel(penalty=int(errors.error.sel(validation="leave_one_out").argmin("penalty")))
        assert abs(float(by.sel(validation="approximate") / by.sel(validation="leave_one_out")) - 1) < 0.05
        first = transmission.rank_variables(result, cluster=top, n_most=2)
        assert set(first["variable"]) == {"S1-AuL5", "S2-AuR5"} and (first["largest"] < 0).all()
        assert 0.15 < float(r2.min()) and float(r2.max()) < 0.4
        assert 0.05 < overlap < 0.25 and {"S1-AuL5", "S2-AuR5"} <= strong[0] & strong[1]
        assert explorer.state in ("running", "done")
    """,
    "14_fit_an_equation_of_state": """
        assert explorer.result is None or explorer.chosen == "bm2"
        assert together < -0.9 and abs(float(fit.k0) - 162) < 3 and abs(float(fit.gamma0) - 1.48) < 0.1
        assert 0.8 < float(fit.reduced_chi2) < 1.1 < 1.3 < float(blind.reduced_chi2)
        assert float(blind.gamma0_stderr) < 0.85 * float(fit.gamma0_stderr) and "theta0" in free.remarks.item()
        assert float(shared.k0_stderr) > 1.5 * float(fit.k0_stderr)
        assert "cannot separate" in compared.attrs["conclusion"] and float(compared.undecided.sum()) == 4
        assert float(fourth.weight_aic) > 0.7 and float(fourth.k0_prime) > 9 and int(off.sum()) == 2
        assert "cannot separate" in without.attrs["conclusion"]
        assert int(draws.status) == 0 and abs(middle - float(fit.k0)) < 1
        assert 0.06 < -float(mantle.density_excess.mean()) < 0.12 and 0.6 < float(mantle.extrapolated.mean()) < 0.75
        assert 0.09 < float(core.density_excess[0]) < 0.1 and -0.05 < float(core.sound_velocity_excess[0]) < -0.04
    """,
    "15_orient_the_grains": """
        assert abs(float(north.angle.mean()) - 90) < 15 and abs((float(found.mean_axis) + 90) % 180 - 90) < 3
        assert float(tests["a cross"].rayleigh_p) > 0.05 > 1e-6 > float(tests["a cross"].kuiper_p)
        assert result.attrs["chosen"] == "2+u" and float(result.delta_aic.sel(candidate="3")) < 4
        assert (abs(best.mean_axis - grains.true_mean_axis) < 3 * best.mean_axis_stderr).all()
        assert energy.attrs["chosen_free_energy"] == "2+u" and float(energy.exchange_rate.min()) > 0.3
        shown = parts.mean_axis.values[np.isfinite(parts.mean_axis.values)]
        assert shown.size > 1 and abs(shown - 60).max() < 5
        assert space.attrs["chosen"] == "2+u" and explorer.state == "idle"
    """,
    "16_find_a_perovskite_descriptor": """
        tau = "r_x/r_b - n_a*(n_a - (r_a/r_b)/log(r_a/r_b))"
        assert (found.nested_expression == tau).sum() >= 4 and found.n_not_separable > 1
        assert float(two.cv_error.sel(expression="t")) > 0.4 > 0.15 > float(two.cv_error.sel(expression="tau"))
        assert float(nothing.error.min()) < 0.35 and float(nothing.nested_error) > 0.4
        assert verdict.verdict.values.tolist() == [1, 0, 5, 4]
        assert explorer.state == "idle" and explorer.chosen == "tau"
    """,
    "19_see_what_machine_learning_is": """
        assert raw.explained_variance_ratio_[0] > 0.99 and abs(raw.components_[0][3]) > 0.99
        assert smooth.shape == (200, 5) and max(same, 1 - same) > 0.95 and two.bic(pair) < six.bic(pair)
        assert np.mean(missing["only the best"]) > 0.1 > np.mean(missing["also the unknown"])
        assert abs(barrier - 0.75) < 0.05
        assert 0.2 < offset < 0.45
        rms = {n: np.sqrt(np.mean((v - target)[~inside] ** 2)) for n, v in said.items()}
        assert rms["white box"] < 0.5 * rms["black box"]
        middle = np.median(errors["line"], axis=1), np.median(errors["network"], axis=1)
        assert middle[0][-1] > middle[1][-1]
    """,
    "13_choose_a_circuit": """
        assert int(steady.status) == 0 and int(moved.status) == 1
        assert all(abs(float(fit[n]) - v) <= 3 * float(fit[n + "_stderr"]) for n, v in truth.items())
        assert ladder["C"] < 1e-10 and 1e-4 < ladder["Q"] < 4e-4
        assert set(impedance.equivalence_classes(found)[0]) == {"R-p(R,Q)-p(R,Q)", "R-p(Q,R-p(R,Q))"}
        assert parted.equivalence_class.values.tolist() == [0, 1]
        assert explorer.state == "idle"
        assert bool((abs(aged.R2 - series.true_R2) < 4 * aged.R2_stderr).all())
    """,
    "03_choose_number_of_peaks": """
        assert float((chosen.n_peaks[:, :12] == 2).mean()) > 0.97
        assert float((chosen.n_peaks[:, 12:] == 1).mean()) > 0.97
        assert int(straight.n_peaks.min()) > 1
        assert both.attrs["background"] == "shirley" and (both.n_peaks == 1).all()
        assert few.attrs["residual_correlation"] > 6 > both.attrs["residual_correlation"]
        assert float((found.n_peaks == 2).mean()) > 0.95, "with the neighbours"
    """,
    "11_see_waves_from_few_pixels": """
        rings = found.ring_position.sel(image="lasso")
        assert (abs(rings - ds.true_ring.values) < 0.05).all()
        ratio = found.ring_ratio
        assert (ratio.sel(image="lasso") >= 10).all() and (ratio.sel(image="transform") <= 2).all()
        assert int(found.sufficiency) == 0 and tests[7200][1] < 0.01 < tests[4050][0]
        assert difference < 0.01
        assert 0.4 < to_truth[0] < 0.5 and abs(to_truth[1] - to_truth[0]) < 0.15
        assert explorer.state == "idle" and explorer.result is None
    """,
    "12_map_a_gap": """
        assert (gaps.status == 0).all() and (cold.status != 1).all()
        assert abs(rows[0][0] / rows[0][2] - 1) < 0.02 and abs(rows[1][0] / rows[1][2] - 1) < 0.05
        off = abs(float(believed.coherence_length - vortex.coherence_length) / float(believed.coherence_length_stderr))
        assert off > 8 and float(cold.rms.median()) > 1.3 * float(gaps.rms.median())
        assert abs(float(effective.temperature) - 1.5) < 4 * float(effective.temperature_stderr)
        assert abs(float(ratio.gap_ratio) - 3.87) < 0.05
        assert float(parts.explained[0]) > 5 * float(parts.explained[1])
        assert mapper.slice_at is not None
    """,
    "17_choose_a_substrate": """
        assert by_hand[["GaTe", "InSe", "Bi2Se3"]].tolist() == [0.7, -1.4, 1.9]
        assert set(found.substrate.values[:3]) == {"MoTe2", "GaTe", "InSe"}
        near = set(found.substrate.values[found.undecided == 1])
        assert near == {"MoTe2", "GaTe", "InSe", "GaS", "Bi2Se3", "Al2O3(0001)"}
        assert (int(match.n_film), int(match.n_substrate), round(float(match.angle))) == (3, 4, 30)
        assert len({r[0] for r in ranks.values()}) == 3 and set.intersection(*map(set, ranks.values())) == {"MoTe2"}
        assert mine.substrate.values[0] == "my crystal" and table.a["GaTe"] == 4.09
        assert explorer.state in ("running", "done")
    """,
    "18_predict_a_catalyst_yield": """
        assert hits >= 8 and true.tolist() == ["d_band_center", "work_function", "metal_charge"]
        assert float(lucky.r_squared[0]) > 0.05 > 0 > float(honest.r_squared)
        r2 = found.r_squared.to_series()
        assert r2["lasso"] < 0.05 and r2["volcano"] > 0.99 and r2["kernel"] > r2["quadratic"] > 0.85
        assert float(found.coverage.sel(model="gaussian_process")) < 0.8
        assert float(with_it.r_squared[0]) > 0.95
        assert (abs(abs(fit.weight) - [0.51, 0.28, 0.26]) < 0.01).all() and 3 < near.sum() < 30
        highest = pool.true_yield.values.argmax()
        assert near[highest] and float(pool.true_yield[highest] - pool.true_yield[near].min()) < 0.1
        assert explorer.state == "idle"
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, summary: list[str], warm_kernels: Path
) -> None:
    copy_notebooks(tmp_path)
    # No network: whatever asks for it goes to a port nobody listens on.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # another test runs beside this one
    monkeypatch.setenv("JUPYTER_PATH", str(warm_kernels))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    notebook = nbformat.read(tmp_path / path.name, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(textwrap.dedent(CHECKS[path.stem])))
    began = time.perf_counter()
    resources = {"metadata": {"path": str(tmp_path)}}
    name = "python3" if path.stem == "00_start_here" else WARM  # the first one from nothing, as a user starts it
    nbclient.NotebookClient(notebook, timeout=60, kernel_name=name, resources=resources).execute()
    seconds = time.perf_counter() - began
    summary.append(f"{path.name}: {seconds:.1f} s, {len(nbformat.writes(notebook)) / 1000:.0f} kB with its outputs")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert seconds < 60
