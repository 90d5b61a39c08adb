"""Kernels of conv2d, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.dsp import filters_of, paired_scaling, paired_weights, run_order
from codegen.kernels.fields import clamp_fields, product_fields, zero_point_fields
from tinyml.ir import Node, Padding
from tinyml.ir.requantize import Int64, convolution_multipliers
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


def _patch_order(node: Node) -> Int64:
    _, kernel_h, kernel_w, depth = node.inputs[1].shape
    return run_order(kernel_h, kernel_w * depth)


def patches_parameters(node: Node) -> Fields:
    """Fields of tml_conv2d_patches besides its views."""
    op = node.op
    assert isinstance(op, Conv2D)
    filters, order = filters_of(node, axis=0), _patch_order(node)
    return {
        "kernel_h": node.inputs[1].shape[1],
        "kernel_w": node.inputs[1].shape[2],
        "stride_h": op.stride_h,
        "stride_w": op.stride_w,
        "pad_top": op.padding.top,
        "pad_left": op.padding.left,
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        "groups": len(order),
        "weights": paired_weights(filters, order),
        "scaling": paired_scaling(filters),
    }


def patches_bytes(node: Node) -> int:
    """Two patches in int16 and, where the image does not always lie under all of a row of taps, two of those."""
    run = max(4, node.inputs[1].shape[2] * node.inputs[1].shape[3])
    lines = 2 * run if run == 4 or not is_pointwise(node) else 0
    return 16 * len(_patch_order(node)) + -(-lines // 4) * 4


def _accepts_patches(node: Node) -> bool:
    op = node.op
    assert isinstance(op, Conv2D)
    one_group = node.inputs[1].shape[3] == node.inputs[0].hwc[2]
    return one_group and op.dilation_h == op.dilation_w == 1 and filters_of(node, axis=0).fit_pairs


SMALL_PATCHES_BYTES = 256  # 4 * TML_CONV2D_SMALL_PATCHES_WORDS

KERNELS = (
    Kernel(
        name="tml_conv2d_small_patches_s8__dsp",
        op=Conv2D,
        struct="tml_conv2d_patches",
        parameters=patches_parameters,
        accepts=lambda node: _accepts_patches(node) and patches_bytes(node) <= SMALL_PATCHES_BYTES,
        requires=frozenset({"dsp"}),
    ),
    Kernel(
        name="tml_conv2d_patches_s8__dsp",
        op=Conv2D,
        struct="tml_conv2d_patches",
        parameters=patches_parameters,
        accepts=lambda node: _accepts_patches(node) and patches_bytes(node) > SMALL_PATCHES_BYTES,
        requires=frozenset({"dsp"}),
        scratch_bytes=patches_bytes,
    ),
    Kernel(
        name="tml_conv2d_pointwise_s8",
        op=Conv2D,
        struct="tml_conv2d",
        parameters=parameters,
        accepts=is_pointwise,
    ),
    Kernel(name="tml_conv2d_s8", op=Conv2D, struct="tml_conv2d", parameters=parameters),
)
