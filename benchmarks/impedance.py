"""Equivalent circuits: choice and parameters on generated sets, the test for drift, time beside impedance.py.

The peer runs in an environment of its own: pip install impedance pandas, then give its python with --peer.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mi_widgets import datasets, impedance

TRUTHS = ("R-p(R,C)", "R-p(R-W,C)", "R-p(R-W,Q)", "R-p(R,C)-p(R,C)", "R-p(R,Q)-p(R,Q)", "R-p(R,Q)-p(R-W,Q)")
TRUTH = {"R0": 20.0, "R1": 100.0, "Q1": 1e-5, "Q1_n": 0.9, "R2": 60.0, "Q2": 2e-3, "Q2_n": 0.8}

# What the peer does with a spectrum: its circuit, from random starts as ours, or from one that is nearly right.
PEER = """
import json, sys, time, warnings
import numpy as np
from impedance.models.circuits import CustomCircuit
warnings.simplefilter("ignore")
f, re, im = np.loadtxt(sys.argv[1], delimiter=",", unpack=True)
z = re + 1j * im
good = [15, 80, 2e-5, 0.85, 50, 1e-3, 0.85]
def fit(start):
    circuit = CustomCircuit("R0-p(R1,CPE1)-p(R2,CPE2)", initial_guess=start)
    began = time.perf_counter()
    try:
        circuit.fit(f, z, weight_by_modulus=True)
    except Exception as error:
        return None, time.perf_counter() - began
    rms = float(np.sqrt(np.mean(np.abs((circuit.predict(f) - z) / z) ** 2) / 2))
    return rms, time.perf_counter() - began
rng = np.random.default_rng(0)
near = [fit(good) for _ in range(5)]
far = [fit([rng.uniform(1, 300), *(v for _ in range(2) for v in
       (10 ** rng.uniform(0, 3), 10 ** rng.uniform(-7, -1), rng.uniform(0.5, 1.0)))]) for _ in range(16)]
print(json.dumps({"near": near, "far": far}))
"""


def choice(n: int) -> None:
    """Right class, parameters within three standard errors, seconds of a comparison."""
    right, near, seconds = [], [], []
    for truth in TRUTHS:
        for seed in range(100, 100 + n):
            ds = datasets.make_impedance(truth, seed=seed)
            began = time.process_time()
            found = impedance.compare_circuits(ds)
            seconds.append(time.process_time() - began)
            own = found.sel(candidate=truth)
            right.append(int(own.equivalence_class) == 0)
            near += [
                bool(abs(own[k] - ds[f"true_{k}"]) <= 3 * own[f"{k}_stderr"])
                for k in impedance.parse_circuit(truth).names
            ]
    print(
        f"{len(right)} sets, 0.5 % noise, 50 points, 13 circuits: right class by BIC {100 * np.mean(right):.1f} %, "
        f"parameters within 3 standard errors {100 * np.mean(near):.1f} %, a comparison {np.median(seconds):.2f} s "
        f"(most {max(seconds):.2f}) of one processor"
    )


def drift(n: int) -> None:
    """Share of spectra called inconsistent."""
    for amount in (0.0, 0.1, 0.3, -0.3, 0.6):
        for noise in (0.001, 0.005):
            called, began = [], time.process_time()
            for truth in TRUTHS:
                for seed in range(500, 500 + n):
                    ds = datasets.make_impedance(truth, drift=amount, noise=noise, seed=seed)
                    called.append(int(impedance.kramers_kronig(ds).status))
            each = 1e3 * (time.process_time() - began) / len(called)
            print(f"drift {amount:5.0%}, noise {noise:.1%}: inconsistent {np.mean(called):6.1%}   {each:.1f} ms each")


def peer(python: str) -> None:
    """One circuit with seven parameters, ours beside impedance.py's."""
    ds = datasets.make_impedance("R-p(R,Q)-p(R,Q)", TRUTH, seed=3)
    table = np.stack([ds.frequency, ds.impedance_real, ds.impedance_imag], axis=1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "z.csv"
        np.savetxt(file, table, delimiter=",")
        run = subprocess.run([python, "-c", PEER, str(file)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    theirs = json.loads(run.stdout)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        fit = impedance.fit_circuit(ds, "R-p(R,Q)-p(R,Q)")
        times.append(time.perf_counter() - began)
    print(f"ours: {np.median(times):.3f} s, rms {float(fit.relative_rms):.5f}, 16 starts, errors and correlations")
    best = float(fit.relative_rms)
    for name, text in (("near", "one start nearly right"), ("far", "16 random starts")):
        rms = [r for r, _ in theirs[name]]
        seconds = [s for _, s in theirs[name]]
        came = np.mean([r is not None and r < 1.001 * best for r in rms])
        total = np.median(seconds) if name == "near" else sum(seconds)
        print(f"impedance.py, {text}: {total:.3f} s, {came:.0%} at our minimum, ratio {total / np.median(times):.1f}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=10, help="sets of each circuit")
    parser.add_argument("--peer", default="", help="python of an environment with impedance.py")
    options = parser.parse_args()
    choice(options.sets)
    drift(options.sets)
    if options.peer:
        peer(options.peer)
    else:
        print("no peer: give --peer", file=sys.stderr)


if __name__ == "__main__":
    main()
