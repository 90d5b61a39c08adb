"""Shapes and sums that the terms of kernels are made of (terms.py)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tinyml.ir import Node
from tinyml.kernel import Kernel
from tinyml.ops import AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D

Terms = dict[str, float]
Calls = Mapping[int, float]  # rows of a call -> how many calls; output rows, or operand rows where a kernel accumulates


class Size:
    """Shapes and sums that most terms are made of."""

    def __init__(self, kernel: Kernel, node: Node, calls: Calls) -> None:
        self.kernel, self.node, self.by_call = kernel, node, calls
        self.in_height, self.in_width, self.depth = node.operands[0].hwc
        self.height, self.width, self.channels = node.outputs[0].hwc
        self.calls = sum(calls.values())
        self.rows = sum(rows * times for rows, times in calls.items())
        whole = self.in_height if kernel.accumulates else self.height
        self.share = self.rows / whole
        self.pixels = self.share * self.height * self.width
        self.values = self.share * sum(tensor.size for tensor in node.outputs)
        self.inputs = self.share * sum(tensor.size for tensor in node.operands)


@lru_cache(maxsize=4096)
def _taps(positions: int, image: int, taps: int, stride: int, dilation: int, before: int) -> tuple[int, int]:
    """(taps inside the image over all positions along a side, positions with all of theirs inside)."""
    inside = whole = 0
    for position in range(positions):
        first = position * stride - before
        low = 0 if first >= 0 else -(first // dilation)
        high = min(taps, (image - 1 - first) // dilation + 1)
        inside += max(0, high - low)
        whole += low == 0 and high == taps
    return inside, whole


class Window:
    """Taps inside the image, over the rows computed. whole_columns: output columns whose taps all are."""

    def __init__(self, size: Size) -> None:
        op, node = size.node.op, size.node
        if isinstance(op, (Conv2D, DepthwiseConv2D)):
            window = op.window(*node.inputs[1].shape[1:3])
        else:
            assert isinstance(op, (AveragePool2D, MaxPool2D))
            window = op.window
        self.height, self.width, self.stride_w = window.height, window.width, window.stride_w
        pad = window.padding
        rows, whole_rows = _taps(
            size.height, size.in_height, window.height, window.stride_h, window.dilation_h, pad.top
        )
        columns, self.whole_columns = _taps(
            size.width, size.in_width, window.width, window.stride_w, window.dilation_w, pad.left
        )
        self.rows, self.whole_rows = size.share * rows, size.share * whole_rows
        self.columns, self.outside = columns, pad.left + pad.right
