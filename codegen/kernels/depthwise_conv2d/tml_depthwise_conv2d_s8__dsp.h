/* Depthwise convolution with the DSP extension: 4 channels or more, strides of 1 or 2 columns, no dilation. */
#ifndef TML_DEPTHWISE_CONV2D_S8__DSP_H
#define TML_DEPTHWISE_CONV2D_S8__DSP_H

#include "tml_depthwise_conv2d_blocks.h"

/* One output row. */
static TML_NOINLINE void tml_depthwise_conv2d_row_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                          int8_t *out, int32_t row)
{
    tml_depthwise_conv2d_rows rows;
    tml_depthwise_conv2d_clear(p, &rows);
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int32_t y = row * p->stride_h - p->pad_top + ky;
        rows.lines[ky] = tml_depthwise_conv2d_zeros(&rows);
        if (y >= 0 && y < p->input.height) {
            rows.lines[ky] = (tml_dsp_line){tml_row(input, &p->input, y), p->input.channels};
        }
    }
    for (int32_t block = 0; block * 4 < p->input.channels; block++) {
        const int32_t channel = tml_min(block * 4, p->input.channels - 4);
        tml_depthwise_conv2d_block_row(p, &rows, block, channel, out + channel);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                int8_t *output, int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_depthwise_conv2d_row_s8__dsp(p, input, tml_row_out(output, &p->output, row), row);
    }
}

#endif
