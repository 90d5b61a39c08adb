"""1 / sqrt(x) (TFLite RSQRT)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Tensor
from tinyml.ir.fixed_point import inverse_square_root
from tinyml.ir.requantize import Int64, multiply_by_quantized_multiplier, quantize_multiplier
from tinyml.ops.pointwise import Pointwise

_SHIFT = 20  # fraction bits of the root before it is rescaled


@dataclass(frozen=True)
class Rsqrt(Pointwise):
    """input: any shape, of positive numbers. 0 gives the greatest int8; so do numbers below, which TFLM refuses."""

    kind: ClassVar[str] = "rsqrt"

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        centred = values - source.affine.zero_point
        root, places = inverse_square_root(np.maximum(centred, 1))
        scaled = multiply_by_quantized_multiplier(np.ones_like(root), root, _SHIFT - places)
        real = 1.0 / (math.sqrt(source.affine.scale) * output.affine.scale)
        multiplier, shift = quantize_multiplier(real)
        answers = multiply_by_quantized_multiplier(scaled, multiplier, shift - _SHIFT) + output.affine.zero_point
        return np.where(centred <= 0, 127, answers)

    def map_float(self, values: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return 1 / np.sqrt(values)
