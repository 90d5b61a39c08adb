/* Depthwise convolution of a column of pixels by a column of taps, without padding, with the DSP extension: the time
 * series of a multiple of 4 channels. */
#ifndef TML_DEPTHWISE_CONV2D_COLUMN_S8__DSP_H
#define TML_DEPTHWISE_CONV2D_COLUMN_S8__DSP_H

#include "tml_depthwise_conv2d_blocks.h"
#include "tml_dsp_column.h"

/* Taps at most. */
#define TML_DEPTHWISE_CONV2D_COLUMN_TAPS 32

/* One output row. */
static TML_NOINLINE void tml_depthwise_conv2d_column_pixel(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                           int8_t *out, int32_t row)
{
    const int8_t *rows[TML_DEPTHWISE_CONV2D_COLUMN_TAPS];
    const int32_t even = (p->kernel_h + 1) & ~1;
    for (int32_t ky = 0; ky < even; ky++) {
        rows[ky] = tml_row(input, &p->input, row * p->stride_h + tml_min(ky, p->kernel_h - 1));
    }
    tml_dsp_column column = {
        .rows = rows,
        .rows_end = rows + even,
        .channel = 0,
        .channel_end = p->input.channels,
        .weights = p->weights,
        .scaling = p->scaling,
        .out = out,
        .zero = 2 * p->output_zero_point + 1,
    };
    tml_dsp_filter_column(&column);
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(out, p->output.channels, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_column_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                       int8_t *output, int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_depthwise_conv2d_column_pixel(p, input, tml_row_out(output, &p->output, row), row);
    }
}

#endif
