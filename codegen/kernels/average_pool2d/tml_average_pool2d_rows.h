/* Average pools to a single output row that add image rows up as they come: the image is never held. */
#ifndef TML_AVERAGE_POOL2D_ROWS_H
#define TML_AVERAGE_POOL2D_ROWS_H

#include "tml_pool2d.h"

/* Adds one image row to sums[output.width][channels]. */
typedef void tml_average_pool2d_rows_add(const tml_pool2d *p, const int8_t *row, int32_t *sums);

/* Means of the sums; `rows` of the window were added up. */
typedef void tml_average_pool2d_rows_end(const tml_pool2d *p, const int32_t *sums, int32_t rows, int8_t *out);

/* Image rows [row_begin, row_end); the output is written with the last of them. */
static TML_INLINE void tml_average_pool2d_rows(const tml_pool2d *p, const int8_t *input, int8_t *output,
                                               int32_t row_begin, int32_t row_end, int32_t *sums,
                                               tml_average_pool2d_rows_add *add, tml_average_pool2d_rows_end *end)
{
    const int32_t top = tml_max(-p->pad_top, 0);
    const int32_t bottom = tml_min(p->kernel_h - p->pad_top, p->input.height);
    for (int32_t row = row_begin; row < row_end; row++) {
        if (row == 0) {
            for (int32_t i = 0; i < p->output.width * p->output.channels; i++) {
                sums[i] = 0;
            }
        }
        if (row >= top && row < bottom) {
            add(p, tml_row(input, &p->input, row), sums);
        }
        if (row == p->input.height - 1) {
            end(p, sums, bottom - top, output);
        }
    }
}

static inline void tml_average_pool2d_rows_s8_end(const tml_pool2d *p, const int32_t *sums, int32_t rows,
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
