/* Reference average pool: any window, stride and padding that leaves every window a pixel. */
#ifndef TML_AVERAGE_POOL2D_S8_H
#define TML_AVERAGE_POOL2D_S8_H

#include "tml_pool2d.h"

/* Mean of one channel over the window, to nearest, ties away from zero. */
static inline int32_t tml_average_pool2d_s8_mean(const tml_pool2d *p, const int8_t *input, tml_pool2d_window window,
                                                 int32_t channel)
{
    const int32_t count = (window.bottom - window.top) * (window.right - window.left);
    int32_t sum = 0;
    for (int32_t y = window.top; y < window.bottom; y++) {
        const int8_t *row = tml_row(input, &p->input, y) + channel;
        for (int32_t x = window.left; x < window.right; x++) {
            sum += row[x * p->input.channels];
        }
    }
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* Output rows [row_begin, row_end). */
static inline void tml_average_pool2d_s8(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                         int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            const tml_pool2d_window window = tml_pool2d_window_at(p, row, column);
            for (int32_t c = 0; c < p->output.channels; c++) {
                const int32_t mean = tml_average_pool2d_s8_mean(p, input, window, c);
                *out++ = (int8_t)tml_clamp(mean, p->clamp_low, p->clamp_high);
            }
        }
    }
}

#endif
