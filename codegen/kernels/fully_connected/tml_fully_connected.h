/* Parameters of the fully_connected kernels. */
#ifndef TML_FULLY_CONNECTED_H
#define TML_FULLY_CONNECTED_H

#include "tml_accumulator.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t features; /* values each output value is a sum over */
    int32_t weights_zero_point;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int8_t *weights;     /* [output.channels][features] */
    const int32_t *bias;       /* [output.channels], or NULL */
    const int32_t *multiplier; /* [output.channels], Q31 */
    const int32_t *shift;      /* [output.channels], [-31, 30] */
} tml_fully_connected;

#endif
