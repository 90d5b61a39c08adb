"""(a - b) * (a - b) of two tensors (TFLite SQUARED_DIFFERENCE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Activation, Array, Node, shown
from tinyml.ir.requantize import multiply_by_quantized_multiplier, quantize_multiplier
from tinyml.ops.accumulator import rescale
from tinyml.ops.broadcast import Broadcast, Multipliers

LEFT_SHIFT = 7  # headroom bits that operands get before they are scaled


@dataclass(frozen=True)
class SquaredDifference(Broadcast):
    """inputs: two tensors that broadcast."""

    kind: ClassVar[str] = "squared_difference"

    def multipliers(self, node: Node) -> Multipliers:
        """UnsupportedError where the output's multiplier would be 1 or more (TFLM aborts there)."""
        first, second = (tensor.affine.scale for tensor in node.inputs)
        twice = 2 * max(first, second)
        output = quantize_multiplier(twice * twice / (2 ** (2 * LEFT_SHIFT) * node.output.affine.scale))
        if output[1] > 0:
            raise UnsupportedError(
                f"{shown(node.name)}: the square of an operand's scale, {max(first, second):.6g}, is 4096 or more "
                f"times the output's, {node.output.affine.scale:.6g}",
                hint="quantize the model again with samples that reach the range of this layer",
            )
        return Multipliers(quantize_multiplier(first / twice), quantize_multiplier(second / twice), output)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        multipliers = self.multipliers(node)
        first, second = (
            multiply_by_quantized_multiplier((v.astype(np.int64) - t.affine.zero_point) << LEFT_SHIFT, *pair)
            for v, t, pair in zip(values, node.inputs, multipliers[:2], strict=True)
        )
        difference = first - second
        return (rescale(node.output, difference * difference, *multipliers.output, Activation.NONE),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        difference = values[0] - values[1]
        return (difference * difference,)
