"""Is there a person? 96x96 grey crops of a surveillance video, split by time.

    apt-get download opencv-doc && dpkg -x opencv-doc_*.deb doc
    pip install torch==2.13.0 opencv-python-headless
    python benchmarks/accuracy/person_crops.py doc/usr/share/doc/opencv-doc/examples/data/vtest.avi person.npz
    python -m benchmarks.accuracy.person person.npz

How the crops and their labels come about, and what is doubtful about them, says person_crops.py. The net: a strided
convolution and five separable blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from benchmarks.accuracy.study import Images, Study, arguments, block, report, separable


def person_net() -> nn.Sequential:
    """[N, 1, 96, 96] -> 2 logits; 5.6 thousand parameters."""
    blocks = [separable(8, 16, 2), separable(16, 24, 2), separable(24, 32, 2), separable(32, 32), separable(32, 48, 2)]
    return nn.Sequential(block(1, 8, 3, 2), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 2))


def varied(images: Images, rng: np.random.Generator) -> Images:
    """Mirrored or not, shifted by up to 6 pixels, brighter or darker."""
    padded = np.pad(images, ((0, 0), (6, 6), (6, 6), (0, 0)), mode="edge")
    side, changed = images.shape[1], np.empty_like(images)
    for at, image in enumerate(padded):
        row, column = rng.integers(0, 13, 2)
        cut = image[row : row + side, column : column + side]
        cut = cut[:, ::-1] if rng.random() < 0.5 else cut
        changed[at] = np.clip(0.5 + (cut - 0.5) * rng.uniform(0.7, 1.3) + rng.uniform(-0.15, 0.15), 0, 1)
    return changed


def main(argv: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__)
    parser.add_argument("data", help="what person_crops.py wrote")
    options = parser.parse_args(argv)
    with np.load(options.data) as data:
        sets = [(data[f"{p}_x"].astype(np.float32) / 255, data[f"{p}_y"].astype(np.int64)) for p in ("train", "test")]
    report(Study(*sets, person_net, varied, epochs=20, qat_epochs=5), options)


if __name__ == "__main__":
    main()
