"""Every n-th element of a box of a tensor (TFLite STRIDED_SLICE)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor, View


@dataclass(frozen=True)
class StridedSlice(Op):
    """inputs: any tensor. Element i of an axis is element `begin + i * stride` of the input, for i in [0, size).

    begin, size, stride: one per axis; begin >= 0, stride may be negative. `shrink` names the axes of size 1 that the
    output does not have. `StridedSlice.resolve` makes one from TFLite's masks.
    """

    kind: ClassVar[str] = "strided_slice"
    takes_int16: ClassVar[bool] = True

    begin: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    shrink: tuple[int, ...] = ()

    @classmethod
    def resolve(
        cls,
        shape: Shape,
        begin: Sequence[int],
        end: Sequence[int],
        stride: Sequence[int],
        begin_mask: int = 0,
        end_mask: int = 0,
        shrink_axis_mask: int = 0,
    ) -> StridedSlice:
        """The slice that TFLite's constants and masks mean for an input of `shape`.

        Begins and ends below 0 count from the far end, then both are clamped to the axis. ShapeError for a slice that
        is empty, a stride of 0, or a shrunk axis with a negative stride, for which TFLM writes nothing.
        Ellipsis, new-axis masks and `offset` are not known to TFLM: the caller refuses them.
        """
        if not len(shape) == len(begin) == len(end) == len(stride):
            raise ShapeError(f"begin, end and stride of {len(begin)}, {len(end)}, {len(stride)} axes for shape {shape}")
        ranges: list[range] = []
        for axis, (side, step) in enumerate(zip(shape, stride, strict=True)):
            first = None if begin_mask >> axis & 1 else begin[axis]
            last = None if end_mask >> axis & 1 else end[axis]
            ranges.append(_axis_range(side, first, last, step, bool(shrink_axis_mask >> axis & 1)))
        shrink = tuple(axis for axis in range(len(shape)) if shrink_axis_mask >> axis & 1)
        return cls(tuple(r[0] for r in ranges), tuple(map(len, ranges)), tuple(r.step for r in ranges), shrink)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shape = inputs[0].shape
        if not len(shape) == len(self.begin) == len(self.size) == len(self.stride):
            raise ShapeError(f"a slice of {len(self.begin)} axes for shape {shape}")
        for side, first, count, step in zip(shape, self.begin, self.size, self.stride, strict=True):
            last = first + (count - 1) * step
            if count < 1 or step == 0 or not 0 <= first < side or not 0 <= last < side:
                raise ShapeError(f"elements {first}, {first + step}, .. {last} of an axis of {side}")
        if any(not 0 <= axis < len(shape) or self.size[axis] != 1 for axis in self.shrink):
            raise ShapeError(f"axes {self.shrink} of size {self.size} cannot be dropped")
        return (tuple(side for axis, side in enumerate(self.size) if axis not in self.shrink),)

    def keeps_rows(self, node: Node) -> bool:
        """Whether input and output are images, each output row cut from one input row."""
        shape = node.inputs[0].shape
        return len(shape) == 4 and shape[0] == 1 and not self.shrink

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int] | None:
        # rows read from the last to the first are not there yet when the producer runs a few rows at a time
        if not self.keeps_rows(node) or (self.stride[1] < 0 and self.size[1] > 1):
            return None
        return self.begin[1] + begin * self.stride[1], self.begin[1] + (end - 1) * self.stride[1] + 1

    def views(self, node: Node) -> tuple[View, ...]:
        source, offset = node.inputs[0], self.start(node.inputs[0].shape)
        cut = [axis for axis, side in enumerate(source.shape) if self.size[axis] != side]
        moved = any(step != 1 and count > 1 for step, count in zip(self.stride, self.size, strict=True))
        # one run of bytes: nothing but sides of 1 before the last axis that is cut
        if moved or (cut and math.prod(self.size[: cut[-1]]) != 1):
            return ()
        return (View(node.output, source, offset * source.dtype.size_bytes),)

    def start(self, shape: Shape) -> int:
        """Index of the first element in an input of `shape`, laid out flat."""
        return sum(first * math.prod(shape[axis + 1 :]) for axis, first in enumerate(self.begin))

    def of(self, values: Array) -> Array:
        """The slice of an array."""
        spans = zip(self.begin, self.size, self.stride, strict=True)
        box = values[np.ix_(*(first + step * np.arange(count) for first, count, step in spans))]
        return box.reshape([side for axis, side in enumerate(self.size) if axis not in self.shrink])

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (np.ascontiguousarray(self.of(values[0]) if self.begin else values[0]),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return self.run_int8(node, values)


def _axis_range(side: int, begin: int | None, end: int | None, step: int, shrink: bool) -> range:
    """Input positions that one axis takes (TFLite's StartForAxis and StopForAxis); None is a masked bound."""
    if step == 0 or (shrink and step < 0):
        raise ShapeError(f"stride {step}{' on an axis that is dropped' if shrink else ''}")
    low, high = (0, side) if step > 0 else (-1, side - 1)

    def bound(value: int | None, masked: int) -> int:
        if value is None:
            return masked
        return min(max(value + side if value < 0 else value, low), high)

    first = bound(begin, low if step > 0 else high)
    last = first + 1 if shrink else bound(end, high if step > 0 else low)
    taken = range(first, last, step)
    if not taken or not 0 <= first < side:
        raise ShapeError(f"the slice {begin}:{end}:{step} of an axis of {side} is empty")
    return taken
