/* Rescaling one sum with the DSP extension, as tml_dsp.h does: shifts to the right in [1, 22], sums below 2**30. */
#ifndef TML_DSP_SCALE_H
#define TML_DSP_SCALE_H

#include "tml_dsp.h"

typedef struct {
    int32_t multiplier; /* Q31 */
    int32_t shift;      /* to the right */
    int32_t offset;     /* half of the last place, and the zero point */
} tml_dsp_scale;

/* shift: to the left, below 0. */
static inline tml_dsp_scale tml_dsp_scale_of(int32_t multiplier, int32_t shift, int32_t zero_point)
{
    return (tml_dsp_scale){multiplier, -shift, (2 * zero_point + 1) * (1 << (-shift - 1))};
}

static inline int8_t tml_dsp_scaled(tml_dsp_scale scale, int32_t sum)
{
    const int32_t value = tml_dsp_multiply(2 * sum, scale.multiplier, scale.offset + (sum >> 31));
    return (int8_t)tml_dsp_saturate(tml_dsp_shift_right(value, scale.shift));
}

#endif
