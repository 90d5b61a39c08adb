/* Reference resize_bilinear: 10-bit positions (TFLite ResizeBilinearInteger). Twin of tinyml/ops/resize_bilinear.py. */
#ifndef TML_RESIZE_BILINEAR_S8_H
#define TML_RESIZE_BILINEAR_S8_H

#include "tml_resize_bilinear.h"

#define TML_RESIZE_ONE 1024

/* The two pixels that a position lies between and the weight of `high`, of 1024; below 0 before the first pixel. */
typedef struct {
    int32_t low;
    int32_t high;
    int32_t fraction;
} tml_resize_tap;

static inline tml_resize_tap tml_resize_bilinear_tap(int32_t position, int32_t size)
{
    tml_resize_tap tap;
    tap.low = tml_max(position, 0) / TML_RESIZE_ONE;
    tap.high = tml_min(tml_max(position + TML_RESIZE_ONE - 1, 0) / TML_RESIZE_ONE, size - 1);
    tap.fraction = position - tap.low * TML_RESIZE_ONE;
    return tap;
}

/* low + (high - low) * fraction, times 1024. */
static inline int32_t tml_resize_bilinear_mix(int32_t low, int32_t high, int32_t fraction)
{
    return low * (TML_RESIZE_ONE - fraction) + high * fraction;
}

/* value / 2**20, half away from zero; |value| is below 2**28 as weights lie in [-512, 1536] and sum to 1024. */
static inline int8_t tml_resize_bilinear_round(int32_t value)
{
    const int32_t half = 1 << 19;
    return (int8_t)((value + (value > 0 ? half : -half)) / (1 << 20));
}

/* Output rows [row_begin, row_end). */
static inline void tml_resize_bilinear_s8(const tml_resize_bilinear *p, const int8_t *input, int8_t *output,
                                          int32_t row_begin, int32_t row_end)
{
    const int32_t depth = p->output.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        const tml_resize_tap y = tml_resize_bilinear_tap(row * p->scale_h + p->offset_h, p->input.height);
        const int8_t *above = tml_row(input, &p->input, y.low);
        const int8_t *below = tml_row(input, &p->input, y.high);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            const tml_resize_tap x = tml_resize_bilinear_tap(column * p->scale_w + p->offset_w, p->input.width);
            for (int32_t c = 0; c < depth; c++) {
                const int32_t left = x.low * depth + c;
                const int32_t right = x.high * depth + c;
                const int32_t top = tml_resize_bilinear_mix(above[left], above[right], x.fraction);
                const int32_t bottom = tml_resize_bilinear_mix(below[left], below[right], x.fraction);
                *out++ = tml_resize_bilinear_round(tml_resize_bilinear_mix(top, bottom, y.fraction));
            }
        }
    }
}

#endif
