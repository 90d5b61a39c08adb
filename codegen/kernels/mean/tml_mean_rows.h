/* Parameters of the mean kernels that add rows up. */
#ifndef TML_MEAN_ROWS_H
#define TML_MEAN_ROWS_H

#include "tml_accumulator.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t columns; /* that stay apart: input.width, or 1 when columns are averaged too */
    int32_t count;   /* values in each mean */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t multiplier; /* Q31, 1 / count included */
    int32_t shift;      /* [-31, 30] */
} tml_mean_rows;

#endif
