"""What functions share whose int8 table is made of real numbers."""

from __future__ import annotations

import math

import numpy as np

from tinyml.ir import Array, Tensor
from tinyml.ir.requantize import Int64, round_half_away
from tinyml.ops.pointwise import Pointwise


class ByFloat(Pointwise):
    """f in float32 between dequantizing and rounding half away from zero, as TFLM and LiteRT fill their tables."""

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        real = np.float32(source.affine.scale) * (values - source.affine.zero_point).astype(np.float32)
        steps = self.map_float(real).astype(np.float32) * np.float32(1 / np.float32(output.affine.scale))
        rounded = round_half_away(steps).astype(np.float64)
        answers: Int64 = np.clip(rounded + output.affine.zero_point, -128, 127).astype(np.int64)
        return answers


def error_function(values: Array) -> Array:
    """erf, float64."""
    answers: Array = np.vectorize(math.erf, otypes=[np.float64])(values.astype(np.float64))
    return answers
