"""Clusters of sites by their densities of states: against labels of coordination, codes, planted sites; times.

    python benchmarks/dos.py [--cases 120] [--sites 1000 10000]

Accuracy: the default setting on every bundled slab, beside other ways to cluster; adjusted mutual information and
homogeneity against ``site_label``, which is made from positions alone. Planted: one vacancy, adsorbate or step at a
random place of a model slab of random size and bent bands, and sites of the bundled slabs whose filled states are
changed by hand; asked is whether the planted sites are among the five most unusual.
"""

import argparse
import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_mutual_info_score, homogeneity_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from mi_widgets import dos, structure
from mi_widgets.datasets import list_pdos, load_pdos, make_pdos


def truth(ds: xr.Dataset) -> np.ndarray:
    return np.array([f"{e} {s}" for e, s in zip(ds.element.values, ds.site_label.values, strict=True)])


def judge(ds: xr.Dataset, found: xr.Dataset) -> tuple[int, float, float]:
    labels, cluster = truth(ds), found.cluster.values
    return (
        int(found.sizes["cluster_label"]),
        adjusted_mutual_info_score(labels, cluster),
        homogeneity_score(labels, cluster),
    )


def accuracy() -> None:
    print("\nclusters against labels of coordination: number, adjusted mutual information, homogeneity")
    for name in list_pdos():
        ds = load_pdos(name)
        k = np.unique(truth(ds)).size
        mixture = make_pipeline(
            PCA(min(12, ds.sizes["atom"] - 1)), GaussianMixture(k, covariance_type="diag", random_state=0)
        )
        ways: dict[str, dict[str, Any]] = {
            "default": {},
            "total variation, cut 0.20": {"metric": "total_variation", "cut": 0.20},
            "total variation, 0.35 eV, cut 0.15": {"metric": "total_variation", "cut": 0.15, "broadening": 0.35},
            "k-means, true k": {"method": KMeans(k, n_init=10, random_state=0)},
            "mixture, true k": {"method": mixture},
            "HDBSCAN": {"method": HDBSCAN(min_cluster_size=2, metric="precomputed", copy=True)},
        }
        print(f"{name}: {ds.sizes['atom']} sites, {k} kinds")
        for way, options in ways.items():
            n, ami, homogeneity = judge(ds, dos.cluster(ds, **options))
            print(f"  {way:36s} {n:4d}  {ami:5.2f}  {homogeneity:5.2f}")
        rules = dos.choose_n_clusters(ds, n_max=min(30, ds.sizes["atom"] - 1))
        tree = dos.cluster(ds)
        for rule in rules.rule.values:
            n, ami, homogeneity = judge(ds, dos.recut(tree, float(rules.cut.sel(rule=rule))))
            print(f"  {'number by ' + str(rule):36s} {n:4d}  {ami:5.2f}  {homogeneity:5.2f}")


def codes() -> None:
    """The same slab by two codes: clusters of one against those of the other."""
    for name in [n for n in list_pdos() if n.endswith("_gpaw")]:
        one, two = load_pdos(name.removesuffix("_gpaw")), load_pdos(name)
        a, b = dos.cluster(one), dos.cluster(two)
        ami = adjusted_mutual_info_score(a.cluster, b.cluster)
        print(f"\n{name}: Quantum ESPRESSO against GPAW, adjusted mutual information {ami:.2f}")


def equivalent() -> None:
    print("\nsites equivalent by the space group, and those of them that share a cluster")
    for name in list_pdos():
        ds = load_pdos(name)
        orbit = structure.equivalent_sites(ds)
        number = (orbit if isinstance(orbit, xr.DataArray) else orbit["equivalent"]).values
        found = dos.cluster(ds).cluster.values
        several = [k for k in np.unique(number) if (number == k).sum() > 1]
        whole = sum(np.unique(found[number == k]).size == 1 for k in several)
        print(f"  {name}: {whole} of {len(several)} sets of equivalent sites are in one cluster")


def planted(n_cases: int) -> None:
    rng = np.random.default_rng(0)
    hits: dict[str, list[tuple[bool, float]]] = {}

    def count(kind: str, ds: xr.Dataset, sites: np.ndarray) -> None:
        top = dos.rank_unusual(dos.cluster(ds)).atom_index.values[:5]
        hit = np.isin(top, sites)
        hits.setdefault(kind, []).append((bool(hit.any()), float(hit.sum() / min(5, sites.size))))

    for case in range(n_cases):
        kind = ("vacancy", "adsorbate", "step")[case % 3]
        ds = make_pdos(
            int(rng.integers(100, 300)), n_layers=int(rng.integers(3, 6)), defects=[kind], noise=0.02, seed=case,
            band_bending=float(rng.uniform(0, 0.4)), energy_shift=float(rng.uniform(-5, 5)),
        )  # fmt: skip
        count(f"model, {kind}", ds, np.flatnonzero(ds.true_unusual.values != ""))
    slabs = [load_pdos(n) for n in list_pdos()]
    for case in range(n_cases):
        ds, sites = changed(slabs[case % len(slabs)], rng)
        count("bundled slab without its rare sites, 1 to 4 sites changed", ds, sites)
    print(
        "\nplanted sites among the five most unusual: cases with at least one, and their share of what there could be"
    )
    for kind, found in hits.items():
        one, share = np.array(found).mean(axis=0)
        print(f"  {kind:58s} {len(found):4d} cases  {one:6.1%}  {share:6.1%}")
    print(f"  all: {np.mean([h[0] for found in hits.values() for h in found]):.1%} with at least one")


def changed(ds: xr.Dataset, rng: np.random.Generator) -> tuple[xr.Dataset, np.ndarray]:
    """Only the common kinds of sites; of a few a fifth of the filled states is brought just below the Fermi energy."""
    labels = truth(ds)
    _, index, size = np.unique(labels, return_inverse=True, return_counts=True)
    common = np.flatnonzero(size[index] >= 7)
    ds = ds.isel(atom=common).copy(deep=True)
    kind = rng.choice(np.unique(labels[common]))
    sites = rng.choice(np.flatnonzero(labels[common] == kind), int(rng.integers(1, 5)), replace=False)
    energy, fermi = ds.energy.values, float(ds.fermi_energy)
    share = float(rng.uniform(0.15, 0.3))
    at = np.exp(-0.5 * ((energy - fermi + 0.6) / 0.15) ** 2)
    filled = energy < fermi
    values = ds.pdos.values.astype(float)
    for site in sites:
        states = values[site][..., filled].sum(axis=-1, keepdims=True)
        values[site][..., filled] *= 1 - share
        values[site] += share * states * at / at[filled].sum()
    ds["pdos"] = (ds.pdos.dims, values, ds.pdos.attrs)
    return ds, sites


def timed(name: str, call: Callable[[], Any], repeat: int = 3) -> Any:
    best = np.inf
    for _ in range(repeat):
        start = time.perf_counter()
        out = call()
        best = min(best, time.perf_counter() - start)
    print(f"  {name:62s} {1e3 * best:10.1f} ms")
    return out


def times(n_sites: int) -> None:
    ds = make_pdos(n_sites, orbitals="lm", n_energies=600, noise=0.02, jitter=0.1, seed=1)
    ds = ds.isel(atom=slice(n_sites))
    print(f"\ntimes: {ds.sizes['atom']} sites x {ds.sizes['orbital']} orbitals x {ds.sizes['energy']} energies")
    dos.cluster(ds.isel(atom=slice(8)))  # compiled before the clock runs
    dos.cluster(ds.isel(atom=slice(8)), metric="total_variation")
    once = 1 if n_sites > 3000 else 2
    found = timed("cluster, default", lambda: dos.cluster(ds), once)
    if n_sites <= 3000:
        timed("cluster, total variation, shifts to 1.2 eV", lambda: dos.cluster(ds, metric="total_variation"), once)
        timed("cluster, Hellinger, no shift", lambda: dos.cluster(ds, metric="hellinger", shift=0), once)
    height = float(np.sort(found.merge_height)[-12])

    def moved() -> xr.Dataset:
        again = dos.recut(found, height * 0.999)
        dos.cluster_mean(ds, again)
        return again

    timed("cut moved: clusters, means, bands of the sum over orbitals", moved)
    again = timed("  of that: clusters", lambda: dos.recut(found, height * 0.999))
    print(f"    {again.sizes['cluster_label']} clusters")
    timed(
        "  means of every orbital, no bands", lambda: dos.cluster_mean(ds, again, quantiles=None, orbitals="resolved")
    )
    timed("  means and bands of every orbital", lambda: dos.cluster_mean(ds, again, orbitals="resolved"), 1)
    print(f"  memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=120, help="planted cases of each sort")
    parser.add_argument("--sites", type=int, nargs="*", default=[1000, 10000], help="sizes that are timed")
    chosen = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        accuracy()
        codes()
        equivalent()
        planted(chosen.cases)
    for n in chosen.sites:
        times(n)


if __name__ == "__main__":
    main()
