/* Reference average pool: any window, stride and padding that leaves every window a pixel. */
#ifndef TML_AVERAGE_POOL2D_S8_H
#define TML_AVERAGE_POOL2D_S8_H

#include "tml_pool2d.h"

/* Mean of one channel over the window. image: the channel of the pixel under its first column in every row. */
static inline int8_t tml_average_pool2d_s8_value(const tml_pool2d *p, const int8_t *image, const tml_window *window)
{
    const int32_t columns = window->columns.end - window->columns.begin;
    int32_t row = window->row_offset;
    int32_t sum = 0;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const int8_t *pixels = image + row;
        for (int32_t kx = 0; kx < columns; kx++) {
            sum += pixels[kx * window->column_step];
        }
        row = tml_window_next_row(window, row);
    }
    return (int8_t)tml_pool2d_mean(p, sum, columns * (window->rows.end - window->rows.begin));
}

static inline void tml_average_pool2d_s8_pixel(const tml_pool2d *p, const int8_t *input, const tml_window *window,
                                               int8_t *out)
{
    for (int32_t c = 0; c < p->output.channels; c++) {
        out[c] = tml_average_pool2d_s8_value(p, input + window->column_offset + c, window);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_average_pool2d_s8(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                         int32_t row_end)
{
    tml_pool2d_pixels(p, input, output, row_begin, row_end, tml_average_pool2d_s8_pixel);
}

#endif
