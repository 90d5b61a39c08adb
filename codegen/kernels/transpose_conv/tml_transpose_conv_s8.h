/* Reference transposed convolution: any shape, stride and padding.
 *
 * It gathers: image row y reaches output row r through kernel row ky where y * stride_h + ky == r + pad_top. So every
 * output row is computed by itself and no accumulators need storing.
 */
#ifndef TML_TRANSPOSE_CONV_S8_H
#define TML_TRANSPOSE_CONV_S8_H

#include "tml_transpose_conv.h"

/* Image positions [begin, end) that reach one position of the uncropped result: `begin` through kernel tap `tap`, each
 * next one through the tap one stride before. */
typedef struct {
    int32_t begin;
    int32_t end;
    int32_t tap;
} tml_transpose_conv_reach;

/* Along one side, with `taps` of the kernel and `size` of the image. target: in the uncropped result. */
static inline tml_transpose_conv_reach tml_transpose_conv_reach_of(int32_t target, int32_t taps, int32_t stride,
                                                                   int32_t size)
{
    const int32_t begin = target < taps ? 0 : (target - taps) / stride + 1;
    const tml_transpose_conv_reach reach = {begin, tml_min(target / stride + 1, size), target - begin * stride};
    return reach;
}

/* Sum of products of one output value. slot: where image row rows.begin is held. */
static inline int32_t tml_transpose_conv_s8_sum(const tml_transpose_conv *p, const int8_t *input, int32_t slot,
                                                tml_transpose_conv_reach rows, tml_transpose_conv_reach columns,
                                                const int8_t *filter)
{
    const int32_t depth = p->input.channels;
    int32_t sum = 0;
    for (int32_t y = 0; y < rows.end - rows.begin; y++) {
        const int32_t pixel = slot * p->input.width + columns.begin;
        const int32_t tap = (rows.tap - y * p->stride_h) * p->kernel_w + columns.tap;
        for (int32_t x = 0; x < columns.end - columns.begin; x++) {
            sum += tml_dot(input + (pixel + x) * depth, p->input_zero_point, filter + (tap - x * p->stride_w) * depth,
                           depth);
        }
        slot = slot + 1 < p->input.rows ? slot + 1 : 0;
    }
    return sum;
}

/* All output channels at one position; `out` is their place. */
static inline void tml_transpose_conv_s8_pixel(const tml_transpose_conv *p, const int8_t *input, int32_t slot,
                                               tml_transpose_conv_reach rows, tml_transpose_conv_reach columns,
                                               int8_t *out)
{
    const int32_t filter_size = p->kernel_h * p->kernel_w * p->input.channels;
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int32_t sum = tml_transpose_conv_s8_sum(p, input, slot, rows, columns, p->weights + c * filter_size);
        const int32_t total = tml_add_wrapping(sum, p->bias ? p->bias[c] : 0);
        out[c] = tml_rescale(total, p->multiplier[c], p->shift[c], p->output_zero_point, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_transpose_conv_s8(const tml_transpose_conv *p, const int8_t *input, int8_t *output,
                                         int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const tml_transpose_conv_reach rows =
            tml_transpose_conv_reach_of(row + p->pad_top, p->kernel_h, p->stride_h, p->input.height);
        const int32_t slot = tml_slot(&p->input, rows.begin);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            const tml_transpose_conv_reach columns =
                tml_transpose_conv_reach_of(column + p->pad_left, p->kernel_w, p->stride_w, p->input.width);
            tml_transpose_conv_s8_pixel(p, input, slot, rows, columns, out + column * p->output.channels);
        }
    }
}

#endif
