/* Reference max pool: any window, stride and padding. */
#ifndef TML_MAX_POOL2D_S8_H
#define TML_MAX_POOL2D_S8_H

#include "tml_pool2d.h"

/* Greatest value of one channel in the window; -128 when it lies wholly in the padding. */
static inline int32_t tml_max_pool2d_s8_greatest(const tml_pool2d *p, const int8_t *input, tml_pool2d_window window,
                                                 int32_t channel)
{
    int32_t greatest = INT8_MIN;
    for (int32_t y = window.top; y < window.bottom; y++) {
        const int8_t *row = tml_row(input, &p->input, y) + channel;
        for (int32_t x = window.left; x < window.right; x++) {
            greatest = tml_max(greatest, row[x * p->input.channels]);
        }
    }
    return greatest;
}

/* Output rows [row_begin, row_end). */
static inline void tml_max_pool2d_s8(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                     int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            const tml_pool2d_window window = tml_pool2d_window_at(p, row, column);
            for (int32_t c = 0; c < p->output.channels; c++) {
                const int32_t greatest = tml_max_pool2d_s8_greatest(p, input, window, c);
                *out++ = (int8_t)tml_clamp(greatest, p->clamp_low, p->clamp_high);
            }
        }
    }
}

#endif
