/* Parameters of the transpose_conv kernels. */
#ifndef TML_TRANSPOSE_CONV_H
#define TML_TRANSPOSE_CONV_H

#include "tml_accumulator.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;  /* rows cropped at the top of the full result */
    int32_t pad_left; /* columns cropped at its left */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int8_t *weights;     /* [output.channels][kernel_h][kernel_w][input.channels] */
    const int32_t *bias;       /* [output.channels], or NULL */
    const int32_t *multiplier; /* [output.channels], Q31 */
    const int32_t *shift;      /* [output.channels], [-31, 30] */
} tml_transpose_conv;

#endif
