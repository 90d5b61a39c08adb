/* Mean that keeps the channels, with the DSP extension, four at a time. */
#ifndef TML_MEAN_S8__DSP_H
#define TML_MEAN_S8__DSP_H

#include "tml_dsp_scale.h"
#include "tml_dsp_sums.h"
#include "tml_mean.h"

/* Four output values; `first` are the first of the input values they average. */
static TML_NOINLINE void tml_mean_s8__dsp_four(const tml_mean *p, const int8_t *first, int8_t *out)
{
    const int32_t *size = p->reduced;
    const int32_t *stride = p->reduced + 3;
    const int32_t start = -p->input_zero_point * p->count;
    const tml_dsp_scale scale = tml_dsp_scale_of(p->multiplier, p->shift, p->output_zero_point);
    int32_t sums[4] = {start, start, start, start};
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            tml_dsp_sum_many(first + i * stride[0] + j * stride[1], stride[2], size[2], sums);
        }
    }
    for (int32_t c = 0; c < 4; c++) {
        out[c] = tml_dsp_scaled(scale, sums[c]);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_mean_s8__dsp(const tml_mean *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                    int32_t row_end)
{
    tml_mean_blocks(p, input, output, row_begin, row_end, 4, tml_mean_s8__dsp_four);
}

#endif
