/* Parameters of the mul kernel. */
#ifndef TML_MUL_H
#define TML_MUL_H

#include "tml_accumulator.h"
#include "tml_broadcast.h"

typedef struct {
    tml_view input0;
    tml_view input1;
    tml_view output;
    tml_broadcast broadcast;
    int32_t input0_zero_point;
    int32_t input1_zero_point;
    int32_t output_zero_point;
    int32_t multiplier; /* Q31 */
    int32_t shift;      /* [-31, 30] */
    int32_t clamp_low;
    int32_t clamp_high;
} tml_mul;

#endif
