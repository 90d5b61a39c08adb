/* Mean over the rows, or the rows and columns, of an image, adding up rows as they come: the image is never held. */
#ifndef TML_MEAN_ROWS_S8_H
#define TML_MEAN_ROWS_S8_H

#include "tml_mean_rows.h"

/* Adds one image row to sums[columns][channels]. */
static inline void tml_mean_rows_s8_add(const tml_mean_rows *p, const int8_t *row, int32_t *sums)
{
    for (int32_t x = 0; x < p->input.width; x++) {
        int32_t *sum = sums + (p->columns > 1 ? x * p->input.channels : 0);
        for (int32_t c = 0; c < p->input.channels; c++) {
            sum[c] += *row++;
        }
    }
}

/* Image rows [row_begin, row_end); the output is written with the last of them. scratch: int32 sums. */
static inline void tml_mean_rows_s8(const tml_mean_rows *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                    int32_t row_end, void *scratch)
{
    int32_t *const sums = scratch;
    const int32_t size = p->columns * p->input.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        for (int32_t i = 0; row == 0 && i < size; i++) {
            sums[i] = -p->input_zero_point * p->count;
        }
        tml_mean_rows_s8_add(p, tml_row(input, &p->input, row), sums);
        for (int32_t i = 0; row == p->input.height - 1 && i < size; i++) {
            output[i] = tml_rescale(sums[i], p->multiplier, p->shift, p->output_zero_point, INT8_MIN, INT8_MAX);
        }
    }
}

#endif
