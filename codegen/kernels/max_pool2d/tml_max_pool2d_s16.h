/* Max pool of int16 activations: any window, stride and padding. */
#ifndef TML_MAX_POOL2D_S16_H
#define TML_MAX_POOL2D_S16_H

#include "tml_pool2d.h"
#include "tml_wide.h"

/* Greatest value of one channel in the window; the least int16 when it lies wholly in the padding. channel: of the pixel
 * under the window's first column in every row. */
static inline int32_t tml_max_pool2d_s16_greatest(const int8_t *input, int32_t channel, const tml_window *window)
{
    const int32_t columns = window->columns.end - window->columns.begin;
    int32_t row = window->row_offset;
    int32_t greatest = INT16_MIN;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const tml_s16 *pixels = (const tml_s16 *)(const void *)(input + row) + channel;
        for (int32_t kx = 0; kx < columns; kx++) {
            greatest = tml_max(greatest, pixels[kx * window->column_step]);
        }
        row = tml_window_next_row(window, row);
    }
    return greatest;
}

/* Output rows [row_begin, row_end). */
static inline void tml_max_pool2d_s16(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                      int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        tml_window window;
        tml_pool2d_set_rows(&window, p, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_pool2d_set_columns(&window, p, column);
            for (int32_t c = 0; c < p->output.channels; c++) {
                const int32_t greatest = tml_max_pool2d_s16_greatest(input, window.column_offset + c, &window);
                *out++ = (int16_t)tml_clamp(greatest, p->clamp_low, p->clamp_high);
            }
        }
    }
}

#endif
