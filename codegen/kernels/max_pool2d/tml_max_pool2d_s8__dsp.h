/* Max pool with the DSP extension, four channels at a time. */
#ifndef TML_MAX_POOL2D_S8__DSP_H
#define TML_MAX_POOL2D_S8__DSP_H

#include "tml_copy.h"
#include "tml_dsp_bytes.h"
#include "tml_pool2d.h"

#define TML_MAX_POOL2D_TAPS 4

/* Greatest values of the pixels at `taps`, clamped; out may be one of them. */
static TML_NOINLINE void tml_max_pool2d_s8__dsp_taps(const tml_pool2d *p, const int8_t *const *taps, int8_t *out)
{
    const int8_t *const first = taps[0];
    const int8_t *const second = taps[1];
    const int8_t *const third = taps[2];
    const int8_t *const fourth = taps[3];
    const int32_t low = (int32_t)((uint32_t)(p->clamp_low & 0xff) * 0x01010101u);
    const int32_t high = (int32_t)((uint32_t)(p->clamp_high & 0xff) * 0x01010101u);
    const int32_t last = p->input.channels - 4;
    for (int32_t c = 0;; c = tml_min(c + 4, last)) { /* the last four overlap those before */
        int32_t four = tml_dsp_max_bytes(tml_dsp_word(first + c), tml_dsp_word(second + c));
        four = tml_dsp_max_bytes(four, tml_dsp_word(third + c));
        four = tml_dsp_max_bytes(four, tml_dsp_word(fourth + c));
        tml_dsp_put(out + c, tml_dsp_min_bytes(tml_dsp_max_bytes(four, low), high));
        if (c == last) {
            return;
        }
    }
}

/* All channels of a window, four taps at a time; what they give is a tap of the next. */
static TML_NOINLINE void tml_max_pool2d_s8__dsp_pixel(const tml_pool2d *p, const int8_t *input,
                                                      const tml_window *window, int8_t *out)
{
    const int8_t *taps[TML_MAX_POOL2D_TAPS];
    int32_t count = 0;
    int32_t row = window->row_offset;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const int8_t *pixel = input + row + window->column_offset;
        for (int32_t kx = window->columns.begin; kx < window->columns.end; kx++) {
            if (count == TML_MAX_POOL2D_TAPS) {
                tml_max_pool2d_s8__dsp_taps(p, taps, out);
                taps[0] = out;
                count = 1;
            }
            taps[count++] = pixel;
            pixel += window->column_step;
        }
        row = tml_window_next_row(window, row);
    }
    if (count == 0) {
        tml_fill(out, p->clamp_low, p->output.channels);
        return;
    }
    while (count < TML_MAX_POOL2D_TAPS) {
        taps[count++] = taps[0];
    }
    tml_max_pool2d_s8__dsp_taps(p, taps, out);
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
