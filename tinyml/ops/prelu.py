"""Leaky rectifier with a tensor of slopes (TFLite PRELU)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from tinyml.ir import Activation, Array, Node, Shape, ShapeError, Tensor
from tinyml.ir.requantize import quantize_multiplier
from tinyml.ops.accumulator import rescale
from tinyml.ops.broadcast import Broadcast


class PreluMultipliers(NamedTuple):
    """(multiplier, shift) of inputs at or above zero, and of input times slope below it."""

    positive: tuple[int, int]
    negative: tuple[int, int]


@dataclass(frozen=True)
class Prelu(Broadcast):
    """inputs: values of any shape, slopes that broadcast to that shape ([C], [1, 1, C], ...)."""

    kind: ClassVar[str] = "prelu"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        (shape,) = super().infer(inputs)
        if shape != inputs[0].shape:
            raise ShapeError(f"slopes {inputs[1].shape} do not broadcast to {inputs[0].shape}")
        return (shape,)

    def multipliers(self, node: Node) -> PreluMultipliers:
        scale, slope, output = (t.affine.scale for t in (*node.inputs, node.output))
        return PreluMultipliers(quantize_multiplier(scale / output), quantize_multiplier(scale * slope / output))

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        source, slopes = (v.astype(np.int64) - t.affine.zero_point for v, t in zip(values, node.inputs, strict=True))
        multipliers = self.multipliers(node)
        positive = rescale(node.output, source, *multipliers.positive, Activation.NONE)
        negative = rescale(node.output, source * slopes, *multipliers.negative, Activation.NONE)
        return (np.where(source >= 0, positive, negative),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (np.where(values[0] >= 0, values[0], values[0] * values[1]).astype(np.float32),)
