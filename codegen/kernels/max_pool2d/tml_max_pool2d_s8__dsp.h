/* Max pool with the DSP extension, four channels at a time. */
#ifndef TML_MAX_POOL2D_S8__DSP_H
#define TML_MAX_POOL2D_S8__DSP_H

#include "tml_dsp_bytes.h"
#include "tml_pool2d.h"

/* Greatest values of four channels in the window, if above `low`. image: those of the pixel under its first column in
 * every row. */
static inline int32_t tml_max_pool2d_s8__dsp_four(const int8_t *image, const tml_window *window, int32_t low)
{
    const int32_t columns = window->columns.end - window->columns.begin;
    int32_t row = window->row_offset;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const int8_t *pixel = image + row;
        if (columns & 1) {
            low = tml_dsp_max_bytes(low, tml_dsp_word(pixel));
            pixel += window->column_step;
        }
        for (int32_t pairs = columns >> 1; pairs > 0; pairs--) {
            low = tml_dsp_max_bytes(low, tml_dsp_word(pixel));
            low = tml_dsp_max_bytes(low, tml_dsp_word(pixel + window->column_step));
            pixel += 2 * window->column_step;
        }
        row = tml_window_next_row(window, row);
    }
    return low;
}

static TML_NOINLINE void tml_max_pool2d_s8__dsp_pixel(const tml_pool2d *p, const int8_t *input,
                                                      const tml_window *window, int8_t *out)
{
    const int8_t *const image = input + window->column_offset;
    const int32_t low = (int32_t)((uint32_t)(p->clamp_low & 0xff) * 0x01010101u);
    const int32_t high = (int32_t)((uint32_t)(p->clamp_high & 0xff) * 0x01010101u);
    const int32_t last = p->input.channels - 4; /* the last four overlap those before */
    for (int32_t c = 0; c < last; c += 4) {
        tml_dsp_put(out + c, tml_dsp_min_bytes(tml_max_pool2d_s8__dsp_four(image + c, window, low), high));
    }
    tml_dsp_put(out + last, tml_dsp_min_bytes(tml_max_pool2d_s8__dsp_four(image + last, window, low), high));
}

/* Output rows [row_begin, row_end). */
static inline void tml_max_pool2d_s8__dsp(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                          int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_window window;
        tml_pool2d_set_rows(&window, p, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_pool2d_set_columns(&window, p, column);
            tml_max_pool2d_s8__dsp_pixel(p, input, &window, out);
            out += p->output.channels;
        }
    }
}

#endif
