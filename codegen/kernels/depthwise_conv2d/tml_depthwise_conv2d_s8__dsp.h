/* Depthwise convolution with the DSP extension: 4 channels or more, strides of 1 or 2 columns, no dilation. */
#ifndef TML_DEPTHWISE_CONV2D_S8__DSP_H
#define TML_DEPTHWISE_CONV2D_S8__DSP_H

#include "tml_depthwise_conv2d_blocks.h"

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                int8_t *output, int32_t row_begin, int32_t row_end)
{
    const int32_t last = p->input.channels - 4;
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t block = 0; block * 4 < p->input.channels; block++) {
            const int32_t channel = tml_min(block * 4, last);
            const tml_depthwise_conv2d_source source = {.image = input + channel, .kept = NULL, .row = 0};
            tml_depthwise_conv2d_block_row(p, &source, block, row, out + channel);
        }
    }
}

#endif
