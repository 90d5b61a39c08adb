/* Parameters of the depthwise convolutions with Helium on 16 channels at a time. */
#ifndef TML_DEPTHWISE_CONV2D_LANES_H
#define TML_DEPTHWISE_CONV2D_LANES_H

#include "tml_mve_depthwise.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    int32_t halves_away;    /* see tml_mve.h */
    const int8_t *zeros;    /* [channels]: the zero point */
    int32_t taps;           /* in a window: for other windows than 3 x 3, an even number */
    const int8_t *weights;  /* [blocks][taps][16]; the last block of 16 channels ends with the last channel */
    const int32_t *scaling; /* [blocks][4][2][4]: see tml_mve_taps */
} tml_depthwise_conv2d_lanes;

/* The output's zero point in two half words. */
static inline uint32_t tml_depthwise_conv2d_lanes_zero(const tml_depthwise_conv2d_lanes *p)
{
    return (uint32_t)(uint16_t)p->output_zero_point * 0x00010001u;
}

/* A row of the output to the activation's range. */
static inline void tml_depthwise_conv2d_lanes_clamp(const tml_depthwise_conv2d_lanes *p, int8_t *out)
{
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_mve_clamp(out, p->output.width * p->output.channels, p->clamp_low, p->clamp_high);
    }
}

#endif
