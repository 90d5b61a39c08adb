/* Reference transposed convolution: any shape, stride and padding.
 *
 * It gathers: image row y reaches output row r through kernel row ky where y * stride_h + ky == r + pad_top. So every
 * output row is computed by itself and no accumulators need storing.
 */
#ifndef TML_TRANSPOSE_CONV_S8_H
#define TML_TRANSPOSE_CONV_S8_H

#include "tml_transpose_conv.h"

/* Position (in [0, size)) whose kernel tap `tap` lands on `target`, or -1 when there is none. */
static inline int32_t tml_transpose_conv_s8_source(int32_t target, int32_t tap, int32_t stride, int32_t size)
{
    const int32_t distance = target - tap;
    if (distance < 0 || distance % stride != 0 || distance / stride >= size) {
        return -1;
    }
    return distance / stride;
}

/* Bias and sum of products of one output value at (row, column) of the uncropped result. */
static inline int32_t tml_transpose_conv_s8_sum(const tml_transpose_conv *p, const int8_t *input, int32_t row,
                                                int32_t column, int32_t out_channel)
{
    const int32_t depth = p->input.channels;
    const int8_t *weights = p->weights + (size_t)out_channel * (size_t)(p->kernel_h * p->kernel_w * depth);
    int32_t sum = 0;
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int32_t y = tml_transpose_conv_s8_source(row, ky, p->stride_h, p->input.height);
        if (y < 0) {
            continue;
        }
        for (int32_t kx = 0; kx < p->kernel_w; kx++) {
            const int32_t x = tml_transpose_conv_s8_source(column, kx, p->stride_w, p->input.width);
            if (x < 0) {
                continue;
            }
            const int8_t *pixel = tml_row(input, &p->input, y) + x * depth;
            const int8_t *tap = weights + (ky * p->kernel_w + kx) * depth;
            for (int32_t c = 0; c < depth; c++) {
                sum += (pixel[c] - p->input_zero_point) * tap[c];
            }
        }
    }
    return tml_add_wrapping(sum, p->bias ? p->bias[out_channel] : 0);
}

/* Output rows [row_begin, row_end). */
static inline void tml_transpose_conv_s8(const tml_transpose_conv *p, const int8_t *input, int8_t *output,
                                         int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            for (int32_t c = 0; c < p->output.channels; c++) {
                const int32_t sum = tml_transpose_conv_s8_sum(p, input, row + p->pad_top, column + p->pad_left, c);
                *out++ = tml_rescale(sum, p->multiplier[c], p->shift[c], p->output_zero_point, p->clamp_low,
                                     p->clamp_high);
            }
        }
    }
}

#endif
