/* Max pool with the DSP extension, four channels at a time. */
#ifndef TML_MAX_POOL2D_S8__DSP_H
#define TML_MAX_POOL2D_S8__DSP_H

#include "tml_dsp_bytes.h"
#include "tml_max_pool2d_taps.h"

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

static inline void tml_max_pool2d_s8__dsp_pixel(const tml_pool2d *p, const int8_t *input, const tml_window *window,
                                                int8_t *out)
{
    tml_max_pool2d_pixel(p, input, window, out, tml_max_pool2d_s8__dsp_taps);
}

/* Output rows [row_begin, row_end). */
static inline void tml_max_pool2d_s8__dsp(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                          int32_t row_end)
{
    tml_pool2d_pixels(p, input, output, row_begin, row_end, tml_max_pool2d_s8__dsp_pixel);
}

#endif
