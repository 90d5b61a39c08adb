"""Leaky rectifier (TFLite LEAKY_RELU)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Tensor
from tinyml.ir.requantize import Int64, multiply_by_quantized_multiplier, quantize_multiplier
from tinyml.ops.pointwise import Pointwise


@dataclass(frozen=True)
class LeakyRelu(Pointwise):
    """input: any shape; x for x > 0, alpha * x otherwise. alpha: float32, any sign and size."""

    kind: ClassVar[str] = "leaky_relu"

    alpha: float = 0.0

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        centred = values - source.affine.zero_point
        scale, out_scale = source.affine.scale, output.affine.scale
        positive = multiply_by_quantized_multiplier(centred, *quantize_multiplier(scale / out_scale))
        slope = scale * float(np.float32(self.alpha)) / out_scale
        negative = multiply_by_quantized_multiplier(centred, *quantize_multiplier(abs(slope)))
        if slope < 0:
            negative = -negative
        return output.affine.zero_point + np.where(centred >= 0, positive, negative)

    def map_float(self, values: Array) -> Array:
        return np.where(values > 0, values, values * np.float32(self.alpha))
