"""x * relu6(x + 3) / 6 (TFLite HARD_SWISH)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Array, Tensor, shown
from tinyml.ir.requantize import Int64, quantize_multiplier
from tinyml.ops.pointwise import Pointwise

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1


@dataclass(frozen=True)
class HardSwish(Pointwise):
    """input: any shape. int8 in TFLM's 16-bit fixed point; the input's scale is below 128 output scales."""

    kind: ClassVar[str] = "hard_swish"

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        scale = source.affine.scale / 128
        factor, exponent = _multiplier16(scale / output.affine.scale)
        if exponent > 0:
            raise UnsupportedError(
                f"hard_swish of {shown(source.name)}: input scale {source.affine.scale:.6g} is 128 or more times the "
                f"output scale {output.affine.scale:.6g}",
                hint="quantize the model again with samples that reach the range of this layer",
            )
        centred = (values - source.affine.zero_point) * 128
        product = _truncating_high_mul(_gate(centred, scale), _rounding_high_mul(centred, factor))
        shifted = _rounding_shift_right16(product, -exponent)
        return _wrap16(shifted + output.affine.zero_point)

    def map_float(self, values: Array) -> Array:
        return values * np.clip(values + np.float32(3), 0, 6) / np.float32(6)


def _gate(centred: Int64, scale: float) -> Int64:
    """relu6(x + 3) / 6 in [0, 1) as 15 fraction bits, for x = centred * scale."""
    factor, exponent = _multiplier16(scale / (3.0 / 32768.0))
    if exponent > 0:
        # all but one bit of the left shift come before the multiplication: its saturation cannot be seen afterwards
        saturated = _saturate16(centred << min(exponent - 1, 31))
        value = _saturate16(_rounding_high_mul(saturated, factor) << 1)
    else:
        value = _rounding_shift_right16(_rounding_high_mul(centred, factor), -exponent)
    return (value + 2**15) >> 1


def _multiplier16(real: float) -> tuple[int, int]:
    """quantize_multiplier cut to 16 bits."""
    multiplier, shift = quantize_multiplier(real)
    return min((multiplier + 2**15) >> 16, INT16_MAX), shift


def _saturate16(value: Int64) -> Int64:
    return np.clip(value, INT16_MIN, INT16_MAX)


def _wrap16(value: Int64) -> Int64:
    return ((value + 2**15) & 0xFFFF) - 2**15


def _rounding_high_mul(a: Int64, b: int) -> Int64:
    """round(a * b / 2**15) of int16 numbers, b positive."""
    product = a * b
    total = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.where(total >= 0, total >> 15, -(-total >> 15))


def _truncating_high_mul(a: Int64, b: Int64) -> Int64:
    """a * b / 2**15 of int16 numbers, rounded towards zero; a is not negative."""
    product = a * b
    return np.where(product >= 0, product >> 15, -(-product >> 15))


def _rounding_shift_right16(value: Int64, exponent: int) -> Int64:
    """value / 2**exponent to nearest as gemmlowp's 16-bit template computes it: its mask wraps from exponent 16 on."""
    mask = int(_wrap16(np.array((1 << exponent) - 1)))
    threshold = (mask >> 1) + (value < 0)
    return (value >> exponent) + ((value & mask) > threshold)
