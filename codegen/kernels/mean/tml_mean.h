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

#endif
