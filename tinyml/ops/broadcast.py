"""What ops of two operands share: shapes that stretch over each other, and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinyml.ir import Cut, Node, Op, Shape, ShapeError, Tensor

MAX_RANK = 8  # TFLM's


class Multipliers(NamedTuple):
    """(multiplier, shift) of each operand, to a scale of twice the larger one, and of the output from there."""

    input0: tuple[int, int]
    input1: tuple[int, int]
    output: tuple[int, int]


class Broadcast(Op):
    """output[i] = f(input0[i], input1[i]); sides of 1 and missing leading sides stretch, as in numpy and TFLite."""

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shapes = inputs[0].shape, inputs[1].shape
        try:
            shape: Shape = np.broadcast_shapes(*shapes)
        except ValueError:
            raise ShapeError(f"{shapes[0]} and {shapes[1]} do not broadcast") from None
        if len(shape) > MAX_RANK:
            raise ShapeError(f"{len(shape)} sides, at most {MAX_RANK} supported")
        return (shape,)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        height = node.inputs[operand].hwc[0]
        # an operand held in one row is needed whole; so is any operand of an output that is one row
        return (begin, end) if height == node.output.hwc[0] else (0, height)

    def cut_columns(self, node: Node, begin: int, end: int) -> Cut | None:
        width = node.output.hwc[1]
        if any(not tensor.in_arena and tensor.hwc[1] > 1 for tensor in node.inputs):
            return None
        return Cut(self, tuple((begin, end) if t.hwc[1] == width else (0, t.hwc[1]) for t in node.operands))
