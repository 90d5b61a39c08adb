/* Depthwise convolution with int4 weights, unpacked once for the rows that are asked for: any shape, stride, dilation,
 * padding and depth multiplier. */
#ifndef TML_DEPTHWISE_CONV2D_S4_H
#define TML_DEPTHWISE_CONV2D_S4_H

#include "tml_depthwise_conv2d_s8.h"
#include "tml_int4.h"

/* Output rows [row_begin, row_end). scratch: all weights. */
static inline void tml_depthwise_conv2d_s4(const tml_depthwise_conv2d *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end, void *scratch)
{
    tml_depthwise_conv2d unpacked = *p;
    tml_int4_unpack(p->weights, 0, p->kernel_h * p->kernel_w * p->output.channels, scratch);
    unpacked.weights = scratch;
    tml_depthwise_conv2d_s8(&unpacked, input, output, row_begin, row_end);
}

#endif
