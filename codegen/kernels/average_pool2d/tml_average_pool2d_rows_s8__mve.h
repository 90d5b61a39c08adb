/* Average pool to a single output row with Helium, adding up image rows as they come, 16 channels at a time. */
#ifndef TML_AVERAGE_POOL2D_ROWS_S8__MVE_H
#define TML_AVERAGE_POOL2D_ROWS_S8__MVE_H

#include "tml_average_pool2d_rows.h"
#include "tml_mve_sums.h"

static inline void tml_average_pool2d_rows_s8__mve_add(const tml_pool2d *p, const int8_t *row, int32_t *sums)
{
    tml_window window;
    for (int32_t column = 0; column < p->output.width; column++) {
        tml_pool2d_set_columns(&window, p, column);
        for (int32_t c = 0; c < p->input.channels; c += 16) {
            tml_mve_sum_many(row + window.column_offset + c, window.column_step,
                             window.columns.end - window.columns.begin, sums + c);
        }
        sums += p->input.channels;
    }
}

/* Image rows [row_begin, row_end); the output is written with the last of them. scratch: int32 sums. */
static inline void tml_average_pool2d_rows_s8__mve(const tml_pool2d *p, const int8_t *input, int8_t *output,
                                                   int32_t row_begin, int32_t row_end, void *scratch)
{
    tml_average_pool2d_rows(p, input, output, row_begin, row_end, scratch, tml_average_pool2d_rows_s8__mve_add,
                            tml_average_pool2d_rows_s8_end);
}

#endif
