"""Difference of two tensors (TFLite SUB)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml.ir import Activation, Array, Node
from tinyml.ir.requantize import clamp_float
from tinyml.ops.add import scaled_operand, scaled_sum, sum_multipliers
from tinyml.ops.broadcast import Broadcast


@dataclass(frozen=True)
class Sub(Broadcast):
    """inputs: two tensors that broadcast; the second is subtracted from the first."""

    kind: ClassVar[str] = "sub"
    takes_int16: ClassVar[bool] = True

    activation: Activation = Activation.NONE

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        multipliers = sum_multipliers(node)
        first = scaled_operand(values[0], node.inputs[0], multipliers.input0)
        second = scaled_operand(values[1], node.inputs[1], multipliers.input1)
        return (scaled_sum(first - second, node, multipliers.output, self.activation),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (clamp_float(values[0] - values[1], self.activation),)
