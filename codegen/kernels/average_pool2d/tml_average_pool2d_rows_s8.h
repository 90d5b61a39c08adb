/* Average pool to a single output row, adding up image rows as they come: the image is never held. */
#ifndef TML_AVERAGE_POOL2D_ROWS_S8_H
#define TML_AVERAGE_POOL2D_ROWS_S8_H

#include "tml_pool2d.h"

/* Adds one image row to sums[output.width][channels]. */
static inline void tml_average_pool2d_rows_s8_add(const tml_pool2d *p, const int8_t *row, int32_t *sums)
{
    for (int32_t column = 0; column < p->output.width; column++) {
        const tml_pool2d_window window = tml_pool2d_window_at(p, 0, column);
        for (int32_t x = window.left; x < window.right; x++) {
            const int8_t *pixel = row + x * p->input.channels;
            for (int32_t c = 0; c < p->input.channels; c++) {
                sums[column * p->input.channels + c] += pixel[c];
            }
        }
    }
}

/* Means of the sums, to nearest, ties away from zero. */
static inline void tml_average_pool2d_rows_s8_finish(const tml_pool2d *p, const int32_t *sums, int8_t *out)
{
    for (int32_t column = 0; column < p->output.width; column++) {
        const tml_pool2d_window window = tml_pool2d_window_at(p, 0, column);
        const int32_t count = (window.bottom - window.top) * (window.right - window.left);
        for (int32_t c = 0; c < p->input.channels; c++) {
            const int32_t sum = *sums++;
            const int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
            *out++ = (int8_t)tml_clamp(mean, p->clamp_low, p->clamp_high);
        }
    }
}

/* Image rows [row_begin, row_end); the output is written with the last of them. scratch: int32 sums. */
static inline void tml_average_pool2d_rows_s8(const tml_pool2d *p, const int8_t *input, int8_t *output,
                                              int32_t row_begin, int32_t row_end, void *scratch)
{
    int32_t *const sums = scratch;
    const tml_pool2d_window window = tml_pool2d_window_at(p, 0, 0);
    for (int32_t row = row_begin; row < row_end; row++) {
        if (row == 0) {
            for (int32_t i = 0; i < p->output.width * p->output.channels; i++) {
                sums[i] = 0;
            }
        }
        if (row >= window.top && row < window.bottom) {
            tml_average_pool2d_rows_s8_add(p, tml_row(input, &p->input, row), sums);
        }
        if (row == p->input.height - 1) {
            tml_average_pool2d_rows_s8_finish(p, sums, tml_row_out(output, &p->output, 0));
        }
    }
}

#endif
