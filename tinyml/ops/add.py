"""Sum of two tensors (TFLite ADD), and the arithmetic it shares with SUB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Activation, Array, Node, Tensor
from tinyml.ir.requantize import (
    Int64,
    activation_range,
    clamp_float,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
)
from tinyml.ops.broadcast import Broadcast

LEFT_SHIFT = 20  # headroom bits that operands get before they are scaled


class SumMultipliers(NamedTuple):
    """(multiplier, shift) of each operand, to a scale of twice the larger one, and of the output from there."""

    input0: tuple[int, int]
    input1: tuple[int, int]
    output: tuple[int, int]


def sum_multipliers(node: Node, input0: float, input1: float, output: float) -> SumMultipliers:
    """Fixed-point forms of the three ratios; UnsupportedError where the output's is 1 or more (TFLM aborts there)."""
    scaled = quantize_multiplier(output)
    if scaled[1] > 0:
        larger = max(node.inputs, key=lambda tensor: tensor.affine.scale)
        raise UnsupportedError(
            f"{node.name!r}: the scale of {larger.name!r}, {larger.affine.scale:.6g}, is 2**19 or more times that of "
            f"the output, {node.output.affine.scale:.6g}",
            hint="quantize the model again with samples that reach the range of this layer",
        )
    return SumMultipliers(quantize_multiplier(input0), quantize_multiplier(input1), scaled)


def scaled_operand(values: Array, tensor: Tensor, multiplier: tuple[int, int]) -> Int64:
    """An operand on the common scale."""
    centred = (values.astype(np.int64) - tensor.affine.zero_point) << LEFT_SHIFT
    return multiply_by_quantized_multiplier(centred, *multiplier)


def scaled_sum(total: Int64, node: Node, multiplier: tuple[int, int], activation: Activation) -> Array:
    """The int8 output from a sum on the common scale."""
    scaled = multiply_by_quantized_multiplier(total, *multiplier) + node.output.affine.zero_point
    low, high = activation_range(activation, node.output)
    return np.minimum(np.maximum(scaled, low), high).astype(np.int8)


@dataclass(frozen=True)
class Add(Broadcast):
    """inputs: two tensors that broadcast."""

    kind: ClassVar[str] = "add"

    activation: Activation = Activation.NONE

    def multipliers(self, node: Node) -> SumMultipliers:
        """In float64, unlike SUB."""
        scales = [tensor.affine.scale for tensor in node.inputs]
        twice = 2 * max(scales)
        output = twice / (2**LEFT_SHIFT * node.output.affine.scale)
        return sum_multipliers(node, scales[0] / twice, scales[1] / twice, output)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        multipliers = self.multipliers(node)
        first = scaled_operand(values[0], node.inputs[0], multipliers.input0)
        second = scaled_operand(values[1], node.inputs[1], multipliers.input1)
        return (scaled_sum(first + second, node, multipliers.output, self.activation),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (clamp_float(values[0] + values[1], self.activation),)
