"""Fields that the parameter structs of several kernels share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml.ir import Activation, Array, DType, Node, Tensor
from tinyml.ir.dtype import pack_int4
from tinyml.ir.requantize import activation_range, convolution_multipliers, reduced_multiplier
from tinyml.kernel import Field, Fields
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv
from tinyml.ops.accumulator import check_wide
from tinyml.ops.pool import Pool

MOST_INT16 = 2**16  # whose sum an int32 holds


def zero_point_fields(node: Node) -> dict[str, Field]:
    """Zero points of the first input and of the output."""
    return {
        "input_zero_point": node.inputs[0].affine.zero_point,
        "output_zero_point": node.output.affine.zero_point,
    }


def in_place(node: Node) -> tuple[int, ...]:
    """Operands whose place the output of a function of one tensor may take."""
    return () if node.inputs[0].is_constant else (0,)


def window_fields(node: Node) -> dict[str, Field]:
    """The window of a node with inputs (image, weights[, bias]), weights [., height, width, .]; without dilation."""
    op = node.op
    assert isinstance(op, (Conv2D, DepthwiseConv2D, TransposeConv))
    return {
        "kernel_h": node.inputs[1].shape[1],
        "kernel_w": node.inputs[1].shape[2],
        "stride_h": op.stride_h,
        "stride_w": op.stride_w,
        "pad_top": op.padding.top,
        "pad_left": op.padding.left,
    }


def dilated_window_fields(node: Node) -> dict[str, Field]:
    """The same with dilation."""
    op = node.op
    assert isinstance(op, (Conv2D, DepthwiseConv2D))
    return {**window_fields(node), "dilation_h": op.dilation_h, "dilation_w": op.dilation_w}


def fused_activation(node: Node) -> Activation:
    """Of a node with filters."""
    assert isinstance(node.op, (Conv2D, DepthwiseConv2D, FullyConnected))
    return node.op.activation


def clamp_fields(node: Node, activation: Activation) -> dict[str, Field]:
    """The range of a fused activation in output steps."""
    low, high = activation_range(activation, node.output)
    return {"clamp_low": low, "clamp_high": high}


def stored(constant: Tensor) -> Array:
    """A constant's values as C holds them: int4 ones packed."""
    return pack_int4(constant.values).view(np.int8) if constant.dtype is DType.INT4 else constant.values


def wide_fields(node: Node, activation: Activation) -> Fields:
    """Weights and the tml_wide of a node with int16 activations and inputs (operand, weights[, bias])."""
    image, weights = node.inputs[:2]
    multipliers, shifts = convolution_multipliers(image, weights, node.output, node.output.shape[-1])
    check_wide(node, shifts)
    return {
        "weights": weights.values,
        "wide": {
            "bias": node.inputs[2].values if len(node.inputs) > 2 else None,
            "multiplier": reduced_multiplier(np.array(multipliers)).astype(np.int16),
            "places": (15 - np.array(shifts)).astype(np.uint8),
            **clamp_fields(node, activation),
        },
    }


def product_fields(node: Node, multipliers: Sequence[int], shifts: Sequence[int]) -> Fields:
    """Weights, bias and per-channel rescaling of a node with inputs (operand, weights[, bias])."""
    return {
        "weights": stored(node.inputs[1]),
        "bias": node.inputs[2].values if len(node.inputs) > 2 else None,
        "multiplier": np.array(multipliers, np.int32),
        "shift": np.array(shifts, np.int32),
    }


def pool_fields(node: Node) -> Fields:
    """Fields of tml_pool2d besides its views."""
    op = node.op
    assert isinstance(op, Pool)
    return {
        "kernel_h": op.kernel_h,
        "kernel_w": op.kernel_w,
        "stride_h": op.stride_h,
        "stride_w": op.stride_w,
        "pad_top": op.padding.top,
        "pad_left": op.padding.left,
        **clamp_fields(node, op.activation),
    }
