/* Parameters of the average_pool2d and max_pool2d kernels. */
#ifndef TML_POOL2D_H
#define TML_POOL2D_H

#include "tml_window.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t clamp_low;
    int32_t clamp_high;
} tml_pool2d;

static inline void tml_pool2d_set_rows(tml_window *window, const tml_pool2d *p, int32_t row)
{
    tml_window_set_rows(window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, 1);
}

static inline void tml_pool2d_set_columns(tml_window *window, const tml_pool2d *p, int32_t column)
{
    tml_window_set_columns(window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w, 1);
}

/* All channels of one output pixel. */
typedef void tml_pool2d_pixel(const tml_pool2d *p, const int8_t *input, const tml_window *window, int8_t *out);

/* Output rows [row_begin, row_end). */
static TML_INLINE void tml_pool2d_pixels(const tml_pool2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                         int32_t row_end, tml_pool2d_pixel *pixel)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_window window;
        tml_pool2d_set_rows(&window, p, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_pool2d_set_columns(&window, p, column);
            pixel(p, input, &window, out);
            out += p->output.channels;
        }
    }
}

/* sum / count to nearest, ties away from zero. */
static inline int32_t tml_rounded_mean(int32_t sum, int32_t count)
{
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* The same, clamped. */
static inline int32_t tml_pool2d_mean(const tml_pool2d *p, int32_t sum, int32_t count)
{
    return tml_clamp(tml_rounded_mean(sum, count), p->clamp_low, p->clamp_high);
}

#endif
