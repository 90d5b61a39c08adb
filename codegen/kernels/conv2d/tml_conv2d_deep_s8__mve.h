/* Convolution by a window of one pixel with Helium, for any number of channels: scratch for the image's last pixels. */
#ifndef TML_CONV2D_DEEP_S8__MVE_H
#define TML_CONV2D_DEEP_S8__MVE_H

#include "tml_conv2d_pointwise_s8__mve.h"

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_deep_s8__mve(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end, void *scratch)
{
    tml_conv2d_pointwise_rows(p, input, output, row_begin, row_end, scratch);
}

#endif
