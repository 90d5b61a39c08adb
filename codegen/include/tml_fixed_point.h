/* Division in 32-bit fixed point. Twin of tinyml/ir/fixed_point.py: change both or neither.
 *
 * Q0: real = raw / 2**31. Source: gemmlowp's fixed-point functions, as TensorFlow Lite Micro uses them.
 */
#ifndef TML_FIXED_POINT_H
#define TML_FIXED_POINT_H

#include "tml_requantize.h"

/* value * 2**exponent, clamped to int32; exponent in [0, 30]. */
static inline int32_t tml_saturating_shift_left(int32_t value, int32_t exponent)
{
    const int32_t high = INT32_MAX >> exponent;
    const int32_t low = -high - 1;
    if (value > high) {
        return INT32_MAX;
    }
    return value < low ? INT32_MIN : value * ((int32_t)1 << exponent);
}

/* 1 / (1 + a) for a in [0, 1), Q0 to Q0: Newton-Raphson in Q2 on (1 + a) / 2. */
static inline int32_t tml_one_over_one_plus_x(int32_t a)
{
    const int32_t half_denominator = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
    int32_t x = 1515870810 + tml_doubling_high_mul(half_denominator, -1010580540); /* 48/17 - 32/17 d */
    for (int32_t step = 0; step < 3; step++) {
        const int32_t error = ((int32_t)1 << 29) - tml_doubling_high_mul(half_denominator, x);
        x += tml_saturating_shift_left(tml_doubling_high_mul(x, error), 2);
    }
    return tml_saturating_shift_left(x, 1);
}

/* 1 / value = result / 2**31 / 2**(*bits), for value = raw / 2**(31 - integer_bits) above 0. */
static inline int32_t tml_reciprocal(uint32_t value, int32_t integer_bits, int32_t *bits)
{
    *bits = integer_bits;
    while (value < (uint32_t)1 << 31) {
        value <<= 1;
        *bits -= 1;
    }
    return tml_one_over_one_plus_x((int32_t)(value - ((uint32_t)1 << 31)));
}

#endif
