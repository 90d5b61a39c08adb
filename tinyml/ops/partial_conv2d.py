"""A part of the sums of a pointwise convolution: over some of its input channels. Written by the scheduler alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor
from tinyml.ir.requantize import wrap_int32
from tinyml.ops.accumulator import check_bias, weights_shape
from tinyml.ops.window import image_shape


@dataclass(frozen=True)
class PartialConv2D(Op):
    """inputs: image [1, H, W, C], weights [O, 1, 1, C], and what the sums start from, if not from 0: the bias [O] or
    the sums [1, H, W, O] of other channels. output: sums [1, H, W, O].

    int8: bias and sums are int32, and wrap. Their scale is the image's times the filter's, so `Rescale` makes of all
    channels' sums what CONV_2D gives, in whatever order they are added.
    """

    kind: ClassVar[str] = "partial_conv2d"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        height, width, channels = image_shape(inputs[0].shape)
        filters, kernel_h, kernel_w, depth = weights_shape(inputs[1])
        if (kernel_h, kernel_w, depth) != (1, 1, channels):
            raise ShapeError(f"weights of shape Ox1x1x{channels} expected, got {inputs[1].shape}")
        sums = (1, height, width, filters)
        if len(inputs) < 3 or inputs[2].shape != sums:
            check_bias(inputs, filters)
        return (sums,)

    def operands(self, node: Node) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in node.inputs if not tensor.is_constant)

    def macs(self, node: Node) -> int:
        return node.output.size * node.inputs[0].hwc[2]

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return begin, end

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        # float64 sums of int8 products are exact below 2**53, and BLAS makes them fast
        image = values[0].astype(np.float64) - node.inputs[0].affine.zero_point
        total = (image @ values[1][:, 0, 0].T.astype(np.float64)).astype(np.int64)
        return (wrap_int32(total + _start(values)).astype(np.int32),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return ((values[0] @ values[1][:, 0, 0].T + _start(values)).astype(np.float32),)


def _start(values: Sequence[Array]) -> Array | int:
    return values[2] if len(values) > 2 else 0
