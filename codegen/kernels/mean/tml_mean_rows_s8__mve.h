/* Mean over an image with Helium, adding up rows as they come, 16 channels at a time. */
#ifndef TML_MEAN_ROWS_S8__MVE_H
#define TML_MEAN_ROWS_S8__MVE_H

#include "tml_mean_rows.h"
#include "tml_mve_sums.h"

/* Image rows [row_begin, row_end); the output is written with the last of them. scratch: int32 sums. */
static inline void tml_mean_rows_s8__mve(const tml_mean_rows *p, const int8_t *input, int8_t *output,
                                         int32_t row_begin, int32_t row_end, void *scratch)
{
    int32_t *const sums = scratch;
    const int32_t channels = p->input.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *const in = tml_row(input, &p->input, row);
        for (int32_t c = 0; row == 0 && c < channels; c++) {
            sums[c] = -p->input_zero_point * p->count;
        }
        for (int32_t c = 0; c < channels; c += 16) {
            tml_mve_sum_many(in + c, channels, p->input.width, sums + c);
        }
    }
    if (row_end == p->input.height && row_begin < row_end) {
        tml_mve_rescale(sums, channels, p->multiplier, p->shift, p->output_zero_point, output);
    }
}

#endif
