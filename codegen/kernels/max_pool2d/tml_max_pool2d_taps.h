/* Max pool by functions that take four taps of a window at a time. */
#ifndef TML_MAX_POOL2D_TAPS_H
#define TML_MAX_POOL2D_TAPS_H

#include "tml_copy.h"
#include "tml_pool2d.h"

#define TML_MAX_POOL2D_TAPS 4

/* Greatest values of the pixels at `taps`, clamped; out may be one of them. */
typedef void tml_max_pool2d_taps(const tml_pool2d *p, const int8_t *const *taps, int8_t *out);

/* All channels of a window: what some taps give is a tap of the next ones. */
static TML_INLINE void tml_max_pool2d_pixel(const tml_pool2d *p, const int8_t *input, const tml_window *window, int8_t *out,
                                            tml_max_pool2d_taps *greatest)
{
    const int8_t *taps[TML_MAX_POOL2D_TAPS];
    int32_t count = 0;
    int32_t row = window->row_offset;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const int8_t *pixel = input + row + window->column_offset;
        for (int32_t kx = window->columns.begin; kx < window->columns.end; kx++) {
            if (count == TML_MAX_POOL2D_TAPS) {
                greatest(p, taps, out);
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
    greatest(p, taps, out);
}

#endif
