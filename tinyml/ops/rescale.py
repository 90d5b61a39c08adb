"""int8 values of a convolution's sums. Written by the scheduler alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Node, Op, Shape, Tensor
from tinyml.ir.requantize import clamp_float, quantize_multiplier
from tinyml.ops.accumulator import rescale
from tinyml.ops.window import image_shape


@dataclass(frozen=True)
class Rescale(Op):
    """input: sums [1, H, W, C], int32, a scale for each channel or one for all.

    The second half of a convolution (TFLite int8 specification): multiplied by scale / output scale, clamped.
    """

    kind: ClassVar[str] = "rescale"

    activation: Activation = Activation.NONE

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        image_shape(inputs[0].shape)
        return (inputs[0].shape,)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return begin, end

    def multipliers(self, node: Node) -> tuple[list[int], list[int]]:
        """(multipliers, shifts) per channel, from steps of the sums to steps of the output."""
        sums = node.inputs[0]
        scales = sums.affine.scales if sums.affine.is_per_channel else sums.affine.scales * sums.shape[3]
        pairs = [quantize_multiplier(scale / node.output.affine.scale) for scale in scales]
        return [multiplier for multiplier, _ in pairs], [shift for _, shift in pairs]

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        multipliers, shifts = self.multipliers(node)
        return (rescale(node.output, values[0], np.array(multipliers), np.array(shifts), self.activation),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (clamp_float(values[0], self.activation),)
