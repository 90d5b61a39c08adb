/* Matrix product of int16 activations with constant weights. */
#ifndef TML_FULLY_CONNECTED_S16_H
#define TML_FULLY_CONNECTED_S16_H

#include "tml_wide.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t features;      /* values each output value is a sum over */
    const int8_t *weights; /* [output.channels][features] */
    tml_wide wide;
} tml_fully_connected_wide;

/* All output values that read the `features` input values at `in`. */
static TML_NOINLINE void tml_fully_connected_s16_pixel(const tml_fully_connected_wide *p, const tml_s16 *in,
                                                       tml_s16 *out)
{
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int8_t *weights = p->weights + (size_t)c * (size_t)p->features;
        TML_COUNT_MACS(p->features);
        out[c] = tml_wide_output(&p->wide, tml_dot_s16(in, weights, p->features), c);
    }
}

/* Output rows [row_begin, row_end). An output of several rows is an image whose rows are those of the input; one of a
 * single row reads the whole input, which then lies in one piece. */
static inline void tml_fully_connected_s16(const tml_fully_connected_wide *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const tml_s16 *in = tml_row_s16(input, &p->input, row);
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_fully_connected_s16_pixel(p, in + column * p->features, out + column * p->output.channels);
        }
    }
}

#endif
