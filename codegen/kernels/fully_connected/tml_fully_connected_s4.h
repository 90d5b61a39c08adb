/* Matrix product with constant int4 weights. */
#ifndef TML_FULLY_CONNECTED_S4_H
#define TML_FULLY_CONNECTED_S4_H

#include "tml_fully_connected.h"
#include "tml_int4.h"

/* One output value from `features` input values. */
static inline int8_t tml_fully_connected_s4_value(const tml_fully_connected *p, const int8_t *input, int32_t channel)
{
    const int32_t dot =
        tml_dot_int4(input, p->input_zero_point, p->weights, channel * p->features, p->features);
    TML_COUNT_MACS(p->features);
    const int32_t sum = tml_add_wrapping(dot, p->bias ? p->bias[channel] : 0);
    return tml_rescale(sum, p->multiplier[channel], p->shift[channel], p->output_zero_point, p->clamp_low,
                       p->clamp_high);
}

/* Output rows [row_begin, row_end). An output of several rows is an image whose rows are those of the input; one of a
 * single row reads the whole input, which then lies in one piece. */
static inline void tml_fully_connected_s4(const tml_fully_connected *p, const int8_t *input, int8_t *output,
                                          int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            for (int32_t c = 0; c < p->output.channels; c++) {
                *out++ = tml_fully_connected_s4_value(p, in + (size_t)column * (size_t)p->features, c);
            }
        }
    }
}

#endif
