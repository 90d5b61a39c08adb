/* Convolution by a window of one pixel, without padding or groups; any stride. */
#ifndef TML_CONV2D_POINTWISE_S8_H
#define TML_CONV2D_POINTWISE_S8_H

#include "tml_conv2d.h"

/* All output channels of one pixel. */
static TML_NOINLINE void tml_conv2d_pointwise_s8_pixel(const tml_conv2d *p, const int8_t *pixel, int8_t *out)
{
    const int32_t depth = p->input.channels;
    const int8_t *filter = p->weights;
    int32_t c = 0;
    for (; c + TML_FILTERS <= p->output.channels; c += TML_FILTERS) {
        int32_t sums[TML_FILTERS] = {0};
        tml_dot_filters(pixel, p->input_zero_point, filter, depth, depth, sums);
        tml_conv2d_outputs(p, sums, c, out);
        filter += TML_FILTERS * depth;
    }
    for (; c < p->output.channels; c++) {
        out[c] = tml_conv2d_output(p, tml_dot(pixel, p->input_zero_point, filter, depth), c);
        filter += depth;
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_pointwise_s8(const tml_conv2d *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end)
{
    const int32_t step = p->stride_w * p->input.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row * p->stride_h);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_conv2d_pointwise_s8_pixel(p, in + column * step, out + column * p->output.channels);
        }
    }
}

#endif
