"""Explicit padding as TFLite can say it: SAME, VALID, or a padded copy before a VALID window."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinyml.errors import UnsupportedError
from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.ir import Padding, Tensor
from tinyml.ops import TransposeConv
from tinyml.ops.same_padding import same_padding
from tinyml.ops.window import Window


def stated_padding(window: Window, height: int, width: int) -> int | None:
    """The schema's SAME or VALID when it visits the same positions; None when neither does.

    Only the top, the left and the number of positions matter: pixels of padding that no window reaches do not.
    """
    size = window.output_size(height, width)
    corner = (window.padding.top, window.padding.left)
    stride = (window.stride_h, window.stride_w)
    same = same_padding(height, width, (window.span_h, window.span_w), stride)
    if corner == (same.top, same.left) and size == (-(-height // stride[0]), -(-width // stride[1])):
        return int(schema.Padding.SAME)
    valid = ((height - window.span_h) // stride[0] + 1, (width - window.span_w) // stride[1] + 1)
    if corner == (0, 0) and size == valid:
        return int(schema.Padding.VALID)
    return None


def stated_transposed_padding(op: TransposeConv, image: Tensor, weights: Tensor, output: Tensor) -> int:
    """The same for a transposed convolution, whose padding is that of the forward one from output to input.

    Only the top and the left are stated: the output's size is an operand. Of two that say so, the one whose forward
    convolution gives the image's size, which LiteRT checks. UnsupportedError when neither does.
    """
    stride, kernel = (op.stride_h, op.stride_w), weights.shape[1:3]
    same = same_padding(output.shape[1], output.shape[2], kernel, stride)
    corners = {schema.Padding.SAME: (same.top, same.left), schema.Padding.VALID: (0, 0)}
    stated = [code for code, corner in corners.items() if corner == (op.padding.top, op.padding.left)]
    if not stated:
        raise UnsupportedError(f"padding {tuple(op.padding)} is neither SAME nor VALID")
    rounded_up = tuple(-(-side // step) for side, step in zip(output.shape[1:3], stride, strict=True))
    return int(stated[0] if rounded_up == image.shape[1:3] else stated[-1])


def pad_image(model: ModelWriter, image: Tensor, padding: Padding, value: float | None = None) -> Tensor:
    """The image [1, H, W, C] behind a PAD operator; with `value` (quantized) behind a PADV2 that fills with it."""
    sides = np.array([[0, 0], padding[:2], padding[2:], [0, 0]], np.int32)
    shape = tuple(side + int(sides[axis].sum()) for axis, side in enumerate(image.shape))
    padded = Tensor(f"{image.name}/padded", shape, image.dtype, image.quant)
    operands = [image, Tensor.constant(f"{image.name}/paddings", sides)]
    if value is None:
        model.operator("PAD", 2, operands, [padded], schema.PadOptionsT())
        return padded
    fill = Tensor.constant(f"{image.name}/fill", np.array([value], image.dtype.numpy), image.quant)
    model.operator("PADV2", 2, [*operands, fill], [padded], schema.PadV2OptionsT())
    return padded
