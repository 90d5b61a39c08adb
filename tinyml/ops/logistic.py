"""1 / (1 + exp(-x)) (TFLite LOGISTIC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Quant, Tensor
from tinyml.ir.fixed_point import logistic
from tinyml.ir.requantize import Int64, rounding_divide_by_pot
from tinyml.ops.pointwise import Pointwise
from tinyml.ops.saturating import on_input_range


@dataclass(frozen=True)
class Logistic(Pointwise):
    """input: any shape. int8 outputs are always in OUTPUT_QUANT, as TFLM has it."""

    kind: ClassVar[str] = "logistic"
    OUTPUT_QUANT: ClassVar[Quant] = Quant.per_tensor(1 / 256, -128)

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        def middle(scaled: Int64) -> Int64:
            return rounding_divide_by_pot(logistic(scaled, 4), 23) - 128

        return on_input_range(values, source, middle)

    def map_float(self, values: Array) -> Array:
        # exp of a number that is not positive cannot overflow
        small = np.exp(-np.abs(values))
        return np.asarray(np.where(values >= 0, 1, small) / (1 + small))
