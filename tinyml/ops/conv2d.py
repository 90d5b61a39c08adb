"""2-D convolution, NHWC by OHWI, with optional groups (TFLite CONV_2D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Cut, Node, Op, Padding, Shape, ShapeError, Tensor
from tinyml.ops.accumulator import check_bias, finish_float, finish_int8, weights_shape
from tinyml.ops.window import Window, image_shape


@dataclass(frozen=True)
class Conv2D(Op):
    """inputs: image [1, H, W, C], weights [O, KH, KW, C / groups], bias [O] (may be absent).

    The number of groups follows from the shapes, as in TFLite. int8: TFLite specification, per-channel weights.
    """

    kind: ClassVar[str] = "conv2d"
    takes_int16: ClassVar[bool] = True

    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    padding: Padding = Padding()
    activation: Activation = Activation.NONE

    def window(self, height: int, width: int) -> Window:
        """The sliding window of a kernel of height x width taps."""
        return Window(height, width, self.stride_h, self.stride_w, self.dilation_h, self.dilation_w, self.padding)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        image, weights = inputs[0], inputs[1]
        height, width, channels = image_shape(image.shape)
        out_channels, kernel_h, kernel_w, depth = weights_shape(weights)
        if channels % depth or out_channels % (channels // depth):
            raise ShapeError(f"{channels} channels in groups of {depth} for {out_channels} filters")
        check_bias(inputs, out_channels)
        return ((1, *self.window(kernel_h, kernel_w).output_size(height, width), out_channels),)

    def operands(self, node: Node) -> tuple[Tensor, ...]:
        return node.inputs[:1]

    def macs(self, node: Node) -> int:
        return node.output.size * node.inputs[1].size // node.inputs[1].shape[0]

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return self.window(*node.inputs[1].shape[1:3]).input_rows(node.inputs[0].shape[1], begin, end)

    def cut_columns(self, node: Node, begin: int, end: int) -> Cut:
        window = self.window(*node.inputs[1].shape[1:3])
        padding, columns = window.cut_columns(node.inputs[0].shape[2], begin, end)
        return Cut(replace(self, padding=padding), (columns,))

    def accumulate(self, image: Array, weights: Array) -> Array:
        """Sums of products [out_h, out_w, O] of an image [H, W, C] that is 0 in its padding; keeps the dtype."""
        out_channels, kernel_h, kernel_w, depth = weights.shape
        groups = image.shape[2] // depth
        window = self.window(kernel_h, kernel_w)
        out_h, out_w = window.output_size(image.shape[0], image.shape[1])
        total = np.zeros((groups, out_h * out_w, out_channels // groups), image.dtype)
        grouped = weights.reshape(groups, out_channels // groups, kernel_h, kernel_w, depth)
        # [kernel_h, kernel_w, groups, depth, O / groups], laid out for BLAS
        filters = np.ascontiguousarray(grouped.transpose(2, 3, 0, 4, 1))
        for row, column, view in window.taps(image, 0):
            taps = np.ascontiguousarray(view).reshape(out_h * out_w, groups, depth)
            total += taps.transpose(1, 0, 2) @ filters[row, column]
        return total.transpose(1, 0, 2).reshape(out_h, out_w, out_channels)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        # float64 sums of int8 products are exact below 2**53, and BLAS makes them fast
        image = values[0][0].astype(np.float64) - node.inputs[0].affine.zero_point
        total = self.accumulate(image, values[1].astype(np.float64)).astype(np.int64)
        return (finish_int8(node, total, values, self.activation)[None],)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (finish_float(self.accumulate(values[0][0], values[1]), values, self.activation)[None],)
