/* Sums of further input channels, added to those of others, with the DSP extension. */
#ifndef TML_PARTIAL_CONV2D_S8__DSP_H
#define TML_PARTIAL_CONV2D_S8__DSP_H

#include "tml_partial_conv2d_pairs.h"

/* Output rows [row_begin, row_end). */
static inline void tml_partial_conv2d_s8__dsp(const tml_partial_conv2d_pairs *p, const int8_t *input,
                                              const void *sums, void *output, int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_partial_conv2d_row(p, tml_row(input, &p->input, row), tml_sums(sums, &p->sums, row), p->output.channels,
                               tml_sums_out(output, &p->output, row));
    }
}

#endif
