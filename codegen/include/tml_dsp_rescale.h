/* From sums of products of a pair of filters to int8, in 6 instructions a value.
 *
 * TFLite rounds twice: x = round(sum * multiplier / 2**31), halves up, then round(x / 2**shift), halves away from zero.
 * The second is (x - (x < 0) + 2**(shift - 1)) >> shift, and x < 0 where sum < 0 (where x is 0 for such a sum, the
 * result is the same). So the half and the output's zero point are one constant that SMMLAR adds to the first product,
 * the sign of the sum corrects it, and one shift ends it. codegen/kernels/dsp.py accepts only shifts in [1, 22] and sums
 * below 2**30, for which nothing overflows, and proves it from weights and bias.
 */
#ifndef TML_DSP_RESCALE_H
#define TML_DSP_RESCALE_H

#include "tml_dsp.h"

/* Of one filter: multiplier in Q31, shift to the right, and (2 * zero_point + 1) << (shift - 1). */
typedef struct {
    int32_t multiplier;
    int32_t shift;
    int32_t offset;
} tml_dsp_scale;

static inline tml_dsp_scale tml_dsp_scale_of(int32_t multiplier, int32_t shift, int32_t output_zero_point)
{
    const tml_dsp_scale scale = {
        .multiplier = multiplier,
        .shift = shift,
        .offset = tml_dsp_shift_left(2 * output_zero_point + 1, shift) >> 1,
    };
    return scale;
}

/* doubled: twice the sum, bias included. */
static inline int8_t tml_dsp_rescale(int32_t doubled, tml_dsp_scale scale)
{
    const int32_t offset = scale.offset + (doubled >> 31);
    const int32_t value = tml_dsp_multiply(doubled, scale.multiplier, offset);
    return (int8_t)tml_dsp_saturate(tml_dsp_shift_right(value, scale.shift));
}

/* Clamps `count` values, where an activation leaves less than int8. */
static inline void tml_dsp_clamp(int8_t *values, int32_t count, int32_t low, int32_t high)
{
    if (low > INT8_MIN || high < INT8_MAX) {
        for (int32_t i = 0; i < count; i++) {
            values[i] = (int8_t)tml_clamp(values[i], low, high);
        }
    }
}

#endif
