/* Convolution by a window of one pixel of images one pixel wide, without padding or groups, with the DSP extension: there
 * is no second pixel to share the weights with. */
#ifndef TML_CONV2D_COLUMN_S8__DSP_H
#define TML_CONV2D_COLUMN_S8__DSP_H

#include "tml_dense_fours.h"

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_column_s8__dsp(const tml_dense_fours *p, const int8_t *input, int8_t *output,
                                             int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_dense_fours_pixel(p, tml_row(input, &p->input, row * p->row_stride),
                              tml_row_out(output, &p->output, row));
    }
}

#endif
