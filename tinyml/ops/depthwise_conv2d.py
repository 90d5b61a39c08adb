"""2-D convolution of each channel by itself (TFLite DEPTHWISE_CONV_2D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Cut, Node, Op, Padding, Shape, ShapeError, Tensor
from tinyml.ops.accumulator import check_bias, finish_float, finish_int8, weights_shape
from tinyml.ops.window import Window, image_shape


@dataclass(frozen=True)
class DepthwiseConv2D(Op):
    """inputs: image [1, H, W, C], weights [1, KH, KW, C * M], bias [C * M] (may be absent).

    Output channel o reads input channel o // M; the multiplier M follows from the shapes. int8: TFLite specification,
    weights per channel along axis 3.
    """

    kind: ClassVar[str] = "depthwise_conv2d"
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
        height, width, channels = image_shape(inputs[0].shape)
        one, kernel_h, kernel_w, out_channels = weights_shape(inputs[1])
        if one != 1 or out_channels % channels:
            raise ShapeError(f"weights of shape 1xHxWx{channels}M expected, got {inputs[1].shape}")
        check_bias(inputs, out_channels)
        return ((1, *self.window(kernel_h, kernel_w).output_size(height, width), out_channels),)

    def operands(self, node: Node) -> tuple[Tensor, ...]:
        return node.inputs[:1]

    def macs(self, node: Node) -> int:
        _, kernel_h, kernel_w, _ = node.inputs[1].shape
        return node.output.size * kernel_h * kernel_w

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return self.window(*node.inputs[1].shape[1:3]).input_rows(node.inputs[0].shape[1], begin, end)

    def cut_columns(self, node: Node, begin: int, end: int) -> Cut:
        window = self.window(*node.inputs[1].shape[1:3])
        padding, columns = window.cut_columns(node.inputs[0].shape[2], begin, end)
        return Cut(replace(self, padding=padding), (columns,))

    def accumulate(self, image: Array, weights: Array) -> Array:
        """Sums of products [out_h, out_w, C * M] of an image [H, W, C] that is 0 in its padding; keeps the dtype."""
        _, kernel_h, kernel_w, out_channels = weights.shape
        window = self.window(kernel_h, kernel_w)
        total = np.zeros((*window.output_size(image.shape[0], image.shape[1]), out_channels), image.dtype)
        multiplier = out_channels // image.shape[2]
        for row, column, view in window.taps(image, 0):
            total += np.repeat(view, multiplier, axis=2) * weights[0, row, column]
        return total

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        image = values[0][0].astype(np.int64) - node.inputs[0].affine.zero_point
        return (finish_int8(node, self.accumulate(image, values[1].astype(np.int64)), values, self.activation)[None],)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (finish_float(self.accumulate(values[0][0], values[1]), values, self.activation)[None],)
