"""Kernels of conv2d, most specific first, reference last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.kernels.dsp import (
    dense_fields,
    filters_of,
    paired_scaling,
    paired_weights,
    run_order,
)
from codegen.kernels.fields import (
    clamp_fields,
    dilated_window_fields,
    product_fields,
    wide_fields,
    window_fields,
    zero_point_fields,
)
from codegen.kernels.mve import LANES, filters_fields, fits, zero_points
from tinyml.ir import Node, Padding
from tinyml.ir.requantize import Int64, convolution_multipliers
from tinyml.kernel import INT4_WEIGHTS, INT16_TYPES, Field, Fields, Kernel
from tinyml.ops import Conv2D


def parameters(node: Node) -> Fields:
    """Fields of tml_conv2d besides its views."""
    op = node.op
    assert isinstance(op, Conv2D)
    image, weights = node.inputs[0], node.inputs[1]
    return {
        **_grouped_window_fields(node),
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        **product_fields(node, *convolution_multipliers(image, weights, node.output, weights.shape[0])),
    }


def wide_parameters(node: Node) -> Fields:
    """Fields of tml_conv2d_wide besides its views."""
    assert isinstance(node.op, Conv2D)
    return {**_grouped_window_fields(node), **wide_fields(node, node.op.activation)}


def _grouped_window_fields(node: Node) -> Fields:
    return {**dilated_window_fields(node), "groups": node.inputs[0].hwc[2] // node.inputs[1].shape[3]}


def is_pointwise(node: Node) -> bool:
    """Whether every output value reads a single pixel that lies inside the image, and all its channels."""
    assert isinstance(node.op, Conv2D)
    image, weights = node.inputs[0], node.inputs[1]
    return weights.shape[1:] == (1, 1, image.hwc[2]) and node.op.padding == Padding()


WHOLE_GROUPS, PART_GROUPS, PART_PAIRS = 16, 12, 8  # TML_CONV2D_...


@dataclass(frozen=True)
class _Parts:
    """How patches are split that are longer than WHOLE_GROUPS groups of 4 bytes: into whole rows of taps, or, where a
    row is longer than PART_GROUPS groups, into bytes of one."""

    rows: int
    bytes: int
    orders: tuple[Int64, ...]


def _is_in_pixels(node: Node) -> bool:
    """Whether patches are pixels, which are read in words where they lie."""
    return is_pointwise(node) and node.inputs[0].hwc[2] >= 4


def _patch_order(node: Node) -> Int64:
    _, kernel_h, kernel_w, depth = node.inputs[1].shape
    return run_order(kernel_h, kernel_w * depth)


def _patch_groups(node: Node) -> int:
    """`len(_patch_order(node))`."""
    _, kernel_h, kernel_w, depth = node.inputs[1].shape
    return kernel_h * -(-kernel_w * depth // 4)


def _parts(node: Node) -> _Parts:
    _, kernel_h, kernel_w, depth = node.inputs[1].shape
    length = kernel_w * depth
    groups = len(run_order(1, length))
    if groups <= PART_GROUPS:
        rows = min(PART_GROUPS // groups, kernel_h)
        counts = [min(rows, kernel_h - ky) for ky in range(0, kernel_h, rows)]
        starts = range(0, kernel_h * length, rows * length)
        orders = [_shifted(run_order(count, length), start) for count, start in zip(counts, starts, strict=True)]
        return _Parts(rows, length, tuple(orders))
    # the last part holds 4 bytes or more
    most = next(size for size in range(4 * PART_GROUPS, 0, -4) if length % size == 0 or length % size >= 4)
    pieces = [(start, min(most, length - start)) for start in range(0, length, most)]
    orders = [_shifted(run_order(1, size), ky * length + start) for ky in range(kernel_h) for start, size in pieces]
    return _Parts(1, most, tuple(orders))


def _shifted(order: Int64, by: int) -> Int64:
    return np.where(order < 0, -1, order + by)


def patches_parameters(node: Node) -> Fields:
    """Fields of tml_conv2d_patches besides its views, for whole patches."""
    op = node.op
    assert isinstance(op, Conv2D)
    filters, order = filters_of(node, axis=0), _patch_order(node)
    return {
        **window_fields(node),
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        "pointwise": int(_is_in_pixels(node)),
        "groups": len(order),
        "weights": paired_weights(filters, order),
        "scaling": paired_scaling(filters),
    }


def parts_parameters(node: Node) -> Fields:
    """Fields of tml_conv2d_patches besides its views, for patches in parts: the weights of a block of PART_PAIRS pairs
    of filters lie together, part by part."""
    fields = patches_parameters(node)
    if _patch_groups(node) <= WHOLE_GROUPS:
        return fields
    parts = _parts(node)
    weights = [paired_weights(filters_of(node, axis=0), order) for order in parts.orders]
    blocks = range(0, len(weights[0]), PART_PAIRS)
    words = [part[block : block + PART_PAIRS].ravel() for block in blocks for part in weights]
    return {**fields, "part_rows": parts.rows, "part_bytes": parts.bytes, "weights": np.concatenate(words)}


def column_parameters(node: Node) -> Fields:
    """Fields of tml_dense_fours besides its views."""
    assert isinstance(node.op, Conv2D)
    return dense_fields(node, node.op.activation, row_stride=node.op.stride_h)


def _accepts_column(node: Node) -> bool:
    """Windows of one pixel of images one pixel wide."""
    narrow = node.output.hwc[1] == 1 and node.inputs[0].hwc[2] >= 4
    return narrow and is_pointwise(node) and filters_of(node, axis=0).fit_pairs


def patches_bytes(node: Node) -> int:
    """Two patches in int16 and two rows of taps, for where the image ends; three patches where it never does."""
    run = node.inputs[1].shape[2] * node.inputs[1].shape[3]
    groups = _patch_groups(node)
    return 24 * groups if _is_in_pixels(node) else 16 * groups + 2 * (-(-run // 4) * 4)


def _accepts_patches(node: Node) -> bool:
    op = node.op
    assert isinstance(op, Conv2D)
    one_group = node.inputs[1].shape[3] == node.inputs[0].hwc[2]
    filters = filters_of(node, axis=0)
    return one_group and op.dilation_h == op.dilation_w == 1 and filters.fit_pairs and filters.fit_words


def blocks_parameters(node: Node) -> Fields:
    """Fields of tml_conv2d_blocks besides its views, for windows whose taps are read in the order of the weights."""
    return {**_blocks_fields(node), "filters": filters_fields(node, filters_of(node, axis=0).weights)}


def rows_parameters(node: Node) -> Fields:
    """The same for windows that are read row by row."""
    _, _, kernel_w, depth = node.inputs[1].shape
    row = kernel_w * depth
    filters = filters_fields(node, filters_of(node, axis=0).weights)
    return {**_blocks_fields(node), "zeros": zero_points(node, row), "filters": {**filters, "vectors": row // LANES}}


def lines_parameters(node: Node) -> Fields:
    """The same for windows in lines [column][row][channel]."""
    channels, kernel_h, _, depth = node.inputs[1].shape
    weights = filters_of(node, axis=0).weights.reshape(node.inputs[1].shape)
    lane = np.arange(LANES)
    spread = lane // depth * kernel_h * depth + lane % depth if depth <= LANES else lane
    return {
        **_blocks_fields(node),
        "columns": _line_columns(node),
        "spread": spread.astype(np.uint8),
        "filters": filters_fields(node, weights.transpose(0, 2, 1, 3).reshape(channels, -1)),
    }


def _blocks_fields(node: Node) -> dict[str, Field]:
    return {**window_fields(node), "input_zero_point": node.inputs[0].affine.zero_point}


POINTWISE_CHANNELS, ROWS_TAPS, ROWS_HEIGHT, LINE_BYTES = 128, 32, 8, 384  # TML_CONV2D_...
LINE_ROWS = 16  # for which a place in a line takes 8 bits


def _line_columns(node: Node) -> int:
    """Output columns in a line, an even number but for a single one; below 1 where not one fits."""
    _, kernel_h, kernel_w, depth = node.inputs[1].shape
    assert isinstance(node.op, Conv2D)
    columns = (LINE_BYTES // (kernel_h * depth) - kernel_w) // node.op.stride_w + 1
    return columns if columns < 2 else columns // 2 * 2


def _accepts_windows(node: Node) -> bool:
    """What all kernels with Helium ask."""
    op = node.op
    assert isinstance(op, Conv2D)
    one_group = node.inputs[1].shape[3] == node.inputs[0].hwc[2]
    return one_group and op.dilation_h == op.dilation_w == 1 and node.output.hwc[2] < 2**16 and fits(node, axis=0)


def _accepts_pointwise(node: Node) -> bool:
    depth = node.inputs[0].hwc[2]
    return is_pointwise(node) and (depth % LANES == 0 or depth <= POINTWISE_CHANNELS) and _accepts_windows(node)


def _accepts_deep(node: Node) -> bool:
    return is_pointwise(node) and not _accepts_pointwise(node) and _accepts_windows(node)


def _accepts_rows(node: Node) -> bool:
    _, kernel_h, kernel_w, depth = node.inputs[1].shape
    short = kernel_h * kernel_w <= ROWS_TAPS and kernel_h <= ROWS_HEIGHT and node.output.row_bytes < 2**16
    return depth % LANES == 0 and short and _accepts_windows(node)


def _accepts_lines(node: Node) -> bool:
    return _line_columns(node) >= 1 and node.inputs[1].shape[1] <= LINE_ROWS and _accepts_windows(node)


def _accepts_long_patches(node: Node) -> bool:
    return _accepts_patches(node) and _patch_groups(node) > WHOLE_GROUPS


KERNELS = (
    Kernel(
        name="tml_conv2d_pointwise_s8__mve",
        op=Conv2D,
        struct="tml_conv2d_blocks",
        parameters=blocks_parameters,
        accepts=_accepts_pointwise,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_conv2d_deep_s8__mve",
        op=Conv2D,
        struct="tml_conv2d_blocks",
        parameters=blocks_parameters,
        accepts=_accepts_deep,
        requires=frozenset({"mve"}),
        scratch_bytes=lambda node: -(-node.inputs[0].hwc[2] // LANES) * LANES,
    ),
    Kernel(
        name="tml_conv2d_rows_s8__mve",
        op=Conv2D,
        struct="tml_conv2d_blocks",
        parameters=rows_parameters,
        accepts=_accepts_rows,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_conv2d_lines_s8__mve",
        op=Conv2D,
        struct="tml_conv2d_blocks",
        parameters=lines_parameters,
        accepts=_accepts_lines,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_conv2d_column_s8__dsp",
        op=Conv2D,
        struct="tml_dense_fours",
        parameters=column_parameters,
        accepts=_accepts_column,
        requires=frozenset({"dsp"}),
    ),
    Kernel(
        name="tml_conv2d_patches_s8__dsp",
        op=Conv2D,
        struct="tml_conv2d_patches",
        parameters=patches_parameters,
        accepts=_accepts_long_patches,
        requires=frozenset({"dsp"}),
        scratch_bytes=patches_bytes,
    ),
    Kernel(
        name="tml_conv2d_parts_s8__dsp",
        op=Conv2D,
        struct="tml_conv2d_patches",
        parameters=parts_parameters,
        accepts=_accepts_patches,
        requires=frozenset({"dsp"}),
    ),
    Kernel(
        name="tml_conv2d_pointwise_s8",
        op=Conv2D,
        struct="tml_conv2d",
        parameters=parameters,
        accepts=is_pointwise,
    ),
    Kernel(name="tml_conv2d_s8", op=Conv2D, struct="tml_conv2d", parameters=parameters),
    Kernel(
        name="tml_conv2d_s4",
        op=Conv2D,
        struct="tml_conv2d",
        parameters=parameters,
        types=INT4_WEIGHTS,
        scratch_bytes=lambda node: node.inputs[1].size // node.inputs[1].shape[0],
    ),
    Kernel(name="tml_conv2d_s16", op=Conv2D, struct="tml_conv2d_wide", parameters=wide_parameters, types=INT16_TYPES),
)
