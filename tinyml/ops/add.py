"""Sum of two tensors (TFLite ADD), and the arithmetic it shares with SUB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Activation, Array, DType, Node, Tensor, shown
from tinyml.ir.requantize import (
    Int64,
    activation_range,
    clamp_float,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
)
from tinyml.ops.broadcast import Broadcast, Multipliers

# headroom bits that operands get before they are scaled
LEFT_SHIFT = {DType.INT8: 20, DType.INT16: 15}


def sum_multipliers(node: Node) -> Multipliers:
    """Of an ADD or SUB; UnsupportedError where the output's multiplier would be 1 or more (TFLM aborts there)."""
    first, second = (tensor.affine.scale for tensor in node.inputs)
    twice = 2 * max(first, second)
    headroom = LEFT_SHIFT[node.output.dtype]
    output = quantize_multiplier(twice / (2**headroom * node.output.affine.scale))
    if output[1] > 0:
        raise UnsupportedError(
            f"{shown(node.name)}: an operand's scale, {max(first, second):.6g}, is 2**{headroom - 1} or more times "
            f"the output's, {node.output.affine.scale:.6g}",
            hint="quantize the model again with samples that reach the range of this layer",
        )
    return Multipliers(quantize_multiplier(first / twice), quantize_multiplier(second / twice), output)


def scaled_operand(values: Array, tensor: Tensor, multiplier: tuple[int, int]) -> Int64:
    """An operand on the common scale."""
    centred = (values.astype(np.int64) - tensor.affine.zero_point) << LEFT_SHIFT[tensor.dtype]
    return multiply_by_quantized_multiplier(centred, *multiplier)


def scaled_sum(total: Int64, node: Node, multiplier: tuple[int, int], activation: Activation) -> Array:
    """The output from a sum on the common scale."""
    scaled = multiply_by_quantized_multiplier(total, *multiplier) + node.output.affine.zero_point
    low, high = activation_range(activation, node.output)
    return np.minimum(np.maximum(scaled, low), high).astype(node.output.dtype.numpy)


@dataclass(frozen=True)
class Add(Broadcast):
    """inputs: two tensors that broadcast."""

    kind: ClassVar[str] = "add"
    takes_int16: ClassVar[bool] = True

    activation: Activation = Activation.NONE

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        multipliers = sum_multipliers(node)
        first = scaled_operand(values[0], node.inputs[0], multipliers.input0)
        second = scaled_operand(values[1], node.inputs[1], multipliers.input1)
        return (scaled_sum(first + second, node, multipliers.output, self.activation),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (clamp_float(values[0] + values[1], self.activation),)
