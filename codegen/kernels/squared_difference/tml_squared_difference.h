/* Parameters of the squared_difference kernel. */
#ifndef TML_SQUARED_DIFFERENCE_H
#define TML_SQUARED_DIFFERENCE_H

#include "tml_accumulator.h"
#include "tml_broadcast.h"

typedef struct {
    tml_view input0;
    tml_view input1;
    tml_view output;
    tml_broadcast broadcast;
    int32_t input0_zero_point;
    int32_t input0_multiplier; /* to twice the larger scale of the two; Q31, like all multipliers */
    int32_t input0_shift;      /* at most 0, like all shifts here */
    int32_t input1_zero_point;
    int32_t input1_multiplier;
    int32_t input1_shift;
    int32_t output_zero_point;
    int32_t output_multiplier;
    int32_t output_shift;
} tml_squared_difference;

#endif
