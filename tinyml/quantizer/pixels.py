"""What the numbers 0 to 255 of an image become before a model sees them. It must be what the training did."""

from __future__ import annotations

import numpy as np

from tinyml.errors import UsageError
from tinyml.ir import Array

# name -> (mean, deviation), of pixels divided by 255; one number or one per channel
PIXELS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "0..1": ((0.0,), (1.0,)),
    "-1..1": ((0.5,), (0.5,)),
    "0..255": ((0.0,), (1 / 255,)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def from_pixels(image: Array, pixels: str | None, origin: str) -> Array:
    """float32 of the image's shape [..., C]. image: uint8. pixels: a key of PIXELS; UsageError without one."""
    if pixels is None:
        raise UsageError(
            f"{origin} holds pixels of 0 to 255; which numbers did the training make of them?",
            " or ".join(f"--pixels {name}" for name in PIXELS),
        )
    mean, deviation = (np.array(values) for values in PIXELS[pixels])
    if len(mean) not in (1, image.shape[-1] if image.ndim else 1):
        raise UsageError(f"--pixels {pixels} is for {len(mean)} channels; {origin} has {image.shape[-1]}")
    scaled: Array = ((image / 255 - mean) / deviation).astype(np.float32)
    return scaled
