"""Kernels of conv2d, most specific first, reference last."""

from __future__ import annotations

import numpy as np

from tinyml.ir import Node
from tinyml.ir.requantize import activation_range, convolution_multipliers
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Conv2D


def parameters(node: Node) -> Fields:
    """Fields of tml_conv2d besides its views."""
    op = node.op
    assert isinstance(op, Conv2D)
    image, weights = node.inputs[0], node.inputs[1]
    out_channels, kernel_h, kernel_w, depth = weights.shape
    multipliers, shifts = convolution_multipliers(image, weights, node.output, out_channels)
    low, high = activation_range(op.activation, node.output)
    return {
        "kernel_h": kernel_h,
        "kernel_w": kernel_w,
        "stride_h": op.stride_h,
        "stride_w": op.stride_w,
        "dilation_h": op.dilation_h,
        "dilation_w": op.dilation_w,
        "pad_top": op.padding.top,
        "pad_left": op.padding.left,
        "groups": image.hwc[2] // depth,
        "input_zero_point": image.affine.zero_point,
        "output_zero_point": node.output.affine.zero_point,
        "clamp_low": low,
        "clamp_high": high,
        "weights": weights.values,
        "bias": node.inputs[2].values if len(node.inputs) > 2 else None,
        "multiplier": np.array(multipliers, np.int32),
        "shift": np.array(shifts, np.int32),
    }


KERNELS = (Kernel(name="tml_conv2d_s8", op=Conv2D, struct="tml_conv2d", parameters=parameters),)
