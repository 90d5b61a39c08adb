/* A pointwise convolution's sums over some of its input channels: what the partial_conv2d kernels share. */
#ifndef TML_PARTIAL_CONV2D_H
#define TML_PARTIAL_CONV2D_H

#include "tml_accumulator.h"

typedef struct {
    tml_view input;
    tml_view sums;   /* int32, of other input channels; of the kernels that add to them */
    tml_view output; /* int32 */
    int32_t input_zero_point;
    const int8_t *weights; /* [output.channels][input.channels] */
    const int32_t *bias;   /* [output.channels], or NULL; of the kernels that begin */
} tml_partial_conv2d;

/* All sums of one pixel, from `start` on, or from 0 where that is NULL. out may be start. */
static TML_NOINLINE void tml_partial_conv2d_pixel(const tml_partial_conv2d *p, const int8_t *pixel,
                                                  const int32_t *start, int32_t *out)
{
    const int32_t depth = p->input.channels;
    const int8_t *filter = p->weights;
    for (int32_t c = 0; c < p->output.channels; c++) {
        TML_COUNT_MACS(depth);
        out[c] = tml_add_wrapping(start ? start[c] : 0, tml_dot(pixel, p->input_zero_point, filter, depth));
        filter += depth;
    }
}

#endif
