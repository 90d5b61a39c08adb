"""Exponential, logistic, tanh, logarithm and 1 / sqrt in 32-bit fixed point.

Twin of codegen/include/tml_fixed_point.h: change both or neither. The header holds only what kernels compute on the
device (`one_over_one_plus_x`, `reciprocal`, `logarithm`, `inverse_square_root`); the rest ends in tables.

Qm is a number of m integer bits, a sign and 31 - m fraction bits: real = raw / 2**(31 - m). All arrays are int64 that
hold int32 numbers.

Source: gemmlowp's fixed-point functions as TensorFlow Lite Micro uses them, reproduced to the bit
(https://github.com/google/gemmlowp/blob/master/fixedpoint/fixedpoint.h).
"""

from __future__ import annotations

import numpy as np

from tinyml.ir.requantize import (
    INT32_MAX,
    INT32_MIN,
    Int64,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from tinyml.ir.tensor import Array

_EXP_MINUS_EIGHTH = 1895147668  # exp(-1/8), Q0
_THIRD = 715827883  # 1/3, Q0
_48_OVER_17, _NEG_32_OVER_17 = 1515870810, -1010580540  # first guess of a Newton-Raphson division, Q2
_ONE_Q2 = 1 << 29
_SQRT_HALF, _FOURTH_ROOT_HALF, _LOG_2 = 1518500250, 1805811301, 1488522236  # 1/2 ** 1/2, 1/2 ** 1/4, ln(2), Q0
# exp(-2**exponent) in Q0
_EXP_STEPS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)


def saturating_shift_left(value: Array, exponent: Array | int) -> Int64:
    """value * 2**exponent, clamped to int32."""
    shifted: Int64 = np.asarray(value, np.int64) << exponent
    return np.minimum(np.maximum(shifted, INT32_MIN), INT32_MAX)


def rounding_half_sum(a: Array, b: int) -> Int64:
    """(a + b) / 2, ties away from zero."""
    total = np.asarray(a, np.int64) + b
    return np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1))


def _exp_on_last_quarter(a: Array) -> Int64:
    """exp(a) for a in [-1/4, 0), Q0 to Q0: a Taylor series around -1/8."""
    mul = saturating_rounding_doubling_high_mul
    x = np.asarray(a, np.int64) + (1 << 28)
    x2 = mul(x, x)
    x3, x4 = mul(x2, x), mul(x2, x2)
    tail = rounding_divide_by_pot(mul(rounding_divide_by_pot(x4, 2) + x3, _THIRD) + x2, 1)
    return _EXP_MINUS_EIGHTH + mul(x + tail, _EXP_MINUS_EIGHTH)


def exp_on_negative_values(a: Array, integer_bits: int) -> Int64:
    """exp(a) in Q0 for a <= 0 in Q<integer_bits>; integer_bits at most 5."""
    value = np.asarray(a, np.int64)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    last_quarter = (value & (quarter - 1)) - quarter
    result = _exp_on_last_quarter(saturating_shift_left(last_quarter, integer_bits))
    remainder = last_quarter - value
    for exponent, factor in _EXP_STEPS:
        if integer_bits > exponent:
            taken = (remainder & (1 << (fraction_bits + exponent))) != 0
            result = np.where(taken, saturating_rounding_doubling_high_mul(result, factor), result)
    return np.where(value == 0, INT32_MAX, result)


def _divide_by(half_denominator: Array) -> Int64:
    """1 / half_denominator in Q2 for Q0 numbers in [1/2, 1): three Newton-Raphson steps."""
    mul = saturating_rounding_doubling_high_mul
    x = _48_OVER_17 + mul(half_denominator, _NEG_32_OVER_17)
    for _ in range(3):
        error = _ONE_Q2 - mul(half_denominator, x)
        x = x + saturating_shift_left(mul(x, error), 2)
    return x


def one_over_one_plus_x(a: Array) -> Int64:
    """1 / (1 + a) for a in [0, 1), Q0 to Q0."""
    return saturating_shift_left(_divide_by(rounding_half_sum(a, INT32_MAX)), 1)


def one_minus_x_over_one_plus_x(a: Array) -> Int64:
    """(1 - a) / (1 + a) for a in [0, 1), Q0 to Q0."""
    return saturating_shift_left(_divide_by(rounding_half_sum(a, INT32_MAX)) - _ONE_Q2, 2)


def reciprocal(value: Array, integer_bits: int) -> tuple[Int64, Int64]:
    """(scale, bits) with 1 / value = scale / 2**31 / 2**bits, for positive value in Q<integer_bits>, below 2**32."""
    positive = np.asarray(value, np.int64)
    headroom = 32 - np.frexp(positive.astype(np.float64))[1].astype(np.int64)
    return one_over_one_plus_x((positive << headroom) - 2**31), integer_bits - headroom


def logistic(a: Array, integer_bits: int) -> Int64:
    """1 / (1 + exp(-a)) in Q0 for a in Q<integer_bits>."""
    value = np.asarray(a, np.int64)
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(value), integer_bits))
    result = np.where(value > 0, positive, INT32_MAX - positive)
    return np.where(value == 0, 1 << 30, result)


def tanh(a: Array, integer_bits: int) -> Int64:
    """tanh(a) in Q0 for a in Q<integer_bits>; integer_bits at most 4."""
    value = np.asarray(a, np.int64)
    # the same bits read with one more integer bit are 2 * a
    positive = one_minus_x_over_one_plus_x(exp_on_negative_values(-np.abs(value), integer_bits + 1))
    return np.where(value == 0, 0, np.where(value < 0, -positive, positive))


def inverse_square_root(value: Array) -> tuple[Int64, Int64]:
    """(root, places) with 1 / sqrt(value) = root / 2**31 / 2**places, for integers in [0, 2**31), 0 as 1; places >= 0.

    Five Newton-Raphson steps in Q3 on the value brought into [1/4, 1) (TFLite's GetInvSqrtQuantizedMultiplierExp).
    """
    mul = saturating_rounding_doubling_high_mul
    given = np.asarray(value, np.int64)
    scaled, places = given.copy(), np.full(given.shape, 11, np.int64)
    while (large := scaled >= 1 << 29).any():
        scaled, places = np.where(large, scaled >> 2, scaled), places + large
    pairs = (31 - np.frexp(scaled.astype(np.float64))[1].astype(np.int64)) // 2 - 1
    places, scaled = places - pairs, scaled << (2 * pairs)
    source = scaled >> 1
    half = rounding_divide_by_pot(source, 1)
    x = np.full(given.shape, 1 << 28, np.int64)
    for _ in range(5):
        cubed = saturating_shift_left(mul(mul(x, x), x), 6)
        x = saturating_shift_left(mul(x, (1 << 28) + (1 << 27)) - mul(half, cubed), 3)
    x = mul(x, _SQRT_HALF)
    x, places = x << np.maximum(-places, 0), np.maximum(places, 0)
    few = given <= 1
    return np.where(few, INT32_MAX, x), np.where(few, 0, places)


def logarithm(value: Array, integer_bits: int, output_bits: int) -> Int64:
    """ln(value) in Q<output_bits> for values of at least 1 in Q<integer_bits>, a wide one as if it were uint32.

    The value is brought near 1 in two ways, and the better one goes through a Pade approximation (TFLite's
    log_x_for_x_greater_than_or_equal_to_1).
    """
    mul = saturating_rounding_doubling_high_mul
    bits = output_bits + 1  # headroom for the sum
    z, quarter = np.asarray(value, np.int64), 1 << (29 - bits)
    first_room = 32 - np.frexp(z.astype(np.float64))[1].astype(np.int64)
    first = saturating_shift_left(mul(saturating_shift_left(z, first_room - 1), _SQRT_HALF), 1)
    first_power = np.minimum(((integer_bits - first_room) << (31 - bits)) + quarter, INT32_MAX)
    half = mul(z, _SQRT_HALF)
    second_room = 31 - np.frexp(half.astype(np.float64))[1].astype(np.int64)
    second = saturating_shift_left(z, second_room)
    second_power = ((integer_bits - second_room) << (31 - bits)) - quarter
    r, power = np.minimum(first, second), np.maximum(first_power, second_power)
    p = rounding_half_sum(r, _FOURTH_ROOT_HALF)
    q = 2 * (r - _FOURTH_ROOT_HALF)
    square = mul(q, q)
    numerator = mul(q, r) + mul(mul(q, square), 117049297)
    denominator = mul(p, 1057819769 + q + mul(square, 127690142)) + mul(q, 638450708)
    scaled = rounding_divide_by_pot(numerator, bits)
    return saturating_shift_left(mul(power, _LOG_2) + mul(scaled, one_over_one_plus_x(denominator)), 1)
