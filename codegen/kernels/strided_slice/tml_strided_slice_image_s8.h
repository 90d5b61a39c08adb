/* A slice of an image that is an image: each output row comes from one input row. */
#ifndef TML_STRIDED_SLICE_IMAGE_S8_H
#define TML_STRIDED_SLICE_IMAGE_S8_H

#include "tml_strided_slice.h"

/* Output rows [row_begin, row_end). */
static inline void tml_strided_slice_image_s8(const tml_strided_slice *p, const int8_t *input, int8_t *output,
                                              int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, p->top + row * p->stride_h);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            const int8_t *pixel = in + (p->left + column * p->stride_w) * p->input.channels;
            for (int32_t c = 0; c < p->output.channels; c++) {
                *out++ = pixel[p->front + c * p->stride_c];
            }
        }
    }
}

#endif
