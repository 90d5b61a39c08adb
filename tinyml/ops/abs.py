"""Magnitude (TFLite ABS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Tensor
from tinyml.ir.requantize import Int64, multiply_by_quantized_multiplier, quantize_multiplier
from tinyml.ops.pointwise import Pointwise


@dataclass(frozen=True)
class Abs(Pointwise):
    """input: any shape."""

    kind: ClassVar[str] = "abs"

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        magnitude = np.abs(values - source.affine.zero_point)
        scale, out_scale = source.affine.scale, output.affine.scale
        if scale != out_scale:
            magnitude = multiply_by_quantized_multiplier(magnitude, *quantize_multiplier(scale / out_scale))
        return output.affine.zero_point + magnitude

    def map_float(self, values: Array) -> Array:
        return np.abs(values)
