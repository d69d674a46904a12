"""Smooth fields of peak parameters over a sample: the presets of `make_spectral_map`."""

from dataclasses import dataclass

import numpy as np

__all__ = ["PRESETS", "Preset", "peak_fields", "smooth_field"]


@dataclass(frozen=True)
class Preset:
    """What a preset fixes: energies in eV, heights and backgrounds in units of ``counts``."""

    title: str
    window: tuple[float, float]
    n_channels: int
    centers: tuple[float, ...]
    spacing: float
    hwhm: tuple[float, ...]
    heights: tuple[float, ...]
    fractions: tuple[float, ...]
    shift: float
    background: tuple[float, float] = (0.10, 0.15)

    def peak_centers(self, n_peaks: int, separation: float | None) -> np.ndarray:
        """Centers before any shift: the listed ones, or equally spaced ones about their middle."""
        if separation is None and n_peaks <= len(self.centers):
            return np.array(self.centers[:n_peaks])
        spacing = self.spacing if separation is None else separation
        return np.mean(self.centers[:2]) + spacing * (np.arange(n_peaks) - (n_peaks - 1) / 2)


PRESETS: dict[str, Preset] = {
    "transistor": Preset(
        title="C 1s map of a graphene transistor (synthetic)",
        window=(281.0, 289.0),
        n_channels=161,
        centers=(284.4, 286.3, 288.0),
        spacing=1.9,
        hwhm=(0.38, 0.60),
        heights=(1.0, 0.45, 0.25),
        fractions=(0.40, 0.20),
        shift=0.30,
    ),
    "separated": Preset(
        title="Two peaks 3.3 widths apart (synthetic)",
        window=(280.0, 290.0),
        n_channels=400,
        centers=(283.5, 286.5),
        spacing=3.0,
        hwhm=(0.45,),
        heights=(1.0, 0.7, 0.8),
        fractions=(0.30,),
        shift=0.50,
    ),
    "overlap": Preset(
        title="Two peaks one width apart (synthetic)",
        window=(280.0, 290.0),
        n_channels=400,
        centers=(284.6, 285.5),
        spacing=0.9,
        hwhm=(0.45,),
        heights=(1.0, 0.6, 0.8),
        fractions=(0.30,),
        shift=0.30,
    ),
}


def smooth_field(shape: tuple[int, int], rng: np.random.Generator, amplitude: float = 1.0) -> np.ndarray:
    """Random field of the few longest waves on the map, largest absolute value `amplitude`."""
    y, x = (np.linspace(0.0, 1.0, n) for n in shape)
    field = np.zeros(shape)
    for ky, kx in ((0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)):
        wave = np.cos(np.pi * (ky * y[:, None] + kx * x) + rng.uniform(0, 2 * np.pi))
        field += rng.normal() * wave / (kx + ky)
    return amplitude * field / max(float(np.abs(field).max()), 1e-12)


def _cycle(values: tuple[float, ...], n: int) -> np.ndarray:
    return np.array([values[min(i, len(values) - 1)] for i in range(n)])


def peak_fields(
    name: str, shape: tuple[int, int], pixel_size: float, centers: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Fields of a preset: center, hwhm, fraction, height with dims (y, x, peak); background left, right (y, x).

    Heights and backgrounds are in units of ``counts``.
    """
    preset, n = PRESETS[name], centers.size
    gap = float(np.diff(centers).min()) if n > 1 else np.inf

    def fields(amplitude: float) -> np.ndarray:
        return np.stack([smooth_field(shape, rng, amplitude) for _ in range(n)], axis=-1)

    common = smooth_field(shape, rng)[..., None]
    # peaks move together; what each moves on its own is kept below half the gap, so their order never changes
    own = min(0.15 * preset.shift, 0.2 * gap)
    out = {
        "center": centers + preset.shift * common + fields(own),
        "hwhm": _cycle(preset.hwhm, n) * (1 + fields(0.12)),
        "fraction": np.clip(_cycle(preset.fractions, n) + fields(0.15), 0.0, 1.0),
        "height": _cycle(preset.heights, n) * (1 + fields(0.35)),
        "background_left": preset.background[0] * (1 + smooth_field(shape, rng, 0.3)),
        "background_right": preset.background[1] * (1 + smooth_field(shape, rng, 0.3)),
    }
    if name == "transistor":
        _make_device(out, centers, preset.shift, shape, pixel_size, rng)
    return out


def _make_device(
    fields: dict[str, np.ndarray],
    centers: np.ndarray,
    shift: float,
    shape: tuple[int, int],
    pixel_size: float,
    rng: np.random.Generator,
) -> None:
    """Turn plain smooth fields into a device: source and drain contacts with a graphene channel between them.

    In the channel the potential relaxes with the distance from each contact over 0.5 um (charge transfer).
    """
    width = shape[1] * pixel_size
    x = (np.arange(shape[1]) + 0.5) * pixel_size
    waviness = 0.03 * width * smooth_field((shape[0], 1), rng)
    blur = max(0.012 * width, 0.25 * pixel_size)
    from_source = x - 0.27 * width - waviness
    from_drain = 0.73 * width - waviness - x
    metal = 1 - 0.5 * (np.tanh(from_source / (2 * blur)) + np.tanh(from_drain / (2 * blur)))
    decay = 0.5
    source, drain = (np.exp(-np.maximum(d, 0.0) / decay) for d in (from_source, from_drain))
    # the two contacts pin the level differently, as under a drain voltage
    potential = shift * (source - 0.6 * drain)
    own = fields["center"] - centers
    fields["center"] = centers + potential[..., None] + 0.12 * own
    # the field changes inside one pixel of the beam near a contact: lines are broader there
    edge = np.maximum(source, drain) * (1 - np.clip(metal, 0, 1))
    fields["hwhm"] = fields["hwhm"] * (1 + 0.2 * edge[..., None])
    # graphene is buried under the metal, which carries more adsorbed carbon and more secondary electrons
    contrast = np.array([-0.55] + [0.6] * (centers.size - 1))
    fields["height"] = fields["height"] * (1 + contrast * metal[..., None])
    for side in ("background_left", "background_right"):
        fields[side] = fields[side] * (1 + 0.8 * metal)
