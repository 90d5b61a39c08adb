/* Division, logarithm and 1 / sqrt in 32-bit fixed point. Twin of tinyml/ir/fixed_point.py: change both or neither.
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

/* (a + b) / 2, halves away from zero. */
static inline int32_t tml_rounding_half_sum(int32_t a, int32_t b)
{
    const int64_t total = (int64_t)a + b;
    return (int32_t)((total >= 0 ? total + 1 : total - 1) / 2);
}

static inline int32_t tml_leading_zeros(int32_t value)
{
    int32_t zeros = 0;
    for (uint32_t bits = (uint32_t)value; bits < (uint32_t)1 << 31 && zeros < 32; bits <<= 1) {
        zeros++;
    }
    return zeros;
}

/* ln(value) in Q<output_bits> for value of at least 1 in Q<integer_bits>: near 1 a Pade approximation, to which the value
 * is brought in two ways, and the better one counts. */
static inline int32_t tml_logarithm(int32_t value, int32_t integer_bits, int32_t output_bits)
{
    const int32_t root_half = 1518500250;
    const int32_t fourth_root = 1805811301; /* of a half */
    const int32_t bits = output_bits + 1;   /* headroom for the sum */
    const int32_t quarter = (int32_t)1 << (29 - bits);
    const int32_t first_room = tml_leading_zeros(value);
    const int32_t first = tml_saturating_shift_left(
        tml_doubling_high_mul(tml_saturating_shift_left(value, first_room - 1), root_half), 1);
    const int32_t first_power = (integer_bits - first_room) * ((int32_t)1 << (31 - bits)) + quarter;
    const int32_t second_room = tml_leading_zeros(tml_doubling_high_mul(value, root_half)) - 1;
    const int32_t second = tml_saturating_shift_left(value, second_room);
    const int32_t second_power = (integer_bits - second_room) * ((int32_t)1 << (31 - bits)) - quarter;
    const int32_t r = first < second ? first : second;
    const int32_t power = first_power > second_power ? first_power : second_power;
    const int32_t p = tml_rounding_half_sum(r, fourth_root);
    const int32_t q = 2 * (r - fourth_root);
    const int32_t square = tml_doubling_high_mul(q, q);
    const int32_t numerator =
        tml_doubling_high_mul(q, r) + tml_doubling_high_mul(tml_doubling_high_mul(q, square), 117049297);
    const int32_t denominator = tml_doubling_high_mul(p, 1057819769 + q + tml_doubling_high_mul(127690142, square)) +
                                tml_doubling_high_mul(638450708, q);
    const int32_t scaled = tml_rounding_shift_right(numerator, bits);
    const int32_t total = tml_doubling_high_mul(power, 1488522236) +
                          tml_doubling_high_mul(scaled, tml_one_over_one_plus_x(denominator));
    return tml_saturating_shift_left(total, 1);
}

/* 1 / sqrt(value) = result / 2**31 / 2**(*places), for value at least 0; 0 counts as 1. Five Newton-Raphson steps in Q3. */
static inline int32_t tml_inverse_square_root(int32_t value, int32_t *places)
{
    *places = 0;
    if (value <= 1) {
        return INT32_MAX;
    }
    int32_t shift = 11;
    while (value >= (int32_t)1 << 29) {
        value /= 4;
        shift++;
    }
    const int32_t pairs = (tml_leading_zeros(value) - 1) / 2 - 1;
    shift -= pairs;
    const int32_t half = tml_rounding_shift_right((value << (2 * pairs)) >> 1, 1);
    int32_t x = (int32_t)1 << 28;
    for (int32_t step = 0; step < 5; step++) {
        const int32_t cubed = tml_saturating_shift_left(tml_doubling_high_mul(tml_doubling_high_mul(x, x), x), 6);
        x = tml_saturating_shift_left(tml_doubling_high_mul(x, 3 * ((int32_t)1 << 27)) - tml_doubling_high_mul(half, cubed),
                                      3);
    }
    x = tml_doubling_high_mul(x, 1518500250); /* sqrt(1 / 2) */
    if (shift < 0) {
        return x * ((int32_t)1 << -shift);
    }
    *places = shift;
    return x;
}

#endif
