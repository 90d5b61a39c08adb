"""Six words, other words, silence: 49x40 log-mel spectrograms of synthetic speech, split by voice.

    apt-get install espeak-ng
    pip install torch==2.13.0
    python benchmarks/accuracy/spoken_words.py keywords.npz
    python -m benchmarks.accuracy.keywords keywords.npz

Synthetic speech does not transfer to real speech: the figures compare float with int8 and say nothing about people. The
net: a DS-CNN after Zhang et al. 2017, Hello Edge, arXiv 1711.07128, smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from benchmarks.accuracy.study import Images, Study, arguments, block, report, separable


def keyword_net() -> nn.Sequential:
    """[N, 1, 49, 40] -> 8 logits."""
    blocks = [separable(32, 32), separable(32, 32), separable(32, 32)]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 8))
    return nn.Sequential(block(1, 32, 5, 2), *blocks, head)


def shifted(images: Images, rng: np.random.Generator) -> Images:
    """Up to four bands up or down, by repeating the outermost, and up to 0.5 louder or quieter (natural logarithm)."""
    changed = np.empty_like(images)
    for at, image in enumerate(images):
        bands = np.clip(np.arange(image.shape[1]) + rng.integers(-4, 5), 0, image.shape[1] - 1)
        changed[at] = image[:, bands] + np.float32(rng.uniform(-0.5, 0.5))
    return changed


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__)
    parser.add_argument("data", help="what spoken_words.py wrote")
    options = parser.parse_args(argv)
    with np.load(options.data) as data:
        sets = [(data[f"{part}_x"], data[f"{part}_y"].astype(np.int64)) for part in ("train", "test")]
    report(Study(*sets, keyword_net, shifted, epochs=20, qat_epochs=5), options)


if __name__ == "__main__":
    main()
