/* Fixed-point rescaling of int32 accumulators. Twin of tinyml/ir/requantize.py: change both or neither.
 *
 * Source: TensorFlow Lite's MultiplyByQuantizedMultiplier with double rounding, as TensorFlow Lite Micro builds it.
 */
#ifndef TML_REQUANTIZE_H
#define TML_REQUANTIZE_H

#include "tml_types.h"

/* value * 2**exponent, wrapping like the hardware; exponent in [0, 31]. */
static inline int32_t tml_shift_left(int32_t value, int32_t exponent)
{
    return (int32_t)((uint32_t)value << exponent);
}

/* floor(a * b / 2**31 + 1/2), not for INT32_MIN * INT32_MIN. */
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
/* Without a long multiplication, in halves: a library's product of 64 bits takes three times as long. */
static inline int32_t tml_rounded_high_mul(int32_t a, int32_t b)
{
    const uint32_t low_a = (uint32_t)a & 0xFFFFu;
    const uint32_t low_b = (uint32_t)b & 0xFFFFu;
    const int32_t high_a = a >> 16;
    const int32_t high_b = b >> 16;
    const int32_t middle = high_a * (int32_t)low_b + (int32_t)(low_a * low_b >> 16);
    const int32_t other = (int32_t)low_a * high_b + (middle & 0xFFFF);
    const uint32_t high = (uint32_t)(high_a * high_b + (middle >> 16) + (other >> 16)); /* of the product's 64 bits */
    return (int32_t)(2u * high + ((((uint32_t)other & 0xFFFFu) >> 14) + 1u) / 2u);
}
#else
static inline int32_t tml_rounded_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}
#endif

/* round(a * b / 2**31), halves up, which is TFLite's nudge by sign and truncation; INT32_MIN * INT32_MIN saturates. */
static inline int32_t tml_doubling_high_mul(int32_t a, int32_t b)
{
    return a == INT32_MIN && b == INT32_MIN ? INT32_MAX : tml_rounded_high_mul(a, b);
}

/* value / 2**exponent to nearest, ties away from zero; exponent in [0, 31]. */
static inline int32_t tml_rounding_shift_right(int32_t value, int32_t exponent)
{
    const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1U);
    const int32_t remainder = value & mask;
    const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> exponent) + (remainder > threshold ? 1 : 0);
}

/* value * multiplier * 2**(shift - 31), rounded twice; shift in [-31, 30]. */
static inline int32_t tml_requantize(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = left - shift;
    return tml_rounding_shift_right(tml_doubling_high_mul(tml_shift_left(value, left), multiplier), right);
}

#endif
