/* Parameters of the prelu kernel. */
#ifndef TML_PRELU_H
#define TML_PRELU_H

#include "tml_accumulator.h"
#include "tml_broadcast.h"

typedef struct {
    tml_view input;
    tml_view slope;
    tml_view output;
    tml_broadcast broadcast;
    int32_t input_zero_point;
    int32_t slope_zero_point;
    int32_t output_zero_point;
    int32_t positive_multiplier; /* input at or above its zero point; Q31, shift in [-31, 30], like the next pair */
    int32_t positive_shift;
    int32_t negative_multiplier; /* input times slope below it */
    int32_t negative_shift;
} tml_prelu;

#endif
