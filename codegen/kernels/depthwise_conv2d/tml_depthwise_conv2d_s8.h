/* Reference depthwise convolution: any shape, stride, dilation, padding and depth multiplier. */
#ifndef TML_DEPTHWISE_CONV2D_S8_H
#define TML_DEPTHWISE_CONV2D_S8_H

#include "tml_depthwise_conv2d.h"
#include "tml_window.h"

/* Sum of products of one output value. image: its channel of the pixel under the window's first column in every row;
 * filter: its channel of the first weight that lies inside the image. */
static inline int32_t tml_depthwise_conv2d_s8_sum(const tml_depthwise_conv2d *p, const int8_t *image,
                                                  const int8_t *filter, const tml_window *window)
{
    const int32_t taps = window->columns.end - window->columns.begin;
    const int32_t weight_step = p->output.channels;
    int32_t row = window->row_offset;
    int32_t sum = 0;
    for (int32_t ky = 0; ky < window->rows.end - window->rows.begin; ky++) {
        const int8_t *pixels = image + row;
        const int8_t *weights = filter + ky * p->kernel_w * weight_step;
        for (int32_t kx = 0; kx < taps; kx++) {
            sum += (pixels[kx * window->column_step] - p->input_zero_point) * weights[kx * weight_step];
        }
        row = tml_window_next_row(window, row);
    }
    return sum;
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_s8(const tml_depthwise_conv2d *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_window window;
        tml_window_set_rows(&window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_window_set_columns(&window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w,
                                   p->dilation_w);
            const int32_t first = window.rows.begin * p->kernel_w + window.columns.begin;
            const int8_t *image = input + window.column_offset;
            const int8_t *filter = p->weights + first * p->output.channels;
            for (int32_t c = 0; c < p->output.channels; c++) {
                const int8_t *channel = image + c / p->depth_multiplier;
                const int32_t sum = tml_depthwise_conv2d_s8_sum(p, channel, filter + c, &window);
                *out++ = tml_depthwise_conv2d_output(p, sum, c);
            }
        }
    }
}

#endif
