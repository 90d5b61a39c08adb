"""From real numbers, or from another quantization, to a quantized tensor (TFLite QUANTIZE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Tensor
from tinyml.ir.requantize import (
    INT32_MAX,
    INT32_MIN,
    Int64,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    round_half_away,
)
from tinyml.ops.pointwise import Pointwise


@dataclass(frozen=True)
class Quantize(Pointwise):
    """input: float32 or integer, any shape. output: integer, per-tensor quantization.

    Float numbers that leave int32 after scaling saturate (undefined in TFLM).
    """

    kind: ClassVar[str] = "quantize"
    takes_int16: ClassVar[bool] = True
    mixes_widths: ClassVar[bool] = True

    def multiplier(self, source: Tensor, output: Tensor) -> tuple[int, int]:
        """(multiplier, shift) from steps of a quantized input to those of the output."""
        return quantize_multiplier(source.affine.scale / output.affine.scale)

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        centred = values - source.affine.zero_point
        scaled = multiply_by_quantized_multiplier(centred, *self.multiplier(source, output))
        return scaled + output.affine.zero_point

    def map_float(self, values: Array) -> Array:
        return values

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        source, output = node.inputs[0], node.output
        if source.dtype.is_float:
            answers = quantized(values[0], output)
        else:
            answers = self.map_int8(values[0].astype(np.int64), source, output)
        return (np.clip(answers, *output.dtype.bounds).astype(output.dtype.numpy),)


def quantized(values: Array, output: Tensor) -> Int64:
    """zero_point + round(values / scale), half away from zero, the quotient in float32; not clamped to the dtype."""
    quotient = (values.astype(np.float32) / np.float32(output.affine.scale)).astype(np.float64)
    return np.clip(round_half_away(quotient), INT32_MIN, INT32_MAX).astype(np.int64) + output.affine.zero_point
