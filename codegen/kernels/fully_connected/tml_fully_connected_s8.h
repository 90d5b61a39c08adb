/* Reference matrix product with constant weights. */
#ifndef TML_FULLY_CONNECTED_S8_H
#define TML_FULLY_CONNECTED_S8_H

#include "tml_fully_connected.h"

/* The output value of a sum of products. */
static inline int8_t tml_fully_connected_s8_output(const tml_fully_connected *p, int32_t sum, int32_t channel)
{
    TML_COUNT_MACS(p->features);
    sum = tml_add_wrapping(sum, p->bias ? p->bias[channel] : 0);
    return tml_rescale(sum, p->multiplier[channel], p->shift[channel], p->output_zero_point, p->clamp_low,
                       p->clamp_high);
}

/* The sum of one output value from `features` input values. */
static inline int32_t tml_fully_connected_s8_sum(const tml_fully_connected *p, const int8_t *input, int32_t channel)
{
    const int8_t *weights = p->weights + (size_t)channel * (size_t)p->features;
    int32_t sum = 0;
    for (int32_t i = 0; i < p->features; i++) {
        sum += (input[i] - p->input_zero_point) * (weights[i] - p->weights_zero_point);
    }
    return sum;
}

/* All output values of `features` input values. */
static TML_NOINLINE void tml_fully_connected_s8_pixel(const tml_fully_connected *p, const int8_t *input, int8_t *out)
{
    const int8_t *weights = p->weights;
    int32_t c = 0;
    for (; c + TML_FILTERS <= p->output.channels && p->weights_zero_point == 0; c += TML_FILTERS) {
        int32_t sums[TML_FILTERS] = {0};
        tml_dot_filters(input, p->input_zero_point, weights, p->features, p->features, sums);
        for (int32_t i = 0; i < TML_FILTERS; i++) {
            out[c + i] = tml_fully_connected_s8_output(p, sums[i], c + i);
        }
        weights += TML_FILTERS * p->features;
    }
    for (; c < p->output.channels; c++) {
        out[c] = tml_fully_connected_s8_output(p, tml_fully_connected_s8_sum(p, input, c), c);
    }
}

/* Output rows [row_begin, row_end). An output of several rows is an image whose rows are those of the input; one of a
 * single row reads the whole input, which then lies in one piece. */
static inline void tml_fully_connected_s8(const tml_fully_connected *p, const int8_t *input, int8_t *output,
                                          int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_fully_connected_s8_pixel(p, in + (size_t)column * (size_t)p->features,
                                         out + column * p->output.channels);
        }
    }
}

#endif
