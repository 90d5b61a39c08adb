/* Parameters of the mean kernels. */
#ifndef TML_MEAN_H
#define TML_MEAN_H

#include "tml_accumulator.h"

typedef struct {
    tml_view input;
    tml_view output;
    const int32_t *kept;    /* [3] sizes of the axes one output row runs over, outermost first, then [3] strides */
    const int32_t *reduced; /* [3] sizes of the axes averaged over, then [3] strides; in input values */
    int32_t row_stride;     /* input values between output rows; 0: output rows are input rows */
    int32_t count;          /* product of the reduced sizes */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t multiplier; /* Q31, 1 / count included */
    int32_t shift;      /* [-31, 30] */
} tml_mean;

/* Neighbouring channels of the output; `first` are the first of the input values that they average. */
typedef void tml_mean_block(const tml_mean *p, const int8_t *first, int8_t *out);

/* Output rows [row_begin, row_end) of a mean that keeps the innermost axis, `lanes` channels or more. */
static TML_INLINE void tml_mean_blocks(const tml_mean *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                       int32_t row_end, int32_t lanes, tml_mean_block *block)
{
    const int32_t *size = p->kept;
    const int32_t *stride = p->kept + 3;
    const int32_t last = size[2] - lanes; /* the last block overlaps the one before */
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = p->row_stride ? input + row * p->row_stride : tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t i = 0; i < size[0]; i++) {
            for (int32_t j = 0; j < size[1]; j++) {
                const int8_t *const line = in + i * stride[0] + j * stride[1];
                for (int32_t c = 0; c < last; c += lanes) {
                    block(p, line + c, out + c);
                }
                block(p, line + last, out + last);
                out += size[2];
            }
        }
    }
}

#endif
