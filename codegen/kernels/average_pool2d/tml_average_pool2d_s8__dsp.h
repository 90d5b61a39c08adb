/* Average pool with the DSP extension, four channels at a time: windows of up to 256 pixels. */
#ifndef TML_AVERAGE_POOL2D_S8__DSP_H
#define TML_AVERAGE_POOL2D_S8__DSP_H

#include "tml_copy.h"
#include "tml_dsp_sums.h"
#include "tml_pool2d.h"

/* Sums of four channels over the window. image: those of the pixel under its first column in every row. */
static inline tml_dsp_fours tml_average_pool2d_s8__dsp_four(const int8_t *image, tml_window window)
{
    const int32_t columns = window.columns.end - window.columns.begin;
    tml_dsp_fours fours = {0, 0};
    int32_t row = window.row_offset;
    for (int32_t rows = window.rows.end - window.rows.begin; rows > 0; rows--) {
        fours = tml_dsp_sum_pixels(fours, image + row, window.column_step, columns);
        row = tml_window_next_row(&window, row);
    }
    return fours;
}

static TML_NOINLINE void tml_average_pool2d_s8__dsp_pixel(const tml_pool2d *p, const int8_t *input,
                                                          const tml_window *window, int8_t *out)
{
    const tml_window own = *window; /* in registers: nothing that is written changes it */
    const int32_t count = (own.columns.end - own.columns.begin) * (own.rows.end - own.rows.begin);
    const int32_t last = p->input.channels - 4;
    for (int32_t c = 0;; c = tml_min(c + 4, last)) { /* the last four overlap those before */
        const tml_dsp_fours fours = tml_average_pool2d_s8__dsp_four(input + own.column_offset + c, own);
        out[c] = (int8_t)tml_rounded_mean((int16_t)(fours.even & 0xffff), count);
        out[c + 1] = (int8_t)tml_rounded_mean((int16_t)(fours.odd & 0xffff), count);
        out[c + 2] = (int8_t)tml_rounded_mean(fours.even >> 16, count);
        out[c + 3] = (int8_t)tml_rounded_mean(fours.odd >> 16, count);
        if (c == last) {
            break;
        }
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(out, p->output.channels, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_average_pool2d_s8__dsp(const tml_pool2d *p, const int8_t *input, int8_t *output,
                                              int32_t row_begin, int32_t row_end)
{
    tml_pool2d_pixels(p, input, output, row_begin, row_end, tml_average_pool2d_s8__dsp_pixel);
}

#endif
