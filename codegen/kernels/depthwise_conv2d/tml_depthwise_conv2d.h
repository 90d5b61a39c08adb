/* Parameters of the depthwise_conv2d kernels. */
#ifndef TML_DEPTHWISE_CONV2D_H
#define TML_DEPTHWISE_CONV2D_H

#include "tml_accumulator.h"

/* Output values whose sums are kept side by side: 4 bytes of stack each. */
#define TML_DEPTHWISE_CONV2D_BLOCK 16

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
    int32_t depth_multiplier; /* output.channels / input.channels: output channel o reads input channel o / this */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int8_t *weights;     /* [kernel_h][kernel_w][output.channels] */
    const int32_t *bias;       /* [output.channels], or NULL */
    const int32_t *multiplier; /* [output.channels], Q31 */
    const int32_t *shift;      /* [output.channels], [-31, 30] */
} tml_depthwise_conv2d;

/* The output value of a sum of products, bias not yet added. */
static inline int8_t tml_depthwise_conv2d_output(const tml_depthwise_conv2d *p, int32_t sum, int32_t channel)
{
    TML_COUNT_MACS(p->kernel_h * p->kernel_w);
    const int32_t total = tml_add_wrapping(sum, p->bias ? p->bias[channel] : 0);
    return tml_rescale(total, p->multiplier[channel], p->shift[channel], p->output_zero_point, p->clamp_low,
                       p->clamp_high);
}

#endif
