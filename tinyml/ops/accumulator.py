"""From accumulators to outputs: what convolutions share.

Twin of codegen/include/tml_accumulator.h: change both or neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Activation, Array, DType, Node, ShapeError, Tensor, shown
from tinyml.ir.requantize import (
    WIDEST_SHIFT,
    activation_range,
    clamp_float,
    convolution_multipliers,
    multiply_by_quantized_multiplier,
    multiply_wide_by_quantized_multiplier,
    wrap_int32,
)


def check_bias(inputs: Sequence[Tensor], channels: int) -> None:
    """ShapeError unless the third input, if any, is one value per output channel."""
    if len(inputs) > 2 and inputs[2].shape != (channels,):
        raise ShapeError(f"bias {inputs[2].shape} for {channels} filters")


def weights_shape(weights: Tensor) -> tuple[int, int, int, int]:
    """The four sides of a convolution's weights; ShapeError otherwise."""
    if len(weights.shape) != 4:
        raise ShapeError(f"weights of four sides expected, got {weights.shape}")
    first, height, width, last = weights.shape
    return first, height, width, last


def finish_int8(node: Node, total: Array, values: Sequence[Array], activation: Activation) -> Array:
    """Outputs from integer sums [..., O]: adds bias `values[2]`, rescales, clamps.

    int8: the sums wrap to int32. int16: they stay int64, and are rescaled in fewer bits.
    """
    if len(values) > 2:
        total = total + values[2].astype(np.int64)
    multipliers, shifts = convolution_multipliers(node.inputs[0], node.inputs[1], node.output, total.shape[-1])
    if node.output.dtype is DType.INT16:
        check_wide(node, shifts)
        scaled = multiply_wide_by_quantized_multiplier(total, np.array(multipliers), np.array(shifts))
        return np.clip(scaled, *activation_range(activation, node.output)).astype(np.int16)
    return rescale(node.output, total, np.array(multipliers), np.array(shifts), activation)


def check_wide(node: Node, shifts: Sequence[int]) -> None:
    """UnsupportedError where TFLM could not rescale the int64 sums of a layer with int16 activations."""
    if max(shifts) > WIDEST_SHIFT:
        raise UnsupportedError(
            f"{shown(node.name)}: the scales of input and weights are 2**{WIDEST_SHIFT} times the output's or more",
            hint="quantize the model again with samples that reach the range of this layer",
        )


def rescale(
    output: Tensor, total: Array, multipliers: Array | int, shifts: Array | int, activation: Activation
) -> Array:
    """Outputs from int32 sums, which wrap; multipliers and shifts broadcast against them."""
    scaled = multiply_by_quantized_multiplier(wrap_int32(total), multipliers, shifts)
    low, high = activation_range(activation, output)
    return np.clip(wrap_int32(scaled + output.affine.zero_point), low, high).astype(output.dtype.numpy)


def finish_float(total: Array, values: Sequence[Array], activation: Activation) -> Array:
    """float32 outputs from sums [..., O]: adds the bias `values[2]` and clamps."""
    if len(values) > 2:
        total = total + values[2]
    return clamp_float(total, activation)
