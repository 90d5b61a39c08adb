"""Tensors side by side along an axis (TFLite CONCATENATION)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Cut, Node, Op, Shape, ShapeError, Tensor, View


@dataclass(frozen=True)
class Concatenation(Op):
    """inputs: one or more tensors that agree on every axis but `axis` (at least 0).

    int8: inputs and output must have one quantization; TFLM accepts nothing else, and bytes are copied as they are.
    """

    kind: ClassVar[str] = "concatenation"
    takes_int16: ClassVar[bool] = True

    axis: int

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        first = inputs[0].shape
        if not 0 <= self.axis < len(first):
            raise ShapeError(f"axis {self.axis} of a tensor of {len(first)} axes")
        for tensor in inputs[1:]:
            if len(tensor.shape) != len(first) or _without(tensor.shape, self.axis) != _without(first, self.axis):
                raise ShapeError(f"{tensor.shape} and {first} differ beside axis {self.axis}")
        total = sum(tensor.shape[self.axis] for tensor in inputs)
        return ((*first[: self.axis], total, *first[self.axis + 1 :]),)

    def is_image(self, node: Node) -> bool:
        """Whether every operand is an image of the output's batch, so that the node runs by rows."""
        return len(node.output.shape) == 4 and node.output.shape[0] == 1

    def first_rows(self, node: Node) -> tuple[int, ...]:
        """The output row on which each operand begins."""
        if not (self.is_image(node) and self.axis <= 1):
            return (0,) * len(node.inputs)
        heights = [tensor.shape[1] for tensor in node.inputs]
        return tuple(sum(heights[:index]) for index in range(len(heights)))

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int] | None:
        if not self.is_image(node):
            return None
        first, height = self.first_rows(node)[operand], node.inputs[operand].shape[1]
        return min(max(begin - first, 0), height), min(max(end - first, 0), height)

    def cut_columns(self, node: Node, begin: int, end: int) -> Cut | None:
        by_channel = self.is_image(node) and self.axis == 3 and all(tensor.in_arena for tensor in node.inputs)
        return Cut(self, ((begin, end),) * len(node.inputs)) if by_channel else None

    def views(self, node: Node) -> tuple[View, ...]:
        distinct = len(set(node.inputs)) == len(node.inputs)
        outer = math.prod(node.output.shape[: self.axis])
        if outer != 1 or not distinct or not all(tensor.in_arena for tensor in node.inputs):
            return ()
        sizes = [tensor.size_bytes for tensor in node.inputs]
        return tuple(View(t, node.output, sum(sizes[:index])) for index, t in enumerate(node.inputs))

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (np.concatenate(values, self.axis),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return self.run_int8(node, values)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])
