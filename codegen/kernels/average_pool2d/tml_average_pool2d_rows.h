/* The end of the average pools of int8 that add rows up. */
#ifndef TML_AVERAGE_POOL2D_ROWS_H
#define TML_AVERAGE_POOL2D_ROWS_H

#include "tml_pool2d.h"

/* Means of the sums; `rows` of the window were added up. */
static inline void tml_average_pool2d_rows_finish(const tml_pool2d *p, const int32_t *sums, int32_t rows,
                                                  int8_t *out)
{
    tml_window window;
    for (int32_t column = 0; column < p->output.width; column++) {
        tml_pool2d_set_columns(&window, p, column);
        const int32_t count = rows * (window.columns.end - window.columns.begin);
        for (int32_t c = 0; c < p->input.channels; c++) {
            *out++ = (int8_t)tml_pool2d_mean(p, *sums++, count);
        }
    }
}

#endif
