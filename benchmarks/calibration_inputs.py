"""Plausible inputs for the reference models where their data sets are not at hand: none of this is the real data.

Images: random crops of two photographs that come with scikit-learn; the held-out ones from the right 40 % of each.
Spectra: smooth random log-mel spectrograms, to the range of the official int8 model's input: of keywords their first 10
cosine coefficients (MFCC), of machines 5 alike frames of 128 bands that fall with frequency.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SHARE_OBSERVED = 0.6  # of a photograph's width


def samples(model: str, count: int, held_out: bool, seed: int = 0) -> Floats:
    """float32 [count, ...] in the shape and range of a reference model's input. model: a key of INPUTS."""
    rng = np.random.default_rng([seed, held_out])
    return np.stack([INPUTS[model](rng, held_out) for _ in range(count)]).astype(np.float32)


def _crop(rng: np.random.Generator, held_out: bool, side: int) -> Floats:
    """A square crop of a photograph at any scale, resized to side x side x 3, 0 to 255."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photo = load_sample_images().images[int(rng.integers(2))]
    height, width, _ = photo.shape
    border = int(SHARE_OBSERVED * width)
    left, right = (border, width) if held_out else (0, border)
    size = int(rng.integers(side, min(height, right - left)))
    top, begin = int(rng.integers(0, height - size + 1)), int(rng.integers(left, right - size + 1))
    crop = Image.fromarray(photo[top : top + size, begin : begin + size])
    pixels = np.asarray(crop.resize((side, side), Image.Resampling.BILINEAR), np.float32)
    return pixels[:, :: -1 if rng.integers(2) else 1]


def _field(rng: np.random.Generator, shape: tuple[int, int], low: float, high: float) -> Floats:
    """Smooth at three scales, squeezed into [low, high] with a random mean and contrast."""
    from scipy.ndimage import gaussian_filter

    layers = [(gaussian_filter(rng.standard_normal(shape), scale), weight) for scale, weight in _SCALES]
    total = sum(weight * layer / layer.std() for layer, weight in layers)
    centred = (total - np.mean(total)) / np.std(total)
    share = 1 / (1 + np.exp(-centred * rng.uniform(0.3, 1.2) - 0.7 * rng.normal()))
    return np.asarray(low + (high - low) * share, np.float32)


def _keyword(rng: np.random.Generator) -> Floats:
    """MFCC [49, 10, 1] as tf.signal gives them, of log(energy + 1e-6) in 40 mel bands."""
    from scipy.fft import dct

    spectrum = _field(rng, (49, 40), float(np.log(1e-6)), 3.0)
    return np.asarray(dct(spectrum, type=2, axis=1)[:, :10, None] / np.sqrt(80), np.float32)


def _machine(rng: np.random.Generator) -> Floats:
    """[640]: 5 frames of 128 mel bands in decibels."""
    spectrum = rng.uniform(-30, 5) - rng.uniform(10, 50) * np.linspace(0, 1, 128) + _field(rng, (1, 128), -15, 15)
    return np.clip(spectrum + rng.normal(0, 3, (5, 128)), -84, 15).astype(np.float32).reshape(640)


_SCALES = ((4.0, 1.0), (1.5, 0.5), (0.5, 0.2))
INPUTS = {
    "kws": lambda rng, held: _keyword(rng),
    "vww_96": lambda rng, held: _crop(rng, held, 96) / 255,
    "resnet8": lambda rng, held: _crop(rng, held, 32),
    "ad01": lambda rng, held: _machine(rng),
}
