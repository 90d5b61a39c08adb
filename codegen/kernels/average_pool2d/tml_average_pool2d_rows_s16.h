/* Average pool of int16 activations to a single output row, adding up image rows as they come: the image is never held. */
#ifndef TML_AVERAGE_POOL2D_ROWS_S16_H
#define TML_AVERAGE_POOL2D_ROWS_S16_H

#include "tml_average_pool2d_rows.h"
#include "tml_wide.h"

static inline void tml_average_pool2d_rows_s16_add(const tml_pool2d *p, const int8_t *row, int32_t *sums)
{
    const tml_s16 *const values = (const tml_s16 *)(const void *)row;
    tml_window window;
    for (int32_t column = 0; column < p->output.width; column++) {
        tml_pool2d_set_columns(&window, p, column);
        const tml_s16 *value = values + window.column_offset;
        for (int32_t kx = window.columns.begin; kx < window.columns.end; kx++) {
            for (int32_t c = 0; c < p->input.channels; c++) {
                sums[c] += *value++;
            }
        }
        sums += p->input.channels;
    }
}

static inline void tml_average_pool2d_rows_s16_end(const tml_pool2d *p, const int32_t *sums, int32_t rows,
                                                   int8_t *out)
{
    tml_s16 *value = (tml_s16 *)(void *)out;
    tml_window window;
    for (int32_t column = 0; column < p->output.width; column++) {
        tml_pool2d_set_columns(&window, p, column);
        const int32_t count = rows * (window.columns.end - window.columns.begin);
        for (int32_t c = 0; c < p->input.channels; c++) {
            *value++ = (int16_t)tml_pool2d_mean(p, *sums++, count);
        }
    }
}

/* Image rows [row_begin, row_end); the output is written with the last of them. scratch: int32 sums. */
static inline void tml_average_pool2d_rows_s16(const tml_pool2d *p, const int8_t *input, int8_t *output,
                                               int32_t row_begin, int32_t row_end, void *scratch)
{
    tml_average_pool2d_rows(p, input, output, row_begin, row_end, scratch, tml_average_pool2d_rows_s16_add,
                            tml_average_pool2d_rows_s16_end);
}

#endif
