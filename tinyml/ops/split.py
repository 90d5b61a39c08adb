"""A tensor cut into equal parts along an axis (TFLite SPLIT)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor, View


@dataclass(frozen=True)
class Split(Op):
    """inputs: any tensor. outputs: `count` equal parts along `axis` (at least 0), in order. Bytes are copied."""

    kind: ClassVar[str] = "split"
    takes_int16: ClassVar[bool] = True

    axis: int
    count: int

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shape = inputs[0].shape
        if not 0 <= self.axis < len(shape) or self.count < 1 or shape[self.axis] % self.count:
            raise ShapeError(f"axis {self.axis} of {shape} does not split into {self.count} equal parts")
        part = (*shape[: self.axis], shape[self.axis] // self.count, *shape[self.axis + 1 :])
        return (part,) * self.count

    def keeps_rows(self, node: Node) -> bool:
        """Whether row r of each output is a part of row r of the input."""
        shape = node.inputs[0].shape
        return len(shape) == 4 and shape[0] == 1 and self.axis > 1

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int] | None:
        return (begin, end) if self.keeps_rows(node) else None

    def views(self, node: Node) -> tuple[View, ...]:
        if math.prod(node.inputs[0].shape[: self.axis]) != 1:
            return ()
        return tuple(View(t, node.inputs[0], index * t.size_bytes) for index, t in enumerate(node.outputs))

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return tuple(np.ascontiguousarray(part) for part in np.split(values[0], self.count, self.axis))

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return self.run_int8(node, values)
