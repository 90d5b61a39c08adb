"""TFLite's SAME padding as explicit sides; the Graph itself knows explicit padding only."""

from __future__ import annotations

from collections.abc import Sequence

from tinyml.ir import Padding


def same_padding(height: int, width: int, kernel: Sequence[int], stride: Sequence[int]) -> Padding:
    """Padding that gives ceil(size / stride) positions; the odd pixel goes to the bottom and right.

    kernel: (rows, columns) that the window spans, dilation included. Source: TFLite's ComputePaddingHeightWidth.
    """
    top, bottom = _side(height, kernel[0], stride[0])
    left, right = _side(width, kernel[1], stride[1])
    return Padding(top, bottom, left, right)


def _side(size: int, span: int, stride: int) -> tuple[int, int]:
    positions = -(-size // stride)
    total = max(0, (positions - 1) * stride + span - size)
    return total // 2, total - total // 2
