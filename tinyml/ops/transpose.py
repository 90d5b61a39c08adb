"""Axes in another order (TFLite TRANSPOSE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor, View


@dataclass(frozen=True)
class Transpose(Op):
    """inputs: any tensor. Axis k of the output is axis `permutation[k]` of the input."""

    kind: ClassVar[str] = "transpose"
    takes_int16: ClassVar[bool] = True

    permutation: tuple[int, ...]

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shape = inputs[0].shape
        if sorted(self.permutation) != list(range(len(shape))):
            raise ShapeError(f"{self.permutation} is no permutation of the axes of {shape}")
        return (tuple(shape[axis] for axis in self.permutation),)

    def moves_nothing(self, shape: Shape) -> bool:
        """Whether only sides of 1 change places: the bytes stay where they are."""
        order = [axis for axis in self.permutation if shape[axis] > 1]
        return order == sorted(order)

    def views(self, node: Node) -> tuple[View, ...]:
        return (View(node.output, node.inputs[0], 0),) if self.moves_nothing(node.inputs[0].shape) else ()

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (np.ascontiguousarray(values[0].transpose(self.permutation)),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return self.run_int8(node, values)
