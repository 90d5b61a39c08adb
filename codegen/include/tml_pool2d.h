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
