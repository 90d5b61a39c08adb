"""A constant border around a tensor (TFLite PAD and PADV2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor


@dataclass(frozen=True)
class Pad(Op):
    """inputs: any tensor. `before` and `after` count the elements added at both ends of each axis.

    value: what fills the border, in the numbers the tensor is stored in (an int8 code in an int8 graph); None is the
    real number 0, which is the output's zero point (PAD). Bytes of the input are copied, not rescaled, as in TFLM.
    """

    kind: ClassVar[str] = "pad"
    takes_int16: ClassVar[bool] = True

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float | None = None

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shape = inputs[0].shape
        if not len(shape) == len(self.before) == len(self.after):
            raise ShapeError(f"padding of {len(self.before)} and {len(self.after)} axes for shape {shape}")
        if min((*self.before, *self.after), default=0) < 0:
            raise ShapeError("padding must be at least 0")
        return (tuple(b + side + a for b, side, a in zip(self.before, shape, self.after, strict=True)),)

    def fill(self, output: Tensor) -> float:
        """The border's value, in the output's own numbers."""
        if self.value is not None:
            return self.value
        return 0 if output.dtype.is_float else output.affine.zero_point

    def keeps_rows(self, node: Node) -> bool:
        """Whether input and output are images: each output row is border, or one input row between borders."""
        return len(self.before) == 4 and node.output.shape[0] == 1

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int] | None:
        if not self.keeps_rows(node):
            return None
        height, top = node.inputs[0].shape[1], self.before[1]
        return min(max(begin - top, 0), height), min(max(end - top, 0), height)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        pads = tuple(zip(self.before, self.after, strict=True))
        return (np.pad(values[0], pads, constant_values=self.fill(node.output)).astype(values[0].dtype),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return self.run_int8(node, values)
