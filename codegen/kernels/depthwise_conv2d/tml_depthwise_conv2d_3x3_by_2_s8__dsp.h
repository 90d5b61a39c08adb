/* Depthwise convolution with the DSP extension, as in tml_depthwise_conv2d_s8__dsp.h, for 3 x 3 taps and stride 2 along
 * rows. */
#ifndef TML_DEPTHWISE_CONV2D_3X3_BY_2_S8__DSP_H
#define TML_DEPTHWISE_CONV2D_3X3_BY_2_S8__DSP_H

#include "tml_depthwise_conv2d_s8__dsp.h"

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_3x3_by_2_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                         int8_t *output, int32_t row_begin, int32_t row_end)
{
    tml_depthwise_conv2d_block_rows(p, input, output, row_begin, row_end, 2);
}

#endif
