/* Reference max pool: any window, stride and padding. */
#ifndef TML_MAX_POOL2D_S8_H
#define TML_MAX_POOL2D_S8_H

#include "tml_pool2d.h"

/* Greatest value of one channel in the window; -128 when it lies wholly in the padding. image: the channel of the pixel
 * under the window's first column in every row. */
static inline int32_t tml_max_pool2d_s8_greatest(const int8_t *image, const tml_window *window)
{
    const int32_t columns = window->columns.end - window->columns.begin;
    int32_t row = window->row_offset;
    int32_t greatest = INT8_MIN;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const int8_t *pixels = image + row;
        for (int32_t kx = 0; kx < columns; kx++) {
            greatest = tml_max(greatest, pixels[kx * window->column_step]);
        }
        row = tml_window_next_row(window, row);
    }
    return greatest;
}

static inline void tml_max_pool2d_s8_pixel(const tml_pool2d *p, const int8_t *input, const tml_window *window,
                                           int8_t *out)
{
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int32_t greatest = tml_max_pool2d_s8_greatest(input + window->column_offset + c, window);
        out[c] = (int8_t)tml_clamp(greatest, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_max_pool2d_s8(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                     int32_t row_end)
{
    tml_pool2d_pixels(p, input, output, row_begin, row_end, tml_max_pool2d_s8_pixel);
}

#endif
