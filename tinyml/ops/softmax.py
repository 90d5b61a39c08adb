"""exp(beta * x) / sum(exp(beta * x)) over the last axis (TFLite SOFTMAX)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Array, DType, Node, Op, Quant, Shape, ShapeError, Tensor, shown
from tinyml.ir.fixed_point import exp_on_negative_values, reciprocal
from tinyml.ir.lookup import exp_table, interpolated, reciprocal_table
from tinyml.ir.requantize import (
    Int64,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

SUM_LIMIT = 1 << 28  # 512.0 in Q12


@dataclass(frozen=True)
class Softmax(Op):
    """input: any shape of rank 1 or more. int8 outputs are in OUTPUT_QUANT, int16 ones in OUTPUT_QUANT_INT16, as TFLM
    demands.

    Where the exponentials of one line add up to 512 or more (512 equal maxima), every output is below half a step and
    becomes -128; TFLM stops the program there.
    """

    kind: ClassVar[str] = "softmax"
    takes_int16: ClassVar[bool] = True
    OUTPUT_QUANT: ClassVar[Quant] = Quant.per_tensor(1 / 256, -128)
    OUTPUT_QUANT_INT16: ClassVar[Quant] = Quant.per_tensor(1 / 32768, 0)

    beta: float = 1.0

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        if not inputs[0].shape:
            raise ShapeError("softmax needs an axis, got a scalar")
        return (inputs[0].shape,)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return begin, end

    def exp_table(self, source: Tensor) -> Array:
        """int32: exp(-i * beta * scale) in Q0 for i = 0, 1, ..., at most 256, up to the last that counts.

        An exponential below 2048 / 2**31 rounds to 0 both in the sum (Q12) and in the output (8 bits).
        """
        real = min(float(np.float32(self.beta)) * source.affine.scale * 2.0**26, 2.0**31 - 1)
        if real <= 1:
            raise UnsupportedError(f"softmax of {shown(source.name)}: beta {self.beta} times scale is not above 2**-26")
        shift = math.frexp(real)[1]
        reach = min(255, math.floor(31 * 2.0 ** (26 - shift)))
        steps = -np.arange(reach + 1, dtype=np.int64)
        scaled = multiply_by_quantized_multiplier(steps, *quantize_multiplier(real))
        table = exp_on_negative_values(scaled, 5)
        return table[table >= 2048].astype(np.int32)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        if node.output.dtype is DType.INT16:
            return (self._run_int16(values[0].astype(np.int64), node.inputs[0]),)
        table = np.zeros(256, np.int64)
        known = self.exp_table(node.inputs[0])
        table[: len(known)] = known
        wide = values[0].astype(np.int64)
        exps = table[wide.max(axis=-1, keepdims=True) - wide]
        total = np.minimum(rounding_divide_by_pot(exps, 12).sum(axis=-1, keepdims=True), SUM_LIMIT)
        scale, bits = reciprocal(total, 12)
        # more than 31 places right of a 31-bit number leave less than a half
        places = np.minimum(bits + 23, 31)
        answers = rounding_divide_by_pot(saturating_rounding_doubling_high_mul(scale, exps), places)
        answers = np.where(total >= SUM_LIMIT, 0, answers)
        return (np.clip(answers - 128, -128, 127).astype(np.int8),)

    def scaling_int16(self, source: Tensor) -> tuple[int, int]:
        """(multiplier, shift) from steps of an int16 operand to those of `exp_table`."""
        return quantize_multiplier(source.affine.scale * float(np.float32(self.beta)) / (10.0 / 65535.0))

    def _run_int16(self, values: Int64, source: Tensor) -> Array:
        below = values - values.max(axis=-1, keepdims=True)
        scaled = multiply_by_quantized_multiplier(below, *self.scaling_int16(source))
        exps = interpolated(np.clip(scaled + 32767, -32768, 32767), exp_table())
        total = exps.sum(axis=-1, keepdims=True)
        top = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1  # total is in [2**top, 2**(top + 1))
        fraction = ((total << (30 - top)) + (1 << 13)) >> 14
        scale = interpolated(np.clip(fraction - (1 << 15) - (1 << 16), -32768, 32767), reciprocal_table())
        answers = (exps * scale + ((np.int64(1) << top) >> 1)) >> top
        return np.asarray(np.clip(answers, 0, 32767), np.int16)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        exps = np.exp((values[0] - values[0].max(axis=-1, keepdims=True)) * np.float32(self.beta))
        return ((exps / exps.sum(axis=-1, keepdims=True)).astype(np.float32),)
