/* Mean of int16 activations over the rows, or the rows and columns, of an image, adding up rows as they come. */
#ifndef TML_MEAN_ROWS_S16_H
#define TML_MEAN_ROWS_S16_H

#include "tml_mean_rows.h"
#include "tml_wide.h"

/* Adds one image row to sums[columns][channels]. */
static inline void tml_mean_rows_s16_add(const tml_mean_rows *p, const tml_s16 *row, int32_t *sums)
{
    for (int32_t x = 0; x < p->input.width; x++) {
        int32_t *sum = sums + (p->columns > 1 ? x * p->input.channels : 0);
        for (int32_t c = 0; c < p->input.channels; c++) {
            sum[c] += *row++;
        }
    }
}

/* Image rows [row_begin, row_end); the output is written with the last of them. scratch: int32 sums. */
static inline void tml_mean_rows_s16(const tml_mean_rows *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                     int32_t row_end, void *scratch)
{
    int32_t *const sums = scratch;
    tml_s16 *const out = tml_row_out_s16(output, &p->output, 0);
    const int32_t size = p->columns * p->input.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        for (int32_t i = 0; row == 0 && i < size; i++) {
            sums[i] = 0;
        }
        tml_mean_rows_s16_add(p, tml_row_s16(input, &p->input, row), sums);
        for (int32_t i = 0; row == p->input.height - 1 && i < size; i++) {
            out[i] = (int16_t)tml_clamp(tml_requantize(sums[i], p->multiplier, p->shift), INT16_MIN, INT16_MAX);
        }
    }
}

#endif
