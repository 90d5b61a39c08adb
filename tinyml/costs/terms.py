"""What a kernel does in a call, counted: rows, pixels, values, products, and the loops of kernels that have their own.

A kernel's instructions are a sum of these terms, each times a factor that was fitted to measurements (costs/*.json).
Every term is plain arithmetic on shapes and attributes; weights are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinyml.costs import helium
from tinyml.costs.shapes import Calls, Size, Terms, Window
from tinyml.ir import Node
from tinyml.ir.requantize import activation_range
from tinyml.kernel import Kernel
from tinyml.ops import (
    AveragePool2D,
    BatchMatMul,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    TransposeConv,
)

# twins of TML_DSP_COLUMNS, TML_DEPTHWISE_CONV2D_BLOCK, TML_CONV2D_WHOLE_GROUPS, _PART_GROUPS and _PART_PAIRS
_COLUMNS, _BLOCK, _WHOLE_GROUPS, _PART_GROUPS, _PART_PAIRS = 6, 16, 16, 12, 8


def terms_of(kernel: Kernel, node: Node, calls: Calls) -> Terms:
    """Terms of a kernel that is called for so many rows so many times; of all calls together."""
    size = Size(kernel, node, calls)
    found = {"call": size.calls, "row": size.rows, "pixel": size.pixels, "value": size.values, **_clamped(size)}
    found |= _OF_STRUCT.get(kernel.struct, _of_op)(size)
    return {name: value for name, value in found.items() if value}


def _clamped(size: Size) -> Terms:
    activation = getattr(size.node.op, "activation", None)
    if activation is None or activation_range(activation, size.node.outputs[0]) == (-128, 127):
        return {}
    return {"clamped": size.values, **({"clamped_row": size.rows} if "mve" in size.kernel.requires else {})}


def _patches(size: Size) -> Terms:
    """Pairs of pixels, widened to patches, by pairs of filters, in words of 4 bytes of a row of taps."""
    window = Window(size)
    run = window.width * size.depth
    words = window.height * -(-run // 4)
    two = sum(rows * size.width // 2 * times for rows, times in size.by_call.items())
    one = sum(rows * size.width % 2 * times for rows, times in size.by_call.items())
    filters = -(-size.channels // 2)
    whole_runs = window.rows * window.whole_columns if run >= 4 else 0.0
    border = size.pixels * window.height - whole_runs
    shared = {"run": (two + one) * window.height, "border": border, "border_word": border * -(-run // 4)}
    if "_parts_" not in size.kernel.name or words <= _WHOLE_GROUPS:
        return {
            **shared,
            "pair": two + one,
            "word": (two + one) * words,
            "filters": two * filters,
            "filter_fours": two * filters * (words // 4),
            "filter_rest": two * filters * (words % 4),
            "last_filters": one * filters,
            "last_words": one * filters * words,
            "odd": (two + one) * (size.channels % 2),
        }
    return {f"part_{name}": value for name, value in {**shared, **_parts(size, two + one, run, filters)}.items()}


def _parts(size: Size, pairs: float, run: int, filters: int) -> Terms:
    window_h = size.node.inputs[1].shape[1]
    words = -(-run // 4)
    if words <= _PART_GROUPS:
        parts = -(-window_h // min(_PART_GROUPS // words, window_h))
    else:
        parts = window_h * -(-run // (4 * _PART_GROUPS))
    blocks = -(-filters // _PART_PAIRS)
    return {
        "pair": pairs,
        "block": pairs * blocks,
        "widen": pairs * blocks * parts,
        "word": pairs * blocks * window_h * words,
        "filters": pairs * filters,
        "filter_part": pairs * filters * parts,
        "filter_word": pairs * filters * window_h * words,
        "odd": pairs * (size.channels % 2),
    }


def _fours(size: Size) -> Terms:
    """Groups of 4 filters over the bytes of a pixel."""
    features = size.node.inputs[1].size // size.node.inputs[1].shape[0]
    groups = size.pixels * -(-size.channels // 4)
    return {
        "group": groups,
        "sixteen": groups * (features // 16),
        "four": groups * (features % 16 // 4),
        "tail": groups * (features % 4 > 0),
        "rest": size.pixels * (size.channels % 4 > 0),
    }


def _blocks(size: Size) -> Terms:
    """Blocks of 4 channels by _COLUMNS output columns, or by half as many."""
    window = Window(size)
    blocks = -(-size.depth // 4)
    tail = size.width % _COLUMNS
    few = size.rows * (0 < tail <= _COLUMNS // 2)
    full = size.rows * (size.width // _COLUMNS + (tail > _COLUMNS // 2))
    columns = size.rows * ((size.width * window.stride_w) - window.outside)
    columns += (full + few) * (window.width - window.stride_w)
    three = window.height == window.width == 3
    kind = f"{'three' if three else 'any'}_{window.stride_w}"
    taps = -(-window.height // 2) * window.width / 2
    return {
        "window": full + few,
        "window_row": (full + few) * window.height,
        "tap_row": window.rows,
        "block_row": window.rows * blocks,
        "block_window": (full + few) * blocks,
        f"{kind}_full": full * blocks,
        f"{kind}_few": few * blocks,
        **({} if three else {f"{kind}_full_taps": full * blocks * taps, f"{kind}_few_taps": few * blocks * taps}),
        "two_rows": columns * blocks * (window.height // 2),
        "one_row": columns * blocks * (window.height % 2),
        "pair_of_rows": (full + few) * blocks * -(-window.height // 2),
        "word": size.pixels * blocks,
        "column_taps": size.pixels * blocks * -(-window.height // 2),
    }


def _convolution(size: Size) -> Terms:
    """Value by value, one row of taps after the other."""
    window, filters = Window(size), size.node.inputs[1]
    depth = filters.shape[3]
    rows = window.rows * size.width * size.channels
    joined = depth == size.depth and getattr(size.node.op, "dilation_w", 1) == 1
    return {
        "value_row": rows,
        "run": rows if joined else window.rows * window.columns * size.channels,
        "mac": window.rows * window.columns * depth * size.channels,
    }


def _depthwise(size: Size) -> Terms:
    """Tap by tap over blocks of channels, or, in place, of columns."""
    window = Window(size)
    blocks, column_blocks = -(-size.depth // _BLOCK), -(-size.width // _BLOCK)
    multiplier = size.channels // size.depth
    return {
        "block": size.pixels * blocks * multiplier,
        "block_row": window.rows * size.width * blocks * multiplier,
        "block_tap": window.rows * window.columns * blocks * multiplier,
        "channel_row": size.rows * size.channels,
        "channel_block": size.rows * size.channels * column_blocks,
        "channel_tap_row": window.rows * size.channels * column_blocks,
        "channel_tap": window.rows * window.width * size.channels * column_blocks,
        "mac": window.rows * window.columns * size.channels,
    }


def _groups(size: Size) -> int:
    """Of the channels that a kernel takes at a time, of which the last overlaps the one before."""
    return -(-size.channels // (16 if "mve" in size.kernel.requires else 4))


def _pool(size: Size) -> Terms:
    window = Window(size)
    if size.kernel.requires:
        groups = _groups(size)
        return {
            "tap_row": window.rows * size.width,
            "tap": window.rows * window.columns,
            "group": size.pixels * groups,
            "group_row": window.rows * size.width * groups,
            "group_tap": window.rows * window.columns * groups,
        }
    return {
        "value_row": window.rows * size.width * size.channels,
        "tap": window.rows * window.columns,
        "value_tap": window.rows * window.columns * size.channels,
        "input": size.inputs,
        "input_pixel": size.share * size.in_height * size.in_width,
    }


def _mean(size: Size) -> Terms:
    pixels = size.share * size.in_height * size.in_width
    if size.kernel.requires:
        groups = _groups(size)
        return {
            "group": size.pixels * groups,
            "group_row": size.share * size.in_height * groups,
            "group_tap": pixels * groups,
        }
    return {"input": size.inputs, "input_pixel": pixels}


def _dense(size: Size) -> Terms:
    macs = size.share * size.node.macs
    return {"mac": macs, "tap": macs / size.depth, "value_tap": macs / size.node.inputs[1].shape[-1]}


def _vectors(size: Size) -> Terms:
    """For kernels that this file does not know: products, one by one and in vectors of 4, 8 and 16 bytes."""
    node = size.node
    if isinstance(node.op, (Conv2D, DepthwiseConv2D)):
        window, depthwise = Window(size), isinstance(node.op, DepthwiseConv2D)
        run = size.channels if depthwise else window.width * size.depth
        lines = size.pixels * window.height * (window.width if depthwise else size.channels)
        edges = {"tap_row": window.rows, "border": size.pixels * window.height - window.rows * window.whole_columns}
    else:
        run = node.inputs[1].shape[-1]
        lines, edges = size.values, {}
    vectors = {f"vector_{lanes}": lines * -(-run // lanes) for lanes in (4, 8, 16)}
    groups = {f"channels_{lanes}": size.pixels * -(-size.channels // lanes) for lanes in (4, 16)}
    return {"line": lines, "mac": size.share * node.macs, **vectors, **groups, **edges}


def _moved(size: Size) -> Terms:
    """Bytes that are copied or mapped, and the lines that they come in."""
    node = size.node
    alike = all(tensor.shape == node.outputs[0].shape for tensor in node.operands)
    return {
        "input": size.inputs,
        "operand_row": size.rows * (len(node.operands) + len(node.outputs) - 2),
        "operand_pixel": size.pixels * (len(node.operands) + len(node.outputs) - 2),
        "line": size.rows if alike else size.pixels,
        "input_pixel": size.share * size.in_height * size.in_width,
        "vector": size.rows * -(-size.width * size.channels // 16),
    }


def _of_op(size: Size) -> Terms:
    op = size.node.op
    if isinstance(op, (Conv2D, DepthwiseConv2D, FullyConnected)):
        return _vectors(size)
    if isinstance(op, (AveragePool2D, MaxPool2D)):
        return _pool(size)
    if isinstance(op, Mean):
        return _mean(size)
    if isinstance(op, BatchMatMul):
        fours = size.values / size.channels * -(-size.channels // 4)
        return {"group": fours, "group_tap": fours * op.depth(size.node)}
    return _dense(size) if isinstance(op, TransposeConv) else _moved(size)


_OF_STRUCT: Mapping[str, Callable[[Size], Terms]] = {
    "tml_conv2d": _convolution,
    "tml_conv2d_blocks": helium.convolution,
    "tml_conv2d_patches": _patches,
    "tml_dense_fours": _fours,
    "tml_depthwise_conv2d": _depthwise,
    "tml_depthwise_conv2d_blocks": _blocks,
    "tml_depthwise_conv2d_lanes": helium.lanes,
    "tml_depthwise_conv2d_line": helium.line,
    "tml_fully_connected": _dense,
    "tml_fully_connected_blocks": helium.fully_connected,
}
