/* Depthwise convolution with the DSP extension whose output may be its input, as in
 * tml_depthwise_conv2d_inplace_s8__dsp.h, for 3 x 3 taps. */
#ifndef TML_DEPTHWISE_CONV2D_3X3_INPLACE_S8__DSP_H
#define TML_DEPTHWISE_CONV2D_3X3_INPLACE_S8__DSP_H

#include "tml_depthwise_conv2d_inplace_s8__dsp.h"

/* Output rows [row_begin, row_end), which must be all of them. */
static inline void tml_depthwise_conv2d_3x3_inplace_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                            int8_t *output, int32_t row_begin, int32_t row_end,
                                                            void *scratch)
{
    tml_depthwise_conv2d_inplace_rows(p, input, output, row_begin, row_end, scratch, 1);
}

#endif
