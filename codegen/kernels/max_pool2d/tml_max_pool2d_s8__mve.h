/* Max pool with Helium, 16 channels at a time. */
#ifndef TML_MAX_POOL2D_S8__MVE_H
#define TML_MAX_POOL2D_S8__MVE_H

#include "tml_max_pool2d_taps.h"

static TML_NOINLINE void tml_max_pool2d_s8__mve_taps(const tml_pool2d *p, const int8_t *const *taps, int8_t *out)
{
    const int8_t *first = taps[0];
    const int8_t *second = taps[1];
    const int8_t *third = taps[2];
    const int8_t *fourth = taps[3];
    __asm__ volatile(
        "vdup.8 q2, %[low]\n\t"
        "vdup.8 q3, %[high]\n\t"
        "dlstp.8 lr, %[n]\n"
        "1:\n\t"
        "vldrb.u8 q0, [%[a]], #16\n\t"
        "vldrb.u8 q1, [%[b]], #16\n\t"
        "vmax.s8 q0, q0, q1\n\t"
        "vldrb.u8 q1, [%[c]], #16\n\t"
        "vmax.s8 q0, q0, q1\n\t"
        "vldrb.u8 q1, [%[d]], #16\n\t"
        "vmax.s8 q0, q0, q1\n\t"
        "vmax.s8 q0, q0, q2\n\t"
        "vmin.s8 q0, q0, q3\n\t"
        "vstrb.8 q0, [%[o]], #16\n\t"
        "letp lr, 1b"
        : [a] "+r"(first), [b] "+r"(second), [c] "+r"(third), [d] "+r"(fourth), [o] "+r"(out)
        : [low] "r"(p->clamp_low), [high] "r"(p->clamp_high), [n] "r"(p->output.channels)
        : "lr", "q0", "q1", "q2", "q3", "memory");
}

static inline void tml_max_pool2d_s8__mve_pixel(const tml_pool2d *p, const int8_t *input, const tml_window *window,
                                                int8_t *out)
{
    tml_max_pool2d_pixel(p, input, window, out, tml_max_pool2d_s8__mve_taps);
}

/* Output rows [row_begin, row_end). */
static inline void tml_max_pool2d_s8__mve(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                          int32_t row_end)
{
    tml_pool2d_pixels(p, input, output, row_begin, row_end, tml_max_pool2d_s8__mve_pixel);
}

#endif
