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

/* round(a * b / 2**31), halves up, which is TFLite's nudge by sign and truncation; INT32_MIN * INT32_MIN saturates. */
static inline int32_t tml_doubling_high_mul(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;
    if (a == INT32_MIN && b == INT32_MIN) {
        return INT32_MAX;
    }
    return (int32_t)((product + ((int64_t)1 << 30)) >> 31);
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
