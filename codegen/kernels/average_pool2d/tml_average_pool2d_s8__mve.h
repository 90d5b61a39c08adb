/* Average pool with Helium, 16 channels at a time: windows of up to 256 pixels. */
#ifndef TML_AVERAGE_POOL2D_S8__MVE_H
#define TML_AVERAGE_POOL2D_S8__MVE_H

#include "tml_mve_bytes.h"
#include "tml_mve_sums.h"
#include "tml_pool2d.h"

/* Eight sums to means. (|sum| + count / 2) / count is the product with ceil(2**31 / count), which is less than count too
 * large, over 2**31: exact while |sum| * count is below 2**31. */
#define TML_AVERAGE_POOL2D_EIGHT(sums, out) \
    "vldrh.u16 q0, [" sums "]\n\t" \
    "vabs.s16 q1, q0\n\t" \
    "vadd.i16 q1, q1, %[half]\n\t" \
    "vshllb.u16 q2, q1, #1\n\t" \
    "vshllt.u16 q3, q1, #1\n\t" \
    "vmulh.u32 q2, q2, q4\n\t" \
    "vmulh.u32 q3, q3, q4\n\t" \
    "vmovnb.i32 q1, q2\n\t" \
    "vmovnt.i32 q1, q3\n\t" \
    "vshr.s16 q0, q0, #15\n\t" \
    "veor q1, q1, q0\n\t" \
    "vsub.i16 q1, q1, q0\n\t" \
    "vstrb.16 q1, [" out "]\n\t"

static inline void tml_average_pool2d_s8__mve_store(const int16_t *sums, int32_t count, uint32_t reciprocal, int8_t *out)
{
    __asm__ volatile(
        "vdup.32 q4, %[m]\n\t" TML_AVERAGE_POOL2D_EIGHT("%[s]", "%[o]")
        TML_AVERAGE_POOL2D_EIGHT("%[s], #16", "%[o], #8")
        :
        : [s] "r"(sums), [o] "l"(out), [m] "r"(reciprocal), [half] "r"(count / 2)
        : "q0", "q1", "q2", "q3", "q4", "memory");
}

static TML_NOINLINE void tml_average_pool2d_s8__mve_pixel(const tml_pool2d *p, const int8_t *input,
                                                          const tml_window *window, int8_t *out)
{
    const int32_t columns = window->columns.end - window->columns.begin;
    const int32_t rows = window->rows.end - window->rows.begin;
    const int32_t count = columns * rows;
    const uint32_t reciprocal = (((uint32_t)1 << 31) + (uint32_t)count - 1) / (uint32_t)count;
    const int32_t last = p->input.channels - 16;
    for (int32_t c = 0;; c = tml_min(c + 16, last)) { /* the last 16 overlap those before */
        int16_t sums[16] = {0};
        int32_t row = window->row_offset;
        for (int32_t ky = 0; ky < rows; ky++) {
            tml_mve_sum_pixels(input + row + window->column_offset + c, window->column_step, columns, sums);
            row = tml_window_next_row(window, row);
        }
        tml_average_pool2d_s8__mve_store(sums, count, reciprocal, out + c);
        if (c == last) {
            break;
        }
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_mve_clamp(out, p->output.channels, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_average_pool2d_s8__mve(const tml_pool2d *p, const int8_t *input, int8_t *output,
                                              int32_t row_begin, int32_t row_end)
{
    tml_pool2d_pixels(p, input, output, row_begin, row_end, tml_average_pool2d_s8__mve_pixel);
}

#endif
