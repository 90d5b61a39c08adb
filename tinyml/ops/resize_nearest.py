"""An image resized by taking the nearest pixel (TFLite RESIZE_NEAREST_NEIGHBOR)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor
from tinyml.ops.window import image_shape


@dataclass(frozen=True)
class ResizeNearest(Op):
    """inputs: image [1, H, W, C]. outputs: image [1, height, width, C], pixels copied as they are."""

    kind: ClassVar[str] = "resize_nearest"
    takes_int16: ClassVar[bool] = True

    height: int
    width: int
    align_corners: bool = False
    half_pixel_centers: bool = False

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        channels = image_shape(inputs[0].shape)[2]
        if self.height < 1 or self.width < 1:
            raise ShapeError(f"an output of {self.height}x{self.width}")
        return ((1, self.height, self.width, channels),)

    def sources(self, size_in: int, size_out: int) -> Array:
        """The input position of each output position along one side, int32 [size_out].

        TFLite's GetNearestNeighbor: float32 throughout, rounded half away from zero when corners are aligned.
        """
        if self.align_corners and size_out > 1:
            scale = np.float32(size_in - 1) / np.float32(size_out - 1)
        else:
            scale = np.float32(size_in) / np.float32(size_out)
        offset = np.float32(0.5 if self.half_pixel_centers else 0.0)
        exact = (np.arange(size_out, dtype=np.float32) + offset) * scale
        # positions are never negative: rounding half away from zero is rounding half up, exact in float64
        whole = np.floor(exact.astype(np.float64) + 0.5) if self.align_corners else np.floor(exact)
        return np.clip(whole, 0, size_in - 1).astype(np.int32)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        rows = self.sources(node.inputs[0].shape[1], self.height)
        return int(rows[begin]), int(rows[end - 1]) + 1

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        _, height, width, _ = values[0].shape
        rows, columns = self.sources(height, self.height), self.sources(width, self.width)
        return (values[0][:, rows[:, None], columns],)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return self.run_int8(node, values)
