/* Sums of further input channels, added to those of others. */
#ifndef TML_PARTIAL_CONV2D_S8_H
#define TML_PARTIAL_CONV2D_S8_H

#include "tml_partial_conv2d.h"

/* Output rows [row_begin, row_end). */
static inline void tml_partial_conv2d_s8(const tml_partial_conv2d *p, const int8_t *input, const void *sums,
                                         void *output, int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        const int32_t *start = tml_sums(sums, &p->sums, row);
        int32_t *out = tml_sums_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_partial_conv2d_pixel(p, in, start, out);
            in += p->input.channels;
            start += p->output.channels;
            out += p->output.channels;
        }
    }
}

#endif
