"""Product of two tensors (TFLite MUL)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Node
from tinyml.ir.requantize import clamp_float, quantize_multiplier
from tinyml.ops.accumulator import rescale
from tinyml.ops.broadcast import Broadcast


@dataclass(frozen=True)
class Mul(Broadcast):
    """inputs: two tensors that broadcast."""

    kind: ClassVar[str] = "mul"
    takes_int16: ClassVar[bool] = True

    activation: Activation = Activation.NONE

    def multiplier(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from the product of the operands' scales to the output's."""
        first, second = node.inputs[0].affine.scale, node.inputs[1].affine.scale
        return quantize_multiplier(first * second / node.output.affine.scale)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        first, second = (v.astype(np.int64) - t.affine.zero_point for v, t in zip(values, node.inputs, strict=True))
        return (rescale(node.output, first * second, *self.multiplier(node), self.activation),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (clamp_float(values[0] * values[1], self.activation),)
