/* Convolution of any window, stride and padding with the DSP extension; patches in scratch. */
#ifndef TML_CONV2D_PATCHES_S8__DSP_H
#define TML_CONV2D_PATCHES_S8__DSP_H

#include "tml_conv2d_patches.h"

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_patches_s8__dsp(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                              int32_t row_begin, int32_t row_end, void *scratch)
{
    int32_t *const patches = scratch;
    if (p->pointwise) {
        tml_conv2d_pixels_rows(p, input, output, row_begin, row_end, patches);
    } else {
        tml_conv2d_patches_rows(p, input, output, row_begin, row_end, patches, (int8_t *)(patches + 4 * p->groups));
    }
}

#endif
