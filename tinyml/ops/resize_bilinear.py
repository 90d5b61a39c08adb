"""An image resized by interpolating between four pixels (TFLite RESIZE_BILINEAR)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor
from tinyml.ops.window import image_shape

# positions are fixed-point numbers with 10 fractional bits
ONE = 1 << 10


@dataclass(frozen=True)
class ResizeBilinear(Op):
    """inputs: image [1, H, W, C]. outputs: image [1, height, width, C] of the same quantization.

    int8: TFLite's ResizeBilinearInteger: 10-bit positions, products in integers, one rounding half away from zero.
    Sizes for which TFLM's rounded positions leave the image, where it reads foreign memory, are a ShapeError.
    """

    kind: ClassVar[str] = "resize_bilinear"

    height: int
    width: int
    align_corners: bool = False
    half_pixel_centers: bool = False

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        height, width, channels = image_shape(inputs[0].shape)
        if self.height < 1 or self.width < 1:
            raise ShapeError(f"an output of {self.height}x{self.width}")
        if self.align_corners and self.half_pixel_centers:
            raise ShapeError("align_corners and half_pixel_centers exclude each other")
        for size_in, size_out in ((height, self.height), (width, self.width)):
            if self.taps(size_in, size_out)[0][-1] >= size_in:
                raise ShapeError(f"from {size_in} to {size_out} pixels a 10-bit position leaves the image")
        return ((1, self.height, self.width, channels),)

    def scale(self, size_in: int, size_out: int) -> int:
        """Input pixels per output pixel along one side, 10 fractional bits, rounded half up."""
        if self.align_corners and size_out > 1:
            size_in, size_out = size_in - 1, size_out - 1
        return (ONE * size_in + size_out // 2) // size_out

    def offset(self, scale: int) -> int:
        """Position of output pixel 0, 10 fractional bits."""
        return scale // 2 - ONE // 2 if self.half_pixel_centers else 0

    def taps(self, size_in: int, size_out: int) -> tuple[Array, Array, Array]:
        """(low, high, fraction) per output position along one side: its two pixels and the weight of `high`, of 1024.

        Before the first pixel centre low = high and the fraction is below 0; the two weights still sum to 1024.
        """
        scale = self.scale(size_in, size_out)
        position = np.arange(size_out, dtype=np.int64) * scale + self.offset(scale)
        # C's division truncates: a position in (-1024, 0) is in pixel 0
        low = np.maximum(position, 0) // ONE
        high = np.minimum(np.maximum(position + ONE - 1, 0) // ONE, size_in - 1)
        return low, high, position - ONE * low

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        low, high, _ = self.taps(node.inputs[0].shape[1], self.height)
        return int(low[begin]), int(high[end - 1]) + 1

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        image = values[0][0].astype(np.int64)
        top, bottom, down = self.taps(image.shape[0], self.height)
        left, right, across = self.taps(image.shape[1], self.width)
        down, across = down[:, None, None], across[None, :, None]
        rows = image[top] * (ONE - down) + image[bottom] * down
        total = rows[:, left] * (ONE - across) + rows[:, right] * across
        half = ONE * ONE // 2
        rounded = np.where(total > 0, (total + half) // (ONE * ONE), -((half - total) // (ONE * ONE)))
        return (rounded.astype(np.int8)[None],)

    def float_taps(self, size_in: int, size_out: int) -> tuple[Array, Array, Array]:
        """As `taps`, in float32 (TFLite's ComputeInterpolationValues)."""
        if self.align_corners and size_out > 1:
            scale = np.float32(size_in - 1) / np.float32(size_out - 1)
        else:
            scale = np.float32(size_in) / np.float32(size_out)
        half = np.float32(0.5 if self.half_pixel_centers else 0.0)
        position = (np.arange(size_out, dtype=np.float32) + half) * scale - half
        low = np.clip(np.floor(position), 0, size_in - 1).astype(np.int64)
        high = np.clip(np.ceil(position), 0, size_in - 1).astype(np.int64)
        return low, high, position - low.astype(np.float32)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        image = values[0][0]
        top, bottom, down = self.float_taps(image.shape[0], self.height)
        left, right, across = self.float_taps(image.shape[1], self.width)
        down, across = down[:, None, None], across[None, :, None]
        one = np.float32(1)
        total = image[top][:, left] * (one - down) * (one - across) + image[bottom][:, left] * down * (one - across)
        total = total + image[top][:, right] * (one - down) * across + image[bottom][:, right] * down * across
        return (total.astype(np.float32)[None],)
