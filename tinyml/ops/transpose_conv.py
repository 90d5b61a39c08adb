"""Transposed 2-D convolution, NHWC by OHWI (TFLite TRANSPOSE_CONV)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Node, Op, Padding, Shape, ShapeError, Tensor
from tinyml.ops.accumulator import check_bias, finish_float, finish_int8, weights_shape
from tinyml.ops.window import image_shape


@dataclass(frozen=True)
class TransposeConv(Op):
    """inputs: image [1, H, W, C], weights [O, KH, KW, C], bias [O] int32 (may be absent).

    Input pixel (y, x) adds pixel * weights at output rows y * stride_h - padding.top + (0 .. KH - 1), columns alike.
    The output has (H - 1) * stride_h + KH - top - bottom rows: padding crops it. A negative bottom or right appends
    rows or columns, which is how TFLite's free choice of the output shape (ONNX: output_padding) is stated. The taps
    have no dilation, as in TFLite. int8: TFLite specification, weights per channel along axis 0.
    """

    kind: ClassVar[str] = "transpose_conv"

    stride_h: int = 1
    stride_w: int = 1
    padding: Padding = Padding()
    activation: Activation = Activation.NONE

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        height, width, channels = image_shape(inputs[0].shape)
        out_channels, kernel_h, kernel_w, depth = weights_shape(inputs[1])
        if depth != channels:
            raise ShapeError(f"weights for {depth} channels, image with {channels}")
        check_bias(inputs, out_channels)
        return ((1, *self.output_size(height, width, kernel_h, kernel_w), out_channels),)

    def output_size(self, height: int, width: int, kernel_h: int, kernel_w: int) -> tuple[int, int]:
        """(height, width) of the output; ShapeError when the padding leaves nothing."""
        p = self.padding
        if min(self.stride_h, self.stride_w) < 1 or min(p.top, p.left) < 0:
            raise ShapeError("stride must be at least 1, top and left padding at least 0")
        rows = (height - 1) * self.stride_h + kernel_h - p.top - p.bottom
        columns = (width - 1) * self.stride_w + kernel_w - p.left - p.right
        if rows < 1 or columns < 1:
            raise ShapeError(f"padding {tuple(p)} leaves {rows}x{columns} of the output")
        return rows, columns

    def operands(self, node: Node) -> tuple[Tensor, ...]:
        return node.inputs[:1]

    def macs(self, node: Node) -> int:
        out_channels, kernel_h, kernel_w, _ = node.inputs[1].shape
        return node.inputs[0].size * kernel_h * kernel_w * out_channels

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        height, top = node.inputs[0].shape[1], self.padding.top
        first = -(-(begin + top - node.inputs[1].shape[1] + 1) // self.stride_h)
        last = (end - 1 + top) // self.stride_h + 1
        return min(max(first, 0), height), max(min(last, height), 0)

    def accumulate(self, image: Array, weights: Array) -> Array:
        """Sums of products [out_h, out_w, O] of an image [H, W, C]; keeps the dtype."""
        out_channels, kernel_h, kernel_w, _ = weights.shape
        height, width, _ = image.shape
        out_h, out_w = self.output_size(height, width, kernel_h, kernel_w)
        span_h = (height - 1) * self.stride_h + 1
        span_w = (width - 1) * self.stride_w + 1
        top, left = self.padding.top, self.padding.left
        shape = max(span_h + kernel_h - 1, top + out_h), max(span_w + kernel_w - 1, left + out_w)
        whole = np.zeros((*shape, out_channels), image.dtype)
        for row in range(kernel_h):
            for column in range(kernel_w):
                taps = image @ weights[:, row, column].T
                whole[row : row + span_h : self.stride_h, column : column + span_w : self.stride_w] += taps
        return whole[top : top + out_h, left : left + out_w]

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        # float64 sums of int8 products are exact below 2**53, and BLAS makes them fast
        image = values[0][0].astype(np.float64) - node.inputs[0].affine.zero_point
        total = self.accumulate(image, values[1].astype(np.float64)).astype(np.int64)
        return (finish_int8(node, total, values, self.activation)[None],)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (finish_float(self.accumulate(values[0][0], values[1]), values, self.activation)[None],)
