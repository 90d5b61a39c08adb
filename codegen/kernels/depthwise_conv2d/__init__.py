"""Kernels of depthwise_conv2d, preferred first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen.kernels.dsp import block_scaling, block_weights, column_weights, filters_of
from codegen.kernels.fields import (
    clamp_fields,
    dilated_window_fields,
    product_fields,
    wide_fields,
    window_fields,
    zero_point_fields,
)
from codegen.kernels.mve import (
    LANES,
    fits,
    halves_away,
    lane_scaling,
    lane_weights,
    pairs_fit,
    row_scaling,
    slot_order,
    zero_points,
)
from tinyml.ir import Node, Padding
from tinyml.ir.requantize import convolution_multipliers
from tinyml.kernel import INT4_WEIGHTS, INT16_TYPES, Fields, Kernel
from tinyml.ops import DepthwiseConv2D


def parameters(node: Node) -> Fields:
    """Fields of tml_depthwise_conv2d besides its views."""
    op, (image, weights) = _op(node), node.inputs[:2]
    return {
        **_multiplied_window_fields(node),
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        **product_fields(node, *convolution_multipliers(image, weights, node.output, weights.shape[3])),
    }


def wide_parameters(node: Node) -> Fields:
    """Fields of tml_depthwise_conv2d_wide besides its views."""
    return {**_multiplied_window_fields(node), **wide_fields(node, _op(node).activation)}


def _multiplied_window_fields(node: Node) -> Fields:
    return {**dilated_window_fields(node), "depth_multiplier": node.inputs[1].shape[3] // node.inputs[0].hwc[2]}


def keeps_shape(node: Node) -> bool:
    """Whether the output has the shape of the input at stride 1: one filter per channel, padded to equal size."""
    op = _op(node)
    return op.stride_h == op.stride_w == 1 and node.output.shape == node.inputs[0].shape


def line_buffer_bytes(node: Node) -> int:
    """One channel of the row being overwritten and of the pad_top rows above it, which later rows still read."""
    return (_op(node).padding.top + 1) * node.inputs[0].shape[2]


def _reference_in_place(node: Node) -> tuple[int, ...]:
    # with a single tap and no padding, an output value depends on no other input value than the one it replaces
    pointwise = node.inputs[1].shape[1:3] == (1, 1) and _op(node).padding == Padding()
    return (0,) if pointwise and keeps_shape(node) else ()


def _op(node: Node) -> DepthwiseConv2D:
    assert isinstance(node.op, DepthwiseConv2D)
    return node.op


def blocks_parameters(node: Node) -> Fields:
    """Fields of tml_depthwise_conv2d_blocks besides its views."""
    op, (_, kernel_h, kernel_w, _) = _op(node), node.inputs[1].shape
    filters = filters_of(node, axis=3)
    return {
        **window_fields(node),
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        "weights": block_weights(filters, kernel_h, kernel_w),
        "scaling": block_scaling(filters),
    }


def column_parameters(node: Node) -> Fields:
    """Fields of tml_depthwise_conv2d_blocks besides its views, for a single column of taps."""
    return {**blocks_parameters(node), "weights": column_weights(filters_of(node, axis=3))}


BLOCK_ROWS, BLOCK_COLUMNS, COLUMN_TAPS = 8, 18, 32  # TML_DEPTHWISE_CONV2D_...


def _accepts(node: Node) -> bool:
    """What all kernels for the DSP extension ask."""
    op, channels = _op(node), node.inputs[0].hwc[2]
    plain = channels >= 4 and node.output.hwc[2] == channels and max(op.dilation_h, op.dilation_w) == 1
    return plain and filters_of(node, axis=3).fit_words


def _accepts_blocks(node: Node) -> bool:
    op, (_, kernel_h, kernel_w, _) = _op(node), node.inputs[1].shape
    columns = 5 * op.stride_w + kernel_w
    return op.stride_w <= 2 and kernel_h <= BLOCK_ROWS and columns <= BLOCK_COLUMNS and _accepts(node)


def _accepts_column(node: Node) -> bool:
    _, _, width, channels = node.inputs[0].shape
    narrow = width == node.inputs[1].shape[2] == 1 and _op(node).padding == Padding()
    return narrow and node.inputs[1].shape[1] <= COLUMN_TAPS and channels % 4 == 0 and _accepts(node)


def _three(node: Node) -> int:
    """The stride along rows where windows are 3 x 3 taps, else 0: what kernels in blocks differ in."""
    return _op(node).stride_w if node.inputs[1].shape[1:3] == (3, 3) else 0


def _blocks_kernel(shape: str, three: int) -> Kernel:
    return Kernel(
        name=f"tml_depthwise_conv2d{shape}_s8__dsp",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d_blocks",
        parameters=blocks_parameters,
        accepts=lambda node: _three(node) == three and _accepts_blocks(node),
        requires=frozenset({"dsp"}),
    )


def _blocks_kernel_in_place(shape: str, three: int) -> Kernel:
    plain = _blocks_kernel(f"{shape}_inplace", three)
    return replace(
        plain,
        accepts=lambda node: keeps_shape(node) and plain.accepts(node),
        by_rows=False,
        scratch_bytes=lambda node: 4 * line_buffer_bytes(node),
        in_place=lambda node: (0,),
    )


def lanes_parameters(node: Node) -> Fields:
    """Fields of tml_depthwise_conv2d_lanes besides its views."""
    op, channels = _op(node), node.inputs[0].hwc[2]
    filters = filters_of(node, axis=3)
    weights = lane_weights(filters)
    return {
        **window_fields(node),
        "output_zero_point": node.output.affine.zero_point,
        **clamp_fields(node, op.activation),
        "halves_away": int(halves_away(node)),
        "zeros": zero_points(node, channels),
        "taps": weights.shape[1],
        "weights": weights,
        "scaling": lane_scaling(filters),
    }


def taps_parameters(node: Node) -> Fields:
    """The same for an even number of taps, the last one of zeros if need be."""
    fields = lanes_parameters(node)
    weights = lane_weights(filters_of(node, axis=3))
    weights = np.pad(weights, ((0, 0), (0, weights.shape[1] % 2), (0, 0)))
    return {**fields, "taps": weights.shape[1], "weights": weights}


def _accepts_all_lanes(node: Node) -> bool:
    op, channels = _op(node), node.inputs[0].hwc[2]
    plain = channels >= LANES and node.output.hwc[2] == channels and max(op.dilation_h, op.dilation_w) == 1
    filters = filters_of(node, axis=3)
    return plain and fits(node, 3) and pairs_fit(filters) and filters.short_biases


def _accepts_lanes(node: Node) -> bool:
    return node.inputs[1].shape[1:3] == (3, 3) and _accepts_all_lanes(node)


TAPS = 64  # TML_DEPTHWISE_CONV2D_...
NARROW = 16  # columns of output up to which a line of them does not pay


def _accepts_taps(node: Node) -> bool:
    few = node.inputs[1].shape[1] * node.inputs[1].shape[2] <= TAPS
    return few and (node.output.hwc[1] < NARROW or not _accepts_line(node)) and _accepts_all_lanes(node)


LINE_BYTES = 512  # TML_DEPTHWISE_CONV2D_...


def _line_vectors(node: Node) -> int:
    """1, 2 or 4, or more than the kernel knows."""
    taps = node.inputs[1].shape[1] * node.inputs[1].shape[2]
    vectors = -(-taps // LANES)
    return 4 if vectors == 3 else vectors


def _line_columns(node: Node) -> int:
    """Image columns under windows."""
    op, kernel_w, width = _op(node), node.inputs[1].shape[2], node.output.hwc[1]
    return min(node.inputs[0].hwc[1], (width - 1) * op.stride_w + kernel_w - op.padding.left)


def _line_bytes(node: Node) -> int:
    op, kernel_h = _op(node), node.inputs[1].shape[1]
    windows = (-(-node.output.hwc[1] // 8) * 8 - 1) * op.stride_w * kernel_h + LANES * _line_vectors(node)
    return max(windows, (op.padding.left + _line_columns(node)) * kernel_h)


def line_parameters(node: Node) -> Fields:
    """Fields of tml_depthwise_conv2d_line besides its views."""
    op, (_, kernel_h, kernel_w, channels) = _op(node), node.inputs[1].shape
    filters = filters_of(node, axis=3)
    size = LANES * _line_vectors(node)
    columns = filters.weights.reshape(channels, kernel_h, kernel_w).transpose(0, 2, 1)
    weights = np.zeros((channels, size), np.int8)
    weights[:, : kernel_h * kernel_w] = columns.reshape(channels, -1)
    return {
        "kernel_h": kernel_h,
        "stride_h": op.stride_h,
        "stride_w": op.stride_w,
        "pad_top": op.padding.top,
        "pad_left": op.padding.left,
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        "halves_away": int(halves_away(node)),
        "columns": _line_columns(node),
        "line_bytes": _line_bytes(node),
        "vectors": _line_vectors(node),
        "order": slot_order(kernel_h, kernel_w, size),
        "weights": weights,
        "scaling": row_scaling(filters),
    }


def _accepts_line(node: Node) -> bool:
    op, channels = _op(node), node.inputs[0].hwc[2]
    plain = node.output.hwc[2] == channels < 2**12 and max(op.dilation_h, op.dilation_w) == 1
    small = _line_vectors(node) <= 4 and _line_columns(node) > 0 and _line_bytes(node) <= LINE_BYTES
    return plain and small and fits(node, 3)


# The plain kernels come first: those in place copy every row through their scratch, for plans that need the memory.
KERNELS = (
    Kernel(
        name="tml_depthwise_conv2d_lanes_s8__mve",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d_lanes",
        parameters=lanes_parameters,
        accepts=_accepts_lanes,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_depthwise_conv2d_taps_s8__mve",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d_lanes",
        parameters=taps_parameters,
        accepts=_accepts_taps,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_depthwise_conv2d_line_s8__mve",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d_line",
        parameters=line_parameters,
        accepts=_accepts_line,
        requires=frozenset({"mve"}),
        in_place=lambda node: (0,) if keeps_shape(node) else (),
    ),
    Kernel(
        name="tml_depthwise_conv2d_column_s8__dsp",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d_blocks",
        parameters=column_parameters,
        accepts=_accepts_column,
        requires=frozenset({"dsp"}),
    ),
    _blocks_kernel("_3x3", three=1),
    _blocks_kernel("_3x3_by_2", three=2),
    _blocks_kernel("", three=0),
    _blocks_kernel_in_place("_3x3", three=1),
    _blocks_kernel_in_place("", three=0),
    Kernel(
        name="tml_depthwise_conv2d_s8",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d",
        parameters=parameters,
        in_place=_reference_in_place,
    ),
    Kernel(
        name="tml_depthwise_conv2d_inplace_s8",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d",
        parameters=parameters,
        accepts=keeps_shape,
        by_rows=False,
        scratch_bytes=line_buffer_bytes,
        in_place=lambda node: (0,),
    ),
    Kernel(
        name="tml_depthwise_conv2d_s4",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d",
        parameters=parameters,
        types=INT4_WEIGHTS,
        scratch_bytes=lambda node: node.inputs[1].size,
        in_place=_reference_in_place,
    ),
    Kernel(
        name="tml_depthwise_conv2d_s16",
        op=DepthwiseConv2D,
        struct="tml_depthwise_conv2d_wide",
        parameters=wide_parameters,
        types=INT16_TYPES,
        in_place=_reference_in_place,
    ),
)
