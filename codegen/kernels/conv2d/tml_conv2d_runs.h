/* What a window covers of a filter. */
#ifndef TML_CONV2D_RUNS_H
#define TML_CONV2D_RUNS_H

#include "tml_window.h"

/* Taps that lie side by side in the image's memory, too, are one run. */
typedef struct {
    int32_t first;  /* weight of the first tap that lies inside the image */
    int32_t count;  /* runs in a row of taps */
    int32_t length; /* weights in a run */
    int32_t step;   /* weights from one row of taps to the next */
    int32_t filter; /* weights in a filter */
} tml_conv2d_runs;

/* depth: weights of a tap.   joined: whether neighbouring taps are neighbours in the image's memory. */
static inline tml_conv2d_runs tml_conv2d_runs_of(const tml_window *window, int32_t kernel_h, int32_t kernel_w,
                                                 int32_t depth, int32_t joined)
{
    const int32_t taps = window->columns.end - window->columns.begin;
    const tml_conv2d_runs runs = {
        .first = (window->rows.begin * kernel_w + window->columns.begin) * depth,
        .count = joined ? 1 : taps,
        .length = joined ? taps * depth : depth,
        .step = kernel_w * depth,
        .filter = kernel_h * kernel_w * depth,
    };
    return runs;
}

#endif
