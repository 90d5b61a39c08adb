/* Depthwise convolution with the DSP extension: 4 channels or more, strides of 1 or 2 columns, no dilation,
 * windows of other than 3 x 3 taps. */
#ifndef TML_DEPTHWISE_CONV2D_S8__DSP_H
#define TML_DEPTHWISE_CONV2D_S8__DSP_H

#include "tml_depthwise_conv2d_blocks.h"

/* What lies under output columns from `column` on of one row. */
static inline void tml_depthwise_conv2d_window_at(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                  int32_t row, int32_t column, tml_depthwise_conv2d_window *window)
{
    tml_depthwise_conv2d_window_set(p, column, 0, window);
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int32_t y = row * p->stride_h - p->pad_top + ky;
        if (y >= 0 && y < p->input.height) {
            const int8_t *at = tml_row(input, &p->input, y) + window->first * p->input.channels;
            window->rows[ky] = (tml_dsp_line){at, p->input.channels};
        }
    }
}

/* Those output columns, of windows of 3 x 3 taps and of others: models link what they need. */
static TML_NOINLINE void tml_depthwise_conv2d_part_3x3(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                       int8_t *out, int32_t row, int32_t column, int32_t stride)
{
    tml_depthwise_conv2d_window window;
    tml_depthwise_conv2d_window_at(p, input, row, column, &window);
    tml_depthwise_conv2d_3x3(p, &window, 0, (p->input.channels + 3) / 4, out, stride);
}

static TML_NOINLINE void tml_depthwise_conv2d_part_any(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                       int8_t *out, int32_t row, int32_t column)
{
    tml_depthwise_conv2d_window window;
    tml_depthwise_conv2d_window_at(p, input, row, column, &window);
    tml_depthwise_conv2d_any(p, &window, 0, (p->input.channels + 3) / 4, out);
}

static inline void tml_depthwise_conv2d_block_rows(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                   int8_t *output, int32_t row_begin, int32_t row_end, int32_t three)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column += TML_DSP_COLUMNS) {
            int8_t *const at = out + column * p->output.channels;
            if (three > 0) {
                tml_depthwise_conv2d_part_3x3(p, input, at, row, column, three);
            } else {
                tml_depthwise_conv2d_part_any(p, input, at, row, column);
            }
        }
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                int8_t *output, int32_t row_begin, int32_t row_end)
{
    tml_depthwise_conv2d_block_rows(p, input, output, row_begin, row_end, 0);
}

#endif
