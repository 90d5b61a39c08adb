/* int16 activations, of zero point 0: reading, writing, and rescaling of int64 sums. Twin of
 * multiply_wide_by_quantized_multiplier in tinyml/ir/requantize.py: change both or neither.
 */
#ifndef TML_WIDE_H
#define TML_WIDE_H

#include "tml_types.h"

/* The arena holds values of every width. */
#if defined(__GNUC__)
typedef int16_t tml_s16 __attribute__((may_alias));
#else
typedef int16_t tml_s16;
#endif

/* First value of row `row` for reading. */
static inline const tml_s16 *tml_row_s16(const int8_t *base, const tml_view *view, int32_t row)
{
    return (const tml_s16 *)(const void *)tml_row(base, view, row);
}

/* First value of row `row` for writing. */
static inline tml_s16 *tml_row_out_s16(int8_t *base, const tml_view *view, int32_t row)
{
    return (tml_s16 *)(void *)tml_row_out(base, view, row);
}

/* Products of int16 and int8 numbers that an int32 holds the sum of. */
#define TML_WIDE_RUN 256

/* Sum of values[i] * weights[i]. */
static inline int64_t tml_dot_s16(const tml_s16 *values, const int8_t *weights, int32_t count)
{
    int64_t sum = 0;
    while (count > 0) {
        const int32_t run = tml_min(count, TML_WIDE_RUN);
        int32_t part = 0;
        for (int32_t i = 0; i < run; i++) {
            part += values[i] * weights[i];
        }
        sum += part;
        values += run;
        weights += run;
        count -= run;
    }
    return sum;
}

/* How the sums of each channel become outputs. */
typedef struct {
    const int64_t *bias;       /* [channels], or NULL */
    const int16_t *multiplier; /* [channels], Q15 */
    const uint8_t *places;     /* [channels], bits to the right of the product, 8 to 46 */
    int32_t clamp_low;
    int32_t clamp_high;
} tml_wide;

/* The output of a channel's sum, rounded once, halves up. */
static inline int16_t tml_wide_output(const tml_wide *wide, int64_t sum, int32_t channel)
{
    const int64_t total = sum + (wide->bias ? wide->bias[channel] : 0);
    const int64_t half = (int64_t)1 << (wide->places[channel] - 1);
    const int32_t value = (int32_t)((total * wide->multiplier[channel] + half) >> wide->places[channel]);
    return (int16_t)tml_clamp(value, wide->clamp_low, wide->clamp_high);
}

#endif
