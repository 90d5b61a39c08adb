"""Mean over a sliding window (TFLite AVERAGE_POOL_2D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Shape, ShapeError, Tensor
from tinyml.ir.requantize import activation_range, clamp_float
from tinyml.ops.pool import Pool


@dataclass(frozen=True)
class AveragePool2D(Pool):
    """Mean of the taps inside the image: the padding counts neither in the sum nor in the number of taps.

    int8: the mean is rounded to the nearest integer, ties away from zero.
    """

    kind: ClassVar[str] = "average_pool2d"
    takes_int16: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shapes = super().infer(inputs)
        height, width = inputs[0].shape[1:3]
        (_, out_h, out_w, _), p = shapes[0], self.padding
        begins = (out_h - 1) * self.stride_h - p.top, (out_w - 1) * self.stride_w - p.left
        if p.top >= self.kernel_h or p.left >= self.kernel_w or begins[0] >= height or begins[1] >= width:
            raise ShapeError(f"padding {tuple(p)} leaves windows of {self.kernel_h}x{self.kernel_w} without a pixel")
        return shapes

    def sums(self, image: Array) -> tuple[Array, Array]:
        """(sums [out_h, out_w, C], numbers of taps [out_h, out_w, 1]) of an image [H, W, C]; both of its dtype."""
        ones = np.ones((*image.shape[:2], 1), image.dtype)
        total = sum(view for _, _, view in self.window.taps(image, 0))
        count = sum(view for _, _, view in self.window.taps(ones, 0))
        return np.asarray(total), np.asarray(count)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        total, count = self.sums(values[0][0].astype(np.int64))
        rounded = np.sign(total) * ((np.abs(total) + count // 2) // count)
        low, high = activation_range(self.activation, node.output)
        return (np.clip(rounded, low, high).astype(node.output.dtype.numpy)[None],)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        total, count = self.sums(values[0][0])
        return (clamp_float(total / count, self.activation)[None],)
