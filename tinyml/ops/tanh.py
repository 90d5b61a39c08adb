"""Hyperbolic tangent (TFLite TANH)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Quant, Tensor
from tinyml.ir.fixed_point import tanh
from tinyml.ir.requantize import Int64, rounding_divide_by_pot
from tinyml.ops.pointwise import Pointwise
from tinyml.ops.saturating import on_input_range


@dataclass(frozen=True)
class Tanh(Pointwise):
    """input: any shape. int8 outputs are always in OUTPUT_QUANT, as TFLM has it."""

    kind: ClassVar[str] = "tanh"
    OUTPUT_QUANT: ClassVar[Quant] = Quant.per_tensor(1 / 128, 0)

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        def middle(scaled: Int64) -> Int64:
            return rounding_divide_by_pot(tanh(scaled, 4), 24)

        return on_input_range(values, source, middle)

    def map_float(self, values: Array) -> Array:
        return np.tanh(values)
