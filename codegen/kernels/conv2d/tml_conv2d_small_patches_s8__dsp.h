/* Convolution of any small window, stride and padding with the DSP extension; patches on the stack. */
#ifndef TML_CONV2D_SMALL_PATCHES_S8__DSP_H
#define TML_CONV2D_SMALL_PATCHES_S8__DSP_H

#include "tml_conv2d_patches.h"

#define TML_CONV2D_SMALL_PATCHES_WORDS 64

/* Output rows [row_begin, row_end). */
static TML_NOINLINE void tml_conv2d_small_patches_rows(const tml_conv2d_patches *p, const int8_t *input,
                                                       int8_t *output, int32_t row_begin, int32_t row_end)
{
    int32_t patches[TML_CONV2D_SMALL_PATCHES_WORDS];
    tml_conv2d_patches_rows(p, input, output, row_begin, row_end, patches);
}

static inline void tml_conv2d_small_patches_s8__dsp(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                                    int32_t row_begin, int32_t row_end)
{
    tml_conv2d_small_patches_rows(p, input, output, row_begin, row_end);
}

#endif
