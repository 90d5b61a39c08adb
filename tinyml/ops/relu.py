"""Rectifiers as ops of their own (TFLite RELU, RELU6, RELU_N1_TO_1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Tensor
from tinyml.ir.requantize import (
    Int64,
    activation_range,
    clamp_float,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    quantize_value,
)
from tinyml.ops.pointwise import Pointwise


@dataclass(frozen=True)
class Relu(Pointwise):
    """input: any shape; the output is clamped to the bounds of `activation`, which is not NONE.

    RELU and RELU_N1_TO_1 (which TFLM lacks: LiteRT's meaning) rescale from the input's quantization to the output's.
    RELU6 in TFLM does not: it clamps quantized numbers by the input's scale and copies them, whatever the output's
    quantization says. The two agree where input and output are quantized alike, as they should be.
    """

    kind: ClassVar[str] = "relu"

    activation: Activation = Activation.RELU

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        if self.activation is Activation.RELU6:
            high = int(np.clip(quantize_value(6.0, source), -128, 127))
            return np.minimum(np.maximum(values, source.affine.zero_point), high)
        ratio = source.affine.scale / output.affine.scale
        if self.activation is Activation.RELU_N1_TO_1:
            ratio = float(np.float32(ratio))  # LiteRT divides in float32, TFLM in float64
        centred = values - source.affine.zero_point
        scaled = multiply_by_quantized_multiplier(centred, *quantize_multiplier(ratio))
        low, high = activation_range(self.activation, output)
        return np.minimum(np.maximum(scaled + output.affine.zero_point, low), high)

    def map_float(self, values: Array) -> Array:
        return clamp_float(values, self.activation)
