/* Parameters of the average_pool2d and max_pool2d kernels. */
#ifndef TML_POOL2D_H
#define TML_POOL2D_H

#include "tml_types.h"

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

/* The pixels of one window that lie inside the image: rows [top, bottom), columns [left, right). */
typedef struct {
    int32_t top;
    int32_t bottom;
    int32_t left;
    int32_t right;
} tml_pool2d_window;

static inline tml_pool2d_window tml_pool2d_window_at(const tml_pool2d *p, int32_t row, int32_t column)
{
    const int32_t y = row * p->stride_h - p->pad_top;
    const int32_t x = column * p->stride_w - p->pad_left;
    const tml_pool2d_window window = {
        .top = tml_max(y, 0),
        .bottom = tml_min(y + p->kernel_h, p->input.height),
        .left = tml_max(x, 0),
        .right = tml_min(x + p->kernel_w, p->input.width),
    };
    return window;
}

#endif
