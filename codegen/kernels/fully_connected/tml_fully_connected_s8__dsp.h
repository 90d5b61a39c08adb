/* Matrix product with constant weights with the DSP extension: 4 features or more. */
#ifndef TML_FULLY_CONNECTED_S8__DSP_H
#define TML_FULLY_CONNECTED_S8__DSP_H

#include "tml_dense_fours.h"

/* Output rows [row_begin, row_end). An output of several rows is an image whose rows are those of the input; one of a
 * single row reads the whole input, which then lies in one piece. */
static inline void tml_fully_connected_s8__dsp(const tml_dense_fours *p, const int8_t *input, int8_t *output,
                                               int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_dense_fours_pixel(p, in + column * p->features, out + column * p->output.channels);
        }
    }
}

#endif
