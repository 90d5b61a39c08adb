/* Reference convolution: any shape, stride, dilation, padding and number of groups. */
#ifndef TML_CONV2D_S8_H
#define TML_CONV2D_S8_H

#include "tml_conv2d.h"

/* Sum of products of one output value; (top, left) is the image position of its first tap, outside taps are skipped. */
static inline int32_t tml_conv2d_s8_sum(const tml_conv2d *p, const int8_t *input, int32_t top, int32_t left,
                                        int32_t out_channel)
{
    const int32_t depth = p->input.channels / p->groups;
    const int32_t group = out_channel / (p->output.channels / p->groups);
    const int8_t *weights = p->weights + (size_t)out_channel * (size_t)(p->kernel_h * p->kernel_w * depth);
    int32_t sum = 0;
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int32_t y = top + ky * p->dilation_h;
        if (y < 0 || y >= p->input.height) {
            continue;
        }
        const int8_t *row = tml_row(input, &p->input, y);
        for (int32_t kx = 0; kx < p->kernel_w; kx++) {
            const int32_t x = left + kx * p->dilation_w;
            if (x < 0 || x >= p->input.width) {
                continue;
            }
            const int8_t *pixel = row + x * p->input.channels + group * depth;
            const int8_t *tap = weights + (ky * p->kernel_w + kx) * depth;
            for (int32_t c = 0; c < depth; c++) {
                sum += (pixel[c] - p->input_zero_point) * tap[c];
            }
        }
    }
    return sum;
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_s8(const tml_conv2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                 int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            for (int32_t c = 0; c < p->output.channels; c++) {
                const int32_t sum = tml_conv2d_s8_sum(p, input, row * p->stride_h - p->pad_top,
                                                      column * p->stride_w - p->pad_left, c);
                *out++ = tml_conv2d_output(p, sum, c);
            }
        }
    }
}

#endif
