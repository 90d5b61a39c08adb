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

/* Filters that a value is loaded once for: as many as the registers of small cores hold the sums of. */
#define TML_FILTERS 4

/* Adds the products of one run of values with the same run of TML_FILTERS filters, which lie `stride` apart. */
static inline void tml_dot_filters(const int8_t *values, int32_t zero_point, const int8_t *weights, int32_t stride,
                                   int32_t count, int32_t *sums)
{
    const int8_t *first = weights + count;
    const int8_t *second = first + stride;
    const int8_t *third = second + stride;
    const int8_t *fourth = third + stride;
    int32_t sum_1 = sums[0];
    int32_t sum_2 = sums[1];
    int32_t sum_3 = sums[2];
    int32_t sum_4 = sums[3];
    values += count;
    for (int32_t i = -count; i != 0; i++) { /* from the ends: one index for all, and no bound to hold */
        const int32_t value = values[i] - zero_point;
        sum_1 += value * first[i];
        sum_2 += value * second[i];
        sum_3 += value * third[i];
        sum_4 += value * fourth[i];
    }
    sums[0] = sum_1;
    sums[1] = sum_2;
    sums[2] = sum_3;
    sums[3] = sum_4;
}

/* zero_point + sum * multiplier * 2**(shift - 31), clamped to [low, high], which lies within int8. */
static inline int8_t tml_rescale(int32_t sum, int32_t multiplier, int32_t shift, int32_t zero_point, int32_t low,
                                 int32_t high)
{
    const int32_t value = tml_add_wrapping(tml_requantize(sum, multiplier, shift), zero_point);
    return (int8_t)tml_clamp(value, low, high);
}

#endif
