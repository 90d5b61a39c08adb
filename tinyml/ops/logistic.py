"""1 / (1 + exp(-x)) (TFLite LOGISTIC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Quant, Tensor
from tinyml.ir.fixed_point import logistic
from tinyml.ir.lookup import logistic_int16, sigmoid_scaling
from tinyml.ir.requantize import Int64, rounding_divide_by_pot
from tinyml.ops.pointwise import Pointwise
from tinyml.ops.saturating import check_lookup, on_input_range


@dataclass(frozen=True)
class Logistic(Pointwise):
    """input: any shape. int8 outputs are always in OUTPUT_QUANT, int16 ones in OUTPUT_QUANT_INT16, as TFLM has it."""

    kind: ClassVar[str] = "logistic"
    takes_int16: ClassVar[bool] = True
    OUTPUT_QUANT: ClassVar[Quant] = Quant.per_tensor(1 / 256, -128)
    OUTPUT_QUANT_INT16: ClassVar[Quant] = Quant.per_tensor(1 / 32768, 0)

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        def middle(scaled: Int64) -> Int64:
            return rounding_divide_by_pot(logistic(scaled, 4), 23) - 128

        return on_input_range(values, source, middle)

    def map_int16(self, values: Array, source: Tensor) -> Int64:
        check_lookup(source)
        return logistic_int16(values, sigmoid_scaling(source.affine.scale, 0))

    def map_float(self, values: Array) -> Array:
        # exp of a number that is not positive cannot overflow
        small = np.exp(-np.abs(values))
        return np.asarray(np.where(values >= 0, 1, small) / (1 + small))
