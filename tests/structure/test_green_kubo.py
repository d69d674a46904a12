"""Diffusion from velocities, beside the truth."""

import numpy as np
import pytest

from mi_widgets import structure
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label_structure


def langevin(seed, n_frames=4000, n_atoms=12, relax=50.0, speed=0.01):
    """Free atoms in a heat bath: <v v> = s² exp(-t / relax) along each axis, so D = s² relax."""
    rng = np.random.default_rng(seed)
    keep = np.exp(-1 / relax)
    v = np.empty((n_frames, n_atoms, 3))
    v[0] = speed * rng.standard_normal((n_atoms, 3))
    for k in range(1, n_frames):
        v[k] = keep * v[k - 1] + speed * np.sqrt(1 - keep**2) * rng.standard_normal((n_atoms, 3))
    x = np.concatenate([np.zeros((1, n_atoms, 3)), np.cumsum(0.5 * (v[1:] + v[:-1]), axis=0)])
    run = label_structure(x, ["Ar"] * n_atoms, time=np.arange(float(n_frames)))
    run["velocity"] = (("frame", "atom", "axis"), v, {"units": "angstrom/fs"})
    return run, speed**2 * relax * 1e3


def test_interval_holds_the_truth():
    inside, ratio = 0, []
    for seed in range(30):
        run, truth = langevin(seed)
        found = structure.green_kubo_diffusion(run, reach=300.0, n_blocks=6)
        low, high = (float(found[f"diffusion_coefficient_{k}"][0]) for k in ("low", "high"))
        inside += low < truth < high
        ratio.append(float(found.diffusion_coefficient[0]) / truth)
    assert 25 <= inside <= 30  # 28.5 are expected
    assert np.mean(ratio) == pytest.approx(1.0, abs=4 * np.std(ratio) / np.sqrt(30))


def test_einstein_and_green_kubo_agree():
    run, truth = langevin(3, n_frames=8000)
    kubo = float(structure.green_kubo_diffusion(run, reach=300.0).diffusion_coefficient[0])
    einstein = float(structure.diffusion_coefficient(run, unwrapped=True, fit=(200.0, 400.0)).diffusion_coefficient[0])
    assert kubo == pytest.approx(einstein, rel=0.15)
    assert kubo == pytest.approx(truth, rel=0.15)


def test_what_green_kubo_refuses():
    run, _ = langevin(0, n_frames=200, n_atoms=2)
    with pytest.raises(LabelError, match="needs velocity"):
        structure.green_kubo_diffusion(run.drop_vars("velocity"))
    with pytest.raises(ParameterError, match="reach"):
        structure.green_kubo_diffusion(run, reach=500.0)
    with pytest.raises(DataError, match="blocks"):
        structure.green_kubo_diffusion(run, n_blocks=100)
    wrong = run.assign(velocity=run.velocity.assign_attrs(units="angstrom/ps"))
    with pytest.raises(LabelError, match="angstrom/fs"):
        structure.green_kubo_diffusion(wrong)
    with pytest.raises(DataError, match="finite"):
        structure.green_kubo_diffusion(
            run.assign(velocity=run.velocity * np.nan).assign(
                velocity=(run.velocity * np.nan).assign_attrs(units="angstrom/fs")
            )
        )
