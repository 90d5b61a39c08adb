"""A folder of images as model inputs, read by Pillow."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from tinyml.errors import UsageError
from tinyml.install_hints import INSTALL_HINTS
from tinyml.ir import Array, Tensor
from tinyml.quantizer.pixels import from_pixels

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
MODES = {1: "L", 3: "RGB"}


def image_folder(
    folder: Path, tensor: Tensor, limit: int | None, pixels: str | None
) -> tuple[list[Array], Array | None]:
    """(images, labels) for an input [1, H, W, 1 or 3]: scaled to H x W, float32 as `pixels` says.

    Images in subfolders are labelled by the subfolder's place in the alphabet; without subfolders labels are None. At
    most `limit` are read, evenly spaced in the order of their paths.
    """
    if importlib.util.find_spec("PIL") is None:
        raise UsageError(f"{folder}: reading images needs Pillow, which is not installed", INSTALL_HINTS["pillow"])
    if len(tensor.shape) != 4 or tensor.shape[3] not in MODES:
        raise UsageError(f"{folder}: images for an input of shape {list(tensor.shape)}; [1, H, W, 1 or 3] expected")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise UsageError(f"{folder} holds no image ({', '.join(SUFFIXES)})")
    kept = [paths[i] for i in np.linspace(0, len(paths) - 1, min(limit or len(paths), len(paths))).round().astype(int)]
    names = sorted({path.parent for path in paths})
    labels = np.array([names.index(path.parent) for path in kept]) if folder not in names else None
    return [_image(path, tensor, pixels)[None] for path in kept], labels


def _image(path: Path, tensor: Tensor, pixels: str | None) -> Array:
    from PIL import Image

    _, height, width, channels = tensor.shape
    try:
        with Image.open(path) as image:
            scaled = image.convert(MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    except Exception as error:  # a damaged image makes Pillow raise nearly anything
        raise UsageError(f"{path} is not an image that Pillow can read ({error})") from error
    return from_pixels(np.asarray(scaled, np.uint8).reshape(height, width, channels), pixels, str(path))
