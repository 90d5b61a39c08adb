/* Average pool of int16 activations: any window, stride and padding that leaves every window a pixel. */
#ifndef TML_AVERAGE_POOL2D_S16_H
#define TML_AVERAGE_POOL2D_S16_H

#include "tml_pool2d.h"
#include "tml_wide.h"

/* Mean of one channel over the window. channel: of the pixel under its first column in every row. */
static inline int16_t tml_average_pool2d_s16_value(const tml_pool2d *p, const int8_t *input, int32_t channel,
                                                   const tml_window *window)
{
    const int32_t columns = window->columns.end - window->columns.begin;
    int32_t row = window->row_offset;
    int32_t sum = 0;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const tml_s16 *pixels = (const tml_s16 *)(const void *)(input + row) + channel;
        for (int32_t kx = 0; kx < columns; kx++) {
            sum += pixels[kx * window->column_step];
        }
        row = tml_window_next_row(window, row);
    }
    return (int16_t)tml_pool2d_mean(p, sum, columns * (window->rows.end - window->rows.begin));
}

/* Output rows [row_begin, row_end). */
static inline void tml_average_pool2d_s16(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                          int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        tml_window window;
        tml_pool2d_set_rows(&window, p, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_pool2d_set_columns(&window, p, column);
            for (int32_t c = 0; c < p->output.channels; c++) {
                *out++ = tml_average_pool2d_s16_value(p, input, window.column_offset + c, &window);
            }
        }
    }
}

#endif
