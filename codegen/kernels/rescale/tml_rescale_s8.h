/* int8 values of int32 sums, channel by channel. */
#ifndef TML_RESCALE_S8_H
#define TML_RESCALE_S8_H

#include "tml_accumulator.h"

typedef struct {
    tml_view input; /* int32 */
    tml_view output;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int32_t *multiplier; /* [output.channels], Q31 */
    const int32_t *shift;      /* [output.channels], [-31, 30] */
} tml_rescale_channels;

/* All channels of one pixel. */
static TML_NOINLINE void tml_rescale_s8_pixel(const tml_rescale_channels *p, const int32_t *sums, int8_t *out)
{
    for (int32_t c = 0; c < p->output.channels; c++) {
        out[c] = tml_rescale(sums[c], p->multiplier[c], p->shift[c], p->output_zero_point, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_rescale_s8(const tml_rescale_channels *p, const void *input, int8_t *output, int32_t row_begin,
                                  int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int32_t *in = tml_sums(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_rescale_s8_pixel(p, in + column * p->input.channels, out + column * p->output.channels);
        }
    }
}

#endif
