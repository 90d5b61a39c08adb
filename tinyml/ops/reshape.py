"""The same bytes under another shape (TFLite RESHAPE, SQUEEZE and EXPAND_DIMS)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor, View


@dataclass(frozen=True)
class Reshape(Op):
    """inputs: any tensor. `shape` is the output's, explicit: no -1."""

    kind: ClassVar[str] = "reshape"
    takes_int16: ClassVar[bool] = True

    shape: Shape

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        if math.prod(self.shape) != inputs[0].size:
            raise ShapeError(f"{inputs[0].shape} has {inputs[0].size} elements, {self.shape} {math.prod(self.shape)}")
        return (self.shape,)

    def views(self, node: Node) -> tuple[View, ...]:
        return (View(node.output, node.inputs[0], 0),)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (values[0].reshape(self.shape),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return self.run_int8(node, values)
