"""Logarithm of the softmax over the last axis (TFLite LOG_SOFTMAX)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Array, Node, Op, Quant, Shape, ShapeError, Tensor, shown
from tinyml.ir.fixed_point import exp_on_negative_values, logarithm
from tinyml.ir.requantize import (
    INT32_MIN,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)

SUM_BITS = 12  # integer bits of a sum of exponentials
DIFF_BITS = 5  # and of what they are taken of
OUTPUT_BITS = 4
MOST = 2**SUM_BITS - 1  # values whose exponentials add up in int32


class LogSoftmaxScaling(NamedTuple):
    """forward: (multiplier, shift) from int8 steps to Q5. backward: from Q5 to steps. least: difference that counts."""

    forward: tuple[int, int]
    backward: tuple[int, int]
    least: int


@dataclass(frozen=True)
class LogSoftmax(Op):
    """input: any shape of rank 1 or more. int8 outputs are always in OUTPUT_QUANT, as TFLM demands."""

    kind: ClassVar[str] = "log_softmax"
    OUTPUT_QUANT: ClassVar[Quant] = Quant.per_tensor(16 / 256, 127)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        if not inputs[0].shape or inputs[0].shape[-1] > MOST:
            raise ShapeError(f"log_softmax needs an axis of at most {MOST} values, got {inputs[0].shape}")
        return (inputs[0].shape,)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return begin, end

    def scaling(self, source: Tensor) -> LogSoftmaxScaling:
        real = min(source.affine.scale * 2.0 ** (31 - DIFF_BITS), 2.0**31 - 1)
        if real <= 1:
            raise UnsupportedError(f"log_softmax of {shown(source.name)}: its scale is not above 2**-26")
        multiplier, shift = quantize_multiplier(real)
        least = -math.floor((2**DIFF_BITS - 1) * 2.0 ** (31 - DIFF_BITS - shift))
        return LogSoftmaxScaling((multiplier, shift), quantize_multiplier(2.0 ** (31 - shift) / multiplier), least)

    def exp_table(self, source: Tensor) -> Array:
        """int32: exp(-i * scale) in Q12 for i = 0, 1, ..., at most 256, up to the last that counts."""
        forward, _, least = self.scaling(source)
        scaled = multiply_by_quantized_multiplier(-np.arange(min(255, -least) + 1), *forward)
        return rounding_divide_by_pot(exp_on_negative_values(scaled, DIFF_BITS), SUM_BITS).astype(np.int32)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        forward, backward, least = self.scaling(node.inputs[0])
        wide, table = values[0].astype(np.int64), np.zeros(256, np.int64)
        known = self.exp_table(node.inputs[0])
        table[: len(known)] = known
        below = wide - wide.max(axis=-1, keepdims=True)
        total = table[-below].sum(axis=-1, keepdims=True)
        log = logarithm(total, SUM_BITS, DIFF_BITS)
        reach = np.maximum(least - 1, multiply_by_quantized_multiplier(log + INT32_MIN, *backward))
        scaled = multiply_by_quantized_multiplier(below, *forward)
        answers = rounding_divide_by_pot(scaled - log, 31 - DIFF_BITS - OUTPUT_BITS) + 127
        return (np.where(below > reach, np.clip(answers, -128, 127), -128).astype(np.int8),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        shifted = values[0] - values[0].max(axis=-1, keepdims=True)
        return ((shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))).astype(np.float32),)
