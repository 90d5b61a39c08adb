/* Mean that keeps the channels, with Helium, 16 at a time. */
#ifndef TML_MEAN_S8__MVE_H
#define TML_MEAN_S8__MVE_H

#include "tml_mean.h"
#include "tml_mve_sums.h"

/* 16 output values; `first` are the first of the input values they average. */
static TML_NOINLINE void tml_mean_s8__mve_sixteen(const tml_mean *p, const int8_t *first, int8_t *out)
{
    const int32_t *size = p->reduced;
    const int32_t *stride = p->reduced + 3;
    int32_t sums[16];
    for (int32_t c = 0; c < 16; c++) {
        sums[c] = -p->input_zero_point * p->count;
    }
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            tml_mve_sum_many(first + i * stride[0] + j * stride[1], stride[2], size[2], sums);
        }
    }
    tml_mve_rescale(sums, 16, p->multiplier, p->shift, p->output_zero_point, out);
}

/* Output rows [row_begin, row_end). */
static inline void tml_mean_s8__mve(const tml_mean *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                    int32_t row_end)
{
    tml_mean_blocks(p, input, output, row_begin, row_end, 16, tml_mean_s8__mve_sixteen);
}

#endif
