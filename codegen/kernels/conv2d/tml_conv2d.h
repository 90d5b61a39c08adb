/* Parameters of the conv2d kernels. */
#ifndef TML_CONV2D_H
#define TML_CONV2D_H

#include "tml_accumulator.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t groups;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int8_t *weights;     /* [output.channels][kernel_h][kernel_w][input.channels / groups] */
    const int32_t *bias;       /* [output.channels], or NULL */
    const int32_t *multiplier; /* [output.channels], Q31 */
    const int32_t *shift;      /* [output.channels], [-31, 30] */
} tml_conv2d;

/* The output value of a sum of products of channel `channel`. */
static inline int8_t tml_conv2d_output(const tml_conv2d *p, int32_t sum, int32_t channel)
{
    TML_COUNT_MACS(p->kernel_h * p->kernel_w * p->input.channels / p->groups);
    const int32_t total = tml_add_wrapping(sum, p->bias ? p->bias[channel] : 0);
    return tml_rescale(total, p->multiplier[channel], p->shift[channel], p->output_zero_point, p->clamp_low,
                       p->clamp_high);
}

/* The same for TML_FILTERS channels from `channel` on. */
static inline void tml_conv2d_outputs(const tml_conv2d *p, const int32_t *sums, int32_t channel, int8_t *out)
{
    for (int32_t i = 0; i < TML_FILTERS; i++) {
        out[channel + i] = tml_conv2d_output(p, sums[i], channel + i);
    }
}

#endif
