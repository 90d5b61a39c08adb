/* Average pool with the DSP extension, four channels at a time: windows of up to 256 pixels. */
#ifndef TML_AVERAGE_POOL2D_S8__DSP_H
#define TML_AVERAGE_POOL2D_S8__DSP_H

#include "tml_dsp_sums.h"
#include "tml_pool2d.h"

/* Means of four channels over the window. image: those of the pixel under its first column in every row. */
static inline void tml_average_pool2d_s8__dsp_four(const tml_pool2d *p, const int8_t *image, const tml_window *window,
                                                   int32_t count, int8_t *out)
{
    const int32_t columns = window->columns.end - window->columns.begin;
    int32_t row = window->row_offset;
    tml_dsp_fours fours = {0, 0};
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        fours = tml_dsp_sum_pixels(fours, image + row, window->column_step, columns);
        row = tml_window_next_row(window, row);
    }
    out[0] = (int8_t)tml_pool2d_mean(p, (int16_t)(fours.even & 0xffff), count);
    out[1] = (int8_t)tml_pool2d_mean(p, (int16_t)(fours.odd & 0xffff), count);
    out[2] = (int8_t)tml_pool2d_mean(p, fours.even >> 16, count);
    out[3] = (int8_t)tml_pool2d_mean(p, fours.odd >> 16, count);
}

static TML_NOINLINE void tml_average_pool2d_s8__dsp_pixel(const tml_pool2d *p, const int8_t *input,
                                                          const tml_window *window, int8_t *out)
{
    const int8_t *const image = input + window->column_offset;
    const int32_t count =
        (window->columns.end - window->columns.begin) * (window->rows.end - window->rows.begin);
    const int32_t last = p->input.channels - 4; /* the last four overlap those before */
    for (int32_t c = 0; c < last; c += 4) {
        tml_average_pool2d_s8__dsp_four(p, image + c, window, count, out + c);
    }
    tml_average_pool2d_s8__dsp_four(p, image + last, window, count, out + last);
}

/* Output rows [row_begin, row_end). */
static inline void tml_average_pool2d_s8__dsp(const tml_pool2d *p, const int8_t *input, int8_t *output,
                                              int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_window window;
        tml_pool2d_set_rows(&window, p, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_pool2d_set_columns(&window, p, column);
            tml_average_pool2d_s8__dsp_pixel(p, input, &window, out);
            out += p->output.channels;
        }
    }
}

#endif
