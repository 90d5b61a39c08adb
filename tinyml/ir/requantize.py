"""Fixed-point rescaling of int32 accumulators. Twin of codegen/include/tml_requantize.h: change both or neither.

Source: TensorFlow Lite's MultiplyByQuantizedMultiplier with double rounding, as TensorFlow Lite Micro builds it, and
gemmlowp's fixed-point primitives (https://github.com/google/gemmlowp/blob/master/fixedpoint/fixedpoint.h).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyml.ir.op import Activation
from tinyml.ir.tensor import Array, Tensor

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
WIDEST_SHIFT = 7  # with which TFLM rescales an int64 sum
WIDE_SUM = 2**47  # and the bound on that sum


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) with real = multiplier / 2**31 * 2**shift, multiplier in [2**30, 2**31).

    Too small a number becomes (0, 0); too large a one saturates at shift 30.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = _round_half_away(fraction * (1 << 31))
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return INT32_MAX, 30
    return multiplier, shift


def _round_half_away(value: float) -> int:
    """C's round(), of one number."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def round_half_away(values: Array) -> Array:
    """To the nearest integer, ties away from zero; in the type of the values."""
    rounded: Array = np.copysign(np.floor(np.abs(values) + 0.5), values)
    return rounded


def wrap_int32(value: Array) -> Int64:
    """Two's complement wrap of integers to the int32 range, as int64."""
    wide = np.asarray(value, np.int64)
    return ((wide + 2**31) & 0xFFFFFFFF) - 2**31


def saturating_rounding_doubling_high_mul(a: Array, b: Array | int) -> Int64:
    """round(a * b / 2**31), half away from zero towards +inf for negatives as gemmlowp does; INT32_MIN**2 saturates."""
    a64, b64 = np.asarray(a, np.int64), np.asarray(b, np.int64)
    product = a64 * b64
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    total = product + nudge
    # C division truncates towards zero
    high = np.where(total >= 0, total >> 31, -((-total) >> 31))
    return np.where((a64 == INT32_MIN) & (b64 == INT32_MIN), INT32_MAX, high)


def rounding_divide_by_pot(value: Array, exponent: Array | int) -> Int64:
    """value / 2**exponent, rounded to nearest, ties away from zero; exponent in [0, 31]."""
    x, e = np.asarray(value, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << e) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (x < 0)
    return (x >> e) + (remainder > threshold)


def multiply_by_quantized_multiplier(value: Array, multiplier: Array | int, shift: Array | int) -> Int64:
    """value * multiplier * 2**(shift - 31), rounded twice. Arguments broadcast; `value` holds int32 numbers.

    A left shift that overflows int32 wraps, as the C it mirrors does in practice.
    """
    s = np.asarray(shift, np.int64)
    left, right = np.maximum(s, 0), np.maximum(-s, 0)
    shifted = wrap_int32(np.asarray(value, np.int64) << left)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right)


def multiply_wide_by_quantized_multiplier(value: Array, multiplier: Array | int, shift: Array | int) -> Int64:
    """value * multiplier * 2**(shift - 31), rounded once, halves up, from a multiplier of 16 bits; wraps to int32.

    For the int64 sums of int16 activations: value in +-2**47, shift in [-31, WIDEST_SHIFT]. Arguments broadcast.
    """
    places = 15 - np.asarray(shift, np.int64)
    total: Int64 = np.asarray(value, np.int64) * reduced_multiplier(multiplier) + (np.int64(1) << (places - 1))
    return wrap_int32(total >> places)


def reduced_multiplier(multiplier: Array | int) -> Int64:
    """A multiplier of 31 bits in 15."""
    m = np.asarray(multiplier, np.int64)
    return np.where(m < 0x7FFF0000, (m + (1 << 15)) >> 16, 0x7FFF)


def activation_range(activation: Activation, output: Tensor) -> tuple[int, int]:
    """Clamp of a fused activation in quantized numbers (TFLite's CalculateActivationRangeQuantized)."""
    low, high = output.dtype.bounds
    real_low, real_high = activation.bounds
    if real_low is not None:
        low = max(low, quantize_value(real_low, output))
    if real_high is not None:
        high = min(high, quantize_value(real_high, output))
    return low, high


def quantize_value(real: float, tensor: Tensor) -> int:
    """zero_point + round(real / scale) in float32, unclamped."""
    with np.errstate(over="ignore"):
        quotient = float(np.float32(real) / np.float32(tensor.affine.scale))
    # beyond every clamp either way; keeps an infinite quotient of a tiny scale an integer
    return tensor.affine.zero_point + _round_half_away(min(max(quotient, -1e9), 1e9))


def clamp_float(values: Array, activation: Activation) -> Array:
    """A fused activation on real numbers."""
    low, high = activation.bounds
    if low is None and high is None:
        return values
    return np.clip(values, low, high).astype(np.float32)


def convolution_multipliers(
    inputs: Tensor, weights: Tensor, output: Tensor, channels: int
) -> tuple[Sequence[int], Sequence[int]]:
    """(multipliers, shifts) per output channel: float64(input) * float64(filter) / float64(output) scale.

    Per-tensor weights repeat one pair (TFLite's PopulateConvolutionQuantizationParams).
    """
    scales = weights.affine.scales if len(weights.affine.scales) > 1 else weights.affine.scales * channels
    pairs = [quantize_multiplier(inputs.affine.scale * scale / output.affine.scale) for scale in scales]
    return [m for m, _ in pairs], [s for _, s in pairs]
