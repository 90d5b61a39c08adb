"""Kernels of conv2d, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.fields import clamp_fields, product_fields, zero_point_fields
from tinyml.ir import Node, Padding
from tinyml.ir.requantize import convolution_multipliers
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Conv2D


def parameters(node: Node) -> Fields:
    """Fields of tml_conv2d besides its views."""
    op = node.op
    assert isinstance(op, Conv2D)
    image, weights = node.inputs[0], node.inputs[1]
    out_channels, kernel_h, kernel_w, depth = weights.shape
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
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        **product_fields(node, *convolution_multipliers(image, weights, node.output, out_channels)),
    }


def is_pointwise(node: Node) -> bool:
    """Whether every output value reads a single pixel that lies inside the image, and all its channels."""
    assert isinstance(node.op, Conv2D)
    image, weights = node.inputs[0], node.inputs[1]
    return weights.shape[1:] == (1, 1, image.hwc[2]) and node.op.padding == Padding()


KERNELS = (
    Kernel(
        name="tml_conv2d_pointwise_s8",
        op=Conv2D,
        struct="tml_conv2d",
        parameters=parameters,
        accepts=is_pointwise,
    ),
    Kernel(name="tml_conv2d_s8", op=Conv2D, struct="tml_conv2d", parameters=parameters),
)
