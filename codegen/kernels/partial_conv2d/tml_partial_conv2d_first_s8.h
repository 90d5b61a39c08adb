/* Sums of the first input channels, which begin with the bias. */
#ifndef TML_PARTIAL_CONV2D_FIRST_S8_H
#define TML_PARTIAL_CONV2D_FIRST_S8_H

#include "tml_partial_conv2d.h"

/* Output rows [row_begin, row_end). */
static inline void tml_partial_conv2d_first_s8(const tml_partial_conv2d *p, const int8_t *input, void *output,
                                               int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int32_t *out = tml_sums_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_partial_conv2d_pixel(p, in, p->bias, out);
            in += p->input.channels;
            out += p->output.channels;
        }
    }
}

#endif
