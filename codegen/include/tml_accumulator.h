/* From int32 accumulators to int8 outputs. Twin of tinyml/ops/accumulator.py: change both or neither.
 *
 * Sums wrap like the hardware: a bias or a rescaled value near the ends of int32 is no undefined behaviour here.
 */
#ifndef TML_ACCUMULATOR_H
#define TML_ACCUMULATOR_H

#include "tml_requantize.h"

static inline int32_t tml_add_wrapping(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* Row `row` of int32 sums for reading: a kernel's operand, of which rows and stride are as of an int8 activation. */
static inline const int32_t *tml_sums(const void *base, const tml_view *view, int32_t row)
{
    return (const void *)tml_row(base, view, row);
}

/* The same for writing. */
static inline int32_t *tml_sums_out(void *base, const tml_view *view, int32_t row)
{
    return (void *)tml_row_out(base, view, row);
}

/* Sum of (values[i] - zero_point) * weights[i]. */
static inline int32_t tml_dot(const int8_t *values, int32_t zero_point, const int8_t *weights, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += (values[i] - zero_point) * weights[i];
    }
    return sum;
}

/* zero_point + sum * multiplier * 2**(shift - 31), clamped to [low, high], which lies within int8. */
static inline int8_t tml_rescale(int32_t sum, int32_t multiplier, int32_t shift, int32_t zero_point, int32_t low,
                                 int32_t high)
{
    const int32_t value = tml_add_wrapping(tml_requantize(sum, multiplier, shift), zero_point);
    return (int8_t)tml_clamp(value, low, high);
}

#endif
