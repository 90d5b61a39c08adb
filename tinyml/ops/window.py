"""The sliding window that convolutions and pools share: sizes, rows read, and its taps in numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinyml.ir import Array, Padding, Shape, ShapeError


@dataclass(frozen=True)
class Window:
    """A kernel of `height` x `width` taps, `dilation` apart, moved by `stride` over an image with `padding`."""

    height: int
    width: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    padding: Padding

    @property
    def span_h(self) -> int:
        return (self.height - 1) * self.dilation_h + 1

    @property
    def span_w(self) -> int:
        return (self.width - 1) * self.dilation_w + 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the output; ShapeError when the window is larger than the padded image."""
        rows = height + self.padding.top + self.padding.bottom - self.span_h
        columns = width + self.padding.left + self.padding.right - self.span_w
        if min(self.stride_h, self.stride_w, self.dilation_h, self.dilation_w) < 1 or min(self.padding) < 0:
            raise ShapeError("stride and dilation must be at least 1, padding at least 0")
        if rows < 0 or columns < 0:
            raise ShapeError(f"a window of {self.span_h}x{self.span_w} is larger than the padded image")
        return rows // self.stride_h + 1, columns // self.stride_w + 1

    def input_rows(self, height: int, begin: int, end: int) -> tuple[int, int]:
        """Image rows that output rows [begin, end) read, clipped to [0, height)."""
        first = begin * self.stride_h - self.padding.top
        last = (end - 1) * self.stride_h - self.padding.top + self.span_h
        return min(max(first, 0), height), max(min(last, height), 0)

    def cut_columns(self, width: int, begin: int, end: int) -> tuple[Padding, tuple[int, int]]:
        """The padding with which image columns [first, last) alone give output columns [begin, end)."""
        first = begin * self.stride_w - self.padding.left
        last = (end - 1) * self.stride_w - self.padding.left + self.span_w
        padding = self.padding._replace(left=max(0, -first), right=max(0, last - width))
        return padding, (min(max(first, 0), width), max(min(last, width), 0))

    def taps(self, image: Array, fill: float) -> Iterator[tuple[int, int, Array]]:
        """(row, column, view [out_h, out_w, channels]) for each tap over an image [h, w, channels], padding = fill."""
        p = self.padding
        out_h, out_w = self.output_size(image.shape[0], image.shape[1])
        padded = np.pad(image, ((p.top, p.bottom), (p.left, p.right), (0, 0)), constant_values=fill)
        for row in range(self.height):
            for column in range(self.width):
                y, x = row * self.dilation_h, column * self.dilation_w
                rows = slice(y, y + (out_h - 1) * self.stride_h + 1, self.stride_h)
                columns = slice(x, x + (out_w - 1) * self.stride_w + 1, self.stride_w)
                yield row, column, padded[rows, columns]


def image_shape(shape: Shape) -> tuple[int, int, int]:
    """(height, width, channels) of a batch-1 NHWC shape; ShapeError otherwise."""
    if len(shape) != 4 or shape[0] != 1:
        raise ShapeError(f"an image of shape 1xHxWxC expected, got {shape}")
    return shape[1], shape[2], shape[3]
